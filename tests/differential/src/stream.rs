//! A stream in memory: prepared reads, then the end. It takes everything that is written.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use sansocket::handshake::accept_key;
use tokio::io::ReadBuf;

/// A stream, shared by the library and the observer.
#[derive(Clone, Default)]
pub struct Stream(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    reads: VecDeque<Vec<u8>>,
    written: Vec<u8>,
    /// The response of a server, which can be read after a request was written.
    response: Option<(Vec<u8>, Vec<usize>)>,
}

/// The place of the value of `Sec-WebSocket-Accept` in a response.
pub const ACCEPT: &str = "{accept}";

impl Stream {
    /// `bytes`, in reads that end at `cuts`.
    pub fn new(bytes: &[u8], cuts: &[usize]) -> Self {
        let stream = Self::default();
        stream.state().reads = reads(bytes, cuts);
        stream
    }

    /// A response to the request that is written.
    pub fn answering(response: &[u8], cuts: &[usize]) -> Self {
        let stream = Self::default();
        stream.state().response = Some((response.to_vec(), cuts.to_vec()));
        stream
    }

    pub fn written(&self) -> Vec<u8> {
        self.state().written.clone()
    }

    /// The number of bytes that can still be read.
    pub fn left(&self) -> usize {
        self.state().reads.iter().map(Vec::len).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl State {
    /// A read before the request was written waits.
    fn awaits_request(&mut self) -> bool {
        self.respond();
        self.response.is_some()
    }

    /// The response, after the request is complete.
    fn respond(&mut self) -> Option<()> {
        let request = std::str::from_utf8(&self.written).ok().filter(|head| head.ends_with("\r\n\r\n"))?;
        let (response, cuts) = self.response.take()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("Sec-WebSocket-Key").then(|| value.to_owned())
        };
        let key = request.lines().find_map(header).expect("every client sends a key");
        let accept = accept_key(key.as_bytes());
        self.reads = reads(&replace(&response, ACCEPT.as_bytes(), &accept), &cuts);
        Some(())
    }
}

fn reads(bytes: &[u8], cuts: &[usize]) -> VecDeque<Vec<u8>> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.min(&bytes.len())).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match bytes.windows(from.len()).position(|window| window == from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        state.respond();
        let Some(mut read) = state.reads.pop_front() else { return Ok(0) };
        let len = read.len().min(to.len());
        to[..len].copy_from_slice(&read[..len]);
        if len < read.len() {
            state.reads.push_front(read.split_off(len));
        }
        Ok(len)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.state().written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state().awaits_request() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let len = self.read(to.initialize_unfilled())?;
        to.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures::AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.read(to))
    }
}

impl futures::AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
