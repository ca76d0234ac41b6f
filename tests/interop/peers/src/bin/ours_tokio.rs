//! This crate, `sansocket::tokio`, as a server over TLS.

use std::net::TcpListener;
use std::sync::Arc;

use interop_peers::ours::{fragments, from_message};
use interop_peers::{CLOSE_CODE, CLOSE_REASON, PING, Result, choose, ended, run, tls};
use sansocket::tokio::{NetStream, WebSocket, accept_with};
use sansocket::{CloseCode, Config, Event};

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    run(|_, _, _| Err("n/a".into()), |listener| runtime.block_on(server(listener)))
}

async fn server(listener: TcpListener) -> Result<()> {
    let tls = tls::server()?.ok_or("the variable TLS names no directory")?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (tcp, _) = listener.accept().await?;
        let stream = NetStream::tls_server(tcp, Arc::clone(&tls))?;
        tokio::spawn(converse(stream));
    }
}

async fn converse(stream: NetStream) {
    let mut path = String::new();
    let accepted = accept_with(stream, Config::default(), |request| {
        path = request.path().to_owned();
        match choose(request.subprotocols()) {
            _ if path == "/reject" => request.reject(403),
            Some(chosen) => request.accept().subprotocol(chosen),
            None => request.accept(),
        }
    });
    let Ok(mut socket) = accepted.await else { return };
    let outcome = serve(&mut socket, &path).await;
    match (socket.close_info(), outcome) {
        (Some(end), _) => ended(end.code.0, &end.reason),
        (None, Err(error)) => eprintln!("ours_tokio: {path}: {error}"),
        (None, Ok(())) => {}
    }
}

async fn serve(socket: &mut WebSocket<NetStream>, path: &str) -> Result<()> {
    if path == "/ping" {
        socket.ping(PING.as_bytes()).await?;
        while !matches!(socket.read_event().await?, Some(Event::Pong(payload)) if payload == PING.as_bytes())
        {
        }
        socket.send(&format!("pong {PING}")).await?;
    }
    while let Some(message) = socket.read().await? {
        match path {
            "/fragments" => {
                for part in fragments(&from_message(message)) {
                    socket.send(part).await?;
                }
            }
            "/close" => return Ok(socket.close(CloseCode(CLOSE_CODE), CLOSE_REASON).await?),
            _ => socket.feed(&message).await?,
        }
    }
    Ok(())
}
