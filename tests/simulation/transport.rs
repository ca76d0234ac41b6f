//! One end of the simulated connection, as a program for another runtime would bring it to the crate.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use sansocket::Timestamp;
use sansocket::asynchronous::Transport;

use crate::clock::{Clock, Timer};
use crate::network::Network;
use crate::random::Random;

/// So many questions for the time, while none passes, are an endless loop.
const MOST_QUESTIONS: usize = 10_000;

/// Dropping it closes it.
pub(crate) struct End {
    which: usize,
    network: Network,
    clock: Clock,
    random: Random,
    timer: Timer,
    /// When the timer was last asked, and how often at that time.
    asked: (Duration, usize),
    /// Taken and not passed on.
    held: Vec<u8>,
    passed_on: u64,
}

impl End {
    pub(crate) fn new(which: usize, network: &Network, clock: &Clock, random: &Random) -> Self {
        Self {
            which,
            network: network.clone(),
            clock: clock.clone(),
            random: random.clone(),
            timer: Timer::new(clock),
            asked: (Duration::ZERO, 0),
            held: Vec::new(),
            passed_on: 0,
        }
    }

    fn poll_pass_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let n = ready!(self.network.write(self.which, cx, &[IoSlice::new(&self.held)]))?;
            self.held.drain(..n);
            self.passed_on += n as u64;
            self.network.note_held(self.which, self.held.len());
        }
        Poll::Ready(Ok(()))
    }
}

impl Transport for End {
    type Stream = Self;

    fn stream(&self) -> &Self {
        self
    }

    fn into_stream(self) -> Self {
        self
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.network.read(self.which, cx, to)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let most = self.network.path.held;
        if most == 0 {
            return self.network.write(self.which, cx, from);
        }
        if self.held.len() >= most {
            ready!(self.poll_pass_on(cx))?;
        }
        let (before, room) = (self.held.len(), most - self.held.len());
        self.held.extend(from.iter().flat_map(|slice| slice.iter().copied()).take(room));
        self.network.note_held(self.which, self.held.len());
        Poll::Ready(Ok(self.held.len() - before))
    }

    fn passed_on(&self) -> u64 {
        self.passed_on
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_pass_on(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let passed_on = ready!(self.poll_pass_on(cx));
        self.network.shut_down(self.which);
        Poll::Ready(passed_on)
    }

    fn now(&self) -> Timestamp {
        self.clock.now().into()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, time: Timestamp) -> Poll<()> {
        let now = self.clock.now();
        self.asked = (now, if self.asked.0 == now { self.asked.1 + 1 } else { 0 });
        assert!(self.asked.1 < MOST_QUESTIONS, "one poll never ends");
        let most = self.network.path.late.as_micros() as usize;
        let late = Duration::from_micros(self.random.among(0..=most) as u64);
        self.timer.poll(cx.waker(), time.duration_since(Timestamp::ORIGIN), late)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.network.close(self.which);
    }
}
