//! DEFLATE as RFC 1951 has it, bit by bit, with the window and the ends of messages that RFC 7692 defines.

/// `CLEN` code lengths come in this order (section 3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// How many blocks with BFINAL this crate takes in one message.
const MOST_FINAL: usize = 1000;

/// What the compressed messages of a connection have become so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    data: Vec<u8>,
    /// No reference reaches beyond this position: a stream that begins again knows the agreed window only.
    floor: usize,
    /// How far a reference has reached.
    pub(crate) farthest: usize,
}

/// How far the compressed bytes of a message go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// More bytes must follow.
    Unfinished,
    /// The tail that a sender leaves away must follow: "0x00 0x00 0xff 0xff" (RFC 7692 section 7.2.1).
    AtTail,
    /// This is not DEFLATE.
    Broken,
    /// There is more data than was asked for.
    Full,
}

/// The window behind a message, how long the message is, and where it stops.
pub(crate) struct Inflated {
    pub(crate) window: Window,
    pub(crate) len: usize,
    pub(crate) stop: Stop,
}

impl Inflated {
    pub(crate) fn data(&self) -> &[u8] {
        &self.window.data[self.window.data.len() - self.len..]
    }
}

/// Inflates the compressed bytes of a message, as far as they have come. Stops behind `most` bytes. `window_bits` is the
/// window that was agreed on.
pub(crate) fn inflate(window: &Window, compressed: &[u8], window_bits: u8, most: u64) -> Inflated {
    let before = window.data.len();
    let window_len = 1 << window_bits;
    let most = before.saturating_add(usize::try_from(most).unwrap_or(usize::MAX));
    let mut stream = Stream { bytes: compressed, at: 0, to: window.clone(), most, window_len, finals: 0 };
    let stop = match stream.blocks() {
        Err(stop) => stop,
        Ok(()) => Stop::Unfinished,
    };
    let len = stream.to.data.len() - before;
    Inflated { window: stream.to, len, stop }
}

struct Stream<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
    to: Window,
    most: usize,
    window_len: usize,
    finals: usize,
}

/// The codes of one alphabet: how many there are of each length, and their symbols in order.
struct Codes {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Codes {
    /// Section 3.2.2. `None` for lengths that make no prefix code. One code of one bit, or none at all, is allowed where
    /// `may_be_short`.
    fn new(lens: &[u8], may_be_short: bool) -> Option<Self> {
        let mut counts = [0; 16];
        lens.iter().for_each(|len| counts[usize::from(*len)] += 1);
        counts[0] = 0;
        let mut symbols = Vec::new();
        for len in 1..16 {
            symbols.extend(
                (0..lens.len()).filter(|symbol| usize::from(lens[*symbol]) == len).map(|at| at as u16),
            );
        }
        let left = (1..16).try_fold(1_i32, |left, len| {
            let left = left * 2 - i32::from(counts[len]);
            (left >= 0).then_some(left)
        })?;
        let longest = (1..16).rev().find(|len| counts[*len] > 0).unwrap_or(0);
        let is_allowed = left == 0 || longest == 0 || (may_be_short && longest == 1);
        is_allowed.then_some(Self { counts, symbols })
    }
}

impl Stream<'_> {
    fn bits(&mut self, count: usize) -> Result<usize, Stop> {
        let mut value = 0;
        if self.at + count > self.bytes.len() * 8 {
            return Err(Stop::Unfinished);
        }
        for place in 0..count {
            let bit = self.bytes[self.at / 8] >> (self.at % 8) & 1;
            value |= usize::from(bit) << place;
            self.at += 1;
        }
        Ok(value)
    }

    fn symbol(&mut self, codes: &Codes) -> Result<usize, Stop> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for len in 1..16 {
            code |= self.bits(1)?;
            let count = usize::from(codes.counts[len]);
            if code < first + count {
                return Ok(usize::from(codes.symbols[index + code - first]));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
            if index == codes.symbols.len() {
                // No code is this long.
                return Err(Stop::Broken);
            }
        }
        Err(Stop::Broken)
    }

    fn put(&mut self, byte: u8) -> Result<(), Stop> {
        if self.to.data.len() >= self.most {
            return Err(Stop::Full);
        }
        self.to.data.push(byte);
        Ok(())
    }

    /// Blocks without end.
    fn blocks(&mut self) -> Result<(), Stop> {
        loop {
            let is_final = self.bits(1)? == 1;
            match self.bits(2)? {
                0 => self.stored()?,
                1 => {
                    let literals: Vec<u8> = (0..288)
                        .map(|at| {
                            [8, 9, 7, 8][(at >= 144) as usize + (at >= 256) as usize + (at >= 280) as usize]
                        })
                        .collect();
                    let codes = Codes::new(&literals, false).ok_or(Stop::Broken)?;
                    let distances = Codes::new(&[5; 32], false).ok_or(Stop::Broken)?;
                    self.compressed(&codes, &distances)?;
                }
                2 => {
                    let (codes, distances) = self.tables()?;
                    self.compressed(&codes, &distances)?;
                }
                _ => return Err(Stop::Broken),
            }
            if is_final {
                self.at = self.at.next_multiple_of(8);
                self.finals += 1;
                if self.finals > MOST_FINAL {
                    return Err(Stop::Broken);
                }
                self.to.floor = self.to.floor.max(self.to.data.len().saturating_sub(self.window_len));
            }
        }
    }

    /// Section 3.2.4.
    fn stored(&mut self) -> Result<(), Stop> {
        self.at = self.at.next_multiple_of(8);
        if self.at == self.bytes.len() * 8 {
            return Err(Stop::AtTail);
        }
        let lens = self.bits(32)?;
        let (len, complement) = (lens & 0xFFFF, lens >> 16);
        if len != complement ^ 0xFFFF {
            return Err(Stop::Broken);
        }
        for _ in 0..len {
            let byte = self.bits(8)?;
            self.put(byte as u8)?;
        }
        Ok(())
    }

    /// Section 3.2.7.
    fn tables(&mut self) -> Result<(Codes, Codes), Stop> {
        let literals = self.bits(5)? + 257;
        let distances = self.bits(5)? + 1;
        let lens_of_lens = self.bits(4)? + 4;
        if literals > 286 || distances > 30 {
            return Err(Stop::Broken);
        }
        let mut lens = [0; 19];
        for at in &ORDER[..lens_of_lens] {
            lens[*at] = self.bits(3)? as u8;
        }
        let codes = Codes::new(&lens, false).ok_or(Stop::Broken)?;
        if codes.symbols.is_empty() {
            // No length can be coded. zlib takes a bit for each of them before it says so.
            (0..literals + distances).try_for_each(|_| self.bits(1).map(drop))?;
            return Err(Stop::Broken);
        }
        let mut lens = Vec::new();
        while lens.len() < literals + distances {
            let (len, times) = match self.symbol(&codes)? {
                16 => {
                    let times = self.bits(2)? + 3;
                    (*lens.last().ok_or(Stop::Broken)?, times)
                }
                17 => (0, self.bits(3)? + 3),
                18 => (0, self.bits(7)? + 11),
                len => (len as u8, 1),
            };
            if lens.len() + times > literals + distances {
                return Err(Stop::Broken);
            }
            lens.extend(std::iter::repeat_n(len, times));
        }
        if lens[256] == 0 {
            // The block could not end.
            return Err(Stop::Broken);
        }
        let (of_literals, of_distances) = lens.split_at(literals);
        Codes::new(of_literals, true).zip(Codes::new(of_distances, true)).ok_or(Stop::Broken)
    }

    /// Section 3.2.5.
    fn compressed(&mut self, codes: &Codes, distances: &Codes) -> Result<(), Stop> {
        loop {
            let symbol = self.symbol(codes)?;
            match symbol {
                0..=255 => self.put(symbol as u8)?,
                256 => return Ok(()),
                257..=285 => {
                    let len = self.length(symbol)?;
                    let distance = match self.symbol(distances)? {
                        code @ 0..=3 => code + 1,
                        code @ 4..=29 => {
                            let extra = code / 2 - 1;
                            ((2 + code % 2) << extra) + 1 + self.bits(extra)?
                        }
                        _ => return Err(Stop::Broken),
                    };
                    if distance > self.to.data.len() - self.to.floor {
                        return Err(Stop::Broken);
                    }
                    self.to.farthest = self.to.farthest.max(distance);
                    for _ in 0..len {
                        let byte = self.to.data[self.to.data.len() - distance];
                        self.put(byte)?;
                    }
                }
                _ => return Err(Stop::Broken),
            }
        }
    }

    fn length(&mut self, symbol: usize) -> Result<usize, Stop> {
        Ok(match symbol {
            257..=264 => symbol - 254,
            285 => 258,
            _ => {
                let extra = (symbol - 261) / 4;
                ((4 + (symbol - 265) % 4) << extra) + 3 + self.bits(extra)?
            }
        })
    }
}
