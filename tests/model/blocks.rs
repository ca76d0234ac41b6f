//! DEFLATE blocks, put together by hand (RFC 1951 section 3.2).

/// A block without its BFINAL.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    Stored(Vec<u8>),
    /// With fixed codes.
    Fixed(Vec<Symbol>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Symbol {
    Literal(u8),
    /// A length from 3 to 258, a distance from 1 to 32,768.
    Match(usize, usize),
}

/// The payload of a compressed message: the blocks, each with its BFINAL, and the beginning of the empty one whose tail is left
/// away.
pub(crate) fn message(blocks: &[(Block, bool)]) -> Vec<u8> {
    let mut bits = Bits::default();
    for (block, is_final) in blocks {
        bits.put(usize::from(*is_final), 1);
        match block {
            Block::Stored(data) => {
                bits.put(0, 2);
                bits.align();
                bits.put(data.len() | (data.len() ^ 0xFFFF) << 16, 32);
                data.iter().for_each(|byte| bits.put((*byte).into(), 8));
            }
            Block::Fixed(symbols) => {
                bits.put(1, 2);
                symbols.iter().for_each(|symbol| bits.symbol(*symbol));
                bits.literal(256);
            }
        }
        if *is_final {
            bits.align();
        }
    }
    bits.put(0, 3);
    bits.align();
    bits.bytes
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are in use: 1 to 8, or 0 before the first.
    used: usize,
}

impl Bits {
    /// The lowest bit first.
    fn put(&mut self, value: usize, count: usize) {
        for place in 0..count {
            if matches!(self.used, 0 | 8) {
                self.bytes.push(0);
                self.used = 0;
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> place & 1) as u8) << self.used;
            self.used += 1;
        }
    }

    /// The highest bit first, as codes are.
    fn code(&mut self, code: usize, len: usize) {
        (0..len).rev().for_each(|place| self.put(code >> place & 1, 1));
    }

    fn align(&mut self) {
        self.used = 0;
    }

    /// Section 3.2.6.
    fn literal(&mut self, value: usize) {
        match value {
            0..=143 => self.code(0x30 + value, 8),
            144..=255 => self.code(0x190 + value - 144, 9),
            256..=279 => self.code(value - 256, 7),
            _ => self.code(0xC0 + value - 280, 8),
        }
    }

    /// Section 3.2.5.
    fn symbol(&mut self, symbol: Symbol) {
        let (len, distance) = match symbol {
            Symbol::Literal(byte) => return self.literal(byte.into()),
            Symbol::Match(len, distance) => (len, distance - 1),
        };
        match len {
            3..=10 => self.literal(len + 254),
            258 => self.literal(285),
            _ => {
                let extra = (len - 3).ilog2() as usize - 2;
                self.literal(261 + extra * 4 + ((len - 3) >> extra) - 4);
                self.put((len - 3) & ((1 << extra) - 1), extra);
            }
        }
        if distance < 4 {
            return self.code(distance, 5);
        }
        let extra = distance.ilog2() as usize - 1;
        self.code(2 * extra + (distance >> extra), 5);
        self.put(distance & ((1 << extra) - 1), extra);
    }
}
