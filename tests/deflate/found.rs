//! Faults that fuzzing, the model and a second look have found.

use sansocket::{Limits, Message, ProtocolError, Role};

use super::{config, end, end_with, frame, no_takeover, receive, takeover};

/// A stored block.
fn stored(data: &[u8], is_final: bool) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    [&[u8::from(is_final)], &len.to_le_bytes()[..], &(!len).to_le_bytes(), data].concat()
}

/// A chunk that was looked for and is then taken as part of its message is once in the window, not twice.
#[test]
fn chunk_that_is_put_back_is_in_the_window_once() {
    // A match of 3 bytes at distance 10, in a fixed block, and the beginning of an empty block.
    let refers_back = super::receiving::bits("0 10 0000001 00110 1 0000000 000");
    for (window, chunk) in [("12345", "abcde"), ("0123456789", "")] {
        let mut end = end(Role::Client, takeover());
        let first = frame(Role::Client, 0xC2, &[&stored(window.as_bytes(), false)[..], b"\0"].concat());
        assert_eq!(receive(&mut end, &first).0.len(), 1);
        end.receive(&frame(Role::Client, 0x42, &stored(chunk.as_bytes(), false)));
        assert_eq!(end.has_chunk(), Ok(!chunk.is_empty()));
        let rest = [&stored(b"", true)[..], &refers_back].concat();
        let expected = [chunk.as_bytes(), &window.as_bytes()[..3]].concat();
        let second = receive(&mut end, &frame(Role::Client, 0x80, &rest));
        assert_eq!(second, (vec![Message::from(&expected[..])], Ok(())), "{window}, {chunk}");
        // All of it once more, by the window.
        let len = window.len() + chunk.len();
        assert_eq!(len, 10);
        let again = frame(Role::Client, 0xC2, &[&stored(b"", true)[..], &refers_back].concat());
        let all = [window.as_bytes(), &expected].concat();
        let expected = &all[all.len() - 10..][..3];
        assert_eq!(receive(&mut end, &again), (vec![Message::from(expected)], Ok(())));
    }
}

/// A long frame of a compressed message is not read to where messages are assembled, even if a chunk was put back.
#[test]
fn rest_of_a_compressed_message_is_inflated_behind_a_chunk_that_was_put_back() {
    let data = vec![7; 60_000];
    let message = [&stored(&data, false)[..], b"\0"].concat();
    let bytes = frame(Role::Client, 0xC2, &message);
    let mut end = end(Role::Client, takeover());
    end.receive(&bytes[..10_000]);
    assert_eq!(end.has_chunk(), Ok(true));
    let mut rest = &bytes[10_000..];
    let mut received = Vec::new();
    while !rest.is_empty() {
        received.extend(end.next_message().unwrap());
        end.read_from(&mut rest).unwrap();
    }
    received.extend(end.next_message().unwrap());
    assert_eq!(received, [Message::from(&data[..])]);
}

/// The first fault counts, at every split: text that is not UTF-8, then too long, then not DEFLATE.
// attack: deflate-1, deflate-2, framing-8
#[test]
fn error_does_not_depend_on_the_reads() {
    use ProtocolError::{InvalidDeflate, InvalidUtf8};
    let too_long = ProtocolError::MessageTooLong { len: 6, limit: 5 };
    let rows = [
        (&b"ab\xffdefgh"[..], InvalidUtf8),
        (b"abcd\xffgh", InvalidUtf8),
        (b"abcde\xffgh", too_long),
        (b"abcdefgh", too_long),
        (b"ab\xff", InvalidUtf8),
        (b"abcde", InvalidDeflate),
    ];
    let limited = || config(no_takeover()).limits(Limits::default().max_message_len(5));
    for (text, error) in rows {
        // A block of type 3 follows.
        let bytes = frame(Role::Client, 0xC1, &[&stored(text, false)[..], b"\x06"].concat());
        for at in 0..bytes.len() {
            let mut end = end_with(Role::Client, limited());
            let (_, first) = receive(&mut end, &bytes[..at]);
            let (_, second) = receive(&mut end, &bytes[at..]);
            assert_eq!(second, Err(error), "{text:?} at {at}");
            assert!(first.is_ok() || first == second);
        }
    }
}

/// "If the resulting data does not end with an empty DEFLATE block with no compression (the 'BTYPE' bits are set to 00),
/// append an empty DEFLATE block with no compression to the tail end" (section 7.2.1): that block may have BFINAL.
#[test]
fn last_empty_block_may_have_bfinal() {
    for settings in [takeover(), no_takeover()] {
        let mut end = end(Role::Client, settings.clone());
        let empty = frame(Role::Client, 0xC1, b"\x01");
        let hello = frame(Role::Client, 0xC1, &[&stored(b"Hello", false)[..], b"\x01"].concat());
        let bytes = [empty, hello.clone(), hello].concat();
        let texts = ["", "Hello", "Hello"].map(Message::from);
        assert_eq!(receive(&mut end, &bytes), (texts.to_vec(), Ok(())));
        if settings.takeover {
            let refers_back = frame(Role::Client, 0xC1, b"\xf2\x00\x11\x00\x00");
            assert_eq!(receive(&mut end, &refers_back), (vec!["Hello".into()], Ok(())));
        }
    }
}
