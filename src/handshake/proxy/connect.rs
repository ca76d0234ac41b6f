//! HTTP `CONNECT` (RFC 9110 section 9.3.6).

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::Server;
use crate::config::Config;
use crate::connection::Inbox;
use crate::error::{HandshakeError, Refusal};
use crate::handshake::head::Writer;
use crate::handshake::refused::{Refused, Responses};

/// The request for a connection to a host and a port that have been checked.
///
/// "There is no default port; a client MUST send the port number" (section 9.3.6). "A client MUST send a field value for Host
/// that is identical to that authority component" (RFC 9112 section 3.2).
pub(super) fn request(proxy: &Server, host: &str, port: u16) -> Vec<u8> {
    let is_ipv6 = host.contains(':');
    let authority = if is_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Writer::to_vec(|head| {
        head.line(&[b"CONNECT ", authority.as_bytes(), b" HTTP/1.1"]);
        head.header("Host", authority.as_bytes());
        if let Some(credentials) = &proxy.credentials {
            head.header("Proxy-Authorization", credentials.to_basic().as_bytes());
        }
        head.line(&[]);
    })
}

/// Receives the response to the [`request`].
#[derive(Default)]
pub(super) struct Connect {
    responses: Responses,
    /// The response is not 2xx, and its body is arriving.
    refused: Option<Refused>,
}

impl Connect {
    /// Takes what was received. True once the tunnel is open; the bytes of the tunnel are left.
    ///
    /// "Any 2xx (Successful) response indicates that the sender … will switch to tunnel mode immediately after the response
    /// header section", and "A client MUST ignore any Content-Length or Transfer-Encoding header fields received in a
    /// successful response to CONNECT" (section 9.3.6). Proxies in use answer in HTTP/1.0, too.
    pub(super) fn receive(&mut self, received: &mut Inbox, config: &Config) -> Result<bool, HandshakeError> {
        if self.refused.is_none() {
            let head = self.responses.next_final(received, config).map_err(|error| match error {
                HandshakeError::MalformedHead => HandshakeError::MalformedProxy,
                limit => limit,
            })?;
            let Some((headers, line)) = head else { return Ok(false) };
            match line.status {
                200..=299 => return Ok(true),
                // It answers `Upgrade`, which was not sent. What follows is no HTTP.
                101 => return Err(HandshakeError::MalformedProxy),
                status => self.refused = Some(Refused::new(status, &headers)),
            }
        }
        let is_complete =
            self.refused.as_mut().is_some_and(|refused| refused.receive(received, config.max_head_len));
        match self.refused.take_if(|_| is_complete) {
            Some(refused) => Err(HandshakeError::ProxyRefused(refused.into_refusal())),
            None => Ok(false),
        }
    }

    /// The refusal with the body so far.
    pub(super) fn take_refusal(&mut self) -> Option<Box<Refusal>> {
        self.refused.take().map(Refused::into_refusal)
    }
}
