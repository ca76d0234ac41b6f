//! tokio-websockets: tokio streams.

use futures::{FutureExt, StreamExt};
use sansocket::Role;
use tokio_websockets::proto::ProtocolError;
use tokio_websockets::{ClientBuilder, Error, Limits, Message, ServerBuilder};

use super::Peer;
use crate::outcome::{End, Fault, Received, Shows};
use crate::stream::Stream;

pub struct TokioWebsockets;

impl Peer for TokioWebsockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn shows(&self) -> Shows {
        Shows { pings: true, pongs: true }
    }

    fn receive(&self, role: Role, limit: usize, stream: Stream) -> (Vec<Received>, End) {
        let limits = Limits::default().max_payload_len(Some(limit));
        let mut socket = match role {
            Role::Server => ServerBuilder::new().limits(limits).serve(stream),
            Role::Client => ClientBuilder::new().limits(limits).take_over(stream),
        };
        let mut next = || socket.next().now_or_never().expect("the stream is ready");
        let (mut received, mut closed) = (Vec::new(), End::Lost);
        loop {
            match next() {
                None => return (received, closed),
                Some(Ok(message)) => match took(&message) {
                    Ok(message) => received.push(message),
                    Err(close) => closed = close,
                },
                Some(Err(error)) => {
                    // Writes its answer.
                    next();
                    return (received, end(&error));
                }
            }
        }
    }

    fn accept(&self, stream: Stream) {
        _ = ServerBuilder::new().accept(stream).now_or_never().expect("the stream is ready");
    }

    fn connect(&self, offers: bool, stream: Stream) -> bool {
        let mut client = ClientBuilder::new().uri("ws://example.com/").expect("a URL");
        if offers {
            let value = "chat".parse().expect("a value");
            client = client.add_header(hyper::header::SEC_WEBSOCKET_PROTOCOL, value).expect("a header");
        }
        client.connect_on(stream).now_or_never().expect("the stream is ready").is_ok()
    }
}

/// A message, or the end.
fn took(message: &Message) -> Result<Received, End> {
    let payload = message.as_payload().to_vec();
    if message.is_text() {
        Ok(Received::Text(payload))
    } else if message.is_binary() {
        Ok(Received::Binary(payload))
    } else if message.is_ping() {
        Ok(Received::Ping(payload))
    } else if message.is_pong() {
        Ok(Received::Pong(payload))
    } else {
        let (code, reason) = message.as_close().expect("there is no other kind");
        let closed = (!payload.is_empty()).then(|| (code.into(), reason.to_owned()));
        Err(End::Closed(closed))
    }
}

fn end(error: &Error) -> End {
    match error {
        Error::Io(_) => End::Lost,
        Error::Protocol(ProtocolError::InvalidUtf8) => End::Failed(Fault::InvalidUtf8),
        Error::Protocol(_) => End::Failed(Fault::Protocol),
        Error::PayloadTooLong { .. } => End::Failed(Fault::TooBig),
        other => panic!("{other}"),
    }
}
