//! What a process uses, from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// How long a clock tick is. Linux shows all programs a hundred a second.
const TICK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Resident memory in bytes: `VmRSS`.
    pub(crate) resident: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    /// `utime` and `stime`, of threads that have ended, too.
    pub(crate) cpu: Duration,
    /// How long its threads ran or waited for a processor. Of threads that have not ended.
    pub(crate) runnable: Duration,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name))?;
            value.split_whitespace().next()?.parse::<u64>().ok()
        };
        let missing = || io::Error::other("the process has ended");
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // Behind the name, which may contain anything: "state" is field 3, "utime" 14, "stime" 15.
        let (_, fields) = stat.rsplit_once(") ").ok_or_else(missing)?;
        let ticks = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
        Ok(Self {
            resident: field("VmRSS:").ok_or_else(missing)? << 10,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
            threads: field("Threads:").ok_or_else(missing)?,
            cpu: TICK * ticks.sum(),
            runnable: runnable(pid)?,
        })
    }
}

fn runnable(pid: u32) -> io::Result<Duration> {
    let mut all = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended meanwhile.
        let schedstat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let times = schedstat.split_whitespace().take(2).filter_map(|time| time.parse().ok());
        all += times.map(Duration::from_nanos).sum();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_this_process_takes_is_seen() {
        let usage = || Usage::of(std::process::id()).unwrap();
        let before = usage();
        let memory = black_box(vec![1_u8; 64 << 20]);
        let files: Vec<_> = (0..20).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let begun = Instant::now();
        while usage().cpu < before.cpu + 3 * TICK || usage().runnable < before.runnable + 3 * TICK {
            assert!(begun.elapsed() < Duration::from_secs(60), "no CPU time is counted");
        }
        let after = thread::scope(|scope| scope.spawn(usage).join().unwrap());
        assert!(after.resident >= before.resident + (60 << 20), "{before:?} {after:?}");
        assert!(after.descriptors >= before.descriptors + 20, "{before:?} {after:?}");
        assert!(after.threads > 1);
        drop((memory, files));
    }
}
