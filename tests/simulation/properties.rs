//! What holds at the end of every world.

use std::io::ErrorKind;

use sansocket::{Error, HandshakeError, ProtocolError};

use crate::journal::EXCESS;
use crate::program::Program;
use crate::world::{Plan, World};

/// How one end has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    /// It was never open.
    Unopened,
    /// By a closing handshake.
    Closed,
    Lost,
    /// Its program was dropped.
    Abandoned,
}

/// How one end has ended.
///
/// Both ends are this crate's, and the network alters nothing. So the only faults are the network's.
pub(crate) fn assert_end(world: &World, program: &Program) -> Ended {
    let outcome = program.outcome.borrow();
    let Some(result) = &outcome.result else {
        assert!(!world.is_gentle, "{} has not ended", program.name());
        return Ended::Abandoned;
    };
    if let Err(error) = result {
        assert!(!world.is_gentle, "{} has failed in a gentle world: {error:?}", program.name());
        assert!(is_of_the_network(error), "{} has failed: {error:?}", program.name());
    }
    if !outcome.is_open {
        return Ended::Unopened;
    }
    let info = outcome.info.as_ref().expect("an end has its reason");
    assert!(info.was_clean || !world.is_gentle, "{info:?}");
    if outcome.has_read_all {
        assert!(info.was_clean, "{info:?}");
        program.incoming.assert_complete();
    }
    if info.was_clean { Ended::Closed } else { Ended::Lost }
}

fn is_of_the_network(error: &Error) -> bool {
    match error {
        Error::Protocol(error) => *error == ProtocolError::ConnectionLost,
        Error::Handshake(error) => {
            matches!(error, HandshakeError::TimedOut | HandshakeError::UnexpectedEof)
        }
        Error::Io(error) => {
            let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::TimedOut];
            kinds.contains(&error.kind())
        }
        _ => false,
    }
}

/// The programs, the tasks and the agenda, the memory that the connections of a thread share.
const FIXED: usize = 160 << 10;

/// A compressor and an inflater with their windows.
#[cfg(feature = "deflate")]
const COMPRESSION: usize = 360 << 10;

/// No more memory was in use than the limits of both ends allow.
pub(crate) fn assert_memory(world: &World, peak: usize) {
    let of_ends: usize = world.plans.iter().map(|plan| most_bytes(plan, world)).sum();
    let most = FIXED + of_ends;
    assert!(peak <= most, "{peak} bytes were in use, at most {most} are allowed");
}

fn most_bytes(plan: &Plan, world: &World) -> usize {
    let message = plan.longest + EXCESS;
    // A peer that feeds without a limit queues at most all that it sends.
    let queued = plan.config.max_output_len.min(plan.steps * (message + 500));
    // Buffers grow by doubling: to be assembled, sent, made and compared. What is under way is in many small parts.
    let buffers =
        6 * message + 2 * queued + 4 * world.path.room.min(plan.steps * (message + 500)) + world.path.held;
    #[cfg(feature = "deflate")]
    let buffers = buffers + plan.config.deflate.as_ref().map_or(0, |_| COMPRESSION);
    buffers
}
