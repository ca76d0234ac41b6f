//! The end of a connection over TLS.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, mpsc};

use sansocket::blocking::{NetStream, WebSocket, WithoutTimeouts, accept};
use sansocket::tls::rustls::{ServerConnection, StreamOwned};
use sansocket::{CloseCode, Connector, Error, Event, ProtocolError};

use crate::peers::{connect_everywhere, serve};
use crate::servers::listen_to_many;
use crate::throwaway::Ca;

/// Answers the Close frame, then ends the TCP connection under TLS.
fn answer_and_cut(socket: WebSocket<NetStream>) -> Result<(), Error> {
    let (mut stream, mut connection) = socket.into_parts();
    loop {
        match connection.next_event()? {
            Some(Event::Text(text)) => {
                let text = text.to_owned();
                connection.send(&text)?;
            }
            Some(Event::Close(_)) => break,
            Some(_) => {}
            None => drop(connection.read_from(&mut stream)?),
        }
        connection.output().write_all_to(&mut stream)?;
    }
    connection.output().write_all_to(&mut stream)?;
    Ok(stream.tcp().shutdown(Shutdown::Both)?)
}

// attack: way-1
#[test]
fn missing_close_notify_behind_a_complete_closing_handshake_is_a_clean_end() {
    let ca = Ca::new();
    let url = format!("wss://localhost:{}/", serve(ca.server(), answer_and_cut));
    for outcome in connect_everywhere(&url, &Connector::new().tls(ca.client())) {
        outcome.unwrap();
    }
}

// attack: way-1
#[test]
fn end_before_the_closing_handshake_is_a_lost_connection() {
    let ca = Ca::new();
    let cut = |mut socket: WebSocket<NetStream>| {
        let message = socket.read()?.unwrap();
        socket.send(&message)?;
        Ok(socket.stream().tcp().shutdown(Shutdown::Both)?)
    };
    let url = format!("wss://localhost:{}/", serve(ca.server(), cut));
    for outcome in connect_everywhere(&url, &Connector::new().tls(ca.client())) {
        let error = outcome.unwrap_err();
        let is_lost = matches!(&error, Error::Protocol(ProtocolError::ConnectionLost))
            || matches!(&error, Error::Io(error) if error.kind() == ErrorKind::BrokenPipe
                || error.kind() == ErrorKind::ConnectionReset);
        assert!(is_lost, "{error:?}");
    }
}

#[test]
fn close_notify_is_sent_behind_the_closing_handshake() {
    let ca = Ca::new();
    let (config, (ended, ends)) = (ca.server(), mpsc::channel());
    let port = listen_to_many(move |tcp: TcpStream| {
        let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), tcp);
        let (mut stream, mut connection) = accept(WithoutTimeouts(tls)).unwrap().into_parts();
        while connection.close_info().is_none() {
            match connection.next_event() {
                Ok(Some(Event::Text(_))) => connection.send("Hello").unwrap(),
                Ok(None) => drop(connection.read_from(&mut stream)),
                _ => {}
            }
            connection.output().write_all_to(&mut stream).unwrap();
        }
        stream.0.conn.send_close_notify();
        stream.0.conn.write_tls(&mut stream.0.sock).unwrap();
        stream.0.sock.shutdown(Shutdown::Write).unwrap();
        // `close_notify` is `Ok(0)`, its absence an error.
        ended.send(stream.read(&mut [0; 16])).unwrap();
    });
    let outcomes =
        connect_everywhere(&format!("wss://localhost:{port}/"), &Connector::new().tls(ca.client()));
    for outcome in outcomes {
        outcome.unwrap();
        assert_eq!(ends.recv().unwrap().unwrap(), 0);
    }
}

#[test]
fn abort_wakes_a_read_that_waits() {
    let ca = Ca::new();
    let silent = |mut socket: WebSocket<NetStream>| socket.read().map(drop);
    let url = format!("wss://localhost:{}/", serve(ca.server(), silent));
    let request = sansocket::handshake::client::Request::new(&url).unwrap();
    let connector = Connector::new().tls(ca.client());
    let (socket, _) = sansocket::blocking::connect_with(&request, connector).unwrap();
    let (mut reader, writer) = socket.split();
    let reading = std::thread::spawn(move || reader.read());
    writer.abort();
    reading.join().unwrap().unwrap_err();
    writer.close(CloseCode::NORMAL, "").unwrap_err();
}
