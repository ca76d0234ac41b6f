//! Two connections that live and end together.

use std::io;
use std::net::TcpStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sansocket::blocking::WebSocket;
use sansocket::{CloseCode, CloseFrame, Role};

use crate::direction::Direction;

/// How long a peer has to end its stream, once there is nothing more to pass on.
const PATIENCE: Duration = Duration::from_secs(5);

/// One of the two connections. One thread reads from it, and the other alone writes to it, so that no frame ever comes
/// between the bytes of another.
pub(crate) struct End {
    pub(crate) stream: TcpStream,
    /// What the relay is here: the server of its client, and a client of the server behind it.
    pub(crate) role: Role,
    /// The Close frame that this peer gets for a rule that it broke, instead of what it would have got.
    pub(crate) verdict: OnceLock<CloseFrame<'static>>,
}

impl End {
    fn new(stream: TcpStream, role: Role) -> io::Result<Self> {
        // Whoever waits for bytes looks at the deadline now and then.
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, role, verdict: OnceLock::new() })
    }

    /// The Close frame for this peer when the other one has not sent any.
    pub(crate) fn farewell(&self) -> CloseFrame<'static> {
        let lost = match self.role {
            Role::Server => CloseFrame { code: CloseCode::BAD_GATEWAY, reason: "the server is gone" },
            Role::Client => CloseFrame { code: CloseCode::GOING_AWAY, reason: "the client is gone" },
        };
        self.verdict.get().copied().unwrap_or(lost)
    }
}

/// The end of a pair: from some point on there is only so much time left.
#[derive(Default)]
pub(crate) struct Ending {
    half_closed: AtomicBool,
    deadline: OnceLock<Instant>,
}

impl Ending {
    /// A Close frame has been passed on. The second one completes the closing handshake; what is sent before it, by
    /// whoever has not closed yet, is passed on for as long as that takes.
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
pub(crate) fn run(client: WebSocket<TcpStream>, upstream: WebSocket<TcpStream>) -> io::Result<()> {
    // What arrived right behind the heads is still in the buffers.
    let (client, _, from_client) = client.into_parts();
    let (upstream, _, from_upstream) = upstream.into_parts();
    let client = End::new(client, Role::Server)?;
    let upstream = End::new(upstream, Role::Client)?;
    let ending = Ending::default();
    thread::scope(|scope| {
        let up = Direction::new(&client, &upstream, &ending);
        let down = Direction::new(&upstream, &client, &ending);
        thread::Builder::new().spawn_scoped(scope, || down.run(from_upstream.unread()))?;
        up.run(from_client.unread());
        Ok(())
    })
}
