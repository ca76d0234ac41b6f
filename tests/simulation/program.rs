//! The program at one end: it opens the connection, reads, sends, and ends it, as its plan says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use sansocket::asynchronous::{Reader, WebSocket, Writer, accept_with, connect_over};
use sansocket::handshake::client::Request;
use sansocket::handshake::server;
use sansocket::{CloseCode, CloseInfo, Error, SendError};

use crate::calls::{Arrival, Parts, Reads};
use crate::clock::Clock;
use crate::executor::Spawner;
use crate::journal::Journal;
use crate::network::Network;
use crate::random::Random;
use crate::record::Record;
use crate::transport::End;
use crate::watch::{Call, Watch};
use crate::world::{Ending, Plan, Style};

/// How a connection ended for one end.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) is_open: bool,
    /// `None`: the connection was abandoned.
    pub(crate) result: Option<Result<(), Error>>,
    pub(crate) info: Option<CloseInfo>,
    /// A read has given the end of the connection.
    pub(crate) has_read_all: bool,
}

#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) which: usize,
    pub(crate) plan: Plan,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) network: Network,
    pub(crate) record: Record,
    pub(crate) spawner: Spawner,
    pub(crate) watch: Watch,
    pub(crate) outgoing: Journal,
    pub(crate) incoming: Journal,
    pub(crate) outcome: Rc<RefCell<Outcome>>,
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        ["client", "server"][self.which]
    }

    pub(crate) async fn run(self) {
        let transport = End::new(self.which, &self.network, &self.clock, &self.random);
        let opened = self.watch.call(Call::Open, self.open(transport)).await;
        self.record.returned(self.name(), "open", &opened);
        match opened {
            Err(error) => self.finish(Err(error), None, false),
            Ok(socket) => {
                self.outcome.borrow_mut().is_open = true;
                match self.plan.style {
                    Style::Feeds | Style::Sends => self.run_whole(socket).await,
                    Style::Split { writers } => self.run_split(socket, writers),
                }
            }
        }
    }

    async fn open(&self, transport: End) -> Result<WebSocket<End>, Error> {
        let config = self.plan.config.clone();
        if self.which == 1 {
            return accept_with(transport, config, server::Request::accept).await;
        }
        let request = Request::new("ws://simulated/")?;
        connect_over(transport, &request, config).await.map(|(socket, _)| socket)
    }

    fn finish(&self, result: Result<(), Error>, info: Option<CloseInfo>, has_read_all: bool) {
        self.record.returned(self.name(), "the connection", &(&result, &info));
        let mut outcome = self.outcome.borrow_mut();
        *outcome = Outcome { is_open: outcome.is_open, result: Some(result), info, has_read_all };
    }

    pub(crate) fn soon(&self, longest: Duration) -> Duration {
        self.clock.now() + self.random.duration(Duration::ZERO..=longest)
    }

    /// Does something else now and then.
    pub(crate) async fn be_busy(&self) {
        let (percent, longest) = self.plan.busy;
        if self.random.percent(percent) {
            self.clock.sleep_until(self.soon(longest)).await;
        }
    }

    async fn run_whole(self, mut socket: WebSocket<End>) {
        let mut parts = Parts::default();
        for _ in 0..self.plan.steps {
            let until = self.soon(self.plan.pause);
            if self.read_until(&mut socket, &mut parts, until).await {
                return;
            }
            self.be_busy().await;
            match self.say_something(&mut socket, 0).await {
                Ok(()) => {}
                Err(Error::Send(SendError::Closed)) => {
                    self.watch.note_closing();
                    break;
                }
                // What the peer has sent before can still be read, and why the connection ended is known then.
                Err(_) => {
                    self.read_until(&mut socket, &mut parts, Duration::MAX).await;
                    return;
                }
            }
        }
        if self.read_until(&mut socket, &mut parts, self.plan.ends_at).await {
            return;
        }
        let patience = self.clock.now() + self.plan.patience;
        match self.plan.ending {
            Ending::Abandon => return,
            Ending::Wait => {
                if self.read_until(&mut socket, &mut parts, patience).await {
                    return;
                }
            }
            // If the beginning of a message has been read, its rest would be taken for a message.
            Ending::CloseAndRead if parts.is_empty() => {
                self.incoming.may_have_gaps();
                let soon = self.soon(self.plan.pause);
                let closing = self.watch.call(Call::Close, socket.close(CloseCode::NORMAL, "done"));
                if let Some(closed) = self.clock.within(soon, closing).await {
                    return self.finish(closed, socket.info(), false);
                }
                self.read_until(&mut socket, &mut parts, Duration::MAX).await;
                return;
            }
            Ending::Close | Ending::CloseAndRead => {}
        }
        self.incoming.may_have_gaps();
        let closed = self.watch.call(Call::Close, socket.close(CloseCode::GOING_AWAY, "away")).await;
        self.finish(closed, socket.info(), false);
    }

    fn run_split(self, socket: WebSocket<End>, writers: usize) {
        let (reader, writer) = socket.split();
        let left = Rc::new(Cell::new(writers));
        for lane in 0..writers {
            self.spawner.spawn(self.clone().run_writer(writer.clone(), lane, writers, Rc::clone(&left)));
        }
        self.spawner.clone().spawn(self.run_reader(reader));
    }

    async fn run_reader(self, mut reader: Reader<End>) {
        let mut parts = Parts::default();
        let patience = match self.plan.ending {
            Ending::Wait | Ending::Abandon => self.clock.now() + self.plan.length() + self.plan.patience,
            Ending::Close | Ending::CloseAndRead => Duration::MAX,
        };
        if self.read_until(&mut reader, &mut parts, patience).await {
            return;
        }
        if self.plan.ending == Ending::Abandon {
            return;
        }
        self.incoming.may_have_gaps();
        let closed = self.watch.call(Call::Close, reader.close(CloseCode::GOING_AWAY, "away")).await;
        self.finish(closed, reader.info(), false);
    }

    async fn run_writer(self, mut writer: Writer<End>, lane: usize, writers: usize, left: Rc<Cell<usize>>) {
        for _ in 0..self.plan.steps.div_ceil(writers) {
            self.clock.sleep_until(self.soon(self.plan.pause)).await;
            let said = self.say_something(&mut writer, lane).await;
            // The fragments of the other writer are under way.
            if let Err(error) = said {
                if !matches!(error, Error::Send(SendError::MessageUnderWay)) {
                    break;
                }
            }
        }
        left.set(left.get() - 1);
        if left.get() == 0 && matches!(self.plan.ending, Ending::Close | Ending::CloseAndRead) {
            self.clock.sleep_until(self.plan.ends_at).await;
            self.watch.note_closing();
            let closed = self.watch.call(Call::Write, writer.close(CloseCode::NORMAL, "done")).await;
            self.record.returned(self.name(), "close", &closed);
        }
    }

    /// Reads until that time. True if the connection has ended.
    async fn read_until(&self, from: &mut impl Reads, parts: &mut Parts, until: Duration) -> bool {
        loop {
            let until_dropped = if self.random.percent(self.plan.drops) {
                until.min(self.soon(self.plan.pause))
            } else {
                until
            };
            let reading = self.watch.call(Call::Read, from.read_some(self.plan.how, parts));
            match self.clock.within(until_dropped, reading).await {
                None if self.clock.now() < until => {}
                None => return false,
                Some(Ok(Arrival::Message(message))) => {
                    self.record.returned(self.name(), "read", &message);
                    self.incoming.arrive(&message);
                }
                Some(Ok(Arrival::Other)) => {}
                Some(Ok(Arrival::End)) => {
                    self.finish(Ok(()), from.info(), true);
                    return true;
                }
                Some(Err(error)) => {
                    self.finish(Err(error), from.info(), false);
                    return true;
                }
            }
            self.be_busy().await;
        }
    }
}
