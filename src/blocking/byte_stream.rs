//! A connection as `Read` and `Write`.

use std::io::{self, BufRead, IoSlice, Read, Write};
use std::net::TcpStream;

use super::receiving::{Link, Receiving};
use super::split::{Reader, Writer};
use super::stream::{Shareable, Stream};
use super::{NetStream, WebSocket};
use crate::ByteStreamError;
use crate::byte_stream::{Gather, Intake, NO_TEXT, Text, end_of_file, read_error, write_error};
use crate::connection::{CloseInfo, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;

/// A connection as a stream of bytes: [`Read`], [`BufRead`] and [`Write`], for what runs over TCP as a rule: tunnels, SSH,
/// VNC, MQTT.
///
/// ```no_run
/// use std::io::{BufRead, Write};
///
/// let mut stream = sansocket::blocking::connect("ws://127.0.0.1:9001/smtp")?.into_byte_stream();
/// stream.write_all(b"HELO example.org\r\n")?;
/// stream.flush()?; // one binary message
/// let mut answer = String::new();
/// stream.read_line(&mut answer)?;
/// stream.shutdown()?; // the closing handshake
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Reading
///
/// A read gives the bytes of binary messages, in order and as they arrive: where one message ends and the next one begins is
/// not seen, and a message needs no more memory than a part of it. [`BufRead`] lends them without a copy. The limits on frames
/// and messages still count: for messages of more than 16 MiB, raise [`Limits`](crate::Limits). Pings are answered while
/// a read waits.
///
/// | what happens | what a read gives, again and again |
/// |---|---|
/// | an empty message | nothing: it goes on |
/// | a closing handshake where the peer's Close frame has code 1000, 1001 or none | `Ok(0)`, the end of the file |
/// | one with another code | `ConnectionAborted`, [`ByteStreamError::Closed`] |
/// | the stream ends, or the peer is silent, without a closing handshake | `UnexpectedEof`, [`ByteStreamError::Protocol`] |
/// | the peer breaks a rule | `InvalidData`, [`ByteStreamError::Protocol`] |
/// | a text message, unless [`accept_text`](Self::accept_text) | `InvalidData`, [`ByteStreamError::Text`]; the peer gets code 1003 |
/// | an error of the stream, such as `ConnectionReset` | that error; after one that ends the connection `UnexpectedEof` |
///
/// # Writing
///
/// Written bytes are gathered, and become a binary message at [`flush`](Write::flush), or where more than
/// [`message_len`](Self::message_len) come. So a flush decides where a message ends, and is needed before an answer is waited
/// for, as with [`BufWriter`](io::BufWriter). While more than 64 KiB are queued, a write waits for the peer to read. Bytes that
/// are not flushed are lost if the stream is dropped.
///
/// | what happens | what a write or a flush gives |
/// |---|---|
/// | the connection is closing or closed, by either side | `BrokenPipe` |
/// | the peer reads nothing for [`Config::write_timeout`](crate::Config::write_timeout) | `TimedOut` |
/// | a message in fragments was under way | `InvalidInput`, [`ByteStreamError::Send`] |
/// | an error of the stream | that error |
///
/// # No half of a connection is closed alone
///
/// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a Close frame in
/// response" (section 5.5.1). So [`shutdown`](Self::shutdown) ends both directions: what the peer had sent before it got the
/// Close frame can still be read, and its later writes fail with `BrokenPipe`. A protocol that says "I have
/// finished, now you" by the end of a file, as TCP can, does not work over WebSocket.
#[derive(Debug)]
pub struct ByteStream<S = NetStream> {
    socket: WebSocket<S>,
    intake: Intake,
    gather: Gather,
}

impl<S: Stream> WebSocket<S> {
    /// The connection as a stream of bytes.
    pub fn into_byte_stream(self) -> ByteStream<S> {
        ByteStream { socket: self, intake: Intake::default(), gather: Gather::default() }
    }
}

impl<S: Stream> ByteStream<S> {
    /// How many bytes become one message, at most. Default: 16 KiB, which one read of the peer takes with the header. Longer
    /// messages need fewer headers, and as much more memory for written bytes. Zero counts as one, and more than
    /// [`Config::max_output_len`](crate::Config::max_output_len) as that.
    #[must_use]
    pub fn message_len(mut self, len: usize) -> Self {
        self.gather.message_len = len;
        self
    }

    /// Reads text messages as their bytes, instead of refusing them.
    #[must_use]
    pub fn accept_text(mut self) -> Self {
        self.intake.text = Text::Accepted;
        self
    }

    /// Sends what was gathered and a Close frame with [`CloseCode::NORMAL`], and waits for the peer's, or for data that the
    /// peer had sent before it. Such data stays there: to see the end of the connection, read on up to the end of the file.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if there are bytes that can no longer be sent. Otherwise those of a read: `UnexpectedEof` if the peer did
    /// not answer within [`Config::close_timeout`](crate::Config::close_timeout).
    pub fn shutdown(&mut self) -> io::Result<()> {
        let Self { socket, intake, gather } = self;
        if intake.text == Text::HasCome {
            return fill(&mut socket.receiving, intake);
        }
        socket.queue(|sender| gather.send(sender)).map_err(write_error)?;
        if socket.state() == State::Open {
            socket.queue(|sender| sender.close(CloseCode::NORMAL, "")).map_err(write_error)?;
        }
        match socket.receiving.find_chunk().map_err(read_error)? {
            Some(_) => socket.flush().map_err(write_error),
            None => end_of_file(socket.close_info()),
        }
    }

    /// How the connection ended or is ending. `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.socket.close_info()
    }

    /// The stream below, for its addresses and options. Reading from it or writing to it breaks the connection.
    pub fn stream(&self) -> &S {
        self.socket.stream()
    }
}

impl<S: Shareable> ByteStream<S> {
    /// Parts reading from writing, for two threads.
    pub fn split(self) -> (ByteReader<S>, ByteWriter<S>) {
        let Self { socket, intake, gather } = self;
        let (reader, writer) = socket.split();
        (ByteReader { reader, intake }, ByteWriter { writer, gather })
    }
}

/// The half of a [`ByteStream`] that is read. It keeps the timers and answers Pings while it reads, so some thread should
/// read.
#[derive(Debug)]
pub struct ByteReader<S: Shareable = TcpStream> {
    reader: Reader<S>,
    intake: Intake,
}

impl<S: Shareable> ByteReader<S> {
    /// How the connection ended or is ending. `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.reader.close_info()
    }
}

/// The half of a [`ByteStream`] that is written.
#[derive(Debug)]
pub struct ByteWriter<S: Shareable = TcpStream> {
    writer: Writer<S>,
    gather: Gather,
}

impl<S: Shareable> ByteWriter<S> {
    /// Sends what was gathered and a Close frame with [`CloseCode::NORMAL`]. The reader sees the peer's: the end of the file.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if there are bytes that can no longer be sent. Otherwise those of a write.
    pub fn shutdown(&mut self) -> io::Result<()> {
        let Self { writer, gather } = self;
        writer.queue(|sender| gather.send(sender)).map_err(write_error)?;
        match writer.start_closing(CloseCode::NORMAL, "") {
            Ok(()) | Err(Error::Send(SendError::Closed)) => writer.flush().map_err(write_error),
            Err(error) => Err(write_error(error)),
        }
    }
}

/// Waits until there is a chunk to read. There is none at the end of the file.
fn fill<L: Link<S>, S: Stream>(receiving: &mut Receiving<L, S>, intake: &mut Intake) -> io::Result<()> {
    while intake.current().is_none() {
        if intake.text == Text::HasCome {
            return Err(refuse(receiving));
        }
        let Some(found) = receiving.find_chunk().map_err(read_error)? else {
            return end_of_file(receiving.transport.link.with(|sender| sender.close_info()));
        };
        let taken = intake.take_in(&mut receiving.receiver, found);
        receiving.transport.give(taken).map_err(read_error)?;
    }
    Ok(())
}

/// Closes the connection because of text, and gives the error for it.
///
/// "1003 indicates that an endpoint is terminating the connection because it has received a type of data it cannot accept"
/// (section 7.4.1).
fn refuse<L: Link<S>, S: Stream>(receiving: &mut Receiving<L, S>) -> io::Error {
    // An error says that the connection is closing already.
    receiving.transport.link.with(|sender| sender.close(CloseCode::UNSUPPORTED, NO_TEXT)).ok();
    // Whether the peer answers makes no difference to the reader.
    receiving.read_to_close().ok();
    ByteStreamError::Text.into()
}

/// `Read` and `BufRead` for a type with a receiving side.
macro_rules! read {
    ($type:ident, $bound:ident, $side:ident) => {
        impl<S: $bound> Read for $type<S> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let Self { $side, intake, .. } = self;
                if !to.is_empty() {
                    fill(&mut $side.receiving, intake)?;
                }
                Ok(intake.copy(&mut $side.receiving.receiver, to))
            }
        }

        impl<S: $bound> BufRead for $type<S> {
            fn fill_buf(&mut self) -> io::Result<&[u8]> {
                let Self { $side, intake, .. } = self;
                fill(&mut $side.receiving, intake)?;
                Ok(intake.rest(&$side.receiving.receiver))
            }

            fn consume(&mut self, n: usize) {
                self.intake.consume(&mut self.$side.receiving.receiver, n);
            }
        }
    };
}

/// `Write` for a type with a sending side.
macro_rules! write {
    ($type:ident, $bound:ident, $side:ident) => {
        impl<S: $bound> Write for $type<S> {
            fn write(&mut self, from: &[u8]) -> io::Result<usize> {
                self.write_vectored(&[IoSlice::new(from)])
            }

            fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
                let Self { $side, gather, .. } = self;
                $side.queue(|sender| gather.write(sender, from)).map_err(write_error)
            }

            fn flush(&mut self) -> io::Result<()> {
                let Self { $side, gather, .. } = self;
                $side.queue(|sender| gather.send(sender)).map_err(write_error)?;
                $side.flush().map_err(write_error)
            }
        }
    };
}

read!(ByteStream, Stream, socket);
write!(ByteStream, Stream, socket);
read!(ByteReader, Shareable, reader);
write!(ByteWriter, Shareable, writer);
