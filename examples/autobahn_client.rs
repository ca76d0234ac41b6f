//! Runs the cases of an Autobahn fuzzing server (`wstest -m fuzzingserver`) against this crate's client.
//!
//! ```text
//! cargo run --release --example autobahn_client -- ws://127.0.0.1:9001 --agent sansocket
//! cargo run --release --example autobahn_client -- ws://127.0.0.1:9001 --case 1 --case 20-25
//! cargo run --release --features deflate,tokio --example autobahn_client -- --deflate --shell tokio
//! ```
//!
//! Each case is one connection. The client echoes every message until the server ends the connection or breaks a rule.
//! The client prints the server's verdict on each case, and asks for the reports at the end. The exit status is 1 if a
//! case failed.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
#[cfg(feature = "deflate")]
use sansocket::Deflate;
use sansocket::handshake::client::Request;
use sansocket::{Config, Error, blocking};
use serde_json::Value;

#[derive(Debug, Parser)]
#[command(about = "Runs the cases of an Autobahn fuzzing server")]
struct Options {
    /// The URL of the server
    #[arg(default_value = "ws://127.0.0.1:9001")]
    url: String,
    /// The name in the reports
    #[arg(long, default_value = "sansocket")]
    agent: String,
    /// The numbers of the cases to run, such as 7 or 20-25 (repeatable); default: all
    #[arg(long, value_name = "NUMBERS", value_parser = numbers)]
    case: Vec<RangeInclusive<u32>>,
    /// Whose connections the cases run on
    #[arg(long, value_enum, default_value_t = Shell::Blocking)]
    shell: Shell,
    /// Offer compression (permessage-deflate)
    #[cfg(feature = "deflate")]
    #[arg(long)]
    deflate: bool,
    /// Print only cases that failed
    #[arg(short, long)]
    quiet: bool,
}

/// The connections of the cases.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Blocking,
    #[cfg(feature = "tokio")]
    Tokio,
}

/// The server, the name of this client in its reports, and how the cases are run.
struct Suite {
    url: String,
    agent: String,
    shell: Shell,
    config: Arc<Config>,
}

fn main() -> Result<ExitCode, Error> {
    let options = Options::parse();
    let config = Config::default();
    #[cfg(feature = "deflate")]
    let config = config.deflate(options.deflate.then(compression));
    let suite = Suite {
        url: options.url.trim_end_matches('/').into(),
        agent: percent_encode(&options.agent),
        shell: options.shell,
        config: Arc::new(config),
    };
    let count = suite.count()?;
    let chosen =
        |case: &u32| options.case.is_empty() || options.case.iter().any(|cases| cases.contains(case));
    let mut verdicts = BTreeMap::<String, u32>::new();
    for case in (1..=count).filter(chosen) {
        suite.run(case)?;
        let (name, verdict) = (suite.name(case)?, suite.verdict(case)?);
        if !options.quiet || !is_pass(&verdict) {
            println!("{case:>4}  {name:<8} {verdict}");
        }
        *verdicts.entry(verdict).or_default() += 1;
    }
    suite.ask("/updateReports", "")?;
    for (verdict, count) in &verdicts {
        println!("{count:>4}  {verdict}");
    }
    Ok(if verdicts.keys().all(|verdict| is_pass(verdict)) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Allows the server everything that it may choose. Short messages are compressed, too.
#[cfg(feature = "deflate")]
fn compression() -> Deflate {
    Deflate::default().takeover(true).peer_takeover(true).min_len(0)
}

fn is_pass(verdict: &str) -> bool {
    matches!(verdict, "OK" | "NON-STRICT" | "INFORMATIONAL")
}

impl Suite {
    /// Echoes all messages. Many cases end with a protocol error, as they should: the server breaks a rule on purpose.
    fn run(&self, case: u32) -> Result<(), Error> {
        let request = Request::new(&self.resource("/runCase", &format!("&case={case}")))?;
        let config = Arc::clone(&self.config);
        let ended = match self.shell {
            Shell::Blocking => {
                let (socket, _) = blocking::connect_with(&request, config)?;
                echo(socket)
            }
            #[cfg(feature = "tokio")]
            Shell::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let (socket, _) = sansocket::tokio::connect_with(&request, config).await?;
                    Ok::<_, Error>(echo_tokio(socket).await)
                })?
            }
        };
        match ended {
            Ok(()) | Err(Error::Protocol(_)) => {}
            // No case causes this.
            Err(error) => eprintln!("autobahn_client: case {case}: {error}"),
        }
        Ok(())
    }

    fn count(&self) -> Result<u32, Error> {
        let count = self.ask("/getCaseCount", "")?;
        count.and_then(|count| count.as_u64()?.try_into().ok()).ok_or_else(unusable)
    }

    /// The name of a case, such as `1.1.1`.
    fn name(&self, case: u32) -> Result<String, Error> {
        self.field("/getCaseInfo", case, "id")
    }

    fn verdict(&self, case: u32) -> Result<String, Error> {
        self.field("/getCaseStatus", case, "behavior")
    }

    fn field(&self, path: &str, case: u32, field: &str) -> Result<String, Error> {
        let answer = self.ask(path, &format!("&case={case}"))?;
        answer.and_then(|answer| Some(answer.get(field)?.as_str()?.to_owned())).ok_or_else(unusable)
    }

    /// The JSON that the server sends before it closes, if any.
    fn ask(&self, path: &str, parameters: &str) -> Result<Option<Value>, Error> {
        let mut socket = blocking::connect(&self.resource(path, parameters))?;
        let mut answer = None;
        while let Some(message) = socket.read()? {
            answer = message.as_text().and_then(|text| serde_json::from_str(text).ok());
        }
        Ok(answer)
    }

    fn resource(&self, path: &str, parameters: &str) -> String {
        format!("{}{path}?agent={}{parameters}", self.url, self.agent)
    }
}

fn echo(mut socket: blocking::WebSocket<blocking::NetStream>) -> Result<(), Error> {
    while let Some(message) = socket.read()? {
        socket.feed(&message)?;
    }
    Ok(())
}

#[cfg(feature = "tokio")]
async fn echo_tokio(
    mut socket: sansocket::tokio::WebSocket<sansocket::tokio::NetStream>,
) -> Result<(), Error> {
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}

fn unusable() -> Error {
    io::Error::new(io::ErrorKind::InvalidData, "not the answer of a fuzzing server").into()
}

fn numbers(text: &str) -> Result<RangeInclusive<u32>, std::num::ParseIntError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok(first.parse()?..=last.parse()?)
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).into(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
