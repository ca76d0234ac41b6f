//! The async examples as processes. This crate is their client.
#![cfg(any(feature = "tokio", feature = "smol"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "an unexpected value ends the test")]

#[cfg(feature = "deflate")]
#[path = "example_server/compressed.rs"]
mod compressed;
#[path = "example_server/echo.rs"]
mod echo;
mod example_server;
#[cfg(all(target_os = "linux", feature = "tokio"))]
#[path = "example_server/threads.rs"]
mod threads;

use echo::echoes;
use example_server::Server;

#[cfg(feature = "tokio")]
#[test]
fn echo_tokio_echoes() {
    echoes(&Server::start("echo_tokio", &[]).url("/"));
}

#[cfg(all(feature = "tokio", feature = "deflate"))]
#[test]
fn echo_tokio_echoes_compressed_messages() {
    compressed::echoes_compressed(&Server::start("echo_tokio", &["--deflate"]).url("/"));
}

#[cfg(all(target_os = "linux", feature = "tokio"))]
#[test]
fn echo_tokio_helps_with_threads_and_refuses_0() {
    threads::help_names_the_option_and_0_is_refused("echo_tokio");
}

#[cfg(all(target_os = "linux", feature = "tokio"))]
#[test]
fn echo_tokio_with_two_threads_shares_the_connections() {
    threads::two_threads_share_the_connections("echo_tokio");
}

#[cfg(all(feature = "smol", feature = "deflate"))]
#[test]
fn echo_smol_echoes_compressed_messages() {
    compressed::echoes_compressed(&Server::start("echo_smol", &["--deflate"]).url("/"));
}

#[cfg(feature = "smol")]
#[test]
fn echo_smol_echoes() {
    echoes(&Server::start("echo_smol", &[]).url("/"));
}

#[cfg(feature = "tokio")]
mod broadcast {
    use sansocket::blocking::{self, NetStream, TimedRead, WebSocket};
    use sansocket::{CloseCode, Message};

    use super::Server;
    use super::echo::next;
    use super::example_server::PATIENCE;

    /// Connects. Gives the connection and its ID.
    fn join(server: &Server) -> (WebSocket<NetStream>, String) {
        let mut socket = blocking::connect(&server.url("/")).unwrap();
        let greeting = next(&mut socket);
        let id = greeting.as_text().and_then(|text| text.strip_prefix("you are ")).unwrap().to_owned();
        (socket, id)
    }

    /// The number of a message.
    fn number(message: &Message) -> u64 {
        message.as_text().and_then(|text| text.split(' ').next()).unwrap().parse().unwrap()
    }

    #[test]
    fn all_receivers_get_all_messages_in_order() {
        let server = Server::start("broadcast", &["--every", "20", "--size", "2000"]);
        let mut sockets: Vec<_> = (0..50).map(|_| join(&server).0).collect();
        // All receivers are connected from this message on.
        let start = sockets.iter_mut().map(|socket| number(&next(socket))).max().unwrap() + 1;
        for socket in &mut sockets {
            while number(&next(socket)) < start {}
            for expected in start + 1..start + 20 {
                let message = next(socket);
                assert_eq!((number(&message), message.len()), (expected, 2000));
            }
        }
    }

    #[test]
    fn message_is_sent_to_one_connection_by_its_id() {
        let mut server = Server::start("broadcast", &["--every", "600000"]);
        let (mut first, first_id) = join(&server);
        let (mut second, second_id) = join(&server);
        // The server's first broadcast may arrive at any time.
        let skip = |message: Message| {
            if message.as_text().unwrap().starts_with("0 ") { None } else { Some(message) }
        };

        server.type_line(&format!("tell {first_id} for you alone"));
        let told = skip(next(&mut first)).unwrap_or_else(|| next(&mut first));
        assert_eq!(told.as_text(), Some("for you alone"));

        server.type_line(&format!("kick {first_id} enough"));
        let read = match first.read_timeout(PATIENCE).unwrap() {
            TimedRead::Message(message) if skip(message.clone()).is_none() => {
                first.read_timeout(PATIENCE).unwrap()
            }
            read => read,
        };
        assert_eq!(read, TimedRead::Closed);
        let end = first.close_info().unwrap();
        assert_eq!((end.code, &*end.reason), (CloseCode::POLICY_VIOLATION, "enough"));
        assert_eq!(server.line(), format!("{first_id}: closed"));

        server.type_line(&format!("tell {first_id} are you there?"));
        assert_eq!(server.line(), "no such connection");
        server.type_line("list");
        assert_eq!(server.line(), format!("open: [{second_id}]"));
        second.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(server.line(), format!("{second_id}: closed"));
    }

    /// A broadcast that can no longer be sent does not cut the closing handshake short.
    #[test]
    fn receiver_closes_cleanly_during_broadcasts() {
        let server = Server::start("broadcast", &["--every", "1", "--size", "20000"]);
        for _ in 0..100 {
            let (mut socket, id) = join(&server);
            next(&mut socket);
            socket.close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(server.line(), format!("{id}: closed"));
        }
    }

    #[test]
    fn receiver_that_does_not_read_is_dropped_and_delays_no_other() {
        let server = Server::start("broadcast", &["--every", "20", "--size", "200000", "--limit", "4000000"]);
        let (slow, slow_id) = join(&server);
        let (mut quick, _) = join(&server);
        let reading = std::thread::spawn(move || {
            let mut last = number(&next(&mut quick));
            for _ in 0..150 {
                let number = number(&next(&mut quick));
                assert_eq!(number, last + 1);
                last = number;
            }
        });
        assert_eq!(server.line(), format!("{slow_id}: too slow"));
        reading.join().unwrap();
        drop(slow);
    }
}
