//! One end of a session, and what is known of it.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use sansocket::{
    ByteString, Bytes, Chunk, CloseCode, Config, Connection, Error, Message, Outgoing, Prepared,
    ProtocolError, Role, SendError, State, Timestamp,
};

use super::operation::{Action, By, Reading, Way};
use super::taken::{Taken, message};
use crate::model::answers::check_sent;
use crate::model::event::Got;
use crate::model::paths::{connection, fill};
use crate::model::receiver::may_be_sent;

pub(super) struct End {
    connection: Connection,
    role: Role,
    /// Everything that has been written.
    wire: Vec<u8>,
    /// What was written and not delivered yet.
    in_flight: VecDeque<u8>,
    /// What the application has sent, and the Pings of the keepalive.
    sent: Vec<Got>,
    /// The message that is being sent in fragments.
    under_way: Option<(bool, Vec<u8>)>,
    /// The Close frame that was sent, and when.
    closed: Option<(Option<(u16, String)>, Duration)>,
    taken: Taken,
    /// What the last look found, while nothing was taken since.
    found: Option<(By, bool)>,
    heard: Duration,
    /// A timer has given the connection up, or the stream has ended.
    lost: bool,
}

impl End {
    pub(super) fn new(role: Role, tight: bool) -> Self {
        let max_output_len = if tight { 5000 } else { Config::default().max_output_len };
        Self {
            connection: connection(role, &Config::default().max_output_len(max_output_len)),
            role,
            wire: Vec::new(),
            in_flight: VecDeque::new(),
            sent: Vec::new(),
            under_way: None,
            closed: None,
            taken: Taken::default(),
            found: None,
            heard: Duration::ZERO,
            lost: false,
        }
    }

    /// Takes the action, and knows before whether it is refused and why.
    pub(super) fn act(&mut self, action: &Action, now: Duration) {
        let state = self.connection.state();
        let expected = self.refusals(action);
        let before = self.connection.buffered_amount();
        let outcome = self.call(action);
        match outcome {
            Ok(()) => assert_eq!(expected, [], "{action:?}"),
            Err(error) => {
                assert!(expected.contains(&error), "{action:?}: {error:?}, not {expected:?}");
                assert_eq!((self.connection.buffered_amount(), self.connection.state()), (before, state));
                return;
            }
        }
        match action.clone() {
            Action::Send { is_text, data, .. } => self.sent.push(message(is_text, data)),
            Action::Fragment { is_text, is_last, data, .. } => {
                let (_, whole) = self.under_way.get_or_insert((is_text, Vec::new()));
                whole.extend(data);
                if is_last {
                    let (is_text, whole) = self.under_way.take().expect("it is under way");
                    self.sent.push(message(is_text, whole));
                }
            }
            Action::Ping(data) => self.sent.push(Got::Ping(data)),
            Action::Pong(data) => self.sent.push(Got::Pong(own_pong(&data))),
            Action::Close { code, reason } => self.closed = Some((Some((code, reason)), now)),
        }
    }

    /// Every reason to refuse the action.
    fn refusals(&self, action: &Action) -> Vec<SendError> {
        let len = match action {
            Action::Send { data, .. } | Action::Fragment { data, .. } | Action::Ping(data) => data.len(),
            Action::Pong(data) => own_pong(data).len(),
            Action::Close { code, reason } => return self.refusals_to_close(*code, reason),
        };
        let is_control = matches!(action, Action::Ping(_) | Action::Pong(_));
        let goes_on = |(kind, _): &(bool, Vec<u8>)| matches!(action, Action::Fragment { is_text, .. } if is_text == kind);
        let (frame, most) = (len + 14, self.connection.config().max_output_len);
        let reasons = [
            (self.connection.state() != State::Open, SendError::Closed),
            (is_control && len > 125, SendError::ControlTooLong),
            (
                !is_control && self.under_way.as_ref().is_some_and(|sent| !goes_on(sent)),
                SendError::MessageUnderWay,
            ),
            (frame > most, SendError::MessageTooLong { len: frame, limit: most }),
            (frame <= most && frame + self.connection.buffered_amount() > most, SendError::OutputFull),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, error)| error).collect()
    }

    fn refusals_to_close(&self, code: u16, reason: &str) -> Vec<SendError> {
        let reasons = [
            (self.connection.state() != State::Open, SendError::Closed),
            (!may_be_sent(code), SendError::InvalidCloseCode),
            (reason.len() > 123, SendError::ReasonTooLong),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, error)| error).collect()
    }

    fn call(&mut self, action: &Action) -> Result<(), SendError> {
        let end = &mut self.connection;
        match action {
            Action::Send { is_text, way, data } => self.send(*is_text, *way, data),
            Action::Fragment { is_text: true, is_last: fin, is_chunk, data } => {
                let (text, fin) = (text(data), *fin);
                if *is_chunk {
                    end.send(Chunk::Text { text, fin })
                } else {
                    end.send(Outgoing::text_fragment(text, fin))
                }
            }
            Action::Fragment { is_text: false, is_last: fin, is_chunk, data } => {
                let fin = *fin;
                if *is_chunk {
                    end.send(Chunk::Binary { data, fin })
                } else {
                    end.send(Outgoing::binary_fragment(data, fin))
                }
            }
            Action::Ping(data) => end.ping(data),
            Action::Pong(data) => end.pong(&own_pong(data)),
            Action::Close { code, reason } => end.close(CloseCode(*code), reason),
        }
    }

    fn send(&mut self, is_text: bool, way: Way, data: &Vec<u8>) -> Result<(), SendError> {
        let end = &mut self.connection;
        let message = if is_text { Message::from(text(data)) } else { Message::from(&data[..]) };
        match (way, is_text) {
            (Way::Borrowed, true) => end.send(text(data)),
            (Way::Borrowed, false) => end.send(&data[..]),
            (Way::Owned, true) => end.send(&text(data).to_owned()),
            (Way::Owned, false) => end.send(data),
            (Way::Shared, true) => end.send(&ByteString::from(text(data))),
            (Way::Shared, false) => end.send(&Bytes::copy_from_slice(data)),
            (Way::Message, _) => end.send(&message),
            (Way::Prepared, _) => end.send(&Prepared::from(message)),
            (Way::Written { is_shared: true, room }, _) => self.send_and_write(&message, room),
            (Way::Written { is_shared: false, room }, true) => self.send_and_write(text(data), room),
            (Way::Written { is_shared: false, room }, false) => self.send_and_write(&data[..], room),
        }
    }

    fn send_and_write<'a>(&mut self, message: impl Into<Outgoing<'a>>, room: usize) -> Result<(), SendError> {
        let mut stream = Stream { room, written: Vec::new() };
        let outcome = self.connection.send_and_write(message, &mut stream);
        self.wire.extend(&stream.written);
        self.in_flight.extend(&stream.written);
        match outcome {
            Err(Error::Send(error)) => {
                assert!(stream.written.is_empty(), "refused and written");
                Err(error)
            }
            Err(Error::Io(error)) => {
                assert_eq!((error.kind(), room), (ErrorKind::WouldBlock, 0));
                Ok(())
            }
            outcome => {
                outcome.expect("sent, and written as far as there was room");
                Ok(())
            }
        }
    }

    /// Tells the time. A connection that is given up has waited long enough.
    pub(super) fn tell(&mut self, now: Duration) {
        let (state, before) = (self.connection.state(), self.connection.buffered_amount());
        self.connection.handle_timeout(now);
        let next = self.connection.next_timeout();
        assert!(next.is_none_or(|next| next > Timestamp::from(now)), "due again at once");
        if self.connection.buffered_amount() > before {
            self.sent.push(Got::Ping(vec![]));
        }
        if state != State::Closed && self.connection.state() == State::Closed {
            self.lost = true;
            let config = self.connection.config();
            match self.closed {
                Some((_, since)) => assert!(now - since >= config.close_timeout),
                None => assert!(now - self.heard >= config.keepalive.expect("there is one") * 2),
            }
        }
    }

    pub(super) fn has_output(&mut self) -> bool {
        !self.in_flight.is_empty() || !self.connection.output().is_empty()
    }

    /// Writes at most `len` bytes of what waits, behind the bytes in flight.
    pub(super) fn write(&mut self, len: usize) -> Vec<u8> {
        let missing = len.saturating_sub(self.in_flight.len());
        let output = self.connection.output();
        let bytes: Vec<_> = output.chunks().flatten().copied().take(missing).collect();
        assert!(output.chunks().next().unwrap_or_default() == output.chunk());
        output.advance(bytes.len());
        self.wire.extend(&bytes);
        self.in_flight.extend(&bytes);
        self.in_flight.drain(..len.min(self.in_flight.len())).collect()
    }

    /// Receives. Nothing is taken.
    pub(super) fn receive(&mut self, bytes: &[u8], reading: Reading) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match reading {
                Reading::Receive => self.connection.receive(core::mem::take(&mut rest)),
                Reading::Filled => rest = fill(&mut self.connection, rest),
                Reading::ReadFrom => {
                    let n = self.connection.read_from(&mut rest).expect("a slice has no errors");
                    assert!(n > 0, "no room");
                }
            }
        }
    }

    /// Lends memory to the connection or takes it back. That shows in nothing that waits.
    pub(super) fn share(&mut self, share: impl FnOnce(&mut Connection)) {
        let waiting = |end: &mut Connection| {
            let output: Vec<u8> = end.output().chunks().flatten().copied().collect();
            (end.unread().to_vec(), output, end.buffered_amount(), end.state())
        };
        let before = waiting(&mut self.connection);
        share(&mut self.connection);
        assert!(waiting(&mut self.connection) == before, "memory is not free of content");
    }

    /// The stream ends. What still waits to be taken is dropped.
    pub(super) fn end_of_stream(&mut self) {
        let was_closed = self.connection.state() == State::Closed;
        let outcome = self.connection.end_of_stream();
        assert_eq!(self.connection.state(), State::Closed);
        self.lost |= !was_closed;
        assert_eq!(outcome, if self.lost { Err(ProtocolError::ConnectionLost) } else { Ok(()) });
    }

    /// The application takes what has arrived.
    pub(super) fn take(&mut self, by: By, now: Duration) {
        self.taken.ask(by);
        loop {
            let (state, was_found) = (self.connection.state(), self.found.is_some());
            let goes_on = self.step(by);
            let goes_on = goes_on.unwrap_or_else(|error| {
                assert!(self.lost && error == ProtocolError::ConnectionLost, "{error:?}");
                false
            });
            if goes_on && !was_found {
                self.heard = now;
            }
            if state != State::Closed && self.connection.state() == State::Closed {
                let code = self.connection.close_info().expect("it is closed").code;
                let frame = (code != CloseCode::NO_STATUS).then(|| (code.0, String::new()));
                self.closed.get_or_insert((frame, now));
            }
            if !goes_on || matches!(by, By::OneEvent | By::LookForEvent | By::LookForChunk) {
                return;
            }
        }
    }

    /// One call of that way, or a look and a call. False if nothing was found.
    fn step(&mut self, by: By) -> Result<bool, ProtocolError> {
        let found = match by {
            By::LookForEvent => return self.look(By::Event),
            By::LookForChunk => return self.look(By::Chunk),
            By::FoundEvent => Some(self.look(By::Event)?),
            By::FoundChunk => Some(self.look(By::Chunk)?),
            // What an event is, is a message or a chunk only if it is no control frame.
            By::Event | By::OneEvent => {
                self.found.filter(|(found_by, _)| *found_by == By::Event).map(|_| true)
            }
            By::Message | By::Chunk => None,
        };
        self.found = None;
        let (receiver, sender) = self.connection.split_mut();
        let given = match by {
            By::Message => match receiver.next_message(sender)? {
                None => false,
                Some(Message::Text(text)) => self.give(Got::Text(text.to_string())),
                Some(Message::Binary(data)) => self.give(Got::Binary(data.to_vec())),
            },
            By::Chunk | By::FoundChunk => match receiver.next_chunk(sender)? {
                None => false,
                Some(chunk) => {
                    let is_text = matches!(chunk, Chunk::Text { .. });
                    let (data, fin) = (chunk.as_bytes(), chunk.fin());
                    assert!(fin || !data.is_empty(), "an empty chunk that ends nothing");
                    assert!(is_of_peer(self.role, data), "bytes of the other end");
                    self.taken.chunk(is_text, data, fin);
                    true
                }
            },
            _ => match receiver.next_event(sender)? {
                None => false,
                Some(event) => {
                    // Sending compiles while the event is alive; nothing may be sent here.
                    let _ = sender.state();
                    let event = Got::from(event);
                    self.give(event)
                }
            },
        };
        assert!(found.is_none_or(|found| found == given), "{found:?} was found, {given} was given");
        Ok(given)
    }

    /// Looks twice, which finds the same.
    fn look(&mut self, by: By) -> Result<bool, ProtocolError> {
        let mut look =
            || if by == By::Event { self.connection.has_event() } else { self.connection.has_chunk() };
        let found = look();
        assert_eq!(look(), found, "looked once more");
        let found = found?;
        if self.found.is_some_and(|(before, _)| before == by) {
            assert!(found, "what was found is gone");
        }
        self.found = found.then_some((by, true));
        Ok(found)
    }

    fn give(&mut self, event: Got) -> bool {
        let is_clean = match &event {
            Got::Text(text) => is_of_peer(self.role, text.as_bytes()),
            Got::Binary(data) | Got::Ping(data) => is_of_peer(self.role, data),
            // The answer to a Ping of this end has the bytes of this end.
            Got::Pong(_) | Got::Close(_) => true,
        };
        assert!(is_clean, "bytes of the other end");
        self.taken.whole(event);
        true
    }

    /// After everything has been delivered and taken: all that was sent has arrived, and the wire had nothing else on it.
    pub(super) fn check_against(&self, from: &Self) {
        let on_wire = check_sent(from.role, &from.wire);
        self.check_pongs(from, &on_wire);
        assert!(on_wire.iter().filter(is_sent).eq(&from.sent), "{on_wire:?}, not {:?}", from.sent);
        let close = on_wire.iter().find_map(|event| match event {
            Got::Close(frame) => Some(frame),
            _ => None,
        });
        assert_eq!(close, from.closed.as_ref().map(|(frame, _)| frame), "the Close frame");
        // Nothing is taken behind a Close frame, be it a Pong.
        let wire = until_close(&on_wire);
        self.taken.check(wire, from.under_way.as_ref(), !self.lost);
        let is_closed = self.connection.state() == State::Closed;
        assert_eq!(self.connection.next_timeout().is_none(), is_closed, "timers run until the end");
        assert_eq!(self.connection.shutdown_steps().is_empty(), self.lost || !is_closed);
        if self.lost {
            return;
        }
        let closed = close.is_some() && self.closed.is_some();
        assert_eq!(is_closed, closed);
        assert_eq!(self.connection.close_info().is_some_and(|info| info.was_clean), closed);
    }

    /// The Pongs that answer are answers to Pings in their order; the newest Ping has one, unless a Close frame came.
    fn check_pongs(&self, from: &Self, on_wire: &[Got]) {
        let is_answer = |event: &&Got| matches!(event, Got::Pong(_)) && !is_sent(event);
        let answers: Vec<_> = on_wire.iter().filter(is_answer).collect();
        let received = check_sent(self.role, &self.wire);
        let received = until_close(&received);
        let pings = || {
            received.iter().filter_map(|event| match event {
                Got::Ping(payload) => Some(Got::Pong(payload.clone())),
                _ => None,
            })
        };
        let mut rest = pings();
        let in_order = answers.iter().all(|answer| rest.any(|ping| ping == **answer));
        assert!(in_order, "{answers:?} to {received:?}");
        let closed = received.iter().any(|event| matches!(event, Got::Close(_)));
        if !closed && !from.lost {
            assert_eq!(
                answers.last().map(|answer| (*answer).clone()),
                pings().next_back(),
                "the newest Ping"
            );
        }
    }
}

/// A stream with room for some bytes.
struct Stream {
    room: usize,
    written: Vec<u8>,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.room);
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.written.extend(&bytes[..n]);
        self.room -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn text(data: &[u8]) -> &str {
    str::from_utf8(data).expect("ASCII")
}

/// The events on a wire, without what comes behind a Close frame.
fn until_close(events: &[Got]) -> &[Got] {
    let close = events.iter().position(|event| matches!(event, Got::Close(_)));
    close.map_or(events, |at| &events[..=at])
}

/// A client sends small letters, a server capitals.
fn is_of_peer(role: Role, data: &[u8]) -> bool {
    match role {
        Role::Client => data.iter().all(u8::is_ascii_uppercase),
        Role::Server => data.iter().all(u8::is_ascii_lowercase),
    }
}

/// A Pong that the application sends differs from the answers in its first byte.
fn own_pong(data: &[u8]) -> Vec<u8> {
    [b"!", data].concat()
}

/// What an end sends by itself is not counted.
fn is_sent(event: &&Got) -> bool {
    match event {
        Got::Pong(payload) => payload.starts_with(b"!"),
        Got::Close(_) => false,
        _ => true,
    }
}
