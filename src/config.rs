//! The limits and timeouts of a connection.

use core::time::Duration;

use crate::frame::Limits;
use crate::setters::setters;

/// The default of [`Config::read_len`], which opening handshakes use, too.
pub(crate) const READ_LEN: usize = 17 << 10;

/// The limits and timeouts of a connection. Every default limit is finite.
///
/// Each field has a setter of the same name:
///
/// ```
/// use core::time::Duration;
/// use sansocket::{Config, Limits};
///
/// let config = Config::default()
///     .limits(Limits::default().max_message_len(64 << 10))
///     .keepalive(Some(Duration::from_secs(10)));
/// assert_eq!(config.limits.max_message_len, 65_536);
/// ```
///
/// Functions that take a configuration also take an `Arc<Config>`, which many connections can share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The limits on frames and messages from the peer. See [`Limits`].
    pub limits: Limits,
    /// The most bytes that may wait to be written. A send that would exceed this limit fails with
    /// [`SendError::OutputFull`](crate::SendError::OutputFull); each send counts 14 bytes for its header, the longest.
    /// Replies that the protocol requires (up to 16 Pongs, one Close) are exempt. Default: 32 MiB.
    pub max_output_len: usize,
    /// How many bytes one read asks for. Less than 1 KiB counts as 1 KiB. Default: 17 KiB, a frame of 16 KiB with its header,
    /// which a first-level cache holds. The rest of a longer frame is read in parts of up to eight times this length, as far as
    /// memory for it grows with what has arrived. The read behind such a frame asks for 1 KiB.
    ///
    /// The shells ask for seven times this length from a peer that sends faster than this end reads: after a read that brought
    /// all it had asked for, until 16 reads have brought less than this length.
    pub read_len: usize,
    /// The interval between two checks for silence; `None` or zero disables them. A check sends a Ping if nothing has arrived
    /// since the previous one. If nothing has arrived by the next check either, the connection is lost: two to three
    /// intervals after the last sign of life. Part of a header or of a control frame is not a sign of life. It is a
    /// sign of life if the stream takes bytes again after it had stalled: the peer is reading.
    ///
    /// A Ping may wait behind data in the buffers of the systems between. For each 64 KiB that were sent since the last
    /// sign of life, the Pong may come one second later, up to [`write_timeout`](Self::write_timeout) in all.
    ///
    /// An idle connection sends a Ping every two intervals, so choose less than half of the time after which a proxy
    /// cuts idle connections. Default: 20 s, for proxies that do so after 60 s.
    pub keepalive: Option<Duration>,
    /// How long the peer may take to answer a Close frame, and to end the transport after the closing handshake.
    /// With zero nothing is awaited, and a `close` of a shell writes as much of the output as the stream takes at once.
    /// Default: 5 s, so that a peer which does not answer cannot delay the end for long.
    pub close_timeout: Duration,
    /// How long the whole opening handshake may take. Only the shells apply it. Default: 10 s, enough
    /// for a few round trips and lost packets on a slow network.
    pub handshake_timeout: Duration,
    /// How long one write may wait for a peer that does not read. Only the shells apply it. Default: 30 s, so that a
    /// short loss of the network does not end the connection.
    pub write_timeout: Duration,
    /// Compression (permessage-deflate, RFC 7692): what a client offers, and what a server accepts. Default: `None`.
    #[cfg(feature = "deflate")]
    pub deflate: Option<crate::deflate::Deflate>,
    /// The longest HTTP head, in bytes; a longer one is answered with 431. Default: 32 KiB, enough for the 8 KiB of
    /// cookies that browsers send.
    pub max_head_len: usize,
    /// The most headers in an HTTP head; more are answered with 431. Default: 100, several times what browsers and
    /// proxies send.
    pub max_headers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_output_len: 32 << 20,
            read_len: READ_LEN,
            keepalive: Some(Duration::from_secs(20)),
            close_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            #[cfg(feature = "deflate")]
            deflate: None,
            max_head_len: 32 << 10,
            max_headers: 100,
        }
    }
}

impl Config {
    setters! {
        limits: Limits,
        max_output_len: usize,
        read_len: usize,
        keepalive: Option<Duration>,
        close_timeout: Duration,
        handshake_timeout: Duration,
        write_timeout: Duration,
        max_head_len: usize,
        max_headers: usize,
    }
}

#[cfg(feature = "deflate")]
impl Config {
    setters! { deflate: Option<crate::deflate::Deflate> }
}

#[cfg(feature = "std")]
impl Config {
    /// With more than this many bytes queued, a shell that writes when it likes writes before it takes more.
    pub(crate) fn high_water(&self) -> usize {
        (self.max_output_len / 2).min(64 << 10)
    }

    /// The default configuration, shared by all connections.
    pub(crate) fn shared_default() -> std::sync::Arc<Self> {
        static DEFAULT: std::sync::LazyLock<std::sync::Arc<Config>> =
            std::sync::LazyLock::new(Default::default);
        std::sync::Arc::clone(&DEFAULT)
    }
}
