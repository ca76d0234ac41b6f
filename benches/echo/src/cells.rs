//! What is measured: how long the messages are, on how many connections, how many at a time.

use std::fmt::{self, Display};

use crate::wire::size;

const SIZES: [usize; 4] = [16, 1 << 10, 64 << 10, 1 << 20];
const CONNECTIONS: [usize; 3] = [1, 32, 500];

/// In flight on one connection when pipelined: so many messages, or so many bytes if these are less; two at least.
const PIPELINED: usize = 64;
const PIPELINED_BYTES: usize = 256 << 10;

/// In flight on all connections together; a cell with more is left out.
const MOST_BYTES: usize = 64 << 20;

/// How many messages are on their way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One on each connection.
    PingPong,
    /// As many as [`Cell::in_flight`] says, sent together once all of the last ones are back.
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

    /// Messages on one connection.
    pub fn in_flight(&self) -> usize {
        match self.mode {
            Mode::PingPong => 1,
            Mode::Pipelined => (PIPELINED_BYTES / self.size).clamp(2, PIPELINED),
        }
    }

    /// The table that it belongs to.
    pub fn table(&self) -> String {
        let plural = if self.connections == 1 { "" } else { "s" };
        format!("{}, {} connection{plural}", size(self.size), self.connections)
    }

    pub fn name(&self) -> String {
        format!("{}, {}", self.table(), self.mode)
    }
}
