//! Large messages over TLS, in every shell and through the halves of a split connection.

use std::thread;

use sansocket::handshake::client::Request;
use sansocket::{Config, Connector, Limits, Message, blocking, smol, tokio};

use crate::peers::{echo, on_tokio, serve};
use crate::throwaway::Ca;

const LEN: usize = 1 << 20;
const COUNT: u8 = 64;

/// A message that no other one is like.
fn message(number: u8) -> Vec<u8> {
    let mut message = vec![number; LEN];
    for (at, part) in (0u32..).zip(message.chunks_exact_mut(4096)) {
        part[..4].copy_from_slice(&at.to_be_bytes());
    }
    message
}

fn url_and_connector() -> (String, Request, Connector) {
    let ca = Ca::new();
    let url = format!("wss://localhost:{}/", serve(ca.server(), echo));
    let config = Config::default().limits(Limits::default().max_message_len(16 << 20));
    let request = Request::new(&url).unwrap();
    (url, request, Connector::new().config(config).tls(ca.client()))
}

#[test]
fn blocking_64_mebibytes_come_back() {
    let (_, request, connector) = url_and_connector();
    let (mut socket, _) = blocking::connect_with(&request, &connector).unwrap();
    for number in 0..COUNT {
        socket.send(&message(number)[..]).unwrap();
        assert!(socket.read().unwrap() == Some(Message::from(message(number))), "message {number}");
    }
}

#[test]
fn blocking_halves_64_mebibytes_come_back_while_more_are_sent() {
    let (_, request, connector) = url_and_connector();
    let (socket, _) = blocking::connect_with(&request, &connector).unwrap();
    let (mut reader, writer) = socket.split();
    let sending = thread::spawn(move || (0..COUNT).try_for_each(|number| writer.send(&message(number)[..])));
    for number in 0..COUNT {
        assert!(reader.read().unwrap() == Some(Message::from(message(number))), "message {number}");
    }
    sending.join().unwrap().unwrap();
}

macro_rules! come_back {
    ($shell:ident, $request:expr, $connector:expr) => {
        async {
            let (mut socket, _) = $shell::connect_with($request, $connector).await.unwrap();
            for number in 0..COUNT / 2 {
                socket.send(&message(number)[..]).await.unwrap();
                assert!(
                    socket.read().await.unwrap() == Some(Message::from(message(number))),
                    "message {number}"
                );
            }
            let (mut reader, writer) = socket.split();
            let send = async {
                for number in COUNT / 2..COUNT {
                    writer.send(&message(number)[..]).await.unwrap();
                }
            };
            let receive = async {
                for number in COUNT / 2..COUNT {
                    assert!(
                        reader.read().await.unwrap() == Some(Message::from(message(number))),
                        "message {number}"
                    );
                }
            };
            futures_util::future::join(send, receive).await;
        }
    };
}

#[test]
fn tokio_64_mebibytes_come_back() {
    let (_, request, connector) = url_and_connector();
    on_tokio(come_back!(tokio, &request, &connector));
}

#[test]
fn smol_64_mebibytes_come_back() {
    let (_, request, connector) = url_and_connector();
    ::smol::block_on(come_back!(smol, &request, &connector));
}
