//! Bytes of any kind, in any reads, into a connection or the frame decoder.

use sansocket::{Buffer, CloseCode, Config, Event, ProtocolError, Role};

use crate::Traffic;
use crate::model::answers::check_sent;
use crate::model::event::Got;
use crate::model::paths::{arrive, check_connection, check_decoder, connection as end, written};
use crate::model::receiver::judge;

/// The frame decoder gives out what the model says, at once and in parts.
pub fn decoder(case: &Traffic<'_>) {
    let bytes = case.wire(case.role());
    let error = check_decoder(case.role(), case.limits(), &[&bytes]);
    assert_eq!(check_decoder(case.role(), case.limits(), &case.reads(&bytes)), error);
}

/// A connection gives out what the model says, at once and in parts, by every way to take it; and an application that
/// talks meanwhile changes nothing about that.
pub fn connection(role: Role, case: &Traffic<'_>) {
    let bytes = case.wire(role);
    let error = check_connection(role, case.limits(), &[&bytes]);
    assert_eq!(check_connection(role, case.limits(), &case.reads(&bytes)), error);
    busy(role, case, &case.reads(&bytes), error);
}

/// Echoes every message, and closes after a few events.
fn busy(role: Role, case: &Traffic<'_>, reads: &[&[u8]], expected: Option<ProtocolError>) {
    let mut end = end(role, &Config { limits: case.limits(), ..Config::default() });
    let (mut input, mut events, mut output) = (Buffer::new(), Vec::new(), Vec::new());
    let mut error = None;
    arrive(reads, &mut input, |input| {
        loop {
            let event = match end.next_event(input) {
                Ok(None) => break,
                Ok(Some(event)) => event,
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            };
            // What cannot be sent, after a Close frame say, is refused and leaves no trace in the output.
            match event {
                Event::Text(text) => _ = end.send_text(text),
                Event::Binary(data) => _ = end.send_binary(data),
                _ => {}
            }
            events.push(Got::from(event));
            if events.len() == case.closes_after() {
                let _ = end.close(CloseCode::NORMAL, "enough");
            }
        }
        if !case.is_unwritten() {
            output.extend(written(end.output()));
        }
    });
    output.extend(written(end.output()));
    assert_eq!(events, judge(role, &case.limits(), &reads.concat()).events);
    assert_eq!(error, expected);
    check_sent(role, &output);
}
