//! The connections of a server.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sansocket::Error;
use sansocket::blocking::{self, NetStream, WebSocket};
use sansocket::handshake::client;
use sansocket::handshake::server::{Request, Response};
use sansocket::{Config, HandshakeError};

use crate::connecting::with_headers;
use crate::ending::Status;
use crate::notes::Notes;
use crate::options::Options;
use crate::session::{self, Session};

/// The value of `--origin` that lets all pages in.
const ANY: &str = "*";

/// After an error of `accept`, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens, and is a server until the connection has ended: with `--many`, until all are closed.
pub(crate) fn run(address: &str, options: &Options, notes: Notes) -> Status {
    if let Err(error) = check(options) {
        notes.complain(&error);
        return Status::without_connection(&error);
    }
    let listener = match bind(address) {
        Ok(listener) => listener,
        Err(error) => {
            notes.complain(format_args!("cannot listen on {address}: {error}"));
            return Status::NoConnection;
        }
    };
    match listener.local_addr() {
        Ok(address) => notes.say(format_args!("listening on ws://{address}/")),
        Err(error) => notes.complain(error),
    }
    let door = Door::new(options, notes);
    let outcome =
        if options.many { run_many(listener, door, options) } else { run_one(listener, door, options) };
    outcome.unwrap_or_else(|error| {
        notes.complain(error);
        Status::NoConnection
    })
}

fn run_one(listener: TcpListener, door: Door, options: &Options) -> io::Result<Status> {
    let notes = door.notes;
    let (sender, opened) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        door.serve(&listener, move |socket, name| {
            sender.send((socket, name.to_owned())).ok();
        });
    })?;
    let (socket, name) = opened.recv().map_err(io::Error::other)?;
    Ok(session::run_one(socket, &name, options, notes))
}

fn run_many(listener: TcpListener, door: Door, options: &Options) -> io::Result<Status> {
    let session = Session::new(options, door.notes);
    session.close_on_ctrl_c();
    session.start_typing(options);
    let receiving = Arc::clone(&session);
    thread::Builder::new().spawn(move || {
        door.serve(&listener, move |socket, name| {
            let end = receiving.receive(name, socket, |_| ());
            receiving.report(name, &end, None);
        });
    })?;
    session.peers.wait_for_end();
    Ok(session.status(Status::Agreed))
}

/// Whether the options can be part of a response, and of requests that are let in.
fn check(options: &Options) -> Result<(), Error> {
    let request = with_headers(client::Request::new("ws://127.0.0.1/")?, options);
    let origins = options.opening.origin.iter().filter(|origin| *origin != ANY);
    Ok(origins.fold(request, client::Request::origin).check()?)
}

fn bind(address: &str) -> io::Result<TcpListener> {
    match address.parse::<u16>() {
        Ok(port) => TcpListener::bind(("127.0.0.1", port)),
        Err(_) => TcpListener::bind(address),
    }
}

/// Decides who comes in.
struct Door {
    config: Arc<Config>,
    subprotocols: Vec<String>,
    headers: Vec<(String, String)>,
    origins: Vec<String>,
    /// Whether there is room for one connection only.
    single: bool,
    /// That connection is there.
    taken: AtomicBool,
    notes: Notes,
}

impl Door {
    fn new(options: &Options, notes: Notes) -> Self {
        Self {
            config: Arc::new(options.config()),
            subprotocols: options.opening.subprotocol.clone(),
            headers: options.opening.header.clone(),
            origins: options.opening.origin.clone(),
            single: !options.many,
            taken: AtomicBool::new(false),
            notes,
        }
    }

    /// Accepts connections, in a thread each: a browser opens some that it may never use.
    fn serve(
        self,
        listener: &TcpListener,
        opened: impl Fn(WebSocket<NetStream>, &str) + Send + Sync + 'static,
    ) {
        let shared = Arc::new((self, opened));
        loop {
            let accepted = listener.accept().and_then(|(stream, address)| {
                let shared = Arc::clone(&shared);
                thread::Builder::new().spawn(move || {
                    let (door, opened) = &*shared;
                    let name = address.to_string();
                    match door.open(stream, &name) {
                        Ok(socket) => opened(socket, &name),
                        Err(Error::Handshake(HandshakeError::Rejected(_))) => {}
                        Err(error) => door.notes.say(format_args!("{name}: no connection: {error}")),
                    }
                })
            });
            if let Err(error) = accepted {
                shared.0.notes.complain(error);
                thread::sleep(PAUSE);
            }
        }
    }

    fn open(&self, stream: TcpStream, name: &str) -> Result<WebSocket<NetStream>, Error> {
        let mut came_in = false;
        let opened = blocking::accept_with(NetStream::from(stream), Arc::clone(&self.config), |request| {
            let refusal = self.refusal(request, name);
            came_in = refusal.is_none();
            refusal.unwrap_or_else(|| self.acceptance(request))
        });
        if opened.is_err() && came_in {
            self.taken.store(false, Ordering::SeqCst);
        }
        opened
    }

    /// The response to a request that opens no connection.
    fn refusal(&self, request: &Request, name: &str) -> Option<Response> {
        // Any page on the web can connect to a server on this machine. The input is not for all of them.
        let may_connect =
            self.origins.iter().any(|origin| origin == ANY) || request.origin_is_in(&self.origins);
        if let Some(origin) = request.origin().filter(|_| !may_connect) {
            return Some(self.refuse(
                request,
                403,
                name,
                &format!("to let this page connect, add --origin {origin:?}"),
            ));
        }
        if self.single && self.taken.swap(true, Ordering::SeqCst) {
            return Some(self.refuse(
                request,
                503,
                name,
                "there is a connection already; --many allows more",
            ));
        }
        None
    }

    fn refuse(&self, request: &Request, status: u16, name: &str, reason: &str) -> Response {
        self.notes.say(format_args!("{name}: refused: {reason}"));
        request.reject(status).body(format!("{reason}\n"))
    }

    fn acceptance(&self, request: &Request) -> Response {
        let offered = |name: &&String| request.subprotocols().any(|offered| offered == **name);
        let response = match self.subprotocols.iter().find(offered) {
            Some(name) => request.accept().subprotocol(name),
            None => request.accept(),
        };
        let headers = self.headers.iter();
        headers.fold(response, |response, (name, value)| response.header(name, value.as_str()))
    }
}
