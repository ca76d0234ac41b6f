//! The opening handshakes: the client's request goes to the upstream server, the server's response back to the client.
//!
//! Extensions are not passed on, because a relay must know each extension that changes frames.

use std::io;
use std::net::{SocketAddr, TcpStream};

use sansocket::blocking::{self, WebSocket};
use sansocket::handshake::{Headers, client, server};
use sansocket::{Config, Error, HandshakeError, Refusal};

/// The headers that are passed on, besides path, `Host` and subprotocols. The others concern one hop or one handshake.
const REQUEST_HEADERS: [&str; 4] = ["Origin", "Cookie", "Authorization", "User-Agent"];
const RESPONSE_HEADERS: [&str; 1] = ["Set-Cookie"];
const REFUSAL_HEADERS: [&str; 5] =
    ["Set-Cookie", "Location", "WWW-Authenticate", "Retry-After", "Content-Type"];

type Socket = WebSocket<TcpStream>;

/// Opens both connections or none. The client gets its response after the server has responded.
pub(crate) fn open(stream: TcpStream, upstream: &[SocketAddr]) -> Result<(Socket, Socket), Error> {
    let mut connected = None;
    let client = blocking::accept_with(stream, Config::default(), |request| {
        match connect(request, upstream) {
            Ok((socket, response)) => {
                let answer = accept(request, socket.subprotocol(), &response);
                connected = Some(socket);
                answer
            }
            Err(Error::Handshake(HandshakeError::Refused(refusal))) => refuse(request, &refusal),
            // The client's request cannot be passed on.
            Err(Error::Handshake(HandshakeError::BadUrl(_) | HandshakeError::BadHeader(_))) => {
                request.reject(400)
            }
            Err(_) => request.reject(502).body("the upstream server did not respond\n"),
        }
    })?;
    Ok((client, connected.ok_or(HandshakeError::UnexpectedEof)?))
}

/// Connects to the upstream server with the client's request. `Host` stays the client's: servers compare it with
/// `Origin`.
fn connect(request: &server::Request, upstream: &[SocketAddr]) -> Result<(Socket, client::Response), Error> {
    let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
    // The host of this URL is not used: the stream goes to one of `upstream`.
    let mut onward = client::Request::new("ws://upstream/")?
        .header("Host", request.header("Host").unwrap_or_default())
        .target(format!("{}{query}", request.path()));
    for subprotocol in request.subprotocols() {
        onward = onward.subprotocol(subprotocol);
    }
    for (name, value) in chosen(request.headers(), &REQUEST_HEADERS) {
        onward = onward.header(name, value);
    }
    onward.check()?;
    let config = Config::default();
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for address in upstream {
        outcome = outcome.or_else(|_| TcpStream::connect_timeout(address, config.handshake_timeout));
    }
    blocking::connect_over(outcome?, &onward, config)
}

fn accept(
    request: &server::Request,
    subprotocol: Option<&str>,
    response: &client::Response,
) -> server::Response {
    let mut answer = request.accept();
    if let Some(subprotocol) = subprotocol {
        answer = answer.subprotocol(subprotocol);
    }
    for (name, value) in chosen(response.headers(), &RESPONSE_HEADERS) {
        answer = answer.header(name, value);
    }
    answer
}

fn refuse(request: &server::Request, refusal: &Refusal) -> server::Response {
    if !(200..600).contains(&refusal.status) {
        return request.reject(502);
    }
    let mut answer = request.reject(refusal.status);
    for (name, value) in &refusal.headers {
        if REFUSAL_HEADERS.iter().any(|passed| passed.eq_ignore_ascii_case(name)) {
            answer = answer.header(name, value);
        }
    }
    // `Transfer-Encoding` concerns one hop, so an encoded body is not passed on.
    if refusal.header("Transfer-Encoding").is_none() {
        answer = answer.body(refusal.body.clone());
    }
    answer
}

/// The headers with these names whose values are UTF-8.
fn chosen<'a>(headers: &'a Headers, names: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_chosen = |name: &str| names.iter().any(|chosen| chosen.eq_ignore_ascii_case(name));
    headers
        .iter()
        .filter(move |(name, _)| is_chosen(name))
        .filter_map(|(name, value)| Some((name, std::str::from_utf8(value).ok()?)))
}
