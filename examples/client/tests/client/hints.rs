//! What the client advises, if a `ws:` URL is that of a port for TLS.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::process::{Client, listen, read_to_end, serve_refusing};

const SURELY: &str = "this port speaks TLS: write wss:// instead of ws://";
const PERHAPS: &str = "if this port speaks TLS, write wss:// instead of ws://";

#[test]
fn alert_or_silence_of_a_tls_server_gives_a_hint() {
    // A fatal alert of TLS 1.2: unexpected_message. And what OpenSSL does.
    for (answer, status) in [(&b"\x15\x03\x03\x00\x02\x02\x0a"[..], 5), (b"", 3)] {
        let (url, _server) = listen(move |mut stream| {
            stream.read_exact(&mut [0; 16]).unwrap();
            stream.write_all(answer).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            read_to_end(&mut stream);
        });
        let (ended, notes) = Client::without_connection(&url, &[]);
        assert_eq!((ended, notes.last().unwrap().as_str()), (status, PERHAPS));
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
        let (url, _server) = serve_refusing(move |request| request.reject(400).body(body));
        let (status, notes) = Client::without_connection(&url, &[]);
        assert_eq!((status, notes.last().unwrap().as_str()), (4, SURELY));
    }
}

#[test]
fn other_refusals_give_no_hint() {
    for (status, body) in [(400, "no such room"), (403, "HTTPS")] {
        let (url, _server) = serve_refusing(move |request| request.reject(status).body(body));
        let (status, notes) = Client::without_connection(&url, &[]);
        assert_eq!((status, notes.len()), (4, 2), "{notes:?}");
    }
}
