//! How a client gets to a server: the settings that all shells share.

use std::net::SocketAddr;
use std::sync::Arc;

use super::redirects::Redirects;
use crate::config::Config;
use crate::error::HandshakeError;

/// How a client gets to a server. Each shell's `connect_with` takes one, or a [`Config`] for a connector that changes nothing
/// else.
///
/// ```no_run
/// use sansocket::handshake::client::Request;
/// use sansocket::{Connector, Families, blocking};
///
/// let connector = Connector::new().families(Families::Ipv4);
/// let request = Request::new("ws://server.example.com/chat")?.subprotocol("chat");
/// let (socket, _response) = blocking::connect_with(&request, &connector)?;
/// # Ok::<(), sansocket::Error>(())
/// ```
///
/// Cloning a connector is cheap.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<Config>,
    families: Families,
    redirects: u32,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// Which addresses of a host are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Families {
    /// All, IPv6 and IPv4 in turn, in the order of the operating system (RFC 8305).
    #[default]
    Any,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

impl Connector {
    /// A connector that goes straight to the server, with [`Config::default`].
    pub fn new() -> Self {
        Self::from(Config::shared_default())
    }

    /// Sets the limits and times of the connection. [`Config::handshake_timeout`] is for the whole way: resolving, connecting,
    /// TLS, the opening handshake.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Sets which addresses of the host are tried. Default: all.
    #[must_use]
    pub fn families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// Sets how many redirects (301, 302, 303, 307, 308) are followed before the connection is open. Default: 0.
    ///
    /// A redirect from `wss:` to `ws:` is an error. To another origin (scheme, host or port) go neither the headers of the
    /// request nor its credentials.
    #[must_use]
    pub fn redirects(mut self, limit: u32) -> Self {
        self.redirects = limit;
        self
    }

    /// Sets the configuration of TLS for `wss:`. Its ALPN protocols must be none, or `http/1.1`: otherwise a server may choose
    /// HTTP/2, which does not know the opening handshake. Share one configuration among all connections, so that sessions are
    /// resumed. Default: [`tls::config`](crate::tls::config).
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }

    pub(crate) fn shared_config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What happens to redirects.
    pub(crate) fn to_redirects(&self) -> Redirects {
        Redirects::new(self.redirects)
    }

    /// The addresses that are tried.
    pub(crate) fn admitted(&self, resolved: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
        let is_admitted = |address: &SocketAddr| match self.families {
            Families::Any => true,
            Families::Ipv4 => address.is_ipv4(),
            Families::Ipv6 => address.is_ipv6(),
        };
        resolved.into_iter().filter(is_admitted).collect()
    }

    /// The configuration of TLS, if the server is reached with TLS.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_for(&self, is_secure: bool) -> Result<Option<TlsConfig>, HandshakeError> {
        if !is_secure {
            return Ok(None);
        }
        let config = self.tls.clone().map_or_else(crate::tls::config, Ok)?;
        if config.alpn_protocols.iter().all(|name| name == b"http/1.1") {
            return Ok(Some(config));
        }
        Err(HandshakeError::BadConnector("its TLS configuration offers other ALPN protocols than http/1.1"))
    }

    /// No feature for TLS is enabled.
    #[cfg(not(feature = "rustls"))]
    #[expect(clippy::unused_self, reason = "a feature needs it")]
    pub(crate) fn tls_for(&self, is_secure: bool) -> Result<Option<TlsConfig>, HandshakeError> {
        if is_secure { Err(HandshakeError::TlsNeeded) } else { Ok(None) }
    }
}

/// The configuration of TLS on the client's side.
#[cfg(feature = "rustls")]
pub(crate) type TlsConfig = Arc<rustls::ClientConfig>;

/// The configuration of TLS without a feature for it: there is none.
#[cfg(not(feature = "rustls"))]
pub(crate) type TlsConfig = core::convert::Infallible;

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Arc<Config>> for Connector {
    fn from(config: Arc<Config>) -> Self {
        Self {
            config,
            families: Families::default(),
            redirects: 0,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }
}

impl From<Config> for Connector {
    fn from(config: Config) -> Self {
        Arc::new(config).into()
    }
}

impl From<&Self> for Connector {
    fn from(connector: &Self) -> Self {
        connector.clone()
    }
}
