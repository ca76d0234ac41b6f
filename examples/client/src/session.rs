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

use sansocket::blocking::{Reader, Shareable, WebSocket};
use sansocket::{CloseCode, Error, Event, Role};

use crate::ending::{Explained, Status};
use crate::notes::{About, Closed, Notes};
use crate::options::Options;
use crate::output::Screen;
use crate::peers::Peers;
use crate::typing::Typing;

/// What the threads share.
pub(crate) struct Session<S: Shareable> {
    pub(crate) peers: Peers<S>,
    screen: Mutex<Screen>,
    pub(crate) notes: Notes,
    /// Notes and JSON name the peer.
    many: bool,
    role: Role,
    deflate: bool,
    /// A line was not sent.
    unsent: AtomicBool,
    /// The input could not be read.
    unread: AtomicBool,
}

/// One connection, to its end.
pub(crate) fn run_one<S: Shareable<Handle: Sync> + 'static>(
    socket: WebSocket<S>,
    name: &str,
    options: &Options,
    notes: Notes,
) -> Status {
    let session = Session::new(options, notes);
    session.close_on_ctrl_c();
    let status = session.receive(name, socket, |session| session.start_typing(options));
    session.status(status)
}

impl<S: Shareable<Handle: Sync> + 'static> Session<S> {
    pub(crate) fn new(options: &Options, notes: Notes) -> Arc<Self> {
        Arc::new(Self {
            peers: Peers::new(),
            screen: Mutex::new(Screen::new(options)),
            notes,
            many: options.many,
            role: if options.listen.is_some() { Role::Server } else { Role::Client },
            deflate: options.opening.deflate,
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

    /// Prints what arrives on a connection until it has ended, and how it ended.
    pub(crate) fn receive(
        self: &Arc<Self>,
        name: &str,
        socket: WebSocket<S>,
        opened: impl FnOnce(&Arc<Self>),
    ) -> Status {
        self.notes.say(self.connected(name, &socket));
        let (mut reader, writer) = socket.split();
        self.peers.add(name, writer);
        opened(self);
        let about = About(self.many.then_some(name));
        let outcome = self.print(&about, &mut reader);
        let asked = self.peers.remove(name);
        match (reader.close_info().filter(|info| info.was_clean), outcome) {
            (Some(info), _) => {
                let closed = Closed { info: &info, asked, role: self.role };
                self.notes.say(format_args!("{about}{closed}"));
                Status::of_close(&info, asked)
            }
            (None, Err(error)) => {
                // After a failure of the output, this end is the one that went away.
                if self.screen().failure().is_none() {
                    self.notes.complain(format_args!("{about}{}", Explained(&error)));
                }
                Status::of_fault(&error)
            }
            (None, Ok(())) => Status::Lost,
        }
    }

    fn connected(&self, name: &str, socket: &WebSocket<S>) -> String {
        let mut connected = match self.role {
            Role::Client => format!("connected to {name}"),
            Role::Server => format!("connection from {name}"),
        };
        if let Some(subprotocol) = socket.subprotocol() {
            connected += &format!(", subprotocol {subprotocol}");
        }
        if self.deflate {
            connected += if socket.negotiated().is_some() { ", compressed" } else { ", not compressed" };
        }
        connected
    }

    fn print(&self, about: &About<'_>, reader: &mut Reader<S>) -> Result<(), Error> {
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
            if std::mem::replace(&mut pressed, true) {
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
