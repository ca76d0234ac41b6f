//! Messages larger than memory should hold, taken as they arrive: section 5.4.

use sansocket::{Buffer, Config, Connection, Fin, Limits, Piece, ProtocolError, Role};

use crate::common::*;

/// The messages that the pieces make, and the error; a message that did not end comes last and has no end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    messages: Vec<Got>,
    unfinished: Vec<u8>,
    error: Option<ProtocolError>,
}

impl Taken {
    /// Takes every piece there is.
    fn take(&mut self, connection: &mut Connection, input: &mut Buffer) {
        loop {
            match connection.next_piece(input) {
                Ok(Some(piece)) => self.add(piece),
                Ok(None) => return,
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }

    fn add(&mut self, piece: Piece<'_>) {
        let (data, fin) = match piece {
            Piece::Text(text, fin) => (text.as_bytes(), fin),
            Piece::Binary(data, fin) => (data, fin),
        };
        assert!(!data.is_empty() || fin == Fin::Final, "an empty piece that ends nothing");
        self.unfinished.extend_from_slice(data);
        if fin == Fin::Final {
            let data = core::mem::take(&mut self.unfinished);
            self.messages.push(match piece {
                Piece::Text(..) => Got::Text(String::from_utf8(data).unwrap()),
                Piece::Binary(..) => Got::Binary(data),
            });
        }
    }
}

fn take<'a>(role: Role, reads: impl IntoIterator<Item = &'a [u8]>) -> Taken {
    let (mut connection, mut input) = (connection(role, &Config::default()), Buffer::new());
    let mut taken = Taken::default();
    for read in reads {
        input.extend_from_slice(read);
        taken.take(&mut connection, &mut input);
    }
    taken
}

// req: 6455-5.4-o, 6455-5.4-p, 6455-6.2-d
#[test]
fn the_pieces_of_a_message_are_the_message_at_every_split() {
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
fn pieces_are_given_out_as_they_arrive() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        let bytes = wire(role, &[(TEXT, "ab€cd".as_bytes())]);
        let (header, payload) = bytes.split_at(bytes.len() - 7);
        let mut next = |read: &[u8]| {
            input.extend_from_slice(read);
            end.next_piece(&mut input).map(|piece| piece.map(|piece| format!("{piece:?}")))
        };
        let piece = |text, fin| Ok(Some(format!("{:?}", Piece::Text(text, fin))));
        assert_eq!(next(header), Ok(None));
        assert_eq!(next(&payload[..1]), piece("a", Fin::More));
        assert_eq!(next(&payload[1..4]), piece("b", Fin::More));
        assert_eq!(next(&payload[4..5]), piece("€", Fin::More));
        assert_eq!(next(&payload[5..]), piece("cd", Fin::Final));
        assert_eq!(next(b""), Ok(None));
    }
}

#[test]
fn binary_pieces_are_lent_as_they_lie() {
    let rows: [(&[Frame<'_>], &[bool]); 4] = [
        (&[(BINARY, b"whole")], &[false]),
        (&[(BINARY_BEGINS, b"in"), (GOES_ON, b"three"), (ENDS, b"fragments")], &[false; 3]),
        (&[(TEXT, b"whole")], &[false]),
        (&[(TEXT_BEGINS, b"validated"), (ENDS, b"on the way")], &[true; 2]),
    ];
    for (frames, assembled) in rows {
        for role in ROLES {
            let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
            input.extend_from_slice(&wire(role, frames));
            for is_assembled in assembled {
                let found = end.advance_piece(&mut input).unwrap().unwrap();
                assert_eq!(found.is_assembled(), *is_assembled, "{frames:02x?}");
            }
            assert!(end.advance_piece(&mut input).unwrap().is_none());
        }
    }
}

// attack: utf8-3, floods-3
#[test]
fn pieces_before_a_fault_are_given_out() {
    use ProtocolError::{InterleavedMessage, InvalidUtf8, MessageTooLong};
    let huge = vec![b'x'; 16 << 20];
    let rows: [(&[Frame<'_>], &[u8], ProtocolError); 4] = [
        (&[(BINARY_BEGINS, b"be"), (GOES_ON, b"fore"), (TEXT, b"x")], b"before", InterleavedMessage),
        (&[(TEXT_BEGINS, b"before"), (ENDS, b"\xff")], b"before", InvalidUtf8),
        (&[(TEXT_BEGINS, b"before\xe2\x82"), (ENDS, b"")], b"before", InvalidUtf8),
        (&[(BINARY_BEGINS, b"x"), (ENDS, &huge)], b"x", MessageTooLong),
    ];
    for (frames, before, error) in rows {
        for role in ROLES {
            let taken = take(role, [&wire(role, frames)[..]]);
            assert_eq!((taken.messages, &taken.unfinished[..], taken.error), (vec![], before, Some(error)));
        }
    }
}

#[test]
fn the_other_calls_skip_the_rest_of_a_message_begun_in_pieces() {
    for (begins, cut) in [(TEXT_BEGINS, 1), (BINARY_BEGINS, 2), (BINARY_BEGINS, 6), (TEXT_BEGINS, 8)] {
        for role in ROLES {
            let frames: [Frame<'_>; 4] =
                [(begins, b"one two"), (PING, b"p"), (GOES_ON, b" three"), (ENDS, b"")];
            let message = wire(role, &frames);
            let next = wire(role, &[(TEXT, b"next")]);
            let header_len = if role == Role::Server { 6 } else { 2 };
            let (front, back) = message.split_at(header_len + cut.min(7));
            let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());

            input.extend_from_slice(front);
            assert!(end.next_piece(&mut input).unwrap().is_some());
            let rest = feed(&mut end, &mut input, [back, &next]);
            assert_eq!(rest.events, [Got::Ping(b"p".to_vec()), text("next")]);
            assert!(input.is_idle());

            // And in pieces again.
            input.extend_from_slice(&[&message[..], &next].concat());
            let mut taken = Taken::default();
            taken.take(&mut end, &mut input);
            assert_eq!(taken.messages.len(), 2);
        }
    }
}

#[test]
fn a_message_of_which_no_piece_was_given_out_is_not_skipped() {
    let rows: [(Frame<'_>, Frame<'_>, Got); 3] = [
        ((BINARY_BEGINS, b""), (ENDS, b"x"), Got::Binary(b"x".to_vec())),
        ((TEXT_BEGINS, b""), (ENDS, b"x"), text("x")),
        ((TEXT_BEGINS, b"\xe2\x82"), (ENDS, b"\xac"), text("€")),
    ];
    for (first, last, message) in rows {
        for role in ROLES {
            let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
            input.extend_from_slice(&wire(role, &[first]));
            assert_eq!(end.next_piece(&mut input), Ok(None));
            let rest = feed(&mut end, &mut input, [&wire(role, &[last, (TEXT, b"next")])[..]]);
            assert_eq!(rest.events, [message.clone(), text("next")]);
        }
    }
}

// req: 6455-8.1-a
#[test]
fn text_that_is_skipped_is_validated_still() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        input.extend_from_slice(&wire(role, &[(TEXT_BEGINS, b"fine"), (ENDS, b"\xff")]));
        assert!(end.next_piece(&mut input).unwrap().is_some());
        assert_eq!(end.next_event(&mut input), Err(ProtocolError::InvalidUtf8));
    }
}

#[test]
fn pieces_asked_for_in_the_middle_of_an_assembly_begin_with_what_is_there() {
    for (begins, message) in
        [(TEXT_BEGINS, text("one two three")), (BINARY_BEGINS, Got::Binary(b"one two three".to_vec()))]
    {
        for role in ROLES {
            let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
            let frames: [Frame<'_>; 3] = [(begins, b"one"), (GOES_ON, b" two"), (ENDS, b" three")];
            let bytes = wire(role, &frames);
            for cut in 1..bytes.len() {
                let (front, back) = bytes.split_at(cut);
                assert_eq!(feed(&mut end, &mut input, [front]).events, []);
                let mut taken = Taken::default();
                for byte in back.chunks(1) {
                    input.extend_from_slice(byte);
                    taken.take(&mut end, &mut input);
                }
                assert_eq!(taken.messages, core::slice::from_ref(&message), "cut at {cut}");
            }
        }
    }
}

// req: 6455-5.4-g
#[test]
fn control_frames_are_dealt_with_between_pieces() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        input.extend_from_slice(&wire(
            role,
            &[(BINARY_BEGINS, b"x"), (PING, b"p"), (CLOSE, b""), (ENDS, b"y")],
        ));
        assert_eq!(end.next_piece(&mut input), Ok(Some(Piece::Binary(b"x", Fin::More))));
        assert_eq!(end.next_piece(&mut input), Ok(None));
        assert_eq!(written(end.output()), wire(other(role), &[(PONG, b"p"), (CLOSE, b"")]));
    }
}

#[test]
fn a_message_of_a_gibibyte_passes_through_a_small_buffer() {
    const LEN: u64 = 1 << 30;
    let limits = Limits { max_frame_len: LEN, max_message_len: LEN, ..Limits::default() };
    let (mut end, mut input) =
        (connection(Role::Client, &Config { limits, ..Config::default() }), Buffer::new());
    input.extend_from_slice(&[&[BINARY, 127][..], &LEN.to_be_bytes()].concat());
    assert_eq!(end.next_piece(&mut input), Ok(None));
    let mut received = 0;
    while received < LEN {
        // The buffer says itself how much it has room for.
        let room = input.spare().len();
        assert!(room <= 64 << 10, "{room} bytes of room");
        input.commit(room.min((LEN - received) as usize));
        match end.next_piece(&mut input).unwrap() {
            Some(Piece::Binary(data, fin)) => {
                received += data.len() as u64;
                assert_eq!(fin == Fin::Final, received == LEN);
            }
            piece => panic!("{piece:?}"),
        }
    }
    assert!(input.is_idle());
}

#[test]
fn a_message_whose_rest_is_skipped_does_not_come_back_in_pieces() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        input.extend_from_slice(&wire(role, &[(BINARY_BEGINS, b"ab")]));
        assert_eq!(end.next_piece(&mut input), Ok(Some(Piece::Binary(b"ab", Fin::More))));
        input.extend_from_slice(&wire(role, &[(GOES_ON, b"cd")]));
        assert_eq!(end.next_event(&mut input), Ok(None));
        input.extend_from_slice(&wire(role, &[(ENDS, b"ef"), (BINARY, b"x")]));
        assert_eq!(
            end.next_piece(&mut input),
            Ok(Some(Piece::Binary(b"x", Fin::Final))),
            "abef was never sent"
        );
    }
}
