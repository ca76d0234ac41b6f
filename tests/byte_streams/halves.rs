//! A byte stream in two threads.

use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use sansocket::blocking::{ByteStream, WebSocket};
use sansocket::{CloseCode, Connection};

use crate::{pattern, untimed};

/// Both ends of a connection over TCP: the client's and the server's.
pub(crate) fn pair() -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    let client = WebSocket::from_parts(client, Connection::client(untimed())).unwrap();
    (client, WebSocket::from_parts(server, Connection::server(untimed())).unwrap())
}

/// Sends `bytes` in one thread while it reads in another. Gives what it has read.
fn exchange(stream: ByteStream<TcpStream>, bytes: Vec<u8>, expected_len: usize) -> Vec<u8> {
    let (mut reader, mut writer) = stream.split();
    let writing = thread::spawn(move || {
        io::copy(&mut &bytes[..], &mut writer).unwrap();
        writer.flush().unwrap();
        writer
    });
    let mut all = vec![0; expected_len];
    reader.read_exact(&mut all).unwrap();
    let mut writer = writing.join().unwrap();
    writer.shutdown().unwrap();
    assert_eq!(reader.fill_buf().unwrap(), b"", "the end of the file");
    assert_eq!(writer.write(b"late").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(reader.close_info().unwrap().code, CloseCode::NORMAL);
    all
}

#[test]
fn both_ends_send_while_they_read() {
    const LEN: usize = 8 << 20;
    let (client, server) = pair();
    let (up, down) = (pattern(LEN), pattern(LEN).into_iter().rev().collect::<Vec<_>>());
    let expected = (up.clone(), down.clone());
    let server = thread::spawn(move || exchange(server.into_byte_stream(), down, LEN));
    let received = exchange(client.into_byte_stream().message_len(60_000), up, LEN);
    assert!((server.join().unwrap(), received) == expected);
}

#[test]
fn bytes_that_were_not_read_before_the_split_are_read_after_it() {
    let (client, mut server) = pair();
    let mut client = client.into_byte_stream();
    client.write_all(b"gathered").unwrap();
    server.send(&b"abc"[..]).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 1);
    let (mut reader, mut writer) = client.split();
    assert_eq!(reader.fill_buf().unwrap(), b"bc");
    writer.flush().unwrap();
    assert_eq!(server.read().unwrap().unwrap().as_bytes(), b"gathered");
}
