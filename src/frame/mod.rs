//! Frames (RFC 6455 section 5), without allocation: headers, masking, the body of a Close frame, and the streaming
//! [`Decoder`] for programs that relay or store frames and need no messages.
//!
//! ```
//! use sansocket::frame::{FrameHeader, MaskKey, Opcode};
//!
//! // RFC 6455 section 5.7: the header of a single-frame masked text message.
//! let (header, len) = FrameHeader::decode(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d])?.unwrap();
//! assert_eq!((header.opcode, header.payload_len, len), (Opcode::Text, 5, 6));
//! assert_eq!(header.mask, Some(MaskKey([0x37, 0xfa, 0x21, 0x3d])));
//!
//! let mut out = [0; FrameHeader::MAX_LEN];
//! let len = header.encode(&mut out);
//! assert_eq!(out[..len], [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]);
//! # Ok::<(), sansocket::ProtocolError>(())
//! ```

pub(crate) mod close;
pub(crate) mod decoder;
pub(crate) mod fast_path;
pub(crate) mod mask;
pub(crate) mod rules;
mod xor;

pub use close::{CloseCode, CloseFrame};
pub use decoder::{Decoder, FrameChunk};
pub use mask::{MaskKey, MaskKeySource, apply_mask, copy_masked};
pub use rules::Limits;

use crate::error::ProtocolError;
use crate::setters::setters;

/// The kind of a frame (section 5.2). Any other opcode on the wire is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of the message under way.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// Asks for a Pong, to check that the peer responds.
    Ping = 0x9,
    /// The answer to a Ping, or an unsolicited sign of life.
    Pong = 0xA,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Whether the frame is a control frame: Close, Ping or Pong. "Control frames are identified by opcodes where the
    /// most significant bit of the opcode is 1" (section 5.5).
    ///
    /// ```
    /// use sansocket::frame::Opcode;
    ///
    /// assert!(Opcode::Ping.is_control() && !Opcode::Text.is_control());
    /// ```
    pub fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The header of a frame: all bytes before the payload.
///
/// ```
/// use sansocket::frame::{FrameHeader, MaskKey, Opcode};
///
/// let header = FrameHeader::new(Opcode::Text, 3).fin(false).mask(Some(MaskKey([1, 2, 3, 4])));
/// let mut out = [0; FrameHeader::MAX_LEN];
/// let len = header.encode(&mut out);
/// assert_eq!(out[..len], [0x01, 0x83, 1, 2, 3, 4]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692 section 6).
    pub rsv1: bool,
    /// The kind of frame.
    pub opcode: Opcode,
    /// The masking key; `None` for a payload that is not masked.
    pub mask: Option<MaskKey>,
    /// The length of the payload in bytes, below 2^63.
    pub payload_len: u64,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASK: u8 = 0x80;

impl FrameHeader {
    /// The longest header in bytes: two, a 64-bit length, a masking key.
    pub const MAX_LEN: usize = 14;

    /// The header of a whole message (`fin`), without `rsv1` and not masked. `payload_len` is in bytes, below 2^63.
    #[inline]
    pub fn new(opcode: Opcode, payload_len: u64) -> Self {
        Self { fin: true, rsv1: false, opcode, mask: None, payload_len }
    }

    setters! { fin: bool, rsv1: bool, mask: Option<MaskKey> }

    /// Decodes the header at the front of `bytes`; returns the header and its length in bytes. `None` means that more
    /// bytes are needed. The module's documentation has an example.
    ///
    /// # Errors
    ///
    /// As soon as `bytes` show a violation: RSV2 or RSV3 is set, the opcode is unknown, a control frame is fragmented
    /// or longer than 125 bytes, the length is not encoded minimally or is 2^63 or more (sections 5.2 and 5.5). RSV1,
    /// masking and the order of frames depend on the connection: [`Decoder`] checks them.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        if first & RSV2_RSV3 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & 0x0F).ok_or(ProtocolError::UnknownOpcode)?;
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(ProtocolError::FragmentedControl);
        }

        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        let short = second & !MASK;
        if opcode.is_control() && short > 125 {
            return Err(ProtocolError::OversizedControl);
        }
        let (payload_len, rest) = match short {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*len), rest)
            }
            len => (u64::from(len), rest),
        };
        if payload_len > i64::MAX as u64 {
            return Err(ProtocolError::LengthOverflow);
        }
        // "The minimal number of bytes MUST be used to encode the length" (section 5.2).
        if (short == 126 && payload_len < 126) || (short == 127 && payload_len <= 0xFFFF) {
            return Err(ProtocolError::NonMinimalLength);
        }

        let (mask, rest) = if second & MASK == 0 {
            (None, rest)
        } else {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(MaskKey(*key)), rest)
        };
        let header = Self { fin, rsv1: first & RSV1 != 0, opcode, mask, payload_len };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Writes the header to the front of `out` and returns its length in bytes.
    ///
    /// # Panics
    ///
    /// In debug builds, if `payload_len` is 2^63 or more.
    #[inline]
    pub fn encode(&self, out: &mut [u8; Self::MAX_LEN]) -> usize {
        debug_assert!(self.payload_len <= i64::MAX as u64, "the payload length must be below 2^63");
        let fin = if self.fin { FIN } else { 0 };
        let rsv1 = if self.rsv1 { RSV1 } else { 0 };
        let mask = if self.mask.is_some() { MASK } else { 0 };
        let [first, second, rest @ ..] = out;
        *first = fin | rsv1 | self.opcode as u8;
        let extended = match u16::try_from(self.payload_len) {
            Ok(short @ 0..=125) => {
                *second = mask | short.to_be_bytes()[1];
                0
            }
            Ok(medium) => {
                *second = mask | 126;
                put(rest, 0, &medium.to_be_bytes())
            }
            Err(_) => {
                *second = mask | 127;
                put(rest, 0, &self.payload_len.to_be_bytes())
            }
        };
        2 + extended + self.mask.map_or(0, |key| put(rest, extended, &key.0))
    }
}

/// Copies `bytes` to position `at` and returns their number.
fn put(to: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    if let Some(to) = to.get_mut(at..at + bytes.len()) {
        to.copy_from_slice(bytes);
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: MaskKey = MaskKey([1, 2, 3, 4]);

    fn header(opcode: Opcode, mask: Option<MaskKey>, payload_len: u64) -> FrameHeader {
        FrameHeader::new(opcode, payload_len).mask(mask)
    }

    /// Each row: a header and its bytes. It is encoded, decoded, and incomplete at every shorter length.
    // req: 6455-5.2-f, 6455-5.2-g, 6455-5.2-i, 6455-5.2-j
    #[test]
    fn section_5_2_payload_lengths_at_boundaries() {
        let rows: [(FrameHeader, &[u8]); 9] = [
            (header(Opcode::Text, None, 0), b"\x81\x00"),
            (header(Opcode::Text, Some(KEY), 5), b"\x81\x85\x01\x02\x03\x04"),
            (header(Opcode::Binary, None, 125), b"\x82\x7d"),
            (header(Opcode::Binary, None, 126), b"\x82\x7e\x00\x7e"),
            (header(Opcode::Binary, None, 256), b"\x82\x7e\x01\x00"),
            (header(Opcode::Binary, Some(KEY), 65_535), b"\x82\xfe\xff\xff\x01\x02\x03\x04"),
            (header(Opcode::Binary, None, 65_536), b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
            (
                header(Opcode::Binary, Some(KEY), i64::MAX as u64),
                b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04",
            ),
            (header(Opcode::Ping, None, 125), b"\x89\x7d"),
        ];
        for (header, bytes) in rows {
            assert_eq!(FrameHeader::decode(bytes), Ok(Some((header, bytes.len()))));
            let mut out = [0; FrameHeader::MAX_LEN];
            let len = header.encode(&mut out);
            assert_eq!(&out[..len], bytes);
            for cut in 0..bytes.len() {
                assert_eq!(FrameHeader::decode(&bytes[..cut]), Ok(None), "{:02x?}", &bytes[..cut]);
            }
        }
    }

    /// Each row: the shortest input that shows a violation.
    // req: 6455-5.2-c, 6455-5.2-d, 6455-5.2-h, 6455-5.2-j, 6455-5.5-b, 6455-5.5-c
    #[test]
    fn section_5_2_and_5_5_violations_are_reported_at_once() {
        use ProtocolError::*;
        let rows: [(&[u8], ProtocolError); 11] = [
            (b"\xa1", ReservedBits),
            (b"\x91", ReservedBits),
            (b"\x83", UnknownOpcode),
            (b"\x8b", UnknownOpcode),
            (b"\x09", FragmentedControl),
            (b"\x08", FragmentedControl),
            (b"\x89\x7e", OversizedControl),
            (b"\x8a\xff", OversizedControl),
            (b"\x82\x7e\x00\x7d", NonMinimalLength),
            (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", NonMinimalLength),
            (b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", LengthOverflow),
        ];
        for (bytes, error) in rows {
            assert_eq!(FrameHeader::decode(bytes), Err(error), "{bytes:02x?}");
            let shorter = &bytes[..bytes.len() - 1];
            assert_eq!(FrameHeader::decode(shorter), Ok(None), "{shorter:02x?}");
        }
    }

    proptest! {
        #[test]
        fn encoded_header_is_decoded_unchanged(
            fin: bool, rsv1: bool, opcode in 0usize..6, key: Option<[u8; 4]>, payload_len in 0..=i64::MAX as u64,
        ) {
            use Opcode::*;
            let opcode = [Continuation, Text, Binary, Close, Ping, Pong][opcode];
            let control = opcode.is_control();
            let payload_len = if control { payload_len % 126 } else { payload_len };
            let header = FrameHeader { fin: fin || control, rsv1, opcode, mask: key.map(MaskKey), payload_len };
            let mut out = [0; FrameHeader::MAX_LEN];
            let len = header.encode(&mut out);
            prop_assert_eq!(FrameHeader::decode(&out[..len]), Ok(Some((header, len))));
        }
    }
}
