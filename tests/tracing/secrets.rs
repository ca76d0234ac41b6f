//! What is never recorded, at any level: credentials, queries, headers, payloads. And what a peer's text may not do.

use std::io::{self, Read, Write};

use sansocket::blocking::{self, WithoutTimeouts};
use sansocket::handshake::client::Request;
use sansocket::handshake::server::Request as Incoming;
use sansocket::{CloseCode, Config, Connection, Connector, Proxy, tokio};

use crate::block_on;
use crate::peer::{Peer, Then, streams};
use crate::recorder::Recorder;
use crate::servers::{listen_to_many, read_head};

/// A request with a secret in each part that can have one.
fn request(host: &str) -> Request {
    let url = format!("ws://s3cretname:s3cretpassword@{host}/chat?token=s3crettoken");
    let request = Request::new(&url).unwrap().subprotocol("s3cretprotocol").origin("http://s3cretorigin");
    request.header("Cookie", "session=s3cretsession").header("X-Api-Key", "s3cretkey")
}

#[test]
fn secrets_are_not_recorded_of_a_connection() {
    let recorder = Recorder::default();
    recorder.record(|| {
        block_on(async {
            let (client, server) = ::tokio::io::duplex(1 << 16);
            let accept = |incoming: &Incoming| {
                assert_eq!(incoming.query(), Some("token=s3crettoken"));
                assert!(incoming.header("Authorization").is_some() && incoming.header("Cookie").is_some());
                incoming.accept().subprotocol("s3cretprotocol").header("X-Answer", "s3cretanswer")
            };
            let request = request("host").header("Authorization", "Bearer s3cretbearer");
            let (client, server) = ::tokio::join!(
                tokio::connect_over(client, &request, Config::default()),
                tokio::accept_with(server, Config::default(), accept)
            );
            let ((mut client, _), mut server) = (client.unwrap(), server.unwrap());
            assert_eq!(server.subprotocol(), Some("s3cretprotocol"));
            client.send("s3crettext").await.unwrap();
            client.send(b"s3cretdata".as_slice()).await.unwrap();
            client.ping(b"s3cretping").await.unwrap();
            let closing = async { client.close(CloseCode::NORMAL, "s3cretreason").await.unwrap() };
            let serving = async {
                while let Some(message) = server.read().await.unwrap() {
                    server.send(&message).await.unwrap();
                }
                assert_eq!(&*server.close_info().unwrap().reason, "s3cretreason");
            };
            ::tokio::join!(serving, closing);
        });
    });
    let mut events = recorder.events();
    events.sort();
    let closed = ["us", "peer"].map(|by| format!("DEBUG closed by={by} code=1000 sent=1000"));
    assert_eq!(events, [&*closed[1], &closed[0], "DEBUG opened", "DEBUG opened"]);
    assert!(recorder.text().contains("/chat"), "spans are recorded");
    assert!(!recorder.text().contains("s3cret"), "{}", recorder.text());
}

#[test]
fn secrets_are_not_recorded_of_attempts_that_fail() {
    // A proxy that refuses, and repeats what it was sent.
    let proxy = listen_to_many(|mut tcp| {
        let head = read_head(&tcp).unwrap();
        let len = head.len();
        write!(tcp, "HTTP/1.1 407 s3cret\r\nContent-Length: {len}\r\n\r\n{head}").unwrap();
    });
    let proxy = Proxy::new(&format!("http://s3cretuser:s3cretpassword@127.0.0.1:{proxy}")).unwrap();
    let by_proxy = || Connector::new().proxy(proxy.clone());
    // A server that redirects to a URL with credentials, and to one that cannot be used.
    let server = listen_to_many(|mut tcp| {
        read_head(&tcp).unwrap();
        let head = "HTTP/1.1 302 s3cret\r\nLocation: ftp://s3cretname:s3cretword@host/s3cret?s3cret";
        write!(tcp, "{head}\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let server = request(&format!("127.0.0.1:{server}"));
    let by_redirect = || Connector::new().redirects(2);
    let request = || request("host");
    let unsendable =
        [request().subprotocol("s3cret protocol"), request().header("s3cret name", "s3cretvalue")];

    let recorder = Recorder::default();
    recorder.record(|| {
        assert!(blocking::connect_with(&request(), by_proxy()).is_err());
        assert!(blocking::connect_with(&server, by_redirect()).is_err());
        for request in &unsendable {
            assert!(blocking::connect_over(streams().0, request, Config::default()).is_err());
        }
        block_on(async {
            assert!(tokio::connect_with(&request(), by_proxy()).await.is_err());
            assert!(tokio::connect_with(&server, by_redirect()).await.is_err());
            for request in &unsendable {
                let stream = ::tokio::io::duplex(1000).0;
                assert!(tokio::connect_over(stream, request, Config::default()).await.is_err());
            }
        });
    });
    let events = [
        "DEBUG reached address=127.0.0.1:PORT",
        "INFO failed error=the proxy answered with status 407 status=407",
        "DEBUG reached address=127.0.0.1:PORT",
        "INFO failed error=bad redirect: the scheme is none of http, https, ws and wss",
        "INFO failed error=a subprotocol cannot be sent",
        "INFO failed error=a header cannot be sent",
    ];
    assert_eq!(recorder.events(), events.repeat(2));
    assert!(!recorder.text().contains("s3cret"), "{}", recorder.text());
}

/// A stream that fails with text that would forge a line of a log and command a terminal.
struct Evil;

impl Read for Evil {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("evil\nINFO forged \x1b[2J"))
    }
}

impl Write for Evil {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn text_of_errors_is_escaped() {
    let recorder = Recorder::default();
    recorder.record(|| {
        assert!(blocking::accept(WithoutTimeouts(Evil)).is_err());
        let connection = Connection::server(Config::default());
        let mut socket = blocking::WebSocket::from_parts(WithoutTimeouts(Evil), connection).unwrap();
        assert!(socket.read().is_err());
    });
    let error = r"error=evil\nINFO forged \u{1b}[2J";
    let events = [
        &format!("INFO failed {error}"),
        "DEBUG opened",
        &format!("INFO stream failed {error}"),
        "DEBUG dropped",
    ];
    assert_eq!(recorder.events(), events);
}

#[test]
fn long_path_is_cut() {
    let (stream, peer) = streams();
    let head = format!("GET /{} HTTP/1.1\r\nHost: host\r\n\r\n", "x".repeat(5000));
    let peer = Peer::play(peer, None, head.into(), Then::Listen);
    let recorder = Recorder::default();
    recorder.record(|| assert!(blocking::accept(stream).is_err()));
    peer.leave();
    let path = format!("/{}…", "x".repeat(255));
    assert_eq!(recorder.spans(), [format!("websocket role=server peer=127.0.0.1:PORT path={path}")]);
}
