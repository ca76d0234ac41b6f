//! The client process, and servers for one connection each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sansocket::blocking::{self, WebSocket};
use sansocket::handshake::server::{Request, Response};
use sansocket::{CloseInfo, Config};

use super::CLIENT;
use super::example_server::{PATIENCE, eventually};

pub(crate) type Socket = WebSocket<TcpStream>;

pub(crate) struct Client {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Client {
    pub(crate) fn start(url: &str, options: &[&str]) -> Self {
        Self::run(Command::new(CLIENT).arg(url).args(options).stdin(Stdio::piped()))
    }

    /// A server of one connection, or with `--many` of any number. Gives its URL.
    pub(crate) fn listen(options: &[&str]) -> (Self, String) {
        Self::listen_on("127.0.0.1:0", options)
    }

    pub(crate) fn listen_on(address: &str, options: &[&str]) -> (Self, String) {
        let mut command = Command::new(CLIENT);
        let listening = Self::run(command.args(["--listen", address]).args(options).stdin(Stdio::piped()));
        let note = listening.notes();
        let url = note.strip_prefix("listening on ").expect("the address").to_owned();
        (listening, url)
    }

    /// Runs to the end, with this input. Gives the exit status and the standard output, byte for byte.
    pub(crate) fn pipe(url: &str, options: &[&str], input: &[u8]) -> (i32, Vec<u8>) {
        let mut command = Command::new(CLIENT);
        command.arg(url).args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let input = input.to_vec();
        thread::spawn(move || stdin.write_all(&input));
        let reading = thread::spawn(move || {
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).map(|_| output)
        });
        let nothing = || mpsc::channel().1;
        let mut client = Self { child, stdin: None, stdout: nothing(), stderr: nothing() };
        let status = client.status();
        (status, reading.join().unwrap().unwrap())
    }

    pub(crate) fn run(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap(), |line| line);
        let stderr = lines(child.stderr.take().unwrap(), |line| {
            line.strip_prefix("sansocket: ").map(String::from).unwrap_or(line)
        });
        Self { stdin: child.stdin.take(), child, stdout, stderr }
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_ref()).unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// The next line of the standard output.
    pub(crate) fn shows(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on the standard output")
    }

    /// The next line of the standard error.
    pub(crate) fn notes(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("a line on the standard error")
    }

    /// All notes, and the exit status, of a client that gets no connection.
    pub(crate) fn without_connection(url: &str, options: &[&str]) -> (i32, Vec<String>) {
        let mut client = Self::start(url, options);
        (client.status(), client.all_notes())
    }

    /// The note after `connected to …`.
    pub(crate) fn notes_once_connected(&self) -> String {
        let connected = self.notes();
        assert!(connected.starts_with("connected to 127.0.0.1:"), "{connected}");
        self.notes()
    }

    /// Waits for the end of the process.
    pub(crate) fn status(&mut self) -> i32 {
        let status = eventually("the client ends", || self.child.try_wait().unwrap());
        status.code().expect("an end without a signal")
    }

    /// All further lines of the standard output.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.stdout.iter().collect()
    }

    /// All further lines of the standard error.
    pub(crate) fn all_notes(&self) -> Vec<String> {
        self.stderr.iter().collect()
    }

    /// Ends the process without a warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn lines(stream: impl Read + Send + 'static, trim: fn(String) -> String) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let stream = BufReader::new(stream);
    thread::spawn(move || stream.lines().map_while(Result::ok).try_for_each(|line| sender.send(trim(line))));
    lines
}

/// A server whose `task` gets one TCP connection. Gives its URL.
pub(crate) fn listen<T: Send + 'static>(
    task: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (url, thread::spawn(move || task(listener.accept().unwrap().0)))
}

/// A server whose `task` gets one WebSocket connection. `decide` responds to the request.
pub(crate) fn serve_if<T: Send + 'static>(
    decide: impl FnOnce(&Request) -> Response + Send + 'static,
    task: impl FnOnce(Socket) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    const LONG: Duration = Duration::from_secs(60);
    let config = Config::default().keepalive(None).close_timeout(LONG).write_timeout(LONG);
    listen(move |stream| task(blocking::accept_with(stream, config, decide).unwrap()))
}

/// A server that refuses one connection.
pub(crate) fn serve_refusing(
    decide: impl FnOnce(&Request) -> Response + Send + 'static,
) -> (String, JoinHandle<()>) {
    listen(move |stream| {
        blocking::accept_with(stream, Config::default(), decide).unwrap_err();
    })
}

pub(crate) fn serve<T: Send + 'static>(
    task: impl FnOnce(Socket) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    serve_if(|request| request.accept(), task)
}

/// A server whose `task` gets the stream after the opening handshake.
pub(crate) fn serve_raw<T: Send + 'static>(
    task: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    serve(|socket| task(socket.into_parts().0))
}

/// Echoes all messages until the client closes. Gives the end of the connection.
pub(crate) fn echo(mut socket: Socket) -> CloseInfo {
    while let Some(message) = socket.read().unwrap() {
        socket.feed(&message).unwrap();
    }
    socket.close_info().unwrap()
}

/// Opcode and payload of the client's next frame, which is at most 125 bytes long.
pub(crate) fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut start = [0; 6];
    stream.read_exact(&mut start).unwrap();
    let mut payload = vec![0; usize::from(start[1] & 0x7f)];
    stream.read_exact(&mut payload).unwrap();
    payload.iter_mut().zip(start[2..].iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    (start[0] & 15, payload)
}

/// Reads until the client ends the stream.
pub(crate) fn read_to_end(stream: &mut TcpStream) {
    std::io::copy(stream, &mut std::io::sink()).ok();
}

/// A file for one test.
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}
