//! The opening handshakes: the client's request goes to the upstream server, the server's response back to the client.
//!
//! Of the extensions, permessage-deflate (RFC 7692) is passed on: its messages can be relayed as they are. Others are not, because
//! a relay must know each extension that changes frames.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use sansocket::handshake::server::{Answer, Exchange, Incoming, Response};
use sansocket::handshake::{Headers, client, server};
use sansocket::{Config, Connection, Error, HandshakeError};

use crate::refusal;

/// The headers that are passed on, besides path, `Host` and subprotocols. The others concern one hop or one handshake.
const REQUEST_HEADERS: [&str; 4] = ["Origin", "Cookie", "Authorization", "User-Agent"];
const RESPONSE_HEADERS: [&str; 1] = ["Set-Cookie"];

/// The extension that is passed on.
const COMPRESSION: &str = "permessage-deflate";

/// How long a client may take to end its stream after a refusal.
const FAREWELL: Duration = Duration::from_secs(5);

/// A stream, and its connection with the frames that arrived right behind the head.
pub(crate) type Socket = (TcpStream, Connection);

/// Both connections are open.
pub(crate) struct Opened {
    pub(crate) client: Socket,
    pub(crate) upstream: Socket,
    /// Client and upstream server have agreed on compression. Then RSV1 is allowed.
    pub(crate) may_be_compressed: bool,
}

/// What the upstream server answers.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Answered {
    Open(Connection, client::Response),
    /// With a status other than 101. All that has arrived of the response.
    Refused(u16, Vec<u8>),
}

/// Opens both connections or none. The client gets its response after the server has responded.
pub(crate) fn open(client: TcpStream, upstream: &[SocketAddr]) -> Result<Opened, Error> {
    client.set_nodelay(true)?;
    let exchange = read_request(&client)?;
    let Incoming::Upgrade(request) = exchange.incoming() else {
        let error = HandshakeError::NotAnUpgrade;
        respond(exchange, Response::for_error(&error), &client)?;
        return Err(error.into());
    };
    let (server, connection, response) = match connect(request, upstream) {
        Ok((server, Answered::Open(connection, response))) => (server, connection, response),
        Ok((server, Answered::Refused(status, arrived))) => {
            let passed = refusal::pass_on(&arrived, &server, &client);
            drop(server);
            end(&client);
            passed?;
            return Err(HandshakeError::Rejected(status).into());
        }
        Err(error) => {
            let response = answer_to(request, &error);
            respond(exchange, response, &client)?;
            return Err(error);
        }
    };
    // Only compression was offered, so the server has chosen nothing else.
    let may_be_compressed = response.extensions().next().is_some();
    let response = accept(request, connection.subprotocol(), &response);
    let opened = respond(exchange, response, &client)?.ok_or(HandshakeError::NotAnUpgrade)?;
    Ok(Opened { client: (client, opened), upstream: (server, connection), may_be_compressed })
}

/// Reads the client's request. One that breaks a rule is answered.
fn read_request(client: &TcpStream) -> Result<Exchange, Error> {
    let mut handshake = server::Handshake::new(Config::default());
    let mut stream = Limited::new(client);
    loop {
        match handshake.next_request() {
            Ok(Some(exchange)) => return Ok(exchange),
            Ok(None) => {}
            Err(error) => {
                handshake.output().write_all_to(&mut stream)?;
                end(client);
                return Err(error.into());
            }
        }
        if handshake.read_from(&mut stream)? == 0 {
            return Err(HandshakeError::UnexpectedEof.into());
        }
    }
}

/// Writes a response of the relay's own, or the one that opens the connection.
fn respond(exchange: Exchange, response: Response, client: &TcpStream) -> Result<Option<Connection>, Error> {
    let mut stream = Limited::new(client);
    match exchange.respond(response)? {
        Answer::Open(mut connection) => {
            connection.output().write_all_to(&mut stream)?;
            Ok(Some(connection))
        }
        Answer::Closed(mut output) => {
            output.write_all_to(&mut stream)?;
            end(client);
            Ok(None)
        }
    }
}

/// The response to a client whose request did not get an answer.
fn answer_to(request: &server::Request, error: &Error) -> Response {
    match error {
        // The client's request cannot be passed on.
        Error::Handshake(HandshakeError::BadUrl(_) | HandshakeError::BadHeader(_)) => request.reject(400),
        _ => request.reject(502).body("the upstream server did not respond\n"),
    }
}

/// Connects to the upstream server with the client's request. `Host` stays the client's: servers compare it with
/// `Origin`.
fn connect(request: &server::Request, upstream: &[SocketAddr]) -> Result<(TcpStream, Answered), Error> {
    let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
    // The host of this URL is not used: the stream goes to one of `upstream`.
    let mut onward = client::Request::new("ws://upstream/")?
        .header("Host", request.header("Host").unwrap_or_default())
        .target(format!("{}{query}", request.path()));
    for subprotocol in request.subprotocols() {
        onward = onward.subprotocol(subprotocol);
    }
    for offer in request.extensions().filter(|offer| offer.name == COMPRESSION) {
        onward = onward.extension(&offer);
    }
    for (name, value) in chosen(request.headers(), &REQUEST_HEADERS) {
        onward = onward.header(name, value);
    }
    let mut handshake = client::Handshake::new(&onward, Config::default())?;
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for address in upstream {
        let patience = Config::default().handshake_timeout;
        outcome = outcome.or_else(|_| TcpStream::connect_timeout(address, patience));
    }
    let stream = outcome?;
    stream.set_nodelay(true)?;
    let answered = ask(&mut handshake, &stream)?;
    Ok((stream, answered))
}

/// Sends the request to the upstream server, and waits for the response.
fn ask(handshake: &mut client::Handshake, stream: &TcpStream) -> Result<Answered, Error> {
    let mut stream = Recorded { stream: Limited::new(stream), read: Vec::new() };
    handshake.output().write_all_to(&mut stream.stream)?;
    loop {
        let error = match handshake.next_response() {
            Ok(Some((connection, response))) => return Ok(Answered::Open(connection, response)),
            Err(error) => error,
            Ok(None) => match handshake.read_from(&mut stream) {
                Ok(0) => handshake.end_of_stream(),
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => handshake.time_out(),
                Err(error) => return Err(error.into()),
            },
        };
        return match error {
            HandshakeError::Refused(refusal) if (200..600).contains(&refusal.status) => {
                Ok(Answered::Refused(refusal.status, stream.read))
            }
            error => Err(error.into()),
        };
    }
}

fn accept(request: &server::Request, subprotocol: Option<&str>, response: &client::Response) -> Response {
    let mut answer = request.accept();
    if let Some(subprotocol) = subprotocol {
        answer = answer.subprotocol(subprotocol);
    }
    for chosen in response.extensions() {
        answer = answer.extension(&chosen);
    }
    for (name, value) in chosen(response.headers(), &RESPONSE_HEADERS) {
        answer = answer.header(name, value);
    }
    answer
}

/// The headers with these names, as they came. Values need not be UTF-8.
fn chosen<'a>(headers: &'a Headers, names: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let is_chosen = |name: &str| names.iter().any(|chosen| chosen.eq_ignore_ascii_case(name));
    headers.iter().filter(move |(name, _)| is_chosen(name))
}

/// Ends the stream behind a refusal. A socket that is closed with unread bytes is reset, and a reset destroys what the
/// peer has not read yet, so the relay reads until the peer has ended the stream, too.
fn end(client: &TcpStream) {
    client.shutdown(std::net::Shutdown::Write).ok();
    let mut rest = Limited { stream: client, deadline: Instant::now() + FAREWELL };
    let mut discarded = [0; 4 << 10];
    while rest.read(&mut discarded).is_ok_and(|n| n > 0) {}
}

/// A stream with one deadline for all that is read and written.
pub(crate) struct Limited<'a> {
    pub(crate) stream: &'a TcpStream,
    pub(crate) deadline: Instant,
}

impl<'a> Limited<'a> {
    /// The deadline of an opening handshake that begins now.
    fn new(stream: &'a TcpStream) -> Self {
        Self { stream, deadline: Instant::now() + Config::default().handshake_timeout }
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

/// Some systems report a time limit that has passed as `WouldBlock`.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps what it reads: the response as it came.
struct Recorded<'a> {
    stream: Limited<'a>,
    read: Vec<u8>,
}

impl Read for Recorded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.read.extend_from_slice(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}
