//! WebSocket URIs (RFC 6455 section 3).

#[cfg(feature = "std")]
mod reference;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const NOT_ENCODED: &str = "a character that must be percent-encoded";
const NOT_PUNYCODE: &str = "a host that is not ASCII: write it in punycode, as xn--...";

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) secure: bool,
    /// In lower case. An IPv6 address has its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// "'/' if the path component is empty, the path component, '?' if the query component is non-empty, the query
    /// component" (section 3).
    pub(super) resource: String,
    /// `user:password`, percent-decoded. The colon is always there.
    pub(super) credentials: Option<Vec<u8>>,
}

impl Url {
    /// Parses `"ws:" "//" host [ ":" port ] path [ "?" query ]`, the scheme without regard to case.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        check_characters(url)?;
        if url.contains('#') {
            return Err("a fragment");
        }
        let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err("the scheme is neither ws nor wss"),
        };
        let (authority, resource) = split_authority(rest);
        let (credentials, authority) = match authority.rsplit_once('@') {
            // No user and no password are no credentials.
            Some(("" | ":", authority)) => (None, authority),
            Some((credentials, authority)) => (Some(basic_credentials(credentials)?), authority),
            None => (None, authority),
        };
        let (path, query) = split_query(resource);
        Ok(Self { credentials, ..Self::of_parts(secure, authority, path, query)? })
    }

    /// A URL without credentials, of visible ASCII. The path is empty or begins with a slash.
    fn of_parts(
        secure: bool,
        authority: &str,
        path: &str,
        query: Option<&str>,
    ) -> Result<Self, &'static str> {
        let (host, port) = split_port(authority)?;
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
        Ok(Self { secure, host: host.to_ascii_lowercase(), port, resource, credentials: None })
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
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        }
    };
    if !valid {
        return Err("no valid host");
    }
    let port = port.map(|port| if port.starts_with('+') { None } else { port.parse().ok() });
    match port {
        Some(None | Some(0)) => Err("no valid port"),
        port => Ok((host, port.flatten())),
    }
}

/// `user ":" password` for `Authorization: Basic`. The colon stays if there is no password. "A user-id containing a colon
/// character is invalid" (RFC 7617 section 2).
fn basic_credentials(userinfo: &str) -> Result<Vec<u8>, &'static str> {
    if !is_encoded(userinfo) || userinfo.contains('@') {
        return Err(NOT_ENCODED);
    }
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let user = percent_decode(user)?;
    if user.contains(&b':') {
        return Err("a colon in the user name");
    }
    Ok([user, b":".to_vec(), percent_decode(password)?].concat())
}

/// Whether this ASCII text has no character that must be percent-encoded in front of a host (RFC 3986 appendix A). URL parsers
/// disagree on such characters: for some, a `\` ends the host.
fn is_encoded(text: &str) -> bool {
    !text.bytes().any(|byte| b"\"<>[\\]^`{|}".contains(&byte))
}

fn percent_decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                value.ok_or("a % that encodes nothing")?
            }
            byte => byte,
        });
    }
    Ok(decoded)
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
    fn credentials_are_decoded_and_not_shown_by_debug() {
        let url = Url::parse("ws://user:p%40ss@example.com/").unwrap();
        assert_eq!(url.credentials.as_deref(), Some(&b"user:p@ss"[..]));
        assert_eq!(format!("{url:?}"), "ws://example.com/");
        let url = Url::parse("ws://token@example.com/").unwrap();
        assert_eq!(url.credentials.as_deref(), Some(&b"token:"[..]));
        for (url, credentials) in [
            ("ws://example.com/", None),
            ("ws://@example.com/", None),
            ("ws://:@example.com/", None),
            ("ws://:word@example.com/", Some(&b":word"[..])),
            ("ws://user:@example.com/", Some(b"user:")),
        ] {
            assert_eq!(Url::parse(url).unwrap().credentials.as_deref(), credentials, "{url}");
        }
    }
}
