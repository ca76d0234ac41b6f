//! `--deflate`.

use std::sync::mpsc;

use sansocket::handshake::server::Request;
use sansocket::{CloseCode, Config, Deflate, Message, blocking};

use super::counted::Counted;
use super::process::{Client, echo, listen, serve};

fn allowing(takeover: bool) -> Config {
    Config::default().deflate(Some(Deflate::default().takeover(takeover).peer_takeover(takeover).min_len(0)))
}

#[test]
fn messages_are_compressed_both_ways() {
    let text = "the same again and again, ".repeat(400);
    for takeover in [false, true] {
        let expected = text.clone();
        let (url, server) = listen(move |stream| {
            let stream = blocking::NetStream::from(stream);
            let accepted = blocking::accept_with(stream, allowing(takeover), Request::accept);
            let mut peer = Counted::new(accepted.unwrap());
            assert_eq!(peer.negotiated().client_no_context_takeover, !takeover);
            let (message, received) = peer.next();
            assert_eq!(message.as_text(), Some(&expected[..]));
            assert!(received < expected.len() / 10, "{received} bytes");
            let sent = peer.send(&message);
            assert!(sent < expected.len() / 10, "{sent} bytes");
            peer
        });
        let mut client = Client::start(&url, &["--deflate"]);
        let note = client.notes();
        assert!(note.starts_with("connected to ") && note.ends_with(", compressed"), "{note}");
        client.type_line(&text);
        assert_eq!(client.shows(), text);
        drop(server.join().unwrap());
    }
}

/// Such a server does not know the extension.
#[test]
fn server_that_declines_gets_messages_as_they_are() {
    let (url, server) = serve(echo);
    let mut client = Client::start(&url, &["--deflate"]);
    let note = client.notes();
    assert!(note.ends_with(", not compressed"), "{note}");
    let text = "a".repeat(10_000);
    client.type_line(&text);
    assert_eq!(client.shows(), text);
    client.end_input();
    assert_eq!(client.status(), 0);
    assert!(server.join().unwrap().was_clean);
}

#[test]
fn nothing_is_offered_without_the_option() {
    let (sender, offers) = mpsc::channel();
    let decide = move |request: &Request| {
        sender.send(request.extensions().count()).unwrap();
        request.accept()
    };
    let (url, server) =
        listen(move |stream| echo(blocking::accept_with(stream, allowing(true), decide).unwrap()));
    let mut client = Client::start(&url, &[]);
    let note = client.notes();
    assert!(!note.contains("compressed"), "{note}");
    client.end_input();
    assert_eq!((client.status(), offers.recv().unwrap()), (0, 0));
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

/// The server's text breaks no rule of UTF-8 on the wire; inflated it does.
#[test]
fn rule_that_a_compressed_message_breaks_gives_status_5() {
    let (url, server) = listen(|stream| {
        let mut socket = blocking::accept_with(stream, allowing(false), Request::accept).unwrap();
        // The byte 0xff in a stored block.
        std::io::Write::write_all(&mut socket.stream(), b"\xc1\x07\x00\x01\x00\xfe\xff\xff\x00").unwrap();
        assert_eq!(socket.read().unwrap(), None::<Message>);
        socket.close_info().unwrap().code
    });
    let mut client = Client::start(&url, &["--deflate"]);
    assert_eq!(client.status(), 5);
    assert_eq!(server.join().unwrap(), CloseCode::INVALID_DATA);
}
