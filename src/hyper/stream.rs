//! Hyper's stream with tokio's traits.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::hyper::rt::{Read, Write};
use ::hyper::upgrade::{OnUpgrade, Upgraded};
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::HandshakeError;

/// The stream of a connection that began as a request: a whole HTTP/1.1 connection, or one stream of HTTP/2.
#[derive(Debug)]
pub struct HttpStream {
    upgraded: Upgraded,
}

/// The most bytes that one write gives to a stream of HTTP/2. Hyper takes a piece of any length, whether the peer's window
/// has room for it or not. This is the length of the longest DATA frame, unless both ends have agreed on longer ones.
const PIECE: usize = 16 << 10;

impl HttpStream {
    /// Waits until hyper hands over the stream.
    pub(super) async fn of(upgrade: OnUpgrade) -> Result<Self, HandshakeError> {
        match upgrade.await {
            Ok(upgraded) => Ok(Self { upgraded }),
            Err(error) if error.is_canceled() => Err(HandshakeError::UnexpectedEof),
            Err(_) => Err(HandshakeError::NotUpgradable),
        }
    }

    /// Hyper's stream. Its `downcast` gives the stream below HTTP/1.1.
    pub fn into_inner(self) -> Upgraded {
        self.upgraded
    }

    fn upgraded(self: Pin<&mut Self>) -> Pin<&mut Upgraded> {
        Pin::new(&mut self.get_mut().upgraded)
    }
}

/// "A connection reset is RST_STREAM" (RFC 8441 section 5). Hyper gives all errors of HTTP/2 one kind, `Other`, and after
/// each of them the stream is gone.
fn reset(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::Other {
        io::Error::new(io::ErrorKind::ConnectionReset, error)
    } else {
        error
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut read = ::hyper::rt::ReadBuf::new(to.initialize_unfilled());
        let polled = self.upgraded().poll_read(cx, read.unfilled());
        let n = read.filled().len();
        polled.map_ok(|()| to.advance(n)).map_err(reset)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let upgraded = self.upgraded();
        let piece = if upgraded.is_write_vectored() { from } else { from.get(..PIECE).unwrap_or(from) };
        upgraded.poll_write(cx, piece).map_err(reset)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.upgraded.is_write_vectored() {
            return self.upgraded().poll_write_vectored(cx, from);
        }
        let first = from.iter().find(|slice| !slice.is_empty());
        self.poll_write(cx, first.map_or(&[], |slice| slice))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.upgraded().poll_flush(cx).map_err(reset)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.upgraded().poll_shutdown(cx).map_err(reset)
    }

    fn is_write_vectored(&self) -> bool {
        self.upgraded.is_write_vectored()
    }
}
