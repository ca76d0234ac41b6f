//! The opening handshake over a blocking stream.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use super::reaching::reach;
use super::stream::Stream;
use super::timed::{Arrival, Patience, Timed, is_timeout, later};
use super::{NetStream, WebSocket};
use crate::config::Config;
use crate::dial::Connector;
use crate::error::{Error, HandshakeError};
use crate::handshake::server::{self, HttpRequest, Request, Response};
use crate::handshake::{Opening, Step, client};
use crate::sync::Instant;

/// Connects to a `ws://` or `wss://` URL. `wss` needs the feature `tls`, or the parts of it that [`tls`](crate::tls) lists.
///
/// ```no_run
/// let mut socket = sansocket::blocking::connect("ws://127.0.0.1:9001/")?;
/// socket.send("Hello")?;
/// println!("{:?}", socket.read()?);
/// socket.close(sansocket::CloseCode::NORMAL, "")?;
/// # Ok::<(), sansocket::Error>(())
/// ```
///
/// # Errors
///
/// As [`connect_with`].
pub fn connect(url: &str) -> Result<WebSocket<NetStream>, Error> {
    let (socket, _) = connect_with(&client::Request::new(url)?, Connector::new())?;
    Ok(socket)
}

/// Connects with the subprotocols and headers of the request, by way of the [`Connector`], or with a [`Config`]. Gives the
/// server's response, too. Every address of the host is tried, the families in turn, each with a head start of 250 ms on the
/// next (RFC 8305). The whole way, from resolving the host name to the end of the opening handshake, may take
/// [`Config::handshake_timeout`].
///
/// "There MUST be no more than one connection in a CONNECTING state" to the same host (section 4.1). Connections do not know
/// of each other: open several connections to one host one after the other.
///
/// # Errors
///
/// As [`connect_over`]. [`Error::Handshake`]: [`TlsNeeded`](HandshakeError::TlsNeeded) for `wss:` without a feature for it,
/// [`TlsUnavailable`](HandshakeError::TlsUnavailable) if TLS cannot be configured, [`Tls`](HandshakeError::Tls) if its
/// handshake failed, [`BadConnector`](HandshakeError::BadConnector).
pub fn connect_with(
    request: &client::Request,
    connector: impl Into<Connector>,
) -> Result<(WebSocket<NetStream>, client::Response), Error> {
    let connector = connector.into();
    let deadline = later(connector.shared_config().handshake_timeout);
    let mut redirects = connector.to_redirects();
    let mut request = Cow::Borrowed(request);
    loop {
        match go(&request, &connector, deadline) {
            Err(end) => request = Cow::Owned(redirects.follow(&request, end)?),
            opened => return opened,
        }
    }
}

/// Goes the whole way once.
fn go(
    request: &client::Request,
    connector: &Connector,
    deadline: Instant,
) -> Result<(WebSocket<NetStream>, client::Response), Error> {
    request.check()?;
    let tls = connector.tls_for(request.is_secure())?;
    let tcp = reach(request.host(), request.port(), connector, deadline);
    let tcp = tcp.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => HandshakeError::TimedOut.into(),
        _ => Error::Io(error),
    })?;
    let stream = NetStream::client(tcp, tls, request.host())?;
    open(stream, request, Arc::clone(connector.shared_config()), deadline).map_err(Error::of_tls)
}

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
    open(stream, request, config, deadline)
}

fn open<S: Stream>(
    stream: S,
    request: &client::Request,
    config: Arc<Config>,
    deadline: Instant,
) -> Result<(WebSocket<S>, client::Response), Error> {
    let handshake = client::Handshake::new(request, Arc::clone(&config))?;
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
    let config = config.into();
    let deadline = later(config.handshake_timeout);
    let mut timed = Timed::new(stream, &config)?;
    let mut opening = Opening::from(server::Handshake::new(Arc::clone(&config)));
    let mut driven = drive(&mut timed, &mut opening, &config, deadline);
    if let Some(response) = opening.incoming().map(|incoming| incoming.decide(decide, page)) {
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
fn drive<S: Stream>(
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
