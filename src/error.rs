//! What can go wrong, by who is at fault.
//!
//! | type | at fault | what follows |
//! |---|---|---|
//! | [`ProtocolError`] | the peer, or the network | the Close frame is already queued; write it out and drop the transport |
//! | [`SendError`] | the caller | nothing was queued, the connection goes on |
//! | [`HandshakeError`] | whoever its variant names | there is no connection |
//! | [`Error`] | any of them, or the operating system | what a shell returns |

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// The peer broke a rule, or went away without a closing handshake. Final: after it a connection gives no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.as_str())]
#[non_exhaustive]
pub enum ProtocolError {
    /// RSV1, RSV2 or RSV3 is set and no negotiated extension gives it a meaning here (section 5.2).
    ReservedBits,
    /// An opcode that is not defined (section 5.2).
    UnknownOpcode,
    /// A control frame without FIN (section 5.5).
    FragmentedControl,
    /// A control frame of more than 125 bytes (section 5.5).
    OversizedControl,
    /// A length in more bytes than it needs (section 5.2).
    NonMinimalLength,
    /// A 64-bit length with its most significant bit set (section 5.2).
    LengthOverflow,
    /// A server received a frame that is not masked (section 5.1).
    NotMasked,
    /// A client received a masked frame (section 5.1).
    Masked,
    /// A continuation frame with no message to continue (section 5.4).
    NothingToContinue,
    /// A new message before the last fragment of the one under way (section 5.4).
    InterleavedMessage,
    /// Text, or the reason of a Close frame, that is not UTF-8 (section 8.1).
    InvalidUtf8,
    /// A Close frame with one byte of payload (section 5.5.1).
    TruncatedCloseCode,
    /// A Close frame with a code that may not be sent (section 7.4).
    InvalidCloseCode,
    /// A frame longer than [`Limits::max_frame_len`](crate::Limits::max_frame_len).
    FrameTooLong,
    /// A message longer than [`Limits::max_message_len`](crate::Limits::max_message_len).
    MessageTooLong,
    /// A message of more frames than [`Limits::max_fragments`](crate::Limits::max_fragments).
    TooManyFragments,
    /// The transport ended, or went silent, before the closing handshake was complete (section 7.1.5).
    ConnectionLost,
}

impl ProtocolError {
    /// The error in words, which are also the reason in the Close frame.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReservedBits => "a reserved bit is set",
            Self::UnknownOpcode => "unknown opcode",
            Self::FragmentedControl => "fragmented control frame",
            Self::OversizedControl => "control frame of more than 125 bytes",
            Self::NonMinimalLength => "payload length not in its shortest form",
            Self::LengthOverflow => "payload length of 2^63 or more",
            Self::NotMasked => "frame from a client is not masked",
            Self::Masked => "frame from a server is masked",
            Self::NothingToContinue => "continuation of no message",
            Self::InterleavedMessage => "new message inside a fragmented one",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::TruncatedCloseCode => "close code of one byte",
            Self::InvalidCloseCode => "invalid close code",
            Self::FrameTooLong => "frame too long",
            Self::MessageTooLong => "message too long",
            Self::TooManyFragments => "too many fragments",
            Self::ConnectionLost => "connection lost without a closing handshake",
        }
    }
}

/// The caller asked for what cannot be sent. Nothing of it was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A Close frame was sent or the connection has failed: nothing may follow (section 5.5.1).
    #[error("the connection is closing or closed")]
    Closed,
    /// What waits to be written would exceed [`Config::max_output_len`](crate::Config::max_output_len). Write some of
    /// it out and try again.
    #[error("too much output is waiting to be written")]
    OutputFull,
    /// The message, with room for its header, is longer than [`Config::max_output_len`](crate::Config::max_output_len) by
    /// itself. Send it in fragments.
    #[error("a message longer than the output may be")]
    MessageTooLong,
    /// A message is being sent in fragments; data of another cannot come between them (section 5.4).
    #[error("a fragmented message is under way")]
    MessageUnderWay,
    /// The payload of a Ping or a Pong is more than 125 bytes (section 5.5).
    #[error("a ping or a pong carries at most 125 bytes")]
    ControlTooLong,
    /// A close code that may not be sent (section 7.4).
    #[error("this close code is not for sending")]
    InvalidCloseCode,
    /// The reason of a Close frame is more than 123 bytes (section 5.5).
    #[error("a close reason has at most 123 bytes")]
    ReasonTooLong,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    // The peer's.
    /// The head is longer than [`Config::max_head_len`](crate::Config::max_head_len).
    #[error("the HTTP head is too long")]
    HeadTooLong,
    /// The head has more lines than [`Config::max_headers`](crate::Config::max_headers).
    #[error("the HTTP head has too many headers")]
    TooManyHeaders,
    /// The head is not HTTP/1.1.
    #[error("not a well-formed HTTP/1.1 head")]
    MalformedHead,
    /// The method of an opening handshake is GET (section 4.2.1).
    #[error("the method is not GET")]
    MethodNotGet,
    /// The request target is neither a path nor an `http:` or `https:` URI (section 4.2.1).
    #[error("unusable request target")]
    BadTarget,
    /// An opening handshake has no body.
    #[error("the opening handshake has a body")]
    UnexpectedBody,
    /// A header that sections 4.1 or 4.2.1 require is not there.
    #[error("no {0} header")]
    Missing(&'static str),
    /// A header whose value does not do.
    #[error("unacceptable {0} header")]
    Invalid(&'static str),
    /// A header that may stand once (section 11.3) stands twice.
    #[error("duplicate {0} header")]
    Duplicate(&'static str),
    /// A protocol version other than 13; answered with 426 (section 4.4).
    #[error("the protocol version is not 13")]
    UnsupportedVersion,
    /// An ordinary HTTP request where only WebSocket connections are taken; answered with 426.
    #[error("an ordinary HTTP request")]
    NotAnUpgrade,
    /// The server chose a subprotocol that was not offered (section 4.1).
    #[error("the server chose a subprotocol that was not offered")]
    SubprotocolNotOffered,
    /// The server chose an extension that was not offered (section 4.1).
    #[error("the server chose an extension that was not offered")]
    ExtensionNotOffered,
    /// The server answered with HTTP.
    #[error("the server answered with status {}", .0.status)]
    Refused(Box<Refusal>),
    /// The transport ended in the middle of the head.
    #[error("the connection ended during the opening handshake")]
    UnexpectedEof,
    /// The head did not arrive within [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    #[error("the opening handshake took too long")]
    TimedOut,

    // The caller's.
    /// Not a `ws:` or `wss:` URL; the text says in what.
    #[error("bad URL: {0}")]
    BadUrl(&'static str),
    /// `wss:` needs TLS, which this function does not do.
    #[error("wss: needs a TLS stream")]
    TlsNeeded,
    /// A header name or value with characters that may not stand in one, or one that the handshake itself sets.
    #[error("this header cannot be sent")]
    BadHeader,
    /// A subprotocol that is not a token, is given twice, or (server) is not one of those offered.
    #[error("this subprotocol cannot be sent")]
    BadSubprotocol,
    /// The status of an answer that opens no connection is one from 200 to 599.
    #[error("this status cannot be sent")]
    BadStatus,
    /// The application rejected the request, with this status.
    #[error("rejected with status {0}")]
    Rejected(u16),
}

/// An HTTP answer other than 101: the server has not opened a WebSocket connection. "If the status code received
/// from the server is not 101, the client handles the response per HTTP procedures" (section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, such as 401 or 503.
    pub status: u16,
    /// The headers in their order; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The start of the body, as it came (a `Transfer-Encoding` is not undone): at most
    /// [`Config::max_head_len`](crate::Config::max_head_len) bytes.
    pub body: Vec<u8>,
}

impl Refusal {
    /// The first header of that name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Whether there is no connection any more after this error, however often one tries.
#[cfg(feature = "std")]
pub(crate) fn ends_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// What a shell returns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule or went away.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The caller asked for what cannot be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// There is no connection.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The operating system, or the stream.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
