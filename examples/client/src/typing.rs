//! The thread that reads the input.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sansocket::blocking::{NetStream, Writer};
use sansocket::{CloseCode, Error, SendError};

use crate::ending::TooLong;
use crate::input::{Addressed, Input, Item};
use crate::options::Options;
use crate::session::Session;

pub(crate) struct Typing {
    session: Arc<Session>,
    /// Items wait for a connection.
    waits: bool,
    input: Input<io::Stdin>,
    /// The longest message, in bytes.
    limit: u64,
    /// How long to wait at the end of the input before closing. `None`: the end does not close.
    wait: Option<Duration>,
    pings: u64,
}

impl Typing {
    pub(crate) fn new(session: &Arc<Session>, options: &Options) -> Self {
        let stays = options.ending.keep_open || options.ending.count.is_some();
        Self {
            session: Arc::clone(session),
            waits: options.opening.reconnect,
            input: Input::new(io::stdin(), options),
            limit: options.input.max_message,
            wait: options.ending.wait.or_else(|| (!stays).then_some(Duration::ZERO)),
            pings: 0,
        }
    }

    /// Sends the input until it or the last connection has ended, and closes.
    pub(crate) fn run(mut self) {
        self.session.peers.wait_for_first();
        self.send_input();
        if let Some(wait) = self.wait {
            thread::sleep(wait);
            self.session.peers.close_all(CloseCode::NORMAL, "");
        }
    }

    fn send_input(&mut self) {
        loop {
            // Write what was fed before waiting for more input.
            if !self.input.is_ready() {
                self.flush();
            }
            let sent = match self.input.next() {
                Ok(Some(Ok(addressed))) => self.send(addressed),
                Ok(Some(Err(fault))) => Err(fault),
                Ok(None) => break,
                Err(error) => return self.session.input_failed(&error),
            };
            if let Err(fault) = sent {
                self.session.skip(&self.input.place(), fault);
            }
        }
        self.flush();
    }

    fn flush(&self) {
        self.session.peers.writers(None).iter().for_each(|writer| _ = writer.flush());
    }

    fn send(&mut self, addressed: Addressed) -> Result<(), String> {
        let Addressed { peer, item } = addressed;
        let peer = peer.as_deref();
        match item {
            Item::Message(message) => {
                TooLong::check(&message, self.limit)?;
                self.to_each(peer, |writer| writer.feed(&message))
            }
            Item::Ping(Some(payload)) => self.to_each(peer, |writer| writer.ping(&payload)),
            Item::Ping(None) => {
                self.pings += 1;
                let payload = self.pings.to_string();
                self.to_each(peer, |writer| writer.ping(payload.as_bytes()))
            }
            Item::Pong(payload) => self.to_each(peer, |writer| writer.pong(&payload)),
            Item::Close(code, reason) => match peer {
                Some(name) if !self.session.peers.close(name, code, &reason) => Err(not_connected(name)),
                Some(_) => Ok(()),
                None => {
                    self.session.peers.close_all(code, &reason);
                    Ok(())
                }
            },
        }
    }

    /// Does something on the connection to `peer`, or with `None` on all. Of a connection that has ended, the thread that reads
    /// it says why.
    fn to_each(
        &self,
        peer: Option<&str>,
        mut send: impl FnMut(&Writer<NetStream>) -> Result<(), Error>,
    ) -> Result<(), String> {
        if self.waits && peer.is_none() {
            return self.to_next(send);
        }
        let writers = self.session.peers.writers(peer);
        if let (Some(name), true) = (peer, writers.is_empty()) {
            return Err(not_connected(name));
        }
        for writer in &writers {
            match send(writer) {
                Ok(()) | Err(Error::Send(SendError::Closed) | Error::Io(_)) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Does something on the connection, or on the next one that takes it. What was under way when a connection was lost is
    /// lost with it: the server may have it, and must not get it twice.
    fn to_next(&self, mut send: impl FnMut(&Writer<NetStream>) -> Result<(), Error>) -> Result<(), String> {
        let mut seen = 0;
        while let Some((opened, writer)) = self.session.peers.wait_for_newer(seen) {
            match send(&writer) {
                // It ends, and has taken nothing.
                Err(Error::Send(SendError::Closed)) => seen = opened,
                Ok(()) | Err(Error::Io(_)) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

fn not_connected(name: &str) -> String {
    format!("{name:?} is not connected")
}
