//! The ends of a connection that release every thread, and when.

use std::time::Duration;

use model::shuttle::thread;
use model::{Time, clock, explore, explore_in};
use sansocket::{CloseCode, Config};

use super::peer::{Outcome, Peer, open, read, write};
use crate::peer::config;
use crate::tasks::{coin, seconds};

/// A reader and two writers over a stream that holds less than a message. `end` ends the connection, `peer` moves the
/// other end. Gives the outcome of the reader, then those of the writers.
fn outcomes(
    config: Config,
    peer: impl FnOnce(Peer) + Send + 'static,
    end: impl FnOnce(&sansocket::blocking::Writer<super::socket::Socket>),
) -> Vec<Outcome> {
    clock::start();
    let (reader, writer, other) = open(config, 16);
    let peer = thread::spawn(move || peer(other));
    let reading = read(reader);
    let writing = ["a", "b"].map(|name| write(&writer, name));
    end(&writer);
    let mut outcomes = vec![reading.join().unwrap().1];
    outcomes.extend(writing.map(|thread| thread.join().unwrap()));
    drop(writer);
    peer.join().unwrap();
    outcomes
}

/// Everybody was released in time: no earlier than `after`, and at most a tenth later.
fn check(outcomes: &[Outcome], after: Duration) {
    for (_, at) in outcomes {
        assert!(after <= *at && *at <= after + after / 10, "{outcomes:?}");
    }
    for (ended, _) in &outcomes[1..] {
        assert!(ended.is_err(), "{outcomes:?}");
    }
}

/// All of them at the same time: a thread is told, and does not find out when it next looks.
fn check_together(outcomes: &[Outcome], at: Duration) {
    check(outcomes, at);
    assert!(outcomes.iter().all(|(_, each)| *each == outcomes[0].1), "{outcomes:?}");
}

#[test]
fn one_write_that_times_out_releases_everybody() {
    explore("blocking: silent peer, write timeout", 1000, || {
        let outcomes =
            outcomes(config().write_timeout(seconds(3)), |peer| peer.sleep_until(seconds(100)), |_| ());
        assert!(outcomes[0].0.is_err());
        check_together(&outcomes, seconds(3));
    });
}

#[test]
fn write_timeout_counts_from_the_last_progress() {
    explore("blocking: write timeout after progress", 500, || {
        let outcomes = outcomes(
            config().write_timeout(seconds(3)),
            |mut peer| {
                for time in [1, 3] {
                    clock::block_until(seconds(time));
                    peer.read(8);
                }
                peer.sleep_until(seconds(100));
            },
            |_| (),
        );
        check_together(&outcomes, seconds(6));
    });
}

#[test]
fn peer_that_closes_and_reads_nothing_is_given_the_close_timeout() {
    explore("blocking: close timeout, peer closes", 1000, || {
        let outcomes = outcomes(
            config().close_timeout(seconds(2)).write_timeout(seconds(3600)),
            |mut peer| {
                clock::block_until(seconds(1));
                peer.close();
                peer.sleep_until(seconds(9000));
            },
            |_| (),
        );
        check(&outcomes, seconds(3));
    });
}

#[test]
fn peer_that_does_not_answer_is_given_the_close_timeout() {
    explore("blocking: close timeout, this end closes", 1000, || {
        let mut closed = None;
        let mut outcomes = outcomes(
            config().close_timeout(seconds(2)).write_timeout(seconds(3600)),
            |peer| peer.sleep_until(seconds(9000)),
            |writer| {
                clock::block_until(seconds(1));
                closed = Some((writer.close(CloseCode::NORMAL, ""), clock::now()));
            },
        );
        assert!(outcomes[0].0.is_err());
        outcomes.extend(closed);
        check(&outcomes, seconds(3));
    });
}

#[test]
fn keepalive_finds_a_slow_peer_that_falls_silent() {
    explore("blocking: keepalive beside writers", 1000, || {
        let outcomes = outcomes(
            config().keepalive(Some(seconds(1))).write_timeout(seconds(3600)),
            |mut peer| {
                for time in 1..=2 {
                    clock::block_until(seconds(time));
                    peer.read(8);
                }
                peer.sleep_until(seconds(9000));
            },
            |_| (),
        );
        assert!(outcomes[0].0.is_err());
        let at = if outcomes[0].1 < seconds(5) { seconds(4) } else { seconds(5) };
        check(&outcomes, at);
    });
}

#[test]
fn abort_releases_everybody() {
    explore("blocking: abort", 1000, || {
        let outcomes = outcomes(
            config(),
            |peer| peer.sleep_until(seconds(2)),
            |writer| {
                clock::block_until(seconds(1));
                writer.abort();
            },
        );
        assert!(outcomes[0].0.is_err());
        check_together(&outcomes, seconds(1));
    });
}

#[test]
fn peer_that_is_gone_releases_everybody() {
    explore("blocking: peer gone", 1000, || {
        let outcomes = outcomes(
            config(),
            |mut peer| {
                if coin() {
                    peer.read(8);
                }
                peer.sleep_until(seconds(1));
            },
            |_| (),
        );
        assert!(outcomes[0].0.is_err());
        check_together(&outcomes, seconds(1));
    });
}

/// A thread may take any time between two steps. All are released, and none before the time.
#[test]
fn threads_that_are_late_are_released() {
    explore_in(Time::Hasty, "blocking: threads that are late", 1000, || {
        let outcomes = outcomes(
            config().close_timeout(seconds(2)).write_timeout(seconds(4)).keepalive(Some(seconds(1))),
            |mut peer| {
                for time in 1..=2 {
                    clock::block_until(seconds(time));
                    peer.read(8);
                }
                if coin() {
                    peer.close();
                }
                peer.sleep_until(seconds(1_000_000));
            },
            |_| (),
        );
        for (_, at) in outcomes {
            assert!(at >= seconds(2), "{at:?}");
        }
    });
}
