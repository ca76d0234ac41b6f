//! WebSocket ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)) as a value that does no I/O, and thin shells over it.
//!
//! | you have | you want | take |
//! |---|---|---|
//! | threads and `std::net` | a connection | [`blocking`] |
//! | tokio | a connection | `sansocket::tokio`, feature `tokio` |
//! | smol, async-std, another `futures-io` runtime | a connection | `sansocket::futures_io`, feature `futures-io` |
//! | another runtime | a connection | `asynchronous::WebSocket` over an `asynchronous::Io` of yours, with either of these features |
//! | an event loop, a runtime, an HTTP library of your own | the protocol | [`Connection`] with [`Buffer`] and [`Output`] |
//! | hyper, axum: heads as `http` types | the opening handshake | `handshake::http`, feature `http` |
//! | a socket and no HTTP library | the opening handshake | [`handshake`] |
//! | a proxy, a recorder, firmware | frames without messages | [`frame::Decoder`] |
//!
//! # The flow
//!
//! ```text
//! socket ──▶ Buffer ──▶ frame::decoder ──▶ Connection ──▶ Event / Message ──▶ application
//!            bytes      headers, rules,    assembly, control frames,
//!            received   unmask in place    UTF-8, closing handshake, timers
//!
//! application ──▶ Connection ──▶ frame header + masked copy ──▶ Output ──▶ socket
//!                 state, limits                                 small frames in one run,
//!                                                               large payloads by reference
//! ```
//!
//! A server in the sans-IO style, whole, but for the opening handshake:
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use sansocket::{Buffer, Connection, Error, Event, State};
//!
//! fn echo(mut connection: Connection, mut input: Buffer, mut socket: impl Read + Write) -> Result<(), Error> {
//!     loop {
//!         let outcome = answer(&mut connection, &mut input);
//!         connection.output().write_all_to(&mut socket)?; // carries the Close frame after an error, too
//!         outcome?;
//!         if connection.state() == State::Closed {
//!             return Ok(());
//!         }
//!         if input.read_from(&mut socket)? == 0 {
//!             connection.receive_eof()?;
//!         }
//!     }
//! }
//!
//! fn answer(connection: &mut Connection, input: &mut Buffer) -> Result<(), Error> {
//!     while let Some(event) = connection.next_event(input)? {
//!         match event {
//!             Event::Text(text) => connection.send_text(text)?,
//!             Event::Binary(data) => connection.send_binary(data)?,
//!             _ => {} // Pings and the closing handshake are answered already
//!         }
//!     }
//!     Ok(())
//! }
//! # let mut wire = std::io::Cursor::new(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\0\0\0\0".to_vec());
//! # struct Peer(std::io::Cursor<Vec<u8>>, Vec<u8>);
//! # impl Read for Peer { fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> { self.0.read(to) } }
//! # impl Write for Peer {
//! #     fn write(&mut self, from: &[u8]) -> std::io::Result<usize> { self.1.write(from) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let mut peer = Peer(wire, Vec::new());
//! # echo(Connection::server(sansocket::Config::default()), Buffer::new(), &mut peer).unwrap();
//! # assert_eq!(peer.1, b"\x81\x05Hello\x88\x00");
//! ```
//!
//! # What holds everywhere
//!
//! - Events borrow the [`Buffer`], never the [`Connection`]: sending compiles while an event is alive, and a message is
//!   lent without a copy, a reference count or an allocation.
//! - In the core `Ok(None)` means "more bytes", or after the end of a connection "nothing more"; in a shell, which waits
//!   for bytes itself, it means that the connection was closed. An error means that somebody broke a rule, and its type says who: [`ProtocolError`]
//!   the peer, [`SendError`] the caller.
//! - After a [`ProtocolError`] the Close frame that reports it is queued, no event follows, and what was queued can still
//!   be written. Events that came before the fault are delivered first.
//! - Memory grows with bytes received, never with a length that was claimed, and only up to the limits of [`Config`].
//! - The core knows no socket, no clock and no ambient randomness: bytes, time and mask keys are passed in.
//! - There is no `unsafe`, and nothing that a peer sends ends in a panic.
//!
//! # Features
//!
//! - `std` (default): [`blocking`], `Buffer::read_from`, `Output::write_to`, mask keys seeded by the operating system.
//!   Without it the crate is `no_std` with `alloc`; a client then brings its randomness: [`Connection::client`],
//!   [`handshake::client::Handshake::with_nonce`].
//! - `tokio`: connections over tokio's streams, with its timers.
//! - `futures-io`: connections over the streams of `futures-io`, with the timers of `async-io`.
//! - `http`: handshakes in the types of the `http` crate, for hyper and axum.
//!
//! # Code map
//!
//! Imports point up this list only.
//!
//! | file | its one job |
//! |---|---|
//! | `role`, `error` | who this end is; what can go wrong, by who is at fault |
//! | `queue` | bytes in at the back, out at the front |
//! | `utf8` | UTF-8 that arrives in pieces |
//! | `frame/mod`, `mask`, `xor`, `close` | one frame: its header, its masking and the arithmetic of it, the body of a Close frame |
//! | `frame/common` | what most frames look like, read and written inline |
//! | `frame/rules`, `decoder` | which frame may come next; frames out of bytes, below frame granularity |
//! | `buffer` | what was received, lent out and consumed; the message under way |
//! | `message`, `config` | messages that own their data; limits and times |
//! | `connection/closing`, `timers`, `output` | the one state; time passed in; bytes to be written |
//! | `connection/common`, `inbound`, `outbound` | the common case, inline; frames to events; messages to frames |
//! | `handshake/head`, `extensions`, `url` | HTTP/1.1 heads, one header's grammar, `ws:` URLs |
//! | `handshake/request`, `response` | what a client asks for, and whether section 4.2.1 lets it; a server's answers |
//! | `handshake/http` | handshakes in the types of the `http` crate |
//! | `handshake/client`, `server` | the two ends of the opening handshake |
//! | `asynchronous/io`, `driver` | what is asked of a stream that is polled; the polling, all of it |
//! | `asynchronous/opening`, `split`, `binding` | connect and accept, one connection in several tasks, the functions of a binding |
//! | `tokio`, `futures_io` | the two bindings |
//! | `blocking/stream`, `receiving`, `opening`, `split` | time limits, the wait loop, connect and accept, one connection in two threads |

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(any(feature = "tokio", feature = "futures-io"))]
pub mod asynchronous;
#[cfg(feature = "std")]
pub mod blocking;
mod buffer;
mod config;
mod connection;
mod error;
pub mod frame;
#[cfg(feature = "futures-io")]
pub mod futures_io;
pub mod handshake;
mod message;
mod queue;
mod role;
#[cfg(feature = "tokio")]
pub mod tokio;
mod utf8;

pub use buffer::Buffer;
pub use bytes::Bytes;
pub use bytestring::ByteString;
pub use config::Config;
pub use connection::{CloseInfo, Connection, Event, Fin, Found, Output, Piece, State};
pub use error::{Error, HandshakeError, ProtocolError, Refusal, SendError};
pub use frame::{CloseCode, CloseFrame, Limits};
pub use message::{Message, Prepared};
pub use role::Role;

/// The snippets of the README are compiled and run with the other examples; some of them need a feature.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// So is the snippet of the page on proxies. The snippets of the migration guide need hyper: `examples/frameworks` compiles
/// them.
#[cfg(doctest)]
#[doc = include_str!("../docs/proxies.md")]
struct Proxies;
