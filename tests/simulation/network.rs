//! A simulated TCP connection: two pipes with a delay and little room, and what happens to them.
//!
//! As with real streams, each direction remembers one waker for reading and one for writing. A poll that has to wait replaces
//! it, one that succeeds forgets it. A stream that is closed with unread bytes, or that bytes reach later, is reset. A reset
//! destroys what has not been read.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Clock;
use crate::random::Random;
use crate::record::Record;

/// What the way between the two ends is like, in both directions.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// How long bytes are under way, at least and at most.
    pub(crate) delay: (Duration, Duration),
    /// How many bytes may be under way or unread.
    pub(crate) room: usize,
    /// With how much room a writer that waits is woken.
    pub(crate) reported_room: usize,
    /// How much one read or write moves at most. Each moves a random part of it.
    pub(crate) at_once: usize,
    /// How many bytes a stream holds back until it is flushed.
    pub(crate) held: usize,
    /// By how much timers are late, at most.
    pub(crate) late: Duration,
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing moves from this end for so long.
    Stall(usize, Duration),
    /// Nothing moves any more, and nobody is told.
    Lose,
    Reset,
    /// A middlebox ends the stream of this end.
    HalfClose(usize),
}

enum Segment {
    Bytes(Vec<u8>),
    End,
    Reset,
}

/// From the end with the same number to the other end.
#[derive(Default)]
struct Pipe {
    under_way: VecDeque<Segment>,
    arrived: VecDeque<u8>,
    /// How many bytes are under way, unread, or read without the writer's knowing.
    used: usize,
    last_arrival: Duration,
    stalled_until: Duration,
    /// The end of the stream was sent; it has arrived.
    is_shut: bool,
    has_ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Default)]
struct Socket {
    is_closed: bool,
    is_reset: bool,
    /// When bytes last arrived.
    heard: Duration,
    /// When the stream last took bytes.
    moved: Duration,
    /// How many bytes it has taken.
    taken: u64,
    /// How many more are held back.
    held: usize,
}

#[derive(Clone)]
pub(crate) struct Network {
    clock: Clock,
    random: Random,
    record: Record,
    pub(crate) path: Rc<Path>,
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    is_lost: bool,
    pipes: [Pipe; 2],
    sockets: [Socket; 2],
}

impl Network {
    pub(crate) fn new(clock: &Clock, random: &Random, record: &Record, path: Path) -> Self {
        Self {
            clock: clock.clone(),
            random: random.clone(),
            record: record.clone(),
            path: Rc::new(path),
            state: Rc::default(),
        }
    }

    /// When bytes last arrived at this end.
    pub(crate) fn heard(&self, end: usize) -> Duration {
        self.state.borrow().sockets[end].heard
    }

    /// When the stream of this end last took bytes, and how many it has taken.
    pub(crate) fn moved(&self, end: usize) -> (Duration, u64) {
        let socket = &self.state.borrow().sockets[end];
        (socket.moved, socket.taken)
    }

    /// The stream of this end has taken bytes, and now holds so many back.
    pub(crate) fn note_held(&self, end: usize, held: usize) {
        let socket = &mut self.state.borrow_mut().sockets[end];
        if held > socket.held {
            socket.moved = self.clock.now();
        }
        socket.held = held;
    }

    /// A call of this end waits. A reader leaves no bytes unread meanwhile, and nothing is held back for which there is room.
    pub(crate) fn assert_nothing_to_do(&self, end: usize, is_reader: bool) {
        let state = self.state.borrow();
        let (socket, incoming, outgoing) = (&state.sockets[end], &state.pipes[1 - end], &state.pipes[end]);
        assert!(!is_reader || incoming.arrived.is_empty(), "end {end} waits, and bytes have arrived");
        let has_room = self.path.room - outgoing.used >= self.path.reported_room;
        let is_held = socket.held > 0 && has_room && !socket.is_reset;
        assert!(!is_held, "end {end} waits, and bytes have not been flushed");
    }

    pub(crate) fn suffer(&self, fault: Fault) {
        self.record.tell("network", || format!("{fault:?}"));
        match fault {
            Fault::Stall(end, time) => {
                let until = self.clock.now() + time;
                let stalled_until = &mut self.state.borrow_mut().pipes[end].stalled_until;
                *stalled_until = until.max(*stalled_until);
            }
            Fault::Lose => self.state.borrow_mut().is_lost = true,
            Fault::Reset => [0, 1].into_iter().for_each(|end| self.reset(end)),
            Fault::HalfClose(end) => self.launch(end, Segment::End),
        }
    }

    pub(crate) fn read(&self, end: usize, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let State { pipes, sockets, .. } = &mut *self.state.borrow_mut();
        let pipe = &mut pipes[1 - end];
        if sockets[end].is_reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if pipe.arrived.is_empty() && !pipe.has_ended {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.reader = None;
        let n = self.part(pipe.arrived.len().min(to.len()));
        to.iter_mut().zip(pipe.arrived.drain(..n)).for_each(|(to, byte)| *to = byte);
        self.record.note("read", n as u64);
        let network = self.clone();
        self.clock.at(self.clock.now() + self.path.delay.0, move || network.free(1 - end, n));
        Poll::Ready(Ok(n))
    }

    pub(crate) fn write(
        &self,
        end: usize,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state.borrow_mut();
        let State { pipes, sockets, .. } = &mut *state;
        let (pipe, socket) = (&mut pipes[end], &mut sockets[end]);
        if socket.is_reset || pipe.is_shut {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let room = self.path.room - pipe.used;
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.writer = None;
        let len: usize = from.iter().map(|slice| slice.len()).sum();
        let n = self.part(len.min(room));
        let bytes = from.iter().flat_map(|slice| slice.iter().copied()).take(n).collect();
        pipe.used += n;
        socket.moved = self.clock.now();
        socket.taken += n as u64;
        drop(state);
        self.record.note("write", n as u64);
        self.launch(end, Segment::Bytes(bytes));
        Poll::Ready(Ok(n))
    }

    pub(crate) fn shut_down(&self, end: usize) {
        let pipe = &mut self.state.borrow_mut().pipes[end];
        if !std::mem::replace(&mut pipe.is_shut, true) {
            self.launch_in(end, pipe, Segment::End);
        }
    }

    pub(crate) fn close(&self, end: usize) {
        let mut state = self.state.borrow_mut();
        state.sockets[end].is_closed = true;
        let is_unread = !std::mem::take(&mut state.pipes[1 - end].arrived).is_empty();
        drop(state);
        if is_unread {
            self.launch(end, Segment::Reset);
        } else {
            self.shut_down(end);
        }
    }

    /// Some of so many bytes, at least one if there are any.
    fn part(&self, len: usize) -> usize {
        match len.min(self.path.at_once) {
            0 => 0,
            most if self.random.percent(50) => most,
            most => self.random.among(1..=most),
        }
    }

    fn launch(&self, end: usize, segment: Segment) {
        self.launch_in(end, &mut self.state.borrow_mut().pipes[end], segment);
    }

    fn launch_in(&self, end: usize, pipe: &mut Pipe, segment: Segment) {
        let (least, most) = self.path.delay;
        let delay = Duration::from_micros(
            self.random.among(least.as_micros() as usize..=most.as_micros() as usize) as u64,
        );
        pipe.last_arrival = pipe.last_arrival.max(self.clock.now() + delay);
        pipe.under_way.push_back(segment);
        let network = self.clone();
        self.clock.at(pipe.last_arrival, move || network.arrive(end));
    }

    /// The first segment that is under way arrives, unless that takes longer.
    fn arrive(&self, end: usize) {
        let mut state = self.state.borrow_mut();
        let State { is_lost, pipes, sockets } = &mut *state;
        let (pipe, socket) = (&mut pipes[end], &mut sockets[1 - end]);
        if *is_lost {
            return;
        }
        if self.clock.now() < pipe.stalled_until {
            let network = self.clone();
            self.clock.at(pipe.stalled_until, move || network.arrive(end));
            return;
        }
        match pipe.under_way.pop_front() {
            Some(Segment::Bytes(_)) if socket.is_reset => return,
            Some(Segment::Bytes(_)) if socket.is_closed || pipe.has_ended => {
                drop(state);
                return self.launch(1 - end, Segment::Reset);
            }
            Some(Segment::Bytes(bytes)) => {
                socket.heard = self.clock.now();
                pipe.arrived.extend(bytes);
            }
            Some(Segment::End) => pipe.has_ended = true,
            Some(Segment::Reset) | None => {
                drop(state);
                return self.reset(1 - end);
            }
        }
        let reader = pipe.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// The end learns that the other one has read.
    fn free(&self, end: usize, n: usize) {
        let mut state = self.state.borrow_mut();
        let (is_lost, stalled_until) = (state.is_lost, state.pipes[1 - end].stalled_until);
        if is_lost {
            return;
        }
        if self.clock.now() < stalled_until {
            let network = self.clone();
            self.clock.at(stalled_until, move || network.free(end, n));
            return;
        }
        let pipe = &mut state.pipes[end];
        pipe.used -= n;
        let is_told = self.path.room - pipe.used >= self.path.reported_room;
        let writer = pipe.writer.take_if(|_| is_told);
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }

    fn reset(&self, end: usize) {
        let mut state = self.state.borrow_mut();
        state.sockets[end].is_reset = true;
        state.pipes[1 - end].arrived.clear();
        let (reader, writer) = (state.pipes[1 - end].reader.take(), state.pipes[end].writer.take());
        drop(state);
        reader.into_iter().chain(writer).for_each(Waker::wake);
    }
}
