//! A stream that follows a script, and a recorded session for it. The tests of all shells use it.

#![allow(dead_code, reason = "shared by several test binaries")]
#![allow(clippy::panic, reason = "a script may say so")]

#[cfg(feature = "deflate")]
pub(crate) mod deflated;
pub(crate) mod task;
pub(crate) mod wire;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use sansocket::Message;

/// The result of one read or write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// At most this many bytes.
    Bytes(usize),
    /// An error. A polled stream returns `Pending` for `WouldBlock` and wakes the task at once.
    Error(ErrorKind),
    /// The stream claims more bytes than it was given, or than there was room for.
    Lie,
    Panic,
}

/// Follows its steps in order. When no steps are left, it reads and writes as much as it can.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) incoming: VecDeque<u8>,
    pub(crate) reads: VecDeque<Step>,
    pub(crate) writes: VecDeque<Step>,
    /// One error for each of the next flushes.
    pub(crate) flushes: VecDeque<ErrorKind>,
    pub(crate) written: Vec<u8>,
    pub(crate) read_calls: usize,
    pub(crate) write_calls: usize,
}

impl Script {
    pub(crate) fn new(incoming: &[u8]) -> Self {
        Self { incoming: incoming.iter().copied().collect(), ..Self::default() }
    }
}

impl Read for Script {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.read_calls += 1;
        match self.reads.pop_front() {
            None => self.incoming.read(to),
            Some(Step::Bytes(n)) => (&mut self.incoming).take(n as u64).read(to),
            Some(Step::Error(kind)) => Err(kind.into()),
            Some(Step::Lie) => Ok(to.len() + 1),
            Some(Step::Panic) => panic!("as the script says"),
        }
    }
}

impl Write for Script {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[io::IoSlice::new(from)])
    }

    fn write_vectored(&mut self, from: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.write_calls += 1;
        let all = from.iter().flat_map(|slice| slice.iter().copied());
        let n = match self.writes.pop_front() {
            None => usize::MAX,
            Some(Step::Bytes(n)) => n,
            Some(Step::Error(kind)) => return Err(kind.into()),
            Some(Step::Lie) => return Ok(all.count() + 1),
            Some(Step::Panic) => panic!("as the script says"),
        };
        let before = self.written.len();
        self.written.extend(all.take(n));
        Ok(self.written.len() - before)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes.pop_front().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

/// A script that a connection and a test share. The test reads what was written after the connection is gone.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Rc<RefCell<Script>>);

impl Shared {
    pub(crate) fn new(script: Script) -> Self {
        Self(Rc::new(RefCell::new(script)))
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        self.0.borrow().written.clone()
    }
}

impl Read for Shared {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(to)
    }
}

impl Write for Shared {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(from)
    }

    fn write_vectored(&mut self, from: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.borrow_mut().write_vectored(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

pub(crate) const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Requests that a server refuses, each with the status of the response. Some bodies look like another request.
pub(crate) const REFUSED: [(&[u8], u16); 6] = [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426),
    (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 426),
    (b"POST / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc", 405),
    (
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n0\r\n\r\n",
        400,
    ),
    (b"GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
    (b"\x16\x03\x01\x00\xff\r\n\r\n", 400),
];

/// A client sends a text message in two fragments with a Ping between them, a binary message, and a Close frame.
pub(crate) const FRAMES: &[u8] =
    b"\x01\x83\0\0\0\0Hel\x89\x81\0\0\0\0?\x80\x82\0\0\0\0lo\x82\x82\0\0\0\0\x01\x02\x88\x82\0\0\0\0\x03\xe8";

/// What an echo server sends back for [`FRAMES`].
pub(crate) const ANSWERS: &[u8] = b"\x8a\x01?\x81\x05Hello\x82\x02\x01\x02\x88\x02\x03\xe8";

/// What the client sends in the whole session.
pub(crate) fn session() -> Vec<u8> {
    [REQUEST, FRAMES].concat()
}

/// What an echo server sends in the whole session.
pub(crate) fn expected() -> Vec<u8> {
    [RESPONSE, ANSWERS].concat()
}

/// The messages in [`FRAMES`].
pub(crate) fn messages() -> Vec<Message> {
    vec![Message::from("Hello"), Message::from(vec![1, 2])]
}
