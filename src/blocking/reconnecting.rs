//! A client's connection that comes back.

use std::thread;
use std::time::Duration;

use super::timed::later;
use super::{NetStream, TimedRead, WebSocket, connect_with};
use crate::connection::CloseInfo;
use crate::dial::{BackOff, Connector, Ending, Retries, Update, after};
use crate::error::{Error, ProtocolError};
use crate::frame::CloseCode;
use crate::handshake::client::Request;
use crate::sync::Instant;
use crate::trace::Pauses;

/// A client's connection that comes back after it was lost, with the pauses of a [`BackOff`].
///
/// ```no_run
/// use sansocket::blocking::Reconnecting;
/// use sansocket::handshake::client::Request;
/// use sansocket::{BackOff, Connector, Error, Update};
///
/// fn follow(url: &str) -> Result<(), Error> {
///     let mut feed = Reconnecting::new(Request::new(url)?, Connector::new(), BackOff::default());
///     while let Some(update) = feed.next_update()? {
///         match update {
///             Update::Opened(_) => {
///                 // The server remembers no earlier connection. If this one is lost already, the next update says so.
///                 feed.socket().map(|socket| socket.send("subscribe"));
///             }
///             Update::Message(message) => println!("{message:?}"),
///             Update::Pausing { why, pause } => eprintln!("{why}; again in {pause:?}"),
///             _ => {}
///         }
///     }
///     Ok(())
/// }
/// ```
///
/// [`Retries`] has the tables of what ends the attempts: errors that come again (a bad URL, a certificate, 404), and close codes
/// that say that this was all, or that the server does not want this client.
#[derive(Debug)]
pub struct Reconnecting {
    request: Request,
    connector: Connector,
    retries: Retries,
    pauses: Pauses,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The next attempt, not before this time.
    Attempt(Option<Instant>),
    Open {
        socket: Box<WebSocket<NetStream>>,
        since: Instant,
    },
    /// With the end of the connection that was open, if there was one.
    Ended(Option<CloseInfo>),
}

impl Reconnecting {
    /// Nothing happens before the first [`next_update`](Self::next_update).
    pub fn new(request: Request, connector: impl Into<Connector>, back_off: BackOff) -> Self {
        let retries = Retries::new(back_off);
        let (connector, pauses) = (connector.into(), Pauses::default());
        Self { request, connector, retries, pauses, stage: Stage::Attempt(None) }
    }

    /// Waits for what happens next: a pause that is over, an attempt that succeeds or fails, a message. `None`: the server or
    /// [`close`](Self::close) has ended it, and [`close_info`](Self::close_info) says how.
    ///
    /// # Errors
    ///
    /// One that does not go away by itself. After it there is nothing more: the next call gives `None`.
    pub fn next_update(&mut self) -> Result<Option<Update>, Error> {
        self.update_until(None)
    }

    /// [`next_update`](Self::next_update) that waits no longer than `timeout`, or [`Update::TimedOut`]. An attempt to connect is
    /// not cut short; it has [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    ///
    /// # Errors
    ///
    /// As [`next_update`](Self::next_update).
    pub fn next_update_timeout(&mut self, timeout: Duration) -> Result<Option<Update>, Error> {
        self.update_until(Some(later(timeout)))
    }

    /// The connection, to send on it, while it is open.
    pub fn socket(&mut self) -> Option<&mut WebSocket<NetStream>> {
        match &mut self.stage {
            Stage::Open { socket, .. } => Some(socket),
            Stage::Attempt(_) | Stage::Ended(_) => None,
        }
    }

    /// How the last connection ended, after which there is none: the server has closed it for good, or [`close`](Self::close)
    /// was called. `None` before that, and after an error.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        match &self.stage {
            Stage::Ended(info) => info.as_ref(),
            Stage::Attempt(_) | Stage::Open { .. } => None,
        }
    }

    /// Closes the connection, if it is open, and ends the attempts.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let (closed, info) = match std::mem::replace(&mut self.stage, Stage::Ended(None)) {
            Stage::Open { mut socket, .. } => (socket.close(code, reason), socket.close_info()),
            Stage::Attempt(_) => (Ok(()), None),
            Stage::Ended(info) => (Ok(()), info),
        };
        self.stage = Stage::Ended(info);
        closed
    }

    fn update_until(&mut self, deadline: Option<Instant>) -> Result<Option<Update>, Error> {
        match &mut self.stage {
            Stage::Ended(_) => Ok(None),
            Stage::Attempt(start) => {
                let wait = |until: Instant| thread::sleep(until.saturating_duration_since(Instant::now()));
                match (*start, deadline) {
                    (Some(start), Some(deadline)) if start > deadline => {
                        wait(deadline);
                        return Ok(Some(Update::TimedOut));
                    }
                    (start, _) => start.map_or((), wait),
                }
                match connect_with(&self.request, &self.connector) {
                    Ok((socket, response)) => {
                        self.pauses.opened();
                        self.stage = Stage::Open { socket: Box::new(socket), since: Instant::now() };
                        Ok(Some(Update::Opened(response)))
                    }
                    Err(error) => self.pause(Ending::Failed(error)),
                }
            }
            Stage::Open { socket, since } => {
                let read = match deadline {
                    Some(deadline) => socket.read_timeout(deadline.saturating_duration_since(Instant::now())),
                    None => socket.read().map(|read| read.map_or(TimedRead::Closed, TimedRead::Message)),
                };
                let why = match read {
                    Ok(TimedRead::Message(message)) => return Ok(Some(Update::Message(message))),
                    Ok(TimedRead::TimedOut) => return Ok(Some(Update::TimedOut)),
                    Ok(TimedRead::Closed) => match socket.close_info() {
                        Some(info) => Ending::Closed(info),
                        None => Ending::Failed(ProtocolError::ConnectionLost.into()),
                    },
                    Err(error) => Ending::Failed(error),
                };
                self.retries.opened(since.elapsed());
                self.pause(why)
            }
        }
    }

    fn pause(&mut self, why: Ending) -> Result<Option<Update>, Error> {
        self.stage = Stage::Ended(why.close_info().cloned());
        let update = after(&mut self.retries, why);
        self.pauses.decided(&self.request, &update);
        let update = update?;
        if let Some(Update::Pausing { pause, .. }) = &update {
            self.stage = Stage::Attempt(Some(later(*pause)));
        }
        Ok(update)
    }
}
