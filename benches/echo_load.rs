//! What an echo server costs: 64 messages of 16 bytes at a time on one connection, as a busy peer's arrive.
//!
//! ```text
//! target/release/examples/echo_tokio --bind 127.0.0.1:9001 &
//! cargo bench --bench echo_load -- 127.0.0.1:9001 --pid $!
//! cargo bench --bench echo_load -- 127.0.0.1:9001 --pid $! --idle 10000
//! ```
//!
//! Any echo server will do. With its process id (on Linux) the report has its CPU time and its memory. Without an address
//! a server of the blocking shell is started here, and the rate is that of both ends.

mod common;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;
use std::{fs, thread};

use clap::Parser;
use common::{binary, push_masked};
use sansocket::frame::Opcode;
use sansocket::{Error, blocking};

const PAYLOAD_LEN: u8 = 16;
const MESSAGES_A_ROUND: u64 = 64;

#[derive(Debug, Parser)]
struct Options {
    /// Where the server listens
    address: Option<SocketAddr>,
    /// The server's process, to be asked what it has used
    #[arg(long)]
    pid: Option<u32>,
    /// How many messages to send
    #[arg(long, value_name = "N", default_value = "2000000")]
    messages: u64,
    /// Instead: open so many connections, send one message on each, and ask for the server's memory
    #[arg(long, value_name = "N")]
    idle: Option<u64>,
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, hide = true)]
    test: bool,
}

fn main() -> Result<(), Error> {
    let options = Options::parse();
    let address = options.address.map_or_else(start_server, Ok)?;
    let usage = || options.pid.map_or(Ok(Usage::default()), Usage::of);
    if let Some(connections) = options.idle {
        let before = usage()?;
        let streams: Vec<_> = (0..connections).map(|_| connect(address)).collect::<Result<_, _>>()?;
        let used = usage()?.resident.saturating_sub(before.resident);
        println!("{} connections idle: {} B each", streams.len(), used / connections.max(1));
        return Ok(());
    }
    let mut stream = connect(address)?;
    let rounds = if options.test { 1 } else { options.messages.div_ceil(MESSAGES_A_ROUND) };
    exchange(&mut stream, MESSAGES_A_ROUND, rounds / 20)?;
    let (before, start) = (usage()?, Instant::now());
    exchange(&mut stream, MESSAGES_A_ROUND, rounds)?;
    let per_message = |nanoseconds: u128| nanoseconds / u128::from(rounds * MESSAGES_A_ROUND);
    let elapsed = start.elapsed().as_nanos();
    println!("{} ns per message, both ends", per_message(elapsed));
    if options.pid.is_some() {
        let used = usage()?.cpu.saturating_sub(before.cpu);
        println!("{} ns per message, CPU time of the server", per_message(used));
    }
    Ok(())
}

/// A connection that has echoed one message.
fn connect(address: SocketAddr) -> Result<TcpStream, Error> {
    let (mut stream, ..) = blocking::connect(&format!("ws://{address}/"))?.into_parts();
    exchange(&mut stream, 1, 1)?;
    Ok(stream)
}

/// Sends so many messages in one write and waits for them to come back, and that so many times.
fn exchange(stream: &mut TcpStream, messages: u64, rounds: u64) -> io::Result<()> {
    let payload = binary(PAYLOAD_LEN.into());
    let (mut sent, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..messages {
        push_masked(&mut sent, Opcode::Binary, true, &payload);
        expected.extend([0x82, PAYLOAD_LEN]);
        expected.extend(&payload);
    }
    let mut received = vec![0; expected.len()];
    for _ in 0..rounds {
        stream.write_all(&sent)?;
        stream.read_exact(&mut received)?;
        assert!(received == expected, "what came back is not what was sent");
    }
    Ok(())
}

/// What a process has used so far.
#[derive(Default)]
struct Usage {
    /// Nanoseconds, of all the threads that it has.
    cpu: u128,
    /// Bytes.
    resident: u64,
}

impl Usage {
    fn of(pid: u32) -> io::Result<Self> {
        let mut cpu = 0;
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            cpu += first_number(&fs::read_to_string(thread?.path().join("schedstat"))?);
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).map_or(0, first_number);
        Ok(Self { cpu: cpu.into(), resident: resident << 10 })
    }
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || -> Result<(), Error> {
        let mut socket = blocking::accept(listener.accept()?.0)?;
        while let Some(message) = socket.read()? {
            socket.feed(&message)?;
        }
        Ok(())
    });
    Ok(address)
}
