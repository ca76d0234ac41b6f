//! The options that all servers of the chat have.

use std::io::{self, ErrorKind};
use std::time::Duration;

use clap::Args;

/// To be flattened into the options of a server.
#[derive(Debug, Args)]
pub struct Common {
    /// The address to listen on; port 0 takes a free port, 0.0.0.0 lets other computers in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: String,
    /// Messages of a room that a new member sees
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub history: usize,
    /// Another origin whose pages may connect, such as https://example.com (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Interval of the keepalive, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    keepalive: u64,
}

impl Common {
    /// The interval of the keepalive.
    pub fn keepalive(&self) -> Duration {
        Duration::from_secs(self.keepalive)
    }

    /// Why the server cannot listen on its address, and the option that changes it.
    pub fn cannot_listen(&self, error: &io::Error) -> String {
        let address = &self.bind;
        match error.kind() {
            ErrorKind::AddrInUse => format!(
                "the address {address} is in use by another program; \
                 choose another one with --bind, such as --bind 127.0.0.1:0 for a free port"
            ),
            _ => format!("cannot listen on {address} (set by --bind): {error}"),
        }
    }
}
