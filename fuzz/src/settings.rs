//! The first frame of an HTTP/2 server, in any reads: whether it takes part in extended `CONNECT`.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use sansocket::hyper::Http2Io;

use crate::Traffic;

/// What is found is what the model finds, in one read and in many, and no byte is changed on the way.
pub fn settings(case: &Traffic<'_>) {
    for reads in [vec![case.data], case.reads(case.data)] {
        check(&reads, usize::from(case.flags));
    }
}

fn check(reads: &[&[u8]], room: usize) {
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut io, mut settings) = Http2Io::new(Reads(reads.iter().copied().collect()));
    let (mut passed, mut memory) = (Vec::new(), vec![0; 1 + room * 16]);
    loop {
        let mut to = ReadBuf::new(&mut memory);
        match Pin::new(&mut io).poll_read(cx, to.unfilled()) {
            Poll::Ready(Ok(())) if to.filled().is_empty() => break,
            Poll::Ready(Ok(())) => passed.extend(to.filled()),
            outcome => panic!("{outcome:?}"),
        }
        let known = pin!(settings.enable_connect_protocol()).poll(cx);
        let expected = judge(&passed).map_or(Poll::Pending, |is_enabled| Poll::Ready(Some(is_enabled)));
        assert_eq!(known, expected, "{}", passed.escape_ascii());
    }
    assert_eq!(passed, reads.concat());
    drop(io);
    assert_eq!(pin!(settings.enable_connect_protocol()).poll(cx), Poll::Ready(judge(&passed)));
}

/// RFC 9113 sections 3.4, 4.1, 6.5 and RFC 8441 section 3. `None` while the frame may still be one that says it.
fn judge(bytes: &[u8]) -> Option<bool> {
    let [a, b, c, kind, flags, _, _, _, _, payload @ ..] = bytes else { return None };
    let len = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
    if *kind != 4 || flags % 2 == 1 || len > 16_384 {
        return Some(false);
    }
    let mut is_enabled = false;
    for setting in payload.get(..len)?.chunks_exact(6) {
        if let [0, 8, value @ ..] = setting {
            is_enabled = value == [0, 0, 0, 1];
        }
    }
    Some(is_enabled)
}

/// Gives these reads, then nothing.
struct Reads<'a>(VecDeque<&'a [u8]>);

impl Read for Reads<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(read) = self.0.pop_front() {
            let (now, rest) = read.split_at(read.len().min(to.remaining()));
            to.put_slice(now);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Reads<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
