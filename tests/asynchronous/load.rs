//! Both halves of both ends in tasks of their own, all sending and receiving at once: nothing is lost, everything is in
//! order, nobody stalls.
//!
//! The full load, with its figures:
//! `cargo test --release --all-features --test asynchronous -- --ignored --nocapture --test-threads 1`

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use sansocket::asynchronous::{Io, Reader, WebSocket, Writer};
use sansocket::{CloseCode, Message};

pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the load is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// How many messages each way.
    pub(crate) messages: u32,
    /// By how many clones of the writer.
    pub(crate) writers: u32,
    /// One Ping to so many messages.
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

/// What there is to do for two ends of a connection.
fn jobs<I: Io + Send + 'static>(ends: [WebSocket<I>; 2], load: Load) -> Vec<Job> {
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

async fn send<I: Io>(writer: Writer<I>, id: u32, load: Load, busy: Arc<AtomicUsize>) {
    for number in 0..load.messages / load.writers {
        let payload = [id.to_be_bytes(), number.to_be_bytes()].concat();
        writer.send_binary(&payload).await.unwrap();
        if load.pings.is_some_and(|every| number % every == 0) {
            writer.ping(b"?").await.unwrap();
        }
    }
    is_done(&writer, &busy).await;
}

async fn receive<I: Io>(mut reader: Reader<I>, load: Load, busy: Arc<AtomicUsize>) {
    let mut next = vec![0; load.writers as usize];
    for _ in 0..load.messages / load.writers * load.writers {
        let Some(Message::Binary(payload)) = reader.read().await.unwrap() else { panic!("too few") };
        let (id, number) = payload.split_at(4);
        let known = &mut next[u32::from_be_bytes(id.try_into().unwrap()) as usize];
        assert_eq!(u32::from_be_bytes(number.try_into().unwrap()), *known, "in order");
        *known += 1;
    }
    is_done(&reader.writer(), &busy).await;
    assert_eq!(reader.read().await.unwrap(), None);
}

/// The last of all closes the connection.
async fn is_done<I: Io>(writer: &Writer<I>, busy: &AtomicUsize) {
    if busy.fetch_sub(1, Ordering::SeqCst) == 1 {
        writer.close(CloseCode::NORMAL, "").await.unwrap();
    }
}

/// Fails instead of hanging.
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

/// A stream that is read in small portions, and every other time not at all.
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

#[cfg(feature = "futures-io")]
#[path = "load_smol.rs"]
mod over_smol;
