//! Bytes out are bytes in, in order, for any messages and any reads.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use sansocket::blocking::{WebSocket, WithoutTimeouts};
use sansocket::{Connection, Limits};

use crate::counting;
use crate::script::{Script, Step};
use crate::shells::{Setting, each};
use crate::{frame, pattern, untimed};

/// The lengths of a message's fragments, some of them empty.
fn message() -> impl Strategy<Value = Vec<usize>> {
    let len = prop_oneof![3 => 0..20usize, 2 => 100..1000usize, 1 => 10_000..90_000usize];
    prop::collection::vec(len, 1..5)
}

/// The frames of these messages, with Pings between them, and their bytes.
fn wire(messages: &[Vec<usize>]) -> (Vec<u8>, Vec<u8>) {
    let bytes = pattern(messages.iter().flatten().sum());
    let (mut wire, mut rest) = (Vec::new(), &bytes[..]);
    for fragments in messages {
        for (n, len) in fragments.iter().enumerate() {
            let (payload, behind) = rest.split_at(*len);
            rest = behind;
            let fin = if n + 1 == fragments.len() { 0x80 } else { 0 };
            wire.extend(frame(fin | if n == 0 { 2 } else { 0 }, payload));
            wire.extend(frame(0x89, b"?"));
        }
    }
    (wire, bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 1000 }))]

    #[test]
    fn bytes_out_are_bytes_in(
        messages in prop::collection::vec(message(), 0..6),
        reads in prop::collection::vec(1..5000usize, 0..40),
        sizes in prop::collection::vec(prop_oneof![1..40usize, 100..100_000usize], 1..8),
        lends in any::<bool>(),
    ) {
        let (wire, expected) = wire(&messages);
        let mut script = Script::new(&[&wire[..], &frame(0x88, b"\x03\xe8")].concat());
        script.reads = reads.iter().map(|n| Step::Bytes(*n)).collect();
        each(&script, &untimed(), Setting::default(), |stream| {
            let mut all = Vec::<u8>::new();
            let mut buffer = vec![0; 100_000];
            for size in sizes.iter().cycle() {
                let n = if lends {
                    let lent = stream.fill().unwrap();
                    let n = lent.len().min(*size);
                    all.extend(&lent[..n]);
                    stream.consume(n);
                    n
                } else {
                    let n = stream.read(&mut buffer[..*size]).unwrap();
                    all.extend(&buffer[..n]);
                    n
                };
                if n == 0 {
                    break;
                }
            }
            assert!(all == expected, "{} of {} bytes", all.len(), expected.len());
            assert_eq!(stream.read(&mut buffer).unwrap(), 0, "the end of the file comes again");
            assert!(stream.written().ends_with(b"\x8a\x01?\x88\x02\x03\xe8") || messages.is_empty());
        });
    }
}

#[test]
fn text_is_read_as_bytes_if_it_is_accepted() {
    let long = "水".repeat(20_000);
    let wire = [
        frame(0x01, b"a\xc3"),
        frame(0x80, b"\x9f"),
        frame(0x81, long.as_bytes()),
        frame(0x82, b"\xff"),
        frame(0x81, b""),
        frame(0x88, b""),
    ];
    let setting = Setting { accepts_text: true, ..Setting::default() };
    for size in [1, 7, 100_000] {
        each(&Script::new(&wire.concat()), &untimed(), setting, |stream| {
            let (all, end) = stream.read_to_end(size);
            assert!(all == ["aß".as_bytes(), long.as_bytes(), b"\xff"].concat(), "{} bytes", all.len());
            end.unwrap();
        });
    }
}

#[test]
fn empty_messages_and_empty_reads_are_no_end_of_file() {
    let wire = [
        frame(0x82, b""),
        frame(0x02, b""),
        frame(0x80, b""),
        frame(0x82, b"ab"),
        frame(0x82, b""),
        frame(0x82, b"c"),
        frame(0x88, b""),
    ];
    each(&Script::new(&wire.concat()), &untimed(), Setting::default(), |stream| {
        assert_eq!(stream.read(&mut []).unwrap(), 0);
        let (all, end) = stream.read_to_end(1);
        assert_eq!(all, b"abc");
        end.unwrap();
    });
}

/// A peer that sends one binary message, zeros in one frame, and then a Close frame.
struct Long {
    head: io::Cursor<Vec<u8>>,
    left: u64,
    close: io::Cursor<Vec<u8>>,
}

impl Read for Long {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match (self.head.read(to)?, self.left) {
            (0, 0) => self.close.read(to),
            (0, left) => {
                let n = left.min(to.len() as u64);
                to[..n as usize].fill(0);
                self.left -= n;
                Ok(n as usize)
            }
            (n, _) => Ok(n),
        }
    }
}

impl Write for Long {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn reads_a_message_of(len: u64) {
    let head = [&b"\x82\xff"[..], &len.to_be_bytes(), &[0; 4]].concat();
    let close = frame(0x88, b"");
    let long = Long { head: io::Cursor::new(head), left: len, close: io::Cursor::new(close) };
    let limits = Limits::default().max_frame_len(len).max_message_len(len);
    let ((), peak, _) = counting::bytes_in_use(|| {
        let connection = Connection::server(untimed().limits(limits));
        let mut stream = WebSocket::from_parts(WithoutTimeouts(long), connection).unwrap().into_byte_stream();
        let mut read = 0;
        let mut buffer = [0; 9000];
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                n => read += n as u64,
            }
        }
        assert_eq!(read, len);
    });
    assert!(peak < 200_000, "{peak} bytes of memory");
}

#[test]
fn message_of_32_mib_needs_the_memory_of_a_part() {
    reads_a_message_of(32 << 20);
}

/// `cargo test --release --test byte_streams -- --ignored 1_gib`
#[test]
#[ignore = "a second in a release build, a minute without optimisation"]
fn message_of_1_gib_needs_the_memory_of_a_part() {
    reads_a_message_of(1 << 30);
}
