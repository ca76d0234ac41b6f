//! Synthetic trades in JSON: several symbols, prices that walk, sizes, ids and times. No two are alike.

use std::fmt::Write;

/// Symbols with their price in hundredths.
const SYMBOLS: [(&str, u64); 8] = [
    ("BTCUSDT", 6_712_345),
    ("ETHUSDT", 345_678),
    ("SOLUSDT", 17_123),
    ("XRPUSDT", 5321),
    ("BNBUSDT", 58_840),
    ("ADAUSDT", 4475),
    ("DOGEUSDT", 1618),
    ("AVAXUSDT", 3699),
];

/// A market. The same seed gives the same trades.
pub(crate) struct Market {
    state: u64,
    prices: [u64; SYMBOLS.len()],
    id: u64,
    time: u64,
}

impl Market {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed ^ 0x9E37_79B9_7F4A_7C15,
            prices: SYMBOLS.map(|(_, price)| price),
            id: 3_684_218_000,
            time: 1_718_000_000_000,
        }
    }

    /// A message of about `len` bytes: one trade if it is short, else a list of trades.
    pub(crate) fn message(&mut self, len: usize) -> String {
        let mut message = String::new();
        if len < 128 {
            self.push_short(&mut message);
            return message;
        }
        message.push_str(r#"{"stream":"trades","data":["#);
        loop {
            self.push_long(&mut message);
            if message.len() + 100 > len {
                message.push_str("]}");
                return message;
            }
            message.push(',');
        }
    }

    /// About 64 bytes.
    fn push_short(&mut self, to: &mut String) {
        let (symbol, price, size) = self.trade();
        let (whole, part) = (price / 100, price % 100);
        let time = self.time;

        write!(to, r#"{{"s":"{symbol}","p":"{whole}.{part:02}","q":"{size}","t":{time}}}"#)
            .expect("a string takes everything");
    }

    /// About 110 bytes.
    fn push_long(&mut self, to: &mut String) {
        let (symbol, price, size) = self.trade();
        let (whole, part) = (price / 100, price % 100);
        let (id, time, is_sale) = (self.id, self.time, self.random(2) == 0);
        write!(
            to,
            r#"{{"symbol":"{symbol}","id":{id},"price":"{whole}.{part:02}","size":"{size}","time":{time},"sale":{is_sale}}}"#
        )
        .expect("a string takes everything");
    }

    /// The next trade: symbol, price in hundredths, size.
    fn trade(&mut self) -> (&'static str, u64, String) {
        let index = usize::try_from(self.random(SYMBOLS.len() as u64)).unwrap_or_default();
        let step = self.random(41);
        let price = self.prices.get_mut(index).expect("a symbol");
        *price = (*price + step).saturating_sub(20).max(100);
        let price = *price;
        self.id += 1 + self.random(3);
        self.time += self.random(50);
        let size = format!("{}.{:05}", self.random(4), self.random(100_000));
        (SYMBOLS.get(index).map_or("", |(symbol, _)| symbol), price, size)
    }

    /// A number below `end`. xorshift64*.
    fn random(&mut self, end: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}
