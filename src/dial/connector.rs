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

/// The way of one request: what is known of it before a socket is opened.
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
        Ok(Way { host, port, proxy, tls: self.tls_for(request)? })
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
            let none = match (self.families, self.local()) {
                (Families::Ipv4, None) => "the host has no IPv4 address, and no others are tried",
                (Families::Ipv6, None) => "the host has no IPv6 address, and no others are tried",
                _ => "the host has no address that this end's address can reach",
            };
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
    fn tls_for(&self, request: &Request) -> Result<Option<TlsConfig>, HandshakeError> {
        if !request.is_secure() {
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
    fn tls_for(&self, request: &Request) -> Result<Option<TlsConfig>, HandshakeError> {
        if request.is_secure() { Err(HandshakeError::TlsNeeded) } else { Ok(None) }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect()
    }

    #[test]
    fn addresses_of_the_families_that_are_set_are_tried_in_their_order() {
        let both: &[&str] = &["::1", "192.0.2.1", "::2", "192.0.2.2"];
        let rows: [(Families, &[&str], &[&str]); 7] = [
            (Families::Any, both, both),
            (Families::Any, &["192.0.2.1"], &["192.0.2.1"]),
            (Families::Ipv4, both, &["192.0.2.1", "192.0.2.2"]),
            (Families::Ipv6, both, &["::1", "::2"]),
            // RFC 4291 section 2.5.5.2: an IPv6 address, although IPv4 may carry it.
            (Families::Ipv6, &["::ffff:192.0.2.1"], &["::ffff:192.0.2.1"]),
            (Families::Ipv4, &["192.0.2.1"], &["192.0.2.1"]),
            (Families::Ipv6, &["::1"], &["::1"]),
        ];
        for (families, resolved, expected) in rows {
            let admitted = Connector::new().families(families).admitted(addresses(resolved));
            assert_eq!(admitted.unwrap(), addresses(expected), "{families:?} of {resolved:?}");
        }
    }

    #[test]
    fn host_without_an_address_of_the_family_is_an_error_that_names_it() {
        let rows: [(Families, &[&str], &str); 3] = [
            (Families::Ipv4, &["::1", "::ffff:192.0.2.1"], "no IPv4 address"),
            (Families::Ipv6, &["192.0.2.1"], "no IPv6 address"),
            (Families::Ipv6, &["192.0.2.1", "192.0.2.2"], "no IPv6 address"),
        ];
        for (families, resolved, expected) in rows {
            let error = Connector::new().families(families).admitted(addresses(resolved)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
            assert!(error.to_string().contains(expected), "{families:?} of {resolved:?}: {error}");
        }
        // A host without any address is another error, of the attempts to reach it.
        for families in [Families::Any, Families::Ipv4, Families::Ipv6] {
            assert_eq!(Connector::new().families(families).admitted(vec![]).unwrap(), []);
        }
    }

    #[cfg(feature = "local-address")]
    #[test]
    fn addresses_of_the_family_of_this_end_are_tried() {
        let both: &[&str] = &["::1", "192.0.2.1"];
        let rows: [(Families, &str, Option<&str>); 5] = [
            (Families::Any, "127.0.0.1", Some("192.0.2.1")),
            (Families::Any, "::1", Some("::1")),
            (Families::Ipv4, "127.0.0.1", Some("192.0.2.1")),
            (Families::Ipv4, "::1", None),
            (Families::Ipv6, "127.0.0.1", None),
        ];
        for (families, local, expected) in rows {
            let connector = Connector::new().families(families).local_address(local.parse().unwrap());
            match (connector.admitted(addresses(both)), expected) {
                (Ok(admitted), Some(expected)) => assert_eq!(admitted, addresses(&[expected])),
                (Err(error), None) => assert!(error.to_string().contains("this end"), "{error}"),
                (outcome, _) => panic!("{families:?} from {local}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn connector_without_settings_is_that_of_the_default_configuration() {
        for connector in [Connector::new(), Connector::default(), Connector::from(Config::default())] {
            assert_eq!(**connector.shared_config(), Config::default());
            assert_eq!((connector.families, connector.redirects), (Families::Any, 0));
            assert!(connector.proxy.is_none() && connector.local().is_none() && connector.fault.is_none());
            #[cfg(feature = "rustls")]
            assert!(connector.tls.is_none());
        }
    }

    #[test]
    fn configuration_is_shared_and_changes_nothing_else() {
        let config = Arc::new(Config::default().handshake_timeout(Duration::from_secs(1)));
        let connector = Connector::from(Arc::clone(&config));
        assert!(Arc::ptr_eq(connector.shared_config(), &config));
        let connector = Connector::new().families(Families::Ipv6).redirects(3).config(Arc::clone(&config));
        for connector in [Connector::from(&connector), connector] {
            assert!(Arc::ptr_eq(connector.shared_config(), &config));
            assert_eq!((connector.families, connector.redirects), (Families::Ipv6, 3));
        }
    }

    fn request(url: &str) -> Request {
        Request::new(url).unwrap()
    }

    #[test]
    fn tls_is_for_secure_urls_only() {
        assert!(Connector::new().tls_for(&request("ws://localhost/")).unwrap().is_none());
        #[cfg(not(feature = "rustls"))]
        assert_eq!(
            Connector::new().tls_for(&request("wss://localhost/")).unwrap_err(),
            HandshakeError::TlsNeeded
        );
    }

    /// A configuration that trusts nobody and offers these protocols.
    #[cfg(feature = "tls-ring")]
    fn offering(protocols: &[&str]) -> rustls::ClientConfig {
        let builder = rustls::ClientConfig::builder_with_provider(crate::tls::provider().unwrap());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    // RFC 7301 section 3.2: the server selects one of the protocols that the client offers.
    #[cfg(feature = "tls-ring")]
    #[test]
    fn rfc_7301_tls_offers_http_1_1_or_no_protocol() {
        let rows: [(&[&str], bool); 6] = [
            (&[], true),
            (&["http/1.1"], true),
            (&["h2"], false),
            (&["http/1.1", "h2"], false),
            (&["http/1.0"], false),
            (&["HTTP/1.1"], false),
        ];
        for (protocols, is_usable) in rows {
            let config = Arc::new(offering(protocols));
            let connector = Connector::new().tls(Arc::clone(&config));
            assert!(connector.tls_for(&request("ws://localhost/")).unwrap().is_none());
            match connector.tls_for(&request("wss://localhost/")) {
                Ok(Some(found)) => assert!(is_usable && Arc::ptr_eq(&found, &config), "{protocols:?}"),
                Err(HandshakeError::BadConnector(_)) => assert!(!is_usable, "{protocols:?}"),
                outcome => panic!("{protocols:?}: {outcome:?}"),
            }
        }
    }
}
