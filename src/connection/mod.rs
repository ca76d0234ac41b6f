//! The protocol as a value: bytes in and events out, messages in and bytes out (RFC 6455 sections 5.4 to 7).

mod closing;
mod common;
mod inbound;
mod outbound;
mod output;
mod timers;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

pub use closing::{CloseInfo, State};
use inbound::Given;
pub use inbound::{Event, Found, Piece};
pub use outbound::Fin;
pub use output::Output;

use crate::config::Config;
use crate::error::ProtocolError;
use crate::frame::decoder::Reader;
use crate::frame::{MaskKeys, Opcode};
use crate::role::Role;
use crate::utf8::Carry;
use closing::Closing;
use timers::{Due, Timers};

/// A WebSocket connection after its opening handshake, without the socket.
///
/// Methods in the order in which they are called:
///
/// 1. *Receiving*: fill a [`Buffer`](crate::Buffer), then [`next_event`](Self::next_event) until it gives `None`
///    (or [`next_message`](Self::next_message), or [`next_piece`](Self::next_piece)).
///    [`receive_eof`](Self::receive_eof) when the stream ends.
/// 2. *Sending*: [`send_text`](Self::send_text), [`send_binary`](Self::send_binary), [`send`](Self::send),
///    [`send_prepared`](Self::send_prepared), [`send_text_fragment`](Self::send_text_fragment), [`ping`](Self::ping),
///    [`close`](Self::close).
/// 3. *Writing*: whatever these and the protocol itself have to say is in [`output`](Self::output).
/// 4. *Time*: at [`next_timeout`](Self::next_timeout) call [`handle_timeout`](Self::handle_timeout).
///
/// Pings are answered and the closing handshake is completed without being asked; their bytes are in the output as
/// everything else.
///
/// ```
/// use sansocket::{Buffer, Config, Connection, Event, Role};
///
/// let mut client = Connection::new(Role::Client, Config::default());
/// let mut server = Connection::server(Config::default());
///
/// client.send_text("Hello")?;
/// let mut input = Buffer::new();
/// client.output().chunks().for_each(|bytes| input.extend_from_slice(bytes)); // a socket in between, otherwise
///
/// while let Some(event) = server.next_event(&mut input)? {
///     if let Event::Text(text) = event {
///         assert_eq!(text, "Hello");
///         server.send_text(text)?; // the event is lent by the buffer: the connection is free
///     }
/// }
/// assert_eq!(server.output().chunks().next(), Some(&b"\x81\x05Hello"[..]));
/// # Ok::<(), sansocket::Error>(())
/// ```
pub struct Connection {
    config: Arc<Config>,
    // Receiving.
    reader: Reader,
    carry: Carry,
    given: Given,
    /// The common case holds for payloads shorter than this.
    whole_below: u32,
    /// The common case holds for sending: open, with no fragmented message under way.
    sends_messages: bool,
    // Sending.
    keys: Keys,
    /// The kind of the message that is being sent in fragments.
    sending: Option<Opcode>,
    output: Output,
    /// The answer to the newest Ping, while an older one waits in the output.
    pong_owed: Option<Box<[u8]>>,
    // The end.
    closing: Closing,
    timers: Timers,
    /// The server has had its time to end the transport.
    waited: bool,
    subprotocol: Option<Box<str>>,
}

/// How frames are masked: by a client, with keys from somewhere.
pub(crate) enum Keys {
    Unmasked,
    #[cfg(feature = "std")]
    Thread,
    Custom(Box<dyn MaskKeys + Send + Sync>),
}

impl Connection {
    /// A connection whose opening handshake happened elsewhere (another HTTP library, HTTP/2). A client's mask keys
    /// come from a ChaCha12 generator per thread, seeded by the operating system.
    #[cfg(feature = "std")]
    pub fn new(role: Role, config: impl Into<Arc<Config>>) -> Self {
        let keys = match role {
            Role::Client => Keys::Thread,
            Role::Server => Keys::Unmasked,
        };
        Self::with_keys(role, config.into(), keys)
    }

    /// The server's end.
    pub fn server(config: impl Into<Arc<Config>>) -> Self {
        Self::with_keys(Role::Server, config.into(), Keys::Unmasked)
    }

    /// The client's end, with mask keys of the caller's choice; see [`MaskKeys`] for what they must be.
    pub fn client(config: impl Into<Arc<Config>>, keys: impl MaskKeys + Send + Sync + 'static) -> Self {
        Self::with_keys(Role::Client, config.into(), Keys::Custom(Box::new(keys)))
    }

    pub(crate) fn with_keys(role: Role, config: Arc<Config>, keys: Keys) -> Self {
        Self::opened(role, config, keys, None, Output::default())
    }

    /// A connection behind an opening handshake of ours.
    #[inline]
    pub(crate) fn opened(
        role: Role,
        config: Arc<Config>,
        keys: Keys,
        subprotocol: Option<&str>,
        output: Output,
    ) -> Self {
        let mut connection = Self {
            reader: Reader::new(role),
            carry: Carry::default(),
            given: Given::Nothing,
            whole_below: 0,
            sends_messages: false,
            keys,
            sending: None,
            output,
            pong_owed: None,
            closing: Closing::default(),
            timers: Timers::new(config.keepalive),
            waited: false,
            subprotocol: subprotocol.map(Box::from),
            config,
        };
        connection.expect_common();
        connection
    }

    /// Which end this is.
    #[inline]
    pub fn role(&self) -> Role {
        match self.keys {
            Keys::Unmasked => Role::Server,
            _ => Role::Client,
        }
    }

    /// The subprotocol in use (section 4.1), where the handshake was ours.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        self.closing.state()
    }

    /// How the connection ended, or is ending: `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.closing.info()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What waits to be written. Ask again after each turn: answers to Pings join it here.
    #[inline]
    pub fn output(&mut self) -> &mut Output {
        self.settle_pong();
        &mut self.output
    }

    /// How many bytes wait to be written, like a browser's `bufferedAmount` with the frame headers.
    pub fn buffered_amount(&self) -> usize {
        self.output.len()
    }

    /// Whether this end should end the transport, once the output is written. "In most normal cases", it is "closed
    /// first by the server" (section 7.1.1): a client is told so only after a fault, or when the server has not ended it
    /// by [`Config::close_timeout`] after the closing handshake.
    pub fn ends_transport(&self) -> bool {
        let at_once = self.role() == Role::Server || self.closing.fault().is_some();
        self.state() == State::Closed && (at_once || self.waited)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next, on the clock that it is called with (time
    /// since any origin of the caller's choice). A time in the past, `ZERO` among them, means as soon as is convenient.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Tells the time. Where that is due, sends the keepalive's Ping, gives the connection up ([`State::Closed`],
    /// 1006), or has a client [end the transport](Self::ends_transport) that the server has left open. Otherwise does
    /// nothing, so calling it often or early is harmless.
    ///
    /// Look at what has arrived first: silence counts only if the peer was listened to.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.timers.is_due(now) && self.output.take_moved() {
            // A Ping would wait behind what a slow peer is still reading.
            self.timers.hear();
        }
        match self.timers.handle(now, self.config.keepalive) {
            Due::Nothing => {}
            // A Ping that does not fit into a full output is not needed either: the peer is not reading.
            Due::Ping => _ = self.ping(&[]),
            Due::GiveUp => {
                self.waited = true;
                self.lose();
            }
        }
    }

    /// From here on [`handle_timeout`](Self::handle_timeout) is called with another clock, on which it is `now`.
    #[cfg(feature = "std")]
    pub(crate) fn restart_clock(&mut self, now: Duration) {
        self.timers.restart(self.config.keepalive, self.config.close_timeout);
        self.handle_timeout(now);
    }

    /// The stream has ended.
    ///
    /// # Errors
    ///
    /// `Ok` only after a complete closing handshake; else the fault that ended the connection before, or
    /// [`ProtocolError::ConnectionLost`]: "If the connection is closed and no Close control frame was received … _The
    /// WebSocket Connection Close Code_ is considered to be 1006" (section 7.1.5).
    pub fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        self.lose();
        self.closing.fault().map_or(Ok(()), Err)
    }

    /// The transport is gone, or as good as gone.
    fn lose(&mut self) {
        self.pong_owed = None;
        self.closing.lose();
        self.expect_common();
        self.timers.stop();
    }

    /// "_Fail the WebSocket Connection_" (section 7.1.7).
    #[cold]
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        if self.state() != State::Closed {
            self.queue_close(error.close_code(), error.as_str());
            self.closing.fail(error);
            self.pong_owed = None;
            self.timers.stop();
            self.expect_common();
        }
        self.closing.fault().unwrap_or(error)
    }
}

impl core::fmt::Debug for Connection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role())
            .field("state", &self.state())
            .field("buffered_amount", &self.buffered_amount())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn another_clock_starts_with_its_own_time() {
        let mut end = Connection::server(Config::default());
        let (keepalive, now) = (end.config().keepalive.unwrap(), Duration::from_secs(7));
        end.handle_timeout(Duration::from_secs(1000));
        end.restart_clock(now);
        assert_eq!(end.next_timeout(), Some(now + keepalive));
    }
}
