//! Responses that open no connection, as a client receives them.

use alloc::string::String;
use alloc::vec::Vec;

use super::chunked;
use super::head::Headers;
use super::list;
use crate::error::Refusal;

/// How the body of a refusal ends.
pub(super) enum Body {
    /// After that many bytes, or with the stream.
    Length(usize),
    Chunked(chunked::Decoder),
}

impl Body {
    /// RFC 9112 section 6.3.
    pub(super) fn of(status: u16, headers: &Headers) -> Self {
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
    pub(super) fn receive(&mut self, arrived: &[u8], body: &mut Vec<u8>, limit: usize) -> bool {
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

/// A refusal of which no byte of the body has arrived.
pub(super) fn refusal(status: u16, headers: &Headers) -> Refusal {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.into(), text(value))).collect();
    Refusal { status, headers, body: Vec::new() }
}
