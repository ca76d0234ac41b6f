//! Messages that are larger than the relay's memory.
//!
//! ```text
//! cargo build --release --example relay
//! cargo test --release --test relay -- --ignored --nocapture --test-threads 1
//! ```

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sansocket::Role;
use sansocket::frame::Opcode::{Binary, Continuation};
use sansocket::frame::{Decoder, MaskKey};

use crate::example_server::Server;
use crate::peers::{Peer, Relay, header, unlimited};

/// The limit for the peak memory of the process, in bytes.
const MEMORY: u64 = 16 << 20;

/// The payloads repeat this. Its length has no factor in common with the lengths of buffers.
static PATTERN: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..64_007_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect());

/// Masking with zeros saves the sender the work.
const NO_MASK: MaskKey = MaskKey([0; 4]);

/// Sends a message in `frames` frames of `len` bytes each. `taken` counts the bytes that the socket has taken.
fn send(mut stream: &TcpStream, mask: Option<MaskKey>, frames: u64, len: u64, taken: &AtomicU64) {
    let mut tail: &[u8] = &[];
    for i in 0..frames {
        let opcode = if i == 0 { Binary } else { Continuation };
        stream.write_all(&header(opcode, i + 1 == frames, mask, len)).unwrap();
        let mut left = len;
        while left > 0 {
            if tail.is_empty() {
                tail = &PATTERN;
            }
            let part = &tail[..tail.len().min(left as usize)];
            match stream.write(part) {
                Ok(n) => {
                    tail = &tail[n..];
                    left -= n as u64;
                    taken.fetch_add(n as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Receives the message of [`send`], and compares it.
fn receive(mut stream: &TcpStream, role: Role, frames: u64, len: u64) {
    let mut decoder = Decoder::new(role, unlimited());
    let mut buffer = vec![0; 256 << 10];
    let mut held = 0;
    let (mut frame, mut total) = (0, 0);
    while total < frames * len {
        let n = stream.read(&mut buffer[held..]).unwrap();
        assert!(n > 0, "the stream ended after {total} bytes");
        let mut input = &mut buffer[..held + n];
        while let Some(chunk) = decoder.decode(&mut input).unwrap() {
            let opcode = if frame == 0 { Binary } else { Continuation };
            assert_eq!((chunk.header.opcode, chunk.header.payload_len), (opcode, len));
            assert_eq!(chunk.header.fin, frame + 1 == frames);
            let mut rest = &*chunk.payload;
            while !rest.is_empty() {
                let expected = &PATTERN[(total % PATTERN.len() as u64) as usize..];
                let same = expected.len().min(rest.len());
                assert!(rest[..same] == expected[..same], "another payload, near byte {total}");
                rest = &rest[same..];
                total += same as u64;
            }
            frame += u64::from(chunk.ends_frame());
        }
        let left = input.len();
        buffer.copy_within(held + n - left..held + n, 0);
        held = left;
    }
    assert_eq!((frame, total), (frames, frames * len));
}

/// Sends the message in both directions at once.
fn both_ways(relay: &Relay, frames: u64, len: u64) {
    let (client, upstream) = relay.pair();
    let began = Instant::now();
    let taken = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| send(&client.stream, Some(NO_MASK), frames, len, &taken));
        scope.spawn(|| send(&upstream.stream, None, frames, len, &taken));
        scope.spawn(|| receive(&upstream.stream, Role::Server, frames, len));
        receive(&client.stream, Role::Client, frames, len);
    });
    println!(
        "2 times {} MiB in {frames} frames: {:.1?}{}",
        (frames * len) >> 20,
        began.elapsed(),
        peak(&relay.server)
    );
}

/// Checks the peak memory of the relay, if the system reports it, and describes it.
fn peak(server: &Server) -> String {
    let Some(peak) = server.peak_memory() else { return String::new() };
    assert!(peak < MEMORY, "{peak} bytes");
    format!(", the relay used {} KiB at most", peak >> 10)
}

#[test]
fn megabytes_in_one_frame_and_in_many_are_passed_on() {
    let relay = Relay::start();
    both_ways(&relay, 1, 24 << 20);
    both_ways(&relay, 3 << 10, 1 << 10);
}

#[test]
#[ignore = "moves four gigabytes"]
fn gigabyte_in_one_frame_is_passed_on() {
    both_ways(&Relay::start(), 1, 1 << 30);
}

#[test]
#[ignore = "moves four gigabytes"]
fn gigabyte_in_a_million_fragments_is_passed_on() {
    both_ways(&Relay::start(), 1 << 20, 1 << 10);
}

/// One peer does not read, so the relay stops reading from the other. Nothing is lost.
#[test]
fn stalled_reader_stops_the_sender() {
    const LEN: u64 = 64 << 20;
    for client_sends in [true, false] {
        let relay = Relay::start();
        let (client, upstream) = relay.pair();
        let (from, to, mask, role): (&Peer, &Peer, _, _) = if client_sends {
            (&client, &upstream, Some(NO_MASK), Role::Server)
        } else {
            (&upstream, &client, None, Role::Client)
        };
        let taken = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| send(&from.stream, mask, 1, LEN, &taken));
            let stopped = until_it_stops(&taken);
            println!("{} KiB were taken before the receiver read{}", stopped >> 10, peak(&relay.server));
            assert!(stopped < LEN / 2, "{stopped} bytes were taken");
            receive(&to.stream, role, 1, LEN);
        });
        assert_eq!(taken.into_inner(), LEN);
    }
}

/// The count once it has not changed for 300 ms. On a slow machine it may be too low, which does not fail the test.
fn until_it_stops(count: &AtomicU64) -> u64 {
    let mut before = 0;
    loop {
        thread::sleep(Duration::from_millis(300));
        let now = count.load(Ordering::Relaxed);
        if now == before && now > 0 {
            return now;
        }
        before = now;
    }
}
