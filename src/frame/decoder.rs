//! Frames out of bytes, below frame granularity: a payload need never be whole in memory.

use super::rules::{Kind, Limits, Rules};
use super::{CloseFrame, FrameHeader, Opcode, apply_mask};
use crate::error::ProtocolError;
use crate::role::Role;
use crate::utf8::Carry;

/// The receiving side of RFC 6455 section 5 as a value: every rule about frames, and nothing about messages.
///
/// For proxies, recorders, firmware: payloads come out as they come in, in whatever parts the input has, unmasked in
/// place. Whoever wants messages takes a [`Connection`](crate::Connection), which stands on the same machinery.
///
/// To relay to a server, which wants its frames masked: at an [`offset`](Chunk::offset) of 0 write the header with a new
/// [`mask`](FrameHeader::mask) (`MaskKey::random`), then each payload after [`apply_mask`] with that key and the chunk's
/// offset. Where the last chunk did not [end its frame](Chunk::ends_frame), no frame of one's own can follow, not even a
/// Close. `examples/relay` is all of it.
///
/// ```
/// use sansocket::Role;
/// use sansocket::frame::{Decoder, Limits, Opcode};
///
/// let mut decoder = Decoder::new(Role::Client, Limits::default());
/// let mut bytes = *b"\x01\x03Hel\x80\x02l"; // RFC 6455 section 5.7, less its last byte
/// let mut input = &mut bytes[..];
///
/// let chunk = decoder.decode(&mut input)?.unwrap();
/// assert_eq!((chunk.header.opcode, &*chunk.payload, chunk.ends_frame()), (Opcode::Text, &b"Hel"[..], true));
/// let chunk = decoder.decode(&mut input)?.unwrap();
/// assert_eq!((chunk.header.opcode, &*chunk.payload, chunk.ends_frame()), (Opcode::Continuation, &b"l"[..], false));
/// assert_eq!(decoder.decode(&mut input)?, None);
/// # Ok::<(), sansocket::ProtocolError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    reader: Reader,
    limits: Limits,
    utf8: Carry,
    failed: Option<ProtocolError>,
}

/// A frame, or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunk<'b> {
    /// The header of the frame, the same for each of its chunks.
    pub header: FrameHeader,
    /// How many bytes of the payload came before: 0 in the first chunk.
    pub offset: u64,
    /// The next bytes of the payload, unmasked.
    pub payload: &'b mut [u8],
}

impl Chunk<'_> {
    /// Whether the frame ends with this chunk.
    pub fn ends_frame(&self) -> bool {
        self.offset + self.payload.len() as u64 == self.header.payload_len
    }
}

impl Decoder {
    /// A decoder for what this `role` receives: a server's wants masked frames, a client's refuses them.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self { reader: Reader::new(role), limits, utf8: Carry::default(), failed: None }
    }

    /// Takes the next chunk from the front of `input`. `None` means that more bytes are needed; what is left of `input`
    /// then comes first the next time.
    ///
    /// A data frame comes in as many chunks as the input makes of it, none of them empty unless the frame is. A control
    /// frame always comes whole: its 125 bytes at most stay in `input` until the last has arrived.
    ///
    /// # Errors
    ///
    /// Any [`ProtocolError`] of framing, text that is not UTF-8 (at the first impossible byte) and bad Close bodies
    /// included. What came before the fault in the same input has been returned already; from then on every call
    /// returns the same error.
    pub fn decode<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Chunk<'b>>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.next_chunk(input).inspect_err(|&error| self.failed = Some(error))
    }

    fn next_chunk<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Chunk<'b>>, ProtocolError> {
        let part = match self.reader.read(input, &self.limits, 0)? {
            Step::More { consumed } => {
                take(input, consumed);
                return Ok(None);
            }
            Step::Rest { .. } => return Ok(None),
            Step::Part(part) => part,
        };
        take(input, part.header_len);
        let payload = take(input, part.len);
        if let Some(key) = part.header.mask {
            apply_mask(payload, key, part.phase());
        }
        match part.kind {
            Kind::Text => {
                self.utf8.push(payload).map_err(|_| ProtocolError::InvalidUtf8)?;
                if part.ends_message && !self.utf8.is_empty() {
                    return Err(ProtocolError::InvalidUtf8);
                }
            }
            Kind::Close => {
                CloseFrame::decode(payload)?;
            }
            Kind::Binary | Kind::Ping | Kind::Pong => {}
        }
        Ok(Some(Chunk { header: part.header, offset: part.offset, payload }))
    }
}

fn take<'b>(input: &mut &'b mut [u8], n: usize) -> &'b mut [u8] {
    let n = n.min(input.len());
    let (taken, rest) = core::mem::take(input).split_at_mut(n);
    *input = rest;
    taken
}

/// What stands at the front of the input.
pub(crate) enum Step {
    /// Not enough. `consumed` bytes of it, a header, are dealt with.
    More { consumed: usize },
    /// Part of a frame that is worth waiting for, which lacks so many bytes. Nothing is dealt with.
    Rest { missing: usize },
    /// Payload, which the caller takes along with the header before it.
    Part(Part),
}

/// `header_len` bytes of header (none where the frame began earlier), then `len` bytes of payload, as masked as they came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) header: FrameHeader,
    pub(crate) kind: Kind,
    pub(crate) header_len: usize,
    pub(crate) offset: u64,
    pub(crate) len: usize,
    /// Whether the message ends with this part; of a control frame, always.
    pub(crate) ends_message: bool,
}

impl Part {
    /// Whether this is a message all by itself.
    pub(crate) fn is_whole_message(&self) -> bool {
        self.ends_message && self.offset == 0 && self.header.opcode != Opcode::Continuation
    }

    /// Where in the frame this is, as far as masking cares.
    #[expect(clippy::cast_possible_truncation, reason = "only the offset modulo 4 counts")]
    pub(crate) fn phase(&self) -> usize {
        self.offset as usize
    }
}

/// The decoder without what lies above framing: headers and their rules, and where payloads lie. It unmasks nothing:
/// whoever moves a payload does both in one pass.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    rules: Rules,
    /// The frame whose header has been read and whose payload is not all there yet.
    frame: Option<(FrameHeader, Kind, u64)>,
}

impl Reader {
    pub(crate) fn new(role: Role) -> Self {
        Self { rules: Rules::new(role), frame: None }
    }

    /// Whether neither a frame nor a message is under way.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.frame.is_none() && self.rules.is_between_messages()
    }

    /// Lets in a data frame that has arrived as a whole, masked as this end wants it and without reserved bits. `None`, and
    /// nothing has happened, if it comes inside another or breaks a rule.
    #[inline]
    pub(crate) fn admit_whole(
        &mut self,
        opcode: Opcode,
        fin: bool,
        len: u64,
        limits: &Limits,
    ) -> Option<Kind> {
        if self.frame.is_some() {
            return None;
        }
        self.rules.admit_data(opcode, fin, len, limits).ok()
    }

    /// How many bytes of the frame under way are still to come.
    pub(crate) fn missing(&self) -> u64 {
        self.frame.map_or(0, |(header, _, offset)| header.payload_len - offset)
    }

    /// The next `len` bytes of the frame under way, where the caller has received them by itself.
    pub(crate) fn take(&mut self, len: usize) -> Option<Part> {
        let (header, kind, offset) = self.frame?;
        Some(self.part(header, kind, 0, offset, len))
    }

    /// Looks at the front of `input`. The caller must take exactly what the answer says before it asks again. A binary
    /// message in one frame of up to `patience` bytes is waited for.
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        limits: &Limits,
        patience: usize,
    ) -> Result<Step, ProtocolError> {
        let (header_len, header, kind, offset) = match self.frame {
            Some((header, kind, offset)) => (0, header, kind, offset),
            None => {
                let Some((header, len)) = FrameHeader::decode(input)? else {
                    return Ok(Step::More { consumed: 0 });
                };
                (len, header, self.rules.admit(&header, limits)?, 0)
            }
        };
        let arrived = input.len() - header_len;
        let missing = header.payload_len - offset;
        let len = usize::try_from(missing).map_or(arrived, |missing| missing.min(arrived));
        let ends_frame = len as u64 == missing;
        if !ends_frame && header_len > 0 && header.fin && header.opcode == Opcode::Binary {
            let rest = usize::try_from(missing).unwrap_or(usize::MAX) - len;
            if input.len().saturating_add(rest) <= patience {
                return Ok(Step::Rest { missing: rest });
            }
        }
        if !ends_frame && (len == 0 || header.opcode.is_control()) {
            self.frame = Some((header, kind, offset));
            return Ok(Step::More { consumed: header_len });
        }
        Ok(Step::Part(self.part(header, kind, header_len, offset, len)))
    }

    fn part(&mut self, header: FrameHeader, kind: Kind, header_len: usize, offset: u64, len: usize) -> Part {
        let end = offset + len as u64;
        let ends_frame = end >= header.payload_len;
        self.frame = (!ends_frame).then_some((header, kind, end));
        Part { header, kind, header_len, offset, len, ends_message: ends_frame && header.fin }
    }
}
