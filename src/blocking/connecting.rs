//! The client's way to a server.

use std::borrow::Cow;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use super::opening::{drive, open};
use super::reaching::reach;
use super::timed::{Timed, later};
use super::{NetStream, WebSocket};
use crate::config::Config;
use crate::dial::{Connector, Way};
use crate::error::{Error, HandshakeError};
use crate::handshake::proxy::{Server, Tunnel};
use crate::handshake::{Opening, client};
use crate::sync::Instant;
use crate::trace::Trace;

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
/// As [`connect_over`](super::connect_over). [`Error::Handshake`]: [`TlsNeeded`](HandshakeError::TlsNeeded) for `wss:` without a feature for it,
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
        let trace = Trace::client(&request);
        match go(&request, &connector, deadline, &trace) {
            Ok((socket, response)) => return Ok((socket.traced(trace), response)),
            Err(end) => request = Cow::Owned(trace.redirected(redirects.follow(&request, end))?),
        }
    }
}

/// [`connect_with`] from a TCP connection that has reached the server, or the proxy if the [`Connector`] has one: for a socket
/// with options of the caller's. TLS and the opening handshake follow. Redirects lead to other sockets and are not followed.
///
/// # Errors
///
/// As [`connect_with`].
pub fn connect_from(
    tcp: TcpStream,
    request: &client::Request,
    connector: impl Into<Connector>,
) -> Result<(WebSocket<NetStream>, client::Response), Error> {
    let connector = connector.into();
    let deadline = later(connector.shared_config().handshake_timeout);
    let trace = Trace::client(request);
    let opened = connector.way(request).map_err(Error::from);
    let opened = opened.and_then(|way| go_from(tcp, way, request, connector.shared_config(), deadline));
    trace.unless_failed(opened).map(|(socket, response)| (socket.traced(trace), response))
}

/// Goes the whole way once.
fn go(
    request: &client::Request,
    connector: &Connector,
    deadline: Instant,
    trace: &Trace,
) -> Result<(WebSocket<NetStream>, client::Response), Error> {
    let way = connector.way(request)?;
    let tcp = reach(way.host, way.port, connector, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => HandshakeError::TimedOut.into(),
        _ => Error::Io(error),
    })?;
    trace.reached(|| tcp.peer_addr());
    go_from(tcp, way, request, connector.shared_config(), deadline)
}

/// Goes the way behind the first connection: through the proxy, TLS, the opening handshake.
fn go_from(
    mut tcp: TcpStream,
    way: Way<'_>,
    request: &client::Request,
    config: &Arc<Config>,
    deadline: Instant,
) -> Result<(WebSocket<NetStream>, client::Response), Error> {
    let mut arrived = Vec::new();
    if let Some(proxy) = way.proxy {
        (tcp, arrived) = pass(tcp, proxy, request, config, deadline)?;
    }
    let (stream, arrived) = NetStream::client(tcp, way.tls, request.host(), arrived)?;
    open(stream, &arrived, request, Arc::clone(config), deadline).map_err(Error::of_tls)
}

/// Asks the proxy for a connection to the server. Gives the bytes that arrived behind its answer, too.
fn pass(
    tcp: TcpStream,
    proxy: &Server,
    request: &client::Request,
    config: &Arc<Config>,
    deadline: Instant,
) -> Result<(TcpStream, Vec<u8>), Error> {
    let tunnel = Tunnel::new(proxy, request.host(), request.port(), Arc::clone(config))?;
    let (mut timed, mut opening) = (Timed::new(tcp, config)?, Opening::from(tunnel));
    let driven = drive(&mut timed, &mut opening, config, deadline);
    let arrived = Opening::conclude_with(opening.finish_tunnel(), driven)?;
    Ok((timed.stream, arrived))
}
