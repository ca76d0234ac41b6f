//! A server as a process.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use sansocket::blocking;

use crate::Outcome;
use crate::machine::{self, Usage};
use crate::servers::{Protocol, Server};

/// The longest time that a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

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

    /// An open connection.
    pub fn connect(&self) -> Outcome<TcpStream> {
        let stream = match self.protocol {
            Protocol::WebSocket => {
                let (stream, _) = blocking::connect(&format!("ws://{}/", self.address))?.into_parts();
                stream.into_tcp().map_err(|_| "a connection to ws: has no TLS")?
            }
            Protocol::Bytes => TcpStream::connect(self.address)?,
        };
        stream.set_nodelay(true)?;
        // Reset at the end: tens of thousands of ports in TIME_WAIT would slow down new connections.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        stream.set_nonblocking(true)?;
        Ok(stream)
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
