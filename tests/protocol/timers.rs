//! Keepalive and close deadline, on a clock that only the test moves.

use core::time::Duration;

use sansocket::{Buffer, CloseCode, Config, Connection, ProtocolError, Role, State};

use crate::common::*;

const KEEPALIVE: u64 = 10;
const CLOSE_TIMEOUT: u64 = 3;

fn config() -> Config {
    Config { keepalive: Some(seconds(KEEPALIVE)), close_timeout: seconds(CLOSE_TIMEOUT), ..Config::default() }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A connection whose timers run since `now`, which is not zero: any origin will do.
fn started(role: Role, now: u64) -> Connection {
    let mut end = connection(role, &config());
    end.handle_timeout(seconds(now));
    assert!(end.output().is_empty());
    end
}

/// What the connection has to say at `now`.
fn tick(end: &mut Connection, now: u64) -> Vec<u8> {
    end.handle_timeout(seconds(now));
    written(end.output())
}

fn hear(end: &mut Connection, frame: Frame<'_>) {
    let bytes = wire(end.role(), &[frame]);
    feed(end, &mut Buffer::new(), [&bytes[..]]);
}

fn ping(role: Role) -> Vec<u8> {
    wire(other(role), &[(PING, b"")])
}

// attack: io-3
#[test]
fn silence_is_met_with_a_ping_and_more_silence_with_the_end() {
    for role in ROLES {
        let mut end = started(role, 100);
        assert_eq!(end.next_timeout(), Some(seconds(110)));
        assert_eq!(tick(&mut end, 109), b"");
        assert_eq!(tick(&mut end, 110), ping(role));
        assert_eq!(end.next_timeout(), Some(seconds(120)));
        assert_eq!(tick(&mut end, 119), b"");
        assert_eq!(end.state(), State::Open);
        assert_eq!(tick(&mut end, 120), b"", "nobody is there to read a Close frame");
        assert_eq!((end.state(), end.next_timeout()), (State::Closed, None));
        let info = end.close_info().unwrap();
        assert_eq!((info.code, info.was_clean), (CloseCode::ABNORMAL, false));
        assert_eq!(info.fault, Some(ProtocolError::ConnectionLost));
        assert_eq!(end.next_event(&mut Buffer::new()), Err(ProtocolError::ConnectionLost));
        assert!(end.ends_transport());
    }
}

#[test]
fn a_peer_that_talks_is_neither_pinged_nor_given_up() {
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
fn an_answer_to_the_ping_starts_the_count_again() {
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

/// That is when proxies cut a connection unless they are told otherwise.
#[test]
fn by_default_an_idle_connection_is_not_silent_for_a_minute() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.handle_timeout(Duration::ZERO);
        hear(&mut end, (TEXT, b"the last word"));
        let mut spoke = Duration::ZERO;
        while spoke < seconds(300) {
            let now = end.next_timeout().unwrap();
            assert!(now - spoke < seconds(60), "silent for {:?}", now - spoke);
            end.handle_timeout(now);
            if written(end.output()) == ping(role) {
                hear(&mut end, (PONG, b""));
                spoke = now;
            }
        }
    }
}

#[test]
fn part_of_a_long_frame_is_a_sign_of_life() {
    for role in ROLES {
        let (mut end, mut input) = (started(role, 0), Buffer::new());
        let bytes = wire(role, &[(BINARY, &[0; 1000])]);
        for (turn, read) in (1..).zip(bytes.chunks(100)) {
            feed(&mut end, &mut input, [read]);
            assert_eq!(tick(&mut end, turn * KEEPALIVE), b"");
        }
        assert_eq!(end.state(), State::Open);
    }
}

#[test]
fn telling_the_time_often_or_late_is_harmless() {
    for role in ROLES {
        let mut end = started(role, 0);
        for now in [0, 5, 5, 9, 3] {
            assert_eq!(tick(&mut end, now), b"");
        }
        // However late the visit is, the peer has a whole interval to answer the Ping.
        assert_eq!(tick(&mut end, 1000), ping(role));
        assert_eq!(end.next_timeout(), Some(seconds(1000 + KEEPALIVE)));
        end.handle_timeout(Duration::MAX);
        assert_eq!(end.state(), State::Closed);
    }
}

// attack: close-3
#[test]
fn section_7_1_1_a_peer_that_does_not_answer_a_close_frame_is_given_up() {
    for role in ROLES {
        let mut end = started(role, 0);
        end.close(CloseCode::NORMAL, "").unwrap();
        written(end.output());
        assert_eq!(end.next_timeout(), Some(Duration::ZERO), "to be told the time");
        assert_eq!(tick(&mut end, 7), b"");
        assert_eq!(end.next_timeout(), Some(seconds(7 + CLOSE_TIMEOUT)));
        // Talking is not answering.
        hear(&mut end, (TEXT, b"x"));
        assert_eq!(tick(&mut end, 7 + CLOSE_TIMEOUT - 1), b"");
        assert_eq!(end.state(), State::Closing);
        assert_eq!(tick(&mut end, 7 + CLOSE_TIMEOUT), b"");
        assert_eq!((end.state(), end.next_timeout()), (State::Closed, None));
        assert_eq!(end.close_info().unwrap().code, CloseCode::ABNORMAL);
        assert_eq!(end.receive_eof(), Err(ProtocolError::ConnectionLost));
    }
}

#[test]
fn section_7_1_1_a_close_frame_answered_in_time_stops_the_clock() {
    for role in ROLES {
        let mut end = started(role, 0);
        end.close(CloseCode::NORMAL, "").unwrap();
        tick(&mut end, 1);
        hear(&mut end, (CLOSE, b"\x03\xe8"));
        tick(&mut end, 1000);
        assert!(end.close_info().unwrap().was_clean);
        assert_eq!(end.receive_eof(), Ok(()));
    }
}

#[test]
fn the_keepalive_rests_while_closing() {
    for role in ROLES {
        let config = Config { close_timeout: seconds(1000), ..config() };
        let mut end = connection(role, &config);
        end.handle_timeout(seconds(0));
        end.close(CloseCode::NORMAL, "").unwrap();
        written(end.output());
        for now in [1, 100, 200, 900] {
            assert_eq!(tick(&mut end, now), b"");
            assert_eq!(end.state(), State::Closing, "the keepalive has nothing more to say");
        }
    }
}

#[test]
fn a_keepalive_that_does_not_fit_into_the_output_is_left_out() {
    let config = Config { max_output_len: 30, ..config() };
    for role in ROLES {
        let mut end = connection(role, &config);
        end.handle_timeout(seconds(0));
        while end.send_text("full").is_ok() {}
        let full = end.buffered_amount();
        end.handle_timeout(seconds(10));
        assert_eq!((end.buffered_amount(), end.state()), (full, State::Open));
        end.handle_timeout(seconds(20));
        assert_eq!(end.state(), State::Closed);
    }
}

#[test]
fn a_peer_that_reads_slowly_is_neither_pinged_nor_given_up() {
    for role in ROLES {
        let mut end = started(role, 0);
        end.send_binary(&[0; 1000]).unwrap();
        for now in [10, 20, 30, 40, 50] {
            end.output().advance(100);
            end.handle_timeout(seconds(now));
            assert_eq!(end.state(), State::Open, "{now}");
        }
        let left = end.buffered_amount();
        end.handle_timeout(seconds(60));
        assert_eq!(end.buffered_amount(), left + ping(role).len(), "nothing has moved: a Ping");
        end.handle_timeout(seconds(70));
        assert_eq!(end.state(), State::Closed, "nor is it answered");
    }
}

#[test]
fn what_a_peer_read_puts_off_a_ping_only_while_more_waits() {
    for role in ROLES {
        let mut end = started(role, 0);
        end.send_binary(&[0; 1000]).unwrap();
        end.output().advance(100);
        end.handle_timeout(seconds(5));
        written(end.output());
        assert_eq!(tick(&mut end, 10), ping(role));
    }
}

#[test]
fn without_a_keepalive_there_is_nothing_to_wait_for() {
    for role in ROLES {
        let mut end = connection(role, &Config { keepalive: None, ..config() });
        assert_eq!(end.next_timeout(), None);
        assert_eq!(tick(&mut end, 1_000_000), b"");
        assert_eq!(end.next_timeout(), None);
        end.close(CloseCode::NORMAL, "").unwrap();
        assert!(end.next_timeout().is_some());
    }
}

// req: 6455-5.5.1-k, 6455-5.5.1-l, 6455-5.5.1-m, 6455-5.5.1-n, 6455-7.1.1-d, 6455-7.1.1-f
#[test]
fn section_7_1_1_a_client_waits_for_the_server_to_end_the_transport_but_not_for_ever() {
    for role in ROLES {
        let mut end = started(role, 100);
        hear(&mut end, (CLOSE, b"\x03\xe8"));
        end.handle_timeout(seconds(100));
        assert_eq!(end.ends_transport(), role == Role::Server);
        end.handle_timeout(seconds(102));
        assert_eq!(end.ends_transport(), role == Role::Server);
        assert_eq!(end.next_timeout(), Some(seconds(103)));
        end.handle_timeout(seconds(103));
        assert!(end.ends_transport() && end.close_info().unwrap().was_clean);
        assert_eq!((end.next_timeout(), end.receive_eof()), (None, Ok(())));
    }
}
