//! Cores, file descriptors, and the CPU time and memory of a process.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;

/// The cores of the servers and that of the load.
pub struct Cores {
    pub servers: Vec<usize>,
    pub load: usize,
}

impl Cores {
    /// The last core that this process may use is for the load. A server with one thread gets the first one. One with more
    /// threads gets all others, and also that of the load if there are too few.
    pub fn of_this_machine(threads: usize) -> Outcome<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
        let load = *all.last().ok_or("no core to run on")?;
        if threads == 1 {
            all.truncate(1);
        } else if all.len() > threads {
            all.pop();
        }
        Ok(Self { servers: all, load })
    }

    /// Moves this thread, and the processes that it starts from now on, to the cores of the servers.
    pub fn move_to_servers(&self) -> io::Result<()> {
        move_to(&self.servers)
    }

    /// Moves this thread to the core of the load.
    pub fn move_to_load(&self) -> io::Result<()> {
        move_to(&[self.load])
    }
}

fn move_to(cores: &[usize]) -> io::Result<()> {
    let mut only = CpuSet::new();
    cores.iter().for_each(|&core| only.set(core));
    Ok(sched_setaffinity(None, &only)?)
}

/// Raises the limit on file descriptors to the maximum. The servers inherit it.
pub fn raise_descriptors() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// The CPU time that a process has used so far, with all its threads.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    pub cpu: Duration,
    /// In ticks, each a sample of the time in user space.
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
            // Fields 14 and 15. The second field is the name in parentheses, which may contain any character.
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
