//! Counting under Callgrind, and the baseline.

use std::num::NonZeroUsize;
use std::process::{Command, ExitCode};
use std::{env, fs, thread};

use crate::rows::{self, Row, Unmade};

/// How far a row may be from its baseline, in percent.
const TOLERANCE: f64 = 3.0;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions/baseline.txt");

/// Callgrind counts the instructions inside this function.
#[inline(never)]
pub(crate) fn measured(row: &mut Row) {
    row.run();
}

pub(crate) fn all(write: bool) -> ExitCode {
    let rows: Vec<Row> = rows::all().into_iter().map(Unmade::make).collect();
    let counts = counts(&rows);
    if write {
        let mut baseline = format!("# {}\n", circumstances());
        for (row, count) in rows.iter().zip(&counts) {
            baseline += &format!("{}\t{count:.1}\n", row.name);
        }
        fs::write(BASELINE, &baseline).expect("the baseline can be written");
        print!("{baseline}");
        return ExitCode::SUCCESS;
    }
    let baseline = fs::read_to_string(BASELINE).expect("a baseline");
    let mut lines = baseline.lines();
    let before = lines.next().unwrap_or_default().trim_start_matches("# ");
    let before_of = |name| {
        let mut lines = baseline.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(of, _)| *of == name).and_then(|(_, count)| count.parse::<f64>().ok())
    };
    println!("{:46} {:>10} {:>10} {:>8}", "instructions per message", "baseline", "now", "change");
    let (mut outside, mut missing) = (0, 0);
    for (row, count) in rows.iter().zip(&counts) {
        let Some(before) = before_of(row.name) else {
            println!("{:46} {:>10} {count:>10.1}  not in the baseline", row.name, "");
            missing += 1;
            continue;
        };
        let change = (count / before - 1.0) * 100.0;
        let mark = if change.abs() > TOLERANCE { "  outside" } else { "" };
        outside += usize::from(change.abs() > TOLERANCE);
        println!("{:46} {before:>10.1} {count:>10.1} {change:>+7.1}%{mark}", row.name);
    }
    if outside + missing == 0 {
        return ExitCode::SUCCESS;
    }
    println!("\n{outside} rows are not within {TOLERANCE}% of the baseline, {missing} are not in it.");
    if missing == 0 && before != circumstances() {
        println!("Not comparable: the baseline was made with {before}, this is {}.", circumstances());
        return ExitCode::SUCCESS;
    }
    println!("If the change is intended: benches/instructions/run --write");
    ExitCode::FAILURE
}

/// Counts all rows, as many at a time as there are cores: that changes no count.
fn counts(rows: &[Row]) -> Vec<f64> {
    let rows: Vec<(&str, u64)> = rows.iter().map(|row| (row.name, row.messages)).collect();
    let mut counts = vec![0.0; rows.len()];
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let len = rows.len().div_ceil(cores);
        for (rows, counts) in rows.chunks(len).zip(counts.chunks_mut(len)) {
            scope.spawn(move || {
                for ((name, messages), count) in rows.iter().zip(counts) {
                    *count = instructions(name, *messages);
                }
            });
        }
    });
    counts
}

/// The instructions per message, after one run to warm up.
fn instructions(name: &str, messages: u64) -> f64 {
    let program = env::current_exe().expect("the path of this program");
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--toggle-collect=*count::measured*",
    ]);
    let output = valgrind.arg(program).args(["--row", name]).output().expect("valgrind runs");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    let collected = report.lines().find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.expect("Callgrind says what it has collected");
    let count: f64 = collected.trim().parse().expect("a number");
    count / messages as f64
}

/// The compiler and the processor, on which the counts depend: `memcpy` and the validation of text choose their code
/// by the features of the processor.
fn circumstances() -> String {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&output.stdout);
    format!("{}, {}{}", version.trim(), env::consts::ARCH, if has_avx2() { " with AVX2" } else { "" })
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
