//! A connection that comes back: one script of a server, and the exact events in both shells.

use std::io::Write;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sansocket::handshake::client::Request;
use sansocket::{BackOff, CloseCode, Connector, Error, blocking, tokio};

use crate::block_on;
use crate::recorder::Recorder;
use crate::servers::read_head;

/// Serves these connections and is gone: two end early, one redirects, one is closed, one is refused.
fn serve() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        for head in
            [None, None, Some("302 Found\r\nLocation: /moved?s3cret"), Some("101"), Some("404 s3cret")]
        {
            let mut tcp = listener.accept().unwrap().0;
            match head {
                Some("101") => {
                    let mut socket = blocking::accept(tcp).unwrap();
                    socket.send("s3cret").unwrap();
                    socket.close(CloseCode::SERVICE_RESTART, "s3cret").unwrap();
                }
                Some(head) => {
                    read_head(&tcp).unwrap();
                    write!(tcp, "HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n").unwrap();
                }
                None => drop(read_head(&tcp)),
            }
        }
    };
    (port, thread::spawn(serve))
}

const EVENTS: &[&str] = &[
    "DEBUG reached address=127.0.0.1:PORT",
    "INFO failed error=the connection ended during the opening handshake",
    "INFO pausing peer=127.0.0.1:PORT path=/feed attempt=1 pause_ms=N error=the connection ended during the opening handshake",
    "DEBUG reached address=127.0.0.1:PORT",
    "INFO failed error=the connection ended during the opening handshake",
    "INFO pausing peer=127.0.0.1:PORT path=/feed attempt=2 pause_ms=N error=the connection ended during the opening handshake",
    "DEBUG reached address=127.0.0.1:PORT",
    "DEBUG redirected",
    "DEBUG reached address=127.0.0.1:PORT",
    "DEBUG opened",
    "DEBUG closed by=peer code=1012 sent=1012",
    "INFO pausing peer=127.0.0.1:PORT path=/feed attempt=1 pause_ms=N error=the server closed with 1012",
    "DEBUG reached address=127.0.0.1:PORT",
    "INFO failed error=the server answered with status 404 status=404",
    "INFO gave up peer=127.0.0.1:PORT path=/feed error=the server answered with status 404",
];

/// The path of the span of each attempt.
const PATHS: [&str; 5] = ["/feed", "/feed", "/feed", "/moved", "/feed"];

fn check(run: impl FnOnce(Request, Connector, BackOff) -> Error) {
    let (port, server) = serve();
    let request = Request::new(&format!("ws://user:s3cret@127.0.0.1:{port}/feed?token=s3cret")).unwrap();
    let back_off = BackOff::default().first_pause(Duration::from_millis(1));
    let recorder = Recorder::default();
    let error = recorder.record(|| run(request, Connector::new().redirects(1), back_off));
    server.join().unwrap();
    assert_eq!(recorder.events(), EVENTS, "{error}");
    let spans = PATHS.map(|path| format!("websocket role=client peer=127.0.0.1:PORT path={path}"));
    assert_eq!(recorder.spans(), spans);
    assert!(!recorder.text().contains("s3cret"));
}

#[test]
fn events_of_a_connection_that_comes_back() {
    check(|request, connector, back_off| {
        let mut feed = blocking::Reconnecting::new(request, connector, back_off);
        loop {
            if let Err(error) = feed.next_update() {
                return error;
            }
        }
    });
    check(|request, connector, back_off| {
        block_on(async {
            let mut feed = tokio::Reconnecting::new(request, connector, back_off);
            loop {
                if let Err(error) = feed.next_update().await {
                    return error;
                }
            }
        })
    });
}
