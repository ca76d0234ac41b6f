//! The two ways in which HTTP opens a connection.

/// What opens a connection. `T` is the proof that this end sends or awaits: the value of `Sec-WebSocket-Accept`.
///
/// | | request | response |
/// |---|---|---|
/// | HTTP/1.1 (RFC 6455 section 4) | `GET`, `Upgrade`, `Connection`, `Sec-WebSocket-Key` | 101, `Sec-WebSocket-Accept` |
/// | HTTP/2 (RFC 8441 section 5) | `CONNECT`, `:protocol` | 2xx |
///
/// Everything else is the same: path, `Origin`, and the headers that begin with `Sec-WebSocket-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opens<T> {
    /// The HTTP connection becomes the WebSocket connection.
    Upgrade(T),
    /// One stream of the HTTP connection becomes the WebSocket connection. "Implementations using this extended CONNECT to
    /// bootstrap WebSockets do not do the processing of the Sec-WebSocket-Key and Sec-WebSocket-Accept header fields" (RFC
    /// 8441 section 5).
    ExtendedConnect,
}

impl<T> Opens<T> {
    pub(super) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Opens<U> {
        match self {
            Self::Upgrade(proof) => Opens::Upgrade(convert(proof)),
            Self::ExtendedConnect => Opens::ExtendedConnect,
        }
    }
}

/// The version of HTTP that a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpVersion {
    Http10,
    Http11,
    /// HTTP/2 and HTTP/3. Both have pseudo-headers in place of the first line, and no headers that concern the connection.
    Http2,
}

impl HttpVersion {
    /// The version HTTP/1.`minor`.
    pub(super) fn of_http1(minor: Option<u8>) -> Self {
        if minor == Some(1) { Self::Http11 } else { Self::Http10 }
    }
}
