//! Messages received in chunks, as they arrive: section 5.4.

use sansocket::{Chunk, Config, Connection, Limits, ProtocolError, Role};

use crate::common::*;

/// The messages that the chunks make, the data of a message that has not ended, and the error.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    messages: Vec<Got>,
    unfinished: Vec<u8>,
    error: Option<ProtocolError>,
}

impl Taken {
    /// Takes all chunks.
    fn take(&mut self, connection: &mut Connection) {
        loop {
            match connection.next_chunk() {
                Ok(Some(chunk)) => self.add(chunk),
                Ok(None) => return,
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }

    fn add(&mut self, chunk: Chunk<'_>) {
        assert!(!chunk.as_bytes().is_empty() || chunk.fin(), "an empty chunk that ends nothing");
        self.unfinished.extend_from_slice(chunk.as_bytes());
        if chunk.fin() {
            let data = core::mem::take(&mut self.unfinished);
            self.messages.push(match chunk {
                Chunk::Text { .. } => Got::Text(String::from_utf8(data).unwrap()),
                Chunk::Binary { .. } => Got::Binary(data),
            });
        }
    }
}

fn take<'a>(role: Role, reads: impl IntoIterator<Item = &'a [u8]>) -> Taken {
    let mut connection = connection(role, &Config::default());
    let mut taken = Taken::default();
    for read in reads {
        connection.receive(read);
        taken.take(&mut connection);
    }
    taken
}

fn binary(data: &[u8], fin: bool) -> Result<Option<Chunk<'_>>, ProtocolError> {
    Ok(Some(Chunk::Binary { data, fin }))
}

// req: 6455-5.4-o, 6455-5.4-p, 6455-6.2-d
#[test]
fn section_5_4_chunks_of_a_message_make_the_message_at_every_split() {
    let string = "κόσμε, 世界, 🦀";
    let bytes = string.as_bytes();
    let whole = text(string);
    let binary = Got::Binary(bytes.to_vec());
    let rows: [(&[Frame<'_>], Got); 8] = [
        (&[(TEXT, bytes)], whole.clone()),
        (&[(TEXT_BEGINS, &bytes[..1]), (PING, b"p"), (ENDS, &bytes[1..])], whole.clone()),
        (&[(TEXT_BEGINS, b""), (GOES_ON, &bytes[..5]), (GOES_ON, &bytes[5..]), (ENDS, b"")], whole),
        (&[(TEXT, b"")], text("")),
        (&[(BINARY, bytes)], binary.clone()),
        (&[(BINARY_BEGINS, &bytes[..7]), (GOES_ON, b""), (PONG, b""), (ENDS, &bytes[7..])], binary.clone()),
        (&[(BINARY_BEGINS, b""), (GOES_ON, bytes), (ENDS, b"")], binary),
        (&[(BINARY_BEGINS, b""), (ENDS, b"")], Got::Binary(vec![])),
    ];
    for (frames, message) in rows {
        for role in ROLES {
            let frames = [frames, &[(TEXT, b"next")]].concat();
            let wire = wire(role, &frames);
            let expected = || Taken { messages: vec![message.clone(), text("next")], ..Taken::default() };
            assert_eq!(take(role, [&wire[..]]), expected(), "{frames:02x?}");
            assert_eq!(take(role, wire.chunks(1)), expected(), "{frames:02x?} byte by byte");
            for at in 1..wire.len() {
                let (front, back) = wire.split_at(at);
                assert_eq!(take(role, [front, back]), expected(), "{frames:02x?} cut at {at}");
            }
        }
    }
}

#[test]
fn chunks_are_given_out_as_they_arrive() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        let bytes = wire(role, &[(TEXT, "ab€cd".as_bytes())]);
        let (header, payload) = bytes.split_at(bytes.len() - 7);
        let mut next = |read: &[u8]| {
            end.receive(read);
            end.next_chunk().map(|chunk| chunk.map(|chunk| format!("{chunk:?}")))
        };
        let chunk = |text, fin| Ok(Some(format!("{:?}", Chunk::Text { text, fin })));
        assert_eq!(next(header), Ok(None));
        assert_eq!(next(&payload[..1]), chunk("a", false));
        assert_eq!(next(&payload[1..4]), chunk("b", false));
        assert_eq!(next(&payload[4..5]), chunk("€", false));
        assert_eq!(next(&payload[5..]), chunk("cd", true));
        assert_eq!(next(b""), Ok(None));
    }
}

#[test]
fn binary_chunks_are_lent_where_they_were_received() {
    let rows: [(&[Frame<'_>], &[bool]); 4] = [
        (&[(BINARY, b"whole")], &[false]),
        (&[(BINARY_BEGINS, b"in"), (GOES_ON, b"three"), (ENDS, b"fragments")], &[false; 3]),
        (&[(TEXT, b"whole")], &[false]),
        (&[(TEXT_BEGINS, b"validated"), (ENDS, b"on the way")], &[true; 2]),
    ];
    for (frames, assembled) in rows {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, frames));
            let received = end.unread().as_ptr_range();
            for is_assembled in assembled {
                let chunk = end.next_chunk().unwrap().unwrap();
                let is_in_place = received.contains(&chunk.as_bytes().as_ptr());
                assert_eq!(is_in_place, !is_assembled, "{frames:02x?}");
            }
            assert!(end.next_chunk().unwrap().is_none());
        }
    }
}

// attack: utf8-3, floods-3
#[test]
fn chunks_before_a_fault_are_given_out() {
    use ProtocolError::{InterleavedMessage, InvalidUtf8, MessageTooLong};
    let huge = vec![b'x'; 16 << 20];
    let rows: [(&[Frame<'_>], &[u8], ProtocolError); 4] = [
        (&[(BINARY_BEGINS, b"be"), (GOES_ON, b"fore"), (TEXT, b"x")], b"before", InterleavedMessage),
        (&[(TEXT_BEGINS, b"before"), (ENDS, b"\xff")], b"before", InvalidUtf8),
        (&[(TEXT_BEGINS, b"before\xe2\x82"), (ENDS, b"")], b"before", InvalidUtf8),
        (
            &[(BINARY_BEGINS, b"x"), (ENDS, &huge)],
            b"x",
            MessageTooLong { len: (16 << 20) + 1, limit: 16 << 20 },
        ),
    ];
    for (frames, before, error) in rows {
        for role in ROLES {
            let taken = take(role, [&wire(role, frames)[..]]);
            assert_eq!((taken.messages, &taken.unfinished[..], taken.error), (vec![], before, Some(error)));
        }
    }
}

#[test]
fn rest_of_a_message_begun_in_chunks_is_dropped_by_next_event() {
    for (begins, cut) in [(TEXT_BEGINS, 1), (BINARY_BEGINS, 2), (BINARY_BEGINS, 6), (TEXT_BEGINS, 8)] {
        for role in ROLES {
            let frames: [Frame<'_>; 4] =
                [(begins, b"one two"), (PING, b"p"), (GOES_ON, b" three"), (ENDS, b"")];
            let message = wire(role, &frames);
            let next = wire(role, &[(TEXT, b"next")]);
            let header_len = if role == Role::Server { 6 } else { 2 };
            let (front, back) = message.split_at(header_len + cut.min(7));
            let mut end = connection(role, &Config::default());

            end.receive(front);
            assert!(end.next_chunk().unwrap().is_some());
            let rest = feed(&mut end, [back, &next]);
            assert_eq!(rest.events, [Got::Ping(b"p".to_vec()), text("next")]);
            assert!(is_idle(&mut end));

            // Then in chunks again.
            end.receive(&[&message[..], &next].concat());
            let mut taken = Taken::default();
            taken.take(&mut end);
            assert_eq!(taken.messages.len(), 2);
        }
    }
}

#[test]
fn message_without_a_chunk_given_out_is_not_dropped() {
    let rows: [(Frame<'_>, Frame<'_>, Got); 3] = [
        ((BINARY_BEGINS, b""), (ENDS, b"x"), Got::Binary(b"x".to_vec())),
        ((TEXT_BEGINS, b""), (ENDS, b"x"), text("x")),
        ((TEXT_BEGINS, b"\xe2\x82"), (ENDS, b"\xac"), text("€")),
    ];
    for (first, last, message) in rows {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, &[first]));
            assert_eq!(end.next_chunk(), Ok(None));
            let rest = feed(&mut end, [&wire(role, &[last, (TEXT, b"next")])[..]]);
            assert_eq!(rest.events, [message.clone(), text("next")]);
        }
    }
}

// req: 6455-8.1-a
#[test]
fn section_8_1_dropped_text_is_validated() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.receive(&wire(role, &[(TEXT_BEGINS, b"fine"), (ENDS, b"\xff")]));
        assert!(end.next_chunk().unwrap().is_some());
        assert_eq!(end.next_event(), Err(ProtocolError::InvalidUtf8));
    }
}

#[test]
fn chunks_of_a_partly_assembled_message_begin_with_the_assembled_part() {
    for (begins, message) in
        [(TEXT_BEGINS, text("one two three")), (BINARY_BEGINS, Got::Binary(b"one two three".to_vec()))]
    {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            let frames: [Frame<'_>; 3] = [(begins, b"one"), (GOES_ON, b" two"), (ENDS, b" three")];
            let bytes = wire(role, &frames);
            for cut in 1..bytes.len() {
                let (front, back) = bytes.split_at(cut);
                assert_eq!(feed(&mut end, [front]).events, []);
                let mut taken = Taken::default();
                for byte in back.chunks(1) {
                    end.receive(byte);
                    taken.take(&mut end);
                }
                assert_eq!(taken.messages, core::slice::from_ref(&message), "cut at {cut}");
            }
        }
    }
}

// req: 6455-5.4-g
#[test]
fn section_5_4_control_frames_between_chunks_are_answered() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.receive(&wire(role, &[(BINARY_BEGINS, b"x"), (PING, b"p"), (CLOSE, b""), (ENDS, b"y")]));
        assert_eq!(end.next_chunk(), binary(b"x", false));
        assert_eq!(end.next_chunk(), Ok(None));
        assert_eq!(written(end.output()), wire(other(role), &[(PONG, b"p"), (CLOSE, b"")]));
    }
}

#[test]
fn message_of_one_gibibyte_passes_in_reads_of_at_most_64_kibibytes() {
    const LEN: u64 = 1 << 30;
    let limits = Limits::default().max_frame_len(LEN).max_message_len(LEN);
    let mut end = connection(Role::Client, &Config::default().limits(limits));
    end.receive(&[&[BINARY, 127][..], &LEN.to_be_bytes()].concat());
    assert_eq!(end.next_chunk(), Ok(None));
    let mut received = 0;
    while received < LEN {
        let room = end.unfilled().len();
        assert!(room <= 64 << 10, "{room} bytes of room");
        end.filled(room.min((LEN - received) as usize));
        match end.next_chunk().unwrap() {
            Some(Chunk::Binary { data, fin }) => {
                received += data.len() as u64;
                assert_eq!(fin, received == LEN);
            }
            chunk => panic!("{chunk:?}"),
        }
    }
    assert!(is_idle(&mut end));
}

#[test]
fn chunks_after_a_dropped_rest_begin_with_the_next_message() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.receive(&wire(role, &[(BINARY_BEGINS, b"ab")]));
        assert_eq!(end.next_chunk(), binary(b"ab", false));
        end.receive(&wire(role, &[(GOES_ON, b"cd")]));
        assert_eq!(end.next_event(), Ok(None));
        end.receive(&wire(role, &[(ENDS, b"ef"), (BINARY, b"x")]));
        assert_eq!(end.next_chunk(), binary(b"x", true), "abef was never sent");
    }
}
