//! What the server's process uses: descriptors, memory, time.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::example_server::{Server, eventually};

fn proc(server: &Server, file: &str) -> PathBuf {
    format!("/proc/{}/{file}", server.pid()).into()
}

/// The number of open descriptors.
pub(crate) fn descriptors(server: &Server) -> usize {
    fs::read_dir(proc(server, "fd")).unwrap().count()
}

/// Waits until the process has `count` descriptors.
pub(crate) fn descriptors_are(server: &Server, count: usize) {
    eventually(&format!("{count} descriptors, but {}", descriptors(server)), || {
        (descriptors(server) == count).then_some(())
    });
}

/// The resident memory in bytes.
pub(crate) fn resident(server: &Server) -> usize {
    let status = fs::read_to_string(proc(server, "status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// The number of context switches.
fn switches(server: &Server) -> u64 {
    let status = fs::read_to_string(proc(server, "status")).unwrap();
    let counts = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
    counts.map(|(_, count)| count.trim().parse::<u64>().unwrap()).sum()
}

/// The processor time, in clock ticks.
fn ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(proc(server, "stat")).unwrap();
    // Behind the name, which may contain spaces: "state" is field 3, "utime" 14, "stime" 15.
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// Checks that an idle server does not spin: within a second it uses at most 5 clock ticks and 50 context switches.
pub(crate) fn rests(server: &Server) {
    let before = (ticks(server), switches(server));
    thread::sleep(Duration::from_secs(1));
    let after = (ticks(server), switches(server));
    let spent = (after.0 - before.0, after.1 - before.1);
    assert!(spent.0 <= 5 && spent.1 <= 50, "{spent:?} ticks and switches while idle");
}
