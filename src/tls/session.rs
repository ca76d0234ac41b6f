//! One TLS session, without its socket: records in, plaintext out, and the other way round.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::TlsInfo;

/// The most bytes of records to read at once: one record of the longest kind, and the start of the next.
pub(crate) const MAX_READ: usize = (16 << 10) + 512;

/// Records wait while this much plaintext has not been read, in bytes. rustls refuses them beyond it.
const MAX_PLAINTEXT: usize = 16 << 10;

/// What both shells do with TLS. Plaintext that is written before the handshake is complete waits for its end.
#[derive(Debug)]
pub(crate) struct Session {
    connection: rustls::Connection,
    /// How many bytes of plaintext can be read.
    readable: usize,
    /// Records that wait until plaintext has been read.
    waiting: Vec<u8>,
    /// Whether the handshake, or the writing of its last part, goes on.
    opening: bool,
    /// Whether the stream below has ended.
    ended: bool,
}

impl Session {
    /// A client's session with a host name or an IP address.
    pub(crate) fn client(config: Arc<ClientConfig>, host: &str) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        Ok(Self::new(ClientConnection::new(config, name).map_err(fault)?))
    }

    pub(crate) fn server(config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self::new(ServerConnection::new(config).map_err(fault)?))
    }

    fn new(connection: impl Into<rustls::Connection>) -> Self {
        Self { connection: connection.into(), readable: 0, waiting: Vec::new(), opening: true, ended: false }
    }

    /// Reads plaintext that has been decrypted. `Ok(Some(0))`: the peer has ended the stream. `Ok(None)`: more records are
    /// needed.
    ///
    /// A stream that ends without `close_notify` ends here in the same way: the closing handshake of WebSocket tells whether
    /// something is missing.
    pub(crate) fn read(&mut self, to: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.connection.reader().read(to) {
                Ok(n) => {
                    self.readable = self.readable.saturating_sub(n);
                    return Ok(Some(n));
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Some(0)),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if self.waiting.is_empty() => return Ok(self.ended.then_some(0)),
                Err(_) => {
                    let waiting = std::mem::take(&mut self.waiting);
                    self.receive(&waiting)?;
                }
            }
        }
    }

    /// Takes records that have arrived, in parts of any length.
    ///
    /// # Errors
    ///
    /// The peer broke a rule of TLS, or its certificate is not accepted. The alert that says so is in the output.
    pub(crate) fn receive(&mut self, mut records: &[u8]) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(records);
            return Ok(());
        }
        while !records.is_empty() {
            if self.readable >= MAX_PLAINTEXT {
                self.waiting.extend_from_slice(records);
                break;
            }
            if self.connection.read_tls(&mut records)? == 0 {
                // Behind `close_notify` nothing counts.
                break;
            }
            self.readable = self.connection.process_new_packets().map_err(fault)?.plaintext_bytes_to_read();
        }
        Ok(())
    }

    /// The stream below has ended.
    pub(crate) fn end_of_stream(&mut self) {
        self.ended = true;
    }

    /// Encrypts plaintext, as much as there is room for. Gives how many bytes. That is more than 0 if the
    /// [output](Self::write_to) is empty and there is plaintext.
    pub(crate) fn write(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.connection.writer().write_vectored(from)
    }

    /// Whether records wait to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.connection.wants_write()
    }

    /// Writes records once. Gives how many bytes.
    pub(crate) fn write_to(&mut self, stream: &mut dyn Write) -> io::Result<usize> {
        self.connection.write_tls(stream)
    }

    /// Puts `close_notify` into the output: nothing more will be written.
    pub(crate) fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// Whether reading must write first: the handshake goes on, or its last part has not been written.
    pub(crate) fn must_write(&mut self) -> bool {
        self.opening &= self.connection.is_handshaking() || self.has_output();
        self.opening && self.has_output()
    }

    /// What was agreed on. `None` before that.
    pub(crate) fn info(&self) -> Option<TlsInfo> {
        let connection = &self.connection;
        Some(TlsInfo {
            protocol: connection.protocol_version()?,
            is_resumed: connection.handshake_kind()? == rustls::HandshakeKind::Resumed,
            cipher_suite: connection.negotiated_cipher_suite()?.suite(),
            alpn: connection.alpn_protocol().map(Vec::from),
            peer_certificates: connection.peer_certificates().map(<[_]>::to_vec).unwrap_or_default(),
        })
    }
}

/// A fault of TLS as an error of a stream.
fn fault(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
