//! The byte streams of the blocking and of the polled shell, over memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{BufRead, Error, IoSlice, Read, Result, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use sansocket::asynchronous::{self, Transport};
use sansocket::blocking::{self, WithoutTimeouts};
use sansocket::{Connection, Timestamp};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::Traffic;

/// What is read arrives in these pieces. Every second operation of the polled shell has to wait.
#[derive(Clone)]
pub(super) struct Memory(Rc<RefCell<Inner>>);

struct Inner {
    incoming: VecDeque<Vec<u8>>,
    /// How many bytes of the first piece have been read.
    taken: usize,
    written: Vec<u8>,
    waits: bool,
}

impl Memory {
    pub(super) fn new(reads: &[&[u8]]) -> Self {
        let incoming = reads.iter().map(|read| read.to_vec()).collect();
        Self(Rc::new(RefCell::new(Inner { incoming, taken: 0, written: Vec::new(), waits: false })))
    }

    pub(super) fn written(&self) -> Vec<u8> {
        self.0.borrow().written.clone()
    }

    /// Whether the operation has to wait. The task is woken at once.
    fn waits(&self, cx: &Context<'_>) -> bool {
        cx.waker().wake_by_ref();
        let waits = &mut self.0.borrow_mut().waits;
        *waits = !*waits;
        *waits
    }
}

impl Read for Memory {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        let Inner { incoming, taken, .. } = &mut *self.0.borrow_mut();
        let Some(read) = incoming.front() else { return Ok(0) };
        let rest = &read[*taken..];
        let n = rest.len().min(to.len());
        to[..n].copy_from_slice(&rest[..n]);
        *taken += n;
        if *taken == read.len() {
            incoming.pop_front();
            *taken = 0;
        }
        Ok(n)
    }
}

impl Write for Memory {
    /// Takes a little less than it could.
    fn write(&mut self, from: &[u8]) -> Result<usize> {
        let n = from.len() - from.len() / 3;
        self.0.borrow_mut().written.extend(&from[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Transport for Memory {
    type Stream = Self;

    fn stream(&self) -> &Self {
        self
    }

    fn into_stream(self) -> Self {
        self
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<Result<usize>> {
        if self.waits(cx) { Poll::Pending } else { Poll::Ready(self.read(to)) }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let from = from.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        if self.waits(cx) { Poll::Pending } else { Poll::Ready(self.write(from)) }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Timestamp {
        Timestamp::ORIGIN
    }

    /// The time does not pass.
    fn poll_until(&mut self, _: &mut Context<'_>, _: Timestamp) -> Poll<()> {
        Poll::Pending
    }
}

/// The most bytes of a message.
pub(super) fn message_len(case: &Traffic<'_>) -> usize {
    match case.lens()[0] {
        len @ ..200 => usize::from(len).max(1),
        _ => 16 << 10,
    }
}

/// What a byte stream can do, until it is done.
pub(super) trait Bytes {
    fn read(&mut self, to: &mut [u8]) -> Result<usize>;
    /// Reads at most this many bytes, by a look at them.
    fn lend(&mut self, most: usize) -> Result<Vec<u8>>;
    fn write_some(&mut self, from: &[IoSlice<'_>]) -> Result<usize>;
    fn flush(&mut self);
    fn shutdown(&mut self) -> Result<()>;

    /// Reads of the lengths of the case. Every second one is a look.
    fn read_to_end(&mut self, case: &Traffic<'_>) -> (Vec<u8>, Result<()>) {
        let (mut all, mut memory) = (Vec::new(), vec![0; 4096]);
        for (at, len) in case.lens().iter().rev().cycle().enumerate() {
            let len = 1 + usize::from(*len) * 16;
            let read = if at % 2 == 0 {
                self.read(&mut memory[..len.min(4096)]).map(|n| memory[..n].to_vec())
            } else {
                self.lend(len)
            };
            match read {
                Ok(read) if read.is_empty() => return (all, Ok(())),
                Ok(read) => all.extend(read),
                Err(error) => return (all, Err(error)),
            }
        }
        unreachable!("there are four lengths")
    }

    /// Writes all bytes, in two slices as long as they last.
    fn write(&mut self, mut bytes: &[u8], cut: usize) {
        while !bytes.is_empty() {
            let (one, two) = bytes.split_at(cut.min(bytes.len()));
            let n = self.write_some(&[IoSlice::new(one), IoSlice::new(two)]).unwrap();
            assert!((1..=bytes.len()).contains(&n), "{n} of {} bytes", bytes.len());
            bytes = &bytes[n..];
        }
    }
}

pub(super) struct Blocking(blocking::ByteStream<WithoutTimeouts<Memory>>);

impl Blocking {
    pub(super) fn new(memory: Memory, connection: Connection, case: &Traffic<'_>) -> Self {
        let socket = blocking::WebSocket::from_parts(WithoutTimeouts(memory), connection).unwrap();
        let stream = socket.into_byte_stream().message_len(message_len(case));
        Self(if case.accepts_text() { stream.accept_text() } else { stream })
    }
}

impl Bytes for Blocking {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        self.0.read(to)
    }

    fn lend(&mut self, most: usize) -> Result<Vec<u8>> {
        let lent = self.0.fill_buf()?;
        let read = lent[..lent.len().min(most)].to_vec();
        self.0.consume(read.len());
        Ok(read)
    }

    fn write_some(&mut self, from: &[IoSlice<'_>]) -> Result<usize> {
        self.0.write_vectored(from)
    }

    fn flush(&mut self) {
        self.0.flush().unwrap();
    }

    fn shutdown(&mut self) -> Result<()> {
        self.0.shutdown()
    }
}

pub(super) struct Polled(asynchronous::ByteStream<Memory>);

impl Polled {
    pub(super) fn new(memory: Memory, connection: Connection, case: &Traffic<'_>) -> Self {
        let socket = asynchronous::WebSocket::from_parts(memory, connection);
        let stream = socket.into_byte_stream().message_len(message_len(case));
        Self(if case.accepts_text() { stream.accept_text() } else { stream })
    }

    /// Polls until it is ready. What makes no progress is not ready for ever.
    fn finish<T>(
        &mut self,
        mut poll: impl FnMut(Pin<&mut asynchronous::ByteStream<Memory>>, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Result<T> {
        for _ in 0..100_000 {
            if let Poll::Ready(done) = poll(Pin::new(&mut self.0), &mut Context::from_waker(Waker::noop())) {
                return done;
            }
        }
        Err(Error::other("waits for ever"))
    }
}

impl Bytes for Polled {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        self.finish(|stream, cx| {
            let mut to = ReadBuf::new(to);
            stream.poll_read(cx, &mut to).map_ok(|()| to.filled().len())
        })
    }

    fn lend(&mut self, most: usize) -> Result<Vec<u8>> {
        let lent = |lent: &[u8]| lent[..lent.len().min(most)].to_vec();
        let read = self.finish(|stream, cx| stream.poll_fill_buf(cx).map_ok(lent))?;
        Pin::new(&mut self.0).consume(read.len());
        Ok(read)
    }

    fn write_some(&mut self, from: &[IoSlice<'_>]) -> Result<usize> {
        self.finish(|stream, cx| stream.poll_write_vectored(cx, from))
    }

    fn flush(&mut self) {
        self.finish(|stream, cx| stream.poll_flush(cx)).unwrap();
    }

    fn shutdown(&mut self) -> Result<()> {
        self.finish(|stream, cx| stream.poll_shutdown(cx))
    }
}
