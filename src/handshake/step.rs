//! The opening handshake as steps, for a program that drives the stream.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::client::{self, Response};
use super::proxy::Tunnel;
use super::server::{self, Answer, Exchange, Incoming};
use crate::connection::{Connection, Inbox, Output};
use crate::error::HandshakeError;
#[cfg(feature = "std")]
use crate::error::{Error, Fault};

/// What an [`Opening`] needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Write the [`output`](Opening::output) until it is empty, and flush the stream.
    Write,
    /// Read into the opening. Call [`end_of_stream`](Opening::end_of_stream) if the stream ends.
    Read,
    /// A request waits: [`respond`](Opening::respond) to what is [`incoming`](Opening::incoming).
    Respond,
    /// The response opens no connection. Tell the peer that nothing more will be written (TCP's FIN, TLS's `close_notify`),
    /// then call [`write_shut_down`](Opening::write_shut_down).
    ShutdownWrite,
    /// Read until the peer ends the stream, then call [`end_of_stream`](Opening::end_of_stream). What is read is discarded.
    /// A socket that is closed with unread bytes is reset, and a reset destroys what the peer has not read yet.
    Discard,
    /// Call [`finish`](Opening::finish), or for a tunnel [`finish_tunnel`](Opening::finish_tunnel).
    Done,
}

/// The opening handshake of either role, with the order of its steps. Made from a [`client::Handshake`] or a
/// [`server::Handshake`]. Or a [`Tunnel`] through a proxy, which a client's handshake follows; it ends with
/// [`finish_tunnel`](Self::finish_tunnel).
///
/// Ask for the next [`step`](Self::step), take it, and ask again. Asking again before a step is complete gives the same
/// step, so a step may be taken in parts. The caller keeps the time: [`Config::handshake_timeout`](crate::Config::handshake_timeout) from
/// the beginning, and [`Config::close_timeout`](crate::Config::close_timeout) from when it [`is_refused`](Self::is_refused).
/// At the deadline call [`time_out`](Self::time_out). If the stream fails, drop the opening.
///
/// ```
/// use std::io::{self, Read, Write};
///
/// use sansocket::handshake::{Opening, Step, server};
/// use sansocket::{Config, Connection, Error};
///
/// fn accept(mut socket: impl Read + Write) -> Result<Connection, Error> {
///     let mut opening = Opening::from(server::Handshake::new(Config::default()));
///     loop {
///         match opening.step() {
///             Step::Write => opening.output().write_all_to(&mut socket)?,
///             Step::Read | Step::Discard => {
///                 if opening.read_from(&mut socket)? == 0 {
///                     opening.end_of_stream();
///                 }
///             }
///             Step::Respond => {
///                 let response = match opening.incoming() {
///                     Some(server::Incoming::Upgrade(request)) => request.accept(),
///                     other => other.expect("a request waits").http().upgrade_required(),
///                 };
///                 opening.respond(response)?;
///             }
///             Step::ShutdownWrite => opening.write_shut_down(), // behind the socket's own shutdown
///             Step::Done => return Ok(opening.finish()?.0),
///         }
///     }
/// }
/// # struct Peer(io::Cursor<&'static [u8]>, Vec<u8>);
/// # impl Read for Peer { fn read(&mut self, to: &mut [u8]) -> io::Result<usize> { self.0.read(to) } }
/// # impl Write for Peer {
/// #     fn write(&mut self, from: &[u8]) -> io::Result<usize> { self.1.write(from) }
/// #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
/// # }
/// # let mut page = Peer(io::Cursor::new(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), vec![]);
/// # let refused = accept(&mut page);
/// # assert!(matches!(refused, Err(Error::Handshake(sansocket::HandshakeError::NotAnUpgrade))));
/// # assert!(page.1.starts_with(b"HTTP/1.1 426 "));
/// ```
#[derive(Debug)]
pub struct Opening {
    stage: Stage,
    /// What arrives after the outcome is known.
    discarded: Option<Box<Inbox>>,
    /// The output while nothing is to be written.
    nothing: Output,
}

#[derive(Debug)]
enum Stage {
    Tunnel(Tunnel),
    Client(client::Handshake),
    Server(server::Handshake),
    Deciding(Exchange),
    /// The response of a server may still have to be written.
    Opened(Connection, Option<Response>),
    /// The server's response opens no connection.
    Refused {
        output: Output,
        is_shut_down: bool,
        error: HandshakeError,
    },
    Ended(HandshakeError),
}

impl From<Tunnel> for Opening {
    fn from(tunnel: Tunnel) -> Self {
        Self::new(Stage::Tunnel(tunnel))
    }
}

impl From<client::Handshake> for Opening {
    fn from(handshake: client::Handshake) -> Self {
        Self::new(Stage::Client(handshake))
    }
}

impl From<server::Handshake> for Opening {
    fn from(handshake: server::Handshake) -> Self {
        Self::new(Stage::Server(handshake))
    }
}

impl Opening {
    fn new(stage: Stage) -> Self {
        Self { stage, discarded: None, nothing: Output::default() }
    }

    /// What to do next. Call it again after each step.
    pub fn step(&mut self) -> Step {
        self.advance();
        if !self.output().is_empty() {
            return Step::Write;
        }
        match &self.stage {
            Stage::Tunnel(tunnel) if !tunnel.is_pending() => Step::Done,
            Stage::Tunnel(_) | Stage::Client(_) | Stage::Server(_) => Step::Read,
            Stage::Deciding(_) => Step::Respond,
            Stage::Refused { is_shut_down: false, .. } => Step::ShutdownWrite,
            Stage::Refused { .. } => Step::Discard,
            Stage::Opened(..) | Stage::Ended(_) => Step::Done,
        }
    }

    /// Looks at what has been received.
    fn advance(&mut self) {
        self.stage = match &mut self.stage {
            Stage::Tunnel(tunnel) => return tunnel.look_if_written(),
            // The response counts once the whole request is written.
            Stage::Client(handshake) if handshake.has_output() => return,
            Stage::Client(handshake) => match handshake.next_response() {
                Ok(None) => return,
                Ok(Some((connection, response))) => Stage::Opened(connection, Some(response)),
                Err(error) => Stage::Ended(error),
            },
            Stage::Server(handshake) => match handshake.next_request() {
                Ok(None) => return,
                Ok(Some(exchange)) => Stage::Deciding(exchange),
                Err(error) => Self::refused(mem::take(handshake.output()), error),
            },
            Stage::Refused { .. } | Stage::Ended(_) => {
                return self.discarded.iter_mut().for_each(|inbox| inbox.clear());
            }
            Stage::Deciding(_) | Stage::Opened(..) => return,
        };
    }

    fn refused(output: Output, error: HandshakeError) -> Stage {
        Stage::Refused { output, is_shut_down: false, error }
    }

    /// The bytes to write: a client's request to the server or to a proxy, or a server's response. Empty where nothing is to be written.
    pub fn output(&mut self) -> &mut Output {
        match &mut self.stage {
            Stage::Tunnel(tunnel) => tunnel.output(),
            Stage::Client(handshake) => handshake.output(),
            Stage::Opened(connection, _) => connection.output(),
            Stage::Refused { output, .. } => output,
            Stage::Server(_) | Stage::Deciding(_) | Stage::Ended(_) => &mut self.nothing,
        }
    }

    /// The request that waits for a response, at [`Step::Respond`]. Otherwise `None`.
    pub fn incoming(&self) -> Option<&Incoming> {
        match &self.stage {
            Stage::Deciding(exchange) => Some(exchange.incoming()),
            _ => None,
        }
    }

    /// Responds to the request that waits.
    ///
    /// # Errors
    ///
    /// [`NoRequest`](HandshakeError::NoRequest) if no request waits. As [`Exchange::respond`]; if
    /// [`Response::check`](server::Response::check) refuses the response, another one may be tried.
    pub fn respond(&mut self, response: server::Response) -> Result<(), HandshakeError> {
        response.check()?;
        let error = match self.incoming() {
            Some(Incoming::Upgrade(_)) => HandshakeError::Rejected(response.status()),
            Some(Incoming::Http(_)) => HandshakeError::NotAnUpgrade,
            None => return Err(HandshakeError::NoRequest),
        };
        if let Stage::Deciding(exchange) = mem::replace(&mut self.stage, Stage::Ended(error.clone())) {
            self.stage = match exchange.respond(response)? {
                Answer::Open(connection) => Stage::Opened(connection, None),
                Answer::Closed(output) => Self::refused(output, error),
            };
        }
        Ok(())
    }

    /// Whether the server's response opens no connection, so that the transport is being ended.
    pub fn is_refused(&self) -> bool {
        matches!(self.stage, Stage::Refused { .. })
    }

    /// [`Step::ShutdownWrite`] has been taken.
    pub fn write_shut_down(&mut self) {
        if let Stage::Refused { is_shut_down, .. } = &mut self.stage {
            *is_shut_down = true;
        }
    }

    /// The stream has ended. What has arrived is looked at first.
    pub fn end_of_stream(&mut self) {
        self.advance();
        match &mut self.stage {
            Stage::Tunnel(tunnel) => tunnel.end_of_stream(),
            Stage::Client(handshake) => self.stage = Stage::Ended(handshake.end_of_stream()),
            Stage::Server(_) => self.stage = Stage::Ended(HandshakeError::UnexpectedEof),
            Stage::Refused { error, .. } => self.stage = Stage::Ended(error.clone()),
            // A client that has ended its sending side can still read the response.
            Stage::Deciding(_) | Stage::Opened(..) | Stage::Ended(_) => {}
        }
    }

    /// The deadline has passed. What has arrived is looked at first. The next step is [`Step::Done`].
    pub fn time_out(&mut self) {
        self.advance();
        match &mut self.stage {
            Stage::Tunnel(tunnel) => tunnel.time_out(),
            Stage::Client(handshake) => self.stage = Stage::Ended(handshake.time_out()),
            Stage::Opened(connection, _) if connection.buffered_amount() == 0 => {}
            Stage::Server(_) | Stage::Deciding(_) | Stage::Opened(..) => {
                self.stage = Stage::Ended(HandshakeError::TimedOut);
            }
            Stage::Refused { error, .. } => self.stage = Stage::Ended(error.clone()),
            Stage::Ended(_) => {}
        }
    }

    /// The open connection, and for a client the response that opened it.
    ///
    /// # Errors
    ///
    /// The reason why there is no connection. On a server, [`Rejected`](HandshakeError::Rejected) if the response rejected
    /// the request, [`NotAnUpgrade`](HandshakeError::NotAnUpgrade) if an ordinary HTTP request was answered.
    /// [`UnexpectedEof`](HandshakeError::UnexpectedEof) before [`Step::Done`], and for a [`Tunnel`] that is open, which gives
    /// no connection.
    pub fn finish(self) -> Result<(Connection, Option<Response>), HandshakeError> {
        match self.stage {
            Stage::Opened(connection, response) => Ok((connection, response)),
            Stage::Ended(error) | Stage::Refused { error, .. } => Err(error),
            Stage::Tunnel(tunnel) => Err(tunnel.finish().err().unwrap_or(HandshakeError::UnexpectedEof)),
            Stage::Client(_) | Stage::Server(_) | Stage::Deciding(_) => Err(HandshakeError::UnexpectedEof),
        }
    }

    /// The bytes of the tunnel that arrived behind the proxy's answer, as [`Tunnel::finish`] gives them.
    ///
    /// # Errors
    ///
    /// The reason why there is no tunnel. [`UnexpectedEof`](HandshakeError::UnexpectedEof) before [`Step::Done`]. For an
    /// opening that is no tunnel, as [`finish`](Self::finish); [`Finished`](HandshakeError::Finished) if it has opened a
    /// connection.
    pub fn finish_tunnel(self) -> Result<Vec<u8>, HandshakeError> {
        match self.stage {
            Stage::Tunnel(tunnel) => tunnel.finish(),
            _ => Err(self.finish().err().unwrap_or(HandshakeError::Finished)),
        }
    }

    /// [`finish`](Self::finish) for a shell whose stream ended the steps with `driven`.
    #[cfg(feature = "std")]
    pub(crate) fn conclude(
        self,
        driven: std::io::Result<()>,
    ) -> Result<(Connection, Option<Response>), Error> {
        Self::conclude_with(self.finish(), driven)
    }

    /// What a shell gives if the steps ended with `finished`, and the stream with `driven`.
    #[cfg(feature = "std")]
    pub(crate) fn conclude_with<T>(
        finished: Result<T, HandshakeError>,
        driven: std::io::Result<()>,
    ) -> Result<T, Error> {
        match finished {
            // The peer's fault is the reason, even if the response to it could not be written.
            Err(error) if error.fault() == Fault::Peer && error != HandshakeError::NotAnUpgrade => {
                Err(error.into())
            }
            finished => {
                driven?;
                Ok(finished?)
            }
        }
    }

    pub(crate) fn inbox(&mut self) -> &mut Option<Box<Inbox>> {
        match &mut self.stage {
            Stage::Tunnel(tunnel) => tunnel.inbox(),
            Stage::Client(handshake) => handshake.inbox(),
            Stage::Server(handshake) => handshake.inbox(),
            Stage::Deciding(exchange) => exchange.inbox(),
            Stage::Opened(connection, _) => connection.inbox(),
            Stage::Refused { .. } | Stage::Ended(_) => &mut self.discarded,
        }
    }
}

super::receives!(Opening);
