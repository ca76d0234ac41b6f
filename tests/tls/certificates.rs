//! Which certificates are accepted, and what an error says.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};

use sansocket::blocking::WithoutTimeouts;
use sansocket::tls::rustls::version::{TLS12, TLS13};
use sansocket::tls::rustls::{ClientConfig, ProtocolVersion, ServerConnection, StreamOwned};
use sansocket::{Connector, Error, Fault, HandshakeError, blocking};

use crate::peers::{connect_everywhere, echo, serve};
use crate::servers::listen_to_many;
use crate::throwaway::{Ca, Identity, server};

/// A connector that trusts this CA.
fn trusting(ca: &Ca) -> Connector {
    Connector::new().tls(ca.client())
}

// req: 6455-4.1-l
// attack: way-1
#[test]
fn certificates_are_accepted_or_the_error_names_what_is_wrong() {
    let (ca, other) = (Ca::new(), Ca::new());
    let rows: [(&str, Identity, Result<(), &str>); 8] = [
        ("localhost", ca.identity(&["localhost"]), Ok(())),
        ("127.0.0.1", ca.identity(&["127.0.0.1"]), Ok(())),
        ("localhost", ca.identity(&["*.example.com", "localhost"]), Ok(())),
        ("localhost", other.identity(&["localhost"]), Err("UnknownIssuer")),
        ("localhost", ca.identity(&["example.com"]), Err("not valid for name \"localhost\"")),
        ("127.0.0.1", ca.identity(&["localhost"]), Err("not valid for name \"127.0.0.1\"")),
        ("localhost", ca.identity(&["127.0.0.1"]), Err("not valid for name \"localhost\"")),
        ("localhost", ca.identity_until(&["localhost"], 2020), Err("expired")),
    ];
    for (host, identity, expected) in rows {
        check(host, &identity, &trusting(&ca), expected);
    }
}

/// Checks that every shell accepts a server with this identity in both versions of TLS, or says what is wrong with it.
pub(crate) fn check(host: &str, identity: &Identity, connector: &Connector, expected: Result<(), &str>) {
    for version in [&TLS12, &TLS13] {
        let config = server((identity.0.clone(), identity.1.clone_key()), &[version], None);
        let url = format!("wss://{host}:{}/", serve(config, echo));
        for outcome in connect_everywhere(&url, connector) {
            match (expected, outcome) {
                (Ok(()), Ok(())) => {}
                (Err(why), Err(Error::Handshake(error @ HandshakeError::Tls(_)))) => {
                    let text = error.to_string();
                    assert!(text.starts_with("the TLS handshake failed: ") && text.contains(why), "{text}");
                    assert_eq!(error.fault(), Fault::Peer);
                }
                (expected, outcome) => panic!("{host}: {outcome:?}, not {expected:?}"),
            }
        }
    }
}

#[test]
fn client_certificate_is_shown_if_there_is_one_and_missed_if_not() {
    let ca = Ca::new();
    for version in [&TLS12, &TLS13] {
        let config = server(ca.identity(&["localhost"]), &[version], Some(&ca));
        let url = format!("wss://localhost:{}/", serve(config, echo));
        for outcome in connect_everywhere(&url, &trusting(&ca)) {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("CertificateRequired") || error.contains("HandshakeFailure"), "{error}");
        }
        let config = ca.client_with(ca.identity(&["client"]));
        for outcome in connect_everywhere(&url, &Connector::new().tls(config)) {
            outcome.unwrap();
        }
    }
}

#[test]
fn facts_of_the_session_can_be_read() {
    let ca = Ca::new();
    for (version, protocol) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let identity = ca.identity(&["localhost"]);
        let certificate = identity.0.clone();
        let url = format!("wss://localhost:{}/", serve(server(identity, &[version], None), echo));
        let request = sansocket::handshake::client::Request::new(&url).unwrap();
        let (socket, _) = blocking::connect_with(&request, trusting(&ca)).unwrap();
        let info = socket.stream().tls_info().unwrap();
        assert_eq!((info.protocol, info.alpn.as_deref()), (protocol, Some(&b"http/1.1"[..])));
        assert_eq!(info.peer_certificates, certificate);
        assert!(socket.stream().peer_addr().unwrap().ip().is_loopback());
    }
}

// req: 6455-4.1-n
#[test]
fn server_is_told_the_name_of_the_host() {
    let ca = Ca::new();
    let (told, names) = mpsc::channel();
    let config = ca.server();
    let port = listen_to_many(move |tcp| {
        let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), tcp);
        let socket = blocking::accept(WithoutTimeouts(tls)).unwrap();
        told.send(socket.stream().0.conn.server_name().map(str::to_owned)).unwrap();
        echo(socket).ok();
    });
    // "Literal IPv4 and IPv6 addresses are not permitted" (RFC 6066 section 3).
    for (host, expected) in [("localhost", Some("localhost".to_owned())), ("127.0.0.1", None)] {
        for outcome in connect_everywhere(&format!("wss://{host}:{port}/"), &trusting(&ca)) {
            outcome.unwrap();
            assert_eq!(names.recv().unwrap(), expected);
        }
    }
}

// req: 6455-4.2.2-b
#[test]
fn server_ends_the_connection_if_the_tls_handshake_fails() {
    let tls = serve(Ca::new().server(), echo);
    for bytes in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x16\x03\x01\0\x04\x01\0\0\0"] {
        let mut tcp = TcpStream::connect(("127.0.0.1", tls)).unwrap();
        tcp.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        assert!(answer.first().is_none_or(|kind| *kind == 21), "an alert, and no response: {answer:?}");
    }
}

#[test]
fn tls_and_plain_text_that_meet_say_so() {
    let ca = Ca::new();
    let tls = serve(ca.server(), echo);
    for outcome in connect_everywhere(&format!("ws://localhost:{tls}/"), &Connector::new()) {
        let Err(Error::Handshake(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error, HandshakeError::MalformedHead);
    }
    let plain = listen_to_many(|tcp| drop(blocking::accept(tcp)));
    for outcome in connect_everywhere(&format!("wss://localhost:{plain}/"), &trusting(&ca)) {
        let error = outcome.unwrap_err().to_string();
        assert!(error.ends_with("(does the server speak TLS on this port?)"), "{error}");
    }
}

#[test]
fn configuration_that_offers_http_2_is_refused_before_connecting() {
    let mut config = ClientConfig::clone(&Ca::new().client());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    for outcome in connect_everywhere("wss://localhost:1/", &Connector::new().tls(config)) {
        assert!(matches!(outcome, Err(Error::Handshake(HandshakeError::BadConnector(_)))), "{outcome:?}");
    }
}

#[test]
fn text_without_a_certificate_is_no_ca() {
    for pem in
        ["", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----\n!"]
    {
        let error = sansocket::tls::config_with_ca(pem.as_bytes()).unwrap_err();
        assert!(matches!(error, HandshakeError::TlsUnavailable(_)), "{error}");
    }
}
