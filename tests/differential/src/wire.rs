//! Encodes valid and invalid frames, and decodes frames.

use sansocket::Role;

/// A frame to be encoded, after RFC 6455 section 5.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    /// RSV1, RSV2 and RSV3, in the lowest three bits.
    pub rsv: u8,
    pub opcode: u8,
    /// Whether it is masked as the role of its sender requires.
    pub masked_right: bool,
    pub len: Len,
    pub payload: Vec<u8>,
}

/// The encoding of the payload length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Len {
    Shortest,
    TwoBytes,
    EightBytes,
    /// In eight bytes, and wrong.
    Claims(u64),
}

pub const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

impl Frame {
    /// A valid frame.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Self { fin: true, rsv: 0, opcode, masked_right: true, len: Len::Shortest, payload }
    }

    /// The same without FIN.
    pub fn more(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: false, ..Self::new(opcode, payload) }
    }

    /// The bytes to an endpoint of that role.
    pub fn encode(&self, to: Role, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode);
        let is_masked = (to == Role::Server) == self.masked_right;
        let mask = u8::from(is_masked) << 7;
        let len = self.payload.len();
        match self.len {
            Len::Shortest if len < 126 => bytes.push(mask | len as u8),
            Len::Shortest | Len::TwoBytes if len <= 0xFFFF => {
                bytes.push(mask | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            Len::Claims(len) => {
                bytes.push(mask | 127);
                bytes.extend(len.to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        if is_masked {
            bytes.extend(KEY);
            bytes.extend(self.payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            bytes.extend(&self.payload);
        }
    }
}

/// The bytes to an endpoint, and how they arrive.
#[derive(Clone, Debug)]
pub struct Case {
    pub role: Role,
    /// The longest frame and the longest message that the endpoint takes, in bytes.
    pub limit: usize,
    pub bytes: Vec<u8>,
    /// Where one read ends and the next begins.
    pub cuts: Vec<usize>,
}

/// A limit that no case reaches.
pub const LARGE: usize = 16 << 20;

impl Case {
    pub fn new(role: Role, frames: &[Frame]) -> Self {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode(role, &mut bytes));
        Self { role, limit: LARGE, bytes, cuts: Vec::new() }
    }

    /// The frames. The last one may be truncated.
    pub fn arrived(&self) -> Vec<Arrived> {
        Arrived::all(&self.bytes)
    }
}

/// A received frame, or the beginning of one.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub fin: bool,
    pub opcode: u8,
    /// The payload length in the header.
    pub len: u64,
    pub payload: Vec<u8>,
    /// Whether all of it has arrived.
    pub whole: bool,
    /// The position behind its last byte that has arrived.
    pub end: usize,
}

impl Arrived {
    /// The frames in these bytes. The last one may be truncated.
    pub fn all(bytes: &[u8]) -> Vec<Self> {
        let mut frames = Vec::new();
        let mut rest = bytes;
        while let Some((mut frame, behind)) = Self::read(rest) {
            frame.end = bytes.len() - behind.len();
            frames.push(frame);
            rest = behind;
        }
        frames
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let first = *bytes.first()?;
        let mut frame = Self {
            fin: first & 0x80 != 0,
            opcode: first & 0x0F,
            len: 0,
            payload: Vec::new(),
            whole: false,
            end: 0,
        };
        let Some((len, key, rest)) = header(bytes) else { return Some((frame, &[])) };
        let here = rest.len().min(usize::try_from(len).unwrap_or(usize::MAX));
        let (payload, behind) = rest.split_at(here);
        frame.payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        frame.len = len;
        frame.whole = here as u64 == len;
        Some((frame, behind))
    }
}

/// The payload length, the key, and the bytes behind the header.
fn header(bytes: &[u8]) -> Option<(u64, [u8; 4], &[u8])> {
    let second = *bytes.get(1)?;
    let width = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let digits = bytes.get(2..2 + width)?;
    let long = digits.iter().fold(0, |len, digit| len << 8 | u64::from(*digit));
    let len = if width == 0 { u64::from(second & 0x7F) } else { long };
    let rest = &bytes[2 + width..];
    if second & 0x80 == 0 {
        return Some((len, [0; 4], rest));
    }
    let (key, rest) = rest.split_first_chunk()?;
    Some((len, *key, rest))
}
