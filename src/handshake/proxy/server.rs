//! Where a proxy is, and how it is spoken to.

use alloc::format;
use alloc::string::String;

use super::socks;
use crate::error::HandshakeError;
use crate::handshake::credentials::Credentials;
use crate::handshake::url::{Authority, split};

/// A proxy: its address, its protocol, and the credentials for it. `Debug` does not show the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub(super) kind: Kind,
    /// In lower case. An IPv6 address has its brackets.
    host: String,
    port: u16,
    pub(super) credentials: Option<Credentials>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Socks,
}

impl Server {
    /// The proxy at a URL:
    ///
    /// | URL | spoken to in | port, if there is none |
    /// |---|---|---|
    /// | `http://host`, or `host` without a scheme | HTTP `CONNECT` | 80, as of any `http:` URL (curl takes 1080) |
    /// | `socks5://host`, `socks5h://host` | SOCKS 5 | 1080 |
    ///
    /// Either form of SOCKS lets the proxy resolve the name of the server. `user:password@` in front of the host is
    /// percent-decoded and sent to the proxy: over HTTP as basic authentication (RFC 7617), over SOCKS if the proxy asks for it
    /// (RFC 1929). A `/` may stand at the end.
    ///
    /// # Errors
    ///
    /// [`BadProxy`](HandshakeError::BadProxy) for another scheme, no host, a bad port, a path, and a character that must be
    /// percent-encoded or is not ASCII. For `https:`, because TLS to the proxy is not supported. For SOCKS, if the user name
    /// is empty, or user name or password has more than 255 bytes.
    pub fn new(url: &str) -> Result<Self, HandshakeError> {
        Self::parse(url).map_err(HandshakeError::BadProxy)
    }

    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let with_scheme = if url.contains("://") { String::from(url) } else { format!("http://{url}") };
        let (scheme, authority, rest) = split(&with_scheme)?;
        let (kind, default_port) = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => (Kind::Http, 80),
            _ if scheme.eq_ignore_ascii_case("socks5") => (Kind::Socks, 1080),
            _ if scheme.eq_ignore_ascii_case("socks5h") => (Kind::Socks, 1080),
            _ if scheme.eq_ignore_ascii_case("https") => return Err("TLS to the proxy is not supported"),
            _ => return Err("the scheme is none of http, socks5 and socks5h"),
        };
        if !matches!(rest, "" | "/") {
            return Err("a path");
        }
        let Authority { credentials, host, port } = Authority::parse(authority)?;
        if let Some(credentials) = &credentials {
            match kind {
                Kind::Http => credentials.check_basic()?,
                Kind::Socks => drop(socks::login(credentials)?),
            }
        }
        Ok(Self { kind, host, port: port.unwrap_or(default_port), credentials })
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks => "socks5h",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::credentials::NOT_ENCODED;
    use crate::handshake::url::{NO_HOST, NO_PORT, NOT_PUNYCODE};

    #[test]
    fn urls_of_proxies_are_parsed_or_refused() {
        let (full, long) = ("x".repeat(255), "x".repeat(256));
        let longest = [&format!("socks5://{full}:{full}@p"), &format!("http://{long}:{long}@p")];
        let too_long = [&format!("socks5://{long}@p"), &format!("socks5://u:{long}@p")];
        const SCHEME: &str = "the scheme is none of http, socks5 and socks5h";
        const TOO_LONG: &str = "a user name or a password of more than 255 bytes";
        let rows: [(&str, Result<&str, &str>); 37] = [
            ("http://proxy.example.com", Ok("http://proxy.example.com:80")),
            ("http://proxy.example.com:3128/", Ok("http://proxy.example.com:3128")),
            ("HTTP://PROXY:8080", Ok("http://proxy:8080")),
            ("proxy", Ok("http://proxy:80")),
            ("proxy:3128", Ok("http://proxy:3128")),
            ("user:word@proxy:3128/", Ok("http://proxy:3128")),
            ("127.0.0.1:8888", Ok("http://127.0.0.1:8888")),
            ("[::1]:8888", Ok("http://[::1]:8888")),
            ("http://[2001:DB8::1]", Ok("http://[2001:db8::1]:80")),
            ("http://user:p%40ss@proxy", Ok("http://proxy:80")),
            ("http://us%3Aer@proxy", Err("a colon in the user name")),
            ("socks5://proxy", Ok("socks5h://proxy:1080")),
            ("SOCKS5H://user:word@proxy:9050", Ok("socks5h://proxy:9050")),
            ("socks5://us%3Aer@proxy", Ok("socks5h://proxy:1080")),
            ("socks5://:@proxy", Ok("socks5h://proxy:1080")),
            ("socks5://:word@proxy", Err("no user name")),
            (longest[0], Ok("socks5h://p:1080")),
            (longest[1], Ok("http://p:80")),
            (too_long[0], Err(TOO_LONG)),
            (too_long[1], Err(TOO_LONG)),
            ("https://proxy", Err("TLS to the proxy is not supported")),
            ("socks4://proxy", Err(SCHEME)),
            ("socks://proxy", Err(SCHEME)),
            ("ws://proxy", Err(SCHEME)),
            ("://proxy", Err(SCHEME)),
            ("http://proxy/proxy.pac", Err("a path")),
            ("http://proxy?x", Err("a path")),
            ("http://proxy#x", Err("a fragment")),
            ("", Err(NO_HOST)),
            ("http://", Err(NO_HOST)),
            ("http://:80", Err(NO_HOST)),
            ("::1", Err(NO_HOST)),
            ("http://proxy:0", Err(NO_PORT)),
            ("http://proxy:65536", Err(NO_PORT)),
            ("http://pro xy", Err(NOT_ENCODED)),
            ("http://proxy\r\nX: y", Err(NOT_ENCODED)),
            ("http://pröxy", Err(NOT_PUNYCODE)),
        ];
        for (url, expected) in rows {
            let server = Server::new(url).map(|server| format!("{server:?}"));
            let expected = expected.map(String::from).map_err(HandshakeError::BadProxy);
            assert_eq!(server, expected, "{url}");
        }
        let server = Server::new("http://[::1]:8888").unwrap();
        assert_eq!((server.host(), server.port()), ("::1", 8888));
    }
}
