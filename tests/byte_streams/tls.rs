//! A protocol that was made for TCP: TLS inside of a connection, as a tunnel carries it.

use std::io::{BufRead, BufReader, Read, Write};
use std::thread;

use sansocket::tls::rustls::pki_types::ServerName;
use sansocket::tls::rustls::{ClientConnection, ServerConnection, StreamOwned};

use crate::halves::pair;
use crate::pattern;
use crate::throwaway::Ca;

#[test]
fn tls_runs_over_a_byte_stream() {
    const LEN: usize = 1 << 20;
    let ca = Ca::new();
    let config = ca.server();
    let (client, server) = pair();
    let server = thread::spawn(move || {
        let session = ServerConnection::new(config).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(session, server.into_byte_stream()));
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let mut body = vec![0; LEN];
        stream.read_exact(&mut body).unwrap();
        stream.get_mut().write_all(line.as_bytes()).unwrap();
        stream.get_mut().write_all(&body).unwrap();
        stream.get_mut().flush().unwrap();
        stream.get_mut().conn.send_close_notify();
        stream.get_mut().flush().unwrap();
        stream.get_mut().sock.shutdown().unwrap();
    });
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(ca.client(), name).unwrap();
    let mut stream = StreamOwned::new(session, client.into_byte_stream());
    stream.write_all(b"PUT /\n").unwrap();
    stream.write_all(&pattern(LEN)).unwrap();
    stream.flush().unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.strip_prefix(b"PUT /\n").unwrap() == pattern(LEN));
    assert_eq!(stream.sock.read(&mut [0]).unwrap(), 0, "the end of the connection");
    server.join().unwrap();
}
