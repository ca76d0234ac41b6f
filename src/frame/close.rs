//! The body of a Close frame (RFC 6455 sections 5.5.1 and 7.4).

use core::fmt;

use crate::error::{ProtocolError, SendError};

/// A close code: why a connection ends (RFC 6455 section 7.4 and its IANA registry).
///
/// Any `u16` is a `CloseCode`; [`is_sendable`](Self::is_sendable) says whether a Close frame may carry it.
///
/// ```
/// use sansocket::CloseCode;
///
/// assert_eq!(CloseCode::from(1000), CloseCode::NORMAL);
/// assert!(CloseCode::NORMAL.is_sendable() && !CloseCode::ABNORMAL.is_sendable());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server shuts down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that this endpoint does not accept, such as binary if it accepts only text.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: the Close frame received had no code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection was lost without a Close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that does not match the message type, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a message violates this endpoint's policy. Also the generic code if no other one fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: the message is too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client needs an extension that the server did not accept.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway received an invalid response from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never on the wire.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Whether a Close frame may carry the code, sent or received.
    ///
    /// "1000-2999 … reserved for definition by this protocol" (section 7.4.2): the registered codes are allowed, except
    /// 1004 (reserved) and 1005, 1006, 1015 ("MUST NOT be set as a status code in a Close control frame"). All of
    /// "3000-3999" and "4000-4999" are allowed, and no other code.
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

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl ProtocolError {
    /// The code of the Close frame sent for this error: 1002, 1007 or 1009. [`CloseCode::ABNORMAL`] if the connection
    /// is lost, because no frame can be sent.
    ///
    /// ```
    /// use sansocket::{CloseCode, ProtocolError};
    ///
    /// assert_eq!(ProtocolError::InvalidUtf8.close_code(), CloseCode::INVALID_DATA);
    /// ```
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_DATA,
            Self::FrameTooLong { .. } | Self::MessageTooLong { .. } | Self::TooManyFragments { .. } => {
                CloseCode::TOO_BIG
            }
            Self::ConnectionLost => CloseCode::ABNORMAL,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

/// The body of a Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Why the connection ends.
    pub code: CloseCode,
    /// The reason as text for debugging, at most 123 bytes. "MUST NOT [be shown] to end users" (section 5.5.1).
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// The longest reason in bytes: the 125 bytes of a control frame without the two of the code.
    pub const MAX_REASON_LEN: usize = 123;

    /// Decodes the unmasked payload of a Close frame. `None` if it is empty.
    ///
    /// # Errors
    ///
    /// "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer" (section 5.5.1):
    /// [`TruncatedCloseCode`](ProtocolError::TruncatedCloseCode) for one byte,
    /// [`InvalidCloseCode`](ProtocolError::InvalidCloseCode) for a code that is not
    /// [sendable](CloseCode::is_sendable), [`InvalidUtf8`](ProtocolError::InvalidUtf8) for a reason that is not UTF-8.
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

    /// Writes the unmasked payload of a Close frame to the front of `out` and returns its length in bytes. A Close
    /// frame without a code has no payload.
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
    /// [`InvalidCloseCode`](SendError::InvalidCloseCode) for a code that is not [sendable](CloseCode::is_sendable),
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
    fn section_7_4_same_codes_are_decoded_and_encoded() {
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
    fn code_converts_to_and_from_its_number_and_is_printed_as_it() {
        assert_eq!(alloc::format!("{:>6}{:<6}|", CloseCode::NORMAL, CloseCode(4999)), "  10004999  |");
        assert_eq!((u16::from(CloseCode(4999)), CloseCode::from(4999)), (4999, CloseCode(4999)));
    }

    // req: 6455-5.5.1-b, 6455-8.1-a
    #[test]
    fn section_5_5_1_body_is_empty_or_a_code_and_utf8() {
        assert_eq!(CloseFrame::decode(b""), Ok(None));
        assert_eq!(CloseFrame::decode(b"\x03"), Err(ProtocolError::TruncatedCloseCode));
        assert_eq!(CloseFrame::decode(b"\x03\xe8\xff"), Err(ProtocolError::InvalidUtf8));
        assert_eq!(
            CloseFrame::decode(b"\x03\xe8bye"),
            Ok(Some(CloseFrame { code: CloseCode::NORMAL, reason: "bye" }))
        );
    }

    #[test]
    fn reason_of_123_bytes_fits_and_124_are_an_error() {
        let mut out = [0; 125];
        let longest = "x".repeat(123);
        let frame = CloseFrame { code: CloseCode::NORMAL, reason: &longest };
        assert_eq!(frame.encode(&mut out), Ok(125));
        assert_eq!(CloseFrame::decode(&out), Ok(Some(frame)));
        let frame = CloseFrame { code: CloseCode::NORMAL, reason: &"x".repeat(124) };
        assert_eq!(frame.encode(&mut out), Err(SendError::ReasonTooLong));
    }
}
