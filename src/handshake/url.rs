//! WebSocket URIs (RFC 6455 section 3).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const NOT_ENCODED: &str = "a character that has to be percent-encoded";

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) secure: bool,
    /// As it goes into the `Host` header: in lower case, an IPv6 address in its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// "'/' if the path component is empty, the path component, '?' if the query component is non-empty, the query
    /// component" (section 3).
    pub(super) resource: String,
    /// `user:password`, percent-decoded, the colon always there.
    pub(super) credentials: Option<Vec<u8>>,
}

impl Url {
    /// Parses `"ws:" "//" host [ ":" port ] path [ "?" query ]`, the scheme without regard to case.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NOT_ENCODED);
        }
        if url.contains('#') {
            return Err("a fragment");
        }
        let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err("the scheme is neither ws nor wss"),
        };
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (credentials, authority) = match authority.rsplit_once('@') {
            Some((credentials, authority)) => (Some(basic_credentials(credentials)?), authority),
            None => (None, authority),
        };
        let (host, port) = split_port(authority)?;
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let slash = if resource.starts_with('/') { "" } else { "/" };
        let resource = match resource.split_once('?') {
            Some((path, "")) => path,
            _ => resource,
        };
        if !is_encoded(resource) {
            return Err(NOT_ENCODED);
        }
        percent_decode(resource)?;
        Ok(Self {
            secure,
            host: host.to_ascii_lowercase(),
            port,
            resource: format!("{slash}{resource}"),
            credentials,
        })
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

/// Without the credentials, which are nobody's to read in a log.
impl core::fmt::Debug for Url {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.resource)
    }
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

/// `user ":" password` for `Authorization: Basic`, where "a user-id containing a colon character is invalid" (RFC 7617
/// section 2), and one without a password has its colon nevertheless.
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

/// Whether none of these ASCII characters had to be percent-encoded (RFC 3986 appendix A, outside of a host). Readers
/// of URLs disagree on those that had: to some, a `\` ends the host.
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
    fn section_3_uris() {
        let rows: [(&str, Result<(&str, &str), &str>); 30] = [
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
            ("ws://exa mple.com/", Err("a character that has to be percent-encoded")),
            ("ws://example.com/\r\nX: y", Err("a character that has to be percent-encoded")),
            ("ws://exämple.com/", Err("a character that has to be percent-encoded")),
            ("ws://example.com/{a}", Err("a character that has to be percent-encoded")),
            ("ws://example.com/?a[]=\"", Err("a character that has to be percent-encoded")),
            ("ws://evil.com\\@example.com/", Err("a character that has to be percent-encoded")),
            ("ws://evil.com@x@example.com/", Err("a character that has to be percent-encoded")),
            ("ws://us%3Aer:pass@example.com/", Err("a colon in the user name")),
            ("ws://example.com:80@other.com/", Ok(("other.com", "/"))),
            ("ws://example.com:/", Ok(("example.com", "/"))),
            ("ws://[fe80::1%25eth0]/", Err("no valid host")),
            ("ws://example.com/#top", Err("a fragment")),
            ("ws://example.com:99999/", Err("no valid port")),
            ("ws://example.com/%zz", Err("a % that encodes nothing")),
        ];
        for (url, expected) in rows {
            let parsed = Url::parse(url).map(|url| (url.authority(), url.resource));
            let parsed = parsed.as_ref().map(|(host, resource)| (host.as_str(), resource.as_str()));
            assert_eq!(parsed.map_err(|error| *error), expected, "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_kept_out_of_sight() {
        let url = Url::parse("ws://user:p%40ss@example.com/").unwrap();
        assert_eq!(url.credentials.as_deref(), Some(&b"user:p@ss"[..]));
        assert_eq!(format!("{url:?}"), "ws://example.com/");
        let url = Url::parse("ws://token@example.com/").unwrap();
        assert_eq!(url.credentials.as_deref(), Some(&b"token:"[..]));
    }
}
