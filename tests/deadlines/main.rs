//! The table of deadlines: what is configured, and after what time everybody who waits is released.
//!
//! `cargo test --release --all-features --test deadlines -- --nocapture` prints it; `docs/deadlines.md` has a copy. All rows run
//! at the same time. A row that is late runs again alone, because other programs may have had the processor.

#![cfg(all(feature = "tokio", feature = "smol"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "an unexpected value ends the test")]

mod asynchronous;
mod blocking;
mod peer;

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use sansocket::{Config, Error, Message};

use peer::Peer;

/// Every deadline of the table; for the keepalive two intervals.
const CONFIGURED: Duration = Duration::from_secs(2);

/// When the closing handshake of a row begins.
const LATER: Duration = Duration::from_millis(400);

/// How late beside a tenth: the scheduler.
const TICK: Duration = Duration::from_millis(200);

/// More than the buffers of a socket hold, and for the slow peer the work of 5 s.
const LEN: usize = 12 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Deadline {
    Handshake,
    Keepalive,
    Write,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shell {
    Blocking,
    Tokio,
    Smol,
}

/// The connection, or for the handshake the role.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Used {
    Whole,
    Split,
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Tasks {
    One,
    Two,
    Join,
    Select,
}

/// What the tasks do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Open,
    Read,
    Send,
    ReadAndSend,
    Close,
    /// One half sends, and later the other closes.
    SendAndClose,
    /// One half reads, and later the other closes.
    ReadAndClose,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    deadline: Deadline,
    shell: Shell,
    used: Used,
    tasks: Tasks,
    work: Work,
    peer: Peer,
}

/// When each task was released, and its result.
type Released = Vec<(Duration, Result<(), Error>)>;

impl Row {
    fn config(self) -> Config {
        const NEVER: Duration = Duration::from_secs(3600);
        let config = Config::default().keepalive(None);
        let config = config.handshake_timeout(NEVER).write_timeout(NEVER).close_timeout(NEVER);
        match self.deadline {
            Deadline::Handshake => config.handshake_timeout(CONFIGURED),
            Deadline::Keepalive => config.keepalive(Some(CONFIGURED / 2)).write_timeout(2 * CONFIGURED),
            Deadline::Write => config.write_timeout(CONFIGURED),
            Deadline::Close => config.close_timeout(CONFIGURED),
        }
    }

    fn message() -> Message {
        Message::from(vec![7; LEN])
    }

    fn run(self) -> Released {
        let (stream, begin): (TcpStream, Instant) = self.peer.meet(self);
        let mut released = match self.shell {
            Shell::Blocking => blocking::run(self, stream, begin),
            Shell::Tokio => asynchronous::on_tokio(self, stream, begin),
            Shell::Smol => asynchronous::on_smol(self, stream, begin),
        };
        let begins_later =
            self.peer == Peer::Closing || matches!(self.work, Work::SendAndClose | Work::ReadAndClose);
        if begins_later {
            // The call of `close` that waits for nothing is not of interest.
            released.retain(|(at, result)| result.is_err() || *at > LATER + Duration::from_millis(200));
            released.iter_mut().for_each(|(at, _)| *at = at.saturating_sub(LATER));
        }
        released
    }

    /// When everybody is to be released. A Ping behind data that the peer has not read is given the time to read it, up to the
    /// write timeout.
    fn limit(self) -> Duration {
        let waits_for_data = self.deadline == Deadline::Keepalive && self.work == Work::ReadAndSend;
        if waits_for_data { 2 * CONFIGURED } else { CONFIGURED }
    }

    /// `Err` says what is wrong.
    fn judge(self, released: &Released) -> Result<(), String> {
        let latest = released.iter().map(|(at, _)| *at).max().ok_or("nobody was released")?;
        let earliest = released.iter().map(|(at, _)| *at).min().ok_or("nobody was released")?;
        if self.peer == Peer::Slow && self.deadline != Deadline::Handshake {
            let is_sent = released.iter().all(|(_, result)| result.is_ok());
            return match is_sent && latest > CONFIGURED {
                true => Ok(()),
                false => Err(format!("a peer that reads was given up: {released:?}")),
            };
        }
        if latest > self.limit() * 11 / 10 + TICK {
            return Err(format!("late: {latest:?}"));
        }
        if earliest < CONFIGURED * 9 / 10 {
            return Err(format!("early: {released:?}"));
        }
        Ok(())
    }
}

fn rows() -> Vec<Row> {
    use {Deadline as D, Peer as P, Tasks as T, Used as U, Work as W};
    let mut rows = Vec::new();
    for shell in [Shell::Blocking, Shell::Tokio, Shell::Smol] {
        let is_async = shell != Shell::Blocking;
        let mut add = |deadline, used, tasks: &[Tasks], work, peers: &[Peer]| {
            for &peer in peers {
                for &tasks in tasks.iter().filter(|tasks| is_async || matches!(tasks, T::One | T::Two)) {
                    rows.push(Row { deadline, shell, used, tasks, work, peer });
                }
            }
        };
        let several = [T::Two, T::Join, T::Select];
        // A whole connection in several tasks is that of `StreamExt::split`.
        let whole: &[Tasks] = if is_async { &several } else { &[] };
        add(D::Handshake, U::Client, &[T::One], W::Open, &[P::Silent, P::Slow]);
        add(D::Handshake, U::Server, &[T::One], W::Open, &[P::Silent, P::Slow]);

        add(D::Keepalive, U::Whole, &[T::One], W::Read, &[P::Silent, P::NotReading]);
        add(D::Keepalive, U::Split, &[T::One], W::Read, &[P::Silent, P::NotReading]);
        add(D::Keepalive, U::Whole, whole, W::ReadAndSend, &[P::NotReading, P::Slow]);
        add(D::Keepalive, U::Split, &several, W::ReadAndSend, &[P::NotReading, P::Slow]);

        add(D::Write, U::Whole, &[T::One], W::Send, &[P::NotReading, P::Slow]);
        add(D::Write, U::Split, &[T::One], W::Send, &[P::NotReading, P::Slow]);
        add(D::Write, U::Whole, whole, W::ReadAndSend, &[P::NotReading, P::Slow]);
        add(D::Write, U::Split, &several, W::ReadAndSend, &[P::NotReading, P::Slow]);

        add(D::Close, U::Whole, &[T::One], W::Close, &[P::Silent, P::NotReading]);
        add(D::Close, U::Split, &[T::One], W::Close, &[P::Silent, P::NotReading]);
        add(D::Close, U::Whole, &[T::One], W::Read, &[P::Closing]);
        add(D::Close, U::Split, &[T::One], W::Read, &[P::Closing]);
        add(D::Close, U::Whole, whole, W::ReadAndSend, &[P::Closing]);
        add(D::Close, U::Split, &several, W::ReadAndSend, &[P::Closing]);
        add(D::Close, U::Split, &several, W::SendAndClose, &[P::NotReading]);
        add(D::Close, U::Whole, whole, W::ReadAndClose, &[P::Silent]);
        add(D::Close, U::Split, &several, W::ReadAndClose, &[P::Silent, P::NotReading]);
    }
    rows
}

fn print(row: Row, released: &Released, note: &str) {
    let name = |value: &dyn std::fmt::Debug| {
        let mut name = String::new();
        for char in format!("{value:?}").chars() {
            if char.is_uppercase() && !name.is_empty() {
                name.push(' ');
            }
            name.extend(char.to_lowercase());
        }
        name
    };
    let Row { deadline, shell, used, tasks, work, peer } = row;
    let mut times: Vec<_> = released.iter().map(|(at, _)| format!("{:.2}", at.as_secs_f64())).collect();
    times.dedup();
    let times = times.join(", ");
    let (deadline, peer) = (name(&deadline), name(&peer));
    let observed =
        if peer == "slow" && deadline != "handshake" { format!("none, done at {times}") } else { times };
    let names = [name(&shell), name(&used), name(&tasks), name(&work)].join(" | ");
    println!("| {deadline} | {names} | {peer} | {:.1} | {observed}{note} |", row.limit().as_secs_f64());
}

// attack: io-3, close-3, floods-5
#[test]
fn no_deadline_is_kept_more_than_a_tenth_late() {
    let threads: Vec<_> = rows().into_iter().map(|row| (row, thread::spawn(move || row.run()))).collect();
    let mut faults = Vec::new();
    println!("| deadline | shell | connection | tasks | work | peer | configured, s | observed, s |");
    println!("|---|---|---|---|---|---|---|---|");
    let ended: Vec<_> = threads.into_iter().map(|(row, thread)| (row, thread.join().unwrap())).collect();
    for (row, mut released) in ended {
        let is_repeated = row.judge(&released).is_err();
        if is_repeated {
            released = row.run();
        }
        print(row, &released, if is_repeated { " (second run)" } else { "" });
        faults.extend(row.judge(&released).err().map(|fault| format!("{row:?}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
