//! A WebSocket client on a device without an operating system: `no_std` with `alloc`, over a radio.
//!
//! ```text
//! rustup target add thumbv7em-none-eabihf
//! cargo build --release -p firmware --target thumbv7em-none-eabihf
//! cargo test -p firmware       # on the host, with a simulated radio
//! ```
//!
//! [`run`] opens a connection, echoes its messages, and ends it. It never blocks in a call of the radio, so one loop
//! reads, writes and keeps the time. A device that can sleep does so at the end of a turn in which nothing happened: until
//! the radio has something, or until `Connection::next_timeout`.
//!
//! The program around this library brings a global allocator, a panic handler, and a [`Radio`].

#![no_std]

extern crate alloc;

use alloc::sync::Arc;
use core::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sansocket::frame::{MaskKey, MaskKeySource};
use sansocket::handshake::client::{Handshake, Request};
use sansocket::handshake::{Opening, Step};
use sansocket::{
    CloseCode, Config, Connection, Error, Event, HandshakeError, Limits, Output, ShutdownStep, State,
    Timestamp,
};

/// A byte stream to one server, a clock, and randomness.
pub trait Radio {
    /// Reads what has arrived, at most 64 bytes. Gives how many: 0 if there is nothing now.
    fn read(&mut self, to: &mut [u8; 64]) -> usize;

    /// Whether the server has ended the stream, and everything before the end has been read.
    fn has_ended(&self) -> bool;

    /// Takes some of the bytes, to be sent. Gives how many: 0 if there is no room now.
    fn write(&mut self, bytes: &[u8]) -> usize;

    /// Tells the server that nothing more will be written.
    fn shut_down(&mut self);

    /// The time since the device was started, in milliseconds.
    fn now_ms(&self) -> u64;

    /// Bytes from the hardware that nobody can predict.
    fn random(&mut self) -> [u8; 32];
}

/// Limits for a device with little memory: messages of 4 KiB. The defaults are for servers.
#[must_use]
pub fn config() -> Config {
    Config::default()
        .limits(Limits::default().max_frame_len(4 << 10).max_message_len(4 << 10).max_fragments(64))
        .max_output_len(8 << 10)
        .read_len(1 << 10)
        .max_head_len(2 << 10)
        .max_headers(32)
}

/// Connects and echoes messages, until the server closes the connection or `stop` says so. Afterwards nothing more can be
/// read from the radio or written to it.
///
/// # Errors
///
/// There was no connection, it was lost, or the server broke a rule.
pub fn run<R: Radio>(radio: &mut R, url: &str, config: Config, stop: impl Fn() -> bool) -> Result<(), Error> {
    let mut connection = open(radio, url, config)?;
    let outcome = echo(radio, &mut connection, stop);
    shut_down(radio, &mut connection); // also after an error: the Close frame tells the server what it was
    outcome
}

/// The opening handshake.
fn open<R: Radio>(radio: &mut R, url: &str, config: Config) -> Result<Connection, HandshakeError> {
    let request = Request::new(url)?;
    let config = Arc::new(config);
    let mut random = ChaCha12Rng::from_seed(radio.random());
    let mut nonce = [0; 16];
    random.fill_bytes(&mut nonce);
    let mut opening =
        Handshake::with_nonce(&request, Arc::clone(&config), nonce, Keys(random)).map(Opening::from)?;
    let mut deadline = now(radio) + config.handshake_timeout;
    loop {
        match opening.step() {
            Step::Write => write(radio, opening.output()),
            Step::Read | Step::Discard => {
                // Each part is looked at, by `step`, before the next part or the end.
                if radio.has_ended() {
                    opening.end_of_stream();
                } else {
                    opening.receive(read(radio, &mut [0; 64]));
                }
            }
            Step::ShutdownWrite => {
                radio.shut_down();
                opening.write_shut_down();
                deadline = now(radio) + config.close_timeout;
            }
            Step::Done | Step::Respond => return Ok(opening.finish()?.0), // only a server responds
        }
        if now(radio) >= deadline {
            opening.time_out();
        }
    }
}

/// Echoes messages until the connection is closed.
fn echo<R: Radio>(radio: &mut R, connection: &mut Connection, stop: impl Fn() -> bool) -> Result<(), Error> {
    loop {
        // While the radio is full, nothing is read, so the echoes that wait cannot become many.
        if connection.output().is_empty() {
            connection.receive(read(radio, &mut [0; 64]));
        }
        answer(connection)?;
        write(radio, connection.output());
        connection.handle_timeout(now(radio)); // after the events: what has arrived is a sign of life
        if connection.state() == State::Open && stop() {
            connection.close(CloseCode::GOING_AWAY, "switched off")?;
        }
        if connection.state() == State::Closed || radio.has_ended() {
            while connection.next_event()?.is_some() {} // the server takes no more echoes
            return Ok(connection.end_of_stream()?); // an error, unless the closing handshake is complete
        }
    }
}

/// Takes events until one of them has an answer. A message is shorter than the output may be, so its echo has room.
fn answer(connection: &mut Connection) -> Result<(), Error> {
    let (receiver, sender) = connection.split_mut();
    while sender.output().is_empty() {
        match receiver.next_event(sender)? {
            Some(Event::Text(text)) if sender.state() == State::Open => sender.send(text)?,
            Some(Event::Binary(data)) if sender.state() == State::Open => sender.send(data)?,
            Some(_) => {} // Pings and the closing handshake are answered already
            None => break,
        }
    }
    Ok(())
}

/// Ends the stream so that the server gets all that was sent.
fn shut_down<R: Radio>(radio: &mut R, connection: &mut Connection) {
    let deadline = now(radio) + connection.config().close_timeout;
    for step in connection.shutdown_steps() {
        while now(radio) < deadline {
            match step {
                ShutdownStep::Write if !connection.output().is_empty() => write(radio, connection.output()),
                ShutdownStep::Discard if !radio.has_ended() => {
                    read(radio, &mut [0; 64]);
                }
                ShutdownStep::ShutdownWrite => {
                    radio.shut_down();
                    break;
                }
                ShutdownStep::Write | ShutdownStep::Discard => break,
            }
        }
    }
}

fn now(radio: &impl Radio) -> Timestamp {
    Duration::from_millis(radio.now_ms()).into()
}

fn read<'a>(radio: &mut impl Radio, buffer: &'a mut [u8; 64]) -> &'a [u8] {
    let n = radio.read(buffer);
    buffer.get(..n).unwrap_or_default()
}

/// Writes as much as the radio takes now.
fn write(radio: &mut impl Radio, output: &mut Output) {
    while !output.is_empty() {
        match radio.write(output.chunk()) {
            0 => break,
            n => output.advance(n),
        }
    }
}

/// Masking keys from a generator that the hardware has seeded.
struct Keys(ChaCha12Rng);

impl MaskKeySource for Keys {
    fn next_key(&mut self) -> MaskKey {
        MaskKey(self.0.next_u32().to_le_bytes())
    }
}
