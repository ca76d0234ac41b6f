//! Which frame may come next: the rules of sections 5.1, 5.2 and 5.4 that depend on what came before, and the limits
//! of section 10.4.

use super::{FrameHeader, Opcode};
use crate::error::ProtocolError;
use crate::role::Role;

/// What a peer may make this endpoint handle or hold. All inclusive; exceeded, the connection fails with 1009 as soon
/// as the frame header shows it, before any of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest payload of one data frame, in bytes. Default: 16 MiB.
    pub max_frame_len: u64,
    /// The longest message, over all its frames, in bytes. Default: 16 MiB.
    pub max_message_len: u64,
    /// The most frames in one message, empty ones included. Default: 131,072 (8 MiB in 64-byte fragments).
    pub max_fragments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_frame_len: 16 << 20, max_message_len: 16 << 20, max_fragments: 1 << 17 }
    }
}

/// What a frame carries, continuations resolved to the message that they continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    role: Role,
    /// The fragmented message under way.
    message: Option<Message>,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    kind: Kind,
    len: u64,
    fragments: u32,
}

impl Rules {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, message: None }
    }

    /// Whether no fragmented message is under way.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.message.is_none()
    }

    /// Lets the frame in and tells what it carries, or says which rule it breaks.
    pub(crate) fn admit(&mut self, header: &FrameHeader, limits: &Limits) -> Result<Kind, ProtocolError> {
        // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values" (section 5.2).
        if header.rsv1 {
            return Err(ProtocolError::ReservedBits);
        }
        // "A server MUST close the connection upon receiving a frame that is not masked … A client MUST close a
        // connection if it detects a masked frame" (section 5.1).
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(ProtocolError::NotMasked),
            (Role::Client, Some(_)) => return Err(ProtocolError::Masked),
            _ => {}
        }
        match header.opcode {
            Opcode::Close => Ok(Kind::Close),
            Opcode::Ping => Ok(Kind::Ping),
            Opcode::Pong => Ok(Kind::Pong),
            data => self.admit_data(data, header.fin, header.payload_len, limits),
        }
    }

    /// The same for a data frame that is masked as it should be and has no reserved bit set.
    #[inline]
    pub(crate) fn admit_data(
        &mut self,
        opcode: Opcode,
        fin: bool,
        payload_len: u64,
        limits: &Limits,
    ) -> Result<Kind, ProtocolError> {
        let message = match (opcode, self.message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Continuation, None) => return Err(ProtocolError::NothingToContinue),
            (_, Some(_)) => return Err(ProtocolError::InterleavedMessage),
            (Opcode::Text, None) => Message { kind: Kind::Text, len: 0, fragments: 0 },
            (_, None) => Message { kind: Kind::Binary, len: 0, fragments: 0 },
        };
        if payload_len > limits.max_frame_len {
            return Err(ProtocolError::FrameTooLong);
        }
        let len = message.len.saturating_add(payload_len);
        if len > limits.max_message_len {
            return Err(ProtocolError::MessageTooLong);
        }
        let fragments = message.fragments.saturating_add(1);
        if fragments > limits.max_fragments {
            return Err(ProtocolError::TooManyFragments);
        }
        self.message = (!fin).then_some(Message { kind: message.kind, len, fragments });
        Ok(message.kind)
    }
}
