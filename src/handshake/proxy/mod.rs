//! Proxies in front of a server, as a client passes through them: HTTP `CONNECT` (RFC 9110 section 9.3.6) and SOCKS 5 (RFC
//! 1928, RFC 1929).
//!
//! A [`Server`] says where the proxy is. A [`Tunnel`] asks it for a connection to a host. Over that connection, TLS and the
//! opening handshake follow as over any other:
//!
//! ```
//! use sansocket::Config;
//! use sansocket::handshake::proxy::{Server, Tunnel};
//!
//! let proxy = Server::new("http://user:secret@proxy.example.com:3128")?;
//! // Connect to `proxy.host()` at `proxy.port()`.
//! let mut tunnel = Tunnel::new(&proxy, "server.example.com", 443, Config::default())?;
//!
//! # let mut wire = Vec::new();
//! tunnel.output().chunks().for_each(|bytes| wire.extend_from_slice(bytes)); // with a socket in between
//! # let len = tunnel.output().len();
//! # tunnel.output().advance(len);
//! assert!(wire.starts_with(b"CONNECT server.example.com:443 HTTP/1.1\r\nHost: server.example.com:443\r\n"));
//! tunnel.receive(b"HTTP/1.1 200 Connection established\r\n\r\n\x15\x03");
//! assert!(tunnel.has_opened()?);
//! assert_eq!(tunnel.finish()?, b"\x15\x03"); // the server has already sent this
//! # Ok::<(), sansocket::HandshakeError>(())
//! ```
//!
//! The proxy is spoken to without TLS: it sees the credentials for it, and host and port of the server. It sees all else,
//! too, unless there is TLS inside the tunnel (`wss:`).

mod connect;
mod server;
mod socks;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use server::Server;

use self::connect::Connect;
use self::server::Kind;
use self::socks::Socks;
use super::url;
use crate::config::Config;
use crate::connection::{Inbox, Output};
use crate::error::HandshakeError;

/// Asks a proxy for a connection to a host and a port.
///
/// Write the [`output`](Self::output). Give the tunnel what arrives ([`read_from`](Self::read_from),
/// [`receive`](Self::receive), or [`unfilled`](Self::unfilled) and [`filled`](Self::filled)), then ask whether it
/// [`has_opened`](Self::has_opened). If not, there may be more to write: SOCKS takes up to three requests. Once it is open,
/// [`finish`](Self::finish).
///
/// An [`Opening`](super::Opening) made from a tunnel gives these steps one by one.
pub struct Tunnel {
    config: Arc<Config>,
    inbox: Option<Box<Inbox>>,
    output: Output,
    dialogue: Dialogue,
    outcome: Outcome,
}

enum Dialogue {
    Connect(Connect),
    Socks(Socks),
}

enum Outcome {
    Pending,
    Open,
    /// Every further call gives this error.
    Ended(HandshakeError),
}

impl Tunnel {
    /// A tunnel through `proxy` to `host`, a name or an address without brackets, as
    /// [`Request::host`](super::client::Request::host) gives it. The proxy resolves a name.
    ///
    /// Of the [`Config`], [`max_head_len`](Config::max_head_len) and [`max_headers`](Config::max_headers) limit the answer
    /// to `CONNECT`. An answer in SOCKS has at most 262 bytes.
    ///
    /// # Errors
    ///
    /// [`BadUrl`](HandshakeError::BadUrl) if `host` is neither a name nor an address, for SOCKS also if it has more than 255
    /// bytes, and if `port` is 0.
    pub fn new(
        proxy: &Server,
        host: &str,
        port: u16,
        config: impl Into<Arc<Config>>,
    ) -> Result<Self, HandshakeError> {
        let is_host = url::is_name(host) || host.parse::<core::net::Ipv6Addr>().is_ok();
        let checked = match port {
            0 => Err(url::NO_PORT),
            _ if is_host => Ok(()),
            _ => Err(url::NO_HOST),
        };
        checked.map_err(HandshakeError::BadUrl)?;
        let (first, dialogue) = match proxy.kind {
            Kind::Http => (connect::request(proxy, host, port), Dialogue::Connect(Connect::default())),
            Kind::Socks => {
                let (greeting, socks) = Socks::new(proxy, host, port)?;
                (greeting, Dialogue::Socks(socks))
            }
        };
        let mut output = Output::default();
        output.append_vec(first);
        Ok(Self { config: config.into(), inbox: None, output, dialogue, outcome: Outcome::Pending })
    }

    /// What is to be written to the proxy.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Whether the proxy has opened the connection. `false`: write the [`output`](Self::output) if there is some, else more
    /// bytes are needed. An answer counts once the whole request is written.
    ///
    /// # Errors
    ///
    /// The proxy refused: [`ProxyRefused`](HandshakeError::ProxyRefused), given once the part of the body that is kept has
    /// arrived, [`SocksRefused`](HandshakeError::SocksRefused),
    /// [`SocksMethodRefused`](HandshakeError::SocksMethodRefused),
    /// [`SocksCredentialsRefused`](HandshakeError::SocksCredentialsRefused). Its answer is not HTTP/1.x or SOCKS 5
    /// ([`MalformedProxy`](HandshakeError::MalformedProxy)), or exceeds a limit ([`HeadTooLong`](HandshakeError::HeadTooLong),
    /// [`TooManyHeaders`](HandshakeError::TooManyHeaders)). Every further call gives the same error. The transport ends.
    pub fn has_opened(&mut self) -> Result<bool, HandshakeError> {
        self.look_if_written();
        match &self.outcome {
            Outcome::Pending => Ok(false),
            Outcome::Open => Ok(true),
            Outcome::Ended(error) => Err(error.clone()),
        }
    }

    pub(super) fn look_if_written(&mut self) {
        if self.output.is_empty() {
            self.look();
        }
    }

    /// Looks at what has arrived.
    fn look(&mut self) {
        let Some(inbox) = &mut self.inbox else { return };
        if let Outcome::Pending = self.outcome {
            let answered = match &mut self.dialogue {
                Dialogue::Connect(connect) => connect.receive(inbox, &self.config),
                Dialogue::Socks(socks) => socks.receive(inbox, &mut self.output),
            };
            match answered {
                Ok(false) => return,
                Ok(true) => self.outcome = Outcome::Open,
                Err(error) => self.outcome = Outcome::Ended(error),
            }
        }
        if let Outcome::Ended(_) = self.outcome {
            inbox.clear();
            self.output = Output::default();
        }
    }

    /// The stream has ended. What has arrived is looked at first. A tunnel that has opened stays open: what comes next finds
    /// the end of the stream itself. Otherwise [`has_opened`](Self::has_opened) and [`finish`](Self::finish) give
    /// [`ProxyRefused`](HandshakeError::ProxyRefused) with the body so far if the proxy refused, the error that the tunnel
    /// has already ended with, or [`UnexpectedEof`](HandshakeError::UnexpectedEof).
    pub fn end_of_stream(&mut self) {
        self.give_up(HandshakeError::UnexpectedEof);
    }

    /// The deadline has passed. As [`end_of_stream`](Self::end_of_stream), with [`TimedOut`](HandshakeError::TimedOut) if the
    /// proxy has neither opened nor refused.
    pub fn time_out(&mut self) {
        self.give_up(HandshakeError::TimedOut);
    }

    fn give_up(&mut self, error: HandshakeError) {
        let was_written = self.output.is_empty();
        // A refusal counts even if the proxy did not wait for the whole request.
        self.look();
        match (&self.outcome, &mut self.dialogue) {
            (Outcome::Open, _) if was_written => {}
            (Outcome::Ended(_), _) => {}
            (_, Dialogue::Connect(connect)) => {
                let refusal = connect.take_refusal();
                self.end(refusal.map_or(error, HandshakeError::ProxyRefused));
            }
            (_, Dialogue::Socks(_)) => self.end(error),
        }
    }

    fn end(&mut self, error: HandshakeError) {
        self.output = Output::default();
        self.outcome = Outcome::Ended(error);
    }

    /// The tunnel as its two ends are to use it: gives the bytes that arrived behind the proxy's answer. They come from the
    /// server, and belong to what follows on the connection: TLS, or the opening handshake.
    ///
    /// # Errors
    ///
    /// As [`has_opened`](Self::has_opened). [`UnexpectedEof`](HandshakeError::UnexpectedEof) if the tunnel has not opened.
    pub fn finish(self) -> Result<Vec<u8>, HandshakeError> {
        match self.outcome {
            Outcome::Open => Ok(self.inbox.map(|inbox| inbox.unread().to_vec()).unwrap_or_default()),
            Outcome::Ended(error) => Err(error),
            Outcome::Pending => Err(HandshakeError::UnexpectedEof),
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.outcome, Outcome::Pending)
    }

    pub(super) fn inbox(&mut self) -> &mut Option<Box<Inbox>> {
        &mut self.inbox
    }
}

super::receives!(Tunnel);

/// Shows no credentials.
impl core::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tunnel").finish_non_exhaustive()
    }
}
