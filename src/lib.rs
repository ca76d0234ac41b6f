//! WebSocket ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)) as a value that does no I/O, and thin shells over it.
//!
//! | you have | you want | take |
//! |---|---|---|
//! | threads and `std::net` | a connection | [`blocking`] |
//! | tokio | a connection | `sansocket::tokio`, feature `tokio` |
//! | smol, async-std | a connection | `sansocket::smol`, feature `smol` |
//! | another async runtime | a connection | `asynchronous::WebSocket` over your own `asynchronous::Transport` |
//! | an event loop, a runtime, an HTTP library of your own | the protocol | [`Connection`] |
//! | axum | a connection as a route | `sansocket::axum`, feature `axum` |
//! | hyper, over HTTP/1.1 or HTTP/2 | a connection | `sansocket::hyper`, feature `hyper` |
//! | another HTTP library: heads as `http` types | the opening handshake | `handshake::http`, feature `http` |
//! | a socket and no HTTP library | the opening handshake | [`handshake`] |
//! | a proxy, a recorder, firmware | frames without messages | [`frame::Decoder`] |
//!
#![cfg_attr(
    all(any(doc, doctest), feature = "axum", feature = "deflate", feature = "tls", feature = "tracing"),
    doc = "The [handbook] begins with [a server, a page and a client](handbook::getting_started) in 15 minutes. It has \
    [patterns](handbook::patterns), [authentication](handbook::authentication), [shutdown](handbook::shutdown), \
    [limits](handbook::limits), [deployment](handbook::deployment), [questions](handbook::faq), and a \
    [comparison with other crates](handbook::comparison)."
)]
//!
//! # The flow
//!
//! ```text
//! socket ──▶ Receiver ─────────────────────────────────▶ Event / Message ──▶ application
//!            bytes received, frames, rules, unmasking,
//!            UTF-8, assembly
//!                │ replies: Pong, Close, failure
//!                ▼
//! application ──▶ Sender ──▶ frame header + masked copy ──▶ Output ──▶ socket
//!                 state, limits, timers                      small frames in one run,
//!                                                            large payloads by reference
//! ```
//!
//! An echo server in the sans-IO style, behind its opening handshake:
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use sansocket::{Connection, Error, Event, State};
//!
//! fn echo(mut connection: Connection, mut socket: impl Read + Write) -> Result<(), Error> {
//!     loop {
//!         let outcome = answer(&mut connection);
//!         connection.output().write_all_to(&mut socket)?; // after an error this writes the Close frame
//!         outcome?;
//!         if connection.state() == State::Closed {
//!             return Ok(());
//!         }
//!         if connection.read_from(&mut socket)? == 0 {
//!             connection.end_of_stream()?;
//!         }
//!     }
//! }
//!
//! fn answer(connection: &mut Connection) -> Result<(), Error> {
//!     let (receiver, sender) = connection.split_mut();
//!     while let Some(event) = receiver.next_event(sender)? {
//!         match event {
//!             Event::Text(text) => sender.send(text)?,
//!             Event::Binary(data) => sender.send(data)?,
//!             _ => {} // Pings and the closing handshake are answered already
//!         }
//!     }
//!     Ok(())
//! }
//! # let wire = std::io::Cursor::new(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\0\0\0\0".to_vec());
//! # struct Peer(std::io::Cursor<Vec<u8>>, Vec<u8>);
//! # impl Read for Peer { fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> { self.0.read(to) } }
//! # impl Write for Peer {
//! #     fn write(&mut self, from: &[u8]) -> std::io::Result<usize> { self.1.write(from) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let mut peer = Peer(wire, Vec::new());
//! # echo(Connection::server(sansocket::Config::default()), &mut peer).unwrap();
//! # assert_eq!(peer.1, b"\x81\x05Hello\x88\x00");
//! ```
//!
//! # What holds everywhere
//!
//! - Events borrow the [`Receiver`], never the [`Sender`]. A message is lent without a copy, a reference count or an
//!   allocation, and sending compiles while it is alive: in the core after [`Connection::split_mut`], in the shells after
//!   `split`. (`read_event` of a shell that is not split borrows all of it.)
//! - In the core, `Ok(None)` means "more bytes", or after the end of a connection "nothing more". A shell waits for bytes
//!   itself: there it means that the connection was closed. An error names who is at fault: [`ProtocolError`] the peer,
//!   [`SendError`] the caller.
//! - After a [`ProtocolError`] the Close frame that reports it is queued, no event follows, and the output can still be
//!   written. Events that came before the fault are delivered first.
//! - Text is validated even if nobody looks at it.
//! - Memory grows with bytes received, never with a claimed length, and only up to the limits of [`Config`].
//! - The core knows no socket, no clock and no randomness: bytes, time and masking keys are passed in.
//! - There is no `unsafe`, and nothing that a peer sends causes a panic.
//!
//! # Features
//!
//! - `std` (default): [`blocking`], `Connection::read_from`, `Output::write_to`, masking keys seeded by the operating system.
//!   Without it the crate is `no_std` with `alloc`; a client then brings its randomness: [`Connection::client_with_keys`],
//!   [`handshake::client::Handshake::with_nonce`].
//! - `tokio`: connections over tokio's streams, with its timers.
//! - `smol`: connections over streams with the traits of `futures-io`, with the timers of `async-io`.
//! - `tls`: `wss:` URLs with rustls in every shell. The module `tls` lists its parts (`rustls`, `tls-ring`, `tls-aws-lc-rs`,
//!   `tls-platform`, `tls-native-certs`, `tls-webpki-roots`).
//! - `local-address`: `Connector::local_address`, for hosts that have several addresses.
//! - `deflate`: compression of messages, permessage-deflate (RFC 7692); off until [`Config`] has settings for it.
//! - `http`: handshakes in the types of the `http` crate, for other HTTP libraries than those of the two features below.
//! - `hyper`: connections that begin as requests of hyper, over HTTP/1.1 and HTTP/2 (RFC 8441). Implies `http` and `tokio`.
//! - `axum`: an extractor for routes of axum 0.8. Implies `hyper`.
//! - `tracing`: a span for each connection and events in it, for subscribers of the `tracing` crate.
//!
//! # Code map
//!
//! Imports point up this list only.
//!
//! | file | its one job |
//! |---|---|
//! | `role`, `timestamp`, `setters`, `error` | client or server; a point in time; setters by the names of fields; what can go wrong, by who is at fault |
//! | `sync` | the locks and the clock of the shells, which the model checker replaces |
//! | `queue` | bytes in at the back, out at the front |
//! | `utf8` | UTF-8 that arrives in parts |
//! | `frame/mod`, `mask`, `xor`, `close` | one frame: its header, its masking and the arithmetic of it, the payload of a Close frame |
//! | `frame/fast_path` | the header of most frames, read and written inline |
//! | `frame/rules`, `decoder` | which frame may come next; frames out of bytes, below frame granularity |
//! | `deflate` | compression (RFC 7692): settings and negotiation; DEFLATE streams, and those that the connections of a process share |
//! | `message`, `config` | messages that own their data, and all that can be sent; limits and times |
//! | `connection/keys`, `claims` | masking keys; what a stream says that it has read or written |
//! | `connection/event`, `inbox`, `assembly` | what is given out; bytes that have arrived; the message that is assembled |
//! | `connection/output`, `output/writing` | bytes to be written; the writes |
//! | `connection/lifecycle`, `timers`, `round_trip` | the one state; keepalive and close deadline; from a Ping to its Pong |
//! | `connection/sender`, `clock` | messages to frames; what happens when the caller tells the time |
//! | `connection/reading`, `receiver`, `look` | bytes in; frames to events: the calls, and the general path behind them |
//! | `connection/inflation`, `deflation`, `compressing` | compressed messages to the assembly; which messages are compressed; their way to the output |
//! | `connection/fast_path` | whole small messages, in either direction |
//! | `handshake/head`, `lines`, `chunked` | HTTP/1.1 heads, lines that are judged before the parser, bodies in chunks |
//! | `handshake/extensions`, `url`, `url/reference` | the grammar of one header, `ws:` URLs, and what a `Location` means beside one |
//! | `handshake/credentials` | user names and passwords in URLs |
//! | `handshake/opens` | the two ways in which HTTP opens a connection: an upgrade, a stream of HTTP/2 |
//! | `handshake/request`, `checks`, `response` | what a client asks for, and whether section 4.2.1 allows it; a server's responses |
//! | `handshake/refused` | a response that opens no connection, as a client receives it |
//! | `handshake/client`, `client/request`, `client/expected`, `server`, `step` | the two ends of the opening handshake, a type per state; what a client asks for, and what it expects then; their steps for a shell |
//! | `handshake/proxy` | a connection through a proxy: HTTP `CONNECT`, SOCKS 5 |
//! | `handshake/http` | handshakes in the types of the `http` crate |
//! | `tls/mod`, `roots`, `session` | the configurations of TLS; which certificates are accepted; one TLS session without its socket |
//! | `dial/attempts`, `redirects` | the addresses of a host, in which order and when they are tried; redirects, and what they must not take along |
//! | `dial/proxy`, `bypass` | which proxy is asked, and for which hosts none is |
//! | `dial/back_off`, `temporary`, `retry_after` | the pauses between attempts; after what there is another one; how long a server asks to wait |
//! | `dial/socket` | a socket that has an address before it is connected |
//! | `dial/fuzzing` | what the fuzz targets need of these files; not in other builds |
//! | `dial/connector`, `update` | how a client gets to a server, as settings; what a connection that comes back reports |
//! | `trace`, `trace/spans`, `text` | what the shells tell the `tracing` crate; its spans and events, and the text in them |
//! | `byte_stream` | a connection as a stream of bytes: what has been read of a chunk, what becomes the next message |
//! | `asynchronous/transport`, `tasks`, `storage` | what a runtime brings; the tasks that wait; memory that connections share |
//! | `asynchronous/driver` | the polling of a connection |
//! | `asynchronous/socket`, `net`, `tls` | what a TCP stream does; TCP with or without TLS, polled; the records of TLS over it |
//! | `asynchronous/reaching`, `opening`, `split`, `binding` | connect and accept; one connection in several tasks; the functions of a binding |
//! | `asynchronous/reconnecting`, `byte_stream` | a client's connection that comes back; a connection that is polled as a stream of bytes |
//! | `tokio`, `smol` | the two bindings |
//! | `hyper/mod`, `stream` | requests of hyper that become connections; hyper's stream with tokio's traits |
//! | `hyper/http2`, `settings` | a client over HTTP/2; whether its server takes part |
//! | `axum` | the extractor |
//! | `blocking/stream`, `timed` | what a stream must do; reads and writes up to a point in time |
//! | `blocking/receiving` | the wait loop |
//! | `blocking/net`, `tls` | TCP with or without TLS, for several threads; the records of TLS over it |
//! | `blocking/reaching`, `connecting`, `opening`, `split` | the way to a server; accept; one connection in several threads |
//! | `blocking/reconnecting`, `byte_stream` | a client's connection that comes back; a connection as `Read` and `Write` |
//! | `pages` | the pages of `docs/`, for `cargo doc` and as doc tests |

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(any(feature = "tokio", feature = "smol"))]
pub mod asynchronous;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "std")]
pub mod blocking;
#[cfg(feature = "std")]
mod byte_stream;
mod config;
mod connection;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "std")]
mod dial;
mod error;
pub mod frame;
pub mod handshake;
#[cfg(feature = "hyper")]
pub mod hyper;
mod message;
#[cfg(all(any(doc, doctest), feature = "axum", feature = "deflate", feature = "tls", feature = "tracing"))]
mod pages;
mod queue;
mod role;
mod setters;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(feature = "std")]
mod sync;
mod timestamp;
#[cfg(feature = "rustls")]
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "std")]
mod trace;
mod utf8;

/// The spans and events that a program gets with the feature `tracing`.
///
#[doc = include_str!("../docs/tracing.md")]
#[cfg(feature = "tracing")]
pub mod tracing {
    pub use crate::trace::TARGET;
}

#[cfg(feature = "std")]
pub use byte_stream::ByteStreamError;
pub use bytes::Bytes;
pub use bytestring::ByteString;
pub use config::Config;
pub use connection::{
    Chunk, CloseInfo, Connection, Event, Output, Receiver, Sender, ShutdownStep, State, Storage,
};
#[cfg(feature = "deflate")]
pub use deflate::{Deflate, Negotiated};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use dial::fuzzing;
#[cfg(feature = "std")]
pub use dial::{BackOff, Connector, Ending, Families, Proxy, Retries, Update};
pub use error::{Error, Fault, HandshakeError, ProtocolError, Refusal, SendError};
pub use frame::{CloseCode, CloseFrame, Limits};
#[cfg(feature = "deflate")]
pub use message::Compress;
pub use message::{Message, Outgoing, Prepared};
#[cfg(all(
    any(doc, doctest),
    feature = "axum",
    feature = "deflate",
    feature = "tls",
    feature = "tracing"
))]
pub use pages::handbook;
pub use role::Role;
pub use timestamp::Timestamp;

/// The types that most programs name, for a glob import. The modules are not among them: `use sansocket::*` would hide the
/// crates `tokio`, `smol` and `tracing` behind the modules of the same names.
///
/// ```
/// use sansocket::prelude::*;
///
/// let mut connection = Connection::server(Config::default());
/// connection.send(&Message::from("Hello"))?;
/// # Ok::<(), SendError>(())
/// ```
pub mod prelude {
    pub use crate::{
        CloseCode, Config, Connection, Error, Event, HandshakeError, Limits, Message, Outgoing, Prepared,
        ProtocolError, SendError, State,
    };
}

/// The snippets of the README are compiled and run with the other examples. Some of them need a feature.
#[cfg(all(doctest, feature = "axum", feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;
