//! Many bytes both ways at once, all compared, in little memory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use std::{fs, thread};

use sansocket::blocking::ByteStream;

/// Bytes of a generator (splitmix64), and lengths to read and write them in.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The bytes of one direction, in parts of up to 64 KiB: the same bytes for the same seed, in parts of any length.
struct Parts {
    bytes: Numbers,
    lengths: Numbers,
    left: u64,
    /// The end of the last number that was used in part.
    rest: Vec<u8>,
}

impl Parts {
    fn new(seed: u64, cut: u64, len: u64) -> Self {
        Self { bytes: Numbers(seed), lengths: Numbers(cut), left: len, rest: Vec::new() }
    }

    /// Puts the next part into the buffer. False: there is none.
    fn next(&mut self, part: &mut Vec<u8>) -> bool {
        // As many short parts as long ones.
        let longest = 1 << (self.lengths.next() % 17);
        let len = (1 + self.lengths.next() % longest).min(self.left);
        self.left -= len;
        part.clear();
        part.append(&mut self.rest);
        while (part.len() as u64) < len {
            part.extend(self.bytes.next().to_le_bytes());
        }
        self.rest.extend(part.drain(len as usize..));
        len > 0
    }
}

/// Sends all bytes of one seed, reads as many of another, and goes on to the end of the connection.
fn exchange_blocking(stream: ByteStream<TcpStream>, own: u64, other: u64, len: u64) {
    let (mut reader, mut writer) = stream.split();
    let writing = thread::spawn(move || {
        let (mut parts, mut part) = (Parts::new(own, 1, len), Vec::new());
        while parts.next(&mut part) {
            writer.write_all(&part).unwrap();
        }
        writer.flush().unwrap();
        writer
    });
    let (mut parts, mut part, mut read) = (Parts::new(other, 2, len), Vec::new(), Vec::new());
    while parts.next(&mut part) {
        read.resize(part.len(), 0);
        reader.read_exact(&mut read).unwrap();
        assert!(read == part, "other bytes, {} before the end", parts.left);
    }
    writing.join().unwrap().shutdown().unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

fn blocking(len: u64) {
    let (client, server) = crate::halves::pair();
    let server = thread::spawn(move || exchange_blocking(server.into_byte_stream(), 2, 1, len));
    exchange_blocking(client.into_byte_stream(), 1, 2, len);
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
mod over_tokio {
    use sansocket::Connection;
    use sansocket::tokio::{ByteStream, from_parts};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::Parts;
    use crate::untimed;

    async fn exchange(stream: ByteStream<TcpStream>, own: u64, other: u64, len: u64) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let writing = tokio::spawn(async move {
            let (mut parts, mut part) = (Parts::new(own, 1, len), Vec::new());
            while parts.next(&mut part) {
                writer.write_all(&part).await.unwrap();
            }
            writer.flush().await.unwrap();
            writer
        });
        let (mut parts, mut part, mut read) = (Parts::new(other, 2, len), Vec::new(), Vec::new());
        while parts.next(&mut part) {
            read.resize(part.len(), 0);
            reader.read_exact(&mut read).await.unwrap();
            assert!(read == part, "other bytes, {} before the end", parts.left);
        }
        writing.await.unwrap().shutdown().await.unwrap();
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
    }

    pub(super) fn run(len: u64) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let server = from_parts(listener.accept().await.unwrap().0, Connection::server(untimed()));
            let server = tokio::spawn(exchange(server.into_byte_stream(), 2, 1, len));
            let client = from_parts(client, Connection::client(untimed()));
            exchange(client.into_byte_stream(), 1, 2, len).await;
            server.await.unwrap();
        });
    }
}

#[test]
fn mebibytes_of_both_directions_arrive_in_order() {
    blocking(4 << 20);
    #[cfg(feature = "tokio")]
    over_tokio::run(4 << 20);
}

/// `cargo test --release --test byte_streams --features tokio -- --ignored --nocapture gibibyte`
#[test]
#[ignore = "seconds in a release build, minutes without optimisation"]
fn gibibyte_each_way_takes_little_memory() {
    measured("blocking", blocking);
    #[cfg(feature = "tokio")]
    measured("tokio", over_tokio::run);
}

/// Both ends and the tests' own buffers are in this process.
fn measured(shell: &str, exchange: impl Fn(u64)) {
    exchange(1 << 20); // threads, runtime and allocator have what they keep
    // "5" makes the peak what is in use now (proc_pid_clear_refs(5)).
    fs::write("/proc/self/clear_refs", "5").ok();
    let (before, start) = (peak(), Instant::now());
    exchange(1 << 30);
    println!("{shell}: 1 GiB each way in {:.1?}", start.elapsed());
    if let (Some(before), Some(after)) = (before, peak()) {
        println!("{shell}: VmHWM {before} KiB before, {after} KiB after");
        assert!(after < before + 4096, "{shell}: the memory grows");
    }
}

/// The peak memory of this process in KiB, if the operating system reports it.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
