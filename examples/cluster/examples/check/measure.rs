//! Latency from window to window, memory for each window, and the highest rate at which all windows keep up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::Config;
use sansocket::handshake::client::Request;
use sansocket::tokio::{NetStream, Writer, connect_with};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep};

use crate::Options;
use crate::stack::{Program, Stack, free_ports, lone};

/// How long messages are said at one rate.
const SPAN: Duration = Duration::from_secs(5);

/// Each window says at most this many messages a second: less than a server allows.
const MOST_OF_ONE: usize = 8;

/// Windows keep up if the last of them has everything this long after it was said.
const LATE: Duration = Duration::from_secs(1);

pub(crate) async fn run(options: &Options) {
    let directory = &options.directory;
    let port = free_ports(1)[0];
    let memory = lone(&options.cluster, port, &[], directory).await;
    println!("latency, 100 windows in a room, 20 messages a second:");
    latency("one server, in memory", &[port], 100, 20).await;
    drop(memory);

    let stack = Stack::start(directory, &options.cluster, 2).await;
    latency("one server, Redis with appendfsync always", &stack.ports[..1], 100, 20).await;
    latency("two servers, Redis with appendfsync always", &stack.ports[..2], 100, 20).await;
    stack.tell_redis(&["CONFIG", "SET", "appendfsync", "everysec"]).await.unwrap();
    latency("two servers, Redis with appendfsync everysec", &stack.ports[..2], 100, 20).await;

    println!("1,000 windows in one room over two servers:");
    for rate in [25, 50, 100, 200, 400, 600, 800, 1000, 1200, 1600] {
        if !latency("keeps up?", &stack.ports[..2], 1000, rate).await {
            break;
        }
    }
    drop(stack);

    println!("memory, windows in rooms of 100:");
    for count in [1000, 5000, 10_000] {
        let port = free_ports(1)[0];
        memory_for(&lone(&options.cluster, port, &[], directory).await, "cluster", port, count).await;
        if let Some(chat) = &options.chat {
            memory_for(&start_chat(chat, port, directory).await, "chat", port, count).await;
        }
    }
}

async fn start_chat(chat: &Path, port: u16, directory: &Path) -> Program {
    lone(chat, port, &["--max-connections", "20000"], directory).await
}

/// A window that counts, and notes how old messages are.
struct Listener {
    writer: Writer<NetStream>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    count: AtomicU64,
    /// A histogram of the latency, in steps of [`STEP`]. The last count has all that took longer, too.
    ages: Vec<AtomicU64>,
}

/// The width of a step in [`Heard::ages`], in microseconds.
const STEP: u64 = 50;

async fn listen(port: u16, room: &str, origin: Instant, heard: Arc<Heard>) -> Option<Listener> {
    let url = format!("ws://127.0.0.1:{port}/chat?room={room}");
    let config = Config::default().handshake_timeout(Duration::from_secs(30));
    let (socket, _) = connect_with(&Request::new(&url).unwrap(), config).await.ok()?;
    let (mut reader, writer) = socket.split();
    let task = tokio::spawn(async move {
        while let Ok(Some(message)) = reader.read().await {
            // The text is known to be the time. To parse it as JSON would measure this program.
            let Some((_, text)) = message.as_text().and_then(|text| text.split_once("\"Message\":\"")) else {
                continue;
            };
            let Some(text) = text.split('"').next().and_then(|text| STANDARD.decode(text).ok()) else {
                continue;
            };
            let Some(said) = String::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok()) else {
                continue;
            };
            let age = u64::try_from(origin.elapsed().as_micros()).unwrap() - said;
            let slot = usize::try_from(age / STEP).unwrap().min(heard.ages.len() - 1);
            heard.ages[slot].fetch_add(1, Ordering::Relaxed);
            heard.count.fetch_add(1, Ordering::Relaxed);
        }
    });
    Some(Listener { writer, task })
}

/// True if all windows have kept up.
async fn latency(what: &str, ports: &[u16], count: usize, rate: usize) -> bool {
    let (origin, room) = (Instant::now(), format!("latency-{}", free_ports(1)[0]));
    let ages = (0..200_000).map(|_| AtomicU64::new(0)).collect();
    let heard = Arc::new(Heard { count: AtomicU64::new(0), ages });
    let mut windows = Vec::new();
    for index in 0..count {
        let window = listen(ports[index % ports.len()], &room, origin, Arc::clone(&heard)).await;
        windows.push(window.expect("the server takes a window"));
    }
    sleep(Duration::from_secs(3)).await; // the lists of users
    let talkers = (rate / MOST_OF_ONE + 2).min(count);
    let said = u64::try_from(rate).unwrap() * SPAN.as_secs();
    let mut ticks = interval(SPAN / u32::try_from(said).unwrap());
    for number in 0..said {
        ticks.tick().await;
        let text = STANDARD.encode(origin.elapsed().as_micros().to_string());
        let talker = &windows[usize::try_from(number).unwrap() % talkers];
        talker.writer.send(&json!({ "Message": text, "Author": "author" }).to_string()).await.unwrap();
    }
    let over = Instant::now();
    let all = said * count as u64;
    while heard.count.load(Ordering::Relaxed) < all && over.elapsed() < LATE {
        sleep(Duration::from_millis(5)).await;
    }
    let (took, missing) = (over.elapsed(), all - heard.count.load(Ordering::Relaxed));
    let percentile = |part: f64| {
        let wanted = heard.count.load(Ordering::Relaxed) as f64 * part;
        let mut seen = 0.0;
        let slot = heard.ages.iter().position(|count| {
            seen += count.load(Ordering::Relaxed) as f64;
            seen >= wanted
        });
        slot.unwrap_or_default() as f64 * STEP as f64 / 1000.0
    };
    println!(
        "{what}: {count} windows, {rate} messages a second: p50 {:.2} ms, p99 {:.2} ms, {missing} of {all} missing {:.2} s after the last",
        percentile(0.5),
        percentile(0.99),
        took.as_secs_f64()
    );
    windows.iter().for_each(|window| window.task.abort());
    drop(windows);
    sleep(Duration::from_secs(2)).await;
    missing == 0 && percentile(0.99) < 1000.0
}

async fn memory_for(program: &Program, what: &str, port: u16, count: usize) {
    let (origin, before) = (Instant::now(), program.memory());
    let heard = Arc::new(Heard { count: AtomicU64::new(0), ages: vec![AtomicU64::new(0)] });
    let mut windows = Vec::new();
    for index in 0..count {
        let Some(window) = listen(port, &format!("memory-{}", index / 100), origin, Arc::clone(&heard)).await
        else {
            println!("{what}: no more than {index} windows, {} MiB in all", program.memory() >> 20);
            return;
        };
        windows.push(window);
    }
    sleep(Duration::from_secs(5)).await;
    let after = program.memory();
    println!(
        "{what}, {count} windows: {} bytes each, {} MiB in all",
        (after - before) / count as u64,
        after >> 20
    );
    windows.iter().for_each(|window| window.task.abort());
}
