//! A client's connection that comes back.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;

use super::{Transport, WebSocket};
use crate::connection::CloseInfo;
use crate::dial::{BackOff, Connector, Ending, Retries, Update, after};
use crate::error::{Error, ProtocolError};
use crate::frame::CloseCode;
use crate::handshake::client::{Request, Response};
use crate::trace::Pauses;

/// A future of a runtime, boxed.
type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A connection, and the response that opened it.
type Opened<T> = Result<(WebSocket<T>, Response), Error>;

/// How a runtime connects and waits. The features `tokio` and `smol` bring one implementation each.
pub trait Dial {
    /// The stream of a connection.
    type Transport: Transport + Unpin;

    /// Connects, as `connect_with`.
    fn connect(request: Request, connector: Connector) -> Pending<Opened<Self::Transport>>;

    /// Waits.
    fn sleep(duration: Duration) -> Pending<()>;
}

/// A client's connection that comes back after it was lost, with the pauses of a [`BackOff`]. It is also a
/// [`Stream`] of [`Update`]s, which ends behind an error.
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// async fn follow(url: &str) -> Result<(), sansocket::Error> {
///     use sansocket::handshake::client::Request;
///     use sansocket::tokio::Reconnecting;
///     use sansocket::{BackOff, Connector, Update};
///
///     let mut feed = Reconnecting::new(Request::new(url)?, Connector::new(), BackOff::default());
///     while let Some(update) = feed.next_update().await? {
///         match update {
///             Update::Opened(_) => if let Some(socket) = feed.socket() {
///                 // The server remembers no earlier connection. If this one is lost already, the next update says so.
///                 socket.send("subscribe").await.ok();
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
///
/// All futures are [cancel safe](super#cancel-safety): an attempt or a pause that has begun goes on with the next call.
pub struct Reconnecting<D: Dial> {
    request: Request,
    connector: Connector,
    retries: Retries,
    pauses: Pauses,
    stage: Stage<D>,
}

enum Stage<D: Dial> {
    Attempt(Pending<Opened<D::Transport>>),
    Open {
        socket: WebSocket<D::Transport>,
        since: Instant,
    },
    Pause(Pending<()>),
    /// With the end of the connection that was open, if there was one.
    Ended(Option<CloseInfo>),
}

impl<D: Dial> Reconnecting<D> {
    /// Nothing happens before the first [`next_update`](Self::next_update).
    pub fn new(request: Request, connector: impl Into<Connector>, back_off: BackOff) -> Self {
        let connector = connector.into();
        let stage = Stage::Attempt(D::connect(request.clone(), connector.clone()));
        Self { request, connector, retries: Retries::new(back_off), pauses: Pauses::default(), stage }
    }

    /// Waits for what happens next: an attempt that succeeds or fails, a message. `None`: the server or
    /// [`close`](Self::close) has ended it, and [`close_info`](Self::close_info) says how.
    ///
    /// # Errors
    ///
    /// One that does not go away by itself. After it there is nothing more: the next call gives `None`.
    pub async fn next_update(&mut self) -> Result<Option<Update>, Error> {
        poll_fn(|cx| self.poll_update(cx)).await
    }

    /// The connection, to send on it, while it is open.
    pub fn socket(&mut self) -> Option<&mut WebSocket<D::Transport>> {
        match &mut self.stage {
            Stage::Open { socket, .. } => Some(socket),
            Stage::Attempt(_) | Stage::Pause(_) | Stage::Ended(_) => None,
        }
    }

    /// How the last connection ended, after which there is none: the server has closed it for good, or [`close`](Self::close)
    /// was called. `None` before that, and after an error.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        match &self.stage {
            Stage::Ended(info) => info.as_ref(),
            Stage::Attempt(_) | Stage::Open { .. } | Stage::Pause(_) => None,
        }
    }

    /// Closes the connection, if it is open, and ends the attempts. Call it again if it was dropped.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let (closed, info) = match &mut self.stage {
            Stage::Open { socket, .. } => (socket.close(code, reason).await, socket.close_info()),
            Stage::Attempt(_) | Stage::Pause(_) => (Ok(()), None),
            Stage::Ended(info) => (Ok(()), info.take()),
        };
        self.stage = Stage::Ended(info);
        closed
    }

    fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Update>, Error>> {
        loop {
            match &mut self.stage {
                Stage::Ended(_) => return Poll::Ready(Ok(None)),
                Stage::Pause(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.stage = Stage::Attempt(D::connect(self.request.clone(), self.connector.clone()));
                }
                Stage::Attempt(attempt) => {
                    return Poll::Ready(match ready!(attempt.as_mut().poll(cx)) {
                        Ok((socket, response)) => {
                            self.pauses.opened();
                            self.stage = Stage::Open { socket, since: Instant::now() };
                            Ok(Some(Update::Opened(response)))
                        }
                        Err(error) => self.pause(Ending::Failed(error)),
                    });
                }
                Stage::Open { socket, since } => {
                    let why = match ready!(Pin::new(&mut *socket).poll_next(cx)) {
                        Some(Ok(message)) => return Poll::Ready(Ok(Some(Update::Message(message)))),
                        Some(Err(error)) => Ending::Failed(error),
                        None => match socket.close_info() {
                            Some(info) => Ending::Closed(info),
                            None => Ending::Failed(ProtocolError::ConnectionLost.into()),
                        },
                    };
                    self.retries.opened(since.elapsed());
                    return Poll::Ready(self.pause(why));
                }
            }
        }
    }

    fn pause(&mut self, why: Ending) -> Result<Option<Update>, Error> {
        self.stage = Stage::Ended(why.close_info().cloned());
        let update = after(&mut self.retries, why);
        self.pauses.decided(&self.request, &update);
        let update = update?;
        if let Some(Update::Pausing { pause, .. }) = &update {
            self.stage = Stage::Pause(D::sleep(*pause));
        }
        Ok(update)
    }
}

impl<D: Dial> Stream for Reconnecting<D> {
    type Item = Result<Update, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_update(cx).map(Result::transpose)
    }
}

// Nothing in it is pinned in place.
impl<D: Dial> Unpin for Reconnecting<D> {}

impl<D: Dial> std::fmt::Debug for Reconnecting<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stage = match &self.stage {
            Stage::Attempt(_) => "Attempt",
            Stage::Open { .. } => "Open",
            Stage::Pause(_) => "Pause",
            Stage::Ended(_) => "Ended",
        };
        f.debug_struct("Reconnecting").field("stage", &stage).finish_non_exhaustive()
    }
}
