//! Opening handshakes: what happens, and the exact events.

use std::time::Duration;

use sansocket::handshake::client::Request;
use sansocket::handshake::server;
use sansocket::{Config, Role, blocking, tokio};

use crate::peer::{Peer, Then, streams};
use crate::recorder::Recorder;
use crate::{block_on, to_tokio};

const UPGRADE: &str = "GET /chat?token=s3cret HTTP/1.1\r\nHost: host\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: s3cret\r\n\r\n";

struct Row {
    role: Role,
    /// What the peer sends.
    bytes: &'static str,
    then: Then,
    path: &'static str,
    events: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        role: Role::Server,
        bytes: UPGRADE,
        then: Then::Listen,
        path: " path=/chat",
        events: &["INFO failed error=rejected with status 403 status=403"],
    },
    Row {
        role: Role::Server,
        bytes: "s3cret\r\n\r\n",
        then: Then::Listen,
        path: "",
        events: &["INFO failed error=not a well-formed HTTP/1.1 head"],
    },
    Row {
        role: Role::Server,
        bytes: "GET /page?token=s3cret HTTP/1.1\r\nHost: host\r\n\r\n",
        then: Then::Listen,
        path: " path=/page",
        events: &["DEBUG responded"],
    },
    Row {
        role: Role::Server,
        bytes: "GET /s3cret",
        then: Then::End,
        path: "",
        events: &["INFO failed error=the connection ended during the opening handshake"],
    },
    Row {
        role: Role::Server,
        bytes: "GET /s3cret",
        then: Then::Listen,
        path: "",
        events: &["INFO timed out limit=handshake", "INFO failed error=the opening handshake took too long"],
    },
    Row {
        role: Role::Client,
        bytes: "HTTP/1.1 401 s3cret\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret",
        then: Then::Listen,
        path: " path=/chat",
        events: &["INFO failed error=the server answered with status 401 status=401"],
    },
    Row {
        role: Role::Client,
        bytes: "HTTP/1.1 101 s3cret\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3cret\r\n\r\n",
        then: Then::Listen,
        path: " path=/chat",
        events: &["INFO failed error=unacceptable Sec-WebSocket-Accept header"],
    },
    Row {
        role: Role::Client,
        bytes: "s3cret\r\n\r\n",
        then: Then::Listen,
        path: " path=/chat",
        events: &["INFO failed error=not a well-formed HTTP/1.1 head"],
    },
    Row {
        role: Role::Client,
        bytes: "",
        then: Then::End,
        path: " path=/chat",
        events: &["INFO failed error=the connection ended during the opening handshake"],
    },
    Row {
        role: Role::Client,
        bytes: "",
        then: Then::Listen,
        path: " path=/chat",
        events: &["INFO timed out limit=handshake", "INFO failed error=the opening handshake took too long"],
    },
];

fn reject(request: &server::Request) -> server::Response {
    request.reject(403)
}

#[test]
fn events_of_openings_that_fail() {
    for (at, row) in ROWS.iter().enumerate() {
        for runs_on_tokio in [false, true] {
            let name = format!("row {at}, tokio: {runs_on_tokio}");
            let (stream, peer) = streams();
            let peer = Peer::play(peer, None, row.bytes.into(), row.then);
            let config = Config::default().handshake_timeout(Duration::from_millis(300));
            let request = Request::new("ws://user:s3cret@host/chat?token=s3cret").unwrap();
            let page = |request: &server::HttpRequest| request.respond(200);
            let recorder = Recorder::default();
            recorder.record(|| match (row.role, runs_on_tokio) {
                (Role::Server, false) => {
                    drop(blocking::accept_or_respond(stream, config, reject, page));
                }
                (Role::Server, true) => block_on(async {
                    drop(tokio::accept_or_respond(to_tokio(stream), config, reject, page).await);
                }),
                (Role::Client, false) => drop(blocking::connect_over(stream, &request, config)),
                (Role::Client, true) => block_on(async {
                    drop(tokio::connect_over(to_tokio(stream), &request, config).await);
                }),
            });
            peer.leave();
            let (role, peer) = match row.role {
                Role::Server => ("server", "127.0.0.1:PORT"),
                Role::Client => ("client", "host:PORT"),
            };
            assert_eq!(
                recorder.spans(),
                [format!("websocket role={role} peer={peer}{}", row.path)],
                "{name}"
            );
            assert_eq!(recorder.events(), row.events, "{name}");
            assert!(!recorder.text().contains("s3cret"), "{name}");
        }
    }
}

#[test]
fn opening_that_is_dropped_says_so() {
    let (stream, _peer) = streams();
    let recorder = Recorder::default();
    recorder.record(|| {
        block_on(async {
            let opening = tokio::accept(to_tokio(stream));
            let timeout = ::tokio::time::timeout(Duration::from_millis(50), opening).await;
            assert!(timeout.is_err());
        });
    });
    assert_eq!(recorder.events(), ["DEBUG dropped"]);
}
