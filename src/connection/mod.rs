//! The protocol as a value: bytes in and events out, messages in and bytes out (RFC 6455 sections 5.4 to 7).

mod assembly;
#[cfg(feature = "std")]
mod claims;
mod clock;
#[cfg(feature = "deflate")]
mod compressing;
#[cfg(feature = "deflate")]
mod deflation;
mod event;
mod fast_path;
mod inbox;
#[cfg(feature = "deflate")]
mod inflation;
mod keys;
mod lifecycle;
mod look;
mod output;
mod reading;
mod receiver;
mod round_trip;
mod sender;
mod timers;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

pub use event::{Chunk, Event};
pub use inbox::Storage;
pub use lifecycle::{CloseInfo, ShutdownStep, State};
pub use output::Output;
pub use receiver::Receiver;
pub use sender::Sender;

pub(crate) use inbox::Inbox;
pub(crate) use keys::Keys;
#[cfg(feature = "std")]
pub(crate) use receiver::{By, Found};
#[cfg(any(feature = "tokio", feature = "smol"))]
pub(crate) use {
    claims::{check_read, check_written},
    output::SLICES,
};

use crate::config::Config;
#[cfg(feature = "deflate")]
use crate::deflate::Negotiated;
#[cfg(feature = "std")]
use crate::error::Error;
use crate::error::{ProtocolError, SendError};
use crate::frame::{CloseCode, MaskKeySource};
use crate::message::{Message, Outgoing};
use crate::role::Role;
use crate::timestamp::Timestamp;

/// A WebSocket connection after its opening handshake, without the socket.
///
/// It has two sides: the [`Receiver`] owns what has arrived, the [`Sender`] what is to be written, with the state and the
/// timers. The methods here call one side, or both. [`split_mut`](Self::split_mut) gives both at once, so that messages can be
/// sent while an event is alive.
///
/// In the order in which they are called:
///
/// 1. *Receiving*: [`read_from`](Self::read_from) a stream, or [`receive`](Self::receive) bytes. Then
///    [`next_event`](Self::next_event) (or [`next_message`](Self::next_message), [`next_chunk`](Self::next_chunk)) until it
///    gives `None`. [`end_of_stream`](Self::end_of_stream) when the stream ends.
/// 2. *Sending*: [`send`](Self::send), [`ping`](Self::ping), [`close`](Self::close). Pings and Close frames of the peer are
///    answered without a call.
/// 3. *Writing*: all bytes for the peer are in [`output`](Self::output).
/// 4. *Time*: call [`handle_timeout`](Self::handle_timeout) at [`next_timeout`](Self::next_timeout), which asks for a first
///    call at once: until then the connection does not know the time.
/// 5. *Ending*: when [`state`](Self::state) is [`Closed`](State::Closed), end the transport by
///    [`shutdown_steps`](Self::shutdown_steps).
///
/// ```
/// use sansocket::{Config, Connection, Event};
///
/// let mut client = Connection::client(Config::default());
/// let mut server = Connection::server(Config::default());
///
/// client.send("Hello")?;
/// server.read_from(&mut client.output().chunk())?; // in a program, a socket is between the two
///
/// let (receiver, sender) = server.split_mut();
/// while let Some(event) = receiver.next_event(sender)? {
///     if let Event::Text(text) = event {
///         assert_eq!(text, "Hello");
///         sender.send(text)?; // the event borrows the receiver only
///     }
/// }
/// assert_eq!(server.output().chunk(), b"\x81\x05Hello");
/// # Ok::<(), sansocket::Error>(())
/// ```
///
/// An event that is alive keeps the receiver borrowed, so it cannot become stale:
///
/// ```compile_fail,E0499
/// # use sansocket::{Config, Connection};
/// # let mut connection = Connection::server(Config::default());
/// let event = connection.next_event()?;
/// connection.receive(b"more"); // error: `connection` is still borrowed
/// drop(event);
/// # Ok::<(), sansocket::Error>(())
/// ```
pub struct Connection {
    pub(crate) receiver: Receiver,
    pub(crate) sender: Sender,
}

/// What the opening handshake has agreed on.
#[derive(Clone, Copy, Default)]
pub(crate) struct Agreed<'a> {
    pub(crate) subprotocol: Option<&'a str>,
    #[cfg(feature = "deflate")]
    pub(crate) deflate: Option<Negotiated>,
}

impl Connection {
    /// The server's end of a connection whose opening handshake was done elsewhere: by another HTTP library, or over HTTP/2.
    pub fn server(config: impl Into<Arc<Config>>) -> Self {
        Self::opened(Role::Server, config.into(), Keys::Unmasked, Agreed::default(), Output::default(), None)
    }

    /// The client's end, as [`server`](Self::server). Masking keys come from a ChaCha12 generator per thread, seeded by the
    /// operating system.
    #[cfg(feature = "std")]
    pub fn client(config: impl Into<Arc<Config>>) -> Self {
        Self::opened(Role::Client, config.into(), Keys::Thread, Agreed::default(), Output::default(), None)
    }

    /// The client's end with masking keys from `keys`; [`MaskKeySource`] says what they must be.
    pub fn client_with_keys(
        config: impl Into<Arc<Config>>,
        keys: impl MaskKeySource + Send + Sync + 'static,
    ) -> Self {
        let keys = Keys::Custom(Box::new(keys));
        Self::opened(Role::Client, config.into(), keys, Agreed::default(), Output::default(), None)
    }

    /// A connection that is open. `output` is written first; `inbox` holds what arrived behind the opening handshake.
    #[inline]
    pub(crate) fn opened(
        role: Role,
        config: Arc<Config>,
        keys: Keys,
        agreed: Agreed<'_>,
        output: Output,
        inbox: Option<Box<Inbox>>,
    ) -> Self {
        let id = next_id();
        let receiver = Receiver::new(Arc::clone(&config), role, inbox, id);
        let sender = Sender::new(config, keys, agreed.subprotocol, output, id);
        #[cfg_attr(not(feature = "deflate"), allow(unused_mut, reason = "only an extension changes it"))]
        let mut connection = Self { receiver, sender };
        #[cfg(feature = "deflate")]
        if let Some(negotiated) = agreed.deflate {
            connection.receiver.allow_compressed(&negotiated);
            connection.sender.compress(negotiated);
        }
        connection
    }

    pub(crate) fn inbox(&mut self) -> &mut Option<Box<Inbox>> {
        &mut self.receiver.inbox
    }

    /// Both sides at once. The methods of each that need the other take it as an argument.
    ///
    /// Never use a side of one connection with a side of another: debug builds panic, release builds do not notice.
    #[inline]
    pub fn split_mut(&mut self) -> (&mut Receiver, &mut Sender) {
        (&mut self.receiver, &mut self.sender)
    }

    /// Gives `storage` the memory of each direction in which no byte waits: see [`Storage`].
    pub fn reclaim(&mut self, storage: &mut Storage) {
        self.receiver.reclaim(storage);
        self.sender.output().reclaim(storage);
    }

    /// Takes memory from `storage` for each direction that has none: see [`Storage`].
    pub fn reuse(&mut self, storage: &mut Storage) {
        self.receiver.reuse(storage);
        self.sender.output().reuse(storage);
    }
}

/// # Receiving
///
/// The methods of [`Receiver`]. Shapes, errors and panics are described there.
impl Connection {
    /// See [`Receiver::receive`].
    pub fn receive(&mut self, bytes: &[u8]) {
        self.receiver.receive(bytes);
    }

    /// See [`Receiver::unfilled`].
    pub fn unfilled(&mut self) -> &mut [u8] {
        self.receiver.unfilled()
    }

    /// See [`Receiver::filled`].
    pub fn filled(&mut self, n: usize) {
        self.receiver.filled(n);
    }

    /// See [`Receiver::read_from`].
    #[cfg(feature = "std")]
    pub fn read_from<R: std::io::Read + ?Sized>(&mut self, stream: &mut R) -> std::io::Result<usize> {
        self.receiver.read_from(stream)
    }

    /// See [`Receiver::has_event`].
    pub fn has_event(&mut self) -> Result<bool, ProtocolError> {
        self.receiver.has_event(&mut self.sender)
    }

    /// See [`Receiver::next_event`].
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ProtocolError> {
        self.receiver.next_event(&mut self.sender)
    }

    /// See [`Receiver::next_message`].
    pub fn next_message(&mut self) -> Result<Option<Message>, ProtocolError> {
        self.receiver.next_message(&mut self.sender)
    }

    /// See [`Receiver::has_chunk`].
    pub fn has_chunk(&mut self) -> Result<bool, ProtocolError> {
        self.receiver.has_chunk(&mut self.sender)
    }

    /// See [`Receiver::next_chunk`].
    pub fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, ProtocolError> {
        self.receiver.next_chunk(&mut self.sender)
    }

    /// See [`Receiver::end_of_stream`].
    pub fn end_of_stream(&mut self) -> Result<(), ProtocolError> {
        self.receiver.end_of_stream(&mut self.sender)
    }

    /// See [`Receiver::unread`].
    pub fn unread(&self) -> &[u8] {
        self.receiver.unread()
    }
}

/// # Sending, state, time
///
/// The methods of [`Sender`]. Shapes and errors are described there.
impl Connection {
    /// See [`Sender::send`].
    #[inline]
    pub fn send<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<(), SendError> {
        self.sender.send(message)
    }

    /// See [`Sender::send_and_write`].
    #[cfg(feature = "std")]
    pub fn send_and_write<'a, W: std::io::Write + ?Sized>(
        &mut self,
        message: impl Into<Outgoing<'a>>,
        stream: &mut W,
    ) -> Result<(), Error> {
        self.sender.send_and_write(message, stream)
    }

    /// See [`Sender::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.sender.ping(payload)
    }

    /// See [`Sender::pong`].
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.sender.pong(payload)
    }

    /// See [`Sender::close`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.sender.close(code, reason)
    }

    /// See [`Sender::output`].
    #[inline]
    pub fn output(&mut self) -> &mut Output {
        self.sender.output()
    }

    /// See [`Sender::buffered_amount`].
    pub fn buffered_amount(&self) -> usize {
        self.sender.buffered_amount()
    }

    /// See [`Sender::state`].
    #[inline]
    pub fn state(&self) -> State {
        self.sender.state()
    }

    /// See [`Sender::close_info`].
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.sender.close_info()
    }

    /// See [`Sender::shutdown_steps`].
    pub fn shutdown_steps(&self) -> &'static [ShutdownStep] {
        self.sender.shutdown_steps()
    }

    /// See [`Sender::negotiated`].
    #[cfg(feature = "deflate")]
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.sender.negotiated()
    }

    /// See [`Sender::latency`].
    pub fn latency(&self) -> Option<Duration> {
        self.sender.latency()
    }

    /// See [`Sender::subprotocol`].
    pub fn subprotocol(&self) -> Option<&str> {
        self.sender.subprotocol()
    }

    /// See [`Sender::config`].
    pub fn config(&self) -> &Config {
        self.sender.config()
    }

    /// See [`Sender::role`].
    pub fn role(&self) -> Role {
        self.sender.role()
    }

    /// See [`Sender::next_timeout`].
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.sender.next_timeout()
    }

    /// See [`Sender::handle_timeout`].
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        self.sender.handle_timeout(now);
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

/// Tells the sides of one connection from those of another, in debug builds.
fn next_id() -> u32 {
    #[cfg(debug_assertions)]
    {
        use core::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
    #[cfg(not(debug_assertions))]
    0
}
