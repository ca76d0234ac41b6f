//! What a connection may cost, and how patient it is.

use core::time::Duration;

use crate::frame::Limits;

/// The limits and times of a connection. Every limit is finite unless you raise it.
///
/// ```
/// use core::time::Duration;
/// use sansocket::{Config, Limits};
///
/// let config = Config {
///     limits: Limits { max_message_len: 64 << 10, ..Limits::default() },
///     keepalive: Some(Duration::from_secs(10)),
///     ..Config::default()
/// };
/// ```
///
/// Whatever takes a configuration takes an `Arc` of one as well, so that many connections can share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the peer may send. See [`Limits`].
    pub limits: Limits,
    /// The most bytes that may wait to be written. A send that would exceed it fails with
    /// [`SendError::OutputFull`](crate::SendError::OutputFull), the longest of frame headers assumed; the answers that the
    /// protocol owes (a few Pongs, one Close) are always taken. Default: 32 MiB.
    pub max_output_len: usize,
    /// The interval at which the connection is checked for silence. Where nothing has come since the last check, a Ping is
    /// sent; where nothing has come by the next one either, the connection counts as lost: two to three intervals after
    /// the last sign of life. Part of a header or of a control frame is not one; while more waits to be written, what the
    /// stream takes is one. `None`: never.
    ///
    /// On a connection that is idle otherwise a Ping and its Pong pass every two intervals, so keep this below half of the
    /// time after which anything in between cuts an idle connection. Default: 20 s, for proxies that do so after 60 s.
    pub keepalive: Option<Duration>,
    /// How long the peer may take to answer a Close frame, and to end the transport after the closing handshake.
    /// Default: 5 s.
    pub close_timeout: Duration,
    /// How long the opening handshake may take as a whole. Kept by the shells. Default: 10 s.
    pub handshake_timeout: Duration,
    /// How long one write may wait for a peer that does not read. Kept by the shells. Default: 30 s.
    pub write_timeout: Duration,
    /// The longest HTTP head, in bytes; a longer one is answered with 431. Default: 32 KiB, which takes the 8 KiB
    /// of cookies that browsers send with room to spare.
    pub max_head_len: usize,
    /// The most headers in an HTTP head; more are answered with 431. Default: 100.
    pub max_headers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_output_len: 32 << 20,
            keepalive: Some(Duration::from_secs(20)),
            close_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_head_len: 32 << 10,
            max_headers: 100,
        }
    }
}

#[cfg(feature = "std")]
impl Config {
    /// The default, one for all connections.
    pub(crate) fn shared_default() -> std::sync::Arc<Self> {
        static DEFAULT: std::sync::LazyLock<std::sync::Arc<Config>> =
            std::sync::LazyLock::new(Default::default);
        std::sync::Arc::clone(&DEFAULT)
    }
}
