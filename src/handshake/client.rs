//! The client's side of the opening handshake (RFC 6455 section 4.1).

mod request;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::extensions::{self, Extension};
use super::head::{Headers, StatusLine, Writer};
use super::refused::{Refused, Responses};
use super::{ACCEPT_LEN, accept_key, elements, lists_token};
use crate::config::Config;
use crate::connection::{Agreed, Connection, Inbox, Keys, Output};
#[cfg(feature = "deflate")]
use crate::deflate::Negotiated;
use crate::error::HandshakeError;
use crate::frame::MaskKeySource;
use crate::role::Role;

pub use request::Request;

/// An opening handshake from the client's side.
///
/// Write the [`output`](Self::output). Give the handshake what arrives ([`read_from`](Self::read_from),
/// [`receive`](Self::receive), or [`unfilled`](Self::unfilled) and [`filled`](Self::filled)), then call
/// [`next_response`](Self::next_response).
pub struct Handshake {
    config: Arc<Config>,
    responses: Responses,
    inbox: Option<Box<Inbox>>,
    output: Output,
    accept: [u8; ACCEPT_LEN],
    subprotocols: Vec<String>,
    /// The list of extensions that the caller offered.
    extensions: String,
    keys: Keys,
    outcome: Outcome,
}

/// What the server chooses of what was offered.
struct Chosen {
    subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    deflate: Option<Negotiated>,
}

enum Outcome {
    Pending,
    /// The response is not 101, and its body is arriving.
    Refused(Refused),
    /// Every further call gives this error: `Finished` after the connection was handed out.
    Ended(HandshakeError),
}

/// The 101 response that opened the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    headers: Headers,
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
        Ok(Self {
            config,
            responses: Responses::default(),
            inbox: None,
            output,
            accept: accept_key(key.as_bytes()),
            subprotocols: request.subprotocols.clone(),
            extensions: request.extensions.clone(),
            keys,
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
                    return Ok(Some((self.open(&chosen), Response { headers })));
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
                let is_complete = refused.receive(inbox, self.config.max_head_len);
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

    fn open(&mut self, chosen: &Chosen) -> Connection {
        self.outcome = Outcome::Ended(HandshakeError::Finished);
        let keys = core::mem::replace(&mut self.keys, Keys::Unmasked);
        let (config, inbox) = (Arc::clone(&self.config), self.inbox.take());
        let agreed = Agreed {
            subprotocol: chosen.subprotocol.as_deref(),
            #[cfg(feature = "deflate")]
            deflate: chosen.deflate,
        };
        Connection::opened(Role::Client, config, keys, agreed, Output::default(), inbox)
    }

    /// The headers of a response that opens the connection, and what it chooses.
    fn response(&mut self) -> Result<Option<(Headers, Chosen)>, HandshakeError> {
        let Some(inbox) = &mut self.inbox else { return Ok(None) };
        let head = self.responses.next_final(inbox, &self.config)?;
        let Some((headers, StatusLine { status, minor_version })) = head else { return Ok(None) };
        if status != 101 {
            self.outcome = Outcome::Refused(Refused::new(status, &headers));
            return Ok(None);
        }
        if minor_version != 1 {
            return Err(HandshakeError::MalformedHead);
        }
        let chosen = self.check(&headers)?;
        Ok(Some((headers, chosen)))
    }

    /// Checks the numbered list at the end of section 4.1, and "MUST NOT appear more than once" of section 11.3. Gives what
    /// the server chooses.
    fn check(&self, headers: &Headers) -> Result<Chosen, HandshakeError> {
        if !headers.sole("Upgrade")?.eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::Invalid("Upgrade"));
        }
        if !headers.has("Connection") {
            return Err(HandshakeError::Missing("Connection"));
        }
        if !lists_token(headers, "Connection", "upgrade") {
            return Err(HandshakeError::Invalid("Connection"));
        }
        if headers.sole("Sec-WebSocket-Accept")? != self.accept {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Accept"));
        }
        // "|Sec-WebSocket-Extensions| … MAY appear multiple times" (section 11.3.2): all lines are one list.
        let mut extensions = Vec::new();
        for value in headers.values(extensions::HEADER) {
            const MALFORMED: HandshakeError = HandshakeError::Invalid(extensions::HEADER);
            extensions.extend(extensions::parse(value).ok_or(MALFORMED)?);
        }
        #[cfg(feature = "deflate")]
        let deflate = extensions::chosen(&extensions, &self.extensions, &self.config)?;
        #[cfg(not(feature = "deflate"))]
        extensions::check_offered(&extensions, &self.extensions)?;
        Ok(Chosen {
            subprotocol: self.chosen_subprotocol(headers)?,
            #[cfg(feature = "deflate")]
            deflate,
        })
    }

    /// A line that names no subprotocol counts as absent, and so does an empty element beside a name.
    fn chosen_subprotocol(&self, headers: &Headers) -> Result<Option<String>, HandshakeError> {
        const NAME: &str = "Sec-WebSocket-Protocol";
        let mut lines = headers.values(NAME).filter(|value| elements(value).next().is_some());
        let Some(line) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(HandshakeError::Duplicate(NAME));
        }
        let mut names = elements(line);
        let chosen = names.next().filter(|_| names.next().is_none());
        let offered = self.subprotocols.iter().find(|offered| chosen == Some(offered.as_bytes()));
        offered.cloned().map(Some).ok_or(HandshakeError::SubprotocolNotOffered)
    }
}

super::receives!(
    Handshake,
    "These methods panic after the connection has been handed out: bytes would be lost."
);

impl core::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handshake").field("subprotocols", &self.subprotocols).finish_non_exhaustive()
    }
}
