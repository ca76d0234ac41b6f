//! Open connections: a thread for each prints what arrives, one sends the input.
//!
//! Reading never waits for sending. Pings are answered while the input is idle, and the program ends with the connection even
//! if the input does not end.

use std::fmt::Display;
use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use sansocket::blocking::{NetStream, Reader, WebSocket};
use sansocket::tls::rustls::ProtocolVersion;
use sansocket::{CloseCode, Ending, Error, Event, Message, ProtocolError, Role};

use crate::ending::{End, Explained, Status, TooLong};
use crate::notes::{About, Again, Closed, Notes};
use crate::options::Options;
use crate::output::Screen;
use crate::peers::Peers;
use crate::typing::Typing;

/// What the threads share.
pub(crate) struct Session {
    pub(crate) peers: Peers,
    screen: Mutex<Screen>,
    pub(crate) notes: Notes,
    /// Notes and JSON name the peer.
    many: bool,
    role: Role,
    deflate: bool,
    /// What is sent on each connection before the input.
    first: Vec<Message>,
    /// The longest message, in bytes.
    limit: u64,
    /// A line was not sent.
    unsent: AtomicBool,
    /// The input could not be read.
    unread: AtomicBool,
}

/// One connection, to its end.
pub(crate) fn run_one(socket: WebSocket<NetStream>, name: &str, options: &Options, notes: Notes) -> Status {
    let session = Session::new(options, notes);
    session.close_on_ctrl_c();
    let end = session.receive(name, socket, |session| session.start_typing(options));
    session.report(name, &end, None);
    session.status(end.status)
}

impl Session {
    pub(crate) fn new(options: &Options, notes: Notes) -> Arc<Self> {
        Arc::new(Self {
            peers: Peers::new(),
            screen: Mutex::new(Screen::new(options)),
            notes,
            many: options.many,
            role: if options.listen.is_some() { Role::Server } else { Role::Client },
            deflate: options.opening.deflate,
            first: [&options.input.text_file[..], &options.input.first[..]].concat(),
            limit: options.input.max_message,
            unsent: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        })
    }

    /// Starts the thread that reads the input.
    pub(crate) fn start_typing(self: &Arc<Self>, options: &Options) {
        let typing = Typing::new(self, options);
        if let Err(error) = thread::Builder::new().spawn(move || typing.run()) {
            self.input_failed(&error);
        }
    }

    /// Prints what arrives on a connection until it has ended.
    pub(crate) fn receive(
        self: &Arc<Self>,
        name: &str,
        socket: WebSocket<NetStream>,
        opened: impl FnOnce(&Arc<Self>),
    ) -> End {
        let connected = self.connected(name, &socket);
        let (mut reader, writer) = socket.split();
        // They are written when the reader begins to wait.
        let feed = |message| {
            TooLong::check(message, self.limit)?;
            writer.feed(message).map_err(|error| error.to_string())
        };
        let faults: Vec<_> = self.first.iter().filter_map(|message| feed(message).err()).collect();
        self.peers.add(name, writer);
        self.notes.say(connected);
        faults.iter().for_each(|fault| self.skip("a first message", fault));
        opened(self);
        let outcome = self.print(&About(self.many.then_some(name)), &mut reader);
        let asked = self.peers.remove(name);
        let lost = || ProtocolError::ConnectionLost.into();
        match (reader.close_info().filter(|info| info.was_clean), outcome) {
            (Some(info), _) => {
                End { status: Status::of_close(&info, asked), why: Ending::Closed(info), asked }
            }
            (None, outcome) => {
                let error = outcome.err().unwrap_or_else(lost);
                End { status: Status::of_fault(&error), why: Ending::Failed(error), asked }
            }
        }
    }

    /// Prints how the connection to `name` ended, and when the next one follows.
    pub(crate) fn report(&self, name: &str, end: &End, again: Option<Duration>) {
        let (about, next) = (About(self.many.then_some(name)), Again(again));
        match &end.why {
            Ending::Closed(info) => {
                let closed = Closed { info, asked: end.asked, role: self.role };
                self.notes.say(format_args!("{about}{closed}{next}"));
            }
            // After a failure of the output, this end is the one that went away.
            Ending::Failed(_) if self.screen().failure().is_some() => {}
            Ending::Failed(error) if again.is_some() => {
                self.notes.say(format_args!("{about}{}{next}", Explained(error)));
            }
            Ending::Failed(error) => self.notes.complain(format_args!("{about}{}", Explained(error))),
            _ => {}
        }
    }

    fn connected(&self, name: &str, socket: &WebSocket<NetStream>) -> String {
        let mut connected = match self.role {
            Role::Client => format!("connected to {name}"),
            Role::Server => format!("connection from {name}"),
        };
        if let Some(tls) = socket.stream().tls_info() {
            let version = match tls.protocol {
                ProtocolVersion::TLSv1_2 => "1.2",
                _ => "1.3",
            };
            connected += &format!(", TLS {version} ({:?})", tls.cipher_suite);
        }
        if let Some(subprotocol) = socket.subprotocol() {
            connected += &format!(", subprotocol {subprotocol}");
        }
        if self.deflate {
            connected += if socket.negotiated().is_some() { ", compressed" } else { ", not compressed" };
        }
        connected
    }

    fn print(&self, about: &About<'_>, reader: &mut Reader<NetStream>) -> Result<(), Error> {
        while let Some(event) = reader.read_event()? {
            match &event {
                Event::Text(_) | Event::Binary(_) => {
                    let last = self.screen().show(&event, about.0);
                    if let Some(code) = last {
                        self.peers.close_all(code, "");
                    }
                }
                Event::Ping(payload) => {
                    self.notes.say(format_args!("{about}ping \"{}\"", payload.escape_ascii()));
                }
                // An empty Pong answers the keepalive.
                Event::Pong([]) => {}
                Event::Pong(payload) => {
                    self.notes.say(format_args!("{about}pong \"{}\"", payload.escape_ascii()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The exit status, if the connections would give `status`.
    pub(crate) fn status(&self, status: Status) -> Status {
        let screen = self.screen();
        match screen.failure() {
            // The program that read the output has ended, as in `sansocket … | head -1`.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Some(error) => self.notes.complain(format_args!("the output cannot be written: {error}")),
            None => {}
        }
        match status {
            _ if screen.failure().is_some() => Status::InputOrOutput,
            Status::Agreed if self.unread.load(Ordering::SeqCst) => Status::InputOrOutput,
            Status::Agreed if screen.misses_some() => Status::TooFew,
            Status::Agreed if self.unsent.load(Ordering::SeqCst) => Status::Usage,
            status => status,
        }
    }

    /// A part of the input is not sent.
    pub(crate) fn skip(&self, place: &str, fault: impl Display) {
        self.notes.complain(format_args!("{place} was not sent: {fault}"));
        self.unsent.store(true, Ordering::SeqCst);
    }

    pub(crate) fn input_failed(&self, error: &io::Error) {
        self.notes.complain(format_args!("the input cannot be read: {error}"));
        self.unread.store(true, Ordering::SeqCst);
    }

    pub(crate) fn close_on_ctrl_c(self: &Arc<Self>) {
        let session = Arc::clone(self);
        let mut pressed = false;
        let handled = ctrlc::set_handler(move || {
            // Without a connection, a client has nothing to close.
            let is_idle = session.role == Role::Client && session.peers.are_none();
            if std::mem::replace(&mut pressed, true) || is_idle {
                process::exit(130);
            }
            session.peers.close_all(CloseCode::GOING_AWAY, "");
        });
        if let Err(error) = handled {
            self.notes.complain(format_args!("Ctrl-C will end the program at once: {error}"));
        }
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
