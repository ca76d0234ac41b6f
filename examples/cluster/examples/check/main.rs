//! Proves that several servers are one chat: messages from all sides while something breaks, and a record of what each
//! window was shown and told. `tests/cluster/run` starts it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is how a test fails")]

mod faults;
mod measure;
mod record;
mod stack;
mod window;

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use faults::Fault;
use record::{HEADING, Verdict, judge, plant};
use stack::Stack;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval, sleep};
use window::{Record, Window, users};

const ROOMS: usize = 3;

/// The most messages a second, of all windows together. A fault makes a run longer, so they are fewer a second.
const MOST_A_SECOND: u64 = 250;

/// The lists of users must be right this long after a fault.
const USERS: Duration = Duration::from_secs(15);

/// The most time that is given to outcomes and messages after the last message was typed.
const SETTLED: Duration = Duration::from_secs(30);

#[derive(Debug, Parser)]
struct Options {
    /// A directory for the files of all programs
    #[arg(long)]
    directory: PathBuf,
    /// The program of this package
    #[arg(long)]
    cluster: PathBuf,
    /// The program of the package chat, for comparisons
    #[arg(long)]
    chat: Option<PathBuf>,
    /// Servers: 2 or 3
    #[arg(long, default_value_t = 3)]
    servers: usize,
    /// Windows for each server
    #[arg(long, default_value_t = 60)]
    windows: usize,
    /// Messages during each fault
    #[arg(long, default_value_t = 900)]
    messages: u64,
    /// Measure latency, memory and the highest rate instead
    #[arg(long)]
    measure: bool,
    /// Only faults whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
    /// Start everything for another test, print the ports, and wait to be ended
    #[arg(long)]
    serve: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    // All programs end with the future that has started them.
    tokio::select! {
        code = run(&options) => code,
        _ = terminate.recv() => ExitCode::FAILURE,
        _ = tokio::signal::ctrl_c() => ExitCode::FAILURE,
    }
}

async fn run(options: &Options) -> ExitCode {
    if options.measure {
        measure::run(options).await;
        return ExitCode::SUCCESS;
    }
    let mut stack = Stack::start(&options.directory, &options.cluster, options.servers).await;
    if options.serve {
        serve(&mut stack).await;
        return ExitCode::SUCCESS;
    }
    println!(
        "{} servers, {} windows each, {} rooms, {} messages",
        options.servers, options.windows, ROOMS, options.messages
    );
    println!("{:34} | {HEADING} | user lists agree after", "fault");
    let mut failed = 0;
    for fault in faults::ALL.into_iter().filter(|fault| fault.name().contains(&options.only)) {
        failed += usize::from(!pass(fault, options, &mut stack).await);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One run: windows of all rooms on all servers, messages from all sides, and a fault meanwhile.
async fn pass(fault: Fault, options: &Options, stack: &mut Stack) -> bool {
    let rooms: Vec<Vec<Window>> = open(fault, options, stack).await;
    let all: Vec<&Window> = rooms.iter().flatten().collect();
    let seconds = fault.seconds() + (options.messages / MOST_A_SECOND).max(4);
    let mut ticks = interval(Duration::from_secs(seconds) / u32::try_from(options.messages).unwrap());
    let done = AtomicBool::new(false);
    let said = async {
        for number in 0..options.messages {
            ticks.tick().await;
            // A stride that meets all windows, of all rooms and servers.
            all[usize::try_from(number).unwrap() * 7919 % all.len()].say(number);
        }
        settle(&rooms).await;
        done.store(true, Ordering::Relaxed);
    };
    let happened = async {
        sleep(Duration::from_secs(2)).await;
        fault.happen(stack).await;
        agree(&rooms, Instant::now(), &done).await
    };
    let ((), agreed) = tokio::join!(said, happened);

    let mut verdict = Verdict::default();
    for room in &rooms {
        let records: Vec<Record> = room.iter().map(|window| window.look(Record::clone)).collect();
        if fault == Fault::None && judge(&records).is_clean() {
            plant(&records);
        }
        verdict.add(&judge(&records));
    }
    let agreed_text = agreed.map_or_else(|| "never".into(), |time| format!("{:.1} s", time.as_secs_f64()));
    println!("{:34} | {verdict} | {agreed_text}", fault.name());
    let is_complete = verdict.confirmed + verdict.refused == usize::try_from(options.messages).unwrap();
    if fault.leaves_gaps() {
        verdict.lost = 0; // Redis itself lost what servers had not read. Windows were told that something may be missing.
    }
    let is_expected =
        is_complete && (verdict.refused > 0) == fault.refuses() && (verdict.gaps > 0) == fault.leaves_gaps();
    fault.end(stack).await;
    verdict.is_clean() && is_expected && agreed.is_some()
}

async fn open(fault: Fault, options: &Options, stack: &Stack) -> Vec<Vec<Window>> {
    let count = options.servers * options.windows / ROOMS;
    let mut rooms = Vec::new();
    for room in 0..ROOMS {
        let name = format!("{fault:?}-{room}");
        let mut windows = Vec::new();
        for index in 0..count {
            windows.push(Window::open(stack.front_port, &name, format!("w{room}-{index}")));
            if index % 20 == 0 {
                sleep(Duration::from_millis(10)).await;
            }
        }
        rooms.push(windows);
    }
    let done = AtomicBool::new(true);
    assert!(agree(&rooms, Instant::now(), &done).await.is_some(), "all windows are open and see each other");
    rooms
}

/// Waits until `done`, and until each window lists exactly the windows of its room. Gives how long after `since` a list was
/// last seen wrong. `None` if one is still wrong after [`USERS`].
async fn agree(rooms: &[Vec<Window>], since: Instant, done: &AtomicBool) -> Option<Duration> {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let expected: Vec<Vec<String>> =
        (rooms.iter()).map(|room| sorted(room.iter().map(|window| window.name.clone()).collect())).collect();
    let mut last_wrong = Duration::ZERO;
    loop {
        let at = since.elapsed();
        // Most windows have the same list.
        let lists = rooms.iter().map(|room| {
            let lists: HashSet<String> =
                room.iter().map(|window| window.look(|record| record.list.clone())).collect();
            lists.iter().map(|list| sorted(users(list))).collect::<Vec<_>>()
        });
        let wrong = lists.zip(&expected).find(|(lists, names)| lists.iter().any(|list| list != *names));
        match wrong {
            None if done.load(Ordering::Relaxed) => return Some(last_wrong),
            Some((lists, names)) if at > USERS => {
                let lens: Vec<usize> = lists.iter().map(Vec::len).collect();
                println!("lists with {lens:?} users, not {}", names.len());
                return None;
            }
            Some(_) => last_wrong = at,
            None => {}
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until all outcomes are known and nothing more arrives.
async fn settle(rooms: &[Vec<Window>]) {
    let began = Instant::now();
    let shown =
        || rooms.iter().flatten().map(|window| window.look(|record| record.shown.len())).sum::<usize>();
    let mut before = usize::MAX;
    while began.elapsed() < SETTLED {
        let open = rooms.iter().flatten().any(|window| window.look(|record| !record.waiting.is_empty()));
        let now = shown();
        if !open && now == before {
            return;
        }
        before = now;
        sleep(Duration::from_millis(500)).await;
    }
}

/// Prints the ports, and does what the lines on standard input say: `kill N`, `start N`, `redis stop`, `redis start`.
async fn serve(stack: &mut Stack) {
    println!("ports {} {:?}", stack.front_port, stack.ports);
    let mut lines = std::io::stdin().lines();
    while let Some(Ok(line)) = tokio::task::block_in_place(|| lines.next()) {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["kill", index] => {
                let server: usize = index.parse().unwrap();
                stack.servers[server].signal("KILL");
                stack.servers[server].wait().await;
            }
            ["start", index] => stack.restart_server(index.parse().unwrap()).await,
            ["redis", "stop"] => {
                stack.redis.signal("KILL");
                stack.redis.wait().await;
            }
            ["redis", "start"] => stack.restart_redis(),
            _ => panic!("{line}"),
        }
        println!("done {line}");
    }
}
