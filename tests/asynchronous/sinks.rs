//! `Sink`: a whole connection and a `Writer` take one message after `poll_ready`, and send all messages in order.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_util::stream::{self, StreamExt};
use futures_util::{Sink, SinkExt};
use sansocket::asynchronous::WebSocket;
use sansocket::{CloseCode, Config, Error, Message, SendError};

use crate::bindings::{Binding, Executor, finish, over_each, server, untimed};
use crate::script::wire::Wire;
use crate::script::{Script, Step};

over_each! {
    sink_waits_at_the_output_limit_and_continues,
    ready_sink_takes_a_message_at_the_output_limit,
    forward_sends_all_messages_at_the_output_limit,
    close_sends_a_message_that_waits_for_room_first,
    message_that_waits_for_room_is_sent_after_split_and_into_parts,
    message_longer_than_the_limit_is_an_error_of_start_send,
    methods_of_the_connection_keep_the_order_of_the_sink,
    sinks_of_two_writers_send_all_messages,
}

/// The output has room for one message of 80 bytes.
fn crowded() -> Config {
    untimed().max_output_len(100)
}

fn long(byte: u8) -> Message {
    Message::from(vec![byte; 80])
}

/// The frame of [`long`].
fn long_frame(byte: u8) -> Vec<u8> {
    [&[0x82, 80][..], &[byte; 80]].concat()
}

/// A stream that takes bytes slowly.
fn slow() -> Wire {
    let wire = Wire::new(Script {
        writes: [Step::Error(std::io::ErrorKind::WouldBlock), Step::Bytes(7)].repeat(500).into(),
        ..Script::default()
    });
    wire.state().stays_open = true;
    wire
}

fn poll_ready<S: Sink<Message, Error = Error> + Unpin>(sink: &mut S) -> Poll<Result<(), Error>> {
    Pin::new(sink).poll_ready(&mut Context::from_waker(Waker::noop()))
}

fn sink_waits_at_the_output_limit_and_continues<B: Binding>() {
    let wire = Wire::open(b"");
    let mut socket = server::<B>(&wire, crowded());
    finish(async {
        for _ in 0..100 {
            SinkExt::feed(&mut socket, Message::from("0123456789")).await.unwrap();
        }
        SinkExt::<Message>::flush(&mut socket).await.unwrap();
    });
    assert_eq!(wire.written(), b"\x81\x0a0123456789".repeat(100));
}

fn ready_sink_takes_a_message_at_the_output_limit<B: Binding>() {
    fn takes_both(wire: &Wire, mut sink: impl Sink<Message, Error = Error> + Unpin) {
        wire.state().stuck = true;
        assert!(matches!(poll_ready(&mut sink), Poll::Ready(Ok(()))));
        Pin::new(&mut sink).start_send(Message::from(vec![b'a'; 30])).unwrap();
        assert!(matches!(poll_ready(&mut sink), Poll::Ready(Ok(()))), "32 of 100 bytes are queued");
        Pin::new(&mut sink).start_send(long(b'b')).unwrap();
        assert!(poll_ready(&mut sink).is_pending(), "the second message waits for room");
        wire.state().stuck = false;
        finish(sink.flush()).unwrap();
        assert_eq!(wire.written(), [&[0x82, 30][..], &[b'a'; 30], &long_frame(b'b')].concat());
    }

    let wire = Wire::open(b"");
    takes_both(&wire, server::<B>(&wire, crowded()));
    let wire = Wire::open(b"");
    let (_reader, writer) = server::<B>(&wire, crowded()).split();
    takes_both(&wire, writer);
}

fn forward_sends_all_messages_at_the_output_limit<B: Binding>() {
    fn forwards(wire: &Wire, sink: &mut (impl Sink<Message, Error = Error> + Unpin)) {
        // Short and long messages in turn: a long one never has room behind a short one.
        let messages: Vec<_> =
            (b'a'..b'k').flat_map(|byte| [Message::from(&[byte; 30]), long(byte)]).collect();
        let frames =
            (b'a'..b'k').flat_map(|byte| [vec![0x82, 30], vec![byte; 30], long_frame(byte)].concat());
        let expected: Vec<u8> = frames.collect();
        // Forwarding closes the sink. The peer's answer is not scripted, so this ends before.
        let mut forwarding = pin!(stream::iter(messages).map(Ok).forward(sink));
        let mut executor = Executor::new();
        executor.spawn(async { forwarding.as_mut().await.map_err(|error| error.to_string()) });
        executor.run();
        assert!(wire.written().starts_with(&expected), "{}", wire.written().escape_ascii());
        assert_eq!(wire.written()[expected.len()..], *b"\x88\x02\x03\xe8");
    }

    let wire = slow();
    forwards(&wire, &mut server::<B>(&wire, crowded()));
    let wire = slow();
    let (_reader, mut writer) = server::<B>(&wire, crowded()).split();
    forwards(&wire, &mut writer);
}

fn close_sends_a_message_that_waits_for_room_first<B: Binding>() {
    let wire = slow();
    let (_reader, mut writer) = server::<B>(&wire, crowded()).split();
    Pin::new(&mut writer).start_send(long(b'a')).unwrap();
    Pin::new(&mut writer).start_send(long(b'b')).unwrap();
    finish(SinkExt::<Message>::close(&mut writer)).unwrap();
    let expected = [&long_frame(b'a')[..], &long_frame(b'b'), b"\x88\x02\x03\xe8"].concat();
    assert_eq!(wire.written(), expected);
    finish(SinkExt::<Message>::close(&mut writer)).unwrap();
    assert_eq!(wire.written(), expected, "a second close sends nothing");
}

fn message_longer_than_the_limit_is_an_error_of_start_send<B: Binding>() {
    let wire = Wire::open(b"");
    let mut socket = server::<B>(&wire, crowded());
    let sent = Pin::new(&mut socket).start_send(Message::from(vec![0; 87]));
    assert!(matches!(sent, Err(Error::Send(SendError::MessageTooLong { len: 101, limit: 100 }))), "{sent:?}");
    finish(SinkExt::send(&mut socket, Message::from(vec![b'c'; 86]))).unwrap();
    assert_eq!(wire.written(), [&[0x82, 86][..], &[b'c'; 86]].concat());
}

/// The methods of the connection and those of its sink may be mixed.
fn methods_of_the_connection_keep_the_order_of_the_sink<B: Binding>() {
    for closes in [false, true] {
        let wire = slow();
        let mut socket = server::<B>(&wire, crowded());
        Pin::new(&mut socket).start_send(Message::from(vec![b'a'; 30])).unwrap();
        Pin::new(&mut socket).start_send(long(b'b')).unwrap();
        if closes {
            wire.arrive(b"\x88\x80\0\0\0\0");
            wire.state().stays_open = false;
            finish(socket.close(CloseCode(4000), "")).unwrap();
        } else {
            finish(socket.send("c")).unwrap();
        }
        let end: &[u8] = if closes { b"\x88\x02\x0f\xa0" } else { b"\x81\x01c" };
        let expected = [&[0x82, 30][..], &[b'a'; 30], &long_frame(b'b'), end].concat();
        assert_eq!(wire.written(), expected, "closes: {closes}");
    }
}

fn sinks_of_two_writers_send_all_messages<B: Binding>() {
    let wire = slow();
    let (_reader, writer) = server::<B>(&wire, crowded()).split();
    let mut executor = Executor::new();
    for byte in [b'a', b'b'] {
        let mut sink = writer.clone();
        executor.spawn(async move {
            for _ in 0..5 {
                SinkExt::send(&mut sink, long(byte)).await.unwrap();
            }
        });
    }
    executor.run();
    executor.outputs();
    let written = wire.written();
    let count = |byte| written.chunks(82).filter(|frame| *frame == long_frame(byte)).count();
    assert_eq!((written.len(), count(b'a'), count(b'b')), (10 * 82, 5, 5));
}

fn message_that_waits_for_room_is_sent_after_split_and_into_parts<B: Binding>() {
    for splits in [true, false] {
        let wire = Wire::open(b"");
        let mut socket = server::<B>(&wire, crowded());
        Pin::new(&mut socket).start_send(long(b'a')).unwrap();
        Pin::new(&mut socket).start_send(long(b'b')).unwrap();
        if splits {
            let (_reader, mut writer) = socket.split();
            finish(SinkExt::<Message>::flush(&mut writer)).unwrap();
        } else {
            let (_, connection) = socket.into_parts();
            finish(WebSocket::from_parts(B::bind(wire.clone()), connection).flush()).unwrap();
        }
        assert_eq!(wire.written(), [long_frame(b'a'), long_frame(b'b')].concat(), "splits: {splits}");
    }
}
