//! One connection, from its first byte to its last.
//!
//! Two threads: one reads from the client and speaks in the room, one takes what the room says from a queue and writes it.
//! So a client that does not read holds up neither the room nor its own pings and messages.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::{iter, mem, thread};

use chat::limits::Bucket;
use chat::wire::{self, Incoming};
use chat::{page, request};
use sansocket::blocking::{self, Reader, Writer};
use sansocket::handshake::server::Request;
use sansocket::{CloseCode, Error, Message, Prepared, SendError};

use crate::room::{Joined, Membership, Outgoing};
use crate::server::Server;

/// The stack of each of the threads: enough, and what is not touched costs nothing.
pub(crate) const STACK: usize = 256 << 10;

/// Why the server closes a connection.
type Refusal = (CloseCode, &'static str);

/// Serves a connection to its end. How it ended makes no difference to the others, and a chat keeps no records.
pub(crate) fn run(stream: TcpStream, server: &Server) {
    serve(stream, server).ok();
}

fn serve(stream: TcpStream, server: &Server) -> Result<(), Error> {
    let mut room = String::new();
    let decide = |request: &Request| match request::room(request, &server.allowed_origins) {
        Ok(name) => {
            room = name;
            request.accept()
        }
        Err((status, why)) => request.reject(status).body(why),
    };
    let Some(socket) = blocking::serve(stream, Arc::clone(&server.config), decide, page::answer)? else {
        return Ok(()); // it wanted a page, and has it
    };
    let (mut reader, writer) = socket.split();
    let registration = server.connections.register(writer.clone());
    let id = registration.id();
    let Some(Joined { membership, history, queue }) = server.rooms.join(&room, id) else {
        return close(&mut reader, (CloseCode::TRY_AGAIN_LATER, "too many rooms"));
    };

    let welcome = wire::status(&format!("Welcome to {room}."), id);
    let first: Vec<Prepared> = iter::once(welcome).chain(history).collect();
    thread::scope(|scope| {
        // Each thread ends when the other does, be it by a panic: the reader takes its membership along, which ends the
        // queue, and the transport, which ends a write that waits.
        let (membership, writer) = (membership, &writer);
        let _hang_up = HangUp(writer);
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
            let hang_up = HangUp(writer);
            if let Ok(()) | Err(Error::Send(SendError::Closed)) = deliver(writer, first, &queue) {
                mem::forget(hang_up); // the closing handshake is the reader's
            }
        })?;
        converse(&mut reader, membership)
    })
}

/// Ends the transport, and with it every read and write that waits.
struct HangUp<'a>(&'a Writer);

impl Drop for HangUp<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The reading thread: until the client closes, or sends something that it should not.
fn converse(reader: &mut Reader, membership: Membership) -> Result<(), Error> {
    let mut speaker = Speaker { membership, nickname: None, bucket: Bucket::full() };
    while let Some(message) = reader.read()? {
        if let Err(refusal) = speaker.receive(&message) {
            drop(speaker);
            return close(reader, refusal);
        }
    }
    Ok(())
}

/// The closing handshake, started by the server: what still arrives before the answer is of no interest.
fn close(reader: &mut Reader, (code, reason): Refusal) -> Result<(), Error> {
    reader.close(code, reason)
}

struct Speaker {
    membership: Membership,
    nickname: Option<String>,
    bucket: Bucket,
}

impl Speaker {
    fn receive(&mut self, message: &Message) -> Result<(), Refusal> {
        if !self.bucket.take() {
            // There is no code for it, and 1008 is for what has none.
            return Err((CloseCode::POLICY_VIOLATION, "too many messages"));
        }
        // "A type of data it cannot accept": 1003. For text that is not the JSON, or not the base64, that it should be:
        // 1007, "data within a message that was not consistent with the type of the message" (section 7.4.1).
        let text = message.as_text().ok_or((CloseCode::UNSUPPORTED, "only text is understood"))?;
        match Incoming::parse(text).ok_or((CloseCode::INVALID_DATA, "not a message of this chat"))? {
            Incoming::Name { user } => {
                self.nickname = wire::clean_name(&user);
                self.membership.rename(self.nickname.as_deref());
            }
            Incoming::Chat { message, author } => {
                let author = self.nickname.clone().or_else(|| wire::clean_name(&author?));
                self.membership.say(author.as_deref(), &message);
            }
        }
        Ok(())
    }
}

/// The writing thread: takes all that waits, and writes it at once.
fn deliver(writer: &Writer, first: Vec<Prepared>, queue: &Receiver<Outgoing>) -> Result<(), Error> {
    for message in first {
        writer.feed_prepared(&message)?;
    }
    writer.flush()?;
    while let Ok(next) = queue.recv() {
        for outgoing in iter::once(next).chain(queue.try_iter()) {
            match outgoing {
                Outgoing::Message(message) => writer.feed_prepared(&message)?,
                Outgoing::Close(code, reason) => return writer.close(code, reason),
            }
        }
        writer.flush()?;
    }
    Ok(())
}
