//! A client's connection that comes back, and redirects before it is open: one script of a server for every shell.

#![cfg(all(feature = "tokio", feature = "smol"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[path = "throwaway/servers.rs"]
mod servers;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sansocket::blocking::{self, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::handshake::server;
use sansocket::{BackOff, CloseCode, Config, Connector, Ending, Error, HandshakeError, Update, smol, tokio};

use servers::read_head;

/// What the server does with one connection.
#[derive(Clone, Debug)]
enum Act {
    /// Ends the connection at once.
    Drop,
    /// Answers with this head, with the port of the server for `PORT`, and ends the connection.
    Answer(&'static str),
    /// Opens, sends the request target, and ends the connection without a closing handshake.
    Lose,
    /// Opens, sends the request target, and closes with this code.
    Close(u16),
}

use Act::{Answer, Close, Drop, Lose};

/// A server that does these acts, one for each connection, and is gone.
fn serve(acts: &[Act]) -> (u16, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let acts = acts.to_vec();
    let server = thread::spawn(move || {
        acts.iter().filter_map(|act| perform(act, listener.accept().unwrap().0, port)).collect()
    });
    (port, server)
}

/// Gives the head of the request, if it was read as text.
fn perform(act: &Act, mut tcp: TcpStream, port: u16) -> Option<String> {
    let open = |tcp| -> WebSocket<TcpStream> {
        let mut target = String::new();
        let decide = |request: &server::Request| {
            let query = request.query().map(|query| format!("?{query}"));
            target = format!("{}{}", request.path(), query.unwrap_or_default());
            request.accept()
        };
        let mut socket = blocking::accept_with(tcp, Config::default(), decide).unwrap();
        socket.send(&target).unwrap();
        socket
    };
    match act {
        Drop => {}
        Answer(head) => {
            let request = read_head(&tcp).unwrap();
            tcp.write_all(head.replace("PORT", &port.to_string()).as_bytes()).unwrap();
            return Some(request);
        }
        Lose => drop(open(tcp)),
        Close(code) => open(tcp).close(CloseCode(*code), "").unwrap(),
    }
    None
}

/// What a loop has come to, in words.
fn words(update: Result<Option<Update>, Error>) -> String {
    match update {
        Ok(None) => "end".into(),
        Ok(Some(Update::Opened(_))) => "opened".into(),
        Ok(Some(Update::Message(message))) => message.as_text().unwrap().into(),
        Ok(Some(Update::Pausing { why: Ending::Closed(info), .. })) => format!("closed with {}", info.code.0),
        Ok(Some(Update::Pausing { why: Ending::Failed(error), .. })) => match error {
            Error::Handshake(HandshakeError::Refused(refusal)) => format!("refused with {}", refusal.status),
            Error::Handshake(HandshakeError::UnexpectedEof) | Error::Io(_) => "no connection".into(),
            Error::Protocol(error) => error.to_string(),
            error => panic!("{error:?}"),
        },
        Ok(Some(update)) => panic!("{update:?}"),
        Err(error) => error.to_string(),
    }
}

/// The words up to the end, and the code that it came with, for each shell.
fn everywhere(acts: &[Act], connector: &Connector) -> [Vec<String>; 3] {
    let back_off =
        BackOff::default().first_pause(Duration::from_millis(2)).max_pause(Duration::from_millis(2));
    let request = |port: u16| Request::new(&format!("ws://127.0.0.1:{port}/a?b")).unwrap();
    let is_last = |words: &String| {
        !["opened", "closed", "refused", "no connection", "connection lost", "/"]
            .iter()
            .any(|begin| words.starts_with(begin))
    };
    let by_blocking = || {
        let (port, server) = serve(acts);
        let mut socket = blocking::Reconnecting::new(request(port), connector, back_off.clone());
        let mut seen = vec![];
        while seen.last().is_none_or(|last| !is_last(last)) {
            seen.push(words(socket.next_update()));
        }
        assert!(socket.next_update().unwrap().is_none() && socket.socket().is_none());
        seen.extend(socket.close_info().map(|info| info.code.0.to_string()));
        server.join().unwrap();
        seen
    };
    macro_rules! by {
        ($shell:ident) => {
            async {
                let (port, server) = serve(acts);
                let mut socket = $shell::Reconnecting::new(request(port), connector, back_off.clone());
                let mut seen = vec![];
                while seen.last().is_none_or(|last| !is_last(last)) {
                    // A call that is dropped loses nothing.
                    let update = loop {
                        let next = std::pin::pin!(socket.next_update());
                        let short = std::pin::pin!(::smol::Timer::after(Duration::from_micros(300)));
                        match futures_util::future::select(next, short).await {
                            futures_util::future::Either::Left((update, _)) => break update,
                            futures_util::future::Either::Right(_) => {}
                        }
                    };
                    seen.push(words(update));
                }
                assert!(socket.next_update().await.unwrap().is_none() && socket.socket().is_none());
                seen.extend(socket.close_info().map(|info| info.code.0.to_string()));
                server.join().unwrap();
                seen
            }
        };
    }
    [by_blocking(), on_tokio(by!(tokio)), ::smol::block_on(by!(smol))]
}

fn on_tokio<F: Future>(future: F) -> F::Output {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

const UNAVAILABLE: &str = "HTTP/1.1 503 Now\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
const NOT_FOUND: &str = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";

// attack: way-3
#[test]
fn connection_comes_back_until_an_end_that_would_come_again() {
    let rows: [(&[Act], &[&str]); 4] = [
        (
            &[Drop, Answer(UNAVAILABLE), Lose, Lose, Close(1012), Answer(UNAVAILABLE), Close(1000)],
            &[
                "no connection",
                "refused with 503",
                "opened",
                "/a?b",
                "connection lost without a closing handshake",
                "opened",
                "/a?b",
                "connection lost without a closing handshake",
                "opened",
                "/a?b",
                "closed with 1012",
                "refused with 503",
                "opened",
                "/a?b",
                "end",
                "1000",
            ],
        ),
        (&[Answer(NOT_FOUND)], &["the server answered with status 404"]),
        (
            &[Lose, Close(1008)],
            &[
                "opened",
                "/a?b",
                "connection lost without a closing handshake",
                "opened",
                "/a?b",
                "end",
                "1008",
            ],
        ),
        (&[Drop, Answer("HTTP/1.1 101 Yes\r\n\r\n")], &["no connection", "no Upgrade header"]),
    ];
    for (acts, expected) in rows {
        for seen in everywhere(acts, &Connector::new()) {
            assert_eq!(seen, expected, "{acts:?}");
        }
    }
}

const MOVED: &str = "HTTP/1.1 302 There\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
const AWAY: &str = "HTTP/1.1 307 There\r\nLocation: http://localhost:PORT/away\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

// attack: way-3
#[test]
fn redirects_are_followed_up_to_the_limit() {
    let rows: [(u32, &[Act], &[&str]); 5] = [
        (0, &[Answer(MOVED)], &["the server answered with status 302"]),
        (1, &[Answer(MOVED), Close(1000)], &["opened", "/other", "end", "1000"]),
        (2, &[Answer(MOVED), Answer(AWAY), Close(1000)], &["opened", "/away", "end", "1000"]),
        (1, &[Answer(MOVED), Answer(MOVED)], &["more than 1 redirects"]),
        (9, &[Answer(MOVED), Answer(NOT_FOUND)], &["the server answered with status 404"]),
    ];
    for (limit, acts, expected) in rows {
        for seen in everywhere(acts, &Connector::new().redirects(limit)) {
            assert_eq!(seen, expected, "{limit} {acts:?}");
        }
    }
}

// attack: way-3
#[test]
fn headers_and_credentials_stay_with_their_origin() {
    let (port, server) = serve(&[Answer(MOVED), Answer(AWAY), Answer(NOT_FOUND)]);
    let request = Request::new(&format!("ws://user:secret@127.0.0.1:{port}/")).unwrap();
    let request = request.header("Cookie", "a=b").header("X-Token", "c").subprotocol("chat");
    let refused = blocking::connect_with(&request, Connector::new().redirects(5)).unwrap_err();
    assert_eq!(words(Err(refused)), "the server answered with status 404");
    let heads = server.join().unwrap();
    assert!(heads[1].starts_with("GET /other ") && heads[2].starts_with("GET /away "), "{heads:?}");
    for (at, head) in heads.iter().enumerate() {
        for header in ["Authorization: Basic dXNlcjpzZWNyZXQ=\r\n", "Cookie: a=b\r\n", "X-Token: c\r\n"] {
            assert_eq!(head.contains(header), at < 2, "{head}");
        }
        assert!(head.contains("Sec-WebSocket-Protocol: chat\r\n"), "{head}");
    }
}

#[test]
fn short_waits_lose_no_update_and_a_closed_connection_does_not_come_back() {
    let (port, server) = serve(&[Answer(UNAVAILABLE), Close(1000)]);
    let back_off = BackOff::default();
    let url = format!("ws://127.0.0.1:{port}/");
    let mut socket = blocking::Reconnecting::new(Request::new(&url).unwrap(), Connector::new(), back_off);
    assert_eq!(words(socket.next_update()), "refused with 503");
    while let Some(Update::TimedOut) = socket.next_update_timeout(Duration::from_millis(1)).unwrap() {}
    assert_eq!(words(socket.next_update()), "/");
    assert_eq!(socket.close_info(), None);
    for _ in 0..2 {
        socket.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(words(socket.next_update()), "end");
        assert!(socket.close_info().unwrap().was_clean);
    }
    server.join().unwrap();
}

/// The server asks for a pause of minutes. A wait with a time limit ends in it, and so do the attempts when they are closed.
#[test]
fn pause_outlasts_a_wait_and_ends_when_closed() {
    const LATER: &[Act] = &[Answer("HTTP/1.1 503 Now\r\nRetry-After: 200\r\nContent-Length: 0\r\n\r\n")];
    let request = |port: u16| Request::new(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let (port, server) = serve(LATER);
    let mut socket = blocking::Reconnecting::new(request(port), Connector::new(), BackOff::default());
    assert_eq!(words(socket.next_update()), "refused with 503");
    for _ in 0..2 {
        let update = socket.next_update_timeout(Duration::from_millis(1)).unwrap();
        assert!(matches!(update, Some(Update::TimedOut)), "{update:?}");
    }
    socket.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!((words(socket.next_update()), socket.close_info()), ("end".into(), None));
    server.join().unwrap();

    macro_rules! ends {
        ($shell:ident) => {
            async {
                let (port, server) = serve(LATER);
                let mut socket =
                    $shell::Reconnecting::new(request(port), Connector::new(), BackOff::default());
                assert_eq!(words(socket.next_update().await), "refused with 503");
                socket.close(CloseCode::NORMAL, "").await.unwrap();
                assert_eq!((words(socket.next_update().await), socket.close_info()), ("end".into(), None));
                server.join().unwrap();
            }
        };
    }
    on_tokio(ends!(tokio));
    ::smol::block_on(ends!(smol));
}

/// The subscription of a feed, long enough that a peer which does not read is noticed while it is sent.
static SUBSCRIPTION: [u8; 1 << 20] = [7; 1 << 20];

/// A server that is gone behind its first opening handshake, and behind the second one reads a message and closes.
fn serve_subscriptions() -> (u16, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        drop(blocking::accept(listener.accept().unwrap().0).unwrap());
        let mut socket = blocking::accept(listener.accept().unwrap().0).unwrap();
        assert_eq!(socket.read().unwrap().unwrap(), SUBSCRIPTION[..].into());
        socket.close(CloseCode::NORMAL, "").unwrap();
    });
    (port, server)
}

#[test]
fn connection_that_is_lost_while_the_first_message_is_sent_comes_back() {
    let back_off = BackOff::default().max_pause(Duration::from_millis(2));
    let request = |port: u16| Request::new(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let expected = ["opened", "pausing", "opened"];
    let word = |update: &Update| match update {
        Update::Opened(_) => "opened",
        Update::Pausing { .. } => "pausing",
        _ => "another",
    };

    let (port, server) = serve_subscriptions();
    let mut socket = blocking::Reconnecting::new(request(port), Connector::new(), back_off.clone());
    let mut seen = vec![];
    while let Some(update) = socket.next_update().unwrap() {
        seen.push(word(&update));
        socket.socket().map(|socket| socket.send(&SUBSCRIPTION[..]));
    }
    assert_eq!(seen, expected);
    server.join().unwrap();

    macro_rules! comes_back {
        ($shell:ident) => {
            async {
                let (port, server) = serve_subscriptions();
                let mut socket = $shell::Reconnecting::new(request(port), Connector::new(), back_off.clone());
                let mut seen = vec![];
                while let Some(update) = socket.next_update().await.unwrap() {
                    seen.push(word(&update));
                    if let Some(socket) = socket.socket() {
                        socket.send(&SUBSCRIPTION[..]).await.ok();
                    }
                }
                assert_eq!(seen, expected);
                server.join().unwrap();
            }
        };
    }
    on_tokio(comes_back!(tokio));
    ::smol::block_on(comes_back!(smol));
}
