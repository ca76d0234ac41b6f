//! URI references, as they are in a `Location` (RFC 3986 section 5), and the origins that they lead to.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Authority, Url, check_characters, split_authority, split_query};

impl Url {
    /// What `reference` means beside this URL (RFC 3986 section 5.2.2), without its fragment. `http:` stands for `ws:`, and
    /// `https:` for `wss:`.
    ///
    /// User info is an error: "a recipient SHOULD parse for userinfo and treat its presence as an error; it is likely being
    /// used to obscure the authority for the sake of phishing attacks" (RFC 9110 section 4.2.4).
    pub(in crate::handshake) fn join(&self, reference: &str) -> Result<Self, &'static str> {
        let (reference, _) = reference.split_once('#').unwrap_or((reference, ""));
        check_characters(reference)?;
        let (scheme, rest) = split_scheme(reference);
        let secure = scheme.map_or(Ok(self.secure), is_secure)?;
        if let Some(rest) = rest.strip_prefix("//") {
            let (authority, resource) = split_authority(rest);
            if authority.contains('@') {
                return Err("user info");
            }
            let (path, query) = split_query(resource);
            let authority = Authority::parse(authority)?;
            return Self::of_parts(secure, authority, &without_dots(path), query);
        }
        if scheme.is_some() {
            return Err("a scheme without a host");
        }
        let (own_path, own_query) = split_query(&self.resource);
        let (path, query) = match split_query(rest) {
            ("", query) => (own_path.into(), query.or(own_query)),
            (path, query) if path.starts_with('/') => (without_dots(path), query),
            (path, query) => (without_dots(&merged(own_path, path)), query),
        };
        Self::of_parts(secure, Authority::parse(&self.authority())?, &path, query)
    }

    /// "If the two origins are scheme/host/port triples", they are the same if those are equal (RFC 6454 section 5).
    pub(in crate::handshake) fn has_origin_of(&self, other: &Self) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }
}

/// The scheme, if the reference has one, and what is behind its colon. A path that is not behind an authority has no colon in
/// its first segment (section 4.2).
fn split_scheme(reference: &str) -> (Option<&str>, &str) {
    match reference.split_once(':') {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => (Some(scheme), rest),
        _ => (None, reference),
    }
}

fn is_secure(scheme: &str) -> Result<bool, &'static str> {
    let is = |known: &[&str]| known.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    match () {
        () if is(&["http", "ws"]) => Ok(false),
        () if is(&["https", "wss"]) => Ok(true),
        () => Err("the scheme is none of http, https, ws and wss"),
    }
}

/// Section 5.2.3: the path behind the last slash of `own` is replaced.
fn merged(own: &str, path: &str) -> String {
    let (folder, _) = own.rsplit_once('/').unwrap_or_default();
    [folder, "/", path].concat()
}

/// Section 5.2.4, "Remove Dot Segments", of a path that is empty or begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            _ => {
                kept.push(segment);
                continue;
            }
        }
        // A dot segment at the end leaves the slash before it.
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    kept.iter().flat_map(|segment| ["/", *segment]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The resource that `reference` leads to, on the same host.
    fn resource(base: &str, reference: &str) -> String {
        let base = Url::parse(base).unwrap();
        let url = base.join(reference).unwrap_or_else(|error| panic!("{reference:?}: {error}"));
        assert!(url.has_origin_of(&base), "{reference:?}");
        url.resource
    }

    /// The examples of the RFC that have a place in a request. `;` and `=` are characters like any other.
    #[test]
    fn rfc_3986_section_5_4_references_are_resolved() {
        let rows = [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("g;x?y#s", "/b/c/g;x?y"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/./y", "/b/c/g;x=1/y"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("g#s/../x", "/b/c/g"),
            // Not in the RFC.
            ("?", "/b/c/d;p"),
            ("/", "/"),
            ("/..", "/"),
            ("/a//../b", "/a/b"),
            ("/.//evil.example/", "//evil.example/"),
            ("g?a:b", "/b/c/g?a:b"),
            ("./g:h", "/b/c/g:h"),
            ("/%2e%2e/g", "/%2e%2e/g"),
        ];
        for (reference, expected) in rows {
            assert_eq!(resource("ws://a/b/c/d;p?q", reference), expected, "{reference:?}");
            assert_eq!(resource("wss://[::1]:8443/b/c/d;p?q", reference), expected, "{reference:?}");
        }
        assert_eq!(resource("ws://a", "g"), "/g");
        assert_eq!(resource("ws://a?q", "?y"), "/?y");
    }

    #[test]
    fn reference_with_a_host_leads_there_and_user_info_or_another_scheme_is_an_error() {
        let rows = [
            ("//g", Ok("ws://g/")),
            ("//g?y#s", Ok("ws://g/?y")),
            ("//G:8080/a/../b", Ok("ws://g:8080/b")),
            ("http://g/x", Ok("ws://g/x")),
            ("HTTPS://g", Ok("wss://g/")),
            ("https://g:80/", Ok("wss://g:80/")),
            ("ws://g/", Ok("ws://g/")),
            ("wss://[::1]:9/./x/..", Ok("wss://[::1]:9/")),
            ("http://g:80/?", Ok("ws://g/")),
            ("http://g/x#@evil", Ok("ws://g/x")),
            ("http://user:pass@g/", Err("user info")),
            ("//user@g/", Err("user info")),
            ("//@g/", Err("user info")),
            ("http://a@g@h/", Err("user info")),
            ("g:h", Err("the scheme is none of http, https, ws and wss")),
            ("javascript://g/", Err("the scheme is none of http, https, ws and wss")),
            ("file:///etc/passwd", Err("the scheme is none of http, https, ws and wss")),
            ("://g/", Err("the scheme is none of http, https, ws and wss")),
            ("http:g", Err("a scheme without a host")),
            ("http:/g", Err("a scheme without a host")),
            ("http:", Err("a scheme without a host")),
            ("http://", Err("no valid host")),
            ("///g", Err("no valid host")),
            ("http://g:0/", Err("no valid port")),
            ("//g:99999", Err("no valid port")),
            ("/a b", Err("a character that must be percent-encoded")),
            ("/\u{e9}", Err("a character that must be percent-encoded")),
            ("/\0", Err("a character that must be percent-encoded")),
            ("\\\\evil.example", Err("a character that must be percent-encoded")),
            ("/\\evil.example", Err("a character that must be percent-encoded")),
            (
                "http://b\u{fc}cher.example/",
                Err("a host that is not ASCII: write it in punycode, as xn--..."),
            ),
        ];
        let base = Url::parse("ws://a/b").unwrap();
        for (reference, expected) in rows {
            let url = base.join(reference).map(|url| alloc::format!("{url:?}"));
            assert_eq!(url.as_deref().map_err(|error| *error), expected, "{reference:?}");
        }
    }
}
