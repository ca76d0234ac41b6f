//! TLS over a socket that is polled.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::task::{Context, Poll, ready};

use super::socket::Socket;
use super::transport::TURN;
use crate::tls::{LEAST_READ, MAX_READ, Records, Session};

#[derive(Debug)]
pub(super) struct Tls {
    pub(super) session: Session,
    records: Records,
    /// How many bytes of records the socket has taken.
    pub(super) passed_on: u64,
}

impl From<Session> for Tls {
    fn from(session: Session) -> Self {
        Self { session, records: Records::default(), passed_on: 0 }
    }
}

/// Reads plaintext. Records are read to where rustls has them, if it has room for a long one. Otherwise they are read into `to`,
/// too, which costs no second buffer.
///
/// Behind the handshake this never writes: reading does not depend on writing, and another task may wait for the socket to
/// take its bytes.
///
/// A peer may send records without plaintext for ever. After some reads of them other tasks of the thread have their turn:
/// `Pending`, and the task has been woken.
pub(super) fn poll_read<S: Socket>(
    tls: &mut Tls,
    socket: &mut S,
    cx: &mut Context<'_>,
    to: &mut [u8],
) -> Poll<io::Result<usize>> {
    if to.is_empty() {
        return Poll::Ready(Ok(0));
    }
    for _ in 0..TURN {
        match tls.session.read(to) {
            Ok(Some(n)) => return Poll::Ready(Ok(n)),
            Ok(None) => {}
            Err(error) => {
                // The alert says what is wrong, if the socket takes it.
                let _: Poll<_> = poll_flush(tls, socket, cx);
                return Poll::Ready(Err(error));
            }
        }
        if tls.session.is_opening() {
            ready!(poll_flush(tls, socket, cx))?;
            tls.session.flushed();
        }
        let mut polled =
            Polled { socket, cx, least: LEAST_READ.min(to.len()), is_pending: false, has_room: true };
        let read = tls.session.receive_from(&mut polled);
        match polled {
            Polled { is_pending: true, .. } => return Poll::Pending,
            Polled { has_room: false, .. } => {}
            _ => {
                read?;
                continue;
            }
        }
        let room = to.len().min(MAX_READ);
        let records = to.get_mut(..room).unwrap_or_default();
        let n = ready!(socket.poll_read(cx, records))?;
        if n == 0 {
            tls.session.end_of_stream();
        }
        tls.session.receive(records.get(..n).unwrap_or_default());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// A socket that is polled, as a `Read`.
struct Polled<'a, 'b, S> {
    socket: &'a mut S,
    cx: &'a mut Context<'b>,
    /// Whether the task will be woken.
    is_pending: bool,
    /// What there must be room for, in bytes: less than `to` has room for is not worth a system call.
    least: usize,
    /// Whether there was room enough to read.
    has_room: bool,
}

impl<S: Socket> Read for Polled<'_, '_, S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.has_room = to.len() >= self.least;
        if self.has_room {
            let read = self.socket.poll_read(self.cx, to);
            self.is_pending = read.is_pending();
            if let Poll::Ready(read) = read {
                return read;
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }
}

/// Encrypts and writes. Bytes count as written when they are encrypted.
pub(super) fn poll_write<S: Socket>(
    tls: &mut Tls,
    socket: &mut S,
    cx: &mut Context<'_>,
    from: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    ready!(poll_flush(tls, socket, cx))?;
    let written = tls.session.write(from, &mut tls.records)?;
    match poll_flush(tls, socket, cx) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        _ => Poll::Ready(Ok(written)),
    }
}

/// Writes what has been encrypted.
pub(super) fn poll_flush<S: Socket>(
    tls: &mut Tls,
    socket: &mut S,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    tls.session.take_output(&mut tls.records)?;
    while !tls.records.is_empty() {
        match ready!(socket.poll_write(cx, &[IoSlice::new(tls.records.rest())]))? {
            0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
            n => {
                tls.records.advance(n);
                tls.passed_on += n as u64;
            }
        }
    }
    Poll::Ready(Ok(()))
}
