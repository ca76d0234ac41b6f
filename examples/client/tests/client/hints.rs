//! What the client advises, if a `ws:` URL is that of a port for TLS.

use std::io::{Read, Write};
use std::net::Shutdown;

use sansocket::handshake::server::Request;

use super::process::{Client, listen, serve_refusing};

const SURELY: &str = "this port speaks TLS: write wss:// instead of ws://";
const PERHAPS: &str = "if this port speaks TLS, write wss:// instead of ws://";

/// All notes of a client that gets no connection.
fn notes(url: &str, status: i32) -> Vec<String> {
    let mut client = Client::start(url, &[]);
    assert_eq!(client.status(), status);
    client.all_notes()
}

#[test]
fn alert_or_silence_of_a_tls_server_gives_a_hint() {
    // A fatal alert of TLS 1.2: unexpected_message. And what OpenSSL does.
    for (answer, status) in [(&b"\x15\x03\x03\x00\x02\x02\x0a"[..], 5), (b"", 3)] {
        let (url, _server) = listen(move |mut stream| {
            stream.read_exact(&mut [0; 16]).unwrap();
            stream.write_all(answer).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            std::io::copy(&mut stream, &mut std::io::sink()).ok();
        });
        assert_eq!(notes(&url, status).last().unwrap(), PERHAPS);
    }
}

#[test]
fn refusal_that_speaks_of_https_gives_a_hint() {
    // nginx, Go, Apache.
    for body in [
        "<title>400 The plain HTTP request was sent to HTTPS port</title>",
        "Client sent an HTTP request to an HTTPS server.\n",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n",
    ] {
        let decide = move |request: &Request| request.reject(400).body(body);
        let (url, _server) = serve_refusing(decide);
        assert_eq!(notes(&url, 4).last().unwrap(), SURELY);
    }
}

#[test]
fn other_refusals_give_no_hint() {
    for (status, body) in [(400, "no such room"), (403, "HTTPS")] {
        let (url, _server) = serve_refusing(move |request| request.reject(status).body(body));
        assert_eq!(notes(&url, 4).len(), 2);
    }
}
