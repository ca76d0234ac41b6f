//! How a client gets to a server: the settings that all shells share.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::proxy::Proxy;
use super::redirects::Redirects;
use crate::config::Config;
use crate::error::HandshakeError;
use crate::handshake::client::Request;
use crate::handshake::proxy::Server;

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
    proxy: Option<Proxy>,
    redirects: u32,
    #[cfg(feature = "local-address")]
    local_address: Option<IpAddr>,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<rustls::ClientConfig>>,
    /// What is wrong with the settings.
    fault: Option<&'static str>,
}

/// The way of one request, as far as it is known before a socket is opened.
pub(crate) struct Way<'a> {
    /// Where the first connection goes: to the server, or to the proxy.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// The proxy, if there is one.
    pub(crate) proxy: Option<&'a Server>,
    pub(crate) tls: Option<TlsConfig>,
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

    /// Sets the proxy. The time to reach it, and to reach the server through it, is part of
    /// [`Config::handshake_timeout`]. Default: none. [`Proxy::from_env`] takes those of the environment.
    ///
    /// A second call is an error when connecting: a proxy in front of another is not supported.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        if self.proxy.replace(proxy).is_some() {
            self.fault = Some("two proxies, one in front of the other");
        }
        self
    }

    /// Sets the address of this end, for hosts that have several. Only addresses of the same family are tried. Default: the
    /// operating system chooses.
    #[cfg(feature = "local-address")]
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.local_address = Some(address);
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

    /// The way of a request.
    ///
    /// # Errors
    ///
    /// What can be known to fail before a socket is opened.
    pub(crate) fn way<'a>(&'a self, request: &'a Request) -> Result<Way<'a>, HandshakeError> {
        request.check()?;
        self.fault.map_or(Ok(()), |fault| Err(HandshakeError::BadConnector(fault)))?;
        let proxy = self.proxy.as_ref().map_or(Ok(None), |proxy| proxy.server_for(request))?;
        let (host, port) =
            proxy.map_or_else(|| (request.host(), request.port()), |server| (server.host(), server.port()));
        Ok(Way { host, port, proxy, tls: self.tls_for(request.is_secure())? })
    }

    /// The addresses that are tried.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if the host has addresses, but none that may be tried.
    pub(crate) fn admitted(&self, resolved: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        let is_admitted = |address: &SocketAddr| {
            let of_family = match self.families {
                Families::Any => true,
                Families::Ipv4 => address.is_ipv4(),
                Families::Ipv6 => address.is_ipv6(),
            };
            of_family && self.local().is_none_or(|local| local.is_ipv4() == address.is_ipv4())
        };
        let admitted: Vec<_> = resolved.iter().copied().filter(is_admitted).collect();
        if admitted.is_empty() && !resolved.is_empty() {
            let none = "the host has no address of the family that is asked for";
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, none));
        }
        Ok(admitted)
    }

    /// The address of this end.
    #[cfg(feature = "local-address")]
    pub(crate) fn local(&self) -> Option<IpAddr> {
        self.local_address
    }

    /// The operating system chooses.
    #[cfg(not(feature = "local-address"))]
    #[expect(clippy::unused_self, reason = "a feature needs it")]
    pub(crate) fn local(&self) -> Option<IpAddr> {
        None
    }

    /// The configuration of TLS, if the server is reached with TLS.
    #[cfg(feature = "rustls")]
    fn tls_for(&self, is_secure: bool) -> Result<Option<TlsConfig>, HandshakeError> {
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
    fn tls_for(&self, is_secure: bool) -> Result<Option<TlsConfig>, HandshakeError> {
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
            proxy: None,
            redirects: 0,
            #[cfg(feature = "local-address")]
            local_address: None,
            fault: None,
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
