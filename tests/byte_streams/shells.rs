//! The byte stream of each shell, behind one trait, over a scripted stream.

use std::io::{self, IoSlice};
#[cfg(any(feature = "tokio", feature = "smol"))]
use std::pin::Pin;

use sansocket::blocking::{self, WithoutTimeouts};
use sansocket::{Config, Connection};

#[cfg(any(feature = "tokio", feature = "smol"))]
use crate::script::task::finish;
use crate::script::{Script, Shared};

/// A byte stream that the test calls and waits for.
pub(crate) trait Bytes {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize>;
    /// A copy of what is lent.
    fn fill(&mut self) -> io::Result<Vec<u8>>;
    fn consume(&mut self, n: usize);
    fn write(&mut self, from: &[u8]) -> io::Result<usize>;
    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize>;
    fn flush(&mut self) -> io::Result<()>;
    fn shutdown(&mut self) -> io::Result<()>;
    /// What has been written to the scripted stream.
    fn written(&self) -> Vec<u8>;

    fn write_all(&mut self, mut from: &[u8]) -> io::Result<()> {
        while !from.is_empty() {
            from = &from[self.write(from)?..];
        }
        Ok(())
    }

    /// Reads up to the end of the file or an error, `len` bytes at a time.
    fn read_to_end(&mut self, len: usize) -> (Vec<u8>, io::Result<()>) {
        let (mut all, mut buffer) = (Vec::new(), vec![0; len]);
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return (all, Ok(())),
                Ok(n) => all.extend(&buffer[..n]),
                Err(error) => return (all, Err(error)),
            }
        }
    }
}

/// How a byte stream is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting {
    pub(crate) message_len: Option<usize>,
    pub(crate) accepts_text: bool,
}

macro_rules! set {
    ($socket:expr, $setting:expr) => {{
        let mut stream = $socket.into_byte_stream();
        if let Some(len) = $setting.message_len {
            stream = stream.message_len(len);
        }
        if $setting.accepts_text { stream.accept_text() } else { stream }
    }};
}

/// Runs `test` with the server's end in each shell.
pub(crate) fn each(script: &Script, config: &Config, setting: Setting, test: impl Fn(&mut dyn Bytes)) {
    let connection = || Connection::server(config.clone());
    let shared = Shared::new(script.clone());
    let socket = blocking::WebSocket::from_parts(WithoutTimeouts(shared.clone()), connection()).unwrap();
    test(&mut Blocking(set!(socket, setting), shared));
    #[cfg(feature = "tokio")]
    {
        let wire = crate::script::wire::Wire::new(script.clone());
        with_timers(|| {
            let socket = sansocket::tokio::from_parts(wire.clone(), connection());
            test(&mut over_tokio::OverTokio(set!(socket, setting), wire));
        });
    }
    #[cfg(feature = "smol")]
    {
        let wire = crate::script::wire::Wire::new(script.clone());
        let socket = sansocket::smol::from_parts(wire.clone(), connection());
        test(&mut over_smol::OverSmol(set!(socket, setting), wire));
    }
}

/// Runs `test` with the timers of tokio, whose clock stands still.
#[cfg(feature = "tokio")]
pub(crate) fn with_timers(test: impl FnOnce()) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    let _timers = runtime.enter();
    test();
}

struct Blocking(blocking::ByteStream<WithoutTimeouts<Shared>>, Shared);

impl Bytes for Blocking {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, to)
    }

    fn fill(&mut self) -> io::Result<Vec<u8>> {
        io::BufRead::fill_buf(&mut self.0).map(<[u8]>::to_vec)
    }

    fn consume(&mut self, n: usize) {
        io::BufRead::consume(&mut self.0, n);
    }

    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut self.0, from)
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        io::Write::write_vectored(&mut self.0, from)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.0)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.0.shutdown()
    }

    fn written(&self) -> Vec<u8> {
        self.1.written()
    }
}

/// Polls a stream until it is ready. A scripted stream that is not ready wakes its task at once.
#[cfg(any(feature = "tokio", feature = "smol"))]
macro_rules! polled {
    ($module:ident, $name:ident, $read:ident, $close:ident, $binding:path, $($traits:tt)*) => {
        mod $module {
            use std::future::poll_fn;
            use std::io::{self, IoSlice};
            use std::pin::Pin;

            use $binding as binding;
            use $($traits)*;

            use super::{Bytes, finish};
            use crate::script::wire::Wire;

            pub(super) struct $name(pub(super) binding::ByteStream<Wire>, pub(super) Wire);

            impl Bytes for $name {
                fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                    super::$read(&mut self.0, to)
                }

                fn fill(&mut self) -> io::Result<Vec<u8>> {
                    finish(poll_fn(|cx| Pin::new(&mut self.0).poll_fill_buf(cx).map_ok(<[u8]>::to_vec)))
                }

                fn consume(&mut self, n: usize) {
                    Pin::new(&mut self.0).consume(n);
                }

                fn write(&mut self, from: &[u8]) -> io::Result<usize> {
                    finish(poll_fn(|cx| Pin::new(&mut self.0).poll_write(cx, from)))
                }

                fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
                    finish(poll_fn(|cx| Pin::new(&mut self.0).poll_write_vectored(cx, from)))
                }

                fn flush(&mut self) -> io::Result<()> {
                    finish(poll_fn(|cx| Pin::new(&mut self.0).poll_flush(cx)))
                }

                fn shutdown(&mut self) -> io::Result<()> {
                    finish(poll_fn(|cx| Pin::new(&mut self.0).$close(cx)))
                }

                fn written(&self) -> Vec<u8> {
                    self.1.written()
                }
            }
        }
    };
}

#[cfg(feature = "tokio")]
fn read_tokio(mut stream: impl tokio::io::AsyncRead + Unpin, to: &mut [u8]) -> io::Result<usize> {
    let mut to = tokio::io::ReadBuf::new(to);
    finish(std::future::poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut to)))?;
    Ok(to.filled().len())
}

#[cfg(feature = "smol")]
fn read_smol(mut stream: impl smol::io::AsyncRead + Unpin, to: &mut [u8]) -> io::Result<usize> {
    finish(std::future::poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, to)))
}

#[cfg(feature = "tokio")]
polled!(over_tokio, OverTokio, read_tokio, poll_shutdown, sansocket::tokio, tokio::io::{AsyncBufRead, AsyncWrite});
#[cfg(feature = "smol")]
polled!(over_smol, OverSmol, read_smol, poll_close, sansocket::smol, smol::io::{AsyncBufRead, AsyncWrite});
