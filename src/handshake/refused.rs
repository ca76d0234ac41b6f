//! Responses that open no connection, as a client receives them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::chunked;
use super::head::{Headers, Scanner, StatusLine};
use super::lines::may_begin_response;
use super::list;
use crate::config::Config;
use crate::connection::Inbox;
use crate::error::{HandshakeError, Refusal};

/// How many 1xx responses may come before the final one.
const MAX_INTERIM: u8 = 8;

/// Finds the final response to a request.
#[derive(Debug, Default)]
pub(super) struct Responses {
    scanner: Scanner,
    /// How many 1xx responses came before.
    interim: u8,
}

impl Responses {
    /// The head of the final response, which is taken off what was received. `None` if it is not complete. A 101 is final.
    pub(super) fn next_final(
        &mut self,
        received: &mut Inbox,
        config: &Config,
    ) -> Result<Option<(Headers, StatusLine)>, HandshakeError> {
        loop {
            let head = self.scanner.take(received, config, may_begin_response, Headers::of_response)?;
            let Some((headers, line)) = head else { return Ok(None) };
            if !matches!(line.status, 100 | 102..=199) {
                return Ok(Some((headers, line)));
            }
            // "A client MUST be able to parse one or more 1xx responses received prior to a final response" (RFC 9110
            // section 15.2). The limit is ours: a server must not keep a client busy with them.
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(HandshakeError::MalformedHead);
            }
            self.scanner = Scanner::default();
        }
    }
}

/// A refusal whose body is arriving.
pub(super) struct Refused {
    refusal: Refusal,
    body: Body,
}

impl Refused {
    /// A refusal of which no byte of the body has arrived.
    pub(super) fn new(status: u16, headers: &Headers) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let body = Body::of(status, headers);
        let headers = headers.iter().map(|(name, value)| (name.into(), text(value))).collect();
        Self { refusal: Refusal { status, headers, body: Vec::new() }, body }
    }

    /// Moves what was received to the body, up to `limit` bytes. True once nothing more is missing.
    pub(super) fn receive(&mut self, received: &mut Inbox, limit: usize) -> bool {
        let is_complete = self.body.receive(received.unread(), &mut self.refusal.body, limit);
        received.clear();
        is_complete
    }

    /// The refusal with the body so far.
    pub(super) fn into_refusal(self) -> Box<Refusal> {
        Box::new(self.refusal)
    }
}

/// How the body of a refusal ends.
enum Body {
    /// After that many bytes, or with the stream.
    Length(usize),
    Chunked(chunked::Decoder),
}

impl Body {
    /// RFC 9112 section 6.3.
    fn of(status: u16, headers: &Headers) -> Self {
        if matches!(status, 204 | 304) {
            return Self::Length(0);
        }
        // "If any transfer coding other than chunked is applied …, the sender MUST either apply chunked as the final transfer
        // coding or terminate the message by closing the connection" (section 6.1).
        if headers.has("Transfer-Encoding") {
            let last = list(headers, "Transfer-Encoding").last();
            let is_chunked = last.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
            let decoder = || Self::Chunked(chunked::Decoder::default());
            return if is_chunked { decoder() } else { Self::Length(usize::MAX) };
        }
        // "Content-Length = 1*DIGIT" (RFC 9110 section 8.6). `parse` alone would accept a sign.
        let len = headers.get("Content-Length").filter(|len| len.bytes().all(|byte| byte.is_ascii_digit()));
        Self::Length(len.and_then(|len| len.parse().ok()).unwrap_or(usize::MAX))
    }

    /// Appends what has arrived, up to `limit` bytes. True once nothing more is missing.
    fn receive(&mut self, arrived: &[u8], body: &mut Vec<u8>, limit: usize) -> bool {
        match self {
            Self::Length(len) => {
                let wanted = limit.min(*len);
                let missing = wanted.saturating_sub(body.len());
                body.extend_from_slice(arrived.get(..missing).unwrap_or(arrived));
                body.len() >= wanted
            }
            Self::Chunked(decoder) => decoder.decode(arrived, body, limit),
        }
    }
}
