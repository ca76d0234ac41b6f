//! Limits count what a message is inflated to (RFC 6455 section 10.4).

use sansocket::{Chunk, CloseCode, Config, Connection, Deflate, Limits, ProtocolError, Role};

use super::{config, end_with, frame, receive, takeover};

fn limited(limit: u64) -> Config {
    config(takeover()).limits(Limits::default().max_message_len(limit))
}

/// `len` zeros as one compressed binary message, by the crate's own sender.
fn zeros(len: usize) -> Vec<u8> {
    let mut sender = end_with(Role::Server, config(Deflate::default().min_len(0)));
    sender.send(&vec![0; len]).unwrap();
    let bytes: Vec<u8> = sender.output().chunks().flatten().copied().collect();
    bytes
}

fn end(limit: u64) -> Connection {
    end_with(Role::Client, limited(limit))
}

// attack: deflate-1
#[test]
fn limit_is_exact_and_counts_inflated_bytes() {
    for limit in [0, 1, 2, 511, 512, 513, 4096, 16_383, 16_384, 16_385, 100_000, 1 << 20] {
        let exact = receive(&mut end(limit), &zeros(limit as usize));
        assert_eq!(exact.1, Ok(()), "{limit} bytes");
        assert_eq!(exact.0[0].len() as u64, limit);
        let mut end = end(limit);
        let len = limit + 1;
        let beyond = receive(&mut end, &zeros(len as usize));
        assert_eq!(beyond, (vec![], Err(ProtocolError::MessageTooLong { len, limit })), "{len} bytes");
        assert_eq!(end.close_info().unwrap().sent, Some(CloseCode::TOO_BIG));
    }
}

#[test]
fn limit_is_exact_in_chunks() {
    let limit = 300_000;
    for (len, is_valid) in [(limit, true), (limit + 1, false)] {
        let mut end = end(limit as u64);
        end.receive(&zeros(len));
        let mut received = 0;
        let result = loop {
            match end.next_chunk() {
                Ok(Some(Chunk::Binary { data, fin })) => {
                    assert!(data.len() <= (65 << 10), "a chunk of {} bytes", data.len());
                    received += data.len();
                    if fin {
                        break Ok(());
                    }
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(result.is_ok(), is_valid, "{result:?}");
        assert_eq!(received == len, is_valid);
    }
}

/// What does not get smaller may be longer on the wire than the limit for messages.
#[test]
fn compressed_length_does_not_count() {
    let message: &[u8] = b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";
    let (messages, result) = receive(&mut end(5), &frame(Role::Client, 0xC1, message));
    assert_eq!((messages.len(), result), (1, Ok(())));
}

#[test]
fn each_message_has_the_whole_limit() {
    let mut end = end(1000);
    for _ in 0..10 {
        assert_eq!(receive(&mut end, &zeros(1000)).1, Ok(()));
    }
}

/// A message may have many blocks with BFINAL, but each costs a window.
#[test]
fn blocks_with_bfinal_are_bounded() {
    // An empty fixed block with BFINAL: bits 1 10 0000000, and padding.
    let blocks = |n: usize| [b"\x03\x00".repeat(n), b"\x00".to_vec()].concat();
    let valid = receive(&mut end(1000), &frame(Role::Client, 0xC2, &blocks(1000)));
    assert_eq!((valid.0.len(), valid.1), (1, Ok(())));
    let beyond = receive(&mut end(1000), &frame(Role::Client, 0xC2, &blocks(1001)));
    assert_eq!(beyond, (vec![], Err(ProtocolError::InvalidDeflate)));
}
