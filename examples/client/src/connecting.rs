//! The connection of a client.

use sansocket::Error;
use sansocket::blocking::{self, NetStream, WebSocket};
use sansocket::handshake::client::Request;

use crate::ending::Status;
use crate::notes::Notes;
use crate::options::Options;
use crate::session;

/// Connects, and is a client until the connection has ended.
pub(crate) fn run(url: &Request, options: &Options, notes: Notes) -> Status {
    let place = format!("{}:{}", url.host(), url.port());
    match connect(url, options) {
        Ok(socket) => session::run_one(socket, &place, options, notes),
        Err(error) => {
            notes.show_refusal(&place, url.is_secure(), &error);
            Status::without_connection(&error)
        }
    }
}

/// Makes the connection. Whatever is between this program and the server is set up here.
fn connect(url: &Request, options: &Options) -> Result<WebSocket<NetStream>, Error> {
    let request = options.opening.origin.iter().fold(with_headers(url.clone(), options), Request::origin);
    let (socket, _response) = blocking::connect_with(&request, options.config())?;
    Ok(socket)
}

/// What the options add to a request, or in the same words to a response.
pub(crate) fn with_headers(request: Request, options: &Options) -> Request {
    let request = options.opening.subprotocol.iter().fold(request, Request::subprotocol);
    let headers = options.opening.header.iter();
    headers.fold(request, |request, (name, value)| request.header(name, value.as_str()))
}
