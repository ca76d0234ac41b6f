//! A pair of connections that end together.

use std::io;
use std::net::TcpStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sansocket::{CloseCode, CloseFrame, Role};

use crate::direction::Direction;
use crate::opening::Opened;

/// How long a peer may take to end its stream once nothing more is passed on.
const PATIENCE: Duration = Duration::from_secs(5);

/// A peer that takes nothing for this long is dropped.
const STALL: Duration = Duration::from_secs(30);

/// One of the two connections. Only one thread reads from it, and only the other one writes to it.
pub(crate) struct End {
    pub(crate) stream: TcpStream,
    /// The role of the relay on this connection.
    pub(crate) role: Role,
    /// The Close frame for this peer if it broke a rule. It replaces the Close frame of the other peer.
    pub(crate) verdict: OnceLock<CloseFrame<'static>>,
}

impl End {
    fn new(stream: TcpStream, role: Role) -> io::Result<Self> {
        // A read that waits looks at the deadline at this interval.
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(STALL))?;
        Ok(Self { stream, role, verdict: OnceLock::new() })
    }

    /// The Close frame for this peer if the other peer has sent none.
    pub(crate) fn farewell(&self) -> CloseFrame<'static> {
        let lost = match self.role {
            Role::Server => CloseFrame { code: CloseCode::BAD_GATEWAY, reason: "the server is gone" },
            Role::Client => CloseFrame { code: CloseCode::GOING_AWAY, reason: "the client is gone" },
        };
        self.verdict.get().copied().unwrap_or(lost)
    }
}

/// The end of a pair. Once begun, it has a deadline.
#[derive(Default)]
pub(crate) struct Ending {
    half_closed: AtomicBool,
    deadline: OnceLock<Instant>,
}

impl Ending {
    /// A Close frame has been passed on. The deadline begins with the second one, which completes the closing
    /// handshake. Until then the end that has not closed may send messages.
    pub(crate) fn close_passed(&self) {
        if self.half_closed.swap(true, Ordering::Relaxed) {
            self.begin();
        }
    }

    pub(crate) fn begin(&self) {
        self.deadline.get_or_init(|| Instant::now() + PATIENCE);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.deadline.get().is_some_and(|deadline| Instant::now() >= *deadline)
    }
}

/// Passes frames on until both connections have ended.
pub(crate) fn run(opened: Opened) -> io::Result<()> {
    let ((client, from_client), (upstream, from_upstream)) = (opened.client, opened.upstream);
    let client = End::new(client, Role::Server)?;
    let upstream = End::new(upstream, Role::Client)?;
    let ending = Ending::default();
    thread::scope(|scope| {
        let mut up = Direction::new(&client, &upstream, &ending);
        let mut down = Direction::new(&upstream, &client, &ending);
        if opened.may_be_compressed {
            (up, down) = (up.allow_compressed(), down.allow_compressed());
        }
        thread::Builder::new().spawn_scoped(scope, || down.run(from_upstream.unread()))?;
        up.run(from_client.unread());
        Ok(())
    })
}
