//! The other end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Deadline, LATER, LEN, Row, Used};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Peer {
    /// Reads, and sends nothing.
    Silent,
    /// Handshake: sends a byte every 100 ms. Later: reads 3 MB a second.
    Slow,
    /// Reads and sends nothing. Where the write timeout is measured, the buffers are full from the beginning.
    NotReading,
    /// Sends a Close frame after a while, reads nothing, and does not end the stream.
    Closing,
}

impl Peer {
    /// A stream to this peer, and when it was opened.
    pub(crate) fn meet(self, row: Row) -> (TcpStream, Instant) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = listener.accept().unwrap().0;
        if self == Self::NotReading && row.deadline == Deadline::Write {
            fill(&stream);
        }
        let begin = Instant::now();
        thread::spawn(move || self.act(row, peer));
        (stream, begin)
    }

    fn act(self, row: Row, mut stream: TcpStream) {
        match self {
            Self::Silent => drain(stream),
            Self::Slow if row.deadline == Deadline::Handshake => {
                let start: &[u8] = match row.used {
                    Used::Client => b"HTTP/1.1 101 Switching Protocols\r\nX: ",
                    _ => b"GET / HTTP/1.1\r\nX: ",
                };
                for byte in start.iter().chain(std::iter::repeat(&b'x')) {
                    if stream.write_all(&[*byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Self::Slow => {
                let mut part = vec![0; 64 << 10];
                let mut left = LEN;
                while left > 0 {
                    thread::sleep(Duration::from_millis(15));
                    match stream.read(&mut part) {
                        Ok(n) if n > 0 => left = left.saturating_sub(n),
                        _ => return,
                    }
                }
                stream.write_all(b"\x88\x80\0\0\0\0").ok();
                drain(stream);
            }
            Self::NotReading => thread::sleep(Duration::from_secs(8)),
            Self::Closing => {
                thread::sleep(LATER);
                stream.write_all(b"\x88\x80\0\0\0\0").unwrap();
                thread::sleep(Duration::from_secs(8));
            }
        }
    }
}

/// Fills the buffers of the system, so that a write waits from its first byte. They grow for some time after they seem full.
fn fill(mut stream: &TcpStream) {
    let part = vec![0; 64 << 10];
    stream.set_nonblocking(true).unwrap();
    let mut taken = Instant::now();
    while taken.elapsed() < Duration::from_secs(1) {
        match stream.write(&part) {
            Ok(n) if n > 0 => taken = Instant::now(),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
    stream.set_nonblocking(false).unwrap();
}

fn drain(mut stream: TcpStream) {
    let mut part = vec![0; 64 << 10];
    while stream.read(&mut part).is_ok_and(|n| n > 0) {}
}
