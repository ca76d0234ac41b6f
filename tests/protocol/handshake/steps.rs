//! The opening handshake as steps: the order in which a driver of either role writes, reads, responds and shuts down.

use sansocket::handshake::server::{Handshake, Incoming};
use sansocket::handshake::{Opening, Step, client};
use sansocket::{Config, Fault, HandshakeError, Refusal, Role};

use super::*;
use crate::common::*;

fn server() -> Opening {
    Handshake::new(Config::default()).into()
}

fn client() -> Opening {
    let request = client::Request::new("ws://server.example.com/chat").unwrap().subprotocol("chat");
    client_handshake(&request).into()
}

fn client_handshake(request: &client::Request) -> client::Handshake {
    client::Handshake::with_nonce(request, Config::default(), *b"the sample nonce", SameKey).unwrap()
}

/// Asks for the step twice, which must change nothing, and writes what there is to write.
pub(super) fn step(opening: &mut Opening) -> (Step, Vec<u8>) {
    let step = opening.step();
    assert_eq!(opening.step(), step);
    assert_eq!(step == Step::Write, !opening.output().is_empty());
    (step, written(opening.output()))
}

fn next(opening: &mut Opening) -> Step {
    step(opening).0
}

fn error(opening: Opening) -> HandshakeError {
    opening.finish().map(|_| ()).unwrap_err()
}

#[test]
fn both_roles_open_a_connection_with_each_other_in_steps() {
    let (mut client, mut server) = (client(), server());
    assert_eq!(next(&mut server), Step::Read);
    let (first, request) = step(&mut client);
    assert_eq!((first, next(&mut client)), (Step::Write, Step::Read));
    for byte in request {
        assert_eq!(next(&mut server), Step::Read);
        server.receive(&[byte]);
    }
    assert_eq!(next(&mut server), Step::Respond);
    server.receive(&wire(Role::Server, &[(TEXT, b"early")]));
    let Some(Incoming::Upgrade(request)) = server.incoming() else { panic!() };
    let response = request.accept().subprotocol("chat");
    server.respond(response).unwrap();
    assert!(server.incoming().is_none() && !server.is_refused());
    let (first, response) = step(&mut server);
    assert_eq!((first, next(&mut server)), (Step::Write, Step::Done));
    client.receive(&response);
    assert_eq!(next(&mut client), Step::Done);
    client.receive(&wire(Role::Client, &[(TEXT, b"late")]));
    for (opening, message) in [(client, "late"), (server, "early")] {
        let (mut connection, response) = opening.finish().unwrap();
        assert_eq!(
            (connection.subprotocol(), response.is_some()),
            (Some("chat"), connection.role() == Role::Client)
        );
        assert_eq!(feed(&mut connection, [&b""[..]]).events, [text(message)]);
    }
}

#[test]
fn refusal_is_written_shut_down_and_read_to_its_end() {
    let page = head(&["GET / HTTP/1.1", "Host: a"]);
    let rows = [
        (request_with("Host", &[]), HandshakeError::Missing("Host"), 400),
        (head(&LINES), HandshakeError::Rejected(403), 403),
        (page, HandshakeError::NotAnUpgrade, 426),
    ];
    for (request, reason, code) in rows {
        for times_out in [false, true] {
            let mut opening = server();
            opening.receive(&request);
            if next(&mut opening) == Step::Respond {
                let response = match opening.incoming() {
                    Some(Incoming::Upgrade(request)) => request.reject(403),
                    other => other.unwrap().http().upgrade_required(),
                };
                opening.respond(response).unwrap();
            }
            assert!(opening.is_refused());
            if times_out {
                opening.time_out();
            } else {
                opening = refused_in_steps(opening, &request, code);
            }
            assert_eq!(next(&mut opening), Step::Done);
            assert_eq!(error(opening), reason);
        }
    }
}

fn refused_in_steps(mut opening: Opening, request: &[u8], code: u16) -> Opening {
    if opening.step() == Step::Write {
        assert_eq!(status(&written(opening.output())), code);
    }
    assert_eq!(next(&mut opening), Step::ShutdownWrite);
    opening.write_shut_down();
    for _ in 0..3 {
        assert_eq!(next(&mut opening), Step::Discard);
        // A second request is not looked at.
        opening.receive(request);
    }
    opening.end_of_stream();
    opening
}

#[test]
fn end_of_stream_and_deadline_end_either_role() {
    for make in [client, server] {
        for (end, expected) in [
            (Opening::end_of_stream as fn(&mut Opening), HandshakeError::UnexpectedEof),
            (Opening::time_out, HandshakeError::TimedOut),
        ] {
            let mut opening = make();
            step(&mut opening);
            assert_eq!(next(&mut opening), Step::Read);
            end(&mut opening);
            assert_eq!(next(&mut opening), Step::Done);
            assert_eq!(error(opening), expected);
        }
        assert_eq!(error(make()), HandshakeError::UnexpectedEof, "finished before it was done");
    }
}

#[test]
fn refusal_of_a_server_is_given_with_the_body_that_has_arrived() {
    for end in [Opening::end_of_stream, Opening::time_out] {
        let mut opening = client();
        step(&mut opening);
        opening.receive(b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nbusy");
        assert_eq!(next(&mut opening), Step::Read);
        end(&mut opening);
        let HandshakeError::Refused(refusal) = error(opening) else { panic!("not refused") };
        let Refusal { status, body, .. } = *refusal;
        assert_eq!((status, &body[..]), (503, &b"busy"[..]));
    }
}

#[test]
fn client_writes_its_whole_request_before_it_looks_at_the_response() {
    let mut opening = client();
    assert_eq!(opening.step(), Step::Write);
    opening.output().advance(1);
    opening.receive(&head(&super::client::LINES));
    assert_eq!(step(&mut opening).0, Step::Write);
    assert_eq!(next(&mut opening), Step::Done);
    assert!(opening.finish().is_ok());
}

#[test]
fn half_closed_client_still_gets_its_response() {
    let mut opening = server();
    opening.receive(&head(&LINES));
    assert_eq!(next(&mut opening), Step::Respond);
    opening.end_of_stream();
    let Some(Incoming::Upgrade(request)) = opening.incoming() else { panic!() };
    let response = request.accept();
    opening.respond(response).unwrap();
    assert_eq!(step(&mut opening).0, Step::Write);
    opening.end_of_stream();
    opening.time_out();
    assert!(opening.finish().is_ok(), "it is done");
}

#[test]
fn response_that_is_not_written_in_time_opens_no_connection() {
    let mut opening = server();
    opening.receive(&head(&LINES));
    assert_eq!(next(&mut opening), Step::Respond);
    let Some(Incoming::Upgrade(request)) = opening.incoming() else { panic!() };
    let response = request.accept();
    opening.respond(response).unwrap();
    opening.time_out();
    assert_eq!(next(&mut opening), Step::Done);
    assert_eq!(error(opening), HandshakeError::TimedOut);
}

#[test]
fn response_without_a_request_is_an_error_and_a_bad_response_can_be_replaced() {
    let request = upgrade(&head(&LINES));
    let mut opening = server();
    assert_eq!(opening.respond(request.accept()), Err(HandshakeError::NoRequest));
    opening.receive(&head(&LINES));
    assert_eq!(next(&mut opening), Step::Respond);
    let bad = request.accept().subprotocol("other");
    assert_eq!(opening.respond(bad), Err(HandshakeError::BadSubprotocol("other".into())));
    assert_eq!(next(&mut opening), Step::Respond);
    opening.respond(request.accept()).unwrap();
    assert_eq!(opening.respond(request.accept()), Err(HandshakeError::NoRequest));
    assert_eq!(client().respond(request.accept()), Err(HandshakeError::NoRequest));
}

#[test]
fn errors_say_who_caused_them() {
    let refused = |status: &str| {
        let mut opening = client();
        step(&mut opening);
        opening.receive(&head(&[status, "Content-Length: 0"]));
        assert_eq!(next(&mut opening), Step::Done);
        error(opening)
    };
    let rows = [
        (HandshakeError::MalformedHead, Fault::Peer),
        (HandshakeError::Missing("Host"), Fault::Peer),
        (refused("HTTP/1.1 401 No"), Fault::Peer),
        (HandshakeError::UnexpectedEof, Fault::Network),
        (HandshakeError::TimedOut, Fault::Network),
        (HandshakeError::BadHeader("X".into()), Fault::Caller),
        (HandshakeError::Rejected(403), Fault::Caller),
        (HandshakeError::Finished, Fault::Caller),
    ];
    for (error, fault) in rows {
        assert_eq!(error.fault(), fault, "{error}");
    }
}

/// A readiness loop drives both roles over sockets that take and give one byte at a time.
#[cfg(feature = "std")]
mod readiness {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::io::{self, ErrorKind, Read, Write};
    use std::rc::Rc;

    use super::*;

    #[derive(Default)]
    struct Pipe {
        bytes: VecDeque<u8>,
        has_ended: bool,
    }

    struct Socket {
        from: Rc<RefCell<Pipe>>,
        to: Rc<RefCell<Pipe>>,
        is_ready: bool,
    }

    impl Socket {
        /// Every second call would block.
        fn wait(&mut self) -> io::Result<()> {
            self.is_ready = !self.is_ready;
            if self.is_ready { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
        }
    }

    impl Read for Socket {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.wait()?;
            let mut pipe = self.from.borrow_mut();
            match pipe.bytes.pop_front() {
                Some(byte) => to[0] = byte,
                None if pipe.has_ended => return Ok(0),
                None => return Err(ErrorKind::WouldBlock.into()),
            }
            Ok(1)
        }
    }

    impl Write for Socket {
        fn write(&mut self, from: &[u8]) -> io::Result<usize> {
            self.wait()?;
            self.to.borrow_mut().bytes.push_back(from[0]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Takes steps until the socket would block. True at the end.
    fn turn(opening: &mut Opening, socket: &mut Socket, respond: fn(&Request) -> Response) -> bool {
        loop {
            let taken = match opening.step() {
                Step::Write => opening.output().write_to(socket),
                Step::Read | Step::Discard => opening.read_from(socket).inspect(|n| {
                    if *n == 0 {
                        opening.end_of_stream();
                    }
                }),
                Step::Respond => {
                    let Some(Incoming::Upgrade(request)) = opening.incoming() else { panic!("no request") };
                    opening.respond(respond(request)).unwrap();
                    Ok(0)
                }
                Step::ShutdownWrite => {
                    socket.to.borrow_mut().has_ended = true;
                    opening.write_shut_down();
                    Ok(0)
                }
                Step::Done => return true,
            };
            match taken {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// How both roles end if the server responds so.
    fn run(respond: fn(&Request) -> Response) -> [Result<Option<u16>, HandshakeError>; 2] {
        let [up, down] = [(); 2].map(|()| Rc::new(RefCell::new(Pipe::default())));
        let socket =
            |from: &Rc<_>, to: &Rc<_>| Socket { from: Rc::clone(from), to: Rc::clone(to), is_ready: false };
        let mut ends = [(client(), socket(&down, &up), false), (server(), socket(&up, &down), false)];
        for _ in 0..10_000 {
            for (opening, socket, is_done) in &mut ends {
                if !*is_done && turn(opening, socket, respond) {
                    *is_done = true;
                    socket.to.borrow_mut().has_ended = true;
                }
            }
        }
        ends.map(|(opening, ..)| match opening.finish() {
            Ok(_) => Ok(None),
            Err(HandshakeError::Refused(refusal)) => Ok(Some(refusal.status)),
            Err(error) => Err(error),
        })
    }

    #[test]
    fn accepted_request_opens_both_ends() {
        assert_eq!(run(|request| request.accept().subprotocol("chat")), [Ok(None), Ok(None)]);
    }

    #[test]
    fn rejected_request_ends_both_ends() {
        let ends = run(|request| request.reject(403).body("no"));
        assert_eq!(ends, [Ok(Some(403)), Err(HandshakeError::Rejected(403))]);
    }
}

/// The end of the stream, or the deadline, comes before the program has looked.
#[test]
fn refusal_that_nobody_has_looked_at_is_the_error_at_the_end() {
    let refused = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nnot you";
    let ends: [fn(&mut client::Handshake) -> HandshakeError; 2] =
        [client::Handshake::end_of_stream, client::Handshake::time_out];
    for end in ends {
        let request = client::Request::new("ws://x/").unwrap();
        let mut handshake = client_handshake(&request);
        handshake.receive(refused);
        let HandshakeError::Refused(refusal) = end(&mut handshake) else { panic!("not a refusal") };
        assert_eq!((refusal.status, &refusal.body[..]), (403, &b"not you"[..]));

        let mut opening = Opening::from(client_handshake(&request));
        let written = opening.output().len();
        opening.output().advance(written);
        opening.receive(refused);
        opening.end_of_stream();
        let error = opening.finish().map(|_| ()).unwrap_err();
        assert!(matches!(error, HandshakeError::Refused(_)), "{error}");
    }
}
