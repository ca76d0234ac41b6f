//! Open connections: what happens, and the exact events.

use std::time::Duration;

use sansocket::frame::Opcode;
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Config, Error, Limits, Role, blocking, tokio};

use crate::peer::{Peer, Then, frame, streams};
use crate::recorder::Recorder;
use crate::{block_on, to_tokio};

/// What the program does with the open connection.
#[derive(Clone, Copy, Debug)]
enum Program {
    /// Reads to the end.
    Read,
    /// Reads events up to the Close frame.
    ReadEvents,
    /// Reads a message, sends one, and reads on.
    Answer,
    /// Closes with 1000.
    Close,
    /// Sends until a write fails.
    Fill,
    /// Drops the connection.
    Drop,
}

/// The frames for an end of this role.
type Frames = fn(Role) -> Vec<u8>;

struct Row {
    program: Program,
    frames: Frames,
    then: Then,
    config: fn(Config) -> Config,
    /// The events behind `opened`.
    events: &'static [&'static str],
}

const SHORT: Duration = Duration::from_millis(150);

fn as_it_is(config: Config) -> Config {
    config
}

fn nothing(_: Role) -> Vec<u8> {
    Vec::new()
}

fn close(to: Role, code: u16, reason: &str) -> Vec<u8> {
    frame(to, Opcode::Close, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

const ROWS: &[Row] = &[
    // Messages and Pings are no events.
    Row {
        program: Program::Read,
        frames: |to| {
            let data = [frame(to, Opcode::Text, b"s3cret"), frame(to, Opcode::Ping, b"s3cret")].concat();
            [data.repeat(3), close(to, 1001, "s3cret")].concat()
        },
        then: Then::End,
        config: as_it_is,
        events: &["DEBUG closed by=peer code=1001 sent=1001"],
    },
    Row {
        program: Program::ReadEvents,
        frames: |to| frame(to, Opcode::Close, b""),
        then: Then::Listen,
        config: as_it_is,
        events: &["DEBUG closed by=peer code=1005 sent=1005"],
    },
    Row {
        program: Program::Close,
        frames: |to| close(to, 4000, "s3cret"),
        then: Then::End,
        config: as_it_is,
        events: &["DEBUG closed by=us code=4000 sent=1000"],
    },
    Row {
        program: Program::Read,
        frames: |to| [vec![0xA1], frame(to, Opcode::Text, b"").split_off(1)].concat(),
        then: Then::Listen,
        config: as_it_is,
        events: &["WARN fault error=a reserved bit is set sent=1002"],
    },
    Row {
        program: Program::Read,
        frames: |to| frame(to, Opcode::Text, b"\xff"),
        then: Then::Listen,
        config: as_it_is,
        events: &["WARN fault error=invalid UTF-8 sent=1007"],
    },
    // This fault is found when the text is lent.
    Row {
        program: Program::ReadEvents,
        frames: |to| frame(to, Opcode::Text, b"\xff"),
        then: Then::Listen,
        config: as_it_is,
        events: &["WARN fault error=invalid UTF-8 sent=1007"],
    },
    Row {
        program: Program::Read,
        frames: |to| frame(to, Opcode::Binary, &[0; 11]),
        then: Then::Listen,
        config: |config| config.limits(Limits::default().max_message_len(10)),
        events: &["WARN fault error=message too long: 11 bytes, the limit is 10 sent=1009"],
    },
    Row {
        program: Program::Read,
        frames: nothing,
        then: Then::End,
        config: as_it_is,
        events: &["INFO lost"],
    },
    Row {
        program: Program::Close,
        frames: nothing,
        then: Then::End,
        config: as_it_is,
        events: &["INFO lost sent=1000"],
    },
    Row {
        program: Program::Answer,
        frames: |to| frame(to, Opcode::Text, b"s3cret"),
        then: Then::Reset,
        config: as_it_is,
        events: &["INFO lost error=Connection reset by peer"],
    },
    Row {
        program: Program::Read,
        frames: nothing,
        then: Then::Listen,
        config: |config| config.keepalive(Some(SHORT)),
        events: &["INFO timed out limit=keepalive", "INFO lost"],
    },
    Row {
        program: Program::Close,
        frames: nothing,
        then: Then::Listen,
        config: |config| config.close_timeout(SHORT),
        events: &["INFO timed out limit=close", "INFO lost sent=1000"],
    },
    Row {
        program: Program::Fill,
        frames: nothing,
        then: Then::Ignore,
        config: |config| config.write_timeout(SHORT).keepalive(None),
        events: &["INFO timed out limit=write", "INFO lost"],
    },
    Row {
        program: Program::Drop,
        frames: nothing,
        then: Then::Listen,
        config: as_it_is,
        events: &["DEBUG dropped"],
    },
];

/// How the tested end runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shell {
    Blocking,
    BlockingHalves,
    Tokio,
    TokioHalves,
}

/// What all shells call alike.
macro_rules! run {
    ($program:expr, $socket:ident, $writer:ident $(, $await:tt)?) => {{
        let long = "x".repeat(1 << 20);
        match $program {
            Program::Read => loop {
                match $socket.read()$(.$await)? {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            },
            Program::ReadEvents => loop {
                match $socket.read_event()$(.$await)? {
                    Ok(Some(sansocket::Event::Close(_)) | None) => break Ok(()),
                    Ok(Some(_)) => {}
                    Err(error) => break Err(error),
                }
            },
            Program::Answer => {
                assert!(matches!($socket.read()$(.$await)?, Ok(Some(_))));
                $writer.send("Hello")$(.$await)?.unwrap();
                $socket.read()$(.$await)?.map(drop)
            }
            Program::Close => $socket.close(CloseCode::NORMAL, "s3cret")$(.$await)?,
            Program::Fill => loop {
                if let Err(error) = $writer.send(&*long)$(.$await)? {
                    break Err(error);
                }
            },
            Program::Drop => Ok(()),
        }
    }};
}

fn run_blocking(
    shell: Shell,
    mut socket: blocking::WebSocket<std::net::TcpStream>,
    program: Program,
) -> Result<(), Error> {
    if shell == Shell::Blocking {
        return run!(program, socket, socket);
    }
    let (mut reader, writer) = socket.split();
    run!(program, reader, writer)
}

async fn run_tokio(
    shell: Shell,
    mut socket: tokio::WebSocket<::tokio::net::TcpStream>,
    program: Program,
) -> Result<(), Error> {
    if shell == Shell::Tokio {
        return run!(program, socket, socket, await);
    }
    let (mut reader, writer) = socket.split();
    run!(program, reader, writer, await)
}

#[test]
fn events_of_open_connections() {
    for (at, row) in ROWS.iter().enumerate() {
        for role in [Role::Server, Role::Client] {
            for shell in [Shell::Blocking, Shell::BlockingHalves, Shell::Tokio, Shell::TokioHalves] {
                let name = format!("row {at}, {role:?}, {shell:?}");
                let (stream, peer) = streams();
                let peer = Peer::play(peer, Some(role), (row.frames)(role), row.then);
                let config = (row.config)(Config::default());
                let request = Request::new("ws://user:s3cret@host/chat?token=s3cret").unwrap();
                let recorder = Recorder::default();
                let ended = recorder.record(|| match (shell, role) {
                    (Shell::Blocking | Shell::BlockingHalves, Role::Server) => {
                        let socket = blocking::accept_with(stream, config, |request| request.accept());
                        run_blocking(shell, socket.unwrap(), row.program)
                    }
                    (Shell::Blocking | Shell::BlockingHalves, Role::Client) => {
                        let (socket, _) = blocking::connect_over(stream, &request, config).unwrap();
                        run_blocking(shell, socket, row.program)
                    }
                    (_, Role::Server) => block_on(async {
                        let accepted =
                            tokio::accept_with(to_tokio(stream), config, |request| request.accept());
                        run_tokio(shell, accepted.await.unwrap(), row.program).await
                    }),
                    (_, Role::Client) => block_on(async {
                        let (socket, _) =
                            tokio::connect_over(to_tokio(stream), &request, config).await.unwrap();
                        run_tokio(shell, socket, row.program).await
                    }),
                });
                peer.leave();
                let span = match role {
                    Role::Server => "websocket role=server peer=127.0.0.1:PORT path=/chat",
                    Role::Client => "websocket role=client peer=host:PORT path=/chat",
                };
                assert_eq!(recorder.spans(), [span], "{name}");
                let mut events = [&["DEBUG opened"], row.events].concat();
                if matches!((row.program, shell), (Program::Fill, Shell::Blocking)) {
                    // The connection of a blocking stream goes on: the program may try again.
                    *events.last_mut().unwrap() = "DEBUG dropped";
                }
                assert_eq!(recorder.events(), events, "{name}: {ended:?}");
                assert!(!recorder.text().contains("s3cret"), "{name}");
                assert!(recorder.nesting().iter().all(|names| names[1..] == ["websocket"]), "{name}");
            }
        }
    }
}
