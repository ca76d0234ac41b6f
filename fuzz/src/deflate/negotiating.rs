//! Any header values as offers and as responses.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sansocket::handshake::{client, server};
use sansocket::{Config, HandshakeError, Negotiated};

use super::Settings;
use crate::model::agreed::pair;
use crate::model::extensions::{Extension, extension_list};
use crate::model::opening::{ACCEPT, NONCE};
use crate::model::paths::written;
use crate::model::wire::SameKey;

/// The settings of two ends, and lines of a header.
#[derive(Debug, Arbitrary)]
pub struct Negotiation<'a> {
    settings: Settings,
    other: Settings,
    lines: &'a [u8],
}

/// The parameters of an offer or a response that is well-formed (RFC 7692 section 7.1). A parameter without a value is
/// `Some(None)`.
#[derive(Debug, Default, PartialEq)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<u8>>,
    client_max_window_bits: Option<Option<u8>>,
}

impl Params {
    /// "Extension parameter with unknown name", "with an invalid value", "multiple extension parameters with the same name"
    /// (section 7): `None`.
    fn of(extension: &Extension) -> Option<Self> {
        let mut params = Self::default();
        for (at, (name, value)) in extension.1.iter().enumerate() {
            if extension.1[..at].iter().any(|(before, _)| before == name) {
                return None;
            }
            // "1*DIGIT … a decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2).
            let bits = match value.as_deref() {
                None => None,
                Some("8") => Some(8),
                Some("9") => Some(9),
                Some("10") => Some(10),
                Some("11") => Some(11),
                Some("12") => Some(12),
                Some("13") => Some(13),
                Some("14") => Some(14),
                Some("15") => Some(15),
                Some(_) => return None,
            };
            match (&name[..], value) {
                ("server_no_context_takeover", None) => params.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => params.client_no_context_takeover = true,
                ("server_max_window_bits", _) => params.server_max_window_bits = Some(bits),
                ("client_max_window_bits", _) => params.client_max_window_bits = Some(bits),
                _ => return None,
            }
        }
        Some(params)
    }

    /// As an offer: a value of `server_max_window_bits` is required. A window of 8 bits cannot be compressed with.
    fn is_acceptable(&self) -> bool {
        self.server_max_window_bits.is_none_or(|bits| bits.is_some_and(|bits| bits > 8))
    }

    /// As a response: both values are required.
    fn negotiated(&self) -> Option<Negotiated> {
        let bits = |given: Option<Option<u8>>| given.map_or(Some(15), |bits| bits);
        let mut negotiated = any();
        negotiated.server_no_context_takeover = self.server_no_context_takeover;
        negotiated.client_no_context_takeover = self.client_no_context_takeover;
        negotiated.server_max_window_bits = bits(self.server_max_window_bits)?;
        negotiated.client_max_window_bits = bits(self.client_max_window_bits)?;
        Some(negotiated)
    }
}

/// The type has no constructor.
fn any() -> Negotiated {
    let config = Config::default().deflate(Some(Default::default()));
    pair(config.clone(), config).0.negotiated().expect("both want it")
}

/// The same lines to a server and to a client, and both settings to each other.
pub fn negotiation(case: &Negotiation<'_>) {
    let is_allowed = |byte: &u8| matches!(byte, b'\t' | b'\n' | b' '..=b'~' | 0x80..);
    let lines: Vec<&[u8]> = case.lines.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    if case.lines.iter().all(is_allowed) && lines.len() < 20 && case.lines.len() < 4000 {
        offer(case.settings, &lines);
        respond(case.settings, &lines);
    }
    let config = |settings: Settings| Config::default().deflate(Some(settings.deflate()));
    let (client, server) = pair(config(case.settings), config(case.other));
    assert_eq!(client.negotiated(), server.negotiated());
    // The server declines only what it cannot do: to compress with a window of 8 bits.
    let asks_for_8 =
        case.settings.deflate().peer_window_bits <= 8 && !case.settings.deflate().offers_name_only;
    assert_eq!(client.negotiated().is_none(), asks_for_8);
}

/// All extensions of all lines. `None`: one of them is malformed.
fn extensions(lines: &[&[u8]]) -> Option<Vec<Extension>> {
    let lists: Option<Vec<_>> = lines.iter().map(|line| extension_list(line)).collect();
    Some(lists?.concat())
}

fn head(first: &str, lines: &[&[u8]]) -> Vec<u8> {
    let mut head = first.as_bytes().to_vec();
    for line in lines {
        head.extend([b"Sec-WebSocket-Extensions: ", *line, b"\r\n"].concat());
    }
    [&head[..], b"\r\n"].concat()
}

/// The lines as an offer. The first acceptable one is agreed on, and the response is what section 7.1 allows.
fn offer(settings: Settings, lines: &[&[u8]]) {
    let settings = settings.deflate();
    let mut handshake = server::Handshake::new(Config::default().deflate(Some(settings.clone())));
    handshake.receive(&head(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
        lines,
    ));
    let Some(offers) = extensions(lines) else {
        assert!(handshake.next_request().is_err(), "a list that is malformed");
        return;
    };
    let exchange = handshake.next_request().expect("a request").expect("all of it");
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!("no upgrade") };
    let response = request.accept();
    let Ok(server::Answer::Open(mut connection)) = exchange.respond(response) else { panic!("not open") };
    let answer = String::from_utf8(written(connection.output())).expect("ASCII");
    let answers: Vec<&str> =
        answer.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: ")).collect();
    let offers = offers.iter().filter(|offer| offer.0 == "permessage-deflate");
    let Some(offer) = offers.filter_map(Params::of).find(Params::is_acceptable) else {
        assert_eq!((connection.negotiated(), answers), (None, vec![]), "nothing acceptable");
        return;
    };
    let [answer] = answers[..] else { panic!("{answers:?}, not one response") };
    let chosen = extension_list(answer.as_bytes()).expect("well-formed");
    let [chosen] = &chosen[..] else { panic!("{answer}, not one extension") };
    assert_eq!(chosen.0, "permessage-deflate");
    let chosen = Params::of(chosen).expect("well-formed");
    let negotiated = chosen.negotiated().expect("well-formed");
    assert_eq!(connection.negotiated(), Some(negotiated));
    // Section 7.1.1: what was asked for is granted.
    assert!(chosen.server_no_context_takeover || !offer.server_no_context_takeover);
    // Section 7.1.2.1: "the same or smaller value"; 7.1.2.2: not unasked, "equal to or smaller than the received value".
    if let Some(Some(most)) = offer.server_max_window_bits {
        assert!(chosen.server_max_window_bits.is_some() && negotiated.server_max_window_bits <= most);
    }
    match offer.client_max_window_bits {
        None => assert_eq!(chosen.client_max_window_bits, None, "not offered"),
        Some(hint) => {
            let most = hint.unwrap_or(15).min(settings.peer_window_bits.clamp(8, 15));
            assert!(negotiated.client_max_window_bits <= most);
        }
    }
    // The settings.
    assert!(negotiated.server_no_context_takeover || settings.takeover);
    assert!(negotiated.client_no_context_takeover || settings.peer_takeover);
}

/// The lines as a response. Nothing that was not offered is agreed on.
fn respond(settings: Settings, lines: &[&[u8]]) {
    let settings = settings.deflate();
    let request = client::Request::new("ws://server.example.com/").expect("a URL");
    let config = Config::default().deflate(Some(settings.clone()));
    let mut handshake = client::Handshake::with_nonce(&request, config, NONCE, SameKey).expect("valid");
    handshake.receive(&head(
        &format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: {ACCEPT}\r\n"
        ),
        lines,
    ));
    let outcome = handshake.next_response().map(|response| {
        let (connection, _) = response.expect("all of it");
        connection.negotiated()
    });
    let invalid = HandshakeError::Invalid("Sec-WebSocket-Extensions");
    let expected = match extensions(lines).as_deref() {
        None => {
            assert!(outcome.is_err(), "a list that is malformed");
            return;
        }
        Some([]) => Ok(None),
        Some([chosen]) if chosen.0 == "permessage-deflate" => {
            let params = Params::of(chosen);
            let negotiated = params.as_ref().and_then(Params::negotiated);
            let is_asked_for = |params: &Params| {
                let bits = params.server_max_window_bits.flatten();
                let most = settings.peer_window_bits.clamp(8, 15);
                if settings.offers_name_only {
                    params.client_max_window_bits.is_none()
                } else {
                    (settings.peer_takeover || params.server_no_context_takeover)
                        && (most == 15 || bits.is_some_and(|bits| bits <= most))
                }
            };
            negotiated.filter(|_| params.as_ref().is_some_and(is_asked_for)).map(Some).ok_or(invalid)
        }
        Some(_) => Err(HandshakeError::ExtensionNotOffered),
    };
    assert_eq!(outcome, expected);
}
