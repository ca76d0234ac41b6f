//! A second reading of URLs and references, from RFC 3986 and section 3 of RFC 6455. It says what is valid, not why not.

use std::net::Ipv6Addr;

/// The five components (RFC 3986 appendix B).
#[derive(Debug)]
pub(crate) struct Reference<'a> {
    pub(crate) scheme: Option<&'a str>,
    pub(crate) authority: Option<&'a str>,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) fragment: Option<&'a str>,
}

/// `^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?`
pub(crate) fn components(text: &str) -> Reference<'_> {
    let until = |text: &str, ends: &[char]| text.find(ends).unwrap_or(text.len());
    let at = until(text, &[':', '/', '?', '#']);
    let (scheme, rest) = match text[at..].strip_prefix(':') {
        Some(rest) if at > 0 => (Some(&text[..at]), rest),
        _ => (None, text),
    };
    let (authority, rest) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, rest) = rest.split_at(until(rest, &['/', '?', '#']));
            (Some(authority), rest)
        }
        None => (None, rest),
    };
    let (path, rest) = rest.split_at(until(rest, &['?', '#']));
    let (query, rest) = match rest.strip_prefix('?') {
        Some(rest) => {
            let (query, rest) = rest.split_at(until(rest, &['#']));
            (Some(query), rest)
        }
        None => (None, rest),
    };
    Reference { scheme, authority, path, query, fragment: rest.strip_prefix('#') }
}

/// A user name and a password, percent-decoded.
pub(crate) type Login = (Vec<u8>, Vec<u8>);

/// `[ userinfo "@" ] host [ ":" port ]`.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) has_userinfo: bool,
    pub(crate) login: Option<Login>,
    /// In lower case, without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

pub(crate) fn authority(text: &str) -> Option<Authority> {
    let mut parts: Vec<_> = text.split('@').collect();
    let host_and_port = parts.pop()?;
    let login = match parts[..] {
        [] | ["" | ":"] => None,
        [userinfo] => Some(login(userinfo)?),
        _ => return None,
    };
    let (host, port) = match host_and_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            address.parse::<Ipv6Addr>().ok()?;
            (address, port)
        }
        None => {
            let (host, port) = host_and_port.split_at(host_and_port.find(':').unwrap_or(host_and_port.len()));
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            (!host.is_empty() && host.chars().all(is_name)).then_some((host, port))?
        }
    };
    let port = match port {
        "" | ":" => None,
        port => {
            let digits = port.strip_prefix(':')?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            Some(digits.parse().ok().filter(|port| is_number && *port > 0)?)
        }
    };
    Some(Authority { has_userinfo: !parts.is_empty(), login, host: host.to_ascii_lowercase(), port })
}

/// `userinfo = *( unreserved / pct-encoded / sub-delims / ":" )`.
fn login(userinfo: &str) -> Option<Login> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:%".contains(c);
    if !userinfo.chars().all(is_allowed) {
        return None;
    }
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Some((percent_decoded(user)?, percent_decoded(password)?))
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, behind) = part.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        decoded.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        decoded.extend(behind.bytes());
    }
    Some(decoded)
}

/// Where a connection goes, and for what it asks there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

impl Place {
    fn new(secure: bool, authority: &Authority, path: &str, query: Option<&str>) -> Self {
        Self {
            secure,
            host: authority.host.clone(),
            port: authority.port.unwrap_or(if secure { 443 } else { 80 }),
            path: if path.is_empty() { "/".into() } else { path.into() },
            query: query.filter(|query| !query.is_empty()).map(Into::into),
        }
    }

    /// Path and query can be sent: section 3, with the characters that browsers leave as they are.
    fn checked(self) -> Option<Self> {
        let target = self.target();
        target.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"#<>\\`".contains(&byte)).then_some(self)
    }

    pub(crate) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The value of `Host`.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.secure { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }

    pub(crate) fn origin(&self) -> (bool, &str, u16) {
        (self.secure, &self.host, self.port)
    }

    /// A `ws:` or `wss:` URL (section 3), with the login in it.
    pub(crate) fn of_url(url: &str) -> Option<(Self, Option<Login>)> {
        let parts = components(url);
        let secure = match &parts.scheme?.to_ascii_lowercase()[..] {
            "ws" => false,
            "wss" => true,
            _ => return None,
        };
        let authority = authority(parts.authority?)?;
        let is_sent = authority.login.as_ref().is_none_or(|(user, _)| !user.contains(&b':'));
        let place = Self::new(secure, &authority, parts.path, parts.query).checked()?;
        (parts.fragment.is_none() && is_sent).then_some((place, authority.login))
    }

    /// Section 5.2.2 of RFC 3986.
    pub(crate) fn resolve(&self, reference: &str) -> Option<Self> {
        let parts = components(reference);
        let before_fragment = reference.split('#').next()?;
        if !before_fragment.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let secure = match parts.scheme.map(str::to_ascii_lowercase).as_deref() {
            None => self.secure,
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            Some(_) => return None,
        };
        if let Some(text) = parts.authority {
            let authority = authority(text).filter(|authority| !authority.has_userinfo)?;
            return Self::new(secure, &authority, &without_dots(parts.path), parts.query).checked();
        }
        let first_segment = parts.path.split('/').next()?;
        // A scheme needs a host here, and a path without a scheme has no colon in its first segment (section 4.2).
        if parts.scheme.is_some() || first_segment.contains(':') {
            return None;
        }
        let (path, query) = match parts.path {
            "" => (self.path.clone(), parts.query.or(self.query.as_deref())),
            path if path.starts_with('/') => (without_dots(path), parts.query),
            path => {
                let folder = &self.path[..=self.path.rfind('/')?];
                (without_dots(&format!("{folder}{path}")), parts.query)
            }
        };
        let query = query.filter(|query| !query.is_empty()).map(Into::into);
        Self { path, query, ..self.clone() }.checked()
    }
}

/// Section 5.2.4, step by step. The path begins with a slash or is empty.
fn without_dots(path: &str) -> String {
    let (mut input, mut output) = (path.to_owned(), String::new());
    while !input.is_empty() {
        if input.starts_with("/./") {
            input.replace_range(..3, "/");
        } else if input == "/." {
            input = "/".into();
        } else if input.starts_with("/../") || input == "/.." {
            input = if input == "/.." { "/".into() } else { input[3..].into() };
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |end| end + 1);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    output
}
