//! The opening handshakes: the client's request becomes one to the upstream server, and its answer the client's.
//!
//! Extensions are not offered: each would change frames in a way that a relay has to know.

use std::io;
use std::net::{SocketAddr, TcpStream};

use sansocket::blocking::{self, WebSocket};
use sansocket::handshake::{Headers, client, server};
use sansocket::{Config, Error, HandshakeError, Refusal};

/// What is passed on besides path, `Host` and subprotocols. The others are between the client and this relay, or
/// belong to one of the handshakes.
const REQUEST_HEADERS: [&str; 4] = ["Origin", "Cookie", "Authorization", "User-Agent"];
const RESPONSE_HEADERS: [&str; 1] = ["Set-Cookie"];
const REFUSAL_HEADERS: [&str; 5] =
    ["Set-Cookie", "Location", "WWW-Authenticate", "Retry-After", "Content-Type"];

type Socket = WebSocket<TcpStream>;

/// Opens both connections, or neither: the client is answered when the server has answered.
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
            // What the client has sent cannot be passed on.
            Err(Error::Handshake(HandshakeError::BadUrl(_) | HandshakeError::BadHeader)) => {
                request.reject(400)
            }
            Err(_) => request.reject(502).body("no answer from the server behind this one\n"),
        }
    })?;
    Ok((client, connected.ok_or(HandshakeError::UnexpectedEof)?))
}

/// The client's request, as if it came from there: `Host` is what the client takes the server for, and what an `Origin`
/// is compared with.
fn connect(request: &server::Request, upstream: &[SocketAddr]) -> Result<(Socket, client::Response), Error> {
    // Characters that would end the host, and begin another part of the URL, make it one that is refused.
    let host = request.header("Host").filter(|host| !host.contains(['@', '/', '?'])).unwrap_or_default();
    let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut onward = client::Request::new(&format!("ws://{host}{}{query}", request.path()))?;
    for subprotocol in request.subprotocols() {
        onward = onward.subprotocol(subprotocol);
    }
    for (name, value) in chosen(request.headers(), &REQUEST_HEADERS) {
        onward = onward.header(name, value);
    }
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
    // A body in some encoding of the transfer is not passed on: that header was for this hop.
    if refusal.header("Transfer-Encoding").is_none() {
        answer = answer.body(refusal.body.clone());
    }
    answer
}

/// The headers of these names, as far as they are text.
fn chosen<'a>(headers: &'a Headers, names: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_chosen = |name: &str| names.iter().any(|chosen| chosen.eq_ignore_ascii_case(name));
    headers
        .iter()
        .filter(move |(name, _)| is_chosen(name))
        .filter_map(|(name, value)| Some((name, std::str::from_utf8(value).ok()?)))
}
