//! Tries settings of permessage-deflate on messages of your own: ratio, time and memory of each.
//!
//! ```text
//! cargo run --release -p benches --bin compression -- FILE      # one message a line
//! cargo run --release -p benches --bin compression -- --sample  # synthetic trades in JSON
//! ```

#[path = "../common/agreed.rs"]
mod agreed;
#[path = "../../tests/counting/mod.rs"]
mod counting;
#[path = "../common/trades.rs"]
mod trades;
mod trial;

use std::io::{self, Read};
use std::path::PathBuf;
use std::{fs, process};

use clap::Parser;
use sansocket::Deflate;

use trial::{Figures, Memory, Trial};

/// How many bytes of synthetic trades there are: much more than a window.
const SAMPLE_LEN: usize = 512 << 10;

/// Tries settings of permessage-deflate on messages of your own.
#[derive(Debug, Parser)]
struct Options {
    /// Messages, one a line. `-` or nothing: standard input
    file: Option<PathBuf>,
    /// Synthetic trades in JSON instead of a file, of about this many bytes each
    #[arg(long, value_name = "BYTES", num_args = 0..=1, default_missing_value = "1024")]
    sample: Option<usize>,
    /// Levels
    #[arg(long, value_delimiter = ',', default_value = "1,5,9")]
    level: Vec<u8>,
    /// Windows, as base-2 logarithms
    #[arg(long, value_delimiter = ',', default_value = "9,10,12,15")]
    window_bits: Vec<u8>,
    /// Memory levels
    #[arg(long, value_delimiter = ',', default_value = "8")]
    mem_level: Vec<u8>,
    /// How often the messages are compressed and inflated
    #[arg(long, default_value_t = 15)]
    rounds: usize,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let messages = messages(&options)?;
    if messages.is_empty() {
        eprintln!("There is no message: one line is one message.");
        process::exit(1);
    }
    let settings = settings(&options);
    let mut trials: Vec<_> = settings.iter().map(|(_, deflate)| Trial::new(deflate, &messages)).collect();
    // In turns, so that a disturbance of the machine affects all alike.
    for _ in 0..options.rounds {
        trials.iter_mut().for_each(|trial| trial.run(&messages));
    }
    let len: usize = messages.iter().map(String::len).sum();
    println!("{} messages of {} bytes on average.\n", messages.len(), len / messages.len());
    println!(
        "| | takeover | window bits | level | memory level | ratio | compress, ns | inflate, ns | compressor, B | inflater, B |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for ((name, deflate), trial) in settings.iter().zip(&trials) {
        let Figures { ratio, compress, inflate } = trial.figures();
        let Memory { compressor, inflater } = Memory::of(deflate, &messages);
        println!(
            "| {name} | {} | {} | {} | {} | {ratio:.3} | {compress:.0} | {inflate:.0} | {compressor} | {inflater} |",
            if deflate.takeover { "on" } else { "off" },
            deflate.window_bits,
            deflate.level,
            deflate.mem_level,
        );
    }
    println!(
        "\nRatio: bytes on the wire, with headers, to bytes of the messages; all messages once. Times: for each message, the\n\
         10th percentile of {} rounds. Bytes: with takeover of each connection, without takeover of each message under way.",
        options.rounds
    );
    Ok(())
}

fn messages(options: &Options) -> io::Result<Vec<String>> {
    if let Some(len) = options.sample {
        let mut market = trades::Market::new(13);
        let count = (SAMPLE_LEN / len.max(1)).max(1);
        return Ok(std::iter::repeat_with(|| market.message(len)).take(count).collect());
    }
    let text = match &options.file {
        Some(file) if file.as_os_str() != "-" => fs::read_to_string(file)?,
        _ => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            text
        }
    };
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// The presets, and all combinations that are asked for.
fn settings(options: &Options) -> Vec<(&'static str, Deflate)> {
    let mut all = vec![("default", Deflate::default()), ("feed", Deflate::feed())];
    for takeover in [false, true] {
        for &bits in &options.window_bits {
            for &level in &options.level {
                for &mem_level in &options.mem_level {
                    let deflate = Deflate::default().level(level).mem_level(mem_level);
                    let deflate = deflate.window_bits(bits).peer_window_bits(bits);
                    all.push(("", deflate.takeover(takeover).peer_takeover(takeover)));
                }
            }
        }
    }
    // Every message is compressed.
    all.into_iter().map(|(name, deflate)| (name, deflate.min_len(0))).collect()
}
