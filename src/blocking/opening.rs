//! The opening handshake over a blocking stream.

use std::io;
use std::sync::Arc;

use super::WebSocket;
use super::stream::Stream;
use super::timed::{Arrival, Patience, Timed, is_timeout, later};
use crate::config::Config;
use crate::error::{Error, HandshakeError};
use crate::handshake::server::{self, HttpRequest, Request, Response};
use crate::handshake::{Opening, Step, client};
use crate::sync::Instant;
use crate::trace::Trace;

/// Connects over a stream that has reached the server. For `wss:`, its TLS handshake is done.
///
/// # Errors
///
/// [`Error::Handshake`]: [`Refused`](HandshakeError::Refused) with status, headers and the start of the body for a status
/// other than 101, [`TimedOut`](HandshakeError::TimedOut), or a response that breaks section 4.1. [`Error::Io`].
pub fn connect_over<S: Stream>(
    stream: S,
    request: &client::Request,
    config: impl Into<Arc<Config>>,
) -> Result<(WebSocket<S>, client::Response), Error> {
    let config = config.into();
    let deadline = later(config.handshake_timeout);
    let trace = Trace::client(request);
    let opened = trace.unless_failed(open(stream, &[], request, config, deadline));
    opened.map(|(socket, response)| (socket.traced(trace), response))
}

/// Takes the opening handshake. `arrived` has come from the server before.
pub(super) fn open<S: Stream>(
    stream: S,
    arrived: &[u8],
    request: &client::Request,
    config: Arc<Config>,
    deadline: Instant,
) -> Result<(WebSocket<S>, client::Response), Error> {
    let mut handshake = client::Handshake::new(request, Arc::clone(&config))?;
    handshake.receive(arrived);
    let (mut timed, mut opening) = (Timed::new(stream, &config)?, Opening::from(handshake));
    let driven = drive(&mut timed, &mut opening, &config, deadline);
    let (connection, response) = opening.conclude(driven)?;
    let socket = WebSocket::opened(timed, connection);
    Ok((socket, response.ok_or(HandshakeError::Finished)?))
}

/// Accepts any WebSocket connection, without a subprotocol.
///
/// A server for browsers needs [`accept_with`], to check the `Origin` (section 10.2).
///
/// # Errors
///
/// As [`accept_with`].
pub fn accept<S: Stream>(stream: S) -> Result<WebSocket<S>, Error> {
    accept_with(stream, Config::shared_default(), Request::accept)
}

/// Accepts a connection if `decide` does. It sees the request and accepts it, perhaps with a subprotocol and headers, or
/// rejects it.
///
/// ```
/// use sansocket::{Config, blocking};
///
/// # fn open(stream: std::net::TcpStream) -> Result<(), sansocket::Error> {
/// let socket = blocking::accept_with(stream, Config::default(), |request| {
///     // Browsers send an `Origin`, programs do not.
///     if request.origin().is_some() && !request.origin_is_in(&["https://example.com"]) {
///         return request.reject(403);
///     }
///     match request.subprotocols().find(|name| *name == "chat") {
///         Some(chat) => request.accept().subprotocol(chat),
///         None => request.accept(),
///     }
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::Handshake`]: the request breaks section 4.2.1, is an ordinary HTTP request
/// ([`NotAnUpgrade`](HandshakeError::NotAnUpgrade)), or was [`Rejected`](HandshakeError::Rejected) by `decide`; each of these
/// has been answered over HTTP. A response that cannot be sent. [`TimedOut`](HandshakeError::TimedOut) after
/// [`Config::handshake_timeout`] in all. [`Error::Io`].
pub fn accept_with<S: Stream>(
    stream: S,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Response,
) -> Result<WebSocket<S>, Error> {
    let socket = accept_or_respond(stream, config, decide, HttpRequest::upgrade_required)?;
    socket.ok_or(HandshakeError::NotAnUpgrade.into())
}

/// [`accept_with`] on a port that serves pages, too: `page` responds to a request that does not mention WebSocket. Then the
/// stream is closed and the result is `None`.
///
/// # Errors
///
/// As [`accept_with`].
pub fn accept_or_respond<S: Stream>(
    stream: S,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Response,
    page: impl FnOnce(&HttpRequest) -> Response,
) -> Result<Option<WebSocket<S>>, Error> {
    let trace = Trace::server(|| stream.peer());
    let opened = trace.unless_failed(answer(stream, config.into(), decide, page, &trace))?;
    if opened.is_none() {
        trace.responded();
    }
    Ok(opened.map(|socket| socket.traced(trace)))
}

/// Takes the server's part of the opening handshake.
fn answer<S: Stream>(
    stream: S,
    config: Arc<Config>,
    decide: impl FnOnce(&Request) -> Response,
    page: impl FnOnce(&HttpRequest) -> Response,
    trace: &Trace,
) -> Result<Option<WebSocket<S>>, Error> {
    let deadline = later(config.handshake_timeout);
    let mut timed = Timed::new(stream, &config)?;
    let mut opening = Opening::from(server::Handshake::new(Arc::clone(&config)));
    let mut driven = drive(&mut timed, &mut opening, &config, deadline);
    if let Some(incoming) = opening.incoming() {
        trace.requested(incoming.http());
        let response = incoming.decide(decide, page);
        opening.respond(response)?;
        driven = drive(&mut timed, &mut opening, &config, deadline);
    }
    match opening.conclude(driven) {
        Ok((connection, _)) => Ok(Some(WebSocket::opened(timed, connection))),
        Err(Error::Handshake(HandshakeError::NotAnUpgrade)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the steps of `opening`, up to a request that waits for its response, or to the end.
pub(super) fn drive<S: Stream>(
    timed: &mut Timed<S>,
    opening: &mut Opening,
    config: &Config,
    deadline: Instant,
) -> io::Result<()> {
    let mut refused_until = None;
    loop {
        let step = opening.step();
        if opening.is_refused() {
            refused_until.get_or_insert_with(|| later(config.close_timeout));
        }
        let deadline = refused_until.unwrap_or(deadline);
        match step {
            Step::Write => {
                let patience = Patience { deadline: Some(deadline), ..Patience::new(config) };
                match patience.write_all(&mut timed.stream, opening.output(), |_| ()) {
                    Err(error)
                        if is_timeout(&error) && !opening.is_refused() && Instant::now() >= deadline =>
                    {
                        opening.time_out();
                    }
                    written => written?,
                }
            }
            Step::Read => match read(timed, opening, deadline)? {
                Arrival::Bytes => {}
                Arrival::End => opening.end_of_stream(),
                Arrival::Silence => opening.time_out(),
            },
            Step::ShutdownWrite => {
                timed.stream.shutdown_write().ok();
                opening.write_shut_down();
            }
            Step::Discard => {
                timed.discard(deadline);
                opening.end_of_stream();
            }
            Step::Respond | Step::Done => return Ok(()),
        }
    }
}

/// Reads once, up to the deadline of the whole handshake.
fn read<S: Stream>(timed: &mut Timed<S>, opening: &mut Opening, deadline: Instant) -> io::Result<Arrival> {
    while Instant::now() < deadline {
        match timed.read(Some(deadline), |stream| opening.read_from(stream))? {
            Arrival::Silence => {}
            read => return Ok(read),
        }
    }
    Ok(Arrival::Silence)
}
