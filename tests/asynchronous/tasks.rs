//! The halves of one connection in several tasks: which task is woken, and when.

use std::pin::pin;
use std::sync::Arc;

use sansocket::asynchronous::Writer;
use sansocket::{CloseCode, Error, Message, ProtocolError, SendError};

use crate::bindings::{Binding, Executor, Plain, Task, finish, over_each, poll, server, untimed};
use crate::script::wire::Wire;

over_each! {
    all_tasks_that_wait_for_a_stuck_stream_are_woken,
    hundreds_of_tasks_that_wait_for_a_stuck_stream_sleep,
    several_sends_of_one_task_all_end,
    read_that_writes_everything_wakes_a_send_of_its_task,
    close_wakes_a_read_of_its_task,
    dropped_send_takes_no_wake_up_from_another,
    send_waits_at_the_output_limit_and_continues,
    lost_connection_wakes_a_waiting_send,
    read_that_moves_to_another_task_is_woken_there,
    writer_works_without_a_reader,
    close_of_a_writer_wakes_the_reader,
    stream_of_messages_ends_at_an_error,
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
fn all_tasks_that_wait_for_a_stuck_stream_are_woken<B: Binding>() {
    let wire = stuck();
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let other = writer.clone();
    let mut first = pin!(writer.send("1"));
    let mut second = pin!(other.send("2"));
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

// attack: io-2
fn hundreds_of_tasks_that_wait_for_a_stuck_stream_sleep<B: Binding>() {
    let wire = stuck();
    let (_reader, writer) = server::<B>(&wire, untimed()).split();
    let mut executor = Executor::new();
    for _ in 0..300 {
        let writer = writer.clone();
        executor.spawn(async move { writer.send("x").await.unwrap() });
    }
    executor.run();
    wire.unstick();
    executor.run();
    assert_eq!(executor.outputs().len(), 300);
}

/// A stream may take bytes before it wakes anybody. A send that writes in between must not take the wake-up from another
/// send of its task.
// attack: io-2
fn several_sends_of_one_task_all_end<B: Binding>() {
    let wire = stuck();
    let (_reader, writer) = server::<B>(&wire, untimed()).split();
    let mut first = pin!(writer.send("1"));
    let mut second = pin!(writer.send("2"));
    let both = task();
    assert!(poll(&both, &mut first).is_pending());
    wire.state().stuck = false;
    assert!(poll(&both, &mut second).is_ready());
    wire.wake_writer();
    assert!(both.is_woken(), "the first send still waits");
    assert!(poll(&both, &mut first).is_ready());
    // No task waits now, so none is woken.
    assert!(poll(&both, &mut pin!(writer.send("3"))).is_ready());
    assert!(!both.is_woken());
}

/// The read writes the message of the send. Both are in one task, as in `join!`, and the send was polled first.
// attack: io-2
fn read_that_writes_everything_wakes_a_send_of_its_task<B: Binding>() {
    let wire = stuck();
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let both = task();
    let mut sending = pin!(writer.send("1"));
    let mut reading = pin!(reader.read());
    assert!(poll(&both, &mut sending).is_pending());
    wire.state().stuck = false;
    assert!(poll(&both, &mut reading).is_pending());
    assert_eq!(wire.written(), b"\x81\x011");
    assert!(both.is_woken(), "the send has ended");
    assert!(poll(&both, &mut sending).is_ready());
}

/// Both are in one task, as in `join!`, and the read was polled first.
// attack: close-3
fn close_wakes_a_read_of_its_task<B: Binding>() {
    let wire = Wire::open(b"");
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let both = task();
    let mut reading = pin!(reader.read());
    assert!(poll(&both, &mut reading).is_pending());
    assert!(poll(&both, &mut pin!(writer.close(CloseCode::NORMAL, ""))).is_ready());
    assert!(both.is_woken(), "the close deadline runs now");
}

// attack: io-2
fn dropped_send_takes_no_wake_up_from_another<B: Binding>() {
    let wire = stuck();
    let (_reader, writer) = server::<B>(&wire, untimed()).split();
    let (stays, goes) = (task(), task());
    let mut staying = pin!(writer.send("1"));
    assert!(poll(&stays, &mut staying).is_pending());
    let mut going = Box::pin(writer.send("2"));
    assert!(poll(&goes, &mut going).is_pending());
    drop(going);
    wire.unstick();
    assert!(stays.is_woken());
    assert!(poll(&stays, &mut staying).is_ready());
    assert_eq!(wire.written(), b"\x81\x011\x81\x012");
}

// attack: floods-5, io-2
fn send_waits_at_the_output_limit_and_continues<B: Binding>() {
    let wire = stuck();
    let config = untimed().max_output_len(100);
    let (_reader, writer) = server::<B>(&wire, config).split();
    let long = Message::from(vec![b'x'; 80]);
    let tasks = [task(), task()];
    let mut first = pin!(writer.send(&long));
    let mut second = pin!(writer.feed(&long));
    assert!(poll(&tasks[0], &mut first).is_pending());
    assert!(poll(&tasks[1], &mut second).is_pending());
    assert_eq!(writer.buffered_amount(), 82, "the second message is not queued");
    wire.unstick();
    assert!(tasks[1].is_woken());
    assert!(poll(&tasks[1], &mut second).is_ready());
    assert!(poll(&tasks[0], &mut first).is_ready());
    assert_eq!(wire.written().len() + writer.buffered_amount(), 164);
    let never = finish(writer.send(&Message::from(vec![0; 101])));
    assert!(
        matches!(never, Err(Error::Send(SendError::MessageTooLong { .. }))),
        "the message is longer than the limit: {never:?}"
    );
}

// attack: io-2
fn lost_connection_wakes_a_waiting_send<B: Binding>() {
    let wire = stuck();
    let (mut reader, writer) = server::<B>(&wire, untimed()).split();
    let writing = task();
    let mut sending = pin!(writer.send("1"));
    assert!(poll(&writing, &mut sending).is_pending());
    wire.state().stays_open = false;
    let lost = finish(reader.read());
    assert!(matches!(lost, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{lost:?}");
    assert!(writing.is_woken());
    assert!(matches!(poll(&writing, &mut sending), std::task::Poll::Ready(Err(_))));
}

fn read_that_moves_to_another_task_is_woken_there<B: Binding>() {
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
    assert!(after.is_woken(), "the close deadline runs now");
}

fn writer_works_without_a_reader<B: Binding>() {
    let wire = stuck();
    let (reader, writer) = server::<B>(&wire, untimed()).split();
    let writing = task();
    let mut sending = pin!(writer.send("1"));
    assert!(poll(&writing, &mut sending).is_pending());
    drop(reader);
    wire.unstick();
    assert!(writing.is_woken());
    assert!(poll(&writing, &mut sending).is_ready());
    finish(Writer::clone(&writer).close(CloseCode::NORMAL, "")).unwrap();
    assert_eq!(wire.written(), b"\x81\x011\x88\x02\x03\xe8");
}

fn close_of_a_writer_wakes_the_reader<B: Binding>() {
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

/// Otherwise a loop that skips errors would never end.
fn stream_of_messages_ends_at_an_error<B: Binding>() {
    use futures_util::StreamExt;

    for split in [false, true] {
        let socket = server::<B>(&Wire::default(), untimed());
        let items: Vec<_> =
            if split { finish(socket.split().0.take(3).collect()) } else { finish(socket.take(3).collect()) };
        let [Err(Error::Protocol(ProtocolError::ConnectionLost))] = items[..] else { panic!("{items:?}") };
    }
}

#[test]
fn into_parts_returns_the_stream_and_the_received_bytes() {
    let wire = Wire::open(b"\x81\x81");
    let mut socket = server::<Plain>(&wire, untimed());
    assert!(poll(&task(), &mut pin!(socket.read())).is_pending());
    let (_wire, mut connection) = socket.into_parts();
    let (receiver, _sender) = connection.split_mut();
    assert_eq!(receiver.unread(), b"\x81\x81");
}
