//! The program on a sample, a file and standard input.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str], input: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_compression"));
    program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().expect("it runs");
    program.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    program.wait_with_output().expect("it ends")
}

/// The rows of the table, cell by cell.
fn rows(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn each_setting_has_a_row_with_figures() {
    let line = r#"{"symbol":"BTCUSDT","price":"67123.45","size":"0.01234","symbol2":"BTCUSDT"}"#;
    let input = format!("{line}\n\n{line}\n{}", line.replace("BTC", "ETH"));
    // Two presets; takeover, windows, levels. The sample takes long without optimisation.
    let all = 2 + 2 * 4 * 3;
    let sample = &["--sample=200", "--level=1", "--window-bits=15"][..];
    for (arguments, input, expected) in [(sample, "", 2 + 2), (&[], &input, all), (&["-"], &input, all)] {
        let rows = rows(&run(&[arguments, &["--rounds=1"]].concat(), input));
        assert_eq!(rows.len(), expected);
        for row in rows {
            let numbers: Vec<f64> = row.iter().skip(2).map(|cell| cell.parse().expect("a number")).collect();
            assert_eq!(numbers.len(), 8, "{row:?}");
            let ratio = numbers.get(3).expect("a ratio");
            assert!((0.05..1.2).contains(ratio), "{row:?}");
            assert!(numbers.iter().skip(6).all(|bytes| *bytes > 40_000.0), "{row:?}");
        }
    }
}

#[test]
fn no_message_is_an_error() {
    assert!(!run(&[], "").status.success());
    assert!(!run(&["no such file"], "").status.success());
}
