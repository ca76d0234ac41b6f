//! One end of a session, and what is known of it.

use core::time::Duration;

use sansocket::{
    Buffer, Bytes, CloseCode, Config, Connection, Fin, Message, Prepared, ProtocolError, Role, SendError,
    State,
};

use super::operation::Action;
use crate::model::answers::check_sent;
use crate::model::event::Got;
use crate::model::paths::{connection, take_in};
use crate::model::receiver::may_be_sent;

pub(super) struct End {
    pub(super) connection: Connection,
    input: Buffer,
    role: Role,
    /// Everything that has gone out.
    wire: Vec<u8>,
    /// What the application has sent, and the Pings of the keepalive.
    sent: Vec<Got>,
    /// The message that is being sent in fragments.
    under_way: Option<(bool, Vec<u8>)>,
    /// The Close frame that was sent, and when.
    closed: Option<(Option<(u16, String)>, Duration)>,
    received: Vec<Got>,
    heard: Duration,
    /// A timer has given the connection up.
    lost: bool,
}

impl End {
    pub(super) fn new(role: Role, tight: bool) -> Self {
        let max_output_len = if tight { 5000 } else { Config::default().max_output_len };
        Self {
            connection: connection(role, &Config { max_output_len, ..Config::default() }),
            input: Buffer::new(),
            role,
            wire: Vec::new(),
            sent: Vec::new(),
            under_way: None,
            closed: None,
            received: Vec::new(),
            heard: Duration::ZERO,
            lost: false,
        }
    }

    /// Does it, and knows beforehand whether it is refused and why.
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
            Action::Fragment { is_text, is_last, data } => {
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
            Action::Reclaim => {}
        }
    }

    /// All that stands against it.
    fn refusals(&self, action: &Action) -> Vec<SendError> {
        let len = match action {
            Action::Send { data, .. } | Action::Fragment { data, .. } | Action::Ping(data) => data.len(),
            Action::Pong(data) => own_pong(data).len(),
            Action::Close { .. } | Action::Reclaim => return self.refusals_to_close(action),
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
            (frame > most, SendError::MessageTooLong),
            (frame <= most && frame + self.connection.buffered_amount() > most, SendError::OutputFull),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, error)| error).collect()
    }

    fn refusals_to_close(&self, action: &Action) -> Vec<SendError> {
        let Action::Close { code, reason } = action else { return vec![] };
        let reasons = [
            (self.connection.state() != State::Open, SendError::Closed),
            (!may_be_sent(*code), SendError::InvalidCloseCode),
            (reason.len() > 123, SendError::ReasonTooLong),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, error)| error).collect()
    }

    fn call(&mut self, action: &Action) -> Result<(), SendError> {
        let end = &mut self.connection;
        match action {
            Action::Send { is_text, way, data } => {
                let text = str::from_utf8(data).expect("ASCII");
                let message =
                    || if *is_text { Message::from(text) } else { Bytes::copy_from_slice(data).into() };
                match (way, is_text) {
                    (0 | 1, true) => end.send_text(text),
                    (0 | 1, false) => end.send_binary(data),
                    (2, _) => end.send(&message()),
                    _ => end.send_prepared(&Prepared::from(message())),
                }
            }
            Action::Fragment { is_text, is_last, data } => {
                let fin = if *is_last { Fin::Final } else { Fin::More };
                match is_text {
                    true => end.send_text_fragment(str::from_utf8(data).expect("ASCII"), fin),
                    false => end.send_binary_fragment(data, fin),
                }
            }
            Action::Ping(data) => end.ping(data),
            Action::Pong(data) => end.pong(&own_pong(data)),
            Action::Close { code, reason } => end.close(CloseCode(*code), reason),
            Action::Reclaim => {
                let storage = end.output().reclaim();
                end.output().reuse(storage);
                Ok(())
            }
        }
    }

    /// Tells the time. Whoever gives up has waited long enough.
    pub(super) fn tell(&mut self, now: Duration) {
        let (state, before) = (self.connection.state(), self.connection.buffered_amount());
        self.connection.handle_timeout(now);
        assert!(self.connection.next_timeout().is_none_or(|next| next > now), "due again at once");
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

    /// The next bytes that go out.
    pub(super) fn write(&mut self, len: usize) -> Vec<u8> {
        let bytes: Vec<_> = self.connection.output().chunks().flatten().copied().take(len).collect();
        self.connection.output().advance(bytes.len());
        self.wire.extend(&bytes);
        bytes
    }

    pub(super) fn receive(&mut self, bytes: &[u8], now: Duration) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = take_in(&mut self.input, rest);
            self.take_events(now);
        }
    }

    fn take_events(&mut self, now: Duration) {
        loop {
            let event = match self.connection.next_event(&mut self.input) {
                Ok(None) => return,
                Ok(Some(event)) => Got::from(event),
                Err(error) => {
                    assert!(self.lost && error == ProtocolError::ConnectionLost, "{error:?}");
                    return;
                }
            };
            if let (Got::Close(frame), None) = (&event, &self.closed) {
                self.closed = Some((frame.as_ref().map(|(code, _)| (*code, String::new())), now));
            }
            self.heard = now;
            self.received.push(event);
        }
    }

    /// What has arrived was sent, in this order.
    pub(super) fn check_order(&self, from: &Self) {
        let received: Vec<_> = self.received.iter().filter(is_sent).collect();
        assert!(
            from.sent.iter().take(received.len()).eq(received),
            "{:?}, not {:?}",
            self.received,
            from.sent
        );
    }

    /// After everything has been delivered: all that was sent has arrived, and the wire had nothing else on it.
    pub(super) fn check_against(&self, from: &Self) {
        let on_wire = check_sent(from.role, &from.wire);
        self.check_order(from);
        self.check_pongs(from, &on_wire);
        assert!(on_wire.iter().filter(is_sent).eq(&from.sent), "{on_wire:?}, not {:?}", from.sent);
        let close = on_wire.iter().find_map(|event| match event {
            Got::Close(frame) => Some(frame),
            _ => None,
        });
        assert_eq!(close, from.closed.as_ref().map(|(frame, _)| frame), "the Close frame");
        if self.lost {
            return;
        }
        // Nothing is taken behind a Close frame, be it a Pong.
        let until = on_wire
            .iter()
            .position(|event| matches!(event, Got::Close(_)))
            .map_or(on_wire.len(), |at| at + 1);
        assert_eq!(self.received, on_wire[..until]);
        let closed = close.is_some() && self.closed.is_some();
        assert_eq!(self.connection.state() == State::Closed, closed);
        assert_eq!(self.connection.close_info().is_some_and(|info| info.was_clean), closed);
    }

    /// The Pongs that answer are answers to Pings in their order; the newest Ping has one, unless a Close frame came.
    fn check_pongs(&self, from: &Self, on_wire: &[Got]) {
        let is_answer = |event: &&Got| matches!(event, Got::Pong(_)) && !is_sent(event);
        let answers: Vec<_> = on_wire.iter().filter(is_answer).collect();
        let pings = || {
            from.received.iter().filter_map(|event| match event {
                Got::Ping(payload) => Some(Got::Pong(payload.clone())),
                _ => None,
            })
        };
        let mut rest = pings();
        let in_order = answers.iter().all(|answer| rest.any(|ping| ping == **answer));
        assert!(in_order, "{answers:?} to {:?}", from.received);
        let closed = from.received.iter().any(|event| matches!(event, Got::Close(_)));
        if !closed && !from.lost {
            assert_eq!(
                answers.last().map(|answer| (*answer).clone()),
                pings().next_back(),
                "the newest Ping"
            );
        }
    }
}

fn message(is_text: bool, data: Vec<u8>) -> Got {
    if is_text { Got::Text(String::from_utf8(data).expect("ASCII")) } else { Got::Binary(data) }
}

/// A Pong that the application sends is told from those that answer by its first byte.
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
