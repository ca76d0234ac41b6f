//! A window of the test, with a record of what it was shown and told. It does what the page does: it comes back behind the
//! last message that it has seen, and sends again what is not confirmed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::handshake::client::Request;
use sansocket::tokio::{NetStream, WebSocket, connect_with};
use sansocket::{Config, Error};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The ID of a message: the time, and the number within it.
pub(crate) type MessageId = (u64, u64);

/// What became of a message, as its author was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Said(MessageId),
    Refused,
}

/// What a window was shown and told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// The messages with their keys, in the order in which they were shown.
    pub(crate) shown: Vec<(MessageId, String)>,
    pub(crate) told: HashMap<String, Told>,
    /// The keys of the messages whose outcome is not known, in the order in which they were typed.
    pub(crate) waiting: BTreeMap<u64, String>,
    /// The last list of users, as it came.
    pub(crate) list: String,
    /// How often it connected.
    pub(crate) connections: usize,
    /// How often it could not resume.
    pub(crate) gaps: usize,
    /// It was told that messages wait.
    pub(crate) was_away: bool,
}

/// The names in a list of users.
pub(crate) fn users(list: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let users = list["Users"].as_array().into_iter().flatten();
    users.map(|user| user["User"].as_str().unwrap().to_owned()).collect()
}

pub(crate) struct Window {
    pub(crate) name: String,
    pub(crate) record: Arc<Mutex<Record>>,
    typed: mpsc::UnboundedSender<u64>,
    task: tokio::task::JoinHandle<()>,
}

impl Window {
    /// Opens a window, which stays open until it is dropped.
    pub(crate) fn open(port: u16, room: &str, name: String) -> Self {
        let (typed, typing) = mpsc::unbounded_channel();
        let record = Arc::<Mutex<Record>>::default();
        let url = format!("ws://127.0.0.1:{port}/chat?room={room}");
        let task = tokio::spawn(run(url, name.clone(), Arc::clone(&record), typing));
        Self { name, record, typed, task }
    }

    /// Types a message.
    pub(crate) fn say(&self, number: u64) {
        self.record.lock().unwrap().waiting.insert(number, key(&self.name, number));
        self.typed.send(number).unwrap();
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.record.lock().unwrap())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The key of a message. Those of one author are in order.
pub(crate) fn key(name: &str, number: u64) -> String {
    format!("{name}-{number:06}")
}

async fn run(url: String, name: String, record: Arc<Mutex<Record>>, mut typed: mpsc::UnboundedReceiver<u64>) {
    let mut last = String::new();
    let mut pause = 50;
    loop {
        let began = tokio::time::Instant::now();
        converse(&url, &name, &record, &mut typed, &mut last).await.ok();
        pause = if began.elapsed() > Duration::from_secs(5) { 50 } else { (pause * 2).min(1000) };
        // No two windows at the same time.
        let jitter = name.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31) + u64::from(byte)) % 100;
        sleep(Duration::from_millis(pause * (50 + jitter) / 100)).await;
    }
}

async fn converse(
    url: &str,
    name: &str,
    record: &Mutex<Record>,
    typed: &mut mpsc::UnboundedReceiver<u64>,
    last: &mut String,
) -> Result<(), Error> {
    let url = if last.is_empty() { url.to_owned() } else { format!("{url}&after={last}") };
    let config = Config::default().handshake_timeout(Duration::from_secs(5));
    let (mut socket, _) = connect_with(&Request::new(&url)?, config).await?;
    socket.send(&json!({ "User": name }).to_string()).await?;
    // Until the status is there, nothing is said: what waits comes first.
    let mut earlier = Some(u64::MAX);
    loop {
        tokio::select! {
            message = socket.read() => {
                let Some(message) = message? else { return Ok(()) };
                let text = message.as_text().unwrap();
                if text.starts_with(r#"{"Type":"userlist""#) {
                    record.lock().unwrap().list = text.to_owned();
                    continue;
                }
                let message: Value = serde_json::from_str(text).unwrap();
                match message["Type"].as_str().unwrap() {
                    "Status" => {
                        let mut record = record.lock().unwrap();
                        record.gaps += usize::from(!last.is_empty() && message["Resumed"] == false);
                        record.connections += 1;
                        *last = message["Last"].as_str().unwrap_or_default().to_owned();
                        earlier = message["Earlier"].as_u64();
                    }
                    "Chat" if message["Id"].is_string() => {
                        *last = message["Id"].as_str().unwrap().to_owned();
                        let key = message["Key"].as_str().unwrap().to_owned();
                        record.lock().unwrap().shown.push((id(last), key));
                        earlier = earlier.map(|count| count - 1);
                    }
                    "Said" => settle(record, &message, Told::Said(id(message["Id"].as_str().unwrap()))),
                    "Refused" => settle(record, &message, Told::Refused),
                    "Link" => record.lock().unwrap().was_away |= message["Away"].is_string(),
                    _ => {}
                }
                if earlier == Some(0) {
                    earlier = None;
                    while typed.try_recv().is_ok() {} // they all wait
                    let waiting: Vec<String> = record.lock().unwrap().waiting.values().cloned().collect();
                    for key in waiting {
                        say(&mut socket, &key).await?;
                    }
                }
            }
            Some(number) = typed.recv(), if earlier.is_none() => say(&mut socket, &key(name, number)).await?,
        }
    }
}

async fn say(socket: &mut WebSocket<NetStream>, key: &str) -> Result<(), Error> {
    socket.send(&json!({ "Message": STANDARD.encode(key), "Key": key }).to_string()).await
}

fn settle(record: &Mutex<Record>, message: &Value, told: Told) {
    let key = message["Key"].as_str().unwrap();
    let mut record = record.lock().unwrap();
    record.waiting.retain(|_, waiting| waiting != key);
    record.told.insert(key.to_owned(), told);
}

pub(crate) fn id(text: &str) -> MessageId {
    let (time, number) = text.split_once('-').unwrap();
    (time.parse().unwrap(), number.parse().unwrap())
}
