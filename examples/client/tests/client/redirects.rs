//! `--redirects`, and the addresses that are tried.

use std::io::Write;
use std::net::TcpStream;

use sansocket::Config;
use sansocket::blocking::{NetStream, accept_with};

use super::process::Client;
use super::servers::listen_to_many;
use super::tls::echo;

/// A server that redirects to this place.
fn redirecting(place: String) -> u16 {
    listen_to_many(move |tcp: TcpStream| {
        let place = place.clone();
        accept_with(NetStream::from(tcp), Config::default(), |request| {
            request.reject(302).header("Location", place)
        })
        .unwrap_err();
    })
}

#[test]
fn redirects_are_followed_if_asked_for() {
    let last = listen_to_many(|tcp| echo(tcp.into()));
    let second = redirecting(format!("http://127.0.0.1:{last}/"));
    let first = redirecting(format!("ws://127.0.0.1:{second}/"));
    let url = format!("ws://127.0.0.1:{first}/");
    let mut client = Client::start(&url, &["--redirects", "2"]);
    client.type_line("hello");
    assert_eq!(client.shows(), "hello");
    let note = format!("connected to 127.0.0.1:{first}, reached at 127.0.0.1:{last}");
    assert_eq!(client.notes(), note);
    let (status, notes) = Client::without_connection(&url, &[]);
    assert_eq!((status, notes.last().unwrap().as_str()), (4, "to follow redirects, add --redirects 5"));
    let (status, notes) = Client::without_connection(&url, &["--redirects", "1"]);
    assert!(notes[0].ends_with(": more than 1 redirects"), "{notes:?}");
    assert_eq!(status, 4);
    let bad = format!("ws://127.0.0.1:{}/", redirecting("gopher://127.0.0.1/".into()));
    let (status, notes) = Client::without_connection(&bad, &["--redirects", "5"]);
    assert!(notes[0].contains(": bad redirect: "), "{notes:?}");
    assert_eq!(status, 4);
}

#[test]
fn families_choose_among_the_addresses() {
    let port = listen_to_many(|mut tcp| drop(tcp.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")));
    let url = format!("ws://127.0.0.1:{port}/");
    assert_eq!(Client::without_connection(&url, &["-4"]).0, 4);
    let (status, notes) = Client::without_connection(&url, &["-6"]);
    assert!(notes[0].ends_with(": the host has no IPv6 address, and no others are tried"), "{notes:?}");
    assert_eq!(status, 3);
    assert_eq!(Client::without_connection(&url, &["-4", "-6"]).0, 2);
}

#[cfg(target_os = "linux")]
#[test]
fn connection_comes_from_the_local_address() {
    let port = listen_to_many(|tcp| {
        let from = tcp.peer_addr().unwrap().ip().to_string();
        sansocket::blocking::accept(NetStream::from(tcp)).unwrap().send(&from).unwrap();
    });
    let options = ["--local-address", "127.0.0.9"];
    let client = Client::start(&format!("ws://localhost:{port}/"), &options);
    assert_eq!(client.shows(), "127.0.0.9");
}
