//! The way through a proxy, in every shell, with TLS and without.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use sansocket::{Config, Connector, Error, HandshakeError, Proxy, blocking};

use crate::peers::{connect_everywhere, echo, on_tokio, serve};
use crate::proxies::{http, socks};
use crate::servers::listen_to_many;
use crate::throwaway::Ca;

fn through(url: &str) -> Connector {
    Connector::new().proxy(Proxy::new(url).unwrap())
}

/// An echo server without TLS. Gives its port.
fn serve_plain() -> u16 {
    listen_to_many(|tcp| drop(blocking::accept(blocking::NetStream::from(tcp)).and_then(echo)))
}

// attack: way-2
#[test]
fn servers_are_reached_through_http_and_socks_with_and_without_tls() {
    let ca = Ca::new();
    let secure = serve(ca.server(), echo);
    let plain = serve_plain();
    let http = listen_to_many(|client| drop(http(client)));
    let socks = listen_to_many(|client| drop(socks(client)));
    for proxy in [
        format!("http://user:secret@127.0.0.1:{http}"),
        format!("socks5://user:secret@localhost:{socks}"),
        format!("socks5h://127.0.0.1:{socks}"),
    ] {
        let connector = through(&proxy).tls(ca.client());
        for url in [
            format!("ws://127.0.0.1:{plain}/"),
            format!("ws://localhost:{plain}/"),
            format!("wss://localhost:{secure}/"),
        ] {
            for outcome in connect_everywhere(&url, &connector) {
                outcome.unwrap_or_else(|error| panic!("{url} through {proxy}: {error}"));
            }
        }
    }
}

/// The proxies in an environment variable.
fn proxies(name: &str) -> Vec<String> {
    std::env::var(name).expect("tests/proxies/forward sets it").split_whitespace().map(String::from).collect()
}

#[test]
#[ignore = "tests/proxies/forward starts the proxies"]
fn real_proxies_reach_servers_or_refuse() {
    let ca = Ca::new();
    let plain = serve_plain();
    let urls = [format!("ws://127.0.0.1:{plain}/"), format!("wss://localhost:{}/", serve(ca.server(), echo))];
    for proxy in proxies("SANSOCKET_PROXIES") {
        for url in &urls {
            for outcome in connect_everywhere(url, &through(&proxy).tls(ca.client())) {
                outcome.unwrap_or_else(|error| panic!("{url} through {proxy}: {error}"));
            }
            println!("{url} through {proxy}");
        }
    }
    for proxy in proxies("SANSOCKET_REFUSING") {
        for outcome in connect_everywhere(&urls[0], &through(&proxy)) {
            match outcome {
                Err(Error::Handshake(HandshakeError::ProxyRefused(refusal))) => {
                    assert_eq!(refusal.status, 407)
                }
                Err(Error::Handshake(
                    HandshakeError::SocksMethodRefused | HandshakeError::SocksCredentialsRefused,
                )) => {}
                outcome => panic!("{proxy}: {outcome:?}"),
            }
        }
        println!("refused by {proxy}");
    }
}

// attack: way-2
#[test]
fn refusals_of_a_proxy_say_what_it_refused() {
    use HandshakeError::{MalformedProxy, ProxyRefused, SocksCredentialsRefused, SocksRefused, TimedOut};

    let http = listen_to_many(|client| drop(http(client)));
    let socks = listen_to_many(|client| drop(socks(client)));
    let silent = listen_to_many(|mut client| drop(client.read_to_end(&mut Vec::new())));
    let gone = listen_to_many(drop);
    let rows: [(String, fn(&HandshakeError) -> bool); 7] = [
        (format!("http://127.0.0.1:{http}"), |error| {
            let ProxyRefused(refusal) = error else { return false };
            (refusal.status, refusal.header("Proxy-Authenticate")) == (407, Some("Basic"))
                && refusal.body == b"Who?"
        }),
        (format!("socks5://user:wrong1@127.0.0.1:{socks}"), |error| *error == SocksCredentialsRefused),
        (format!("socks5://127.0.0.1:{socks}"), |error| *error == SocksRefused(5)),
        (format!("socks5://127.0.0.1:{http}"), |error| matches!(error, TimedOut | MalformedProxy)),
        (format!("http://127.0.0.1:{silent}"), |error| *error == TimedOut),
        (format!("socks5://127.0.0.1:{silent}"), |error| *error == TimedOut),
        (format!("http://127.0.0.1:{gone}"), |error| error.fault() == sansocket::Fault::Network),
    ];
    for (proxy, is_expected) in rows {
        let connector = through(&proxy).config(Config::default().handshake_timeout(Duration::from_secs(1)));
        // Nobody listens on port 1.
        for outcome in connect_everywhere("ws://127.0.0.1:1/", &connector) {
            match outcome {
                Err(Error::Handshake(error)) if is_expected(&error) => {}
                // A proxy that resets the connection.
                Err(Error::Io(_)) if proxy.contains(&gone.to_string()) => {}
                outcome => panic!("{proxy}: {outcome:?}"),
            }
        }
    }
}

#[test]
fn proxy_in_front_of_another_is_an_error_that_says_so() {
    let proxy = || Proxy::new("http://localhost:1").unwrap();
    let connector = Connector::new().proxy(proxy()).proxy(proxy());
    for outcome in connect_everywhere("ws://localhost:1/", &connector) {
        let error = outcome.unwrap_err().to_string();
        assert_eq!(error, "unusable connector: two proxies, one in front of the other");
    }
}

/// A server that tells where its clients come from.
fn tells() -> (u16, mpsc::Receiver<SocketAddr>) {
    let (sender, from) = mpsc::channel();
    let port = listen_to_many(move |tcp| {
        sender.send(tcp.peer_addr().unwrap()).unwrap();
        blocking::accept(blocking::NetStream::from(tcp)).and_then(echo).ok();
    });
    (port, from)
}

#[test]
#[cfg(all(feature = "local-address", target_os = "linux"))]
fn connection_comes_from_the_local_address() {
    let (port, from) = tells();
    let connector = Connector::new().local_address([127, 0, 0, 9].into());
    for outcome in connect_everywhere(&format!("ws://localhost:{port}/"), &connector) {
        outcome.unwrap();
        assert_eq!(from.recv().unwrap().ip().to_string(), "127.0.0.9");
    }
    let error = connect_everywhere(&format!("ws://[::1]:{port}/"), &connector).map(Result::unwrap_err);
    for error in error {
        assert_eq!(error.to_string(), "the host has no address that this end's address can reach");
    }
}

#[test]
fn connection_starts_from_a_socket_of_the_callers() {
    use sansocket::handshake::client::Request;

    let (ca, (port, from)) = (Ca::new(), tells());
    let secure = serve(ca.server(), echo);
    let connector = Connector::new().tls(ca.client());
    for url in [format!("ws://localhost:{port}/"), format!("wss://localhost:{secure}/")] {
        let request = Request::new(&url).unwrap();
        let address = ("127.0.0.1", request.port());
        let tcp = TcpStream::connect(address).unwrap();
        let (mut socket, _) = blocking::connect_from(tcp, &request, &connector).unwrap();
        socket.send("Hello").unwrap();
        assert_eq!(socket.read().unwrap(), Some("Hello".into()));
        on_tokio(async {
            let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            let (mut socket, _) = sansocket::tokio::connect_from(tcp, &request, &connector).await.unwrap();
            socket.send("Hello").await.unwrap();
            assert_eq!(socket.read().await.unwrap(), Some("Hello".into()));
        });
    }
    assert_eq!(from.iter().take(2).count(), 2);
}
