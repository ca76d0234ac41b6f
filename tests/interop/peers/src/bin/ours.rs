//! This crate, `sansocket::blocking`, as a client and as a server.

use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::thread;

use interop_peers::ours::{
    Socket, connect, connector, finish, fragments, from_message, to_message, wait_for_end, wait_for_pong,
};
use interop_peers::{CLOSE_CODE, CLOSE_REASON, Data, PING, Result, choose, ended, run, tls};
use sansocket::blocking::{self, NetStream};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Config, Deflate, Error, HandshakeError, Limits, ProtocolError};

fn main() -> Result<()> {
    run(client, server)
}

fn client(command: &str, url: &str, rest: &str) -> Result<String> {
    match command {
        "echo" | "fragments" => {
            let data = Data::parse(rest)?;
            let mut socket = connect(url)?;
            if command == "echo" {
                socket.send(&to_message(&data)?)?;
            } else {
                fragments(&data).into_iter().try_for_each(|part| socket.send(part))?;
            }
            from_message(socket.read()?.ok_or("closed")?).expect(&data)?;
            finish(socket)
        }
        "fragmented" => fragmented(url, rest),
        "deflate" => deflate(url, rest),
        "ping" => {
            let mut socket = connect(url)?;
            socket.ping(PING.as_bytes())?;
            wait_for_pong(&mut socket)?;
            finish(socket)
        }
        "message" => {
            let mut socket = connect(url)?;
            let message = socket.read()?.ok_or("closed")?;
            finish(socket)?;
            Ok(message.as_text().ok_or("not a text")?.to_owned())
        }
        "subprotocols" => {
            let request = rest
                .split(',')
                .filter(|name| !name.is_empty())
                .fold(Request::new(url)?, Request::subprotocol);
            let (socket, _) = blocking::connect_with(&request, connector(Config::default())?)?;
            let chosen = socket.subprotocol().unwrap_or_default().to_owned();
            finish(socket)?;
            Ok(chosen)
        }
        "close" => {
            let (code, reason) = rest.split_once(' ').ok_or("CODE REASON expected")?;
            let mut socket = connect(url)?;
            socket.close(CloseCode(code.parse()?), reason)?;
            let end = socket.close_info().ok_or("not closed")?;
            Ok(format!("{} {}", end.code, if end.was_clean { "clean" } else { "not clean" }))
        }
        "closed" => {
            let mut socket = connect(url)?;
            socket.send("exit")?;
            let end = wait_for_end(&mut socket)?;
            Ok(format!("{} {}", end.code, end.reason))
        }
        "drop" => {
            drop(connect(url)?);
            Ok(String::new())
        }
        "open" => {
            let error = connect(url).err().ok_or("connected")?;
            match error.downcast_ref() {
                Some(Error::Handshake(HandshakeError::Refused(refusal))) => Ok(refusal.status.to_string()),
                _ => Err(error),
            }
        }
        _ => Err("n/a".into()),
    }
}

/// Three messages, so that a window is taken over.
fn deflate(url: &str, rest: &str) -> Result<String> {
    let (data, settings) = rest.rsplit_once(' ').ok_or("KIND LEN SETTINGS expected")?;
    let data = Data::parse(data)?;
    let config = Config::default().deflate(Some(settings_of(settings)?));
    let (mut socket, _) = blocking::connect_with(&Request::new(url)?, connector(config)?)?;
    for _ in 0..3 {
        socket.send(&to_message(&data)?)?;
        from_message(socket.read()?.ok_or("closed")?).expect(&data)?;
    }
    let agreed = socket.negotiated().map_or("", |_| "permessage-deflate");
    finish(socket)?;
    Ok(agreed.to_owned())
}

/// Settings by name.
fn settings_of(name: &str) -> Result<Deflate> {
    let all = Deflate::default().takeover(true).peer_takeover(true);
    Ok(match name {
        "default" | "-" => Deflate::default(),
        "takeover" => all,
        "feed" => Deflate::feed(),
        "small" => all.window_bits(9).peer_window_bits(9),
        "name" => all.offers_name_only(true),
        _ => return Err("n/a".into()),
    })
}

/// A message in fragments is given out whole. A limit of two fragments shows that it arrived in three.
fn fragmented(url: &str, rest: &str) -> Result<String> {
    client("echo", url, rest)?;
    let config = Config::default().limits(Limits::default().max_fragments(2));
    let (mut socket, _) = blocking::connect_with(&Request::new(url)?, connector(config)?)?;
    socket.send(&to_message(&Data::parse(rest)?)?)?;
    match socket.read() {
        Err(Error::Protocol(ProtocolError::TooManyFragments { .. })) => Ok(String::new()),
        other => Err(format!("not in three fragments: {other:?}").into()),
    }
}

fn server(listener: TcpListener) -> Result<()> {
    let settings = std::env::args().nth(2).map(|name| settings_of(&name)).transpose()?;
    let config = Arc::new(Config::default().deflate(settings));
    let tls = tls::server()?;
    loop {
        let (tcp, _) = listener.accept()?;
        let stream = match &tls {
            Some(tls) => NetStream::tls_server(tcp, Arc::clone(tls))?,
            None => NetStream::from(tcp),
        };
        let config = Arc::clone(&config);
        thread::spawn(move || {
            let mut path = String::new();
            let accepted = blocking::accept_with(stream, config, |request| {
                path = request.path().to_owned();
                match choose(request.subprotocols()) {
                    _ if path == "/reject" => request.reject(403),
                    Some(chosen) => request.accept().subprotocol(chosen),
                    None => request.accept(),
                }
            });
            let Ok(mut socket) = accepted else { return };
            let outcome = serve(&mut socket, &path);
            match (socket.close_info(), outcome) {
                (Some(end), _) => ended(end.code.0, &end.reason),
                (None, Err(error)) => eprintln!("ours: {path}: {error}"),
                (None, Ok(())) => {}
            }
        });
    }
}

fn serve(socket: &mut Socket, path: &str) -> Result<()> {
    if path == "/ping" {
        socket.ping(PING.as_bytes())?;
        wait_for_pong(socket)?;
        socket.send(&format!("pong {PING}"))?;
    }
    while let Some(message) = socket.read()? {
        match path {
            "/fragments" => {
                fragments(&from_message(message)).into_iter().try_for_each(|part| socket.send(part))?;
            }
            "/drop" => return Ok(socket.stream().shutdown(Shutdown::Both)?),
            "/close" => return Ok(socket.close(CloseCode(CLOSE_CODE), CLOSE_REASON)?),
            _ => socket.feed(&message)?,
        }
    }
    Ok(())
}
