//! The rows of the blocking shell. Tasks are threads.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use sansocket::blocking::{WebSocket, accept_with, connect_over};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Connection, Error};

use crate::{LATER, Released, Row, Used, Work};

pub(crate) fn run(row: Row, stream: TcpStream, begin: Instant) -> Released {
    let timed = |result: Result<(), Error>| (begin.elapsed(), result);
    let socket = match row.used {
        Used::Client => {
            let request = Request::new("ws://peer/").unwrap();
            return vec![timed(connect_over(stream, &request, row.config()).map(drop))];
        }
        Used::Server => {
            return vec![timed(accept_with(stream, row.config(), |request| request.accept()).map(drop))];
        }
        Used::Whole | Used::Split => WebSocket::from_parts(stream, Connection::server(row.config())).unwrap(),
    };
    if row.used == Used::Whole {
        return vec![timed(alone(socket, row.work))];
    }
    let (mut reader, writer) = socket.split();
    let message = Row::message();
    let mut reading = |wait: Duration| match row.work {
        Work::Send => None,
        Work::Close | Work::SendAndClose => {
            thread::sleep(wait);
            Some(reader.close(CloseCode::NORMAL, ""))
        }
        _ => Some(loop {
            match reader.read() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        }),
    };
    let sending = || match row.work {
        Work::Send | Work::ReadAndSend | Work::SendAndClose => Some(writer.send(&message)),
        Work::ReadAndClose => {
            thread::sleep(LATER);
            Some(writer.close(CloseCode::NORMAL, ""))
        }
        _ => None,
    };
    let wait = if row.work == Work::SendAndClose { LATER } else { Duration::ZERO };
    thread::scope(|scope| {
        let sent = scope.spawn(move || sending().map(timed));
        let read = reading(wait).map(timed);
        [read, sent.join().unwrap()].into_iter().flatten().collect()
    })
}

fn alone(mut socket: WebSocket<TcpStream>, work: Work) -> Result<(), Error> {
    match work {
        Work::Send => socket.send(&Row::message()),
        Work::Close => socket.close(CloseCode::NORMAL, ""),
        _ => loop {
            if socket.read()?.is_none() {
                return Ok(());
            }
        },
    }
}
