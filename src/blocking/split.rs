//! Reading in one thread, writing in any.
//!
//! The protocol is behind a mutex that is not held while a writer waits for the peer: whoever writes takes the output
//! away first. (The reader, whose answers are small, writes under it and waits for a millisecond at most.) One thread
//! writes at a time; the others find their bytes written when it is their turn.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(doc)]
use super::WebSocket;
use super::receiving::{Link, Receiving, Waited};
use super::stream::{Stream, Timed, is_timeout, later, write_limit};
use crate::buffer::Buffer;
use crate::connection::{CloseInfo, Connection, Event, Fin, Piece, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Prepared};

/// How long a reader may spend on writing: its answers go out where the socket has room, and else wait.
const READERS_PATIENCE: Duration = Duration::from_millis(1);

/// After this time a reader tries again to write what did not go out.
const RETRY: Duration = Duration::from_millis(50);

pub(super) fn split(timed: Timed<TcpStream>, connection: Connection, input: Buffer) -> (Reader, Writer) {
    let timed = timed.map(|stream| SharedStream(Arc::new(stream)));
    let stream = Arc::clone(&timed.stream.0);
    let tick = connection.config().close_timeout.max(RETRY);
    let write_timeout = write_limit(connection.config().write_timeout);
    let protocol = Mutex::new(Protocol { connection, writing: false, failed: None });
    let shared = Arc::new(Shared { stream, protocol, written: Condvar::new() });
    let link = Half { shared: Arc::clone(&shared), tick, write_timeout };
    (Reader { receiving: Receiving::new(link, timed, input) }, Writer { shared })
}

struct Shared {
    stream: Arc<TcpStream>,
    protocol: Mutex<Protocol>,
    /// A write has ended.
    written: Condvar,
}

struct Protocol {
    connection: Connection,
    /// A thread has taken output away and writes it.
    writing: bool,
    /// A write failed, after which nobody knows how much of it has arrived.
    failed: Option<io::ErrorKind>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Protocol> {
        // What a panicking thread leaves behind is whole: no step on the protocol panics half-way.
        self.protocol.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything that is queued now has been written, by this thread or another, or until a deadline.
    fn flush(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let mut protocol = self.lock();
        let end = protocol.connection.output().end();
        while !protocol.connection.output().is_written(end) {
            if let Some(kind) = protocol.failed {
                return Err(io::Error::from(kind).into());
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
            if protocol.writing {
                let waited = self.written.wait_timeout(protocol, RETRY);
                protocol = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                protocol.writing = true;
                drop(protocol);
                let result = self.write(deadline);
                protocol = self.lock();
                protocol.writing = false;
                self.written.notify_all();
                result?;
            }
        }
        Ok(())
    }

    /// Writes what is queued; the mutex is free meanwhile.
    fn write(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let mut taken = self.lock().connection.output().take();
        while taken.held() > 0 {
            let written = match deadline {
                Some(deadline) if deadline <= Instant::now() => Err(io::ErrorKind::TimedOut.into()),
                _ => taken.write_to(&mut &*self.stream),
            };
            match written {
                Ok(n) => self.lock().connection.output().confirm(n),
                Err(error) => {
                    let mut protocol = self.lock();
                    protocol.failed = Some(error.kind());
                    // A peer that does not read is given up. One that is gone may have sent something before.
                    if is_timeout(&error) {
                        protocol.connection.receive_eof().ok();
                        self.stream.shutdown(Shutdown::Both).ok();
                    }
                    return Err(error.into());
                }
            }
        }
        self.lock().connection.output().reuse(taken.reclaim());
        Ok(())
    }
}

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Reader {
    receiving: Receiving<Half, SharedStream>,
}

impl Reader {
    /// Waits for the next message. `None`: the connection was closed, cleanly. See [`WebSocket::read`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read(&mut self) -> Result<Option<Message>, Error> {
        self.receiving.read()
    }

    /// [`read`](Self::read) that waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read_timeout(&mut self, timeout: Duration) -> Result<Waited<Message>, Error> {
        self.receiving.read_until(Some(later(timeout)))
    }

    /// Waits for the next event and lends it. See [`WebSocket::read_event`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        self.receiving.read_event()
    }

    /// Waits for the next part of a message. See [`WebSocket::read_piece`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read_piece(&mut self) -> Result<Option<Piece<'_>>, Error> {
        self.receiving.read_piece()
    }

    /// Closes the connection and waits for the peer, as [`WebSocket::close`] does.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let writer = self.writer();
        if writer.state() == State::Open {
            writer.close(code, reason)?;
        }
        self.receiving.read_to_close()
    }

    /// How the connection ended, or is ending: `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.receiving.transport.link.shared.lock().connection.close_info()
    }

    /// Another writer for this connection.
    pub fn writer(&self) -> Writer {
        Writer { shared: Arc::clone(&self.receiving.transport.link.shared) }
    }
}

/// The sending half of a connection: any number of clones, in any threads.
///
/// The transport stays open as long as there is one, unless the closing handshake or [`abort`](Self::abort) ends it.
///
/// Messages of several threads are not mixed; fragments of one message are, so only one thread may send in fragments
/// at a time (others get [`MessageUnderWay`](SendError::MessageUnderWay)).
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    /// Sends a message; returns when it has been written.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`]; an [`Error::Io`] ends the connection.
    pub fn send(&self, message: &Message) -> Result<(), Error> {
        self.send_by(|connection| connection.send(message))
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_text(&self, text: &str) -> Result<(), Error> {
        self.send_by(|connection| connection.send_text(text))
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_binary(&self, data: &[u8]) -> Result<(), Error> {
        self.send_by(|connection| connection.send_binary(data))
    }

    /// Sends a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&self, prepared: &Prepared) -> Result<(), Error> {
        self.send_by(|connection| connection.send_prepared(prepared))
    }

    /// Sends the next fragment of a text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_text_fragment(&self, text: &str, fin: Fin) -> Result<(), Error> {
        self.send_by(|connection| connection.send_text_fragment(text, fin))
    }

    /// Sends the next fragment of a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_binary_fragment(&self, data: &[u8], fin: Fin) -> Result<(), Error> {
        self.send_by(|connection| connection.send_binary_fragment(data, fin))
    }

    /// Queues a message, to go out with the next [`flush`](Self::flush) or send of any thread, or when the reader next
    /// begins to wait. Where there is no room for it, waits until there is.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::feed`].
    pub fn feed(&self, message: &Message) -> Result<(), Error> {
        self.queue(|connection| connection.send(message))
    }

    /// [`feed`](Self::feed) for a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::feed`].
    pub fn feed_prepared(&self, prepared: &Prepared) -> Result<(), Error> {
        self.queue(|connection| connection.send_prepared(prepared))
    }

    /// Returns when everything that is queued now has been written.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], which ends the connection.
    pub fn flush(&self) -> Result<(), Error> {
        self.shared.flush(None)
    }

    /// Sends a Ping with up to 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.send_by(|connection| connection.ping(payload))
    }

    /// Sends a Close frame. It is the reader that sees the peer's answer, or that there is none within twice
    /// [`Config::close_timeout`](crate::Config::close_timeout).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent, and when the connection is closing already.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.send_by(|connection| connection.close(code, reason))
    }

    /// Ends the transport without a closing handshake: reads and writes that wait, in any thread, return at once.
    pub fn abort(&self) {
        self.shared.stream.shutdown(Shutdown::Both).ok();
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        self.shared.lock().connection.state()
    }

    /// How many bytes are queued and not yet written.
    pub fn buffered_amount(&self) -> usize {
        self.shared.lock().connection.buffered_amount()
    }

    fn send_by(&self, send: impl Fn(&mut Connection) -> Result<(), SendError>) -> Result<(), Error> {
        self.queue(send)?;
        self.shared.flush(None)
    }

    /// Queues what `send` sends; where there is no room for it, waits until what was queued before has been written.
    fn queue(&self, send: impl Fn(&mut Connection) -> Result<(), SendError>) -> Result<(), Error> {
        loop {
            let sent = send(&mut self.shared.lock().connection);
            if sent != Err(SendError::OutputFull) {
                return Ok(sent?);
            }
            self.shared.flush(None)?;
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("stream", &self.shared.stream).finish_non_exhaustive()
    }
}

/// What the reader knows of the connection.
struct Half {
    shared: Arc<Shared>,
    /// How often a waiting read looks at the timers: a Close frame sent by another thread starts a deadline that it would
    /// not notice otherwise.
    tick: Duration,
    write_timeout: Option<Duration>,
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Half").finish_non_exhaustive()
    }
}

impl Link for Half {
    fn with<T>(&mut self, task: impl FnOnce(&mut Connection) -> T) -> T {
        task(&mut self.shared.lock().connection)
    }

    /// "Reading never depends on writing": what the socket does not take at once waits.
    fn flush(&mut self, stream: &mut impl Stream) -> Result<Option<Duration>, Error> {
        let mut protocol = self.shared.lock();
        if protocol.connection.output().is_empty() {
            return Ok(Some(self.tick));
        }
        if protocol.writing || protocol.failed.is_some() {
            return Ok(Some(RETRY));
        }
        stream.set_write_timeout(Some(READERS_PATIENCE))?;
        let result = protocol.connection.output().write_to(stream);
        stream.set_write_timeout(self.write_timeout)?;
        match result {
            Ok(_) if protocol.connection.output().is_empty() => Ok(Some(self.tick)),
            Ok(_) => Ok(Some(RETRY)),
            Err(error) if is_timeout(&error) => Ok(Some(RETRY)),
            Err(error) => Err(error.into()),
        }
    }

    /// At the end there is nothing more to read, so this may wait: for the message that another thread is writing, and
    /// behind which the Close frame stands.
    fn flush_all(&mut self, _: &mut impl Stream, deadline: Instant) -> Result<(), Error> {
        self.shared.flush(Some(deadline))
    }
}

/// One socket, read and written without a lock.
#[derive(Debug)]
struct SharedStream(Arc<TcpStream>);

impl Read for SharedStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buf)
    }
}

impl Write for SharedStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.0).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        (&*self.0).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for SharedStream {
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
