//! TLS over a socket that is polled.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::task::{Context, Poll, ready};

use super::socket::Socket;
use crate::tls::{MAX_READ, Session};

/// Reads plaintext. The records are read into `to`, too, which costs no second buffer.
///
/// Behind the handshake this never writes: reading does not depend on writing, and another task may wait for the socket to
/// take its bytes.
pub(super) fn poll_read<S: Socket>(
    session: &mut Session,
    socket: &mut S,
    cx: &mut Context<'_>,
    to: &mut [u8],
) -> Poll<io::Result<usize>> {
    if to.is_empty() {
        return Poll::Ready(Ok(0));
    }
    loop {
        if let Some(n) = session.read(to)? {
            return Poll::Ready(Ok(n));
        }
        if session.must_write() {
            ready!(poll_flush(session, socket, cx))?;
        }
        let room = to.len().min(MAX_READ);
        let records = to.get_mut(..room).unwrap_or_default();
        let n = ready!(socket.poll_read(cx, records))?;
        if n == 0 {
            session.end_of_stream();
        }
        if let Err(error) = session.receive(records.get(..n).unwrap_or_default()) {
            // The alert says what is wrong, if the socket takes it.
            let _: Poll<_> = poll_flush(session, socket, cx);
            return Poll::Ready(Err(error));
        }
    }
}

/// Encrypts and writes. Bytes count as written when they are encrypted.
pub(super) fn poll_write<S: Socket>(
    session: &mut Session,
    socket: &mut S,
    cx: &mut Context<'_>,
    from: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    ready!(poll_flush(session, socket, cx))?;
    let written = session.write(from)?;
    match poll_flush(session, socket, cx) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        _ => Poll::Ready(Ok(written)),
    }
}

/// Writes what has been encrypted.
pub(super) fn poll_flush<S: Socket>(
    session: &mut Session,
    socket: &mut S,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while session.has_output() {
        match session.write_to(&mut Polled { socket, cx }) {
            Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

/// A socket that is polled, as a `Write`: `WouldBlock` means that the task will be woken.
struct Polled<'a, 'b, S> {
    socket: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: Socket> Write for Polled<'_, '_, S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(from)])
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.socket.poll_write(self.cx, from) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
