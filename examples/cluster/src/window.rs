//! A window: what it says, and what it is told.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use chat::limits::Bucket;
use chat::names::Name;
use chat::wire::Incoming;
use sansocket::tokio::{Reader, Writer};
use sansocket::{CloseCode, Error, Message, Prepared, SendError};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::room::{Joined, Membership, Shown};
use crate::server::{Server, State};
use crate::store::Outcome;
use crate::wire::{self, Key};

/// The most messages that are taken from the log at once.
const PORTION: usize = 64;

/// While more bytes wait to be written, nothing is taken from the log.
const FULL: usize = 128 << 10;

/// The most messages of a window whose outcome is not known yet.
const MAX_WAITING: usize = 32;

/// How long a server that ends waits for the outcomes of a window.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a window ends.
pub(crate) enum End {
    /// The closing handshake is complete.
    Closed,
    /// The server is to close it.
    Close(CloseCode, &'static str),
    /// It is so slow that it would not read a Close frame either.
    Drop,
}

pub(crate) struct Window<'a> {
    writer: Writer<TcpStream>,
    server: &'a Server,
    membership: Membership,
    shown: watch::Receiver<Shown>,
    /// Behind the last message of the log that was sent.
    position: u64,
    lists: u64,
    condition: watch::Receiver<State>,
    away: Option<&'static str>,
    /// More may be in the log, but first what waits must be written.
    is_full: bool,
    id: String,
    keys: u64,
    /// Otherwise each message may name its author.
    has_nickname: bool,
    bucket: Bucket,
    waiting: VecDeque<Waiting>,
}

/// A message whose outcome is not known yet. Without a key, its window did not give it one.
struct Waiting {
    key: Option<Key>,
    outcome: oneshot::Receiver<Outcome>,
}

impl<'a> Window<'a> {
    pub(crate) fn new(joined: Joined, writer: Writer<TcpStream>, server: &'a Server, id: String) -> Self {
        let Joined { membership, shown, position, lists, joining: _ } = joined;
        Self {
            writer,
            server,
            membership,
            shown,
            position,
            lists,
            condition: server.condition(),
            away: None,
            is_full: false,
            id,
            keys: 0,
            has_nickname: false,
            bucket: Bucket::full(),
            waiting: VecDeque::new(),
        }
    }

    /// Serves the window until one side ends it. What is fed is written while `read` waits.
    pub(crate) async fn run(&mut self, reader: &mut Reader<TcpStream>) -> Result<End, Error> {
        let mut over: Option<Instant> = None;
        self.show_link().await?;
        if let Some(end) = self.catch_up().await? {
            return Ok(end);
        }
        loop {
            if over.is_some_and(|deadline| self.waiting.is_empty() || Instant::now() >= deadline) {
                return Ok(End::Close(CloseCode::SERVICE_RESTART, "server restarts"));
            }
            // All are cancel safe: the ones that `select!` drops lose nothing.
            tokio::select! {
                received = reader.read() => match received? {
                    Some(message) => if let Some(end) = self.receive(&message).await? { return Ok(end) },
                    None => return Ok(End::Closed),
                },
                changed = self.shown.changed(), if !self.is_full => {
                    if changed.is_err() { return Ok(End::Closed) }
                    if let Some(end) = self.catch_up().await? { return Ok(end) }
                }
                written = self.writer.flush(), if self.is_full => {
                    ignore_closing(written)?;
                    if let Some(end) = self.catch_up().await? { return Ok(end) }
                }
                outcome = first_outcome(&mut self.waiting) => self.tell(outcome).await?,
                _ = self.condition.changed() => {
                    self.show_link().await?;
                    if self.condition.borrow().is_over {
                        over = over.or(Some(Instant::now() + FAREWELL));
                    }
                }
                () = sleep_until(over.unwrap_or_else(Instant::now)), if over.is_some() => {}
            }
        }
    }

    /// Feeds what the window has not got yet: messages of the log, then the list of users.
    async fn catch_up(&mut self) -> Result<Option<End>, Error> {
        loop {
            let (messages, users) = {
                let shown = self.shown.borrow_and_update();
                if shown.is_broken {
                    return Ok(Some(End::Close(CloseCode::SERVICE_RESTART, "the room begins anew")));
                }
                let Some(since) = shown.log.since(self.position) else { return Ok(Some(End::Drop)) };
                let messages: Vec<Prepared> = since.take(PORTION).cloned().collect();
                self.position += messages.len() as u64;
                let is_next = self.position == shown.log.end() && self.lists != shown.lists;
                self.lists = if is_next { shown.lists } else { self.lists };
                (messages, is_next.then(|| shown.users.clone()))
            };
            self.server.metrics.sent.inc_by(messages.len() as u64);
            let is_last = messages.len() < PORTION;
            for message in &messages {
                self.feed(message).await?;
            }
            if let Some(users) = users {
                self.feed(&users).await?;
                if let Some(renamed) = self.membership.take_renamed() {
                    self.has_nickname = false;
                    self.feed(&renamed).await?;
                }
            }
            self.is_full = self.writer.buffered_amount() > FULL;
            if is_last || self.is_full {
                return Ok(None);
            }
        }
    }

    async fn receive(&mut self, message: &Message) -> Result<Option<End>, Error> {
        if !self.bucket.take() {
            // 1008 is the code for violations that have no code of their own.
            return Ok(Some(End::Close(CloseCode::POLICY_VIOLATION, "too many messages")));
        }
        // 1003: "a type of data it cannot accept". 1007, for invalid JSON or base64: "data within a message that was
        // not consistent with the type of the message" (section 7.4.1).
        let Some(text) = message.as_text() else {
            return Ok(Some(End::Close(CloseCode::UNSUPPORTED, "only text messages are accepted")));
        };
        let (Some(incoming), Ok(key)) = (Incoming::parse(text), wire::key(text)) else {
            return Ok(Some(End::Close(CloseCode::INVALID_DATA, "not a message of this chat")));
        };
        match incoming {
            Incoming::Name { user } => {
                let renamed = self.membership.rename(Name::new(&user));
                self.has_nickname = renamed.is_ok();
                if let Err(refused) = renamed {
                    self.feed(&refused).await?;
                }
            }
            Incoming::Chat { message, author } => {
                let author = author.filter(|_| !self.has_nickname).and_then(|author| Name::new(&author).ok());
                self.say(&self.membership.author(author.as_ref()), &message, key).await?;
            }
        }
        Ok(None)
    }

    async fn say(&mut self, author: &str, message: &str, key: Option<Key>) -> Result<(), Error> {
        self.server.metrics.received.inc();
        if self.waiting.len() >= MAX_WAITING {
            return self.refuse(key.as_ref(), "too many of your messages wait").await;
        }
        self.keys += 1;
        let own_key = || Key::new(format!("{}-{}", self.id, self.keys));
        let Some(said_as) = key.clone().or_else(own_key) else { return Ok(()) };
        let text = wire::chat(author, message, key.as_ref());
        let outcome = self.server.rooms.store().say(self.membership.room(), said_as, text);
        self.waiting.push_back(Waiting { key, outcome });
        Ok(())
    }

    async fn tell(&mut self, (key, outcome): (Option<Key>, Option<Outcome>)) -> Result<(), Error> {
        match (outcome, key) {
            (Some(Outcome::Refused(why)), key) => self.refuse(key.as_ref(), why).await,
            (Some(Outcome::Said(id)), Some(key)) => self.feed(&wire::said(&key, id)).await,
            _ => Ok(()),
        }
    }

    async fn refuse(&mut self, key: Option<&Key>, why: &str) -> Result<(), Error> {
        self.server.metrics.refused.inc();
        self.feed(&wire::refused(key, why)).await
    }

    /// Tells the window whether messages wait, if that has changed.
    async fn show_link(&mut self) -> Result<(), Error> {
        let away = self.condition.borrow_and_update().away;
        if std::mem::replace(&mut self.away, away) != away {
            self.feed(&wire::link(away)).await?;
        }
        Ok(())
    }

    async fn feed(&self, message: &Prepared) -> Result<(), Error> {
        ignore_closing(self.writer.feed(message).await)
    }
}

/// A connection that is closing takes no more messages; `read` completes the closing handshake.
fn ignore_closing(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(Error::Send(SendError::Closed)) => Ok(()),
        outcome => outcome,
    }
}

/// Waits for the outcome of the oldest message. `None`: it is not known.
async fn first_outcome(waiting: &mut VecDeque<Waiting>) -> (Option<Key>, Option<Outcome>) {
    let Some(first) = waiting.front_mut() else { return pending().await };
    let outcome = (&mut first.outcome).await.ok();
    let key = waiting.pop_front().and_then(|first| first.key);
    (key, outcome)
}
