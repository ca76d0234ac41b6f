//! A peer that reads slowly. Up to 80 KiB of records wait below the connection then, and all of it counts as written.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use ::tokio::net::TcpSocket;
use sansocket::blocking::{self, NetStream, accept};
use sansocket::handshake::client::Request;
use sansocket::{Config, Connector, tokio};

use crate::peers::on_tokio;
use crate::throwaway::Ca;

/// Shorter than the records take, longer than a reader may sleep on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the records take: the buffers of the sockets hold little beside them.
const BYTES_PER_STEP: usize = 512;
const STEP: Duration = Duration::from_millis(50);

const LEN: usize = 80_000;

/// A connection to a server that reads slowly up to the end of one message. Buffers of the sockets are as short as can be.
fn connect(ca: &Ca) -> (TcpStream, Request, thread::JoinHandle<()>) {
    let socket = || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        socket.set_send_buffer_size(1).unwrap();
        socket
    };
    on_tokio(async {
        let server = socket();
        server.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = server.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let client = socket().connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (client, server) = (client.into_std().unwrap(), server.into_std().unwrap());
        client.set_nonblocking(false).unwrap();
        server.set_nonblocking(false).unwrap();
        let config = ca.server();
        let reading = thread::spawn(move || {
            let (mut stream, _) =
                accept(NetStream::tls_server(server, config).unwrap()).unwrap().into_parts();
            let mut left = LEN;
            while left > 0 {
                thread::sleep(STEP);
                match stream.read(&mut [0; BYTES_PER_STEP]) {
                    Ok(n @ 1..) => left = left.saturating_sub(n),
                    end => panic!("{end:?}, {left} bytes left"),
                }
            }
        });
        (client, Request::new("wss://localhost/").unwrap(), reading)
    })
}

#[test]
fn peer_that_reads_slowly_is_not_given_up_by_async_shells() {
    let ca = Ca::new();
    let (tcp, request, reading) = connect(&ca);
    let config = Config::default().write_timeout(PATIENCE).keepalive(None);
    let connector = Connector::new().config(config).tls(ca.client());
    on_tokio(async {
        tcp.set_nonblocking(true).unwrap();
        let tcp = ::tokio::net::TcpStream::from_std(tcp).unwrap();
        let (mut socket, _) = tokio::connect_from(tcp, &request, connector).await.unwrap();
        socket.send(&[7; LEN][..]).await.unwrap();
        reading.join().unwrap();
    });
}

#[test]
fn peer_that_reads_slowly_is_a_sign_of_life_for_the_keepalive() {
    let ca = Ca::new();
    let (tcp, request, reading) = connect(&ca);
    let config = Config::default().keepalive(Some(PATIENCE / 2));
    let connector = Connector::new().config(config).tls(ca.client());
    let (socket, _) = blocking::connect_from(tcp, &request, connector).unwrap();
    let (mut reader, writer) = socket.split();
    let answer = thread::spawn(move || reader.read());
    writer.send(&[7; LEN][..]).unwrap();
    assert!(!answer.is_finished(), "the keepalive has ended a connection that is sending");
    reading.join().unwrap();
    writer.abort();
    answer.join().unwrap().unwrap_err();
}
