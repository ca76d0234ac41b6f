//! Servers that break the rules of TLS, or stretch them, behind the opening handshake.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use sansocket::handshake::client::Request;
use sansocket::tls::rustls::version::{TLS12, TLS13};
use sansocket::tls::rustls::{ContentType, ServerConnection, SupportedProtocolVersion};
use sansocket::{Config, Connector, Error, Message, ProtocolError, blocking, smol, tokio};

use crate::forged::{Forge, serve_raw};
use crate::peers::{in_each_shell, on_tokio};
use crate::throwaway::{Ca, server};

type Outcome = (Vec<Message>, Result<(), Error>);

/// What arrives on a connection in each shell, and its end: blocking, tokio, smol.
fn read_everywhere(port: u16, connector: &Connector) -> [Outcome; 3] {
    let request = Request::new(&format!("wss://localhost:{port}/")).unwrap();
    let by_blocking = || {
        let (mut messages, mut socket) = (Vec::new(), blocking::connect_with(&request, connector).unwrap().0);
        let end = loop {
            match socket.read() {
                Ok(Some(message)) => messages.push(message),
                end => break end.map(drop),
            }
        };
        // Nothing follows.
        assert!(!matches!(socket.read(), Ok(Some(_))));
        (messages, end)
    };
    macro_rules! by {
        ($shell:ident) => {
            async {
                let (mut messages, mut socket) =
                    (Vec::new(), $shell::connect_with(&request, connector).await.unwrap().0);
                let end = loop {
                    match socket.read().await {
                        Ok(Some(message)) => messages.push(message),
                        end => break end.map(drop),
                    }
                };
                assert!(!matches!(socket.read().await, Ok(Some(_))));
                (messages, end)
            }
        };
    }
    in_each_shell(by_blocking, || on_tokio(by!(tokio)), || ::smol::block_on(by!(smol)))
}

/// The frame of a short text.
fn text(text: &str) -> Vec<u8> {
    [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

const CLOSE: [u8; 4] = [0x88, 2, 3, 0xE8];

const ALERT: ContentType = ContentType::Alert;
const HANDSHAKE: ContentType = ContentType::Handshake;

/// The records of a row. The ones before them carry a text "before".
type Records = fn(&mut Forge) -> Vec<u8>;

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// What the peer sends, in which versions, how many texts arrive behind the first, and how it ends: nothing for a clean end.
const ROWS: [(&str, &[&SupportedProtocolVersion], Records, usize, &str); 16] = [
    ("a wrong MAC", BOTH, |forge| flipped(forge.data(&text("lost"))), 0, "DecryptError"),
    ("plain text", BOTH, |_| b"HTTP/1.1 500 Internal Server Error\r\n\r\n".to_vec(), 0, "InvalidMessage"),
    ("a fatal alert", BOTH, |forge| forge.record(ALERT, &[2, 80]), 0, "AlertReceived(InternalError)"),
    (
        "warnings without end",
        &[&TLS12],
        |forge| many(6, || forge.record(ALERT, &[1, 90])),
        0,
        "TooManyWarning",
    ),
    ("a warning of another kind", &[&TLS13], |forge| forge.record(ALERT, &[1, 80]), 0, "AlertReceived"),
    ("half an alert", BOTH, |forge| forge.record(ALERT, &[2]), 0, "InvalidMessage"),
    (
        "one wish for renegotiation",
        &[&TLS12],
        |forge| [forge.record(HANDSHAKE, &[0; 4]), forge.data(&text("b")), forge.data(&CLOSE)].concat(),
        1,
        "",
    ),
    (
        "two wishes for renegotiation",
        &[&TLS12],
        |forge| many(2, || forge.record(HANDSHAKE, &[0; 4])),
        0,
        "TooManyRenegotiationRequests",
    ),
    ("an empty ClientHello", BOTH, |forge| forge.record(HANDSHAKE, &[1, 0, 0, 0]), 0, "InvalidMessage"),
    (
        "a handshake message that claims 16 MiB",
        BOTH,
        |forge| {
            let begin = forge.record(HANDSHAKE, &[4, 0xFF, 0xFF, 0xFF]);
            [begin, many(8, || forge.record(HANDSHAKE, &[0; 16 << 10]))].concat()
        },
        0,
        "InvalidMessage",
    ),
    (
        "an unknown kind of record",
        BOTH,
        |forge| forge.record(ContentType::Unknown(99), b"?"),
        0,
        "InvalidMessage",
    ),
    (
        "a record that is too long",
        BOTH,
        |forge| forge.data(&[0; (16 << 10) + 1]),
        0,
        "PeerSentOversizedRecord",
    ),
    (
        "the end in the middle of a message",
        BOTH,
        |forge| [forge.data(&text("half")[..4]), forge.record(ALERT, &[1, 0])].concat(),
        0,
        "ConnectionLost",
    ),
    (
        "empty records",
        BOTH,
        |forge| [many(32, || forge.data(&[])), forge.data(&text("b")), forge.data(&CLOSE)].concat(),
        1,
        "",
    ),
    ("too many empty records", BOTH, |forge| many(33, || forge.data(&[])), 0, "TooManyEmptyFragments"),
    (
        "a record for each byte",
        BOTH,
        |forge| {
            let frames = [text("b"), text("c"), CLOSE.to_vec()].concat();
            frames.chunks(1).flat_map(|byte| forge.data(byte)).collect()
        },
        2,
        "",
    ),
];

fn flipped(mut record: Vec<u8>) -> Vec<u8> {
    *record.last_mut().unwrap() ^= 1;
    record
}

fn many(count: usize, mut record: impl FnMut() -> Vec<u8>) -> Vec<u8> {
    (0..count).flat_map(|_| record()).collect()
}

// attack: way-1
#[test]
fn faults_of_tls_end_the_connection_behind_what_came_before() {
    let ca = Ca::new();
    let connector = Connector::new().tls(ca.client());
    for (what, versions, records, arrive, expected) in ROWS {
        for version in versions {
            let config = server(ca.identity(&["localhost"]), &[version], None);
            let port = serve_raw(&config, move |session, tcp| {
                let mut forge = Forge::new(session);
                let sent = [forge.data(&text("before")), records(&mut forge)].concat();
                (&tcp).write_all(&sent).ok();
                // Our end answers with a Close frame or an alert, or is gone. A client waits for the server to end the stream.
                (&tcp).read_exact(&mut [0]).ok();
                tcp.shutdown(Shutdown::Write).ok();
                (&tcp).read_to_end(&mut Vec::new()).ok();
            });
            for (messages, end) in read_everywhere(port, &connector) {
                assert_eq!(messages.first(), Some(&"before".into()), "{what}");
                assert_eq!(messages.len(), 1 + arrive, "{what}");
                match end {
                    Ok(()) => assert_eq!(expected, "", "{what}"),
                    Err(error) => {
                        let text = format!("{error:?}");
                        assert!(!expected.is_empty() && text.contains(expected), "{what}: {text}");
                    }
                }
            }
        }
    }
}

#[test]
fn fault_is_told_to_the_peer() {
    let ca = Ca::new();
    let (told, tells) = std::sync::mpsc::channel();
    let config = ca.server();
    let port = serve_raw(&config, move |mut session, tcp| {
        let mut records = Vec::new();
        session.writer().write_all(&text("lost")).unwrap();
        session.write_tls(&mut records).unwrap();
        (&tcp).write_all(&flipped(records)).unwrap();
        let error = loop {
            match session.read_tls(&mut &tcp) {
                Ok(1..) => {}
                end => break format!("{end:?}"),
            }
            if let Err(error) = session.process_new_packets() {
                break error.to_string();
            }
        };
        told.send(error).unwrap();
    });
    for (messages, end) in read_everywhere(port, &Connector::new().tls(ca.client())) {
        assert_eq!(messages, []);
        end.unwrap_err();
        assert_eq!(tells.recv().unwrap(), "received fatal alert: BadRecordMac");
    }
}

/// Echoes everything on records of its own, and asks for new keys in both directions with each.
fn echo_with_new_keys(mut session: ServerConnection, tcp: TcpStream) {
    let mut plain = vec![0; 64 << 10];
    loop {
        match session.read_tls(&mut &tcp) {
            Ok(1..) => {}
            _ => return,
        }
        session.process_new_packets().unwrap();
        let Ok(n @ 1..) = session.reader().read(&mut plain) else { continue };
        let mut frames = &mut plain[..n];
        // The client sends texts of 100 bytes, in one record each: their headers are 6 bytes long.
        while let Some((frame, rest)) = frames.split_at_mut_checked(106) {
            let key: [u8; 4] = frame[2..6].try_into().unwrap();
            frame[6..].iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            session.writer().write_all(&[0x81, 100]).unwrap();
            session.refresh_traffic_keys().unwrap();
            session.writer().write_all(&frame[6..]).unwrap();
            frames = rest;
        }
        while session.wants_write() {
            session.write_tls(&mut &tcp).unwrap();
        }
    }
}

#[test]
fn keys_change_in_both_directions_while_messages_go_both_ways() {
    const COUNT: u32 = 500;
    let ca = Ca::new();
    let port = serve_raw(&server(ca.identity(&["localhost"]), &[&TLS13], None), echo_with_new_keys);
    let request = Request::new(&format!("wss://localhost:{port}/")).unwrap();
    let connector = Connector::new().tls(ca.client());
    let message = |number: u32| format!("{number:0100}");
    let (mut socket, _) = blocking::connect_with(&request, &connector).unwrap();
    for number in 0..COUNT {
        socket.send(&message(number)).unwrap();
        assert_eq!(socket.read().unwrap(), Some(message(number).into()));
    }
    macro_rules! exchange {
        ($shell:ident) => {
            async {
                let (mut socket, _) = $shell::connect_with(&request, &connector).await.unwrap();
                for number in 0..COUNT {
                    socket.send(&message(number)).await.unwrap();
                    assert_eq!(socket.read().await.unwrap(), Some(message(number).into()));
                }
            }
        };
    }
    on_tokio(exchange!(tokio));
    ::smol::block_on(exchange!(smol));
}

#[test]
fn new_keys_without_data_between_are_limited() {
    let ca = Ca::new();
    let config = server(ca.identity(&["localhost"]), &[&TLS13], None);
    let port = serve_raw(&config, |mut session, tcp| {
        for _ in 0..100 {
            session.refresh_traffic_keys().unwrap();
        }
        while session.wants_write() {
            session.write_tls(&mut &tcp).ok();
        }
        (&tcp).read_to_end(&mut Vec::new()).ok();
    });
    for (messages, end) in read_everywhere(port, &Connector::new().tls(ca.client())) {
        assert_eq!(messages, []);
        let text = format!("{:?}", end.unwrap_err());
        assert!(text.contains("TooManyKeyUpdateRequests"), "{text}");
    }
}

/// Sends `records` again and again until our end has closed the connection.
fn without_end(tcp: &TcpStream, mut records: impl FnMut() -> Vec<u8>) {
    while (&mut &*tcp).write_all(&records()).is_ok() {}
}

// attack: way-1
#[test]
fn records_without_data_are_no_sign_of_life() {
    const SILENCE: Duration = Duration::from_millis(300);
    let ca = Ca::new();
    let connector = Connector::new().config(Config::default().keepalive(Some(SILENCE))).tls(ca.client());
    for version in BOTH {
        let config = server(ca.identity(&["localhost"]), &[version], None);
        let tickets = serve_raw(&config, |session, tcp| {
            let mut forge = Forge::new(session);
            without_end(&tcp, || many(100, || forge.ticket()));
        });
        let dribbled = serve_raw(&config, |session, tcp| {
            let record = Forge::new(session).data(&[0; 16 << 10]);
            let mut bytes = record.into_iter();
            without_end(&tcp, || {
                std::thread::sleep(SILENCE / 20);
                bytes.next().into_iter().collect()
            });
        });
        // TLS 1.2 has no tickets behind the handshake.
        for port in [Some(dribbled), (*version == &TLS13).then_some(tickets)].into_iter().flatten() {
            let begin = Instant::now();
            for (messages, end) in read_everywhere(port, &connector) {
                assert_eq!(messages, []);
                let error = end.unwrap_err();
                let is_lost = matches!(&error, Error::Protocol(ProtocolError::ConnectionLost));
                assert!(is_lost, "{error:?}");
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        }
    }
}
