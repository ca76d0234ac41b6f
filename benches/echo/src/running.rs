//! A server as a process.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use sansocket::Config;
use sansocket::handshake::client::{Handshake, Request};

use crate::Outcome;
use crate::machine::{self, Usage};
use crate::servers::{Protocol, Server};

/// The longest time that a server may take to start, or to answer the request of a connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many connections are opened together. A listener of the standard library lets 128 wait.
const TOGETHER: usize = 64;

/// A running server. It ends when this is dropped.
pub struct Running {
    child: Child,
    address: SocketAddr,
    pub protocol: Protocol,
    /// The longest message that it accepts.
    pub longest: usize,
}

impl Running {
    /// Starts a server on a free port, which it prints in its first line.
    pub fn start(server: &Server) -> Outcome<Self> {
        let mut command = server.command();
        command.args(["--bind", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        // Some servers write a line for each connection that is reset, which all are at the end of a turn.
        command.stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", server.name))?;
        let stdout = child.stdout.take().ok_or("a piped output is there")?;
        let Server { protocol, longest, .. } = *server;
        let mut running = Self { child, address: ([127, 0, 0, 1], 0).into(), protocol, longest };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || -> io::Result<()> {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            stdout.read_line(&mut line)?;
            sender.send(line).ok();
            // Further output must not fill the pipe.
            io::copy(&mut stdout, &mut io::sink()).map(drop)
        });
        let line = lines.recv_timeout(PATIENCE).unwrap_or_default();
        let address = line.trim().rsplit_once("://").map(|(_, rest)| rest.trim_end_matches('/'));
        running.address = address
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| format!("{} does not say where it listens: {line:?}", server.name))?;
        Ok(running)
    }

    /// Open connections. Many are opened together, so that the server does not wake up for each step of each.
    pub fn connect(&self, count: usize) -> Outcome<Vec<TcpStream>> {
        let request = Request::new(&format!("ws://{}/", self.address))?;
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let together = (all.len()..count).take(TOGETHER);
            let begun = together.map(|_| self.begin(&request)).collect::<Outcome<Vec<_>>>()?;
            for (stream, handshake) in begun {
                all.push(finish(stream, handshake)?);
            }
        }
        Ok(all)
    }

    /// A connection, and the opening handshake if there is one, whose request is sent.
    fn begin(&self, request: &Request) -> Outcome<(TcpStream, Option<Handshake>)> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        // Reset at the end: tens of thousands of ports in TIME_WAIT would slow down new connections.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        if self.protocol == Protocol::Bytes {
            return Ok((stream, None));
        }
        let mut handshake = Handshake::new(request, Config::default())?;
        handshake.output().write_all_to(&mut stream)?;
        Ok((stream, Some(handshake)))
    }

    pub fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.id())
    }

    pub fn resident(&self) -> io::Result<u64> {
        machine::resident(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn finish(mut stream: TcpStream, handshake: Option<Handshake>) -> Outcome<TcpStream> {
    if let Some(mut handshake) = handshake {
        stream.set_read_timeout(Some(PATIENCE))?;
        while handshake.next_response()?.is_none() {
            if handshake.read_from(&mut stream)? == 0 {
                return Err(handshake.end_of_stream().into());
            }
        }
    }
    stream.set_nonblocking(true)?;
    Ok(stream)
}
