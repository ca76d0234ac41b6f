//! What the blocking shell needs of a stream: reads and writes that end in time.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A byte stream with time limits.
///
/// `TcpStream` and `UnixStream` are such streams. Put [`WithoutTimeouts`] around a stream that has none: a pipe, memory, a
/// TLS stream that owns its socket.
pub trait Stream: Read + Write {
    /// Sets how long a read may wait; after that it fails with `WouldBlock` or `TimedOut`. `None`: for ever. Never zero.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Sets how long a write may wait, as [`set_read_timeout`](Self::set_read_timeout).
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Tells the peer that nothing more will be written. Reading goes on.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// The shell is about to use this stream. `TcpStream` turns Nagle's algorithm off here: it would hold small messages
    /// back.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn prepare(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The address of the peer, for the spans of the feature `tracing`. Default: `None`, for streams that know none.
    fn peer(&self) -> Option<SocketAddr> {
        None
    }
}

/// A stream that one thread reads while other threads write: what [`split`](super::WebSocket::split) needs.
pub trait Shareable: Stream + Sized {
    /// The stream, for one more thread. Clones read and write the same stream.
    type Handle: Stream + Clone + Send + 'static;

    /// Makes the stream usable from several threads.
    fn share(self) -> Self::Handle;

    /// The stream, for its addresses and options.
    fn get(handle: &Self::Handle) -> &Self;

    /// The stream again, if this is the last handle.
    ///
    /// # Errors
    ///
    /// The handle, if there are others.
    fn unshare(handle: Self::Handle) -> Result<Self, Self::Handle>;

    /// Ends both directions: reads and writes that wait in any thread return.
    fn shutdown_both(handle: &Self::Handle);
}

/// A socket that several threads use without a lock.
#[derive(Debug)]
pub struct Shared<S>(Arc<S>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Read for Shared<S>
where
    for<'a> &'a S: Read,
{
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buf)
    }
}

impl<S> Write for Shared<S>
where
    for<'a> &'a S: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.0).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self.0).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

/// The traits for a socket of the standard library, alone and shared.
macro_rules! socket {
    ($socket:ty, |$stream:ident| $prepare:expr, $peer:expr) => {
        impl Stream for $socket {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_write_timeout(self, timeout)
            }

            fn shutdown_write(&mut self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }

            fn prepare(&mut self) -> io::Result<()> {
                let $stream = self;
                $prepare
            }

            fn peer(&self) -> Option<SocketAddr> {
                let $stream = self;
                $peer
            }
        }

        impl Stream for Shared<$socket> {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_read_timeout(timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_write_timeout(timeout)
            }

            fn shutdown_write(&mut self) -> io::Result<()> {
                self.0.shutdown(Shutdown::Write)
            }
        }

        impl Shareable for $socket {
            type Handle = Shared<$socket>;

            fn share(self) -> Self::Handle {
                Shared(Arc::new(self))
            }

            fn get(handle: &Self::Handle) -> &Self {
                &handle.0
            }

            fn unshare(handle: Self::Handle) -> Result<Self, Self::Handle> {
                Arc::try_unwrap(handle.0).map_err(Shared)
            }

            fn shutdown_both(handle: &Self::Handle) {
                handle.0.shutdown(Shutdown::Both).ok();
            }
        }
    };
}

socket!(TcpStream, |stream| stream.set_nodelay(true), stream.peer_addr().ok());
socket!(super::NetStream, |stream| stream.tcp().set_nodelay(true), stream.tcp().peer_addr().ok());
#[cfg(unix)]
socket!(std::os::unix::net::UnixStream, |_stream| Ok(()), None);

/// A stream without time limits. Timeouts, the keepalive and the deadlines take effect between two reads only. The end of the
/// connection waits for the peer to end the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithoutTimeouts<S>(pub S);

impl<S: Read> Read for WithoutTimeouts<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<S: Write> Write for WithoutTimeouts<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Stream for WithoutTimeouts<S> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
