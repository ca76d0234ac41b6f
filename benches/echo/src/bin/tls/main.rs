//! Echo over TLS: this crate beside tokio-tungstenite, with the same rustls, the same ring and the same cipher suite.
//!
//! ```text
//! cargo run --release --manifest-path benches/echo/Cargo.toml --bin tls
//! cargo run --release --manifest-path benches/echo/Cargo.toml --bin tls -- --cells "64 KiB" --turns 200
//! ```
//!
//! Linux only. Both ends are in this process: the server on one core, the client on another. The libraries take short turns in
//! random order. A figure is the CPU time of both ends for a message, user and system: the 10th percentile of the turns.
//! Memory is measured in a process for each library.

mod certificates;
mod libraries;
#[path = "../../machine.rs"]
#[expect(dead_code, reason = "the other program uses the rest of it")]
mod machine;
#[path = "../../serve/sinks.rs"]
mod sinks;

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};

use certificates::Tls;
use libraries::{Client, LIBRARIES, Library};
use machine::Cores;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How a connection of a server ended. It is ignored: the client checks what comes back.
type Ended = Result<(), Box<dyn Error + Send + Sync>>;

const USAGE: &str = "\
Options:
  --cells TEXT[;TEXT…]  only cells whose names contain one of these, such as \"64 KiB\"
  --libraries NAME[,…]  only these
  --turns N             turns of 20 ms for each library and cell (default: 60)
  --idle N              connections for the figures of memory (default: 1000)
  --help                show this help
Or: idle NAME N         print the bytes of resident memory per connection, both ends";

const TURN: Duration = Duration::from_millis(20);

struct Cell {
    name: &'static str,
    size: usize,
    /// Messages that are sent together, before the echo of the first is read.
    in_flight: usize,
}

const CELLS: [Cell; 5] = [
    Cell { name: "16 B, ping-pong", size: 16, in_flight: 1 },
    Cell { name: "16 B, 64 in flight", size: 16, in_flight: 64 },
    Cell { name: "1 KiB, 64 in flight", size: 1 << 10, in_flight: 64 },
    Cell { name: "64 KiB, ping-pong", size: 64 << 10, in_flight: 1 },
    Cell { name: "64 KiB, 4 in flight", size: 64 << 10, in_flight: 4 },
];

struct Options {
    cells: Vec<String>,
    libraries: Vec<String>,
    turns: usize,
    idle: usize,
}

fn main() -> Outcome<()> {
    let Some(options) = options()? else { return Ok(()) };
    let is_chosen = |library: &&Library| options.libraries.iter().any(|name| name == library.name);
    let libraries: Vec<&Library> =
        LIBRARIES.iter().filter(|library| options.libraries.is_empty() || is_chosen(library)).collect();
    let is_wanted = |cell: &&Cell| options.cells.iter().any(|part| cell.name.contains(&**part));
    let (cores, tls) = (Cores::of_this_machine(1)?, Tls::new()?);
    let mut clients = Vec::new();
    for library in &libraries {
        clients.push(start(library, &tls, &cores, 1)?);
    }
    let mut text = heading(&libraries);
    for cell in CELLS.iter().filter(|cell| options.cells.is_empty() || is_wanted(cell)) {
        eprintln!("{}", cell.name);
        row(&mut text, cell.name, &measure(cell, &mut clients, options.turns)?, &libraries)?;
    }
    if options.idle > 0 {
        let of = |library: &&Library| idle_of(library.name, options.idle);
        let figures: Vec<f64> = libraries.iter().map(of).collect::<Outcome<_>>()?;
        row(&mut text, "an idle connection, bytes", &figures, &libraries)?;
    }
    text += "\n| program | what it is |\n|---|---|\n";
    libraries.iter().try_for_each(|library| writeln!(text, "| {} | {} |", library.name, library.about))?;
    print!("{text}");
    Ok(())
}

/// `None` if there is nothing more to do.
fn options() -> Outcome<Option<Options>> {
    use lexopt::prelude::*;

    let mut options = Options { cells: Vec::new(), libraries: Vec::new(), turns: 60, idle: 1000 };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(word) if word == "idle" => {
                let (name, count) = (arguments.value()?.string()?, arguments.value()?.parse()?);
                println!("{}", idle(&name, count)?);
                return Ok(None);
            }
            Long("cells") => options.cells = list(&mut arguments, ';')?,
            Long("libraries") => options.libraries = list(&mut arguments, ',')?,
            Long("turns") => options.turns = arguments.value()?.parse()?,
            Long("idle") => options.idle = arguments.value()?.parse()?,
            Long("help") => {
                println!("{USAGE}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(Some(options))
}

fn list(arguments: &mut lexopt::Parser, separator: char) -> Outcome<Vec<String>> {
    use lexopt::ValueExt;

    Ok(arguments.value()?.string()?.split(separator).map(str::to_owned).collect())
}

/// Starts a server in a thread, and connects.
fn start(library: &Library, tls: &Tls, cores: &Cores, connections: usize) -> Outcome<Box<dyn Client>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (serve, config) = (library.serve, Arc::clone(&tls.server));
    cores.move_to_servers()?;
    thread::spawn(move || serve(listener, config).expect("the server goes on"));
    cores.move_to_load()?;
    (library.connect)(address, &tls.client, connections)
}

/// By library: CPU time per message in nanoseconds.
fn measure(cell: &Cell, clients: &mut [Box<dyn Client>], turns: usize) -> Outcome<Vec<f64>> {
    let message = Bytes::from((0..cell.size).map(|at| (at % 251) as u8).collect::<Vec<_>>());
    let mut order: Vec<usize> = (0..clients.len()).collect();
    let mut all = vec![Vec::new(); clients.len()];
    for turn in 0..=turns {
        fastrand::shuffle(&mut order);
        for &index in &order {
            let (begin, before) = (Instant::now(), cpu_time());
            let mut batches = 0;
            while begin.elapsed() < TURN {
                clients[index].exchange(&message, cell.in_flight)?;
                batches += 1;
            }
            // The first turn warms up.
            if turn > 0 {
                let used = (cpu_time() - before).as_nanos() as f64;
                all[index].push(used / (batches * cell.in_flight) as f64);
            }
        }
    }
    Ok(all.into_iter().map(tenth_percentile).collect())
}

fn tenth_percentile(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 10).copied().unwrap_or(f64::NAN)
}

/// The CPU time of this process, with all its threads.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.try_into().unwrap_or_default())
}

fn idle_of(name: &str, connections: usize) -> Outcome<f64> {
    let output = Command::new(env::current_exe()?).args(["idle", name, &connections.to_string()]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Resident memory of a connection in bytes, both ends, after the echo of a message of 64 KiB and one of 16 bytes.
fn idle(name: &str, connections: usize) -> Outcome<u64> {
    let library = LIBRARIES.iter().find(|library| library.name == name).ok_or("no such library")?;
    machine::raise_descriptors()?;
    let (cores, tls) = (Cores::of_this_machine(1)?, Tls::new()?);
    // Code and the allocator's first pages are not a connection's.
    let first = start(library, &tls, &cores, 1)?;
    let before = machine::resident(std::process::id())?;
    let clients = start(library, &tls, &cores, connections)?;
    let bytes = machine::resident(std::process::id())?.saturating_sub(before);
    drop((first, clients));
    Ok(bytes / connections.max(1) as u64)
}

fn heading(libraries: &[&Library]) -> String {
    let mut line = "| messages |".to_owned();
    for library in libraries {
        line = line + " " + library.name + " |";
    }
    line + " sansocket / best peer |\n|---|" + &"---:|".repeat(libraries.len() + 1) + "\n"
}

fn row(text: &mut String, name: &str, figures: &[f64], libraries: &[&Library]) -> std::fmt::Result {
    write!(text, "| {name} |")?;
    figures.iter().try_for_each(|figure| write!(text, " {figure:.0} |"))?;
    let of_peers = figures.iter().zip(libraries).filter(|(_, library)| library.is_peer);
    let best = of_peers.map(|(figure, _)| *figure).fold(f64::INFINITY, f64::min);
    let ours = figures.iter().zip(libraries).find(|(_, library)| !library.is_peer);
    writeln!(text, " {:.2} |", ours.map_or(f64::NAN, |(figure, _)| figure / best))
}
