//! Keepalive and close deadline, on a clock that the test moves.

use core::time::Duration;

use sansocket::{CloseCode, Config, Connection, ProtocolError, Role, ShutdownStep, State, Timestamp};

use crate::common::*;

const KEEPALIVE: u64 = 10;
const CLOSE_TIMEOUT: u64 = 3;

fn config() -> Config {
    Config::default().keepalive(Some(seconds(KEEPALIVE))).close_timeout(seconds(CLOSE_TIMEOUT))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The point in time of that many seconds.
fn at(now: u64) -> Timestamp {
    seconds(now).into()
}

/// A connection whose timers run since `now`.
fn started(role: Role, now: u64) -> Connection {
    let mut end = connection(role, &config());
    end.handle_timeout(seconds(now));
    assert!(end.output().is_empty());
    end
}

/// Tells the time. Gives the output.
fn tick(end: &mut Connection, now: u64) -> Vec<u8> {
    end.handle_timeout(seconds(now));
    written(end.output())
}

fn hear(end: &mut Connection, frame: Frame<'_>) {
    let bytes = wire(end.role(), &[frame]);
    feed(end, [&bytes[..]]);
}

fn ping(role: Role) -> Vec<u8> {
    wire(other(role), &[(PING, b"")])
}

// attack: io-3
#[test]
fn silent_peer_gets_a_ping_and_is_given_up_after_another_interval() {
    for role in ROLES {
        let mut end = started(role, 100);
        assert_eq!(end.next_timeout(), Some(at(110)));
        assert_eq!(tick(&mut end, 109), b"");
        assert_eq!(tick(&mut end, 110), ping(role));
        assert_eq!(end.next_timeout(), Some(at(120)));
        assert_eq!(tick(&mut end, 119), b"");
        assert_eq!(end.state(), State::Open);
        assert_eq!(tick(&mut end, 120), b"", "nobody is there to read a Close frame");
        assert_eq!((end.state(), end.next_timeout()), (State::Closed, None));
        let info = end.close_info().unwrap();
        assert_eq!((info.code, info.was_clean), (CloseCode::ABNORMAL, false));
        assert_eq!(info.fault, Some(ProtocolError::ConnectionLost));
        assert_eq!(end.next_event(), Err(ProtocolError::ConnectionLost));
        assert_eq!(end.shutdown_steps(), [], "the transport is useless");
    }
}

#[test]
fn peer_that_sends_frames_is_not_pinged_or_given_up() {
    for role in ROLES {
        for frame in [(TEXT, &b"x"[..]), (BINARY_BEGINS, b""), (PING, b""), (PONG, b"")] {
            let mut end = started(role, 0);
            for turn in 1..20 {
                // Only one message may be under way.
                let frame = if turn > 1 && frame.0 == BINARY_BEGINS { (GOES_ON, &b""[..]) } else { frame };
                hear(&mut end, frame);
                assert_eq!(tick(&mut end, turn * KEEPALIVE), b"", "{frame:?}");
            }
            assert_eq!(end.state(), State::Open);
        }
    }
}

#[test]
fn answer_to_the_ping_restarts_the_keepalive() {
    for role in ROLES {
        let mut end = started(role, 0);
        for turn in 0..5 {
            let now = turn * 2 * KEEPALIVE;
            assert_eq!(tick(&mut end, now + KEEPALIVE), ping(role));
            hear(&mut end, (PONG, b""));
            assert_eq!(tick(&mut end, now + 2 * KEEPALIVE), b"");
        }
        assert_eq!(end.state(), State::Open);
    }
}

/// Proxies cut a connection that is idle for 60 seconds, by default.
#[test]
fn idle_connection_is_never_silent_for_a_minute_by_default() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.handle_timeout(Timestamp::ORIGIN);
        hear(&mut end, (TEXT, b"the last word"));
        let mut spoke = Timestamp::ORIGIN;
        while spoke < at(300) {
            let now = end.next_timeout().unwrap();
            let silent = now.duration_since(spoke);
            assert!(silent < seconds(60), "silent for {silent:?}");
            end.handle_timeout(now);
            if written(end.output()) == ping(role) {
                hear(&mut end, (PONG, b""));
                spoke = now;
            }
        }
    }
}

#[test]
fn part_of_a_frame_counts_as_a_sign_of_life() {
    for role in ROLES {
        let mut end = started(role, 0);
        let bytes = wire(role, &[(BINARY, &[0; 1000])]);
        for (turn, read) in (1..).zip(bytes.chunks(100)) {
            feed(&mut end, [read]);
            assert_eq!(tick(&mut end, turn * KEEPALIVE), b"");
        }
        assert_eq!(end.state(), State::Open);
    }
}

#[test]
fn early_repeated_and_late_calls_of_handle_timeout_do_no_harm() {
    for role in ROLES {
        let mut end = started(role, 0);
        for now in [0, 5, 5, 9, 3] {
            assert_eq!(tick(&mut end, now), b"");
        }
        // However late the call is, the peer has a whole interval to answer the Ping.
        assert_eq!(tick(&mut end, 1000), ping(role));
        assert_eq!(end.next_timeout(), Some(at(1000 + KEEPALIVE)));
        end.handle_timeout(Duration::MAX);
        assert_eq!(end.state(), State::Closed);
    }
}

// attack: close-3
#[test]
fn section_7_1_1_peer_that_does_not_answer_a_close_frame_is_given_up() {
    for role in ROLES {
        let mut end = started(role, 0);
        end.close(CloseCode::NORMAL, "").unwrap();
        written(end.output());
        assert_eq!(end.next_timeout(), Some(Timestamp::ORIGIN), "the deadline starts with the next call");
        assert_eq!(tick(&mut end, 7), b"");
        assert_eq!(end.next_timeout(), Some(at(7 + CLOSE_TIMEOUT)));
        // A message is no answer.
        hear(&mut end, (TEXT, b"x"));
        assert_eq!(tick(&mut end, 7 + CLOSE_TIMEOUT - 1), b"");
        assert_eq!(end.state(), State::Closing);
        assert_eq!(tick(&mut end, 7 + CLOSE_TIMEOUT), b"");
        assert_eq!((end.state(), end.next_timeout()), (State::Closed, None));
        assert_eq!(end.close_info().unwrap().code, CloseCode::ABNORMAL);
        assert_eq!(end.end_of_stream(), Err(ProtocolError::ConnectionLost));
    }
}

#[test]
fn section_7_1_1_close_frame_in_time_stops_the_deadline() {
    for role in ROLES {
        let mut end = started(role, 0);
        end.close(CloseCode::NORMAL, "").unwrap();
        tick(&mut end, 1);
        hear(&mut end, (CLOSE, b"\x03\xe8"));
        tick(&mut end, 1000);
        assert!(end.close_info().unwrap().was_clean);
        assert_eq!(end.end_of_stream(), Ok(()));
    }
}

#[test]
fn keepalive_stops_while_closing() {
    for role in ROLES {
        let config = config().close_timeout(seconds(1000));
        let mut end = connection(role, &config);
        end.handle_timeout(seconds(0));
        end.close(CloseCode::NORMAL, "").unwrap();
        written(end.output());
        for now in [1, 100, 200, 900] {
            assert_eq!(tick(&mut end, now), b"");
            assert_eq!(end.state(), State::Closing, "no keepalive while closing");
        }
    }
}

#[test]
fn keepalive_ping_that_does_not_fit_into_the_output_is_left_out() {
    let config = config().max_output_len(30);
    for role in ROLES {
        let mut end = connection(role, &config);
        end.handle_timeout(seconds(0));
        while end.send("full").is_ok() {}
        let full = end.buffered_amount();
        end.handle_timeout(seconds(10));
        assert_eq!((end.buffered_amount(), end.state()), (full, State::Open));
        end.handle_timeout(seconds(20));
        assert_eq!(end.state(), State::Closed);
    }
}

#[test]
fn peer_that_reads_slowly_is_not_pinged_or_given_up() {
    for role in ROLES {
        let mut end = started(role, 0);
        end.send(&[0; 1000]).unwrap();
        end.output().advance(100);
        for now in [10, 20, 30, 40, 50] {
            let waiting = end.buffered_amount();
            end.output().advance(100);
            end.handle_timeout(seconds(now));
            assert_eq!((end.state(), end.buffered_amount()), (State::Open, waiting - 100), "{now}");
        }
        let left = end.buffered_amount();
        end.handle_timeout(seconds(60));
        assert_eq!(end.buffered_amount(), left + ping(role).len(), "nothing was written: a Ping");
        end.handle_timeout(seconds(70));
        assert_eq!(end.state(), State::Closed, "the Ping was not answered");
    }
}

#[test]
fn written_output_is_a_sign_of_life_only_after_a_write_that_left_some() {
    for role in ROLES {
        // Each write takes all that waits.
        let mut end = started(role, 0);
        end.send(&[0; 1000]).unwrap();
        written(end.output());
        end.handle_timeout(seconds(5));
        end.send(&[0; 1000]).unwrap();
        written(end.output());
        assert_eq!(tick(&mut end, 10), ping(role));

        // The second write takes what the first one left.
        let mut end = started(role, 0);
        end.send(&[0; 1000]).unwrap();
        end.output().advance(100);
        end.handle_timeout(seconds(5));
        written(end.output());
        assert_eq!(tick(&mut end, 10), b"");
        assert_eq!(tick(&mut end, 20), ping(role));
    }
}

#[test]
fn no_timer_runs_without_a_keepalive() {
    for role in ROLES {
        let mut end = connection(role, &config().keepalive(None));
        assert_eq!(end.next_timeout(), None);
        assert_eq!(tick(&mut end, 1_000_000), b"");
        assert_eq!(end.next_timeout(), None);
        end.close(CloseCode::NORMAL, "").unwrap();
        assert!(end.next_timeout().is_some());
    }
}

// req: 6455-5.5.1-k, 6455-5.5.1-l, 6455-5.5.1-m, 6455-5.5.1-n, 6455-7.1.1-d, 6455-7.1.1-f
#[test]
fn section_7_1_1_client_waits_for_the_server_to_end_the_transport() {
    use ShutdownStep::{Discard, ShutdownWrite, Write};
    for role in ROLES {
        let mut end = started(role, 100);
        hear(&mut end, (CLOSE, b"\x03\xe8"));
        end.handle_timeout(seconds(100));
        let expected = match role {
            Role::Server => [Write, ShutdownWrite, Discard],
            Role::Client => [Write, Discard, ShutdownWrite],
        };
        assert_eq!(end.shutdown_steps(), expected);
        // The driver of the steps limits the wait by `Config::close_timeout`. No timer of the connection runs.
        assert_eq!(end.next_timeout(), None);
        end.handle_timeout(seconds(103));
        assert_eq!(end.shutdown_steps(), expected);
        assert!(end.close_info().unwrap().was_clean);
        assert_eq!((end.next_timeout(), end.end_of_stream()), (None, Ok(())));
    }
}
