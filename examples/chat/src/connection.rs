//! One connection, from its first byte to its last.
//!
//! Two threads: one reads from the client and passes its messages to the room, one writes the messages of the room from
//! a queue. A client that does not read delays neither the room nor its own messages and Pings.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::{iter, mem, thread};

use chat::limits::Bucket;
use chat::names::Name;
use chat::wire::{self, Incoming};
use chat::{page, request};
use sansocket::blocking::{self, Reader, Writer};
use sansocket::handshake::server::{HttpRequest, Request};
use sansocket::{CloseCode, Error, Message, SendError};

use crate::room::{Joined, Membership, Outgoing};
use crate::server::Server;

/// The stack of each thread, in bytes. Pages that are not touched cost no memory.
pub(crate) const STACK: usize = 256 << 10;

/// Close code and reason with which the server closes a connection.
type Refusal = (CloseCode, &'static str);

/// Serves a connection to its end. Errors are ignored: they concern this connection only, and this chat keeps no log.
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
    let page = |request: &HttpRequest| match request.path() {
        page::ROOMS => page::rooms(request, &server.rooms.open()),
        _ => page::answer(request),
    };
    let Some(socket) = blocking::accept_or_respond(stream, Arc::clone(&server.config), decide, page)? else {
        return Ok(()); // the request was for a page, and is answered
    };
    let (mut reader, writer) = socket.split();
    let registration = server.connections.register(writer.clone());
    let id = registration.id();
    let Some(Joined { membership, history, queue }) = server.rooms.join(&room, id) else {
        return close(&mut reader, (CloseCode::TRY_AGAIN_LATER, "too many rooms"));
    };

    let welcome = wire::status(&format!("Welcome to {room}."), id);
    let first: Vec<Message> = iter::once(welcome.message()).chain(history).collect();
    thread::scope(|scope| {
        // Each thread ends when the other does, after a panic, too. The reader drops the membership, which ends the
        // queue, and ends the transport, which ends a write that waits.
        let (membership, writer) = (membership, &writer);
        let _hang_up = HangUp(writer);
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
            let hang_up = HangUp(writer);
            if let Ok(()) | Err(Error::Send(SendError::Closed)) = deliver(writer, first, &queue) {
                mem::forget(hang_up); // the reader completes the closing handshake
            }
        })?;
        converse(&mut reader, membership)
    })
}

/// Ends the transport when dropped. Reads and writes that wait return.
struct HangUp<'a>(&'a Writer);

impl Drop for HangUp<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The reading thread: runs until the client closes or sends something that is not allowed.
fn converse(reader: &mut Reader, membership: Membership) -> Result<(), Error> {
    let mut speaker = Speaker { membership, has_nickname: false, bucket: Bucket::full() };
    while let Some(message) = reader.read()? {
        if let Err(refusal) = speaker.receive(&message) {
            drop(speaker);
            return close(reader, refusal);
        }
    }
    Ok(())
}

/// Starts the closing handshake. Messages that arrive before the answer are discarded.
fn close(reader: &mut Reader, (code, reason): Refusal) -> Result<(), Error> {
    reader.close(code, reason)
}

struct Speaker {
    membership: Membership,
    /// Otherwise each message may name its author.
    has_nickname: bool,
    bucket: Bucket,
}

impl Speaker {
    fn receive(&mut self, message: &Message) -> Result<(), Refusal> {
        if !self.bucket.take() {
            // 1008 is the code for violations that have no code of their own.
            return Err((CloseCode::POLICY_VIOLATION, "too many messages"));
        }
        // 1003: "a type of data it cannot accept". 1007, for invalid JSON or base64: "data within a message that was
        // not consistent with the type of the message" (section 7.4.1).
        let text = message.as_text().ok_or((CloseCode::UNSUPPORTED, "only text messages are accepted"))?;
        match Incoming::parse(text).ok_or((CloseCode::INVALID_DATA, "not a message of this chat"))? {
            Incoming::Name { user } => self.has_nickname = self.membership.rename(Name::new(&user)),
            Incoming::Chat { message, author } => {
                let author = author.filter(|_| !self.has_nickname).and_then(|author| Name::new(&author).ok());
                self.membership.say(author.as_ref(), &message);
            }
        }
        Ok(())
    }
}

/// The writing thread: writes everything that is in the queue in one go.
fn deliver(writer: &Writer, first: Vec<Message>, queue: &Receiver<Outgoing>) -> Result<(), Error> {
    for message in first {
        writer.feed(&message)?;
    }
    writer.flush()?;
    while let Ok(next) = queue.recv() {
        for outgoing in iter::once(next).chain(queue.try_iter()) {
            match outgoing {
                Outgoing::Message(message) => writer.feed(&message)?,
                Outgoing::Close(code, reason) => return writer.close(code, reason),
            }
        }
        writer.flush()?;
    }
    Ok(())
}
