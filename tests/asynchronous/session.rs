//! A recorded session over scripted streams. `tests/scripted.rs` has the same for the blocking shell.

use std::future::Future;
use std::io::ErrorKind;

use sansocket::asynchronous::{Transport, WebSocket};
use sansocket::{CloseCode, Error, Event, Message, ProtocolError, SendError, State};

use crate::bindings::{Binding, finish, over_each, server, untimed};
use crate::script::wire::Wire;
use crate::script::{ANSWERS, FRAMES, Script, Step, messages};

over_each! {
    reads_and_writes_of_any_length_give_the_same_session,
    pending_at_every_byte_gives_the_same_session,
    end_of_stream_at_every_byte_is_a_lost_connection,
    read_error_at_every_byte_loses_nothing,
    write_error_at_every_byte_leaves_the_rest_queued,
    stream_that_takes_nothing_or_claims_too_much_is_an_error,
    fed_messages_are_written_at_once_before_the_next_read,
    answer_to_a_close_frame_is_written_before_its_event_is_returned,
    close_frame_for_a_protocol_error_is_written_before_the_error_is_returned,
    failed_flush_of_the_stream_is_repeated,
    write_to_a_peer_that_is_gone_ends_the_connection,
    ping_is_answered_while_a_read_waits,
    reading_continues_while_writing_is_stuck,
    endless_input_yields_to_other_tasks,
}

const PENDING: Step = Step::Error(ErrorKind::WouldBlock);

/// Echoes until the connection ends. Gives the received messages and the result.
pub(crate) async fn echo<T: Transport>(socket: &mut WebSocket<T>) -> (Vec<Message>, Result<(), Error>) {
    let mut received = Vec::new();
    let result = loop {
        match socket.read().await {
            Ok(Some(message)) => {
                socket.feed(&message).await.ok();
                received.push(message);
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    (received, result)
}

/// Echoes the whole session and checks both directions.
fn plays_whole<B: Binding>(script: Script) {
    let wire = Wire::new(script);
    let (received, result) = finish(echo(&mut server::<B>(&wire, untimed())));
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((received, wire.written()), (messages(), ANSWERS.to_vec()));
    assert!(wire.state().shut);
}

// attack: io-1
// req: 6455-5.5.1-k, 6455-5.5.1-l, 6455-6.1-i, 6455-7.1.1-e
fn reads_and_writes_of_any_length_give_the_same_session<B: Binding>() {
    for (read, write) in [(1, 1), (1, 1000), (2, 3), (7, 5), (1000, 1)] {
        plays_whole::<B>(Script {
            reads: vec![Step::Bytes(read); 1000].into(),
            writes: vec![Step::Bytes(write); 1000].into(),
            ..Script::new(FRAMES)
        });
    }
}

// attack: io-1
fn pending_at_every_byte_gives_the_same_session<B: Binding>() {
    plays_whole::<B>(Script {
        reads: [PENDING, Step::Bytes(1)].repeat(500).into(),
        writes: [PENDING, Step::Bytes(1)].repeat(500).into(),
        flushes: vec![ErrorKind::WouldBlock; 3].into(),
        ..Script::new(FRAMES)
    });
}

// attack: io-1, close-3
// req: 6455-7.1.4-a
fn end_of_stream_at_every_byte_is_a_lost_connection<B: Binding>() {
    for end in 0..FRAMES.len() {
        let wire = Wire::new(Script::new(&FRAMES[..end]));
        let mut socket = server::<B>(&wire, untimed());
        let (received, result) = finish(echo(&mut socket));
        assert!(matches!(result, Err(Error::Protocol(ProtocolError::ConnectionLost))), "at {end}");
        assert!(messages().starts_with(&received), "at {end}");
        assert!(ANSWERS.starts_with(&wire.written()), "at {end}");
        assert!(matches!(finish(socket.read()), Err(Error::Protocol(ProtocolError::ConnectionLost))));
        assert_eq!(socket.state(), State::Closed);
    }
}

// attack: io-1
fn read_error_at_every_byte_loses_nothing<B: Binding>() {
    for at in 0..FRAMES.len() {
        let failing = [Step::Error(ErrorKind::Other), PENDING, Step::Error(ErrorKind::TimedOut)];
        let reads = [&vec![Step::Bytes(1); at][..], &failing].concat();
        let wire = Wire::new(Script { reads: reads.into(), ..Script::new(FRAMES) });
        let mut socket = server::<B>(&wire, untimed());
        let (mut received, mut errors) = (Vec::new(), 0);
        loop {
            match finish(socket.read()) {
                Ok(Some(message)) => received.push(message),
                Ok(None) => break,
                Err(Error::Io(_)) => errors += 1,
                Err(error) => panic!("at {at}: {error}"),
            }
        }
        assert_eq!((received, errors), (messages(), 2), "at {at}");
    }
}

// attack: io-1
fn write_error_at_every_byte_leaves_the_rest_queued<B: Binding>() {
    for at in 0..ANSWERS.len() {
        // One byte per write, so that the error comes at exactly this byte.
        let writes = [&vec![Step::Bytes(1); at][..], &[Step::Error(ErrorKind::TimedOut)]].concat();
        let wire = Wire::new(Script { writes: writes.into(), ..Script::new(FRAMES) });
        let mut socket = server::<B>(&wire, untimed());
        let mut received = Vec::new();
        loop {
            match finish(socket.read()) {
                Ok(Some(message)) => {
                    finish(socket.feed(&message)).unwrap();
                    received.push(message);
                    finish(socket.flush()).ok();
                }
                Ok(None) => break,
                Err(Error::Io(_)) => {}
                Err(error) => panic!("at {at}: {error}"),
            }
        }
        finish(socket.flush()).unwrap(); // the answer to the Close frame, if its write failed
        assert_eq!((received, wire.written()), (messages(), ANSWERS.to_vec()), "at {at}");
    }
}

// attack: io-1
fn stream_that_takes_nothing_or_claims_too_much_is_an_error<B: Binding>() {
    let stream = |reads: &[Step], writes: &[Step]| {
        let script =
            Script { reads: reads.to_vec().into(), writes: writes.to_vec().into(), ..Script::new(FRAMES) };
        server::<B>(&Wire::new(script), untimed())
    };
    let full = finish(stream(&[], &[Step::Bytes(0)]).send("x")).unwrap_err();
    assert!(matches!(&full, Error::Io(error) if error.kind() == ErrorKind::WriteZero), "{full}");
    let mut lied_to = stream(&[], &[Step::Lie]);
    let lie = finish(lied_to.send("x")).unwrap_err();
    assert!(matches!(&lie, Error::Io(error) if error.kind() == ErrorKind::InvalidData), "{lie}");
    assert_eq!(lied_to.buffered_amount(), 3, "the message is still queued");
    let (_reader, writer) = stream(&[], &[Step::Lie]).split();
    let lie = finish(writer.send("x")).unwrap_err();
    assert!(matches!(&lie, Error::Io(error) if error.kind() == ErrorKind::InvalidData), "{lie}");
    if !std::any::type_name::<B>().contains("OverTokio") {
        let lie = finish(stream(&[Step::Lie], &[]).read()).unwrap_err();
        assert!(matches!(&lie, Error::Io(error) if error.kind() == ErrorKind::InvalidData), "{lie}");
    }
}

fn fed_messages_are_written_at_once_before_the_next_read<B: Binding>() {
    let wire = Wire::new(Script::new(&b"\x82\x84\0\0\0\0abcd".repeat(64)));
    let (received, result) = finish(echo(&mut server::<B>(&wire, untimed())));
    assert!(matches!(result, Err(Error::Protocol(ProtocolError::ConnectionLost))));
    assert_eq!(received.len(), 64);
    assert_eq!(wire.written(), b"\x82\x04abcd".repeat(64));
    assert_eq!(wire.state().script.write_calls, 1);
}

// req: 6455-5.5.1-f, 6455-5.5.1-g, 6455-5.5.1-h
fn answer_to_a_close_frame_is_written_before_its_event_is_returned<B: Binding>() {
    let wire = Wire::new(Script::new(FRAMES));
    let mut socket = server::<B>(&wire, untimed());
    loop {
        if let Event::Close(frame) = finish(socket.read_event()).unwrap().unwrap() {
            assert_eq!(frame.unwrap().code, CloseCode::NORMAL);
            break;
        }
    }
    assert!(wire.written().ends_with(b"\x88\x02\x03\xe8"));
    let late = finish(socket.send("late"));
    assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
}

// attack: close-4
// req: 6455-7.1.7-c, 6455-7.1.7-e, 6455-7.4.1-f, 6455-10.7-c
fn close_frame_for_a_protocol_error_is_written_before_the_error_is_returned<B: Binding>() {
    let faults: [(&[u8], u16); 4] = [
        (b"\x81\x01x", 1002),                          // not masked
        (b"\x81\x81\0\0\0\0\xff", 1007),               // not UTF-8 in a whole message
        (b"\x01\x81\0\0\0\0\xff", 1007),               // not UTF-8 in a fragment
        (b"\x82\xff\0\0\0\x10\0\0\0\0\0\0\0\0", 1009), // 64 GiB
    ];
    for (fault, code) in faults {
        for by_event in [true, false] {
            let wire = Wire::new(Script {
                writes: [PENDING, Step::Bytes(1)].repeat(100).into(),
                ..Script::new(&[&b"\x82\x81\0\0\0\0!"[..], fault].concat())
            });
            let mut socket = server::<B>(&wire, untimed());
            assert_eq!(finish(socket.read()).unwrap(), Some(Message::from(vec![b'!'])));
            let error = if by_event {
                finish(async { socket.read_event().await.map(drop) }).unwrap_err()
            } else {
                finish(socket.read()).map(drop).unwrap_err()
            };
            assert!(matches!(error, Error::Protocol(_)), "{error}");
            let written = wire.written();
            assert_eq!((written[0], &written[2..4]), (0x88, &code.to_be_bytes()[..]), "{error}");
            assert_eq!(written.len(), 2 + usize::from(written[1]), "the whole Close frame and nothing else");
            assert!(wire.state().shut);
        }
    }
}

fn failed_flush_of_the_stream_is_repeated<B: Binding>() {
    let mut script = Script::new(FRAMES);
    script.flushes = [ErrorKind::TimedOut; 2].into();
    let wire = Wire::new(script);
    let mut socket = server::<B>(&wire, untimed());
    assert!(finish(socket.send("Hello")).is_err());
    assert!(finish(socket.flush()).is_err(), "the output is empty, but the stream has not been flushed");
    finish(socket.flush()).unwrap();
    assert!(wire.state().script.flushes.is_empty());
}

// req: 6455-7.1.5-c
fn write_to_a_peer_that_is_gone_ends_the_connection<B: Binding>() {
    let wire = Wire::open(b"");
    wire.state().script.writes = [PENDING, Step::Error(ErrorKind::BrokenPipe)].into();
    let mut socket = server::<B>(&wire, untimed());
    finish(socket.feed("waits")).unwrap();
    let error = finish(socket.read()).unwrap_err();
    assert!(matches!(&error, Error::Io(error) if error.kind() == ErrorKind::BrokenPipe), "{error}");
    assert_eq!(socket.state(), State::Closed);
    assert_eq!(socket.close_info().unwrap().code, CloseCode::ABNORMAL);
}

// attack: io-2
// req: 6455-5.5.2-b, 6455-5.5.2-c
fn ping_is_answered_while_a_read_waits<B: Binding>() {
    let wire = Wire::open(b"");
    let mut socket = server::<B>(&wire, untimed());
    let mut reading = Box::pin(socket.read());
    let task = crate::bindings::Task::default().into();
    assert!(crate::bindings::poll(&task, &mut reading).is_pending());
    assert!(!task.is_woken(), "nothing has happened");
    wire.arrive(b"\x89\x81\0\0\0\0?");
    assert!(task.is_woken());
    assert!(crate::bindings::poll(&task, &mut reading).is_pending());
    assert_eq!(wire.written(), b"\x8a\x01?");
}

// attack: floods-1
fn reading_continues_while_writing_is_stuck<B: Binding>() {
    let wire = Wire::open(&b"\x82\x84\0\0\0\0abcd\x89\x80\0\0\0\0".repeat(1000));
    wire.state().stuck = true;
    let mut socket = server::<B>(&wire, untimed());
    finish(async {
        for _ in 0..1000 {
            assert_eq!(socket.read().await.unwrap(), Some(Message::from(b"abcd".to_vec())));
        }
    });
    assert!(socket.buffered_amount() < 100, "a flood of Pings queues 16 Pongs at most");
    wire.unstick();
    finish(socket.send("on")).unwrap();
    assert!(wire.written().ends_with(b"\x81\x02on"));
}

// attack: floods-1
fn endless_input_yields_to_other_tasks<B: Binding>() {
    for flood in [&b"\x89\x80\0\0\0\0"[..], b"\x82\x80\0\0\0\0"] {
        let wire = Wire::open(b"");
        wire.state().repeats = Some(flood.to_vec());
        let mut socket = server::<B>(&wire, untimed());
        let task = crate::bindings::Task::default().into();
        let mut endless = Box::pin(async { while socket.read().await.unwrap().is_some() {} });
        assert!(crate::bindings::poll(&task, &mut endless).is_pending());
        assert!(task.is_woken(), "the task is polled again");
        assert!(wire.state().read_calls < 1000);
    }
}

#[allow(dead_code, reason = "compiles only if the futures of a connection can be spawned")]
fn futures_are_send<B: Binding>(
    socket: &mut WebSocket<B::Transport>,
) -> Box<dyn Future<Output = ()> + Send + '_> {
    Box::new(async { drop(socket.read().await) })
}
