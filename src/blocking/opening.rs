//! The opening handshake over a blocking stream.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Instant;

use super::WebSocket;
use super::stream::{Arrival, SHORTEST, Stream, Timed, later, write_limit};
use crate::buffer::Buffer;
use crate::config::Config;
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::server::{self, HttpRequest, Incoming, Request, Response};

/// Connects to a `ws://` URL.
///
/// ```no_run
/// let mut socket = sansocket::blocking::connect("ws://127.0.0.1:9001/")?;
/// socket.send_text("Hello")?;
/// println!("{:?}", socket.read()?);
/// socket.close(sansocket::CloseCode::NORMAL, "")?;
/// # Ok::<(), sansocket::Error>(())
/// ```
///
/// # Errors
///
/// As [`connect_with`].
pub fn connect(url: &str) -> Result<WebSocket<TcpStream>, Error> {
    let (socket, _) = connect_with(&client::Request::new(url)?, Config::shared_default())?;
    Ok(socket)
}

/// Connects with subprotocols, headers, limits of the caller's choice; gives the server's response as well. Every
/// address of the host is tried, all within [`Config::handshake_timeout`]. Redirects are not followed.
///
/// "There MUST be no more than one connection in a CONNECTING state" to the same host (section 4.1): connections know
/// nothing of each other, so whoever opens several to one host opens them in turn.
///
/// # Errors
///
/// As [`connect_over`]; [`TlsNeeded`](HandshakeError::TlsNeeded) for `wss:`, which is for [`connect_over`]. Resolving the
/// host's name takes the time that the system takes for it.
pub fn connect_with(
    request: &client::Request,
    config: impl Into<Arc<Config>>,
) -> Result<(WebSocket<TcpStream>, client::Response), Error> {
    let config = config.into();
    let deadline = later(config.handshake_timeout);
    request.check()?;
    if request.is_secure() {
        return Err(HandshakeError::TlsNeeded.into());
    }
    let stream = connect_tcp(request, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => HandshakeError::TimedOut.into(),
        _ => Error::Io(error),
    })?;
    open(stream, request, config, deadline)
}

/// Connects over a stream that has reached the server; for `wss:`, one that has done its TLS handshake.
///
/// # Errors
///
/// [`Error::Handshake`]: [`Refused`](HandshakeError::Refused) with status, headers and the start of the body where the
/// server answers with HTTP, [`TimedOut`](HandshakeError::TimedOut), a response that breaks section 4.1; [`Error::Io`].
pub fn connect_over<S: Stream>(
    stream: S,
    request: &client::Request,
    config: impl Into<Arc<Config>>,
) -> Result<(WebSocket<S>, client::Response), Error> {
    let config = config.into();
    let deadline = later(config.handshake_timeout);
    open(stream, request, config, deadline)
}

fn open<S: Stream>(
    mut stream: S,
    request: &client::Request,
    config: Arc<Config>,
    deadline: Instant,
) -> Result<(WebSocket<S>, client::Response), Error> {
    let mut handshake = client::Handshake::new(request, Arc::clone(&config))?;
    stream.set_write_timeout(write_limit(config.handshake_timeout))?;
    let mut timed = Timed::new(stream)?;
    let mut input = Buffer::new();
    handshake.output().write_all_to(&mut timed.stream)?;
    loop {
        if let Some((connection, response)) = handshake.receive(&mut input)? {
            return Ok((WebSocket::from_parts(timed.stream, connection, input)?, response));
        }
        match read(&mut timed, &mut input, deadline)? {
            Arrival::Bytes => {}
            Arrival::End => return Err(handshake.receive_eof().into()),
            Arrival::Silence => {
                return Err(match handshake.receive_eof() {
                    HandshakeError::UnexpectedEof => HandshakeError::TimedOut.into(),
                    refused => refused.into(),
                });
            }
        }
    }
}

fn connect_tcp(request: &client::Request, deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let addresses: Vec<_> = (request.host(), request.port()).to_socket_addrs()?.collect();
    for (untried, address) in (1..=addresses.len()).rev().zip(&addresses) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // An address that nothing answers from leaves time for those behind it.
        let share = left / u32::try_from(untried).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(SHORTEST)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Accepts any WebSocket connection, without a subprotocol.
///
/// A server that browsers use wants [`accept_with`] instead, to look at the `Origin` (section 10.2).
///
/// # Errors
///
/// As [`accept_with`].
pub fn accept<S: Stream>(stream: S) -> Result<WebSocket<S>, Error> {
    accept_with(stream, Config::shared_default(), Request::accept)
}

/// Lets `decide` look at the request before the connection is opened: accept it, choosing a subprotocol and adding
/// headers, or reject it.
///
/// ```
/// use sansocket::{Config, blocking};
///
/// # fn open(stream: std::net::TcpStream) -> Result<(), sansocket::Error> {
/// let socket = blocking::accept_with(stream, Config::default(), |request| {
///     if !request.is_from(&["https://example.com"]) {
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
/// [`Error::Handshake`]: what section 4.2.1 forbids, a request that is not for a WebSocket
/// ([`NotAnUpgrade`](HandshakeError::NotAnUpgrade)), [`Rejected`](HandshakeError::Rejected) by `decide`, a response of
/// its that cannot be sent, [`TimedOut`](HandshakeError::TimedOut) after [`Config::handshake_timeout`] in all. A request that
/// was refused or rejected has been answered over HTTP. [`Error::Io`].
pub fn accept_with<S: Stream>(
    stream: S,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Response,
) -> Result<WebSocket<S>, Error> {
    let socket = serve(stream, config, decide, HttpRequest::upgrade_required)?;
    socket.ok_or(HandshakeError::NotAnUpgrade.into())
}

/// [`accept_with`] on a port that serves pages as well: a request that does not speak of WebSocket at all is answered by
/// `page`, the stream closed, and the result `None`.
///
/// # Errors
///
/// As [`accept_with`].
pub fn serve<S: Stream>(
    mut stream: S,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Response,
    page: impl FnOnce(&HttpRequest) -> Response,
) -> Result<Option<WebSocket<S>>, Error> {
    let config = config.into();
    let deadline = later(config.handshake_timeout);
    stream.set_write_timeout(write_limit(config.handshake_timeout))?;
    let mut timed = Timed::new(stream)?;
    let mut input = Buffer::new();
    let mut handshake = server::Handshake::new(Arc::clone(&config));
    let incoming = loop {
        match handshake.receive(&mut input) {
            Ok(Some(incoming)) => break incoming,
            Ok(None) => {}
            Err(error) => {
                answer(&mut handshake, timed, &config).ok();
                return Err(error.into());
            }
        }
        match read(&mut timed, &mut input, deadline)? {
            Arrival::Bytes => {}
            Arrival::Silence => return Err(HandshakeError::TimedOut.into()),
            Arrival::End => return Err(HandshakeError::UnexpectedEof.into()),
        }
    };
    let response = incoming.answer(decide, page);
    let status = response.status();
    if let Some(connection) = handshake.respond(response)? {
        let mut socket = WebSocket::from_parts(timed.stream, connection, input)?;
        socket.flush()?;
        return Ok(Some(socket));
    }
    answer(&mut handshake, timed, &config)?;
    match incoming {
        Incoming::Upgrade(_) => Err(HandshakeError::Rejected(status).into()),
        Incoming::Http(_) => Ok(None),
    }
}

/// Writes an answer that opens no connection, and ends the stream behind it.
fn answer<S: Stream>(
    handshake: &mut server::Handshake,
    mut timed: Timed<S>,
    config: &Config,
) -> Result<(), Error> {
    handshake.output().write_all_to(&mut timed.stream)?;
    timed.stream.shutdown_write().ok();
    timed.linger(config.close_timeout);
    Ok(())
}

/// Reads up to the deadline of the whole handshake, not one of this read.
fn read<S: Stream>(timed: &mut Timed<S>, input: &mut Buffer, deadline: Instant) -> io::Result<Arrival> {
    while Instant::now() < deadline {
        match timed.read(input, Some(deadline))? {
            Arrival::Silence => {}
            read => return Ok(read),
        }
    }
    Ok(Arrival::Silence)
}
