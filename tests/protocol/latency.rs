//! The measured round trip from a Ping to its Pong, on a clock that the test moves.

use core::time::Duration;

use sansocket::{Config, Connection, Timestamp};

use crate::common::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Queue a Ping with this payload.
    Ping(&'static [u8]),
    /// A frame comes from the peer.
    Hear(Frame<'static>),
    /// The time, in milliseconds.
    Tell(u64),
}

use Step::{Hear, Ping, Tell};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn take(end: &mut Connection, step: Step) {
    match step {
        Ping(payload) => end.ping(payload).unwrap(),
        Hear(frame) => {
            let bytes = wire(end.role(), &[frame]);
            feed(end, [&bytes[..]]);
        }
        Tell(now) => end.handle_timeout(millis(now)),
    }
}

/// Each row: the steps, and the round trip after them in milliseconds.
#[test]
fn section_5_5_3_newest_ping_and_the_pong_with_its_payload_are_a_round_trip() {
    const MEASURED: &[Step] = &[Ping(b"a"), Tell(100), Hear((PONG, b"a")), Tell(130)];
    let table: &[(&[Step], Option<u64>)] = &[
        (&[], None),
        (&[Ping(b"a"), Tell(100)], None),
        (&[Ping(b"a"), Tell(100), Hear((PONG, b"a"))], None),
        (MEASURED, Some(30)),
        // Only the first time after each frame counts.
        (&[Ping(b"a"), Tell(100), Tell(110), Hear((PONG, b"a")), Tell(130), Tell(150)], Some(30)),
        // What comes between is no answer.
        (&[Ping(b"a"), Tell(100), Hear((TEXT, b"a")), Hear((PING, b"a")), Tell(110)], None),
        (
            &[
                Ping(b"a"),
                Tell(100),
                Hear((PONG, b"")),
                Hear((PONG, b"b")),
                Tell(110),
                Hear((PONG, b"a")),
                Tell(130),
            ],
            Some(30),
        ),
        (&[Hear((PONG, b"")), Tell(100)], None),
        (&[Hear((PONG, b"a")), Ping(b"a"), Tell(100)], None),
        // A second Pong of the same payload changes nothing.
        (&[Ping(b"a"), Tell(100), Hear((PONG, b"a")), Tell(130), Hear((PONG, b"a")), Tell(190)], Some(30)),
        // The peer may answer the newest Ping only.
        (&[Ping(b"a"), Tell(100), Ping(b"b"), Tell(120), Hear((PONG, b"b")), Tell(130)], Some(10)),
        (&[Ping(b"a"), Tell(100), Ping(b"b"), Tell(120), Hear((PONG, b"a")), Tell(130)], None),
        // The last round trip stays until there is another one.
        (&[Ping(b"a"), Tell(0), Hear((PONG, b"a")), Tell(30), Ping(b"b"), Tell(100), Tell(160)], Some(30)),
        (
            &[
                Ping(b"a"),
                Tell(0),
                Hear((PONG, b"a")),
                Tell(30),
                Ping(b""),
                Tell(100),
                Hear((PONG, b"")),
                Tell(170),
            ],
            Some(70),
        ),
        // A program that tells the time too late gets no value, not a wrong one.
        (&[Ping(b"a"), Hear((PONG, b"a")), Tell(100)], None),
        // A clock that goes back.
        (&[Ping(b"a"), Tell(100), Hear((PONG, b"a")), Tell(50)], Some(0)),
        // After a Close frame of the peer no time is asked for any more.
        (&[Ping(b"a"), Tell(100), Hear((PONG, b"a")), Hear((CLOSE, b"")), Tell(130)], None),
        (&[Ping(b"a"), Tell(100), Hear((CLOSE, b"")), Tell(130)], None),
    ];
    for role in ROLES {
        for (steps, expected) in table {
            let mut end = connection(role, &Config::default().keepalive(None));
            for step in *steps {
                take(&mut end, *step);
            }
            assert_eq!(end.latency(), expected.map(millis), "{role:?} {steps:02x?}");
        }
    }
}

#[test]
fn time_is_asked_for_after_a_ping_and_after_its_pong_only() {
    for role in ROLES {
        let mut end = connection(role, &Config::default().keepalive(None));
        let mut asks = Vec::new();
        for step in [Ping(b"a"), Tell(1), Hear((PONG, b"b")), Hear((PONG, b"a")), Tell(2), Hear((PONG, b"a"))]
        {
            take(&mut end, step);
            asks.push(end.next_timeout().is_some());
            assert!(end.next_timeout().is_none_or(|time| time == Timestamp::ORIGIN), "{step:?}");
        }
        assert_eq!(asks, [true, false, false, true, false, false], "{role:?}");
    }
}

#[test]
fn round_trip_of_the_keepalive_is_measured() {
    for role in ROLES {
        let mut end = connection(role, &Config::default().keepalive(Some(millis(1000))));
        end.handle_timeout(millis(0));
        for (turn, trip) in (0..3).zip([20, 400, 7]) {
            let begin = turn * 2000;
            take(&mut end, Tell(begin + 1000));
            assert_eq!(written(end.output()), wire(other(role), &[(PING, b"")]), "{turn}");
            take(&mut end, Hear((PONG, b"")));
            assert_eq!(end.next_timeout(), Some(Timestamp::ORIGIN));
            take(&mut end, Tell(begin + 1000 + trip));
            assert_eq!(end.latency(), Some(millis(trip)));
            assert_eq!(end.next_timeout(), Some(millis(begin + 2000).into()), "the keepalive goes on");
            take(&mut end, Tell(begin + 2000));
        }
    }
}

#[test]
fn ping_that_is_not_sent_is_not_measured() {
    for role in ROLES {
        let mut end = connection(role, &Config::default().keepalive(None));
        assert!(end.ping(&[0; 126]).is_err());
        assert_eq!(end.next_timeout(), None);
        // An earlier Ping goes on.
        take(&mut end, Ping(b"a"));
        take(&mut end, Tell(100));
        assert!(end.ping(&[0; 126]).is_err());
        take(&mut end, Hear((PONG, b"a")));
        take(&mut end, Tell(105));
        assert_eq!(end.latency(), Some(millis(5)));
    }
}
