//! fastwebsockets: tokio streams. Hyper does its opening handshake.

use std::convert::Infallible;

use fastwebsockets::{FragmentCollector, OpCode, Role as TheirRole, WebSocket, WebSocketError};
use futures::FutureExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sansocket::Role;

use super::Peer;
use crate::outcome::{End, Fault, Received, Shows};
use crate::stream::Stream;

pub struct Fastwebsockets;

impl Peer for Fastwebsockets {
    fn name(&self) -> &'static str {
        "fastwebsockets"
    }

    fn shows(&self) -> Shows {
        Shows { pings: false, pongs: true }
    }

    fn receive(&self, role: Role, limit: usize, stream: Stream) -> (Vec<Received>, End) {
        let role = match role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        let mut socket = WebSocket::after_handshake(stream, role);
        // Its limit is the first length that is too long.
        socket.set_max_message_size(limit + 1);
        let mut socket = FragmentCollector::new(socket);
        let mut received = Vec::new();
        loop {
            let frame = match socket.read_frame().now_or_never().expect("the stream is ready") {
                Ok(frame) => frame,
                Err(error) => return (received, end(&error)),
            };
            let payload = frame.payload.to_vec();
            received.push(match frame.opcode {
                OpCode::Text => Received::Text(payload),
                OpCode::Binary => Received::Binary(payload),
                OpCode::Ping => Received::Ping(payload),
                OpCode::Pong => Received::Pong(payload),
                OpCode::Close => {
                    let parts = payload.split_first_chunk();
                    let closed = parts.map(|(code, reason)| {
                        (u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned())
                    });
                    return (received, End::Closed(closed));
                }
                OpCode::Continuation => unreachable!("it is collected"),
            });
        }
    }

    fn accept(&self, stream: Stream) {
        let answer = |request: Request<hyper::body::Incoming>| async move {
            let refusal = || {
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = StatusCode::BAD_REQUEST;
                response
            };
            if !fastwebsockets::upgrade::is_upgrade_request(&request) {
                return Ok::<_, Infallible>(refusal());
            }
            Ok(fastwebsockets::upgrade::upgrade(request).map_or_else(|_| refusal(), |(response, _)| response))
        };
        let connection = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .with_upgrades();
        _ = connection.now_or_never();
    }

    fn connect(&self, offers: bool, stream: Stream) -> bool {
        let mut request = Request::builder()
            .uri("http://example.com/")
            .header("Host", "example.com")
            .header("Upgrade", "websocket")
            .header("Connection", "upgrade")
            .header("Sec-WebSocket-Key", fastwebsockets::handshake::generate_key())
            .header("Sec-WebSocket-Version", "13");
        if offers {
            request = request.header("Sec-WebSocket-Protocol", "chat");
        }
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let executor = TokioExecutor::new();
        runtime.block_on(fastwebsockets::handshake::client(&executor, request, stream)).is_ok()
    }
}

fn end(error: &WebSocketError) -> End {
    match error {
        WebSocketError::UnexpectedEOF => End::Lost,
        WebSocketError::InvalidUTF8 => End::Failed(Fault::InvalidUtf8),
        WebSocketError::FrameTooLarge => End::Failed(Fault::TooBig),
        WebSocketError::IoError(error) => panic!("{error}"),
        _ => End::Failed(Fault::Protocol),
    }
}
