//! Two ends of this crate and a wire between them: nothing is lost, nothing is invented, the order is kept, and memory
//! that both ends use shows neither the bytes of the other.

mod end;
mod operation;
mod taken;

use core::time::Duration;

use end::End;
use operation::{By, Operation, Reading};
use sansocket::{Role, Storage};

use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// What the applications at both ends, the wire and the clock do.
#[derive(Debug, Arbitrary)]
pub struct Session {
    tight: bool,
    operations: Vec<Operation>,
}

/// The operations in turn. Then everything that waits is delivered and taken.
pub fn session(case: &Session) {
    let mut ends = [End::new(Role::Client, case.tight), End::new(Role::Server, case.tight)];
    let mut storage = Storage::new();
    let mut now = Duration::ZERO;
    for operation in &case.operations {
        match operation {
            Operation::Wait { seconds } => {
                now += Duration::from_secs((*seconds).into());
                ends.iter_mut().for_each(|end| end.tell(now));
            }
            Operation::Carry { by_server, len, reading, takes } => {
                carry(&mut ends, *by_server, (*len).into(), *reading);
                if *takes {
                    ends[usize::from(!*by_server)].take(By::Event, now);
                }
            }
            Operation::Take { server, by } => ends[usize::from(*server)].take(*by, now),
            Operation::Reuse { server } => {
                ends[usize::from(*server)].share(|connection| connection.reuse(&mut storage));
            }
            Operation::Reclaim { server } => {
                ends[usize::from(*server)].share(|connection| connection.reclaim(&mut storage));
            }
            Operation::EndOfStream { server } => ends[usize::from(*server)].end_of_stream(),
            Operation::By { server, action, times } => {
                (0..*times).for_each(|_| ends[usize::from(*server)].act(action, now));
            }
        }
    }
    ends.iter_mut().for_each(|end| end.take(By::Event, now));
    while ends.iter_mut().any(End::has_output) {
        for by_server in [false, true] {
            carry(&mut ends, by_server, usize::MAX, Reading::Filled);
            ends[usize::from(!by_server)].take(By::Event, now);
        }
    }
    let [client, server] = &mut ends;
    client.check_against(server);
    server.check_against(client);
}

/// Delivers at most `len` bytes of what waits.
fn carry([client, server]: &mut [End; 2], by_server: bool, len: usize, reading: Reading) {
    let (from, to) = if by_server { (server, client) } else { (client, server) };
    let bytes = from.write(len);
    to.receive(&bytes, reading);
}
