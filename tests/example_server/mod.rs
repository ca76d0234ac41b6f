//! An example server as a process. A test names an example of this crate by its name, and a program of its own package
//! by its path, `env!("CARGO_BIN_EXE_…")`.
//!
//! Cargo builds the programs of a package before its tests. It builds examples for `cargo test`, but not for
//! `cargo test --test NAME`: run `cargo build --examples` first.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// A step that takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    child: Child,
    /// Open until the server ends.
    stdin: ChildStdin,
    lines: Receiver<String>,
    /// Host and port.
    pub(crate) address: String,
}

impl Server {
    /// Starts the example on a free port, and waits until it prints the port.
    pub(crate) fn start(example: &str, options: &[&str]) -> Self {
        let mut command = Command::new(path(example));
        command.args(options);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command
            .args(["--bind", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example is built; if not, `cargo build --examples`");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stdin = child.stdin.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut server = Self { child, stdin, lines, address: String::new() };
        let url = server.line();
        let (_, rest) = url.split_once("://").unwrap();
        server.address = rest.trim_end_matches('/').to_owned();
        server
    }

    /// The next line that the server prints.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line on the server's standard output")
    }
}

#[allow(dead_code, reason = "each test uses some of these")]
impl Server {
    pub(crate) fn url(&self, resource: &str) -> String {
        format!("ws://{}{resource}", self.address)
    }

    /// Starts the example with at most `count` descriptors.
    #[cfg(unix)]
    pub(crate) fn start_with_descriptors(count: u32, example: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n $0 && exec \"$@\"", &count.to_string()]).arg(path(example));
        Self::run(command)
    }

    /// Types a line into the server's standard input.
    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The peak memory of the process in bytes, if the operating system reports it.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    }

    /// The memory of the process in bytes, if the operating system reports it.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    }

    /// Sends a signal, such as `INT`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the server ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Calls `attempt` until it gives a value.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = attempt() {
            return answer;
        }
        assert!(Instant::now() < deadline, "too slow: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// `target/debug/examples/NAME`, found from `target/debug/deps/this_test`. An absolute path stays as it is.
pub(crate) fn path(example: &str) -> PathBuf {
    if Path::new(example).is_absolute() {
        return example.into();
    }
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}
