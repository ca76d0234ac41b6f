//! The client's side of the opening handshake (RFC 6455 section 4.1).

mod expected;
mod request;

use alloc::boxed::Box;
use alloc::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::accept_key;
use super::extensions::{self, Extension};
use super::head::{Headers, StatusLine, Writer};
use super::opens::Opens;
use super::refused::{Refused, Responses};
use crate::config::Config;
use crate::connection::{Connection, Inbox, Keys, Output};
use crate::error::HandshakeError;
use crate::frame::MaskKeySource;

use expected::Chosen;
pub(super) use expected::Expected;
pub use request::Request;

/// An opening handshake from the client's side.
///
/// Write the [`output`](Self::output). Give the handshake what arrives ([`read_from`](Self::read_from),
/// [`receive`](Self::receive), or [`unfilled`](Self::unfilled) and [`filled`](Self::filled)), then call
/// [`next_response`](Self::next_response).
pub struct Handshake {
    responses: Responses,
    inbox: Option<Box<Inbox>>,
    output: Output,
    expected: Expected,
    outcome: Outcome,
}

enum Outcome {
    Pending,
    /// The response is not 101, and its body is arriving.
    Refused(Refused),
    /// Every further call gives this error: `Finished` after the connection was handed out.
    Ended(HandshakeError),
}

/// The response that opened the connection: 101, or 2xx over HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub(super) headers: Headers,
}

impl Response {
    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The value of the first header of that name, if it is UTF-8. ASCII case of the name does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The extensions that the server chose.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'_>> {
        self.headers.values(extensions::HEADER).filter_map(extensions::parse).flatten()
    }
}

impl Handshake {
    /// A handshake with a nonce from the operating system.
    ///
    /// # Errors
    ///
    /// As [`Request::check`].
    #[cfg(feature = "std")]
    pub fn new(request: &Request, config: impl Into<Arc<Config>>) -> Result<Self, HandshakeError> {
        Self::start(request, config.into(), crate::frame::mask::os_random(), Keys::Thread)
    }

    /// A handshake with a nonce and masking keys of the caller's choice. "The nonce MUST be selected randomly for each
    /// connection" (section 4.1).
    ///
    /// # Errors
    ///
    /// As [`Request::check`].
    pub fn with_nonce(
        request: &Request,
        config: impl Into<Arc<Config>>,
        nonce: [u8; 16],
        keys: impl MaskKeySource + Send + Sync + 'static,
    ) -> Result<Self, HandshakeError> {
        Self::start(request, config.into(), nonce, Keys::Custom(Box::new(keys)))
    }

    fn start(
        request: &Request,
        config: Arc<Config>,
        nonce: [u8; 16],
        keys: Keys,
    ) -> Result<Self, HandshakeError> {
        request.check()?;
        let key = BASE64_STANDARD.encode(nonce);
        let mut output = Output::default();
        output.append_vec(Writer::to_vec(|head| request.write(&key, &config, head)));
        let opens = Opens::Upgrade(accept_key(key.as_bytes()));
        Ok(Self {
            responses: Responses::default(),
            inbox: None,
            output,
            expected: Expected::new(request, config, opens, keys),
            outcome: Outcome::Pending,
        })
    }

    /// The request, to be written.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// The open connection and the response that opened it, or `None` if more bytes are needed. The connection has received
    /// what came behind the response.
    ///
    /// # Errors
    ///
    /// The response breaks a rule of section 4.1 or 11.3 or a limit of the [`Config`], or it is
    /// [`Refused`](HandshakeError::Refused): any status other than 101, given once the part of its body that is kept has
    /// arrived. Every further call gives the same error. The transport ends.
    ///
    /// [`Finished`](HandshakeError::Finished) after the connection has been handed out.
    pub fn next_response(&mut self) -> Result<Option<(Connection, Response)>, HandshakeError> {
        if let Outcome::Pending = self.outcome {
            match self.response() {
                Ok(Some((headers, chosen))) => {
                    self.outcome = Outcome::Ended(HandshakeError::Finished);
                    let connection = self.expected.open(&chosen, self.inbox.take());
                    return Ok(Some((connection, Response { headers })));
                }
                Ok(None) => {}
                Err(error) => self.outcome = Outcome::Ended(error),
            }
        }
        match &mut self.outcome {
            Outcome::Pending => Ok(None),
            Outcome::Ended(error) => {
                self.inbox.iter_mut().for_each(|inbox| inbox.clear());
                Err(error.clone())
            }
            Outcome::Refused(refused) => {
                let inbox = self.inbox.get_or_insert_default();
                let is_complete = refused.receive(inbox, self.expected.config().max_head_len);
                if is_complete { Err(self.end_of_stream()) } else { Ok(None) }
            }
        }
    }

    /// The stream has ended. Gives the error that every further call of [`next_response`](Self::next_response) gives:
    /// [`Refused`](HandshakeError::Refused) with the body so far if the server refused, the error that the handshake has
    /// already ended with, otherwise [`UnexpectedEof`](HandshakeError::UnexpectedEof). First call
    /// [`next_response`](Self::next_response): a response that opens the connection is not given here.
    pub fn end_of_stream(&mut self) -> HandshakeError {
        self.end(HandshakeError::UnexpectedEof)
    }

    /// The deadline has passed. As [`end_of_stream`](Self::end_of_stream), with
    /// [`TimedOut`](HandshakeError::TimedOut) if the server has neither opened nor refused.
    pub fn time_out(&mut self) -> HandshakeError {
        self.end(HandshakeError::TimedOut)
    }

    fn end(&mut self, error: HandshakeError) -> HandshakeError {
        if let Outcome::Pending = self.outcome {
            // A refusal may have arrived that nobody has looked at.
            if let Ok(Some(_)) = self.next_response() {
                self.outcome = Outcome::Pending;
            }
        }
        let error = match core::mem::replace(&mut self.outcome, Outcome::Pending) {
            Outcome::Pending => error,
            Outcome::Refused(refused) => HandshakeError::Refused(refused.into_refusal()),
            Outcome::Ended(error) => error,
        };
        self.outcome = Outcome::Ended(error.clone());
        error
    }

    pub(super) fn inbox(&mut self) -> &mut Option<Box<Inbox>> {
        assert!(!self.is_finished(), "the connection was handed out: give further bytes to it");
        &mut self.inbox
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(self.outcome, Outcome::Ended(HandshakeError::Finished))
    }

    /// The headers of a response that opens the connection.
    fn response(&mut self) -> Result<Option<(Headers, Chosen)>, HandshakeError> {
        let Some(inbox) = &mut self.inbox else { return Ok(None) };
        let head = self.responses.next_final(inbox, self.expected.config())?;
        let Some((headers, StatusLine { status, minor_version })) = head else { return Ok(None) };
        if status != 101 {
            self.outcome = Outcome::Refused(Refused::new(status, &headers));
            return Ok(None);
        }
        if minor_version != 1 {
            return Err(HandshakeError::MalformedHead);
        }
        let chosen = self.expected.check(&headers)?;
        Ok(Some((headers, chosen)))
    }
}

super::receives!(
    Handshake,
    "These methods panic after the connection has been handed out: bytes would be lost."
);

impl core::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handshake").field("expected", &self.expected).finish_non_exhaustive()
    }
}
