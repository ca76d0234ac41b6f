//! The halves of a connection: joining them again, the caller's stream, unsolicited Pongs.

use std::pin::pin;
use std::sync::Arc;

use sansocket::asynchronous::ReuniteError;
use sansocket::{Error, Message, ProtocolError, State};

use crate::bindings::{Binding, Task, finish, over_each, poll, server, untimed};
use crate::script::wire::Wire;

over_each! {
    reunite_keeps_received_and_queued_bytes,
    reunite_keeps_a_message_that_a_sink_has_taken,
    reunite_of_two_connections_returns_both_halves,
    reunite_with_another_writer_returns_both_halves,
    stream_gives_the_stream_of_the_caller,
    pong_is_sent_unsolicited,
    waiting_send_ends_after_the_halves_are_reunited,
}

fn reunite_keeps_received_and_queued_bytes<B: Binding>() {
    let wire = Wire::open(b"\x01\x83\0\0\0\0Hel\x80\x82\0\0");
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    assert!(poll(&Arc::default(), &mut pin!(reader.read())).is_pending());
    finish(writer.feed("fed")).unwrap();
    assert!(wire.written().is_empty());
    let mut socket = reader.reunite(writer).unwrap();
    assert_eq!((socket.state(), socket.buffered_amount()), (State::Open, 5));
    wire.arrive(b"\0\0lo");
    assert_eq!(finish(socket.read()).unwrap(), Some(Message::from("Hello")));
    finish(socket.send("sent")).unwrap();
    assert_eq!(wire.written(), b"\x81\x03fed\x81\x04sent");
}

fn reunite_keeps_a_message_that_a_sink_has_taken<B: Binding>() {
    use futures_util::{Sink, SinkExt};

    let wire = Wire::open(b"");
    let (reader, mut writer) = server::<B>(&wire, untimed().max_output_len(20)).split();
    for text in ["a", "012345"] {
        let taken = std::pin::Pin::new(&mut writer).start_send(Message::from(text));
        taken.unwrap();
    }
    let mut socket = reader.reunite(writer).unwrap();
    finish(SinkExt::<Message>::flush(&mut socket)).unwrap();
    assert_eq!(wire.written(), b"\x81\x01a\x81\x06012345");
}

fn reunite_of_two_connections_returns_both_halves<B: Binding>() {
    let wires = [Wire::open(b"\x82\x80\0\0\0\0"), Wire::open(b"")];
    let (reader, own) = server::<B>(&wires[0], untimed()).split();
    let (_other, writer) = server::<B>(&wires[1], untimed()).split();
    let error = reader.reunite(writer).map(drop).unwrap_err();
    assert!(error.to_string().contains("two connections"), "{error}");
    let ReuniteError(mut reader, writer) = error;
    assert_eq!(finish(reader.read()).unwrap(), Some(Message::from(vec![])));
    finish(writer.send("other")).unwrap();
    assert_eq!((&wires[0].written()[..], &wires[1].written()[..]), (&b""[..], &b"\x81\x05other"[..]));
    reader.reunite(own).unwrap();
}

fn reunite_with_another_writer_returns_both_halves<B: Binding>() {
    let wire = Wire::open(b"");
    let (reader, writer) = server::<B>(&wire, untimed()).split();
    let other = reader.writer();
    let ReuniteError(reader, writer) = reader.reunite(writer).map(drop).unwrap_err();
    finish(other.send("1")).unwrap();
    finish(writer.send("2")).unwrap();
    drop(other);
    finish(reader.reunite(writer).unwrap().send("3")).unwrap();
    assert_eq!(wire.written(), b"\x81\x011\x81\x012\x81\x013");
}

fn stream_gives_the_stream_of_the_caller<B: Binding>() {
    let wire = Wire::open(b"");
    let socket = server::<B>(&wire, untimed());
    wire.state().read_calls = 42;
    assert_eq!(B::wire(socket.stream()).state().read_calls, 42);
    let (reader, writer) = socket.split();
    assert_eq!(reader.with_stream(|stream| B::wire(stream).state().read_calls), 42);
    assert_eq!(writer.with_stream(|stream| B::wire(stream).state().read_calls), 42);
}

// req: 6455-5.5.3-c
fn pong_is_sent_unsolicited<B: Binding>() {
    let wire = Wire::open(b"");
    let mut socket = server::<B>(&wire, untimed());
    finish(socket.pong(b"!")).unwrap();
    let (_reader, writer) = socket.split();
    finish(writer.pong(b"")).unwrap();
    assert_eq!(wire.written(), b"\x8a\x01!\x8a\x00");
}

/// The wakers of the halves still work for the whole connection.
fn waiting_send_ends_after_the_halves_are_reunited<B: Binding>() {
    let wire = Wire::open(b"");
    wire.state().stuck = true;
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    assert!(poll(&Arc::default(), &mut pin!(writer.send("1"))).is_pending());
    assert!(poll(&Arc::default(), &mut pin!(reader.read())).is_pending());
    let mut socket = reader.reunite(writer).unwrap();
    let task = Arc::new(Task::default());
    let mut sending = Box::pin(socket.send("2"));
    assert!(poll(&task, &mut sending).is_pending());
    wire.unstick();
    assert!(task.is_woken());
    assert!(poll(&task, &mut sending).is_ready());
    drop(sending);
    assert_eq!(wire.written(), b"\x81\x011\x81\x012");
    wire.state().stays_open = false;
    let lost = finish(socket.read());
    assert!(matches!(lost, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{lost:?}");
}
