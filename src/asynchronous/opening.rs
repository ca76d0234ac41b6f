//! The opening handshake over a stream that is polled.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::WebSocket;
use super::io::{Io, poll_drain, poll_read, write_all};
use crate::buffer::Buffer;
use crate::config::Config;
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::server::{self, HttpRequest, Incoming, Request, Response};

/// Opens a connection over a stream that has reached the server, `wss:` with TLS already.
pub(crate) async fn connect<I: Io>(
    mut io: I,
    request: &client::Request,
    config: Arc<Config>,
    timeout: Duration,
) -> Result<(WebSocket<I>, client::Response), Error> {
    let deadline = io.now().saturating_add(timeout);
    let mut handshake = client::Handshake::new(request, config)?;
    let mut input = Buffer::new();
    write_all(&mut io, handshake.output(), deadline).await?;
    loop {
        if let Some((connection, response)) = handshake.receive(&mut input)? {
            return Ok((WebSocket::from_parts(io, connection, input), response));
        }
        match read(&mut io, &mut input, deadline).await? {
            Some(0) => return Err(handshake.receive_eof().into()),
            Some(_) => {}
            None => {
                return Err(match handshake.receive_eof() {
                    HandshakeError::UnexpectedEof => HandshakeError::TimedOut.into(),
                    refused => refused.into(),
                });
            }
        }
    }
}

/// Accepts WebSocket connections and nothing else.
pub(crate) async fn accept<I: Io>(
    io: I,
    config: Arc<Config>,
    decide: impl FnOnce(&Request) -> Response,
) -> Result<WebSocket<I>, Error> {
    let socket = serve(io, config, decide, HttpRequest::upgrade_required).await?;
    socket.ok_or(HandshakeError::NotAnUpgrade.into())
}

/// Accepts WebSocket connections and answers other requests.
pub(crate) async fn serve<I: Io>(
    mut io: I,
    config: Arc<Config>,
    decide: impl FnOnce(&Request) -> Response,
    page: impl FnOnce(&HttpRequest) -> Response,
) -> Result<Option<WebSocket<I>>, Error> {
    let deadline = io.now().saturating_add(config.handshake_timeout);
    let mut input = Buffer::new();
    let mut handshake = server::Handshake::new(Arc::clone(&config));
    let incoming = loop {
        match handshake.receive(&mut input) {
            Ok(Some(incoming)) => break incoming,
            Ok(None) => {}
            Err(error) => {
                answer(io, &mut handshake, &config).await.ok();
                return Err(error.into());
            }
        }
        match read(&mut io, &mut input, deadline).await? {
            Some(0) => return Err(HandshakeError::UnexpectedEof.into()),
            Some(_) => {}
            None => return Err(HandshakeError::TimedOut.into()),
        }
    };
    let response = incoming.answer(decide, page);
    let status = response.status();
    if let Some(mut connection) = handshake.respond(response)? {
        write_all(&mut io, connection.output(), deadline).await?;
        return Ok(Some(WebSocket::from_parts(io, connection, input)));
    }
    answer(io, &mut handshake, &config).await?;
    match incoming {
        Incoming::Upgrade(_) => Err(HandshakeError::Rejected(status).into()),
        Incoming::Http(_) => Ok(None),
    }
}

/// Writes an answer that opens no connection, and ends the stream behind it.
async fn answer<I: Io>(mut io: I, handshake: &mut server::Handshake, config: &Config) -> io::Result<()> {
    let deadline = io.now().saturating_add(config.close_timeout);
    write_all(&mut io, handshake.output(), deadline).await?;
    poll_fn(|cx| match io.poll_shutdown(cx) {
        Poll::Pending => io.poll_until(cx, deadline).map(|()| Ok(())),
        shut => shut,
    })
    .await
    .ok();
    poll_fn(|cx| poll_drain(&mut io, cx, deadline)).await;
    Ok(())
}

/// Reads once; `None` at the deadline.
async fn read<I: Io>(io: &mut I, input: &mut Buffer, deadline: Duration) -> io::Result<Option<usize>> {
    poll_fn(|cx| match poll_read(io, cx, input) {
        Poll::Ready(read) if io.now() < deadline => Poll::Ready(read.map(Some)),
        Poll::Ready(_) => Poll::Ready(Ok(None)),
        Poll::Pending => io.poll_until(cx, deadline).map(|()| Ok(None)),
    })
    .await
}
