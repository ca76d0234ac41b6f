//! The servers: how each is started, and what its clients know of it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use std::{env, fs, thread};

use sansocket::tls::rustls::ClientConfig;

use crate::Outcome;

/// The longest time that a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, by the name of its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Name {
    Embed,
    EchoTokio,
    EchoTls,
    Chat,
}

impl Name {
    pub(crate) const ALL: [Self; 4] = [Self::Embed, Self::EchoTokio, Self::EchoTls, Self::Chat];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::EchoTokio => "echo_tokio",
            Self::EchoTls => "echo_tls",
            Self::Chat => "chat",
        }
    }

    /// Where Cargo puts the program, from `target/release`.
    fn place(self) -> PathBuf {
        match self {
            Self::EchoTokio | Self::EchoTls => Path::new("examples").join(self.as_str()),
            Self::Embed | Self::Chat => self.as_str().into(),
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Embed | Self::EchoTokio => &["--deflate"],
            Self::EchoTls => &[],
            // A short history is full after the first rounds.
            Self::Chat => &["--deflate", "--max-connections", "8192", "--history", "10"],
        }
    }
}

/// What the clients know of a server, and what they have counted.
pub(crate) struct Site {
    pub(crate) name: Name,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Whether the server agrees on compression.
    pub(crate) deflates: bool,
    pub(crate) counts: Counts,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    /// Messages that came back, or were passed on, and were checked.
    pub(crate) messages: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Visits that failed while the machine was busy with other work: they prove nothing.
    pub(crate) late: AtomicU64,
    visits: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counts {
    pub(crate) fn message(&self, len: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(len as u64, Ordering::Relaxed);
    }

    /// Counts a visit of a kind that has ended as it should.
    pub(crate) fn visit(&self, kind: &'static str) {
        *self.visits.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// How many visits have ended as they should, and how many failed because the machine was busy.
    pub(crate) fn passed_and_late(&self) -> (u64, u64) {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        (visits.values().sum(), self.late.load(Ordering::Relaxed))
    }

    pub(crate) fn visits(&self, kind: &str) -> u64 {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.get(kind).copied().unwrap_or_default()
    }
}

impl Site {
    /// The longest message and frame that the server accepts, in bytes.
    pub(crate) fn longest(&self) -> usize {
        if self.is_chat() { 16 << 10 } else { 16 << 20 }
    }

    pub(crate) fn is_chat(&self) -> bool {
        self.name == Name::Chat
    }

    /// How long one write of the server may wait. The others are the crate's defaults everywhere.
    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_secs(if self.is_chat() { 10 } else { 30 })
    }

    /// The target of a request that is accepted.
    pub(crate) fn target(&self) -> &'static str {
        if self.is_chat() { "/chat?room=raw" } else { "/" }
    }
}

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) site: Arc<Site>,
    /// A line on the standard error that tells of a panic.
    panic: Arc<Mutex<Option<String>>>,
}

impl Server {
    /// Starts the server on a free port, which it prints in its first line.
    pub(crate) fn start(name: Name, programs: &Path) -> Outcome<Self> {
        let ca = env::temp_dir().join(format!("soak-{}-ca.pem", std::process::id()));
        let mut command = Command::new(programs.join(name.place()));
        command.args(["--bind", "127.0.0.1:0"]).args(name.options());
        // Memory that is free goes back to the system. The allocator of glibc keeps much of it otherwise, up to the most that was
        // in use by all threads, and a leak does not show.
        command.env("MALLOC_MMAP_THRESHOLD_", "16384").env("MALLOC_TRIM_THRESHOLD_", "16384");
        command.env("MALLOC_ARENA_MAX", "1");
        if name == Name::EchoTls {
            command.arg("--ca-out").arg(&ca);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", name.as_str()))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let site = Site {
            name,
            address: ([127, 0, 0, 1], 0).into(),
            tls: None,
            deflates: name != Name::EchoTls,
            counts: Counts::default(),
        };
        // Ends the child if the rest fails.
        let mut server = Self { child, site: Arc::new(site), panic: Arc::default() };
        let panic = Arc::clone(&server.panic);
        thread::spawn(move || watch(BufReader::new(stderr?), &panic));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout?).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
        let line = lines.recv_timeout(PATIENCE)?;
        let address = line.split_once("://").map(|(_, rest)| rest.trim_end_matches('/'));
        let site = Arc::get_mut(&mut server.site).ok_or("nobody has the site yet")?;
        site.address = address.ok_or("the server names its address")?.parse()?;
        if name == Name::EchoTls {
            site.tls = Some(sansocket::tls::config_with_ca(&fs::read(&ca)?)?);
            fs::remove_file(ca)?;
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails if the server has ended, or if one of its threads or tasks has panicked.
    pub(crate) fn is_well(&mut self) -> Outcome {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the server has ended: {status}").into());
        }
        match self.panic.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(line) => Err(line.into()),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Reads what the server says of connections that ended badly, which is thousands of lines.
fn watch(lines: impl BufRead, panic: &Mutex<Option<String>>) -> Option<io::Error> {
    for line in lines.split(b'\n') {
        let line = match line {
            Ok(line) => String::from_utf8_lossy(&line).into_owned(),
            Err(error) => return Some(error),
        };
        if line.contains("panicked") {
            *panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        }
    }
    None
}
