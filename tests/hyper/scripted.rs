//! The recorded session, over a stream of HTTP/2.

use bytes::Bytes;
use h2::{Reason, RecvStream};
use sansocket::hyper::WebSocket;
use sansocket::{Config, Error, Message, ProtocolError};

use crate::peers::{Serves, server};
use crate::script::{ANSWERS, FRAMES, messages};
use crate::streams::Script;

/// How the client's end of the stream ends.
#[derive(Clone, Copy, Debug)]
enum End {
    EndStream,
    Reset,
}

/// Sends `bytes` in DATA frames of `len` bytes to an echo. Gives the messages that it has received, what it has sent, and how it
/// has ended.
async fn session(bytes: &[u8], len: usize, end: End) -> (Vec<Message>, Vec<u8>, Result<(), Error>) {
    let (io, mut upgrades) = server(Serves::Http2, Config::default());
    let (mut stream, from) = Script::start(io).await.open().await;
    let served = tokio::spawn(echo(upgrades.recv().await.unwrap().await.unwrap()));
    let sent = tokio::spawn(all(from));
    for piece in bytes.chunks(len) {
        stream.send_data(Bytes::copy_from_slice(piece), false).unwrap();
    }
    match end {
        End::EndStream => stream.send_data(Bytes::new(), true).unwrap(),
        End::Reset => stream.send_reset(Reason::CANCEL),
    }
    let (received, result) = served.await.unwrap();
    (received, sent.await.unwrap(), result)
}

async fn echo(mut socket: WebSocket) -> (Vec<Message>, Result<(), Error>) {
    let mut received = Vec::new();
    loop {
        match socket.read().await {
            Ok(Some(message)) => {
                socket.feed(&message).await.ok();
                received.push(message);
            }
            Ok(None) => return (received, Ok(())),
            Err(error) => return (received, Err(error)),
        }
    }
}

/// Everything that comes before the end of the stream.
async fn all(mut from: RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(Ok(data)) = from.data().await {
        from.flow_control().release_capacity(data.len()).unwrap();
        all.extend(data);
    }
    all
}

#[tokio::test]
async fn data_frames_of_any_length_give_the_same_session() {
    for len in [1, 2, 7, 1000] {
        let (received, sent, result) = session(FRAMES, len, End::EndStream).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!((received, sent.as_slice()), (messages(), ANSWERS), "DATA frames of {len} bytes");
    }
}

// attack: http2-2
#[tokio::test]
async fn end_of_the_stream_at_every_byte_is_a_lost_connection() {
    for at in 0..FRAMES.len() {
        let (received, sent, result) = session(&FRAMES[..at], 1000, End::EndStream).await;
        assert!(matches!(result, Err(Error::Protocol(ProtocolError::ConnectionLost))), "at {at}: {result:?}");
        assert!(messages().starts_with(&received) && ANSWERS.starts_with(&sent), "at {at}");
    }
}

/// What has arrived before the reset may be lost, as after the reset of a TCP connection.
// attack: http2-2
#[tokio::test]
async fn reset_at_every_byte_ends_the_connection() {
    for at in 0..FRAMES.len() {
        let (received, sent, result) = session(&FRAMES[..at], 1000, End::Reset).await;
        assert!(result.is_err(), "at {at}");
        assert!(messages().starts_with(&received) && ANSWERS.starts_with(&sent), "at {at}");
    }
}
