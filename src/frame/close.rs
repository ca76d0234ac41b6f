//! The body of a Close frame (RFC 6455 sections 5.5.1 and 7.4).

use core::fmt;

use crate::error::{ProtocolError, SendError};

/// Why a connection ends, as a number (RFC 6455 section 7.4 and the IANA registry made from it).
///
/// Any `u16` can be held; [`is_sendable`](Self::is_sendable) tells which may stand in a Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that cannot be accepted, such as binary where only text is understood.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: the Close frame received had no code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection was lost without a Close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that is not what its type says, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: against this endpoint's policy; for whatever has no code of its own.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client needs an extension that the server did not accept.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met a condition that it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never on the wire.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Whether the code may stand in a Close frame, sent or received.
    ///
    /// "1000-2999 … reserved for definition by this protocol" (section 7.4.2): of those the registered ones, less 1004
    /// (reserved) and 1005, 1006, 1015 ("MUST NOT be set as a status code in a Close control frame"). "3000-3999" and
    /// "4000-4999" all; nothing else.
    pub fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

impl ProtocolError {
    /// The code that the Close frame carries: 1002, 1007 or 1009. [`CloseCode::ABNORMAL`] where none can be sent,
    /// because the transport is gone.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 => CloseCode::INVALID_DATA,
            Self::FrameTooLong | Self::MessageTooLong | Self::TooManyFragments => CloseCode::TOO_BIG,
            Self::ConnectionLost => CloseCode::ABNORMAL,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

/// What a Close frame says, when it says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Why the connection ends.
    pub code: CloseCode,
    /// The same in words, for whoever debugs; "MUST NOT [be shown] to end users" (section 5.5.1). 123 bytes at most.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// The longest reason: a control frame's 125 bytes less two for the code.
    pub const MAX_REASON_LEN: usize = 123;

    /// Reads the (unmasked) payload of a Close frame; `None` when it is empty.
    ///
    /// # Errors
    ///
    /// "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer" (section 5.5.1): 1002 for
    /// one byte and for a code that may not be sent, 1007 for a reason that is not UTF-8.
    pub fn decode(payload: &'a [u8]) -> Result<Option<Self>, ProtocolError> {
        if payload.is_empty() {
            return Ok(None);
        }
        let Some((code, reason)) = payload.split_first_chunk() else {
            return Err(ProtocolError::TruncatedCloseCode);
        };
        let code = CloseCode(u16::from_be_bytes(*code));
        if !code.is_sendable() {
            return Err(ProtocolError::InvalidCloseCode);
        }
        let reason = core::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
        Ok(Some(Self { code, reason }))
    }

    /// Writes the payload of a Close frame, not masked, to the front of `out` and gives its length. A Close frame that
    /// says nothing has no payload at all.
    ///
    /// ```
    /// use sansocket::frame::{CloseCode, CloseFrame};
    ///
    /// let close = CloseFrame { code: CloseCode::GOING_AWAY, reason: "bye" };
    /// let mut payload = [0; 125];
    /// let len = close.encode(&mut payload)?;
    /// assert_eq!(payload[..len], *b"\x03\xe9bye");
    /// assert_eq!(CloseFrame::decode(&payload[..len]), Ok(Some(close)));
    /// # Ok::<(), sansocket::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What [`decode`](Self::decode) would refuse at the other end: [`InvalidCloseCode`](SendError::InvalidCloseCode) for
    /// a code that "MUST NOT be set as a status code in a Close control frame" (section 7.4.1) or is not defined,
    /// [`ReasonTooLong`](SendError::ReasonTooLong) for more than [`MAX_REASON_LEN`](Self::MAX_REASON_LEN) bytes.
    pub fn encode(&self, out: &mut [u8; 125]) -> Result<usize, SendError> {
        if !self.code.is_sendable() {
            return Err(SendError::InvalidCloseCode);
        }
        let [high, low, reason @ ..] = out;
        [*high, *low] = self.code.0.to_be_bytes();
        let reason = reason.get_mut(..self.reason.len()).ok_or(SendError::ReasonTooLong)?;
        reason.copy_from_slice(self.reason.as_bytes());
        Ok(2 + reason.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // req: 6455-7.4.1-a, 6455-7.4.1-b, 6455-7.4.2-a, 6455-7.4.2-b, 6455-7.4.2-c
    #[test]
    fn section_7_4_every_code_in_both_directions() {
        for code in 0..=u16::MAX {
            let listed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=3999 | 4000..=4999);
            let decoded = CloseFrame::decode(&code.to_be_bytes()).map(|frame| frame.map(|frame| frame.code));
            let expected =
                if listed { Ok(Some(CloseCode(code))) } else { Err(ProtocolError::InvalidCloseCode) };
            assert_eq!(decoded, expected);
            let encoded = CloseFrame { code: CloseCode(code), reason: "" }.encode(&mut [0; 125]);
            assert_eq!(encoded, if listed { Ok(2) } else { Err(SendError::InvalidCloseCode) });
        }
    }

    #[test]
    fn a_code_is_printed_as_its_number() {
        assert_eq!(alloc::format!("{:>6}{:<6}|", CloseCode::NORMAL, CloseCode(4999)), "  10004999  |");
        assert_eq!(u16::from(CloseCode(4999)), 4999);
    }

    // req: 6455-5.5.1-b, 6455-8.1-a
    #[test]
    fn section_5_5_1_bodies() {
        assert_eq!(CloseFrame::decode(b""), Ok(None));
        assert_eq!(CloseFrame::decode(b"\x03"), Err(ProtocolError::TruncatedCloseCode));
        assert_eq!(CloseFrame::decode(b"\x03\xe8\xff"), Err(ProtocolError::InvalidUtf8));
        assert_eq!(
            CloseFrame::decode(b"\x03\xe8bye"),
            Ok(Some(CloseFrame { code: CloseCode::NORMAL, reason: "bye" }))
        );
    }

    #[test]
    fn a_reason_of_123_bytes_fits_and_124_do_not() {
        let mut out = [0; 125];
        let longest = "x".repeat(123);
        let frame = CloseFrame { code: CloseCode::NORMAL, reason: &longest };
        assert_eq!(frame.encode(&mut out), Ok(125));
        assert_eq!(CloseFrame::decode(&out), Ok(Some(frame)));
        let frame = CloseFrame { code: CloseCode::NORMAL, reason: &"x".repeat(124) };
        assert_eq!(frame.encode(&mut out), Err(SendError::ReasonTooLong));
    }
}
