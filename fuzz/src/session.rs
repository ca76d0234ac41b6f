//! Two ends of ours and a wire between them: nothing is lost, nothing is invented, and the order is kept.

mod end;
mod operation;

use core::time::Duration;

use end::End;
use operation::Operation;
use sansocket::Role;

use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// What the applications at both ends do, the wire and the clock in between.
#[derive(Debug, Arbitrary)]
pub struct Session {
    tight: bool,
    operations: Vec<Operation>,
}

/// The operations one after the other; then everything that waits is delivered.
pub fn session(case: &Session) {
    let mut ends = [End::new(Role::Client, case.tight), End::new(Role::Server, case.tight)];
    let mut now = Duration::ZERO;
    for operation in &case.operations {
        match operation {
            Operation::Wait { seconds } => {
                now += Duration::from_secs((*seconds).into());
                ends.iter_mut().for_each(|end| end.tell(now));
            }
            Operation::Carry { by_server, len } => carry(&mut ends, *by_server, (*len).into(), now),
            Operation::By { server, action, times } => {
                (0..*times).for_each(|_| ends[usize::from(*server)].act(action, now));
            }
        }
    }
    while ends.iter_mut().any(|end| !end.connection.output().is_empty()) {
        carry(&mut ends, false, usize::MAX, now);
        carry(&mut ends, true, usize::MAX, now);
    }
    let [client, server] = &mut ends;
    client.check_against(server);
    server.check_against(client);
}

/// One read, of as much as that.
fn carry([client, server]: &mut [End; 2], by_server: bool, len: usize, now: Duration) {
    let (from, to) = if by_server { (server, client) } else { (client, server) };
    let bytes = from.write(len);
    to.receive(&bytes, now);
    to.check_order(from);
}
