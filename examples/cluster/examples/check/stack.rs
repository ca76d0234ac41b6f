//! The programs of a test: Redis, HAProxy and servers, on ports of their own. All end with the stack.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// A step that takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Program(Child);

impl Program {
    fn start(mut command: Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let errors = log.try_clone().unwrap();
        Self(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().unwrap())
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status();
        assert!(status.unwrap().success(), "kill -{name}");
    }

    pub(crate) async fn wait(&mut self) -> Option<i32> {
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The memory of the process, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        // A program that has ended has none.
        let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmRSS:")) else { return 0 };
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub(crate) struct Stack {
    directory: PathBuf,
    binary: PathBuf,
    redis_port: u16,
    pub(crate) front_port: u16,
    pub(crate) ports: Vec<u16>,
    pub(crate) redis: Program,
    /// HAProxy's master process ends its workers when it is told to, not when it is killed.
    pub(crate) haproxy: Program,
    pub(crate) servers: Vec<Program>,
}

impl Stack {
    /// Starts Redis, HAProxy and three servers, or two of which the third is never started.
    pub(crate) async fn start(directory: &Path, binary: &Path, count: usize) -> Self {
        let ports = free_ports(5);
        let (redis_port, front_port, ports) = (ports[0], ports[1], ports[2..].to_vec());
        let redis = start_redis(directory, redis_port);
        let haproxy = start_haproxy(directory, front_port, &ports);
        let mut stack = Self {
            directory: directory.into(),
            binary: binary.into(),
            redis_port,
            front_port,
            ports,
            redis,
            haproxy,
            servers: Vec::new(),
        };
        for index in 0..count {
            let server = stack.server(index);
            stack.servers.push(server);
        }
        for index in 0..count {
            stack.is_ready(index).await;
        }
        stack
    }

    fn server(&self, index: usize) -> Program {
        let mut command = Command::new(&self.binary);
        command.args(["--bind", &format!("127.0.0.1:{}", self.ports[index]), "--metrics"]);
        command.args(["--redis", &self.redis_url()]);
        Program::start(command, &self.directory.join(format!("server-{index}.log")))
    }

    pub(crate) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.redis_port)
    }

    pub(crate) async fn restart_server(&mut self, index: usize) {
        self.servers[index] = self.server(index);
        self.is_ready(index).await;
    }

    pub(crate) fn restart_redis(&mut self) {
        self.redis = start_redis(&self.directory, self.redis_port);
    }

    /// Waits until a server and the balancer want connections.
    async fn is_ready(&self, index: usize) {
        for port in [self.ports[index], self.front_port] {
            let ready = async {
                while !get(port, "/ready").await.is_some_and(|answer| answer.contains(" 200 ")) {
                    sleep(Duration::from_millis(50)).await;
                }
            };
            timeout(PATIENCE, ready).await.expect("the server is ready");
        }
    }

    /// Runs a command of Redis on a connection of its own.
    pub(crate) async fn tell_redis(&self, words: &[&str]) -> Result<redis::Value, redis::RedisError> {
        let client = redis::Client::open(self.redis_url())?;
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| _ = command.arg(word));
        command.query_async(&mut connection).await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.haproxy.signal("TERM");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn start_redis(directory: &Path, port: u16) -> Program {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(directory);
    // A message is confirmed when it is on the disk.
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"]);
    Program::start(command, &directory.join("redis.log"))
}

fn start_haproxy(directory: &Path, front: u16, servers: &[u16]) -> Program {
    let mut command = Command::new("haproxy");
    command.args(["-W", "-f", "tests/cluster/haproxy.cfg"]).env("HARD_STOP", "3s");
    let address = |port: &u16| format!("127.0.0.1:{port}");
    command.env("FRONTEND", address(&front));
    for (name, port) in ["ONE", "TWO", "THREE"].iter().zip(servers) {
        command.env(name, address(port));
    }
    Program::start(command, &directory.join("haproxy.log"))
}

/// Ports that were free a moment ago.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// Starts a chat server that is no part of a stack.
pub(crate) async fn lone(binary: &Path, port: u16, options: &[&str], directory: &Path) -> Program {
    let mut command = Command::new(binary);
    command.args(["--bind", &format!("127.0.0.1:{port}")]).args(options);
    let program = Program::start(command, &directory.join("lone.log"));
    let answers = async {
        while get(port, "/").await.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, answers).await.expect("the server answers");
    program
}

async fn get(port: u16, path: &'static str) -> Option<String> {
    let asking = move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        (!answer.is_empty()).then_some(answer)
    };
    spawn_blocking(asking).await.unwrap()
}
