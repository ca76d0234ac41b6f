//! The servers, and how they are started.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::serve;

/// The server with the least possible work. Ratios are relative to it.
pub const FLOOR: &str = "raw";

/// An example of this crate.
struct Example {
    name: &'static str,
    arguments: &'static [&'static str],
    about: &'static str,
    /// Whether it has the option `--threads N`.
    has_threads: bool,
}

const EXAMPLES: [Example; 4] = [
    Example {
        name: "embed",
        arguments: &[],
        about: "example of this crate: the core in a readiness loop of one thread",
        has_threads: true,
    },
    Example {
        name: "echo",
        arguments: &["--plain"],
        about: "example of this crate: the blocking shell, a thread for each connection",
        has_threads: false,
    },
    Example {
        name: "echo_tokio",
        arguments: &[],
        about: "example of this crate: the tokio shell, a runtime of one thread",
        has_threads: true,
    },
    Example {
        name: "echo_smol",
        arguments: &[],
        about: "example of this crate: the smol shell",
        has_threads: false,
    },
];

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    WebSocket,
    /// Bytes come back as they are, without a handshake.
    Bytes,
}

impl Protocol {
    pub const ALL: [Self; 2] = [Self::WebSocket, Self::Bytes];
}

pub struct Server {
    pub name: String,
    /// A description in one line.
    pub about: String,
    pub protocol: Protocol,
    /// The longest message that it accepts.
    pub longest: usize,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Server {
    /// The same with more threads.
    fn with_threads(&self, threads: usize) -> Self {
        let option = ["--threads".to_owned(), threads.to_string()];
        Self {
            name: format!("{}, {threads} threads", self.name),
            about: format!(
                "the same {threads} times in one process, each with a listener and a thread of its own"
            ),
            protocol: self.protocol,
            longest: self.longest,
            program: self.program.clone(),
            arguments: self.arguments.iter().cloned().chain(option).collect(),
        }
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

/// The choice of servers on the command line.
#[derive(Default)]
pub struct Choice {
    /// All servers if empty.
    pub names: Vec<String>,
    pub examples: Option<PathBuf>,
    /// Every server that can also runs with so many threads.
    pub threads: Vec<usize>,
    more: Vec<Server>,
}

impl Choice {
    /// `NAME=PROGRAM`.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let (name, program) = text.split_once('=').ok_or("NAME=PROGRAM is expected")?;
        self.more.push(Server {
            name: name.into(),
            about: program.into(),
            protocol: Protocol::WebSocket,
            longest: usize::MAX,
            program: program.into(),
            arguments: Vec::new(),
        });
        Ok(())
    }

    /// Builds the examples, if they are chosen and `--examples` is not given.
    pub fn servers(self) -> Outcome<Vec<Server>> {
        let ours = EXAMPLES.iter().map(|example| example.name);
        let names: Vec<&str> = ours.chain(serve::ALL.iter().map(|server| server.name)).collect();
        if let Some(unknown) = self.names.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(format!("no server is called {unknown}; there are {}", names.join(", ")).into());
        }
        let chosen = |name: &str| self.names.is_empty() || self.names.iter().any(|chosen| chosen == name);

        let this = env::current_exe()?;
        let of_this = |served: &serve::Served| Server {
            name: served.name.into(),
            about: served.about.into(),
            protocol: if served.name == FLOOR { Protocol::Bytes } else { Protocol::WebSocket },
            longest: served.longest,
            program: this.clone(),
            arguments: vec!["serve".into(), served.name.into()],
        };
        let with_threads = |server: Server| {
            let counts = self.threads.iter().filter(|&&count| count > 1);
            let more: Vec<_> = counts.map(|&count| server.with_threads(count)).collect();
            [server].into_iter().chain(more)
        };
        let (floor, peers): (Vec<_>, Vec<_>) = serve::ALL.iter().partition(|served| served.name == FLOOR);
        let mut servers: Vec<Server> = floor.into_iter().map(of_this).flat_map(with_threads).collect();
        servers.extend(self.more);
        if EXAMPLES.iter().any(|example| chosen(example.name)) {
            let programs = match self.examples {
                Some(directory) => built_examples(&directory),
                None => build_examples()?,
            };
            for &Example { name, arguments, about, has_threads } in EXAMPLES.iter().filter(|e| chosen(e.name))
            {
                let server = Server {
                    name: name.into(),
                    about: about.into(),
                    protocol: Protocol::WebSocket,
                    longest: usize::MAX,
                    program: programs.get(name).ok_or(format!("no program is called {name}"))?.clone(),
                    arguments: arguments.iter().map(|&argument| argument.into()).collect(),
                };
                if has_threads {
                    servers.extend(with_threads(server));
                } else {
                    servers.push(server);
                }
            }
        }
        let peers = peers.into_iter().filter(|served| chosen(served.name));
        servers.extend(peers.map(of_this).flat_map(with_threads));
        Ok(servers)
    }
}

/// The programs in `directory` and in its subdirectory `examples`, as Cargo places them in `target/release`.
fn built_examples(directory: &Path) -> HashMap<String, PathBuf> {
    let place = |name: &str| {
        let program = directory.join(name);
        if program.is_file() { program } else { directory.join("examples").join(name) }
    };
    EXAMPLES.iter().map(|example| (example.name.to_owned(), place(example.name))).collect()
}

/// Builds the examples in release mode, with the features that they need.
fn build_examples() -> Outcome<HashMap<String, PathBuf>> {
    let mut programs = build(&["-p", "embed"])?;
    let examples = ["--example", "echo", "--example", "echo_tokio", "--example", "echo_smol"];
    programs.extend(build(&[&["--features", "tokio,smol"][..], &examples].concat())?);
    Ok(programs)
}

/// Builds with Cargo. Returns the programs by name.
fn build(what: &[&str]) -> Outcome<HashMap<String, PathBuf>> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--manifest-path", MANIFEST]).args(what);
    command.args(["--message-format", "json-render-diagnostics"]);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("our examples cannot be built".into());
    }
    let text = String::from_utf8(output.stdout)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = |message: Value| {
        Some((message["target"]["name"].as_str()?.to_owned(), message["executable"].as_str()?.into()))
    };
    Ok(messages.filter_map(program).collect())
}
