//! `--proxy`: HTTP and SOCKS.

use std::process::{Command, Stdio};

use super::CLIENT;
use super::process::{Client, file, read_to_end};
use super::proxies::{http, socks};
use super::servers::listen_to_many;
use super::throwaway::Ca;
use super::tls::{echo, serve};

/// Two proxies and two servers.
struct Net {
    http: u16,
    socks: u16,
    plain: String,
    secure: String,
    ca: String,
}

impl Net {
    fn new(name: &str) -> Self {
        let ca = Ca::new();
        Self {
            http: listen_to_many(|tcp| drop(http(tcp))),
            socks: listen_to_many(|tcp| drop(socks(tcp))),
            plain: format!("ws://127.0.0.1:{}/", listen_to_many(|tcp| echo(tcp.into()))),
            secure: format!("wss://localhost:{}/", serve(ca.server())),
            ca: file(name, ca.pem()),
        }
    }
}

#[test]
fn servers_are_reached_through_http_and_socks() {
    let net = Net::new("proxied.pem");
    let proxies = [
        format!("http://user:secret@127.0.0.1:{}", net.http),
        format!("socks5://user:secret@127.0.0.1:{}", net.socks),
        format!("socks5h://127.0.0.1:{}", net.socks),
    ];
    for proxy in &proxies {
        for url in [&net.plain, &net.secure] {
            let mut client = Client::start(url, &["--proxy", proxy, "--ca", &net.ca]);
            client.type_line("hello");
            assert_eq!(client.shows(), "hello", "{url} through {proxy}");
            client.end_input();
            assert_eq!(client.status(), 0);
            let port = proxy.rsplit(':').next().unwrap();
            let notes = client.all_notes();
            assert!(notes[0].contains(&format!(" through the proxy 127.0.0.1:{port}")), "{notes:?}");
        }
    }
}

#[test]
fn proxies_that_connect_nobody_give_status_3_and_a_hint() {
    let net = Net::new("refused.pem");
    let silent = listen_to_many(|mut tcp| read_to_end(&mut tcp));
    let broken = listen_to_many(|mut tcp| {
        std::io::Read::read_exact(&mut tcp, &mut [0; 3]).unwrap();
        std::io::Write::write_all(&mut tcp, b"SSH-2.0-OpenSSH\r\n").unwrap();
        read_to_end(&mut tcp);
    });
    let who = "the proxy wants to know who you are: --proxy ";
    let rows = [
        (
            format!("http://127.0.0.1:{}", net.http),
            vec![
                "the proxy answered with status 407".into(),
                "\"Who?\"".into(),
                format!("{who}http://user:password@HOST:PORT"),
            ],
        ),
        (
            format!("socks5://user:wrong1@127.0.0.1:{}", net.socks),
            vec![
                "the SOCKS proxy refused user name and password".into(),
                format!("{who}socks5://user:password@HOST:PORT"),
            ],
        ),
        (
            format!("socks5://127.0.0.1:{}", net.socks),
            vec!["the SOCKS proxy refused: connection refused (reply 5)".into()],
        ),
        (
            format!("socks5://127.0.0.1:{broken}"),
            vec![
                "the proxy sent a malformed answer".into(),
                "an HTTP proxy is written --proxy http://HOST:PORT, a SOCKS proxy --proxy socks5://HOST:PORT"
                    .into(),
            ],
        ),
        (format!("http://127.0.0.1:{silent}"), vec!["the opening handshake took too long".into()]),
    ];
    for (proxy, expected) in rows {
        // Nobody listens on port 1.
        let options = ["--proxy", &proxy, "--connect-timeout", "1"];
        let (status, mut notes) = Client::without_connection("ws://127.0.0.1:1/", &options);
        let (_, address) = proxy.rsplit_once(['@', '/']).unwrap();
        let start = format!("no connection to 127.0.0.1:1 through the proxy {address}: ");
        assert!(notes[0].starts_with(&start), "{notes:?}");
        notes[0] = notes[0].split_off(start.len());
        assert_eq!((status, notes), (3, expected), "{proxy}");
    }
}

#[test]
fn proxies_of_the_environment_are_used_if_asked_for() {
    let net = Net::new("environment.pem");
    let run = |options: &[&str], no_proxy: &str| {
        let mut command = Command::new(CLIENT);
        command.env("http_proxy", format!("http://user:secret@127.0.0.1:{}", net.http));
        command.env("no_proxy", no_proxy).arg(&net.plain).args(options).stdin(Stdio::null());
        let mut client = Client::run(&mut command);
        assert_eq!(client.status(), 0);
        client.all_notes()[0].contains("through the proxy")
    };
    assert!(run(&["--proxy", "env"], ""));
    assert!(!run(&["--proxy", "env"], "127.0.0.1"));
    assert!(!run(&[], ""));
}

#[test]
fn proxy_that_is_none_gives_status_2() {
    for proxy in ["ftp://localhost", "http://", "https://localhost:3128"] {
        let (status, notes) = Client::without_connection("ws://127.0.0.1:1/", &["--proxy", proxy]);
        assert!(notes[0].contains("bad proxy: "), "{notes:?}");
        assert_eq!(status, 2);
    }
    let mut command = Command::new(CLIENT);
    let mut client = Client::run(command.env("http_proxy", "ftp://localhost").args([
        "ws://127.0.0.1:1/",
        "--proxy",
        "env",
    ]));
    assert_eq!(client.status(), 2);
}
