//! The connections of a client: one, or with `--reconnect` one after the other.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use sansocket::blocking::{self, NetStream, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{BackOff, Ending, Retries};

use crate::ending::Status;
use crate::notes::Notes;
use crate::options::Options;
use crate::session::Session;

const INSECURE: &str = "WARNING: --insecure: the certificate of the server is not checked. Anyone between this program \
    and the server can read and change all messages";

/// Connects, and is a client until the last connection has ended.
pub(crate) fn run(url: &Request, options: &Options, notes: Notes) -> Status {
    let request = options.opening.origin.iter().fold(with_headers(url.clone(), options), Request::origin);
    let connector = match options.way.connector(options.config()) {
        Ok(connector) => connector,
        Err(error) => {
            notes.complain(error);
            return Status::Usage;
        }
    };
    if options.way.insecure {
        notes.complain(INSECURE);
    }
    let place = options.way.place(url);
    let session = Session::new(options, notes);
    let mut retries = options.opening.reconnect.then(|| Retries::new(BackOff::default()));
    let mut begun = false;
    loop {
        let (status, pause) = match blocking::connect_with(&request, &connector) {
            Ok((socket, _response)) => {
                let opened = Instant::now();
                let is_first = !std::mem::replace(&mut begun, true);
                if is_first {
                    session.close_on_ctrl_c();
                }
                let end = session.receive(&name(&place, &socket, options), socket, |session| {
                    if is_first {
                        session.start_typing(options);
                    }
                });
                let goes_on = end.asked.is_none() && !session.peers.are_closing();
                let pause = retries.as_mut().filter(|_| goes_on).and_then(|retries| {
                    retries.opened(opened.elapsed());
                    pause(retries, &end.why)
                });
                session.report(&place, &end, pause);
                (end.status, pause)
            }
            Err(error) => {
                let status = Status::without_connection(&error);
                let why = Ending::Failed(error);
                let pause = retries.as_mut().and_then(|retries| pause(retries, &why));
                if let Ending::Failed(error) = &why {
                    notes.show_refusal(&place, url.is_secure(), error, pause);
                }
                (status, pause)
            }
        };
        // The end of the input or a command may end the attempts.
        if pause.is_none_or(|pause| session.peers.wait_for_closing(pause)) {
            return session.status(status);
        }
    }
}

/// What the connection is called.
fn name(place: &str, socket: &WebSocket<NetStream>, options: &Options) -> String {
    match socket.stream().peer_addr() {
        Ok(address) if options.way.may_lead_elsewhere() => format!("{place}, reached at {address}"),
        _ => place.to_owned(),
    }
}

/// How long to wait before the next attempt. `None`: it would end as this one did.
fn pause(retries: &mut Retries, why: &Ending) -> Option<Duration> {
    let random = RandomState::new().hash_one(());
    match why {
        Ending::Closed(info) => retries.closed(info, random),
        Ending::Failed(error) => retries.failed(error, SystemTime::now(), random),
        _ => None,
    }
}

/// Adds the subprotocols and headers of the options.
pub(crate) fn with_headers(request: Request, options: &Options) -> Request {
    let request = options.opening.subprotocol.iter().fold(request, Request::subprotocol);
    let headers = options.opening.header.iter();
    headers.fold(request, |request, (name, value)| request.header(name, value.as_str()))
}
