//! Load: all halves of both ends run in tasks of their own, and all send and receive at once. No message is lost, all
//! messages are in order, and no task stalls.
//!
//! The full load, with figures:
//! `cargo test --release --all-features --test asynchronous -- --ignored --nocapture --test-threads 1`

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use sansocket::asynchronous::{Reader, Transport, WebSocket, Writer};
use sansocket::{CloseCode, Message};

pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The size of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The number of messages in each direction.
    pub(crate) messages: u32,
    /// The number of tasks that send at each end.
    pub(crate) writers: u32,
    /// One Ping after this many messages.
    pub(crate) pings: Option<u32>,
}

const QUICK: u32 = 20_000;
const FULL: u32 = 1_000_000;

impl Load {
    fn of(messages: u32) -> [Self; 3] {
        let plain = Self { messages, writers: 1, pings: None };
        [plain, Self { pings: Some(10), ..plain }, Self { writers: 4, pings: Some(100), ..plain }]
    }
}

/// The tasks for both ends of a connection.
fn jobs<T: Transport + Send + 'static>(ends: [WebSocket<T>; 2], load: Load) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let busy = Arc::new(AtomicUsize::new(2 * (1 + load.writers as usize)));
    for socket in ends {
        let (reader, writer) = socket.split();
        jobs.push(Box::pin(receive(reader, load, Arc::clone(&busy))));
        for id in 0..load.writers {
            jobs.push(Box::pin(send(writer.clone(), id, load, Arc::clone(&busy))));
        }
    }
    jobs
}

async fn send<T: Transport>(writer: Writer<T>, id: u32, load: Load, busy: Arc<AtomicUsize>) {
    for number in 0..load.messages / load.writers {
        let payload = [id.to_be_bytes(), number.to_be_bytes()].concat();
        writer.send(&payload).await.unwrap();
        if load.pings.is_some_and(|every| number % every == 0) {
            writer.ping(b"?").await.unwrap();
        }
    }
    is_done(&writer, &busy).await;
}

async fn receive<T: Transport>(mut reader: Reader<T>, load: Load, busy: Arc<AtomicUsize>) {
    let mut next = vec![0; load.writers as usize];
    for _ in 0..load.messages / load.writers * load.writers {
        let Some(Message::Binary(payload)) = reader.read().await.unwrap() else { panic!("too few messages") };
        let (id, number) = payload.split_at(4);
        let known = &mut next[u32::from_be_bytes(id.try_into().unwrap()) as usize];
        assert_eq!(u32::from_be_bytes(number.try_into().unwrap()), *known, "in order");
        *known += 1;
    }
    is_done(&reader.writer(), &busy).await;
    assert_eq!(reader.read().await.unwrap(), None);
}

/// The last task that is done closes the connection.
async fn is_done<T: Transport>(writer: &Writer<T>, busy: &AtomicUsize) {
    if busy.fetch_sub(1, Ordering::SeqCst) == 1 {
        writer.close(CloseCode::NORMAL, "").await.unwrap();
    }
}

/// Panics if `run` hangs.
fn watched(name: &str, load: Load, run: impl FnOnce() + Send + 'static) {
    let begin = Instant::now();
    let (done, waiting) = mpsc::channel();
    std::thread::spawn(move || {
        run();
        done.send(()).ok();
    });
    waiting.recv_timeout(Duration::from_secs(240)).unwrap();
    let each = load.messages * 2;
    println!("{name}, {load:?}: {:.0} messages/s", f64::from(each) / begin.elapsed().as_secs_f64());
}

/// A stream that gives at most 100 bytes per read. Every second read waits.
#[derive(Debug)]
pub(crate) struct Slow<S> {
    stream: S,
    hesitates: bool,
}

const PORTION: usize = 100;

impl<S> Slow<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, hesitates: false }
    }

    fn poll_hesitate(&mut self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        self.hesitates = !self.hesitates;
        if self.hesitates {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

#[cfg(feature = "tokio")]
#[path = "load_tokio.rs"]
mod over_tokio;

#[cfg(feature = "smol")]
#[path = "load_smol.rs"]
mod over_smol;
