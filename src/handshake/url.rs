//! WebSocket URIs (RFC 6455 section 3), and what they have in common with the URL of a proxy.

#[cfg(feature = "std")]
mod reference;

use alloc::format;
use alloc::string::String;

use super::credentials::{Credentials, NOT_ENCODED};

pub(super) const NOT_PUNYCODE: &str = "a host that is not ASCII: write it in punycode, as xn--...";
pub(super) const NO_HOST: &str = "no valid host";
pub(super) const NO_PORT: &str = "no valid port";

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) secure: bool,
    /// In lower case. An IPv6 address has its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// "'/' if the path component is empty, the path component, '?' if the query component is non-empty, the query
    /// component" (section 3).
    pub(super) resource: String,
    pub(super) credentials: Option<Credentials>,
}

impl Url {
    /// Parses `"ws:" "//" host [ ":" port ] path [ "?" query ]`, the scheme without regard to case.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, authority, resource) = split(url)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err("the scheme is neither ws nor wss"),
        };
        let authority = Authority::parse(authority)?;
        authority.credentials.as_ref().map_or(Ok(()), Credentials::check_basic)?;
        let (path, query) = split_query(resource);
        Self::of_parts(secure, authority, path, query)
    }

    /// A URL of visible ASCII. The path is empty or begins with a slash.
    fn of_parts(
        secure: bool,
        Authority { credentials, host, port }: Authority,
        path: &str,
        query: Option<&str>,
    ) -> Result<Self, &'static str> {
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let path = if path.is_empty() { "/" } else { path };
        let resource = match query {
            None | Some("") => path.into(),
            Some(query) => format!("{path}?{query}"),
        };
        // WHATWG URLs leave `[ ] { } | ^` and a `%` that encodes nothing as they are. For some parsers a `\` ends the host. A
        // quote, `<`, `>` or backtick would end the URL in the text around it.
        if resource.bytes().any(|byte| b"\"<>\\`".contains(&byte)) {
            return Err(NOT_ENCODED);
        }
        Ok(Self { secure, host, port, resource, credentials })
    }

    /// The value of the `Host` header: "optionally followed by a ':' followed by /port/ (when not using the default
    /// port)" (section 4.1).
    pub(super) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// Leaves the credentials out: they must not get into a log.
impl core::fmt::Debug for Url {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.resource)
    }
}

/// A URI consists of visible ASCII (RFC 3986 section 2). Nothing is encoded for the caller.
fn check_characters(url: &str) -> Result<(), &'static str> {
    match url.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false if has_ascii_host(url) => Err(NOT_ENCODED),
        false => Err(NOT_PUNYCODE),
    }
}

/// The authority, and what follows it.
fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// The path, and the query without its question mark.
fn split_query(resource: &str) -> (&str, Option<&str>) {
    resource.split_once('?').map_or((resource, None), |(path, query)| (path, Some(query)))
}

/// The scheme, the authority, and the rest of a URL.
pub(super) fn split(url: &str) -> Result<(&str, &str, &str), &'static str> {
    check_characters(url)?;
    if url.contains('#') {
        return Err("a fragment");
    }
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, rest) = split_authority(rest);
    Ok((scheme, authority, rest))
}

/// The part of a URL that says where it leads.
pub(super) struct Authority {
    pub(super) credentials: Option<Credentials>,
    /// In lower case. An IPv6 address has its brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Authority {
    /// Parses `[ userinfo "@" ] host [ ":" port ]` (RFC 3986 section 3.2).
    pub(super) fn parse(authority: &str) -> Result<Self, &'static str> {
        let (credentials, authority) = match authority.rsplit_once('@') {
            Some((userinfo, authority)) => (Credentials::parse(userinfo)?, authority),
            None => (None, authority),
        };
        let (host, port) = split_port(authority)?;
        Ok(Self { credentials, host: host.to_ascii_lowercase(), port })
    }
}

/// Whether the host of a URL is ASCII, as far as there is one.
fn has_ascii_host(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().is_none_or(str::is_ascii)
}

/// Whether this is the value of a `Host` header: a host, and perhaps a port.
pub(super) fn is_authority(authority: &str) -> bool {
    authority.is_ascii() && split_port(authority).is_ok()
}

/// Whether a request target may have these bytes. A `#` would begin a fragment for some readers and not for others. All other
/// visible ASCII means the same to all of them, even if RFC 3986 has it encoded.
pub(super) fn is_target(target: &[u8]) -> bool {
    // No early exit, so that the loop vectorises.
    target.iter().fold(true, |all, byte| all & byte.is_ascii_graphic() & (*byte != b'#'))
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => {
            let (host, port) = authority.split_at(colon);
            (host, port.get(1..).filter(|port| !port.is_empty()))
        }
        _ => (authority, None),
    };
    let valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    if !valid {
        return Err(NO_HOST);
    }
    let port = port.map(|port| if port.starts_with('+') { None } else { port.parse().ok() });
    match port {
        Some(None | Some(0)) => Err(NO_PORT),
        port => Ok((host, port.flatten())),
    }
}

/// Whether this is a host name or an IPv4 address.
pub(super) fn is_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    // req: 6455-3-a, 6455-3-b, 6455-3-c, 6455-3-d, 6455-3-e, 6455-3-f, 6455-4.1-b
    #[test]
    fn section_3_uris_are_parsed_or_refused() {
        let rows: [(&str, Result<(&str, &str), &str>); 42] = [
            ("ws://example.com", Ok(("example.com", "/"))),
            ("ws://example.com/chat?room=a", Ok(("example.com", "/chat?room=a"))),
            ("ws://example.com?q", Ok(("example.com", "/?q"))),
            ("ws://example.com?", Ok(("example.com", "/"))),
            ("ws://example.com/chat?", Ok(("example.com", "/chat"))),
            ("ws://example.com/chat??", Ok(("example.com", "/chat??"))),
            ("WS://EXAMPLE.com:80/", Ok(("example.com", "/"))),
            ("ws://example.com:8080/a%23b", Ok(("example.com:8080", "/a%23b"))),
            ("wss://example.com:443", Ok(("example.com", "/"))),
            ("wss://[::1]:9000/x", Ok(("[::1]:9000", "/x"))),
            ("ws://[2001:db8::1]", Ok(("[2001:db8::1]", "/"))),
            ("ws://user:p%40ss@example.com/", Ok(("example.com", "/"))),
            ("http://example.com", Err("the scheme is neither ws nor wss")),
            ("example.com/chat", Err("no scheme")),
            ("ws:///chat", Err("no valid host")),
            ("ws://[::1", Err("no valid host")),
            ("ws://exa mple.com/", Err("a character that must be percent-encoded")),
            ("ws://example.com/\r\nX: y", Err("a character that must be percent-encoded")),
            ("ws://exämple.com/", Err(NOT_PUNYCODE)),
            ("wss://user@bücher.example:80?q", Err(NOT_PUNYCODE)),
            ("ws://例え.jp", Err(NOT_PUNYCODE)),
            ("ws://xn--exmple-cua.com/", Ok(("xn--exmple-cua.com", "/"))),
            ("ws://usér@example.com/", Err("a character that must be percent-encoded")),
            ("ws://example.com/é@", Err("a character that must be percent-encoded")),
            ("ws://example.com/{a}", Ok(("example.com", "/{a}"))),
            ("ws://example.com/?filter[a]=1", Ok(("example.com", "/?filter[a]=1"))),
            ("ws://example.com?a=x|y^z", Ok(("example.com", "/?a=x|y^z"))),
            ("ws://example.com/?q=100%", Ok(("example.com", "/?q=100%"))),
            ("ws://example.com/%zz", Ok(("example.com", "/%zz"))),
            ("ws://example.com/a\\b", Err("a character that must be percent-encoded")),
            ("ws://example.com/?`", Err("a character that must be percent-encoded")),
            ("ws://{a}@example.com/", Err("a character that must be percent-encoded")),
            ("ws://example.com/?a[]=\"", Err("a character that must be percent-encoded")),
            ("ws://evil.com\\@example.com/", Err("a character that must be percent-encoded")),
            ("ws://evil.com@x@example.com/", Err("a character that must be percent-encoded")),
            ("ws://us%3Aer:pass@example.com/", Err("a colon in the user name")),
            ("ws://example.com:80@other.com/", Ok(("other.com", "/"))),
            ("ws://example.com:/", Ok(("example.com", "/"))),
            ("ws://[fe80::1%25eth0]/", Err("no valid host")),
            ("ws://example.com/#top", Err("a fragment")),
            ("ws://example.com:99999/", Err("no valid port")),
            ("ws://us%er@example.com/", Err("a % that encodes nothing")),
        ];
        for (url, expected) in rows {
            let parsed = Url::parse(url).map(|url| (url.authority(), url.resource));
            let parsed = parsed.as_ref().map(|(host, resource)| (host.as_str(), resource.as_str()));
            assert_eq!(parsed.map_err(|error| *error), expected, "{url}");
        }
    }

    #[test]
    fn credentials_are_kept_and_not_shown_by_debug() {
        let url = Url::parse("ws://user:p%40ss@example.com/").unwrap();
        assert_eq!(url.credentials, Credentials::parse("user:p%40ss").unwrap());
        assert_eq!(format!("{url:?}"), "ws://example.com/");
        for url in ["ws://example.com/", "ws://@example.com/", "ws://:@example.com/"] {
            assert_eq!(Url::parse(url).unwrap().credentials, None, "{url}");
        }
    }
}
