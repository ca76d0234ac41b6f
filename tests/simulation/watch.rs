//! By when a call must have ended, from what is configured and what has happened.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use sansocket::Config;

use crate::clock::Clock;
use crate::network::Network;

/// For late timers and for the time that polls take.
const SLACK: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Read,
    /// A send, a feed, a flush, a Ping, or the close of a writer.
    Write,
    /// A close that waits for the peer's.
    Close,
}

/// Watches the calls of one end.
#[derive(Clone)]
pub(crate) struct Watch(Rc<Watched>);

struct Watched {
    clock: Clock,
    network: Network,
    end: usize,
    config: Config,
    /// The calls that wait, and since when.
    running: RefCell<BTreeMap<usize, (Call, Duration)>>,
    calls: Cell<usize>,
    /// When this end began to close.
    closing: Cell<Option<Duration>>,
    /// When a write gave the peer up.
    given_up: Cell<Option<Duration>>,
}

impl Watch {
    pub(crate) fn new(clock: &Clock, network: &Network, end: usize, config: &Config) -> Self {
        Self(Rc::new(Watched {
            clock: clock.clone(),
            network: network.clone(),
            end,
            config: config.clone(),
            running: RefCell::default(),
            calls: Cell::default(),
            closing: Cell::default(),
            given_up: Cell::default(),
        }))
    }

    pub(crate) fn note_closing(&self) {
        self.0.closing.set(self.0.closing.get().or(Some(self.0.clock.now())));
    }

    pub(crate) fn note_given_up(&self) {
        self.0.given_up.set(self.0.given_up.get().or(Some(self.0.clock.now())));
    }

    pub(crate) async fn call<F: Future>(&self, call: Call, future: F) -> F::Output {
        if call == Call::Close {
            self.note_closing();
        }
        let running = Running(self, self.0.calls.get());
        self.0.calls.set(running.1 + 1);
        self.0.running.borrow_mut().insert(running.1, (call, self.0.clock.now()));
        future.await
    }

    /// All tasks sleep. The next event is at that time, so no call ends before it.
    pub(crate) fn assert_in_time(&self, next: Duration, peer: &Self) {
        // Behind its Close frame a peer may still answer Pings, and nobody needs to read that.
        let is_read = peer.0.closing.get().is_none();
        for (call, start) in self.0.running.borrow().values() {
            let limit = self.limit(*call, *start);
            assert!(
                limit.is_none_or(|limit| next <= limit),
                "{call:?} of end {} has waited since {start:?} and should have ended by {limit:?}",
                self.0.end
            );
            self.0
                .network
                .assert_nothing_to_do(self.0.end, is_read && matches!(call, Call::Read | Call::Close));
        }
    }

    fn limit(&self, call: Call, start: Duration) -> Option<Duration> {
        let Config { keepalive, close_timeout, write_timeout, handshake_timeout, .. } = self.0.config;
        let (moved, taken) = self.0.network.moved(self.0.end);
        let limit = match call {
            Call::Open => start + handshake_timeout,
            Call::Write => start.max(moved) + write_timeout,
            // For the peer's answer, and for the end of the stream.
            Call::Close => start + 2 * close_timeout,
            Call::Read => {
                // The close deadline replaces the keepalive.
                let keepalive = keepalive.filter(|_| self.0.closing.get().is_none());
                let silence = keepalive.map(|interval| {
                    let behind_data = Duration::from_secs(taken / (64 << 10)).min(write_timeout);
                    let silence = 3 * interval + behind_data;
                    // What was heard may be a Close frame. Then the end of the stream is awaited.
                    start.max(self.0.network.heard(self.0.end)).max(moved) + silence.max(close_timeout)
                });
                let closing =
                    self.0.closing.get().map(|time| start.max(time + close_timeout) + close_timeout);
                let given_up = self.0.given_up.get().map(|time| start.max(time));
                silence.into_iter().chain(closing).chain(given_up).min()?
            }
        };
        Some(limit + SLACK)
    }
}

struct Running<'a>(&'a Watch, usize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.0.running.borrow_mut().remove(&self.1);
    }
}
