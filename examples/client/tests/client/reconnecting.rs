//! `--reconnect` and `--first`.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sansocket::CloseCode;
use sansocket::blocking::{TimedRead, WebSocket, accept};

use super::example_server::PATIENCE;
use super::process::{Client, read_frame};
use super::servers::read_head;

/// What the server does with one connection.
type Act = fn(TcpStream);

const UNAVAILABLE: &str = "HTTP/1.1 503 Now\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nsoon";
const NOT_FOUND: &str = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";

/// A server that does these acts, one for each connection, and is gone. Gives its URL.
fn serve(acts: &'static [Act]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || acts.iter().for_each(|act| act(listener.accept().unwrap().0)));
    url
}

fn answer(mut tcp: TcpStream, response: &str) {
    read_head(&tcp).unwrap();
    tcp.write_all(response.as_bytes()).unwrap();
}

/// Opens a connection and sends the first message back.
fn open(tcp: TcpStream) -> WebSocket<TcpStream> {
    let mut socket = accept(tcp).unwrap();
    let TimedRead::Message(first) = socket.read_timeout(PATIENCE).unwrap() else {
        panic!("no first message")
    };
    socket.send(&first).unwrap();
    socket
}

/// Notes without the seconds, which are random.
fn without_seconds(notes: Vec<String>) -> Vec<String> {
    let cut = |note: String| match note.split_once("; connecting again in ") {
        Some((note, _)) => format!("{note}; again"),
        None => note,
    };
    notes.into_iter().map(cut).collect()
}

#[test]
fn connection_comes_back_until_the_end_that_the_server_means() {
    let url = serve(&[
        |tcp| drop(open(tcp)),
        |tcp| answer(tcp, UNAVAILABLE),
        |tcp| open(tcp).close(CloseCode::SERVICE_RESTART, "").unwrap(),
        |tcp| open(tcp).close(CloseCode(1008), "enough").unwrap(),
    ]);
    let options = ["--reconnect", "--first", "subscribe", "--keep-open"];
    let mut client = Client::start(&url, &options);
    assert_eq!(client.status(), 1);
    assert_eq!(client.rest(), ["subscribe"; 3]);
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let connected = format!("connected to {address}");
    assert_eq!(
        without_seconds(client.all_notes()),
        [
            &*connected,
            "connection lost without a closing handshake; again",
            &format!("no connection to {address}: the server answered with status 503; again"),
            "\"soon\"",
            &connected,
            "closed by the server: code 1012, reason \"\"; again",
            &connected,
            "closed by the server: code 1008, reason \"enough\"",
        ]
    );
}

#[test]
fn exit_status_is_that_of_the_last_attempt() {
    let rows: [(&'static [Act], i32); 4] = [
        (&[|tcp| drop(open(tcp)), |tcp| answer(tcp, NOT_FOUND)], 4),
        (&[|tcp| drop(open(tcp)), |tcp| answer(tcp, "HTTP/1.1 101 Yes\r\n\r\n")], 5),
        (&[|tcp| drop(open(tcp)), |tcp| open(tcp).close(CloseCode::NORMAL, "").unwrap()], 0),
        (&[|tcp| drop(tcp), |tcp| open(tcp).close(CloseCode(3000), "").unwrap()], 1),
    ];
    for (acts, status) in rows {
        let mut client = Client::start(&serve(acts), &["--reconnect", "--first", "a", "--keep-open", "-q"]);
        assert_eq!(client.status(), status);
        // Of what it tries again, --quiet says nothing.
        assert_eq!(client.all_notes().len(), usize::from(matches!(status, 4 | 5)));
    }
}

#[test]
fn loss_is_the_end_without_the_option() {
    let mut client = Client::start(&serve(&[|tcp| drop(open(tcp))]), &["--first", "a"]);
    assert_eq!(client.status(), 6);
}

/// The server is a process that is killed, and comes back on its port.
#[test]
fn killed_server_is_found_again_and_typed_lines_wait_for_it() {
    let (mut server, url) = Client::listen(&["--many"]);
    let options = ["--reconnect", "--first", "subscribe", "--first", "also", "-n", "1"];
    let mut client = Client::start(&url, &options);
    assert_eq!([server.shows(), server.shows()], ["subscribe", "also"]);
    client.type_line("before");
    assert_eq!(server.shows(), "before");
    assert!(client.notes().starts_with("connected to "));
    server.kill();
    let lost = client.notes();
    assert!(lost.contains("; connecting again in "), "{lost}");
    client.type_line("meanwhile");
    client.type_line("and");
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let (mut server, _) = Client::listen_on(address, &["--many"]);
    for line in ["subscribe", "also", "meanwhile", "and"] {
        assert_eq!(server.shows(), line);
    }
    // The count goes on.
    server.type_line("answer");
    assert_eq!(client.shows(), "answer");
    assert_eq!(client.status(), 0);
}

/// While the server's closing handshake goes on, nothing can be sent.
#[test]
fn line_that_is_typed_while_a_connection_ends_goes_to_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let mut client = Client::start(&url, &["--reconnect", "-n", "1"]);
    let mut first = accept(listener.accept().unwrap().0).unwrap().into_parts().0;
    // 1012, and the client's answer.
    first.write_all(b"\x88\x02\x03\xf4").unwrap();
    assert_eq!(read_frame(&mut first), (8, vec![3, 244]));
    client.type_line("late");
    // Time for the client to read the line. If it does so later, it sends it later.
    thread::sleep(Duration::from_millis(100));
    drop(first);
    let mut second = open(listener.accept().unwrap().0);
    assert_eq!(client.shows(), "late");
    assert_eq!(second.read().unwrap(), None);
    assert_eq!(client.status(), 0);
}

#[test]
fn connection_that_the_user_closes_does_not_come_back() {
    let url = serve(&[|tcp| assert_eq!(open(tcp).read().unwrap(), None)]);
    let mut client = Client::start(&url, &["--reconnect", "--first", "a"]);
    assert_eq!(client.shows(), "a");
    client.type_line("/close 1012");
    assert_eq!(client.notes_once_connected(), "closed: code 1012, reason \"\"");
    assert_eq!(client.status(), 0);
}

/// A server that loses one connection and refuses all later ones, with a time that nobody waits for.
fn gone() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        drop(open(listener.accept().unwrap().0));
        for tcp in listener.incoming() {
            answer(tcp.unwrap(), "HTTP/1.1 503 No\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n");
        }
    });
    url
}

/// Waits for the pause after the refusal.
fn paused(options: &[&str]) -> Client {
    let client = Client::start(&gone(), &[&["--reconnect", "--first", "a"], options].concat());
    while !client.notes().contains("status 503; connecting again in 300") {}
    client
}

#[test]
fn close_and_the_end_of_the_input_end_the_attempts() {
    let mut client = paused(&[]);
    client.type_line("/close");
    assert_eq!(client.status(), 4);
    let mut client = paused(&[]);
    client.end_input();
    assert_eq!(client.status(), 4);
}

#[cfg(unix)]
#[test]
fn ctrl_c_without_a_connection_ends_the_program() {
    let mut client = paused(&["--keep-open"]);
    client.interrupt();
    assert_eq!(client.status(), 130);
}

#[test]
fn first_messages_go_to_each_client_of_a_server() {
    let (_server, url) = Client::listen(&["--many", "--first", "welcome"]);
    for _ in 0..2 {
        let mut client = sansocket::blocking::connect(&url).unwrap();
        assert_eq!(client.read().unwrap(), Some("welcome".into()));
    }
}
