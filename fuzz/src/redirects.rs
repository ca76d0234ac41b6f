//! Any URL, and any responses that lead elsewhere: where the client goes, and what it takes along.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sansocket::fuzzing::Following;
use sansocket::handshake::client::{Handshake, Request};
use sansocket::{Config, Error, HandshakeError, Refusal};

use crate::model::opening::NONCE;
use crate::model::paths::written;
use crate::model::wire::SameKey;
use crate::urls::Place;

/// The first character of a line is the status of a response: a digit, or else the first.
const STATUSES: [u16; 10] = [301, 302, 303, 307, 308, 300, 304, 401, 404, 503];

/// What the caller adds to the request, as it is sent.
const ADDED: [(&str, &str); 2] = [("Cookie", "secret"), ("X-Api-Key", "secret")];

const LIMIT: usize = 4;

/// The input is lines: a URL, then a status and the `Location`s of a response, with tabs between them. The client is where the
/// model is, and sends what the model sends.
pub fn redirects(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let url = lines.next().unwrap_or_default();
    let (mut request, mut client) = match (Request::new(url), Client::new(url)) {
        (Ok(request), Some(client)) => (request, client),
        (Err(HandshakeError::BadUrl(_)), None) => return,
        (found, expected) => panic!("{url:?}: {found:?}, not {expected:?}"),
    };
    for (name, value) in ADDED {
        request = request.header(name, value);
    }
    request = request.subprotocol("chat");
    client.check(&request);
    let mut following = Following::new(LIMIT as u32);
    for line in lines {
        let mut chars = line.chars();
        let status = STATUSES[chars.next().and_then(|digit| digit.to_digit(10)).unwrap_or(0) as usize];
        let locations: Vec<_> = chars.as_str().split('\t').filter(|location| !location.is_empty()).collect();
        let end = Error::from(HandshakeError::Refused(Box::new(refusal(status, &locations))));
        let is_redirect = [301, 302, 303, 307, 308].contains(&status) && !locations.is_empty();
        match (following.follow(&request, end), client.follow(&locations)) {
            (Err(Error::Handshake(HandshakeError::Refused(refusal))), _) if !is_redirect => {
                assert_eq!(refusal.status, status);
            }
            (Err(Error::Handshake(error)), Err(expected)) if is_redirect => {
                assert_eq!(
                    core::mem::discriminant(&error),
                    core::mem::discriminant(&expected),
                    "{locations:?} from {:?}: {error}, not {expected}",
                    client.place
                );
                return;
            }
            (Ok(next), Ok(moved)) if is_redirect => {
                (request, client) = (next, moved);
                client.check(&request);
            }
            (found, expected) => {
                panic!("{status} {locations:?} from {:?}: {found:?}, not {expected:?}", client.place)
            }
        }
    }
}

/// A response to a client, with these headers instead of its own.
fn refusal(status: u16, locations: &[&str]) -> Refusal {
    let mut refusal = crate::refusals::any_refusal();
    refusal.status = status;
    refusal.headers = locations.iter().map(|location| ("location".into(), (*location).into())).collect();
    refusal
}

/// A client as the model has it.
#[derive(Clone, Debug)]
struct Client {
    place: Place,
    /// The headers that are for the first origin only.
    headers: Vec<String>,
    followed: usize,
}

impl Client {
    fn new(url: &str) -> Option<Self> {
        let (place, login) = Place::of_url(url)?;
        let login = login.map(|(user, password)| {
            let encoded = BASE64_STANDARD.encode([&user[..], b":", &password].concat());
            format!("Authorization: Basic {encoded}")
        });
        let added = ADDED.map(|(name, value)| format!("{name}: {value}"));
        Some(Self { place, headers: login.into_iter().chain(added).collect(), followed: 0 })
    }

    /// RFC 9110 section 15.4, and the table in the docs of the crate.
    fn follow(&self, locations: &[&str]) -> Result<Self, HandshakeError> {
        let bad = HandshakeError::BadRedirect("");
        let [location] = locations[..] else { return Err(bad) };
        let place = self.place.resolve(location).ok_or(bad.clone())?;
        if self.place.secure && !place.secure {
            return Err(bad);
        }
        if self.followed == LIMIT {
            return Err(HandshakeError::TooManyRedirects { limit: 0 });
        }
        let is_same = place.origin() == self.place.origin();
        let headers = if is_same { self.headers.clone() } else { Vec::new() };
        Ok(Self { place, headers, followed: self.followed + 1 })
    }

    /// The request goes where the model goes, and its head is the model's.
    fn check(&self, request: &Request) {
        assert_eq!((request.is_secure(), request.host(), request.port()), self.place.origin());
        let mut handshake = Handshake::with_nonce(request, Config::default(), NONCE, SameKey).unwrap();
        let head = String::from_utf8(written(handshake.output())).unwrap();
        let mut expected = vec![
            format!("GET {} HTTP/1.1", self.place.target()),
            format!("Host: {}", self.place.authority()),
            "Upgrade: websocket".into(),
            "Connection: Upgrade".into(),
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".into(),
            "Sec-WebSocket-Version: 13".into(),
            "Sec-WebSocket-Protocol: chat".into(),
        ];
        expected.extend(self.headers.iter().cloned());
        expected.extend(["".into(), "".into()]);
        assert_eq!(head.split("\r\n").collect::<Vec<_>>(), expected);
    }
}
