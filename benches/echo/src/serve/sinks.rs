//! Connections that are a stream and a sink of messages, and the echo loops over them.

use std::error::Error;
use std::future::ready;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, TryStreamExt};
use tokio_tungstenite::tungstenite;

use super::Ended;

/// The properties of a message that the loops use.
pub trait Message: Send {
    fn is_data(&self) -> bool;
}

impl Message for tungstenite::Message {
    fn is_data(&self) -> bool {
        self.is_text() || self.is_binary()
    }
}

impl Message for tokio_websockets::Message {
    fn is_data(&self) -> bool {
        self.is_text() || self.is_binary()
    }
}

impl Message for sockudo_ws::Message {
    fn is_data(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Binary(_))
    }
}

impl Message for yawc::Frame {
    fn is_data(&self) -> bool {
        matches!(self.opcode(), yawc::OpCode::Text | yawc::OpCode::Binary)
    }
}

impl Message for axum::extract::ws::Message {
    fn is_data(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Binary(_))
    }
}

/// A connection.
pub trait Socket:
    Stream<Item = Result<Self::Message, Self::Failure>>
    + Sink<Self::Message, Error = Self::Failure>
    + Send
    + Unpin
{
    type Message: Message;
    type Failure: Error + Send + Sync + 'static;
}

impl<S, M, E> Socket for S
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Send + Unpin,
    M: Message,
    E: Error + Send + Sync + 'static,
{
    type Message = M;
    type Failure = E;
}

/// The loop in the documentation of every library.
pub async fn one_by_one<S: Socket>(mut socket: S) -> Ended {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_data() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

pub async fn forward<S: Socket>(socket: S) -> Ended {
    let (write, read) = socket.split();
    Ok(read.try_filter(|message| ready(message.is_data())).forward(write).await?)
}

/// Sends all messages that have arrived, then flushes once.
pub async fn gathered<S: Socket>(mut socket: S) -> Ended {
    while let Some(message) = socket.next().await {
        let mut next = Some(message);
        while let Some(message) = next {
            let message = message?;
            if message.is_data() {
                socket.feed(message).await?;
            }
            next = socket.next().now_or_never().flatten();
        }
        socket.flush().await?;
    }
    Ok(())
}
