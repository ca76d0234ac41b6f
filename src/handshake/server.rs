//! The server's side of the opening handshake (RFC 6455 section 4.2).

use alloc::sync::Arc;

use super::head::{Headers, Scanner};
pub use super::request::{HttpRequest, Request};
pub use super::response::Response;
use crate::buffer::Buffer;
use crate::config::Config;
use crate::connection::{Connection, Output};
use crate::error::HandshakeError;

/// A connection that is still to be opened.
///
/// [`receive`](Self::receive) the request, [`respond`](Self::respond) to it. An answer that opens the connection goes
/// out with the [`Connection`]'s output; one that does not is in the [`output`](Self::output) here, after which the
/// transport ends: "the server MUST stop processing the client's handshake" (section 4.2.1), and nothing else is
/// read from that socket.
#[derive(Debug)]
pub struct Handshake {
    config: Arc<Config>,
    scanner: Scanner,
    output: Output,
    /// The request has been received, or why it will not be.
    received: Option<Result<(), HandshakeError>>,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A WebSocket connection.
    Upgrade(Request),
    /// A page, an API, a health check: nothing in the request speaks of WebSocket.
    Http(HttpRequest),
}

impl Handshake {
    /// A handshake that waits for the request.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        Self { config, scanner: Scanner::default(), output: Output::default(), received: None }
    }

    /// Takes the request from `input`, once; `None` when more bytes are needed. What the client sent behind it stays.
    ///
    /// # Errors
    ///
    /// Something that section 4.2.1 forbids; the answer (400, 405, 426 or 431) is in the [output](Self::output), and
    /// every further call gives the same error.
    pub fn receive(&mut self, input: &mut Buffer) -> Result<Option<Incoming>, HandshakeError> {
        if let Some(received) = &self.received {
            return received.clone().map(|()| None);
        }
        let incoming = self.incoming(input);
        match &incoming {
            Ok(Some(_)) => self.received = Some(Ok(())),
            Ok(None) => {}
            Err(error) => {
                self.received = Some(Err(error.clone()));
                self.write(&error_response(error));
            }
        }
        incoming
    }

    /// Answers the request. `Some` is the open connection, its output beginning with the answer; `None` means that the
    /// answer is in the [output](Self::output) and the transport ends with it.
    ///
    /// # Errors
    ///
    /// [`BadHeader`](HandshakeError::BadHeader), [`BadSubprotocol`](HandshakeError::BadSubprotocol),
    /// [`BadStatus`](HandshakeError::BadStatus): what the response was built from cannot be sent, and no byte of it was
    /// written. Another response may be tried.
    pub fn respond(&mut self, response: Response) -> Result<Option<Connection>, HandshakeError> {
        response.check()?;
        if !response.opens_connection() {
            self.write(&response);
            return Ok(None);
        }
        let head = response.to_bytes();
        let connection = Connection::server(Arc::clone(&self.config));
        Ok(Some(connection.with_subprotocol(response.chosen_subprotocol()).with_head(&head)))
    }

    /// What waits to be written where there is no connection.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    fn write(&mut self, response: &Response) {
        let bytes = response.to_bytes();
        self.output.append(bytes.len()).copy_from_slice(&bytes);
    }

    fn incoming(&mut self, input: &mut Buffer) -> Result<Option<Incoming>, HandshakeError> {
        let Some(head) = self.scanner.take(input, &self.config)? else { return Ok(None) };
        let (headers, line) = Headers::of_request(head, &self.scanner)?;
        let http = HttpRequest::new(headers, line)?;
        if http.speaks_websocket() {
            Request::new(http).map(Incoming::Upgrade).map(Some)
        } else {
            Ok(Some(Incoming::Http(http)))
        }
    }
}

/// The answer to a request that is not one (section 4.2.1), or not of our version (section 4.4).
fn error_response(error: &HandshakeError) -> Response {
    let response = |status| Response::plain(status).body(alloc::format!("{error}\n"));
    match error {
        HandshakeError::HeadTooLong | HandshakeError::TooManyHeaders => response(431),
        HandshakeError::MethodNotGet => response(405).header("Allow", "GET"),
        HandshakeError::UnsupportedVersion => response(426).with_version(),
        _ => response(400),
    }
}
