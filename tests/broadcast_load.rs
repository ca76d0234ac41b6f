//! The broadcast example with ten thousand receivers.
//!
//! ```text
//! ulimit -n 20000
//! cargo build --release --all-features --examples
//! cargo test --release --all-features --test broadcast_load -- --ignored --nocapture
//! ```
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "an unexpected value ends the test")]

mod example_server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use example_server::Server;
use tokio::sync::{Barrier, Semaphore};

#[test]
#[ignore = "needs 20,000 file descriptors in two processes and takes 30 s"]
fn ten_thousand_receivers_get_all_messages_in_order() {
    load(10_000, 1 << 10, Duration::from_secs(1), 10);
    load(10_000, 64 << 10, Duration::from_secs(4), 5);
}

fn load(receivers: usize, size: usize, every: Duration, messages: usize) {
    let (size, every) = (size.to_string(), every.as_millis().to_string());
    let server = Server::start("broadcast", &["--every", &every, "--size", &size]);
    let load = Load {
        url: server.url("/"),
        messages,
        opening: Semaphore::new(100),
        all_are_open: Barrier::new(receivers + 1),
        delays: Mutex::default(),
    };
    let start = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (opened, mut delays) = runtime.block_on(async {
        let load = Arc::new(load);
        let tasks: Vec<_> = (0..receivers).map(|_| tokio::spawn(receive(Arc::clone(&load)))).collect();
        load.all_are_open.wait().await;
        let opened = start.elapsed();
        for task in tasks {
            task.await.unwrap();
        }
        (opened, std::mem::take(&mut *load.delays.lock().unwrap()))
    });
    delays.sort_unstable();
    assert_eq!(delays.len(), receivers * messages);
    let after = |percent| delays.get((delays.len() - 1) * percent / 100).unwrap();
    println!(
        "{receivers} receivers, opened in {opened:.1?}; {messages} messages of {size} bytes: received after \
         {:.0?} (median), {:.0?} (99 %), {:.0?} (last); {}",
        after(50),
        after(99),
        after(100),
        memory(server.pid()),
    );
}

struct Load {
    url: String,
    messages: usize,
    opening: Semaphore,
    all_are_open: Barrier,
    /// The delay of each message to each receiver.
    delays: Mutex<Vec<Duration>>,
}

/// One receiver. It checks that it gets all messages in order.
async fn receive(load: Arc<Load>) {
    let mut socket = {
        let _permit = load.opening.acquire().await.unwrap();
        sansocket::tokio::connect(&load.url).await.unwrap()
    };
    load.all_are_open.wait().await;
    // Skip messages that were sent before all receivers were connected.
    while let Ok(message) = tokio::time::timeout(Duration::from_millis(100), socket.read()).await {
        message.unwrap();
    }
    let mut delays = Vec::with_capacity(load.messages);
    let mut last = None;
    for _ in 0..load.messages {
        let message = socket.read().await.unwrap().unwrap();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let mut words = message.as_text().unwrap().split(' ');
        let (number, sent): (u64, u64) =
            (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap());
        assert!(last.is_none_or(|last| number == last + 1));
        last = Some(number);
        delays.push(now.saturating_sub(Duration::from_micros(sent)));
    }
    load.delays.lock().unwrap().extend(delays);
}

/// The server's memory use as the operating system reports it; empty where it does not.
fn memory(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
