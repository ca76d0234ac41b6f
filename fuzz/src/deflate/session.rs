//! Two ends with any settings. What is sent arrives.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sansocket::{Chunk, Compress, Config, Connection, Limits, Message, Outgoing, Prepared, Role, SendError};

use super::{Settings, compression};
use crate::model::agreed;
use crate::model::event::Got;
use crate::model::paths::fill;
use crate::model::receiver::judge_agreed;

/// What the applications at both ends and the wire do.
#[derive(Debug, Arbitrary)]
pub struct DeflateSession {
    client: Settings,
    server: Settings,
    tight: bool,
    steps: Vec<Step>,
}

/// A message or a fragment, and how much of what waits is then delivered.
#[derive(Debug, Arbitrary)]
struct Step {
    /// The end, the type, the choice, whether it is a fragment, whether it ends its message, how it is taken.
    flags: u8,
    /// How often the data is repeated.
    times: u8,
    delivered: u8,
    data: Vec<u8>,
}

/// The longest message, so that a case takes milliseconds.
const MOST: usize = 20_000;

impl Step {
    fn data(&self) -> Vec<u8> {
        let times = usize::from(self.times).min(MOST / self.data.len().max(1));
        self.data.repeat(times)
    }

    fn compress(&self) -> Compress {
        [Compress::ByLength, Compress::Never, Compress::Always, Compress::Always]
            [usize::from(self.flags >> 2 & 3)]
    }
}

struct End {
    connection: Connection,
    wire: Vec<u8>,
    in_flight: Vec<u8>,
    sent: Vec<Got>,
    /// The message that is being sent in fragments.
    under_way: Option<(bool, Vec<u8>)>,
    received: Vec<Got>,
    /// The message of which chunks were taken.
    chunks: Vec<u8>,
}

/// The steps in turn. Then everything that waits is delivered and taken.
pub fn deflate_session(case: &DeflateSession) {
    let config = |settings: Settings| {
        let config = Config::default().deflate(Some(settings.deflate()));
        if case.tight { config.max_output_len(3000) } else { config }
    };
    let (client, server) = agreed::pair(config(case.client), config(case.server));
    assert_eq!(client.negotiated(), server.negotiated());
    let mut ends = [client, server].map(End::new);
    for step in &case.steps {
        let [client, server] = &mut ends;
        let (from, to) = if step.flags & 1 != 0 { (server, client) } else { (client, server) };
        from.send(step);
        let len = usize::from(step.delivered) * usize::from(step.delivered);
        from.write();
        let bytes: Vec<u8> = from.in_flight.drain(..len.min(from.in_flight.len())).collect();
        to.receive(&bytes, step.flags >> 6);
    }
    for by_server in [false, true] {
        let [client, server] = &mut ends;
        let (from, to) = if by_server { (server, client) } else { (client, server) };
        let bytes = core::mem::take(&mut from.in_flight);
        to.receive(&bytes, 0);
        to.check_against(from);
    }
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            wire: Vec::new(),
            in_flight: Vec::new(),
            sent: Vec::new(),
            under_way: None,
            received: Vec::new(),
            chunks: Vec::new(),
        }
    }

    fn send(&mut self, step: &Step) {
        let data = step.data();
        let text = String::from_utf8_lossy(&data).into_owned();
        let is_text = self.under_way.as_ref().map_or(step.flags & 2 != 0, |(is_text, _)| *is_text);
        let is_fragment = step.flags & 0x10 != 0;
        let fin = !is_fragment || step.flags & 0x20 != 0;
        let len = if is_text { text.len() } else { data.len() };
        let end = &mut self.connection;
        let before: Vec<u8> = end.output().chunks().flatten().copied().collect();
        let choice = step.compress();
        let outcome = match (is_fragment, is_text) {
            (true, true) => end.send(Outgoing::text_fragment(&text, fin).compress(choice)),
            (true, false) => end.send(Outgoing::binary_fragment(&data, fin).compress(choice)),
            (false, _) => {
                let message = if is_text { Message::from(&text[..]) } else { Message::from(&data[..]) };
                if step.flags & 0x20 != 0 {
                    end.send(Outgoing::from(&Prepared::from(message)).compress(choice))
                } else {
                    end.send(Outgoing::from(&message).compress(choice))
                }
            }
        };
        let limit = end.config().max_output_len;
        // Twice the length and 100 bytes is more than any message is compressed to.
        let is_crowded = |len: usize| before.len() + len + 14 > limit;
        match outcome {
            Ok(()) => {
                assert!(is_fragment || self.under_way.is_none());
                assert!(end.buffered_amount() <= limit);
                let (_, whole) = self.under_way.get_or_insert((is_text, Vec::new()));
                whole.extend(if is_text { text.as_bytes() } else { &data });
                if fin {
                    let (is_text, whole) = self.under_way.take().expect("it is under way");
                    self.sent.push(match is_text {
                        true => Got::Text(String::from_utf8(whole).expect("text")),
                        false => Got::Binary(whole),
                    });
                }
            }
            Err(error) => {
                match error {
                    SendError::MessageUnderWay => assert!(!is_fragment && self.under_way.is_some()),
                    SendError::OutputFull | SendError::MessageTooLong { .. } => {
                        let is_whole = self.under_way.is_none();
                        assert!(is_crowded(if is_whole { len } else { 2 * len + 100 }), "{error:?}: {len}");
                    }
                    _ => panic!("{error:?}"),
                }
                let after: Vec<u8> = end.output().chunks().flatten().copied().collect();
                assert!(before == after, "refused and queued");
            }
        }
    }

    fn write(&mut self) {
        let output = self.connection.output();
        let bytes = output.chunks().collect::<Vec<_>>().concat();
        output.advance(bytes.len());
        self.wire.extend(&bytes);
        self.in_flight.extend(&bytes);
    }

    /// Receives by `unfilled`, and takes all that is there by one of four ways.
    fn receive(&mut self, mut bytes: &[u8], way: u8) {
        loop {
            self.take(way);
            if bytes.is_empty() {
                return;
            }
            bytes = fill(&mut self.connection, bytes);
        }
    }

    fn take(&mut self, way: u8) {
        let valid = "what this crate sends is valid";
        loop {
            // A message whose chunks were taken is taken to its end.
            if way == 1 || !self.chunks.is_empty() {
                let Some(chunk) = self.connection.next_chunk().expect(valid) else { return };
                self.chunks.extend(chunk.as_bytes());
                if chunk.fin() {
                    let data = core::mem::take(&mut self.chunks);
                    self.received.push(match chunk {
                        Chunk::Text { .. } => Got::Text(String::from_utf8(data).expect("text")),
                        Chunk::Binary { .. } => Got::Binary(data),
                    });
                }
                continue;
            }
            if way == 2 {
                // The chunk goes back to its message.
                self.connection.has_chunk().expect(valid);
            }
            if way == 3 {
                let Some(event) = self.connection.next_event().expect(valid) else { return };
                self.received.push(event.into());
                continue;
            }
            let Some(message) = self.connection.next_message().expect(valid) else { return };
            self.received.push(message.into());
        }
    }

    /// All that was sent has arrived, and the wire is right by another implementation, in the window that was agreed on.
    fn check_against(&mut self, from: &Self) {
        assert!(self.received == from.sent, "{:?}, not {:?}", self.received, from.sent);
        let role = self.connection.role();
        let agreed = self.connection.negotiated().map(|agreed| compression(role, agreed));
        let limits = Limits::default();
        let verdict = judge_agreed(role, &limits, agreed, &from.wire);
        assert!(verdict.broken.is_empty() && verdict.events == from.sent);
        let window = agreed.map_or(0, |agreed| 1 << agreed.window_bits);
        assert!(verdict.farthest <= window, "refers back {} bytes", verdict.farthest);
        assert_eq!(role == Role::Server, from.connection.role() == Role::Client);
    }
}
