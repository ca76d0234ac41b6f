//! The opening handshake over a stream that is polled.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::WebSocket;
use super::transport::{Transport, poll_discard, poll_read, poll_write_all};
use crate::config::Config;
use crate::error::{Error, HandshakeError};
use crate::handshake::proxy::{Server, Tunnel};
use crate::handshake::server::{self, HttpRequest, Request, Response};
use crate::handshake::{Opening, Step, client};
use crate::timestamp::Timestamp;
use crate::trace::Trace;

/// Asks the proxy that was reached for a connection to the server. Gives the bytes that arrived behind its answer.
pub(crate) async fn pass<T: Transport>(
    transport: &mut T,
    proxy: &Server,
    request: &client::Request,
    config: &Arc<Config>,
    timeout: Duration,
) -> Result<Vec<u8>, Error> {
    let deadline = transport.now() + timeout;
    let tunnel = Tunnel::new(proxy, request.host(), request.port(), Arc::clone(config))?;
    let mut opening = Opening::from(tunnel);
    let driven = drive(transport, &mut opening, config, deadline).await;
    Opening::conclude_with(opening.finish_tunnel(), driven)
}

/// Connects over a stream that has reached the server, on any runtime. For `wss:`, its TLS handshake is done. The features
/// `tokio` and `smol` have this for their streams, with host names, proxies and TLS around it.
///
/// ```
/// use sansocket::asynchronous::{self, Transport};
/// use sansocket::handshake::client::Request;
/// use sansocket::{CloseCode, Config, Error};
///
/// async fn greet<T: Transport>(transport: T) -> Result<(), Error> {
///     let request = Request::new("ws://example.com/chat")?;
///     let (mut socket, _) = asynchronous::connect_over(transport, &request, Config::default()).await?;
///     socket.send("Hello").await?;
///     socket.close(CloseCode::NORMAL, "").await
/// }
/// ```
///
/// # Errors
///
/// As [`blocking::connect_with`](crate::blocking::connect_with).
///
/// # Cancel safety
///
/// A dropped future drops the stream.
pub async fn connect_over<T: Transport>(
    transport: T,
    request: &client::Request,
    config: impl Into<Arc<Config>>,
) -> Result<(WebSocket<T>, client::Response), Error> {
    let config = config.into();
    let timeout = config.handshake_timeout;
    let trace = Trace::client(request);
    let opened = connect(transport, &[], request, config, timeout).await;
    trace.unless_failed(opened).map(|(socket, response)| (socket.traced(trace), response))
}

/// Opens a connection over a stream that has reached the server. `arrived` has come from the server before. The caller has
/// its span.
pub(crate) async fn connect<T: Transport>(
    mut transport: T,
    arrived: &[u8],
    request: &client::Request,
    config: Arc<Config>,
    timeout: Duration,
) -> Result<(WebSocket<T>, client::Response), Error> {
    let deadline = transport.now() + timeout;
    let mut handshake = client::Handshake::new(request, Arc::clone(&config))?;
    handshake.receive(arrived);
    let mut opening = Opening::from(handshake);
    let driven = drive(&mut transport, &mut opening, &config, deadline).await;
    let (connection, response) = opening.conclude(driven)?;
    Ok((WebSocket::opened(transport, connection), response.ok_or(HandshakeError::Finished)?))
}

/// Accepts a connection over a stream, on any runtime, if `decide` does. See
/// [`blocking::accept_with`](crate::blocking::accept_with).
///
/// # Errors
///
/// As [`blocking::accept_with`](crate::blocking::accept_with).
///
/// # Cancel safety
///
/// A dropped future drops the stream.
pub async fn accept_with<T: Transport>(
    transport: T,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Response,
) -> Result<WebSocket<T>, Error> {
    let socket = accept_or_respond(transport, config, decide, HttpRequest::upgrade_required).await?;
    socket.ok_or(HandshakeError::NotAnUpgrade.into())
}

/// [`accept_with`] on a port that serves pages, too. See
/// [`blocking::accept_or_respond`](crate::blocking::accept_or_respond).
///
/// # Errors
///
/// As [`blocking::accept_with`](crate::blocking::accept_with).
///
/// # Cancel safety
///
/// A dropped future drops the stream.
pub async fn accept_or_respond<T: Transport>(
    transport: T,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Response,
    page: impl FnOnce(&HttpRequest) -> Response,
) -> Result<Option<WebSocket<T>>, Error> {
    let trace = Trace::server(|| transport.peer());
    let opened = trace.unless_failed(answer(transport, config.into(), decide, page, &trace).await)?;
    if opened.is_none() {
        trace.responded();
    }
    Ok(opened.map(|socket| socket.traced(trace)))
}

/// Takes the server's part of the opening handshake.
async fn answer<T: Transport>(
    mut transport: T,
    config: Arc<Config>,
    decide: impl FnOnce(&Request) -> Response,
    page: impl FnOnce(&HttpRequest) -> Response,
    trace: &Trace,
) -> Result<Option<WebSocket<T>>, Error> {
    let deadline = transport.now() + config.handshake_timeout;
    let mut opening = Opening::from(server::Handshake::new(Arc::clone(&config)));
    let mut driven = drive(&mut transport, &mut opening, &config, deadline).await;
    if let Some(incoming) = opening.incoming() {
        trace.requested(incoming.http());
        let response = incoming.decide(decide, page);
        opening.respond(response)?;
        driven = drive(&mut transport, &mut opening, &config, deadline).await;
    }
    match opening.conclude(driven) {
        Ok((connection, _)) => Ok(Some(WebSocket::opened(transport, connection))),
        Err(Error::Handshake(HandshakeError::NotAnUpgrade)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the steps of `opening`, up to a request that waits for its response, or to the end.
async fn drive<T: Transport>(
    transport: &mut T,
    opening: &mut Opening,
    config: &Config,
    deadline: Timestamp,
) -> io::Result<()> {
    let mut refused_until = None;
    loop {
        let step = opening.step();
        if opening.is_refused() {
            refused_until.get_or_insert_with(|| transport.now() + config.close_timeout);
        }
        let deadline = refused_until.unwrap_or(deadline);
        match step {
            Step::Write => {
                let written = within(transport, deadline, |transport, cx| {
                    poll_write_all(transport, cx, opening.output())
                });
                match written.await.transpose()? {
                    Some(()) => {}
                    None if opening.is_refused() => return Err(io::ErrorKind::TimedOut.into()),
                    None => opening.time_out(),
                }
            }
            Step::Read => {
                let read = within(transport, deadline, |transport, cx| {
                    let n = ready!(poll_read(transport, cx, opening.unfilled()))?;
                    opening.filled(n);
                    Poll::Ready(Ok::<_, io::Error>(n))
                });
                match read.await.transpose()? {
                    Some(0) => opening.end_of_stream(),
                    Some(_) => {}
                    None => opening.time_out(),
                }
            }
            Step::ShutdownWrite => {
                within(transport, deadline, T::poll_shutdown).await;
                opening.write_shut_down();
            }
            Step::Discard => {
                within(transport, deadline, poll_discard).await;
                opening.end_of_stream();
            }
            Step::Respond | Step::Done => return Ok(()),
        }
    }
}

/// What `poll` gives before the deadline.
async fn within<T: Transport, R>(
    transport: &mut T,
    deadline: Timestamp,
    mut poll: impl FnMut(&mut T, &mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    poll_fn(|cx| {
        if transport.now() >= deadline {
            return Poll::Ready(None);
        }
        match poll(transport, cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => transport.poll_until(cx, deadline).map(|()| None),
        }
    })
    .await
}
