//! Decodes frames below frame granularity: a payload is never needed as a whole.

use super::rules::{self, Fragmented, Kind, Limits, Rsv1};
use super::{CloseFrame, FrameHeader, Opcode, apply_mask};
use crate::error::ProtocolError;
use crate::role::Role;
use crate::utf8::Carry;

/// The receiving side of RFC 6455 section 5 as a value: every rule about frames, no messages.
///
/// For proxies, recorders and firmware. Payloads come out in the parts in which they arrive, unmasked in place. For messages
/// use [`Connection`](crate::Connection), which is built on the same code.
///
/// To relay to a server, which needs masked frames: at [`offset`](FrameChunk::offset) 0 write the header with a new
/// [`mask`](FrameHeader::mask) (`MaskKey::random`), then each payload after [`apply_mask`] with that key and the chunk's
/// offset. Send no frame of your own, not even a Close, before the chunk that [ends the frame](FrameChunk::ends_frame).
/// `examples/relay` does all of this.
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
}

/// A frame, or a part of its payload.
#[derive(Debug, PartialEq, Eq)]
pub struct FrameChunk<'b> {
    /// The header of the frame, repeated in each chunk.
    pub header: FrameHeader,
    /// How many bytes of the payload came in earlier chunks: 0 in the first one.
    pub offset: u64,
    /// The next bytes of the payload, unmasked.
    pub payload: &'b mut [u8],
}

impl FrameChunk<'_> {
    /// Whether the frame ends with this chunk.
    pub fn ends_frame(&self) -> bool {
        self.offset + self.payload.len() as u64 == self.header.payload_len
    }
}

impl Decoder {
    /// A decoder for the receiver in this `role`: a server accepts masked frames only, a client unmasked ones only.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self { reader: Reader::new(role), limits, utf8: Carry::default() }
    }

    /// Messages may be compressed: permessage-deflate was agreed on (RFC 7692). Their first frame has
    /// [`rsv1`](FrameHeader::rsv1), and their payloads come out as they are on the wire. They are not inflated, so text in them
    /// is not validated, and [`Limits::max_message_len`] does not apply to them. Without this call RSV1 is an error.
    ///
    /// ```
    /// use sansocket::Role;
    /// use sansocket::frame::{Decoder, Limits};
    ///
    /// let mut decoder = Decoder::new(Role::Client, Limits::default()).allow_compressed();
    /// let mut bytes = *b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"; // RFC 7692 section 7.2.3.1: "Hello"
    /// let chunk = decoder.decode(&mut &mut bytes[..])?.unwrap();
    /// assert!(chunk.header.rsv1 && chunk.ends_frame());
    /// # Ok::<(), sansocket::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn allow_compressed(mut self) -> Self {
        self.reader.allow_compressed();
        self
    }

    /// Takes the next chunk from the front of `input`. `None` means that more bytes are needed: call again with the rest of
    /// `input` and the next bytes behind it.
    ///
    /// A data frame comes in one chunk per call; only an empty frame gives an empty chunk. A control frame comes whole: its
    /// bytes, at most 125, stay in `input` until all have arrived.
    ///
    /// # Errors
    ///
    /// Any [`ProtocolError`] about frames, text that is not UTF-8 (at the first impossible byte), and bad Close payloads.
    /// Every chunk before the one with the fault has been returned by earlier calls. Every later call returns the same error.
    pub fn decode<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<FrameChunk<'b>>, ProtocolError> {
        self.next_chunk(input).inspect_err(|&error| self.reader.end(Some(error)))
    }

    fn next_chunk<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<FrameChunk<'b>>, ProtocolError> {
        let part = match self.reader.read(input, &self.limits, Patience::NONE)? {
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
            Kind::Binary | Kind::DeflatedText | Kind::DeflatedBinary | Kind::Ping | Kind::Pong => {}
        }
        Ok(Some(FrameChunk { header: part.header, offset: part.offset, payload }))
    }
}

fn take<'b>(input: &mut &'b mut [u8], n: usize) -> &'b mut [u8] {
    let n = n.min(input.len());
    let (taken, rest) = core::mem::take(input).split_at_mut(n);
    *input = rest;
    taken
}

/// What is at the front of the input.
pub(crate) enum Step {
    /// More bytes are needed. The first `consumed` bytes, a header, have been dealt with.
    More { consumed: usize },
    /// A frame that is worth waiting for lacks `missing` bytes. Nothing has been dealt with.
    Rest { missing: usize, kind: Kind },
    /// Payload. The caller takes it, and the header before it.
    Part(Part),
}

/// `header_len` bytes of header (0 where the frame began in an earlier part), then `len` bytes of payload, still masked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) header: FrameHeader,
    pub(crate) kind: Kind,
    pub(crate) header_len: usize,
    pub(crate) offset: u64,
    pub(crate) len: usize,
    /// Whether the message ends with this part. Always true for a control frame.
    pub(crate) ends_message: bool,
}

impl Part {
    /// Whether this is a whole message in one frame.
    pub(crate) fn is_whole_message(&self) -> bool {
        self.begins_message() && self.ends_message
    }

    /// Whether a text message in one frame begins with this part. Compressed text is none.
    pub(crate) fn begins_text(&self) -> bool {
        self.begins_message() && self.kind == Kind::Text && self.header.fin
    }

    fn begins_message(&self) -> bool {
        self.offset == 0 && self.header.opcode != Opcode::Continuation
    }

    /// The offset in the frame, for masking.
    #[expect(clippy::cast_possible_truncation, reason = "masking needs the offset modulo 4 only")]
    pub(crate) fn phase(&self) -> usize {
        self.offset as usize
    }
}

/// How many bytes a message in one frame may need for its rest to be waited for.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// If it is binary and not compressed.
    pub(crate) binary: usize,
    /// If it is compressed.
    pub(crate) deflated: usize,
}

impl Patience {
    pub(crate) const NONE: Self = Self { binary: 0, deflated: 0 };

    fn of(self, kind: Kind, payload_len: u64) -> usize {
        match kind {
            Kind::Binary => self.binary,
            Kind::DeflatedText | Kind::DeflatedBinary if payload_len >= WAIT_FROM => self.deflated,
            _ => 0,
        }
    }
}

/// A compressed frame is waited for from this length on. A shorter one seldom lies across two reads.
const WAIT_FROM: u64 = 4 << 10;

/// Headers, the rules about their order, and where payloads lie. Shared by [`Decoder`] and the connection's receiver. It does
/// not unmask: a caller that moves a payload unmasks it in the same pass.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    role: Role,
    rsv1: Rsv1,
    progress: Progress,
}

/// How far the stream of frames is.
#[derive(Clone, Copy, Debug)]
enum Progress {
    BetweenMessages,
    /// Between two frames of a fragmented message.
    BetweenFragments(Fragmented),
    /// Between two frames of a compressed message. A state of its own, so that the fast path need not ask.
    BetweenCompressed(Fragmented),
    /// In a frame whose header has been read and whose payload has not arrived as a whole.
    InFrame {
        header: FrameHeader,
        kind: Kind,
        offset: u64,
        then: Option<Fragmented>,
    },
    /// No frame follows: after a fault, or after a Close frame.
    Ended(Option<ProtocolError>),
}

impl Progress {
    fn between(message: Option<Fragmented>) -> Self {
        match message {
            None => Self::BetweenMessages,
            Some(message) if message.is_deflated() => Self::BetweenCompressed(message),
            Some(message) => Self::BetweenFragments(message),
        }
    }
}

impl Reader {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, rsv1: Rsv1::Reserved, progress: Progress::BetweenMessages }
    }

    /// Messages may be compressed.
    pub(crate) fn allow_compressed(&mut self) {
        self.rsv1 = Rsv1::Compressed;
    }

    #[inline]
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    #[inline]
    pub(crate) fn is_between_messages(&self) -> bool {
        matches!(self.progress, Progress::BetweenMessages)
    }

    /// Whether the next byte begins a frame.
    #[inline]
    pub(crate) fn is_between_frames(&self) -> bool {
        !matches!(self.progress, Progress::InFrame { .. } | Progress::Ended(_))
    }

    /// Why no frame follows: `Some(None)` after a Close frame.
    #[inline]
    pub(crate) fn ended(&self) -> Option<Option<ProtocolError>> {
        match self.progress {
            Progress::Ended(fault) => Some(fault),
            _ => None,
        }
    }

    /// No frame follows, with or without a fault.
    pub(crate) fn end(&mut self, fault: Option<ProtocolError>) {
        self.progress = Progress::Ended(fault);
    }

    /// Admits a data frame that has arrived as a whole, is masked as this role receives it and has no reserved bit. `None`
    /// where the frame breaks a rule, where another frame is under way, or in a compressed message; then nothing has changed.
    #[inline]
    pub(crate) fn admit_whole(
        &mut self,
        opcode: Opcode,
        fin: bool,
        len: u64,
        limits: &Limits,
    ) -> Option<Kind> {
        let message = match self.progress {
            Progress::BetweenMessages => None,
            Progress::BetweenFragments(message) => Some(message),
            _ => return None,
        };
        let (kind, then) = rules::admit_data(message, opcode, fin, len, limits).ok()?;
        self.progress = then.map_or(Progress::BetweenMessages, Progress::BetweenFragments);
        Some(kind)
    }

    /// The caller has taken only the first `n` bytes of `part`. The next step begins behind them.
    #[cfg(feature = "deflate")]
    pub(crate) fn take_only(&mut self, part: &Part, n: usize) {
        let then = match self.progress {
            Progress::InFrame { then, .. } => then,
            Progress::BetweenFragments(message) | Progress::BetweenCompressed(message) => Some(message),
            Progress::BetweenMessages | Progress::Ended(_) => None,
        };
        let offset = part.offset + n as u64;
        self.progress = Progress::InFrame { header: part.header, kind: part.kind, offset, then };
    }

    /// How many bytes of the current frame have not arrived.
    #[inline]
    pub(crate) fn missing(&self) -> u64 {
        match self.progress {
            Progress::InFrame { header, offset, .. } => header.payload_len - offset,
            _ => 0,
        }
    }

    /// The next `len` bytes of the current frame, which the caller has received by itself.
    pub(crate) fn take(&mut self, len: usize) -> Option<Part> {
        let Progress::InFrame { header, kind, offset, then } = self.progress else { return None };
        Some(self.part(header, kind, 0, offset, len, then))
    }

    /// Looks at the front of `input`. The caller takes exactly what the answer says before the next call.
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        limits: &Limits,
        patience: Patience,
    ) -> Result<Step, ProtocolError> {
        let (header_len, header, kind, offset, then) = match self.progress {
            Progress::InFrame { header, kind, offset, then } => (0, header, kind, offset, then),
            Progress::Ended(Some(fault)) => return Err(fault),
            Progress::Ended(None) => return Ok(Step::More { consumed: input.len() }),
            Progress::BetweenMessages | Progress::BetweenFragments(_) | Progress::BetweenCompressed(_) => {
                let Some((header, len)) = FrameHeader::decode(input)? else {
                    return Ok(Step::More { consumed: 0 });
                };
                let message = match self.progress {
                    Progress::BetweenFragments(message) | Progress::BetweenCompressed(message) => {
                        Some(message)
                    }
                    _ => None,
                };
                let (kind, then) = rules::admit(self.role, message, &header, limits, self.rsv1)?;
                (len, header, kind, 0, then)
            }
        };
        let arrived = input.len() - header_len;
        let missing = header.payload_len - offset;
        let len = usize::try_from(missing).map_or(arrived, |missing| missing.min(arrived));
        let ends_frame = len as u64 == missing;
        if !ends_frame && header_len > 0 && header.fin && header.opcode != Opcode::Continuation {
            let rest = usize::try_from(missing).unwrap_or(usize::MAX) - len;
            if input.len().saturating_add(rest) <= patience.of(kind, header.payload_len) {
                return Ok(Step::Rest { missing: rest, kind });
            }
        }
        if !ends_frame && (len == 0 || header.opcode.is_control()) {
            self.progress = Progress::InFrame { header, kind, offset, then };
            return Ok(Step::More { consumed: header_len });
        }
        Ok(Step::Part(self.part(header, kind, header_len, offset, len, then)))
    }

    fn part(
        &mut self,
        header: FrameHeader,
        kind: Kind,
        header_len: usize,
        offset: u64,
        len: usize,
        then: Option<Fragmented>,
    ) -> Part {
        let end = offset + len as u64;
        let ends_frame = end >= header.payload_len;
        self.progress = if ends_frame {
            Progress::between(then)
        } else {
            Progress::InFrame { header, kind, offset: end, then }
        };
        Part { header, kind, header_len, offset, len, ends_message: ends_frame && header.fin }
    }
}
