//! The cells: message length, number of connections, messages in flight.

use std::fmt::{self, Display};

use crate::wire::size;

const SIZES: [usize; 4] = [16, 1 << 10, 64 << 10, 1 << 20];
const CONNECTIONS: [usize; 3] = [1, 32, 500];

/// The most messages and the most bytes in flight on one pipelined connection; at least two messages.
const PIPELINED: usize = 64;
const PIPELINED_BYTES: usize = 256 << 10;

/// The most bytes in flight on all connections. Cells with more are left out.
const MOST_BYTES: usize = 64 << 20;

/// How many messages are in flight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One message on each connection.
    PingPong,
    /// [`Cell::in_flight`] messages, sent together once all echoes of the last batch are back.
    Pipelined,
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PingPong => "ping-pong",
            Self::Pipelined => "pipelined",
        })
    }
}

#[derive(Clone, Copy)]
pub struct Cell {
    pub size: usize,
    pub connections: usize,
    pub mode: Mode,
}

impl Cell {
    pub fn all() -> impl Iterator<Item = Self> {
        let tables = SIZES.iter().flat_map(|&size| CONNECTIONS.map(|connections| (size, connections)));
        let cells = tables.flat_map(|(size, connections)| {
            [Mode::PingPong, Mode::Pipelined].map(|mode| Self { size, connections, mode })
        });
        cells.filter(|cell| cell.size * cell.connections * cell.in_flight() <= MOST_BYTES)
    }

    /// The number of messages in flight on one connection.
    pub fn in_flight(&self) -> usize {
        match self.mode {
            Mode::PingPong => 1,
            Mode::Pipelined => (PIPELINED_BYTES / self.size).clamp(2, PIPELINED),
        }
    }

    /// The table of the cell.
    pub fn table(&self) -> String {
        let plural = if self.connections == 1 { "" } else { "s" };
        format!("{}, {} connection{plural}", size(self.size), self.connections)
    }

    pub fn name(&self) -> String {
        format!("{}, {}", self.table(), self.mode)
    }
}
