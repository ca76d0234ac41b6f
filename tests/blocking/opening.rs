//! The opening handshake over sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sansocket::blocking;
use sansocket::handshake::client::Request;
use sansocket::{Error, HandshakeError};

use super::{HANDSHAKE, SHORT, patient};

// req: 6455-4.1-al, 6455-4.2.2-d, 6455-10.5-a
#[test]
fn decide_accepts_or_rejects_with_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/room?name=rust", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let decide = |request: &sansocket::handshake::server::Request| {
            assert_eq!((request.path(), request.query()), ("/room", Some("name=rust")));
            match request.cookies().find(|cookie| *cookie == ("session", "42")) {
                Some(_) => request.accept().subprotocol("chat").header("X-Room", "rust"),
                None => request.reject(401).header("X-Why", "cookie").body("who are you?"),
            }
        };
        let accept = || blocking::accept_with(listener.accept().unwrap().0, patient(), decide);
        (accept().map(drop), accept().map(drop))
    });
    let request = Request::new(&url).unwrap().subprotocol("superchat").subprotocol("chat");
    let refused = blocking::connect_with(&request, patient()).map(drop).unwrap_err();
    let Error::Handshake(HandshakeError::Refused(refusal)) = refused else { panic!("{refused}") };
    assert_eq!((refusal.status, refusal.header("x-why")), (401, Some("cookie")));
    assert_eq!(refusal.body, b"who are you?");
    let (socket, response) =
        blocking::connect_with(&request.header("Cookie", "a=b; session=42"), patient()).unwrap();
    assert_eq!((socket.subprotocol(), response.header("x-room")), (Some("chat"), Some("rust")));
    drop(socket);
    let (rejected, accepted) = server.join().unwrap();
    assert!(matches!(rejected, Err(Error::Handshake(HandshakeError::Rejected(401)))));
    assert!(accepted.is_ok());
}

// req: 6455-4.2.1-a, 6455-7.2.2-a, 6455-10.7-d
#[test]
fn pages_and_refusals_are_sent_on_the_same_port() {
    let rows: [(&[u8], &str); 4] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
    ];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for (request, expected) in rows {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // The server ignores the bytes behind the head. They must not cost the client the response.
        client.write_all(&[request, &[0; 1000]].concat()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let page = |http: &sansocket::handshake::server::HttpRequest| http.respond(200).body("<p>Hello");
        let server = thread::spawn(move || {
            blocking::accept_or_respond(stream, patient(), |request| request.accept(), page)
        });
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(expected), "{}: {answer}", request.escape_ascii());
        drop(client);
        assert!(!matches!(server.join().unwrap(), Ok(Some(_))));
    }
}

// attack: server-1
#[test]
fn handshake_has_one_deadline_for_all_its_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let config = patient().handshake_timeout(Duration::from_millis(200));
    let stream = listener.accept().unwrap().0;
    let server =
        thread::spawn(move || blocking::accept_with(stream, config, |request| request.accept()).map(drop));
    // A time limit on each read would never pass, because a byte arrives every few milliseconds.
    for byte in HANDSHAKE.iter().cycle() {
        if server.is_finished() || client.write_all(&[*byte & 0x7F | 0x40]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(server.join().unwrap(), Err(Error::Handshake(HandshakeError::TimedOut))));
}

// req: 6455-4.1-j, 6455-4.1-k
#[test]
fn connect_to_a_closed_port_or_without_the_feature_for_wss_is_an_error() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(blocking::connect(&format!("ws://{closed}/")), Err(Error::Io(_))));
    match blocking::connect(&format!("wss://{closed}/")) {
        Err(Error::Handshake(HandshakeError::TlsNeeded)) if cfg!(not(feature = "rustls")) => {}
        Err(Error::Io(_)) if cfg!(feature = "rustls") => {}
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn server_that_takes_no_request_is_given_up_after_the_handshake_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _server = listener.accept().unwrap();
    // More than the kernel takes.
    let request = Request::new("ws://x/").unwrap().header("Large", vec![b'a'; 32 << 20]);
    let late = blocking::connect_over(stream, &request, patient().handshake_timeout(SHORT));
    assert!(matches!(late, Err(Error::Handshake(HandshakeError::TimedOut))), "{late:?}");
}
