//! Records that are cut anywhere.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll};
use std::thread;

use ::tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use sansocket::asynchronous::{NetStream, Socket};
use sansocket::handshake::client::Request;
use sansocket::tls::rustls::version::{TLS12, TLS13};
use sansocket::{CloseCode, Config, Connector, Message, blocking, tokio};

use crate::peers::{connect_everywhere, echo, on_tokio, serve};
use crate::servers::listen_to_many;
use crate::throwaway::{Ca, server};

/// Memory that gives and takes at most this many bytes at a time.
struct Cut(DuplexStream, usize);

impl Socket for Cut {
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let room = to.len().min(self.1);
        let mut to = ReadBuf::new(&mut to[..room]);
        Pin::new(&mut self.0).poll_read(cx, &mut to).map_ok(|()| to.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let from = from.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        Pin::new(&mut self.0).poll_write(cx, &from[..from.len().min(self.1)])
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

const LENS: [usize; 8] = [0, 1, 125, 126, 16_300, 16_400, 40_000, 70_000];

fn message(len: usize) -> Message {
    Message::from((0..len).map(|at| (at % 251) as u8).collect::<Vec<_>>())
}

// req: 6455-4.2.2-c
#[test]
fn records_cut_at_every_byte_are_put_together_by_async_shells() {
    let ca = Ca::new();
    let request = Request::new("wss://localhost/").unwrap();
    for version in [&TLS12, &TLS13] {
        let config = server(ca.identity(&["localhost"]), &[version], None);
        for len in [1, 2, 3, 5, 7, 64, 1000, 16_389] {
            let (near, far) = duplex(1 << 17);
            let near = NetStream::tls_client(Cut(near, len), ca.client(), "localhost").unwrap();
            let far = NetStream::tls_server(Cut(far, len), config.clone()).unwrap();
            let client = async {
                let (mut socket, _) = tokio::connect_over(near, &request, Config::default()).await.unwrap();
                for len in LENS {
                    socket.send(&message(len)).await.unwrap();
                    assert!(socket.read().await.unwrap() == Some(message(len)));
                }
                socket.close(CloseCode::NORMAL, "").await.unwrap();
            };
            let server = async {
                let mut socket = tokio::accept(far).await.unwrap();
                while let Some(message) = socket.read().await.unwrap() {
                    socket.send(&message).await.unwrap();
                }
            };
            on_tokio(futures_util::future::join(client, server));
        }
    }
}

/// A server that passes on to another one, at most `len` bytes at a time. Gives its port, and at their end the bytes of each
/// direction.
fn relay(to: u16, len: usize) -> (u16, Receiver<Vec<u8>>) {
    let (passed, directions) = channel();
    let port = listen_to_many(move |client| {
        let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let pass = |mut from: TcpStream, mut to: TcpStream| {
            to.set_nodelay(true).unwrap();
            let (mut part, mut all) = (vec![0; len], Vec::new());
            while let Ok(n @ 1..) = from.read(&mut part) {
                all.extend(&part[..n]);
                if to.write_all(&part[..n]).is_err() {
                    break;
                }
            }
            to.shutdown(std::net::Shutdown::Write).ok();
            passed.send(all).ok();
        };
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::scope(|scope| {
            scope.spawn(|| pass(server, client));
            pass(from, to);
        });
    });
    (port, directions)
}

#[test]
fn records_cut_at_every_byte_are_put_together_by_the_blocking_shell() {
    let ca = Ca::new();
    for len in [1, 5, 1000] {
        let (port, _directions) = relay(serve(ca.server(), echo), len);
        let request = Request::new(&format!("wss://localhost:{port}/")).unwrap();
        let connector = Connector::new().tls(ca.client());
        let (mut socket, _) = blocking::connect_with(&request, connector).unwrap();
        for len in LENS {
            socket.send(&message(len)).unwrap();
            assert!(socket.read().unwrap() == Some(message(len)));
        }
        socket.close(CloseCode::NORMAL, "").unwrap();
    }
}

/// `ContentType`, `ProtocolVersion`, `uint16 length`, and so many bytes (RFC 8446 section 5.1).
// req: 6455-4.1-m, 6455-4.2.2-c
#[test]
fn every_byte_on_the_wire_is_in_a_record() {
    let ca = Ca::new();
    let (port, directions) = relay(serve(ca.server(), echo), 1 << 14);
    let connector = Connector::new().tls(ca.client());
    for outcome in connect_everywhere(&format!("wss://localhost:{port}/"), &connector) {
        outcome.unwrap();
    }
    for bytes in directions.iter().take(6) {
        let mut rest = &bytes[..];
        while let [20..=23, 3, 1..=3, high, low, behind @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            rest = behind.get(len..).expect("whole records");
        }
        assert!(rest.is_empty() && !bytes.is_empty(), "{}", rest.escape_ascii());
        assert!(!bytes.windows(5).any(|part| part == b"Hello"));
    }
}

#[test]
fn sessions_are_resumed_with_one_configuration() {
    let ca = Ca::new();
    let url = format!("wss://localhost:{}/", serve(ca.server(), echo));
    let (request, connector) = (Request::new(&url).unwrap(), Connector::new().tls(ca.client()));
    for is_resumed in [false, true, true] {
        let (mut socket, _) = blocking::connect_with(&request, &connector).unwrap();
        socket.send("Hello").unwrap();
        socket.read().unwrap();
        assert_eq!(socket.stream().tls_info().unwrap().is_resumed, is_resumed);
    }
}

/// It can be replayed, and the opening handshake would be in it (RFC 8446 section 8). Records of it would be lost here: the
/// server's end does not read them.
#[test]
fn early_data_is_not_used_even_if_both_ends_allow_it() {
    let ca = Ca::new();
    let mut server = sansocket::tls::rustls::ServerConfig::clone(&ca.server());
    server.max_early_data_size = 1 << 14;
    let mut client = sansocket::tls::rustls::ClientConfig::clone(&ca.client());
    client.enable_early_data = true;
    let url = format!("wss://localhost:{}/", serve(server.into(), echo));
    let (request, connector) = (Request::new(&url).unwrap(), Connector::new().tls(client));
    for is_resumed in [false, true, true] {
        let (mut socket, _) = blocking::connect_with(&request, &connector).unwrap();
        socket.send("Hello").unwrap();
        assert_eq!(socket.read().unwrap(), Some("Hello".into()));
        assert_eq!(socket.stream().tls_info().unwrap().is_resumed, is_resumed);
        socket.close(CloseCode::NORMAL, "").unwrap();
    }
}
