//! After which errors and close codes another attempt may succeed.

use std::io;

use crate::connection::CloseInfo;
use crate::error::{Error, Fault, HandshakeError, ProtocolError};
use crate::frame::CloseCode;

/// Whether another attempt may succeed after this error. [`Retries::failed`](super::Retries::failed) has the table.
pub(super) fn may_succeed_after(error: &Error) -> bool {
    use io::ErrorKind::{InvalidData, Unsupported};
    match error {
        Error::Protocol(error) => is_lost(*error),
        Error::Send(_) => false,
        Error::Handshake(HandshakeError::Refused(refusal)) => is_temporary(refusal.status),
        // What the peer or the caller did wrong comes again, and so does a certificate that is not accepted.
        Error::Handshake(error) => error.fault() == Fault::Network,
        // `InvalidData` is what TLS streams report for a certificate. `InvalidInput` is not the caller's fault alone: macOS
        // gives it for the options of a socket that the peer has reset.
        Error::Io(error) => !matches!(error.kind(), InvalidData | Unsupported),
    }
}

fn is_lost(error: ProtocolError) -> bool {
    error == ProtocolError::ConnectionLost
}

/// After 408 a client "MAY repeat that request" (RFC 9110 section 15.5.9), 429 means "too many requests in a given amount of
/// time" (RFC 6585 section 4), and 5xx is about the server. 501 and 505 say that it does not implement what was asked for.
fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504 | 506..=599)
}

/// Whether a connection that the server closed may come back. [`Retries::closed`](super::Retries::closed) has the table.
pub(super) fn may_succeed_after_close(info: &CloseInfo) -> bool {
    info.fault.is_none_or(is_lost) && may_return(info.code)
}

/// Whether a server that closes with this code may take the client back.
fn may_return(code: CloseCode) -> bool {
    const UNAUTHORIZED: CloseCode = CloseCode(3000);
    const FORBIDDEN: CloseCode = CloseCode(3003);
    !matches!(
        code,
        CloseCode::NORMAL
            | CloseCode::PROTOCOL_ERROR
            | CloseCode::UNSUPPORTED
            | CloseCode::INVALID_DATA
            | CloseCode::POLICY_VIOLATION
            | CloseCode::TOO_BIG
            | CloseCode::MANDATORY_EXTENSION
            | CloseCode::TLS_HANDSHAKE
            | UNAUTHORIZED
            | FORBIDDEN
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Refusal, SendError};

    #[test]
    fn errors_that_come_again_end_the_loop() {
        use HandshakeError::*;
        let rows: [(Error, bool); 24] = [
            (ProtocolError::ConnectionLost.into(), true),
            (UnexpectedEof.into(), true),
            (TimedOut.into(), true),
            (io::Error::from(io::ErrorKind::ConnectionRefused).into(), true),
            (io::Error::from(io::ErrorKind::ConnectionReset).into(), true),
            (io::Error::from(io::ErrorKind::TimedOut).into(), true),
            (io::Error::other("no such host").into(), true),
            (io::Error::from(io::ErrorKind::InvalidData).into(), false),
            (io::Error::from(io::ErrorKind::InvalidInput).into(), true),
            (io::Error::from(io::ErrorKind::Unsupported).into(), false),
            (ProtocolError::InvalidUtf8.into(), false),
            (ProtocolError::FrameTooLong { len: 2, limit: 1 }.into(), false),
            (SendError::OutputFull.into(), false),
            (BadUrl("no scheme").into(), false),
            (BadHeader("Host".into()).into(), false),
            (TlsNeeded.into(), false),
            (Finished.into(), false),
            (Invalid("Sec-WebSocket-Accept").into(), false),
            (SubprotocolNotOffered.into(), false),
            (MalformedHead.into(), false),
            (HeadTooLong.into(), false),
            (BadRedirect("user info").into(), false),
            (TooManyRedirects { limit: 1 }.into(), false),
            (Rejected(503).into(), false),
        ];
        for (error, expected) in rows {
            assert_eq!(may_succeed_after(&error), expected, "{error:?}");
        }
        for status in 100..=999 {
            let temporary = [408, 429].contains(&status) || (500..600).contains(&status);
            let expected = temporary && ![501, 505].contains(&status);
            let refusal = Refusal { status, headers: Vec::new(), body: Vec::new() };
            let error = Refused(Box::new(refusal)).into();
            assert_eq!(may_succeed_after(&error), expected, "{status}");
        }
    }

    #[test]
    fn section_7_4_codes_about_this_client_end_the_loop() {
        let info = |code, fault: Option<ProtocolError>| CloseInfo {
            code: CloseCode(code),
            reason: "".into(),
            was_clean: fault.is_none(),
            sent: None,
            fault,
        };
        let ends = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 1015, 3000, 3003];
        for code in (1000..=1015).chain(3000..5000) {
            assert_eq!(may_succeed_after_close(&info(code, None)), !ends.contains(&code), "{code}");
        }
        assert!(may_succeed_after_close(&info(1006, Some(ProtocolError::ConnectionLost))));
        assert!(!may_succeed_after_close(&info(1006, Some(ProtocolError::InvalidUtf8))));
    }
}
