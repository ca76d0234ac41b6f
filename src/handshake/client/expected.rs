//! What a client expects of the response to its request.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Request;
use crate::config::Config;
use crate::connection::{Agreed, Connection, Inbox, Keys, Output};
#[cfg(feature = "deflate")]
use crate::deflate::Negotiated;
use crate::error::HandshakeError;
use crate::handshake::head::Headers;
use crate::handshake::opens::Opens;
use crate::handshake::{ACCEPT_LEN, elements, extensions, lists_token};
use crate::role::Role;

/// A request that was sent, as far as its response depends on it.
pub(in crate::handshake) struct Expected {
    config: Arc<Config>,
    /// With the `Sec-WebSocket-Accept` that proves that the server has read the key.
    opens: Opens<[u8; ACCEPT_LEN]>,
    subprotocols: Vec<String>,
    /// The list of extensions that the caller offered.
    extensions: String,
    keys: Keys,
}

/// What the server chooses of what was offered.
pub(in crate::handshake) struct Chosen {
    subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    deflate: Option<Negotiated>,
}

impl Expected {
    pub(in crate::handshake) fn new(
        request: &Request,
        config: Arc<Config>,
        opens: Opens<[u8; ACCEPT_LEN]>,
        keys: Keys,
    ) -> Self {
        let (subprotocols, extensions) = (request.subprotocols.clone(), request.extensions.clone());
        Self { config, opens, subprotocols, extensions, keys }
    }

    pub(in crate::handshake) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the connection is a stream of HTTP/2.
    #[cfg(feature = "http")]
    pub(in crate::handshake) fn opens_stream(&self) -> bool {
        matches!(self.opens, Opens::ExtendedConnect)
    }

    /// The open connection, which has received what is in the `inbox`.
    pub(in crate::handshake) fn open(&mut self, chosen: &Chosen, inbox: Option<Box<Inbox>>) -> Connection {
        let keys = core::mem::replace(&mut self.keys, Keys::Unmasked);
        let agreed = Agreed {
            subprotocol: chosen.subprotocol.as_deref(),
            #[cfg(feature = "deflate")]
            deflate: chosen.deflate,
        };
        Connection::opened(Role::Client, Arc::clone(&self.config), keys, agreed, Output::default(), inbox)
    }

    /// Checks the numbered list at the end of section 4.1, and "MUST NOT appear more than once" of section 11.3. Gives what
    /// the server chooses.
    pub(in crate::handshake) fn check(&self, headers: &Headers) -> Result<Chosen, HandshakeError> {
        if let Opens::Upgrade(accept) = &self.opens {
            check_upgrade(headers, accept)?;
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

/// Checks what only HTTP/1.1 has.
fn check_upgrade(headers: &Headers, accept: &[u8; ACCEPT_LEN]) -> Result<(), HandshakeError> {
    if !headers.sole("Upgrade")?.eq_ignore_ascii_case(b"websocket") {
        return Err(HandshakeError::Invalid("Upgrade"));
    }
    if !headers.has("Connection") {
        return Err(HandshakeError::Missing("Connection"));
    }
    if !lists_token(headers, "Connection", "upgrade") {
        return Err(HandshakeError::Invalid("Connection"));
    }
    if headers.sole("Sec-WebSocket-Accept")? != accept {
        return Err(HandshakeError::Invalid("Sec-WebSocket-Accept"));
    }
    Ok(())
}

impl core::fmt::Debug for Expected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Expected").field("subprotocols", &self.subprotocols).finish_non_exhaustive()
    }
}
