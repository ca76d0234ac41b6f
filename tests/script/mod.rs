//! A stream that plays a script, and a recorded session for it: for the blocking shell and the async ones alike.

// Each shell's tests use what they need of it.
#![allow(dead_code, reason = "shared by several test binaries")]

pub(crate) mod wire;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use sansocket::Message;

/// What a read or a write comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// So many bytes, at most.
    Bytes(usize),
    /// An error; for a stream that is polled, `WouldBlock` is `Pending`, and woken at once.
    Error(ErrorKind),
    /// The stream claims a byte more than there was room for.
    Lie,
}

/// Steps in turn, whole reads and writes when there are none left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) incoming: VecDeque<u8>,
    pub(crate) reads: VecDeque<Step>,
    pub(crate) writes: VecDeque<Step>,
    /// Errors of flushes, until there are none left.
    pub(crate) flushes: VecDeque<ErrorKind>,
    pub(crate) written: Vec<u8>,
    pub(crate) write_calls: usize,
}

impl Script {
    pub(crate) fn new(incoming: &[u8]) -> Self {
        Self { incoming: incoming.iter().copied().collect(), ..Self::default() }
    }
}

impl Read for Script {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.reads.pop_front() {
            None => self.incoming.read(to),
            Some(Step::Bytes(n)) => (&mut self.incoming).take(n as u64).read(to),
            Some(Step::Error(kind)) => Err(kind.into()),
            Some(Step::Lie) => Ok(to.len() + 1),
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
            Some(Step::Lie) => return Ok(usize::MAX),
        };
        let before = self.written.len();
        self.written.extend(all.take(n));
        Ok(self.written.len() - before)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes.pop_front().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

/// A script in the hands of a connection and of the test that looks at it afterwards.
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

/// Requests that are refused, and with which status. Something that could be another request lies in the body of some.
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

/// A fragmented message around a Ping, a whole message, the closing handshake; then what comes back.
pub(crate) const FRAMES: &[u8] =
    b"\x01\x83\0\0\0\0Hel\x89\x81\0\0\0\0?\x80\x82\0\0\0\0lo\x82\x82\0\0\0\0\x01\x02\x88\x82\0\0\0\0\x03\xe8";
pub(crate) const ANSWERS: &[u8] = b"\x8a\x01?\x81\x05Hello\x82\x02\x01\x02\x88\x02\x03\xe8";

pub(crate) fn session() -> Vec<u8> {
    [REQUEST, FRAMES].concat()
}

pub(crate) fn expected() -> Vec<u8> {
    [RESPONSE, ANSWERS].concat()
}

pub(crate) fn messages() -> Vec<Message> {
    vec![Message::from("Hello"), Message::from(vec![1, 2])]
}
