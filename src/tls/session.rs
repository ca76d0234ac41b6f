//! One TLS session, without its socket: records in, plaintext out, and the other way round.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::{Records, TlsInfo};

/// The plaintext of the longest record, in bytes.
const RECORD: usize = 16 << 10;

/// What a record adds to its plaintext, in bytes, at most.
const OVERHEAD: usize = 64;

/// The most bytes of records to read at once: two records of the longest kind, and the start of the next.
pub(crate) const MAX_READ: usize = 2 * RECORD + (1 << 10);

/// Room for fewer bytes of records is not worth a system call: half of the longest record.
pub(crate) const LEAST_READ: usize = 8 << 10;

/// Records wait while there is more plaintext than this to be read, in bytes. rustls refuses them then.
const MAX_PLAINTEXT: usize = RECORD;

/// The most records of plaintext that are encrypted at once. A message of 64 KiB goes out in one write, with its header.
const MAX_WRITE: usize = 5;

/// The most plaintext that waits for the end of the handshake, in bytes. It is the opening handshake's head.
const MAX_EARLY: usize = 1 << 20;

/// The most slices of plaintext that are encrypted at once.
const SLICES: usize = 16;

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
    /// What the peer has done wrong. It is reported behind the plaintext that came before.
    fault: Option<rustls::Error>,
}

impl Session {
    /// A client's session with a host name or an IP address. `arrived` has come from the server before.
    pub(crate) fn client(config: Arc<ClientConfig>, host: &str, arrived: &[u8]) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        let mut session = Self::new(ClientConnection::new(config, name).map_err(fault)?);
        session.receive(arrived);
        Ok(session)
    }

    pub(crate) fn server(config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self::new(ServerConnection::new(config).map_err(fault)?))
    }

    fn new(connection: impl Into<rustls::Connection>) -> Self {
        let mut connection = connection.into();
        connection.set_buffer_limit(Some(MAX_EARLY));
        Self { connection, readable: 0, waiting: Vec::new(), opening: true, ended: false, fault: None }
    }

    /// Reads plaintext that has been decrypted. `Ok(Some(0))`: the peer has ended the stream. `Ok(None)`: more records are
    /// needed.
    ///
    /// A stream that ends without `close_notify` ends here in the same way: the closing handshake of WebSocket tells whether
    /// something is missing.
    ///
    /// # Errors
    ///
    /// The peer broke a rule of TLS, or its certificate is not accepted. The alert that says so is in the output.
    pub(crate) fn read(&mut self, to: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.connection.reader().read(to) {
                Ok(n) => {
                    self.readable = self.readable.saturating_sub(n);
                    return Ok(Some(n));
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Some(0)),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) => {}
            }
            if let Some(error) = &self.fault {
                return Err(fault(error.clone()));
            }
            if self.waiting.is_empty() {
                // rustls keeps the memory of the longest records up to its next read, which may be far away.
                self.connection.read_tls(&mut NothingYet).ok();
                return Ok(self.ended.then_some(0));
            }
            let waiting = std::mem::take(&mut self.waiting);
            self.receive(&waiting);
        }
    }

    /// Takes records that have arrived, in parts of any length. What is wrong with them is for [`read`](Self::read) to say.
    pub(crate) fn receive(&mut self, mut records: &[u8]) {
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(records);
            return;
        }
        while !records.is_empty() && self.fault.is_none() {
            if self.readable > MAX_PLAINTEXT {
                self.waiting.extend_from_slice(records);
                return;
            }
            match self.connection.read_tls(&mut records) {
                // Behind `close_notify` nothing counts.
                Ok(0) => return,
                Ok(_) => self.decrypt(),
                Err(error) => self.fault = Some(rustls::Error::General(error.to_string())),
            }
        }
    }

    /// Reads records once, straight into the memory of rustls, which saves a copy. Call it when no plaintext can be read.
    ///
    /// The stream is asked for as much as rustls has room for. Between messages that is 4 KiB.
    #[cfg(any(feature = "tokio", feature = "smol"))]
    pub(crate) fn receive_from(&mut self, stream: &mut dyn Read) -> io::Result<usize> {
        let n = self.connection.read_tls(stream)?;
        self.decrypt();
        Ok(n)
    }

    fn decrypt(&mut self) {
        match self.connection.process_new_packets() {
            Ok(state) => self.readable = state.plaintext_bytes_to_read(),
            Err(error) => self.fault = Some(error),
        }
    }

    /// The stream below has ended.
    pub(crate) fn end_of_stream(&mut self) {
        self.ended = true;
    }

    /// Encrypts plaintext, as much as is encrypted at once. Gives how many bytes. Call it when no records wait.
    ///
    /// Each record leaves rustls before the next one is encrypted: its memory serves again, while it is in the cache.
    pub(crate) fn write(&mut self, from: &[IoSlice<'_>], records: &mut Records) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, from) in slices.iter_mut().zip(from.iter().filter(|slice| !slice.is_empty())) {
            *slice = *from;
            count += 1;
        }
        let mut rest = slices.get_mut(..count).unwrap_or_default();
        if !self.connection.is_handshaking() {
            self.connection.set_buffer_limit(Some(RECORD));
        }
        let len: usize = rest.iter().map(|slice| slice.len()).sum();
        let most = len.div_ceil(RECORD).min(MAX_WRITE);
        records.reserve(len.min(most * RECORD) + most * OVERHEAD);
        let mut written = 0;
        for _ in 0..most {
            let n = self.connection.writer().write_vectored(rest)?;
            self.take_output(records)?;
            if n == 0 {
                break;
            }
            written += n;
            IoSlice::advance_slices(&mut rest, n);
        }
        // During the handshake there may be no record: plaintext waits for its end.
        records.advance(0);
        Ok(written)
    }

    /// Moves the records that wait to be written.
    pub(crate) fn take_output(&mut self, records: &mut Records) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(records)?;
        }
        Ok(())
    }

    /// Puts `close_notify` into the output: nothing more will be written.
    pub(crate) fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// Whether reading must write first: the handshake goes on, or its last part has not been written.
    pub(crate) fn is_opening(&self) -> bool {
        self.opening
    }

    /// All that there was to write has been written.
    pub(crate) fn flushed(&mut self) {
        self.opening = self.connection.is_handshaking();
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

/// A stream that nothing has arrived on, which is not its end.
struct NothingYet;

impl Read for NothingYet {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

/// A fault of TLS as an error of a stream.
fn fault(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
