//! Redirects of the opening handshake: "the server might redirect the client using a 3xx status code (but clients are not
//! required to follow them)" (RFC 6455 section 4.1).

use crate::error::{Error, HandshakeError, Refusal};
use crate::handshake::client::Request;

/// The redirects of one opening handshake that are followed, up to a limit.
///
/// | of the response, of its `Location` | what happens |
/// |---|---|
/// | another status than 301, 302, 303, 307, 308; no `Location` | it is no redirect: the refusal is the error |
/// | more than one `Location`; not a URI reference; another scheme; user info | [`BadRedirect`](HandshakeError::BadRedirect) |
/// | from `wss:` to `ws:` or `http:` | [`BadRedirect`](HandshakeError::BadRedirect): what TLS protected would be sent in the clear |
/// | one more than the limit, a loop for example | [`TooManyRedirects`](HandshakeError::TooManyRedirects) |
/// | the same scheme, host and port | followed, with the caller's headers |
/// | another origin | followed, without them. `Authorization` from the user and password of the URL is one of them |
///
/// From `ws:` to `wss:` is another origin, as it is for the Fetch standard and for curl, although the host is the same. Headers
/// that stayed behind do not come back if a later redirect leads to the first origin again. Cookies that a redirect sets are
/// not kept. A followed redirect is always a GET, because the opening handshake is one.
#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    limit: u32,
    followed: u32,
}

impl Redirects {
    /// Follows at most `limit` redirects. With 0 there are none: each is a refusal like any other.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, followed: 0 }
    }

    /// The request that follows this end of an attempt.
    ///
    /// # Errors
    ///
    /// The end itself if it is no redirect that is followed; otherwise what is wrong with the redirect.
    pub(crate) fn follow(&mut self, request: &Request, end: Error) -> Result<Request, Error> {
        match &end {
            Error::Handshake(HandshakeError::Refused(refusal)) => self.next(request, refusal)?.ok_or(end),
            _ => Err(end),
        }
    }

    /// The request that follows the refusal of `request`. `None`: the refusal is no redirect that is followed.
    fn next(&mut self, request: &Request, refusal: &Refusal) -> Result<Option<Request>, HandshakeError> {
        // RFC 9110 section 15.4. A 300 lets the user choose, and a 304 or 305 leads nowhere.
        if self.limit == 0 || !matches!(refusal.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let mut locations = refusal.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Location"));
        let Some((_, location)) = locations.next() else { return Ok(None) };
        if locations.next().is_some() {
            return Err(HandshakeError::BadRedirect("more than one Location"));
        }
        let redirected = request.redirected(location).map_err(HandshakeError::BadRedirect)?;
        if request.is_secure() && !redirected.is_secure() {
            return Err(HandshakeError::BadRedirect("from wss: to ws:"));
        }
        if self.followed >= self.limit {
            return Err(HandshakeError::TooManyRedirects { limit: self.limit });
        }
        self.followed += 1;
        Ok(Some(redirected))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;
    use crate::handshake::client::Handshake;

    fn refusal(status: u16, locations: &[&str]) -> Refusal {
        let mut response = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n");
        locations.iter().for_each(|location| response += &format!("location: {location}\r\n"));
        let mut handshake = Handshake::new(&Request::new("ws://x").unwrap(), Config::default()).unwrap();
        handshake.receive(&[response.as_bytes(), b"\r\n"].concat());
        match handshake.next_response() {
            Err(HandshakeError::Refused(refusal)) => *refusal,
            outcome => panic!("{outcome:?}"),
        }
    }

    /// The head that is sent, without the nonce.
    fn head(request: &Request) -> Vec<String> {
        let mut handshake = Handshake::new(request, Config::default()).unwrap();
        let bytes: Vec<u8> = handshake.output().chunks().flatten().copied().collect();
        let head = String::from_utf8(bytes).unwrap();
        head.lines().filter(|line| !line.starts_with("Sec-WebSocket-Key: ")).map(String::from).collect()
    }

    fn follow(url: &str, status: u16, locations: &[&str]) -> Result<Option<String>, HandshakeError> {
        let next = Redirects::new(1).next(&Request::new(url).unwrap(), &refusal(status, locations))?;
        Ok(next.map(|next| {
            let head = head(&next);
            assert_eq!((next.host().is_empty(), head.len()), (false, 6), "{head:?}");
            let scheme = if next.is_secure() { "wss" } else { "ws" };
            format!("{scheme} {} {} {} {}", next.host(), next.port(), head[0], head[1])
        }))
    }

    #[test]
    fn rfc_9110_section_15_4_five_statuses_with_a_location_are_followed() {
        let to = Ok(Some("ws x 80 GET /b HTTP/1.1 Host: x".to_string()));
        for status in (200..600).filter(|status| !matches!(status, 204 | 304)) {
            let followed = matches!(status, 301 | 302 | 303 | 307 | 308);
            let expected = if followed { to.clone() } else { Ok(None) };
            assert_eq!(follow("ws://x/a", status, &["/b"]), expected, "{status}");
            assert_eq!(follow("ws://x/a", status, &[]), Ok(None), "{status}");
        }
        assert_eq!(follow("ws://x/a", 304, &["/b"]), Ok(None));
        let request = Request::new("ws://x/").unwrap();
        assert!(Redirects::new(0).next(&request, &refusal(301, &["/b"])).unwrap().is_none(), "off");
    }

    // attack: way-3
    #[test]
    fn location_leads_to_one_place_or_is_an_error() {
        use HandshakeError::BadRedirect;
        let rows = [
            ("ws://x/a/b?c", &["../d?e#f"][..], Ok("ws x 80 GET /d?e HTTP/1.1 Host: x")),
            ("ws://x/a/b?c", &["?e"], Ok("ws x 80 GET /a/b?e HTTP/1.1 Host: x")),
            ("ws://x:81/a", &["/b"], Ok("ws x 81 GET /b HTTP/1.1 Host: x:81")),
            ("ws://x:81/a", &["http://x/b"], Ok("ws x 80 GET /b HTTP/1.1 Host: x")),
            ("ws://x/a", &["//y:1"], Ok("ws y 1 GET / HTTP/1.1 Host: y:1")),
            ("ws://x/a", &["https://y"], Ok("wss y 443 GET / HTTP/1.1 Host: y")),
            ("wss://x/a", &["//y"], Ok("wss y 443 GET / HTTP/1.1 Host: y")),
            ("wss://x/a", &["wss://[::1]/b"], Ok("wss ::1 443 GET /b HTTP/1.1 Host: [::1]")),
            ("wss://x/a", &["ws://x/a"], Err(BadRedirect("from wss: to ws:"))),
            ("wss://x/a", &["http://x:443/a"], Err(BadRedirect("from wss: to ws:"))),
            ("ws://x/a", &["/b", "/c"], Err(BadRedirect("more than one Location"))),
            ("ws://x/a", &["/b", "/b"], Err(BadRedirect("more than one Location"))),
            ("ws://x/a", &["ws://user@x/"], Err(BadRedirect("user info"))),
            ("ws://x/a", &["gopher://x/"], Err(BadRedirect("the scheme is none of http, https, ws and wss"))),
            ("ws://x/a", &["/a b"], Err(BadRedirect("a character that must be percent-encoded"))),
        ];
        for (url, locations, expected) in rows {
            let next = follow(url, 302, locations);
            assert_eq!(next, expected.map(|next| Some(next.into())), "{url} {locations:?}");
        }
        let bad = [BadRedirect("user info"), HandshakeError::TooManyRedirects { limit: 7 }];
        assert_eq!(bad.clone().map(|error| error.fault()), [crate::Fault::Peer; 2]);
        assert_eq!(bad.map(|error| error.to_string()), ["bad redirect: user info", "more than 7 redirects"]);
    }

    // attack: way-3
    #[test]
    fn loop_ends_with_the_limit() {
        for (limit, locations) in [
            (1, &["/"][..]),
            (20, &["/a", "/"]),
            (10_000, &["ws://y/", "//x", "?", "", "."]),
            (10_000, &["../../a/b"]),
        ] {
            let mut redirects = Redirects::new(limit);
            let mut request = Request::new("ws://x/").unwrap().header("Cookie", "a=b");
            let refusals: Vec<_> = locations.iter().map(|location| refusal(307, &[*location])).collect();
            for followed in 0..limit {
                let refusal = &refusals[followed as usize % refusals.len()];
                request = redirects.next(&request, refusal).unwrap().expect("a redirect");
            }
            let end = redirects.next(&request, &refusals[0]).map(|_| ());
            assert_eq!(end, Err(HandshakeError::TooManyRedirects { limit }));
            assert!(head(&request)[0].len() < 20, "{:?}", head(&request));
        }
    }

    /// All that a caller can put into a request.
    fn full(url: &str) -> Request {
        Request::new(url)
            .unwrap()
            .subprotocol("chat")
            .extension(&crate::handshake::extensions::parse(b"caller-extension").unwrap()[0])
            .header("Host", "virtual.example")
            .header("Cookie", "secret")
            .header("X-Api-Key", "secret")
            .origin("https://secret.example")
    }

    const URL: &str = "ws://user:secret@example.com/path";

    // attack: way-3
    #[test]
    fn headers_go_to_the_same_origin_only_and_do_not_come_back() {
        let next = |request: &Request, location: &str| {
            Redirects::new(1).next(request, &refusal(308, &[location])).unwrap().expect("a redirect")
        };
        let offers = ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Extensions: caller-extension"];
        for same in ["/other", "//example.com:80/other", "http://EXAMPLE.com/other"] {
            let (mut expected, followed) = (head(&full(URL)), next(&full(URL), same));
            expected[0] = "GET /other HTTP/1.1".into();
            assert_eq!(head(&followed), expected, "{same}");
            assert!(expected.iter().any(|line| line.starts_with("Authorization: Basic ")));
        }
        for other in [
            "ws://example.com:8080/",
            "wss://example.com/",
            "wss://example.com:80/",
            "ws://example.com./",
            "ws://www.example.com/",
            "ws://evil.example/",
        ] {
            let followed = next(&full(URL), other);
            let mut lines = head(&followed);
            let host = lines.remove(1);
            assert!(host.starts_with("Host: ") && host != "Host: virtual.example", "{other}: {host}");
            let fixed = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
            let expected = [&["GET / HTTP/1.1"], &fixed[..], &offers, &[""]].concat();
            assert_eq!(lines, expected, "{other}");
            if !followed.is_secure() {
                let mut back = head(&next(&followed, "ws://example.com/"));
                assert_eq!(back.remove(1), "Host: example.com");
                assert_eq!(back, expected, "{other} and back");
            }
        }
    }

    /// Parts of URLs, which make Locations that lead somewhere.
    fn location() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "ws:",
            "wss:",
            "http:",
            "https:",
            "//",
            "/",
            "example.com",
            "EXAMPLE.COM",
            "evil.example",
            ":80",
            ":443",
            ":",
            "@",
            "user",
            "..",
            ".",
            "?",
            "#",
            "a",
            "\\",
            "%2f",
            "[::1]",
            " ",
            "\u{e9}",
            "\0",
            "\r\n",
        ]);
        prop_oneof![
            4 => prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat()),
            1 => prop::collection::vec(any::<u8>(), 0..40)
                .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        // attack: way-3
        #[test]
        fn no_location_panics_or_takes_a_header_to_another_origin(
            secure: bool,
            locations in prop::collection::vec(location(), 1..4),
        ) {
            let first = full(&URL.replace("ws:", if secure { "wss:" } else { "ws:" }));
            let origin = |request: &Request| (request.is_secure(), request.host().to_string(), request.port());
            let (mut request, mut left) = (first.clone(), false);
            let mut redirects = Redirects::new(3);
            for location in locations {
                let mut refusal = refusal(301, &[]);
                refusal.headers.push(("Location".into(), location));
                let Ok(Some(next)) = redirects.next(&request, &refusal) else { break };
                prop_assert!(next.is_secure() || !request.is_secure());
                left |= origin(&next) != origin(&first);
                let lines = head(&next);
                let secrets = ["Cookie: ", "X-Api-Key: ", "Origin: ", "Authorization: ", "Host: virtual.example"];
                let sent = lines.iter().filter(|line| secrets.iter().any(|secret| line.starts_with(secret)));
                prop_assert_eq!(sent.count(), if left { 0 } else { secrets.len() });
                prop_assert_eq!(lines.len(), if left { 8 } else { 12 });
                prop_assert!(lines[0].starts_with("GET /") && lines[0].ends_with(" HTTP/1.1"));
                prop_assert!(lines[0].bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
                prop_assert_eq!(lines[0].split(' ').count(), 3);
                request = next;
            }
        }
    }
}
