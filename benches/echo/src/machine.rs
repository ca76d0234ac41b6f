//! The cores, the descriptors, and what a process has used of the machine.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;

/// Where the servers run, and where the load comes from.
pub struct Cores {
    pub servers: usize,
    pub load: usize,
}

impl Cores {
    /// The first and the last of those that this process may use.
    pub fn of_this_machine() -> Outcome<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let servers = cores.next().ok_or("no core to run on")?;
        Ok(Self { servers, load: cores.next_back().unwrap_or(servers) })
    }

    /// This thread, and the processes that it starts from now on.
    pub fn move_to(&self, core: usize) -> io::Result<()> {
        let mut only = CpuSet::new();
        only.set(core);
        Ok(sched_setaffinity(None, &only)?)
    }
}

/// As many as the system grants; the servers inherit it.
pub fn raise_descriptors() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// What a process has used so far, with all the threads that it has.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    pub cpu: Duration,
    /// In ticks, a sample of which is in user space.
    pub user_ticks: u64,
    pub system_ticks: u64,
}

impl Usage {
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut usage = Self::default();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let path = thread?.path();
            usage.cpu += Duration::from_nanos(number(&fs::read_to_string(path.join("schedstat"))?, 0));
            let stat = fs::read_to_string(path.join("stat"))?;
            // Fields 14 and 15; the second is the name in parentheses, which may have anything in it.
            let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            usage.user_ticks += number(behind_name, 11);
            usage.system_ticks += number(behind_name, 12);
        }
        Ok(usage)
    }

    pub fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
        }
    }
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(number(line.unwrap_or_default(), 0) << 10)
}

fn number(text: &str, place: usize) -> u64 {
    text.split_whitespace().nth(place).and_then(|word| word.parse().ok()).unwrap_or_default()
}
