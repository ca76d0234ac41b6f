//! What a program sends between two reads, or in a task of its own.

use std::future::Future;

use sansocket::{Error, Message, Outgoing};

use crate::calls::Sends;
use crate::program::Program;
use crate::watch::Call;
use crate::world::Style;

/// 16 Pongs and a Close frame may wait beyond the limit of the output, each with the longest payload and header.
const REPLIES: usize = 17 * (125 + 14);

impl Program {
    /// Sends a message, whole or in fragments, or a Ping or a Pong.
    pub(crate) async fn say_something(&self, to: &mut impl Sends, lane: usize) -> Result<(), Error> {
        let said = if self.random.percent(self.plan.pings) && self.plan.style != Style::Feeds {
            self.ping(to).await
        } else {
            self.say_message(to, lane).await
        };
        let most = self.plan.config.max_output_len.saturating_add(REPLIES);
        assert!(to.queued() <= most, "{} bytes are queued", to.queued());
        said
    }

    async fn ping(&self, to: &mut impl Sends) -> Result<(), Error> {
        let payload = vec![b'p'; self.random.among(0..=125)];
        if self.random.percent(30) {
            return self.write("pong", to.pong(&payload), false).await.map(drop);
        }
        self.write("ping", to.ping(&payload), false).await.map(drop)
    }

    async fn say_message(&self, to: &mut impl Sends, lane: usize) -> Result<(), Error> {
        let (number, message) = self.outgoing.begin(lane);
        // One task at a time may send fragments.
        let is_sent = if lane == 0 && self.random.percent(self.plan.fragments) {
            self.say_fragments(to, &message).await?;
            true
        } else {
            let may_drop = self.random.percent(self.plan.drops);
            self.write_message(to, Outgoing::from(&message), may_drop).await?
        };
        if is_sent {
            self.outgoing.sent(lane, number);
        }
        Ok(())
    }

    async fn say_fragments(&self, to: &mut impl Sends, message: &Message) -> Result<(), Error> {
        let mut rest = message.as_bytes();
        let text = message.as_text();
        loop {
            let mut len = self.random.among(0..=rest.len());
            let from = message.len() - rest.len();
            while text.is_some_and(|text| !text.is_char_boundary(from + len)) {
                len += 1;
            }
            let fin = len == rest.len();
            let fragment = match text {
                Some(text) => Outgoing::text_fragment(&text[from..from + len], fin),
                None => Outgoing::binary_fragment(&rest[..len], fin),
            };
            self.write_message(to, fragment, false).await?;
            if fin {
                return Ok(());
            }
            rest = &rest[len..];
            if self.plan.style != Style::Feeds && self.random.percent(self.plan.pings) {
                self.ping(to).await?;
            }
        }
    }

    /// Sends at once, or feeds and perhaps flushes. False if that was dropped before it was ready.
    async fn write_message(
        &self,
        to: &mut impl Sends,
        message: Outgoing<'_>,
        may_drop: bool,
    ) -> Result<bool, Error> {
        match self.plan.style {
            Style::Sends | Style::Split { .. } if self.random.percent(50) => {
                self.write("send", to.send_now(message), may_drop).await
            }
            Style::Feeds => self.write("feed", to.feed(message), may_drop).await,
            Style::Sends | Style::Split { .. } => {
                let is_fed = self.write("feed", to.feed(message), may_drop).await?;
                // In another task than the reader's, nobody else would.
                if matches!(self.plan.style, Style::Split { .. }) || self.random.percent(50) {
                    self.write("flush", to.flush(), may_drop).await?;
                }
                Ok(is_fed)
            }
        }
    }

    /// Makes a call that writes. False if it was dropped before it was ready.
    async fn write(
        &self,
        name: &str,
        call: impl Future<Output = Result<(), Error>>,
        may_drop: bool,
    ) -> Result<bool, Error> {
        let watched = self.watch.call(Call::Write, call);
        let written = if may_drop {
            let soon = self.soon(self.plan.pause);
            self.clock.within(soon, watched).await
        } else {
            Some(watched.await)
        };
        self.record.returned(self.name(), name, &written);
        if let Some(Err(Error::Io(error))) = &written {
            if error.kind() == std::io::ErrorKind::TimedOut {
                self.watch.note_given_up();
            }
        }
        written.transpose().map(|written| written.is_some())
    }
}
