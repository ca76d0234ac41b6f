//! Which proxy a client asks for a connection: one that the program names, or those of the environment.

use super::bypass::Bypass;
use crate::error::HandshakeError;
use crate::handshake::client::Request;
use crate::handshake::proxy::Server;

/// The proxy that connects a client to its server, over HTTP `CONNECT` or SOCKS 5.
///
/// ```
/// use sansocket::Proxy;
/// use sansocket::handshake::client::Request;
///
/// let proxy = Proxy::new("socks5://user:secret@proxy.example.com:1080")?;
/// let request = Request::new("wss://example.com/chat")?;
/// let server = proxy.server_for(&request)?.expect("this proxy is for every server");
/// assert_eq!((server.host(), server.port()), ("proxy.example.com", 1080));
/// assert!(!format!("{proxy:?}").contains("secret"));
/// # Ok::<(), sansocket::HandshakeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    ws: Choice,
    wss: Choice,
    bypass: Bypass,
}

/// A proxy, none, or what is wrong with its URL.
type Choice = Option<Result<Server, &'static str>>;

impl Proxy {
    /// One proxy for all servers. [`Server::new`] says what the URL may be: `http://`, `socks5://` or `socks5h://`, with
    /// `user:password@` if the proxy asks for it.
    ///
    /// # Errors
    ///
    /// [`BadProxy`](HandshakeError::BadProxy), as [`Server::new`].
    pub fn new(url: &str) -> Result<Self, HandshakeError> {
        let choice = Some(Ok(Server::new(url)?));
        Ok(Self { ws: choice.clone(), wss: choice, bypass: Bypass::default() })
    }

    /// The proxies that the environment names, in the variables that curl reads. They are read now, and not again.
    ///
    /// | for | the first of these that is set and not empty |
    /// |---|---|
    /// | `ws:` | `ws_proxy`, `WS_PROXY`, `http_proxy`, `HTTP_PROXY`, `all_proxy`, `ALL_PROXY` |
    /// | `wss:` | `wss_proxy`, `WSS_PROXY`, `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY` |
    /// | hosts without a proxy | `no_proxy`, `NO_PROXY` |
    ///
    /// If none is set, connections need no proxy. A URL that [`Server::new`] refuses is an error for every connection that it
    /// would have been for ([`server_for`](Self::server_for)): a program that is told to use a proxy must not go around it.
    ///
    /// A program that runs as CGI gets the request header `Proxy` as `HTTP_PROXY`. So `HTTP_PROXY` is ignored where
    /// `REQUEST_METHOD` is set, as Go and Python do (curl never reads it). Names have no case on Windows: there `http_proxy`
    /// is ignored with it.
    ///
    /// `no_proxy` is a list with commas or blanks between its entries:
    ///
    /// | entry | hosts without a proxy |
    /// |---|---|
    /// | `*` | all |
    /// | `example.com`, `.example.com` | that host and its subdomains |
    /// | `192.0.2.1`, `2001:db8::1` | that address |
    /// | `192.0.2.0/24`, `2001:db8::/32` | the addresses with that prefix |
    ///
    /// Hosts are compared as the URL has them: no name is resolved, and `localhost` is a name as any other. ASCII case and a
    /// dot at the end do not matter. Entries have no ports; one that has matches nothing.
    ///
    /// ```no_run
    /// # let request = sansocket::handshake::client::Request::new("ws://example.com/")?;
    /// let proxy = sansocket::Proxy::from_env();
    /// match proxy.server_for(&request)? {
    ///     Some(server) => println!("ask {server:?} for {}", request.host()),
    ///     None => println!("connect to {}", request.host()),
    /// }
    /// # Ok::<(), sansocket::HandshakeError>(())
    /// ```
    pub fn from_env() -> Self {
        // No proxy has a URL that is not UTF-8: what stands in for it is refused.
        Self::from_lookup(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    pub(super) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first =
            |names: &[&str]| names.iter().find_map(|name| lookup(name).filter(|value| !value.is_empty()));
        let proxy = |names: &[&str]| first(names).map(|url| Server::parse(&url));
        let http: &[&str] = match lookup("REQUEST_METHOD") {
            None => &["http_proxy", "HTTP_PROXY"],
            Some(_) if cfg!(windows) => &[],
            Some(_) => &["http_proxy"],
        };
        let all = ["all_proxy", "ALL_PROXY"];
        let ws: Vec<_> = [&["ws_proxy", "WS_PROXY"], http, &all].concat();
        Self {
            ws: proxy(&ws),
            wss: proxy(&["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", all[0], all[1]]),
            bypass: first(&["no_proxy", "NO_PROXY"]).map(|list| Bypass::parse(&list)).unwrap_or_default(),
        }
    }

    /// The proxy to ask for a connection to the host of this request. `None`: connect to the host itself.
    ///
    /// # Errors
    ///
    /// [`BadProxy`](HandshakeError::BadProxy) if the environment names a proxy for this request, and its URL cannot be used.
    pub fn server_for(&self, request: &Request) -> Result<Option<&Server>, HandshakeError> {
        let choice = if request.is_secure() { &self.wss } else { &self.ws };
        match choice {
            Some(_) if self.bypass.has(request.host()) => Ok(None),
            Some(Ok(server)) => Ok(Some(server)),
            Some(Err(error)) => Err(HandshakeError::BadProxy(error)),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxy for a URL in this environment, or `-`.
    fn chosen(env: &[(&str, &str)], url: &str) -> Result<String, HandshakeError> {
        let lookup =
            |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        let proxy = Proxy::from_lookup(lookup);
        let request = Request::new(url).unwrap();
        proxy.server_for(&request).map(|server| server.map_or("-".into(), |server| server.host().into()))
    }

    #[test]
    fn first_variable_that_is_set_names_the_proxy() {
        let ws = ["ws_proxy", "WS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
        let wss = ["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        for (names, url, others) in [(ws, "ws://a/", wss), (wss, "wss://a/", ws)] {
            for first in 0..names.len() {
                // Those in front are unset or empty.
                for before in [None, Some("")] {
                    let hosts: Vec<_> = (0..names.len()).map(|at| format!("proxy{at}")).collect();
                    let set = |at: usize| if at < first { before } else { Some(&hosts[at][..]) };
                    let env: Vec<_> = (0..names.len()).filter_map(|at| Some((names[at], set(at)?))).collect();
                    assert_eq!(chosen(&env, url).as_deref(), Ok(&hosts[first][..]), "{env:?}");
                }
            }
            let env = others[..4].iter().map(|name| (*name, "proxy")).collect::<Vec<_>>();
            assert_eq!(chosen(&env, url).as_deref(), Ok("-"), "{url} has no part in these: {env:?}");
            assert_eq!(chosen(&[], url).as_deref(), Ok("-"));
        }
    }

    #[test]
    fn header_of_a_cgi_request_names_no_proxy() {
        let method = ("REQUEST_METHOD", "GET");
        assert_eq!(chosen(&[("HTTP_PROXY", "evil"), method], "ws://a/").as_deref(), Ok("-"));
        let env = [("HTTP_PROXY", "evil"), method, ("all_proxy", "proxy")];
        assert_eq!(chosen(&env, "ws://a/").as_deref(), Ok("proxy"));
        assert_eq!(chosen(&[("HTTPS_PROXY", "proxy"), method], "wss://a/").as_deref(), Ok("proxy"));
        let lower = chosen(&[("http_proxy", "proxy"), ("HTTP_PROXY", "evil"), method], "ws://a/");
        assert_eq!(lower.as_deref(), Ok(if cfg!(windows) { "-" } else { "proxy" }));
    }

    #[test]
    fn hosts_in_no_proxy_have_none() {
        let proxy = ("all_proxy", "proxy");
        let rows: [(&[(&str, &str)], &str, &str); 6] = [
            (&[proxy, ("no_proxy", "a.com")], "ws://www.a.com/", "-"),
            (&[proxy, ("no_proxy", "a.com")], "wss://b.com/", "proxy"),
            (&[proxy, ("NO_PROXY", "::1")], "ws://[::1]:9001/", "-"),
            (&[proxy, ("no_proxy", ""), ("NO_PROXY", "*")], "ws://a.com/", "-"),
            (&[proxy, ("no_proxy", "b.com"), ("NO_PROXY", "*")], "ws://a.com/", "proxy"),
            (&[("all_proxy", "socks4://x"), ("no_proxy", "a.com")], "ws://a.com/", "-"),
        ];
        for (env, url, expected) in rows {
            assert_eq!(chosen(env, url).as_deref(), Ok(expected), "{env:?} {url}");
        }
    }

    #[test]
    fn bad_url_in_the_environment_is_an_error_for_the_connections_that_need_it() {
        let env = [("ws_proxy", "https://proxy"), ("https_proxy", "proxy")];
        let error = HandshakeError::BadProxy("TLS to the proxy is not supported");
        assert_eq!(chosen(&env, "ws://a/"), Err(error));
        assert_eq!(chosen(&env, "wss://a/").as_deref(), Ok("proxy"));
        // A value that is not UTF-8.
        assert!(matches!(
            chosen(&[("all_proxy", "pro\u{fffd}xy")], "ws://a/"),
            Err(HandshakeError::BadProxy(_))
        ));
    }

    #[test]
    fn one_proxy_is_for_every_server() {
        let proxy = Proxy::new("http://user:secret@[::1]:3128").unwrap();
        for url in ["ws://a/", "wss://localhost/"] {
            let request = Request::new(url).unwrap();
            let server = proxy.server_for(&request).unwrap().unwrap();
            assert_eq!((server.host(), server.port()), ("::1", 3128));
        }
        assert!(!format!("{proxy:?}").contains("secret"), "{proxy:?}");
        let https = HandshakeError::BadProxy("TLS to the proxy is not supported");
        assert_eq!(Proxy::new("https://proxy"), Err(https));
    }
}
