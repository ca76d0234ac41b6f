//! The server's side of the opening handshake (RFC 6455 section 4.2).

use alloc::sync::Arc;

use super::head::{Headers, Scanner, Writer};
use super::opening::Opening;
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

impl Incoming {
    /// Parses a head, for [`Scanner::take`].
    pub(super) fn parse(bytes: &[u8], max_headers: usize) -> Option<(usize, Result<Self, HandshakeError>)> {
        Headers::of_request(bytes, max_headers, |headers, request| {
            let http = HttpRequest::new(bytes, headers, request)?;
            Ok(match Opening::of(bytes, request)? {
                Some(opening) => Self::Upgrade(Request::new(http, opening)),
                None => Self::Http(http),
            })
        })
    }

    /// What the application answers to either.
    #[cfg(feature = "std")]
    pub(crate) fn answer(
        &self,
        decide: impl FnOnce(&Request) -> Response,
        page: impl FnOnce(&HttpRequest) -> Response,
    ) -> Response {
        match self {
            Self::Upgrade(request) => decide(request),
            Self::Http(request) => page(request),
        }
    }
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
                self.write(&Response::for_error(error));
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
        match response.check_opens() {
            Ok(()) => {
                let mut output = Output::default();
                output.append_vec(Writer::to_vec(|head| response.write(head)));
                Ok(Some(response.open(Arc::clone(&self.config), output)))
            }
            Err(HandshakeError::Rejected(_)) => {
                self.write(&response);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What waits to be written where there is no connection.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    fn write(&mut self, response: &Response) {
        self.output.append_vec(Writer::to_vec(|head| response.write(head)));
    }

    fn incoming(&mut self, input: &mut Buffer) -> Result<Option<Incoming>, HandshakeError> {
        self.scanner.take(input, &self.config, Incoming::parse)?.transpose()
    }
}
