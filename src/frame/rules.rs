//! Which frame may come next: the rules of sections 5.1, 5.2 and 5.4 that depend on earlier frames, and the limits of
//! section 10.4.

use super::{FrameHeader, Opcode};
use crate::error::ProtocolError;
use crate::role::Role;
use crate::setters::setters;

/// Limits on frames and messages from the peer, all inclusive. A frame header that exceeds one fails the connection
/// with 1009 at once, before its payload arrives.
///
/// ```
/// use sansocket::Limits;
///
/// let limits = Limits::default().max_message_len(1 << 20).max_fragments(1000);
/// assert_eq!(limits.max_frame_len, 16 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest payload of one data frame, in bytes. Default: 16 MiB.
    pub max_frame_len: u64,
    /// The longest message, the sum of its frames' payloads, in bytes. Default: 16 MiB.
    pub max_message_len: u64,
    /// The most frames in one message, including empty ones. Default: 131,072 (8 MiB in 64-byte fragments).
    pub max_fragments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_frame_len: 16 << 20, max_message_len: 16 << 20, max_fragments: 1 << 17 }
    }
}

impl Limits {
    setters! { max_frame_len: u64, max_message_len: u64, max_fragments: u32 }

    /// A payload shorter than this breaks no limit as a message in one frame, and its length has at most 16 bits. The fast
    /// path compares with this alone.
    pub(crate) fn whole_below(&self) -> u32 {
        let longest = u16::try_from(self.max_frame_len.min(self.max_message_len)).unwrap_or(u16::MAX);
        if self.max_fragments == 0 { 0 } else { u32::from(longest) + 1 }
    }
}

/// What RSV1 means on the first frame of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rsv1 {
    /// Nothing: no extension was agreed on.
    Reserved,
    /// The message is compressed (RFC 7692).
    Compressed,
}

/// What a frame carries. A continuation carries what its message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    /// Text that is compressed (RFC 7692).
    DeflatedText,
    /// Binary data that is compressed.
    DeflatedBinary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    /// Whether this is a message or a part of one, and no control frame.
    #[inline]
    pub(crate) fn is_data(self) -> bool {
        !matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    #[inline]
    pub(crate) fn is_deflated(self) -> bool {
        matches!(self, Self::DeflatedText | Self::DeflatedBinary)
    }

    /// What it is once it is inflated.
    #[cfg(feature = "deflate")]
    pub(crate) fn inflated(self) -> Self {
        match self {
            Self::DeflatedText => Self::Text,
            Self::DeflatedBinary => Self::Binary,
            other => other,
        }
    }

    fn deflated(self) -> Self {
        match self {
            Self::Text => Self::DeflatedText,
            Self::Binary => Self::DeflatedBinary,
            other => other,
        }
    }
}

/// A fragmented message whose last frame has not been admitted yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragmented {
    kind: Kind,
    /// The payload lengths of its frames so far, in bytes.
    len: u64,
    fragments: u32,
}

impl Fragmented {
    #[inline]
    pub(crate) fn is_deflated(&self) -> bool {
        self.kind.is_deflated()
    }
}

/// Checks the header of the next frame. Gives what the frame carries, and the fragmented message that is under way after it.
#[inline]
pub(crate) fn admit(
    role: Role,
    message: Option<Fragmented>,
    header: &FrameHeader,
    limits: &Limits,
    rsv1: Rsv1,
) -> Result<(Kind, Option<Fragmented>), ProtocolError> {
    // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values" (section 5.2). "An endpoint
    // MUST NOT set the 'Per-Message Compressed' bit of control frames and non-first fragments of a data message" (RFC 7692
    // section 6.1).
    let begins_message = matches!(header.opcode, Opcode::Text | Opcode::Binary);
    if header.rsv1 && !(begins_message && rsv1 == Rsv1::Compressed) {
        return Err(ProtocolError::ReservedBits);
    }
    // "A server MUST close the connection upon receiving a frame that is not masked … A client MUST close a
    // connection if it detects a masked frame" (section 5.1).
    match (role, header.mask) {
        (Role::Server, None) => return Err(ProtocolError::NotMasked),
        (Role::Client, Some(_)) => return Err(ProtocolError::Masked),
        _ => {}
    }
    match header.opcode {
        Opcode::Close => Ok((Kind::Close, message)),
        Opcode::Ping => Ok((Kind::Ping, message)),
        Opcode::Pong => Ok((Kind::Pong, message)),
        data if header.rsv1 || message.is_some_and(|message| message.is_deflated()) => {
            // The limit counts what the message is inflated to, which is not known here.
            let limits = limits.max_message_len(u64::MAX);
            let (kind, then) = admit_data(message, data, header.fin, header.payload_len, &limits)?;
            Ok((kind.deflated(), then.map(|message| Fragmented { kind: kind.deflated(), ..message })))
        }
        data => admit_data(message, data, header.fin, header.payload_len, limits),
    }
}

/// [`admit`] for a data frame whose masking and reserved bits are right, of a message that is not compressed.
#[inline]
pub(crate) fn admit_data(
    message: Option<Fragmented>,
    opcode: Opcode,
    fin: bool,
    payload_len: u64,
    limits: &Limits,
) -> Result<(Kind, Option<Fragmented>), ProtocolError> {
    let message = match (opcode, message) {
        (Opcode::Continuation, Some(message)) => message,
        (Opcode::Continuation, None) => return Err(ProtocolError::NothingToContinue),
        (_, Some(_)) => return Err(ProtocolError::InterleavedMessage),
        (Opcode::Text, None) => Fragmented { kind: Kind::Text, len: 0, fragments: 0 },
        (_, None) => Fragmented { kind: Kind::Binary, len: 0, fragments: 0 },
    };
    if payload_len > limits.max_frame_len {
        return Err(ProtocolError::FrameTooLong { len: payload_len, limit: limits.max_frame_len });
    }
    let len = message.len.saturating_add(payload_len);
    if len > limits.max_message_len {
        return Err(ProtocolError::MessageTooLong { len, limit: limits.max_message_len });
    }
    let fragments = message.fragments.saturating_add(1);
    if fragments > limits.max_fragments {
        return Err(ProtocolError::TooManyFragments { limit: limits.max_fragments });
    }
    Ok((message.kind, (!fin).then_some(Fragmented { kind: message.kind, len, fragments })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_messages_below_the_bound_break_no_limit() {
        let default = Limits::default();
        let rows = [
            (default, 1 << 16),
            (default.max_frame_len(100), 101),
            (default.max_message_len(50), 51),
            (default.max_frame_len(0), 1),
            (default.max_fragments(1), 1 << 16),
            (default.max_fragments(0), 0),
        ];
        for (limits, expected) in rows {
            assert_eq!(limits.whole_below(), expected, "{limits:?}");
        }
    }
}
