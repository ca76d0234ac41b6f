//! Offers and responses (RFC 7692 sections 5.1 and 7.1).

use sansocket::handshake::extensions::parse;
use sansocket::handshake::{client, server};
use sansocket::{Config, Connection, Deflate, HandshakeError, Negotiated};

use super::{config, seeds};

/// What was agreed on: server takeover, client takeover, server bits, client bits.
type Agreed = (bool, bool, u8, u8);

fn agreed(negotiated: Negotiated) -> Agreed {
    (
        !negotiated.server_no_context_takeover,
        !negotiated.client_no_context_takeover,
        negotiated.server_max_window_bits,
        negotiated.client_max_window_bits,
    )
}

fn all() -> Deflate {
    Deflate::default().takeover(true).peer_takeover(true)
}

/// The response of a server with `settings` to these header lines, and the connection.
fn answer(settings: Option<Deflate>, lines: &[&str]) -> (Option<String>, Connection) {
    let mut handshake = server::Handshake::new(Config::default().deflate(settings));
    handshake.receive(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    );
    seeds::keep("offers", lines.join("\n").as_bytes());
    for line in lines {
        handshake.receive(format!("Sec-WebSocket-Extensions: {line}\r\n").as_bytes());
    }
    handshake.receive(b"\r\n");
    let exchange = handshake.next_request().unwrap().unwrap();
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!("no upgrade") };
    let response = request.accept();
    let server::Answer::Open(mut connection) = exchange.respond(response).unwrap() else { panic!() };
    let head = String::from_utf8(connection.output().chunk().to_vec()).unwrap();
    let line = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    (line.map(String::from), connection)
}

/// Each row: what a server that allows everything is offered, its response, what is agreed on.
// req: 6455-9-d, 7692-5-c, 7692-5-g, 7692-5-j, 7692-5-k, 7692-7.1.1.2-d, 7692-7.1.2.2-d, 7692-7.1.2.2-g
// req: 7692-5-d, 7692-5-h, 7692-5-i, 7692-5-o, 7692-7-a, 7692-7-b, 7692-7-c, 7692-7-d, 7692-7.1.1.1-b, 7692-7.1.1.1-c
// req: 7692-7.1.2.1-b, 7692-7.1.2.1-c, 7692-7.1.2.1-d, 7692-7.1.2.2-c, 7692-7.1.2.2-e
// attack: deflate-3, deflate-4
#[test]
fn section_7_1_offers_are_accepted_or_declined() {
    const NAME: &str = "permessage-deflate";
    let rows: &[(&str, &str, Agreed)] = &[
        ("", "", (true, true, 15, 15)),
        ("; server_no_context_takeover", "; server_no_context_takeover", (false, true, 15, 15)),
        ("; client_no_context_takeover", "; client_no_context_takeover", (true, false, 15, 15)),
        ("; client_max_window_bits", "", (true, true, 15, 15)),
        ("; client_max_window_bits=10", "; client_max_window_bits=10", (true, true, 15, 10)),
        ("; client_max_window_bits=8", "; client_max_window_bits=8", (true, true, 15, 8)),
        ("; server_max_window_bits=15", "; server_max_window_bits=15", (true, true, 15, 15)),
        ("; server_max_window_bits=9", "; server_max_window_bits=9", (true, true, 9, 15)),
        (r#"; server_max_window_bits="10""#, "; server_max_window_bits=10", (true, true, 10, 15)),
        (
            "; client_max_window_bits; server_max_window_bits = 12 ;server_no_context_takeover",
            "; server_no_context_takeover; server_max_window_bits=12",
            (false, true, 12, 15),
        ),
    ];
    for (params, response, expected) in rows {
        let (line, connection) = answer(Some(all()), &[&format!("{NAME}{params}")]);
        assert_eq!(line, Some(format!("{NAME}{response}")), "{params}");
        assert_eq!(connection.negotiated().map(agreed), Some(*expected), "{params}");
        assert_eq!(answer(None, &[&format!("{NAME}{params}")]).0, None, "not configured");
    }
    let declined = [
        "; unknown",
        "; server_no_context_takeover=1",
        "; client_no_context_takeover=true",
        "; server_max_window_bits",
        "; server_max_window_bits=8",
        "; server_max_window_bits=7",
        "; server_max_window_bits=16",
        "; server_max_window_bits=010",
        "; server_max_window_bits=+10",
        "; server_max_window_bits=ten",
        "; server_max_window_bits=1000000000000",
        "; client_max_window_bits=7",
        "; client_max_window_bits=16",
        "; client_max_window_bits=09",
        "; server_no_context_takeover; server_no_context_takeover",
        "; client_no_context_takeover; client_no_context_takeover",
        "; server_max_window_bits=10; server_max_window_bits=10",
        "; client_max_window_bits; client_max_window_bits=10",
    ];
    for params in declined {
        let offer = format!("{NAME}{params}");
        let (line, connection) = answer(Some(all()), &[&offer]);
        assert_eq!((line, connection.negotiated()), (None, None), "{params}");
        // The next offer counts, in the same line and in another one.
        for lines in [&[&format!("{offer}, x-other, {NAME}")[..]][..], &[&offer, "x-other", NAME]] {
            assert_eq!(answer(Some(all()), lines).0.as_deref(), Some(NAME), "{lines:?}");
        }
    }
    for other in ["x-webkit-deflate-frame", "permessage-bzip2", "Permessage-Deflate", ""] {
        assert_eq!(answer(Some(all()), &[other]).0, None, "{other}");
    }
}

/// Each row: a server's settings, its response to an offer with everything, what is agreed on.
// req: 7692-7.1.1.1-d, 7692-7.1.1.2-b
#[test]
fn server_answers_by_its_settings() {
    let rows = [
        (
            Deflate::default(),
            "; server_no_context_takeover; client_no_context_takeover",
            (false, false, 15, 15),
        ),
        (all().window_bits(11), "", (true, true, 15, 15)),
        (all().peer_window_bits(11), "; client_max_window_bits=11", (true, true, 15, 11)),
        (all().peer_window_bits(3), "; client_max_window_bits=8", (true, true, 15, 8)),
        (all().window_bits(3), "", (true, true, 15, 15)),
        (Deflate::feed(), "; client_max_window_bits=12", (true, true, 15, 12)),
    ];
    for (settings, response, expected) in rows {
        let (line, connection) =
            answer(Some(settings.clone()), &["permessage-deflate; client_max_window_bits"]);
        assert_eq!(line, Some(format!("permessage-deflate{response}")), "{settings:?}");
        assert_eq!(connection.negotiated().map(agreed), Some(expected), "{settings:?}");
        let (line, _) = answer(Some(settings), &["permessage-deflate"]);
        assert!(!line.unwrap().contains("client_max_window_bits"), "it was not offered");
    }
}

#[test]
fn server_declines_by_request() {
    let mut handshake = server::Handshake::new(config(all()));
    handshake.receive(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    let exchange = handshake.next_request().unwrap().unwrap();
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!("no upgrade") };
    let response = request.accept().without_compression();
    let server::Answer::Open(mut connection) = exchange.respond(response).unwrap() else { panic!() };
    assert!(!connection.output().chunk().windows(10).any(|window| window == b"Extensions"));
    assert_eq!(connection.negotiated(), None);
}

fn handshake(settings: Option<Deflate>) -> client::Handshake {
    struct Zeros;
    impl sansocket::frame::MaskKeySource for Zeros {
        fn next_key(&mut self) -> sansocket::frame::MaskKey {
            sansocket::frame::MaskKey([0; 4])
        }
    }
    let request = client::Request::new("ws://example.com/").unwrap();
    let config = Config::default().deflate(settings);
    client::Handshake::with_nonce(&request, config, *b"the sample nonce", Zeros).unwrap()
}

// req: 7692-5-e, 7692-7.1.2.1-f
// req: 7692-5-a, 7692-7.1.1.1-a, 7692-7.1.1.2-a, 7692-7.1.2.1-a, 7692-7.1.2.2-a, 7692-7.1.2.2-b
#[test]
fn client_offers_its_settings() {
    let rows = [
        (
            Deflate::default(),
            "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
        (all(), "; client_max_window_bits"),
        (all().window_bits(10), "; client_max_window_bits=10"),
        (all().window_bits(0).peer_window_bits(200), "; client_max_window_bits=9"),
        (all().peer_window_bits(8), "; server_max_window_bits=8; client_max_window_bits"),
        (Deflate::default().offers_name_only(true), ""),
    ];
    for (settings, params) in rows {
        let mut handshake = handshake(Some(settings.clone()));
        let head = String::from_utf8(handshake.output().chunk().to_vec()).unwrap();
        let line = format!("\r\nSec-WebSocket-Extensions: permessage-deflate{params}\r\n");
        assert!(head.contains(&line), "{settings:?}: {head}");
    }
    assert!(!handshake(None).output().chunk().windows(10).any(|window| window == b"Extensions"));
}

/// The client's result for a 101 response with these header lines.
fn open(settings: Option<Deflate>, lines: &[&str]) -> Result<Option<Agreed>, HandshakeError> {
    let mut handshake = handshake(settings);
    handshake.receive(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    );
    seeds::keep("offers", lines.join("\n").as_bytes());
    for line in lines {
        handshake.receive(format!("Sec-WebSocket-Extensions: {line}\r\n").as_bytes());
    }
    handshake.receive(b"\r\n");
    let (connection, _) = handshake.next_response()?.unwrap();
    Ok(connection.negotiated().map(agreed))
}

// req: 6455-9-d
// req: 7692-5-p, 7692-5-q, 7692-5-l, 7692-5-n, 7692-7-e, 7692-7-f, 7692-7-g, 7692-7-h, 7692-7.1.1.2-c, 7692-7.1.2.2-f
// attack: deflate-3
#[test]
fn section_7_1_responses_are_checked() {
    const NAME: &str = "permessage-deflate";
    let valid: &[(&str, Agreed)] = &[
        ("", (true, true, 15, 15)),
        ("; server_no_context_takeover", (false, true, 15, 15)),
        ("; client_no_context_takeover", (true, false, 15, 15)),
        ("; server_max_window_bits=8", (true, true, 8, 15)),
        (r#"; server_max_window_bits="15""#, (true, true, 15, 15)),
        ("; client_max_window_bits=8", (true, true, 15, 8)),
        ("; client_max_window_bits=15;client_no_context_takeover", (true, false, 15, 15)),
    ];
    for (params, expected) in valid {
        assert_eq!(open(Some(all()), &[&format!("{NAME}{params}")]), Ok(Some(*expected)), "{params}");
    }
    assert_eq!(open(Some(all()), &[]), Ok(None));
    assert_eq!(open(Some(all()), &["", ","]), Ok(None));
    let invalid = HandshakeError::Invalid("Sec-WebSocket-Extensions");
    let params = [
        "; unknown",
        "; server_no_context_takeover=1",
        "; server_max_window_bits",
        "; server_max_window_bits=7",
        "; server_max_window_bits=16",
        "; server_max_window_bits=012",
        "; client_max_window_bits",
        "; client_max_window_bits=x",
        "; client_no_context_takeover; client_no_context_takeover",
        "; server_max_window_bits=9; server_max_window_bits=9",
        ";",
        "; =",
    ];
    for params in params {
        assert_eq!(open(Some(all()), &[&format!("{NAME}{params}")]), Err(invalid.clone()), "{params}");
    }
    let twice = format!("{NAME}, {NAME}");
    for lines in [&["x-other"][..], &[&twice], &[NAME, NAME], &[NAME, "x-other"], &["x-other", NAME]] {
        assert_eq!(open(Some(all()), lines), Err(HandshakeError::ExtensionNotOffered), "{lines:?}");
    }
    assert_eq!(open(None, &[NAME]), Err(HandshakeError::ExtensionNotOffered));

    // What the client asked for must be in the response.
    assert_eq!(open(Some(Deflate::default()), &[NAME]), Err(invalid.clone()), "takeover was refused");
    let asks = Some(all().peer_window_bits(10));
    assert_eq!(open(asks.clone(), &[NAME]), Err(invalid.clone()), "no window");
    for (bits, is_valid) in [(8, true), (10, true), (11, false)] {
        let result = open(asks.clone(), &[&format!("{NAME}; server_max_window_bits={bits}")]);
        assert_eq!(result.is_ok(), is_valid, "{bits} bits");
    }
    let bare = Some(Deflate::default().offers_name_only(true));
    assert_eq!(open(bare.clone(), &[NAME]), Ok(Some((true, true, 15, 15))));
    assert_eq!(open(bare, &[&format!("{NAME}; client_max_window_bits=10")]), Err(invalid), "not offered");
}

/// A proxy passes offers and responses on. Its own connections do not compress.
#[test]
fn extensions_of_the_caller_replace_those_of_the_config() {
    let offered = parse(b"permessage-deflate; server_max_window_bits=9").unwrap().remove(0);
    let request = client::Request::new("ws://example.com/").unwrap().extension(&offered);
    let mut connecting = client::Handshake::new(&request, config(all())).unwrap();
    let mut accepting = server::Handshake::new(config(all()));
    accepting.receive(connecting.output().chunk());
    let exchange = accepting.next_request().unwrap().unwrap();
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!("no upgrade") };
    assert!(request.extensions().eq([offered]));
    // The client did not offer this parameter. The one who passes it on judges that.
    let chosen = parse(b"permessage-deflate; client_max_window_bits=10").unwrap().remove(0);
    let response = request.accept().extension(&chosen);
    let server::Answer::Open(mut opened) = exchange.respond(response).unwrap() else { panic!("not open") };
    connecting.receive(opened.output().chunk());
    let (connected, response) = connecting.next_response().unwrap().unwrap();
    assert!(response.extensions().eq([chosen]));
    assert_eq!((connected.negotiated(), opened.negotiated()), (None, None));
}
