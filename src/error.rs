//! What can go wrong, by who is at fault.
//!
//! | type | at fault | what follows |
//! |---|---|---|
//! | [`ProtocolError`] | the peer, or the network | the Close frame is queued: write it, then end the transport |
//! | [`SendError`] | the caller | nothing was queued, the connection goes on |
//! | [`HandshakeError`] | see [`HandshakeError::fault`] | there is no connection |
//! | [`Error`] | any of them, or the operating system | what a shell returns |

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The peer broke a rule, or went away without a closing handshake. The connection gives no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// RSV1, RSV2 or RSV3 is set, and no negotiated extension defines it here (section 5.2).
    ReservedBits,
    /// The opcode is not defined (section 5.2).
    UnknownOpcode,
    /// A control frame has no FIN (section 5.5).
    FragmentedControl,
    /// A control frame has more than 125 bytes of payload (section 5.5).
    OversizedControl,
    /// The payload length is not encoded in the fewest bytes (section 5.2).
    NonMinimalLength,
    /// The most significant bit of a 64-bit payload length is set (section 5.2).
    LengthOverflow,
    /// A server received an unmasked frame (section 5.1).
    NotMasked,
    /// A client received a masked frame (section 5.1).
    Masked,
    /// A continuation frame came while no fragmented message was under way (section 5.4).
    NothingToContinue,
    /// A new message began before the last fragment of the one under way (section 5.4).
    InterleavedMessage,
    /// Text, or the reason of a Close frame, is not UTF-8 (section 8.1).
    InvalidUtf8,
    /// The payload of a Close frame is one byte long (section 5.5.1).
    TruncatedCloseCode,
    /// A Close frame has a code that must not be sent (section 7.4).
    InvalidCloseCode,
    /// A frame is longer than [`Limits::max_frame_len`](crate::Limits::max_frame_len).
    FrameTooLong {
        /// The payload length in the frame header, in bytes.
        len: u64,
        /// [`Limits::max_frame_len`](crate::Limits::max_frame_len), in bytes.
        limit: u64,
    },
    /// A message is longer than [`Limits::max_message_len`](crate::Limits::max_message_len).
    MessageTooLong {
        /// The payload lengths of its frames so far, in bytes. The last of them may not have arrived. Of a compressed message,
        /// what it is inflated to so far.
        len: u64,
        /// [`Limits::max_message_len`](crate::Limits::max_message_len), in bytes.
        limit: u64,
    },
    /// A message has more frames than [`Limits::max_fragments`](crate::Limits::max_fragments).
    TooManyFragments {
        /// [`Limits::max_fragments`](crate::Limits::max_fragments).
        limit: u32,
    },
    /// The payload of a compressed message is not DEFLATE data that ends as RFC 7692 section 7.2.1 says, or it refers to data
    /// before its window.
    InvalidDeflate,
    /// The transport ended, or went silent, before the closing handshake was complete (section 7.1.5).
    ConnectionLost,
}

impl ProtocolError {
    /// The reason in the Close frame: fixed text without lengths and limits.
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
            Self::FrameTooLong { .. } => "frame too long",
            Self::MessageTooLong { .. } => "message too long",
            Self::TooManyFragments { .. } => "too many fragments",
            Self::InvalidDeflate => "invalid compressed data",
            Self::ConnectionLost => "connection lost without a closing handshake",
        }
    }
}

impl core::error::Error for ProtocolError {}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::FrameTooLong { len, limit } | Self::MessageTooLong { len, limit } => {
                write!(f, ": {len} bytes, the limit is {limit}")
            }
            Self::TooManyFragments { limit } => write!(f, ": the limit is {limit}"),
            _ => Ok(()),
        }
    }
}

/// The caller asked for something that cannot be sent. Nothing of it was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A Close frame was sent, or the connection has failed: nothing may follow (section 5.5.1).
    #[error("the connection is closing or closed")]
    Closed,
    /// The output would exceed [`Config::max_output_len`](crate::Config::max_output_len). Write some of it and try again.
    #[error("too much output is waiting to be written")]
    OutputFull,
    /// The message alone exceeds [`Config::max_output_len`](crate::Config::max_output_len). Send it in fragments.
    #[error("a message of {len} bytes with its header, the limit for the output is {limit}")]
    MessageTooLong {
        /// The payload length with room for the longest frame header, in bytes.
        len: usize,
        /// [`Config::max_output_len`](crate::Config::max_output_len), in bytes.
        limit: usize,
    },
    /// A fragmented message is being sent. Data of another message must not come between its fragments (section 5.4).
    #[error("a fragmented message is under way")]
    MessageUnderWay,
    /// The payload of a Ping or a Pong is longer than 125 bytes (section 5.5).
    #[error("a ping or a pong carries at most 125 bytes")]
    ControlTooLong,
    /// The close code must not be sent (section 7.4).
    #[error("this close code must not be sent")]
    InvalidCloseCode,
    /// The reason of a Close frame is longer than 123 bytes (section 5.5).
    #[error("a close reason has at most 123 bytes")]
    ReasonTooLong,
}

/// Why there is no connection. [`fault`](Self::fault) says who caused it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    // Caused by the peer.
    /// The head is longer than [`Config::max_head_len`](crate::Config::max_head_len).
    #[error("the HTTP head is too long")]
    HeadTooLong,
    /// The head has more headers than [`Config::max_headers`](crate::Config::max_headers).
    #[error("the HTTP head has too many headers")]
    TooManyHeaders,
    /// The head is not HTTP/1.1.
    #[error("not a well-formed HTTP/1.1 head")]
    MalformedHead,
    /// The method is not GET (section 4.2.1).
    #[error("the method is not GET")]
    MethodNotGet,
    /// The request target is neither a path nor an `http:`, `https:`, `ws:` or `wss:` URI (section 4.2.1).
    #[error("unusable request target")]
    BadTarget,
    /// The request of an opening handshake has a body.
    #[error("the opening handshake has a body")]
    UnexpectedBody,
    /// A header that section 4.1 or 4.2.1 requires is missing.
    #[error("no {0} header")]
    Missing(&'static str),
    /// A header has an unacceptable value.
    #[error("unacceptable {0} header")]
    Invalid(&'static str),
    /// A header that must not appear twice (section 11.3) does.
    #[error("duplicate {0} header")]
    Duplicate(&'static str),
    /// The protocol version is not 13. Answered with 426 (section 4.4).
    #[error("the protocol version is not 13")]
    UnsupportedVersion,
    /// The request is an ordinary HTTP request, so it opens no connection. Answered with 426 unless the application answers
    /// it.
    #[error("an ordinary HTTP request")]
    NotAnUpgrade,
    /// The server chose a subprotocol that was not offered (section 4.1).
    #[error("the server chose a subprotocol that was not offered")]
    SubprotocolNotOffered,
    /// The server chose an extension that was not offered (section 4.1).
    #[error("the server chose an extension that was not offered")]
    ExtensionNotOffered,
    /// The TLS handshake failed. The text says why: a certificate that is not accepted, or a fault of the peer's.
    #[error("the TLS handshake failed: {0}")]
    Tls(Box<str>),
    /// The server answered with a status other than 101, or over HTTP/2 other than 2xx.
    #[error("the server answered with status {}", .0.status)]
    Refused(Box<Refusal>),
    /// The server of an HTTP/2 connection has not enabled the extended `CONNECT` (RFC 8441 section 3): it accepts no
    /// WebSocket connections over HTTP/2.
    #[error("the server has not enabled WebSocket over HTTP/2 (RFC 8441)")]
    ExtendedConnectDisabled,
    /// The server redirects, and redirects are followed, but not to there. The text names what is wrong with its `Location`.
    #[error("bad redirect: {0}")]
    BadRedirect(&'static str),
    /// One redirect more than are followed. A loop ends so, too.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The most redirects that are followed.
        limit: u32,
    },
    /// The proxy in front of the server answered `CONNECT` with a status other than 2xx (RFC 9110 section 9.3.6). A redirect
    /// counts as any other status, and so does 407, which asks for other credentials.
    #[error("the proxy answered with status {}", .0.status)]
    ProxyRefused(Box<Refusal>),
    /// The proxy in front of the server did not answer in the protocol it was asked in: HTTP/1.x or SOCKS 5.
    #[error("the proxy sent a malformed answer")]
    MalformedProxy,
    /// The SOCKS proxy in front of the server accepts no authentication method that could be offered (RFC 1928 section 3).
    /// Without credentials, that is "none"; with credentials, also user name and password.
    #[error("the SOCKS proxy accepts none of the authentication methods")]
    SocksMethodRefused,
    /// The SOCKS proxy in front of the server refused user name and password (RFC 1929).
    #[error("the SOCKS proxy refused user name and password")]
    SocksCredentialsRefused,
    /// The SOCKS proxy in front of the server opened no connection to the server. The number is its reply (RFC 1928 section
    /// 6): 1 failure of the proxy, 2 not allowed, 3 network unreachable, 4 host unreachable, 5 connection refused, 6 TTL
    /// expired, 7 command not supported, 8 address type not supported; the others have no meaning.
    ///
    /// For 3 to 6 the [`fault`](Self::fault) is the network's, between the proxy and the server. Otherwise it is the
    /// proxy's.
    #[error("the SOCKS proxy refused: {} (reply {_0})", socks_reply(*_0))]
    SocksRefused(u8),

    // Caused by the network, or by a peer that is gone.
    /// The stream ended before the handshake was complete.
    #[error("the connection ended during the opening handshake")]
    UnexpectedEof,
    /// The handshake was not complete within [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    #[error("the opening handshake took too long")]
    TimedOut,

    // Caused by the caller.
    /// Not a `ws:` or `wss:` URL. The text names what is wrong with it.
    #[error("bad URL: {0}")]
    BadUrl(&'static str),
    /// A `wss:` URL needs TLS, and no feature for it is enabled.
    #[error("wss: needs TLS: enable the feature `tls`, or bring a TLS stream to `connect_over`")]
    TlsNeeded,
    /// There is no configuration for TLS. The text says what is missing and what to do.
    #[error("TLS cannot be configured: {0}")]
    TlsUnavailable(Box<str>),
    /// The [`Connector`](crate::Connector) has settings that exclude each other. The text names them.
    #[error("unusable connector: {0}")]
    BadConnector(&'static str),
    /// The URL of a proxy cannot be used. The text names what is wrong with it.
    #[error("bad proxy: {0}")]
    BadProxy(&'static str),
    /// The header with this name cannot be sent: the name or the value has a forbidden character, or the handshake sets this
    /// header itself.
    #[error("the header {0:?} cannot be sent")]
    BadHeader(Box<str>),
    /// This subprotocol cannot be sent: it is not a token, is given twice, or (server) was not offered.
    #[error("the subprotocol {0:?} cannot be sent")]
    BadSubprotocol(Box<str>),
    /// The status of a response that opens no connection must be from 200 to 599, and for `CONNECT` from 300.
    #[error("the status {0} cannot be sent")]
    BadStatus(u16),
    /// A response that opens the connection has no body.
    #[error("a response that opens the connection has no body")]
    BadBody,
    /// The application rejected the request with this status.
    #[error("rejected with status {0}")]
    Rejected(u16),
    /// The HTTP library has not prepared its connection for an upgrade. Hyper needs `with_upgrades()` for HTTP/1.1, and no
    /// other code may take the upgrade out of the request first.
    #[error("the HTTP connection cannot be upgraded (is hyper's `with_upgrades` missing?)")]
    NotUpgradable,
    /// No request waits for a response.
    #[error("no request waits for a response")]
    NoRequest,
    /// The handshake has already given its result. Its request or its connection comes once.
    #[error("the opening handshake has already given its result")]
    Finished,
}

/// Who caused a [`HandshakeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The peer sent something unacceptable, or refused. The same attempt is likely to fail again, unless it was
    /// [`Refused`](HandshakeError::Refused) or [`ProxyRefused`](HandshakeError::ProxyRefused) with a status that may be
    /// temporary: 408, 429, 5xx. A proxy in front of the server counts as the peer.
    Peer,
    /// The caller: what it asked for cannot be sent, it rejected the request, or it used a finished handshake.
    Caller,
    /// The network, or a peer that is gone or slow. Another attempt may succeed.
    Network,
}

impl HandshakeError {
    /// Who caused this error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::UnexpectedEof | Self::TimedOut | Self::SocksRefused(3..=6) => Fault::Network,
            Self::BadUrl(_)
            | Self::TlsNeeded
            | Self::TlsUnavailable(_)
            | Self::BadConnector(_)
            | Self::BadProxy(_)
            | Self::BadHeader(_)
            | Self::BadSubprotocol(_)
            | Self::BadStatus(_)
            | Self::BadBody
            | Self::Rejected(_)
            | Self::NotUpgradable
            | Self::NoRequest
            | Self::Finished => Fault::Caller,
            _ => Fault::Peer,
        }
    }
}

/// RFC 1928 section 6.
fn socks_reply(code: u8) -> &'static str {
    match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unassigned",
    }
}

/// A server's response with a status other than 101, or other than 2xx over HTTP/2: "If the status code received from the
/// server is not 101, the client handles the response per HTTP procedures" (section 4.1). Or a proxy's, with a status other
/// than 2xx.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, such as 401 or 503.
    pub status: u16,
    /// Names and values of the headers, in their order. Bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The start of the body, at most [`Config::max_head_len`](crate::Config::max_head_len) bytes. Chunks
    /// (`Transfer-Encoding: chunked`) are decoded, other codings are not.
    pub body: Vec<u8>,
}

impl Refusal {
    /// The value of the first header of that name. ASCII case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Refusal {
    /// The body is shown as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish()
    }
}

/// Whether this error of a stream means that the connection is gone for good.
#[cfg(feature = "std")]
pub(crate) fn ends_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// What a shell returns. After [`Io`](Self::Io), after [`Protocol`](Self::Protocol) with
/// [`ConnectionLost`](ProtocolError::ConnectionLost), and after a [`Handshake`](Self::Handshake) error whose
/// [`fault`](HandshakeError::fault) is the network's, another attempt may succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule or went away.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The caller asked for something that cannot be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The opening handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The stream failed.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[cfg(feature = "std")]
impl Error {
    /// A fault of TLS comes as an error of the stream. While a connection is opened, it is a fault of the handshake.
    pub(crate) fn of_tls(self) -> Self {
        #[cfg(feature = "rustls")]
        if let Self::Io(error) = &self {
            let fault = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
            if let Some(fault) = fault {
                let hint = match fault {
                    rustls::Error::InvalidMessage(_) => " (does the server speak TLS on this port?)",
                    _ => "",
                };
                return HandshakeError::Tls(std::format!("{fault}{hint}").into()).into();
            }
        }
        self
    }
}
