//! One connection in several tasks: who is woken, and when.

use std::pin::pin;
use std::sync::Arc;

use sansocket::asynchronous::Writer;
use sansocket::{CloseCode, Config, Error, Message, ProtocolError, SendError};

use crate::bindings::{Binding, Plain, Task, finish, over_each, poll, server, untimed};
use crate::script::wire::Wire;

over_each! {
    all_who_wait_for_a_stuck_stream_are_woken,
    one_task_may_hold_several_of_them,
    a_writer_that_gave_up_takes_no_wake_up_with_it,
    sending_waits_at_the_limit_and_goes_on,
    a_sink_waits_at_the_limit_and_goes_on,
    a_lost_connection_sends_no_writer_to_sleep,
    a_reader_in_another_task_is_woken_there,
    the_writer_works_without_a_reader,
    a_writer_that_closes_wakes_the_reader,
    a_stream_of_messages_ends_at_an_error,
}

fn task() -> Arc<Task> {
    Arc::default()
}

fn stuck() -> Wire {
    let wire = Wire::open(b"");
    wire.state().stuck = true;
    wire
}

// attack: io-2
fn all_who_wait_for_a_stuck_stream_are_woken<B: Binding>() {
    let wire = stuck();
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let other = writer.clone();
    let mut first = pin!(writer.send_text("1"));
    let mut second = pin!(other.send_text("2"));
    let mut reading = pin!(reader.read());
    let tasks = [task(), task(), task()];
    assert!(poll(&tasks[0], &mut first).is_pending());
    assert!(poll(&tasks[1], &mut second).is_pending());
    wire.arrive(b"\x89\x80\0\0\0\0");
    assert!(poll(&tasks[2], &mut reading).is_pending());
    assert!(!tasks.iter().any(|task| task.is_woken()));
    wire.unstick();
    assert!(tasks.iter().all(|task| task.is_woken()));
    assert!(poll(&tasks[1], &mut second).is_ready());
    assert!(poll(&tasks[0], &mut first).is_ready());
    assert_eq!(wire.written(), b"\x81\x011\x81\x012\x8a\x00");
}

/// A stream is writable before it says so: who writes in between must not take the news from others of its task.
// attack: io-2
fn one_task_may_hold_several_of_them<B: Binding>() {
    let wire = stuck();
    let (_reader, writer) = server::<B>(&wire, untimed()).split();
    let mut first = pin!(writer.send_text("1"));
    let mut second = pin!(writer.send_text("2"));
    let both = task();
    assert!(poll(&both, &mut first).is_pending());
    wire.state().stuck = false;
    assert!(poll(&both, &mut second).is_ready());
    wire.wake_writer();
    assert!(both.is_woken(), "the first still waits");
    assert!(poll(&both, &mut first).is_ready());
    // And where nobody else waits, nobody is woken.
    assert!(poll(&both, &mut pin!(writer.send_text("3"))).is_ready());
    assert!(!both.is_woken());
}

// attack: io-2
fn a_writer_that_gave_up_takes_no_wake_up_with_it<B: Binding>() {
    let wire = stuck();
    let (_reader, writer) = server::<B>(&wire, untimed()).split();
    let (stays, goes) = (task(), task());
    let mut staying = pin!(writer.send_text("1"));
    assert!(poll(&stays, &mut staying).is_pending());
    let mut going = Box::pin(writer.send_text("2"));
    assert!(poll(&goes, &mut going).is_pending());
    drop(going);
    wire.unstick();
    assert!(stays.is_woken());
    assert!(poll(&stays, &mut staying).is_ready());
    assert_eq!(wire.written(), b"\x81\x011\x81\x012");
}

// attack: floods-5, io-2
fn sending_waits_at_the_limit_and_goes_on<B: Binding>() {
    let wire = stuck();
    let config = Config { max_output_len: 100, ..untimed() };
    let (_reader, writer) = server::<B>(&wire, config).split();
    let long = Message::from(vec![b'x'; 80]);
    let tasks = [task(), task()];
    let mut first = pin!(writer.send(&long));
    let mut second = pin!(writer.feed(&long));
    assert!(poll(&tasks[0], &mut first).is_pending());
    assert!(poll(&tasks[1], &mut second).is_pending());
    assert_eq!(writer.buffered_amount(), 82, "the second is not queued");
    wire.unstick();
    assert!(tasks[1].is_woken());
    assert!(poll(&tasks[1], &mut second).is_ready());
    assert!(poll(&tasks[0], &mut first).is_ready());
    assert_eq!(wire.written().len() + writer.buffered_amount(), 164);
    let never = finish(writer.send(&Message::from(vec![0; 101])));
    assert!(
        matches!(never, Err(Error::Send(SendError::MessageTooLong))),
        "it does not fit at all: {never:?}"
    );
}

fn a_sink_waits_at_the_limit_and_goes_on<B: Binding>() {
    use futures_util::SinkExt;

    let wire = Wire::open(b"");
    let config = Config { max_output_len: 100, ..untimed() };
    let mut socket = server::<B>(&wire, config);
    finish(async {
        for _ in 0..100 {
            SinkExt::feed(&mut socket, Message::from("0123456789")).await.unwrap();
        }
        SinkExt::<Message>::flush(&mut socket).await.unwrap();
    });
    assert_eq!(wire.written(), b"\x81\x0a0123456789".repeat(100));
}

// attack: io-2
fn a_lost_connection_sends_no_writer_to_sleep<B: Binding>() {
    let wire = stuck();
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let writing = task();
    let mut sending = pin!(writer.send_text("1"));
    assert!(poll(&writing, &mut sending).is_pending());
    wire.state().stays_open = false;
    let lost = finish(reader.read());
    assert!(matches!(lost, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{lost:?}");
    assert!(writing.is_woken());
    assert!(matches!(poll(&writing, &mut sending), std::task::Poll::Ready(Err(_))));
}

fn a_reader_in_another_task_is_woken_there<B: Binding>() {
    let wire = Wire::open(b"");
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let (before, after) = (task(), task());
    assert!(poll(&before, &mut pin!(reader.read())).is_pending());
    let mut reading = pin!(reader.read());
    assert!(poll(&after, &mut reading).is_pending());
    wire.arrive(b"\x82\x80\0\0");
    assert!(after.is_woken());
    assert!(poll(&after, &mut reading).is_pending());
    finish(writer.close(CloseCode::NORMAL, "")).unwrap();
    assert!(after.is_woken(), "there is a deadline now");
}

fn the_writer_works_without_a_reader<B: Binding>() {
    let wire = stuck();
    let (reader, writer) = server::<B>(&wire, untimed()).split();
    let writing = task();
    let mut sending = pin!(writer.send_text("1"));
    assert!(poll(&writing, &mut sending).is_pending());
    drop(reader);
    wire.unstick();
    assert!(writing.is_woken());
    assert!(poll(&writing, &mut sending).is_ready());
    finish(Writer::clone(&writer).close(CloseCode::NORMAL, "")).unwrap();
    assert_eq!(wire.written(), b"\x81\x011\x88\x02\x03\xe8");
}

fn a_writer_that_closes_wakes_the_reader<B: Binding>() {
    let wire = Wire::open(b"");
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let task = task();
    let mut reading = Box::pin(reader.read());
    assert!(poll(&task, &mut reading).is_pending());
    finish(writer.close(CloseCode::NORMAL, "")).unwrap();
    assert!(task.is_woken());
    assert!(poll(&task, &mut reading).is_pending());
    wire.arrive(b"\x88\x82\0\0\0\0\x03\xe8");
    wire.state().stays_open = false;
    assert!(task.is_woken());
    drop(reading);
    assert_eq!(finish(reader.read()).unwrap(), None);
}

/// Otherwise a loop over what is not an error would turn for ever.
fn a_stream_of_messages_ends_at_an_error<B: Binding>() {
    use futures_util::StreamExt;

    for split in [false, true] {
        let socket = server::<B>(&Wire::default(), untimed());
        let items: Vec<_> =
            if split { finish(socket.split().0.take(3).collect()) } else { finish(socket.take(3).collect()) };
        let [Err(Error::Protocol(ProtocolError::ConnectionLost))] = items[..] else { panic!("{items:?}") };
    }
}

#[test]
fn a_third_implementation_of_io_can_be_taken_back() {
    let wire = Wire::open(b"\x81\x81");
    let mut socket = server::<Plain>(&wire, untimed());
    assert!(poll(&task(), &mut pin!(socket.read())).is_pending());
    let (_, _, input) = socket.into_parts();
    assert_eq!(input.unread(), b"\x81\x81");
}
