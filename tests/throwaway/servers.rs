//! What the servers of many tests have in common.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// A server that gives each connection to `serve` in a thread. Gives its port.
#[allow(dead_code, reason = "each test uses some of these")]
pub(crate) fn listen_to_many(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    port
}

/// Reads the head of a request or a response, and no byte behind it.
#[allow(dead_code, reason = "each test uses some of these")]
pub(crate) fn read_head(mut stream: &TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8(head).unwrap())
}
