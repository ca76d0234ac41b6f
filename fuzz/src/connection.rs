//! Any bytes, in any reads, into a connection or the frame decoder.

use sansocket::{CloseCode, Config, Event, ProtocolError, Role};

use crate::Traffic;
use crate::model::answers::check_sent;
use crate::model::event::Got;
use crate::model::paths::{arrive, check_connection, check_decoder, connection as end, written};
use crate::model::receiver::judge;

/// The frame decoder gives what the model says, in one read and in many.
pub fn decoder(case: &Traffic<'_>) {
    let bytes = case.wire(case.role());
    let error = check_decoder(case.role(), case.limits(), &[&bytes]);
    assert_eq!(check_decoder(case.role(), case.limits(), &case.reads(&bytes)), error);
}

/// A connection gives what the model says, in one read and in many, by every way to take it. An application that sends
/// meanwhile changes nothing.
pub fn connection(role: Role, case: &Traffic<'_>) {
    let bytes = case.wire(role);
    let error = check_connection(role, case.limits(), &[&bytes]);
    assert_eq!(check_connection(role, case.limits(), &case.reads(&bytes)), error);
    busy(role, case, &case.reads(&bytes), error);
}

/// Echoes every message while its event is alive, and closes after a few events.
fn busy(role: Role, case: &Traffic<'_>, reads: &[&[u8]], expected: Option<ProtocolError>) {
    let mut end = end(role, &Config::default().limits(case.limits()));
    let (mut events, mut output, mut error) = (Vec::new(), Vec::new(), None);
    arrive(reads, &mut end, |end| {
        let (receiver, sender) = end.split_mut();
        loop {
            let event = match receiver.next_event(sender) {
                Ok(None) => break,
                Ok(Some(event)) => event,
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            };
            // A message that cannot be sent, such as one after a Close frame, is refused and leaves no trace in the output.
            match event {
                Event::Text(text) => _ = sender.send(text),
                Event::Binary(data) => _ = sender.send(data),
                _ => {}
            }
            events.push(Got::from(event));
            if events.len() == case.closes_after() {
                let _ = sender.close(CloseCode::NORMAL, "enough");
            }
        }
        if !case.is_unwritten() {
            output.extend(written(sender.output()));
        }
    });
    output.extend(written(end.output()));
    assert_eq!(events, judge(role, &case.limits(), &reads.concat()).events);
    assert_eq!(error, expected);
    check_sent(role, &output);
}
