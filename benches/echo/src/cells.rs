//! The cells: what a message is, number of connections, messages in flight.

use std::fmt::{self, Display};

use sansocket::frame::Opcode;

use crate::wire::size;

const SIZES: [usize; 4] = [16, 1 << 10, 64 << 10, 1 << 20];
const CONNECTIONS: [usize; 3] = [1, 32, 500];

/// The most messages and the most bytes in flight on one pipelined connection; at least two messages.
const PIPELINED: usize = 64;
const PIPELINED_BYTES: usize = 256 << 10;

/// The most bytes in flight on all connections. Cells with more are left out.
const MOST_BYTES: usize = 64 << 20;

/// The cells of HttpArena, which measures whole servers: a short text on many connections.
const HELLO: &[u8] = b"hello";
const HELLO_CONNECTIONS: [usize; 2] = [512, MOST_CONNECTIONS];
const MOST_CONNECTIONS: usize = 4096;
const HELLO_PIPELINED: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// So many pseudo-random bytes.
    Binary(usize),
    /// The text [`HELLO`].
    Hello,
}

impl Payload {
    pub fn opcode(self) -> Opcode {
        match self {
            Self::Binary(_) => Opcode::Binary,
            Self::Hello => Opcode::Text,
        }
    }

    pub fn size(self) -> usize {
        match self {
            Self::Binary(size) => size,
            Self::Hello => HELLO.len(),
        }
    }

    pub fn bytes(self, random: &mut fastrand::Rng) -> Vec<u8> {
        match self {
            Self::Binary(size) => {
                let mut bytes = vec![0; size];
                random.fill(&mut bytes);
                bytes
            }
            Self::Hello => HELLO.to_vec(),
        }
    }
}

impl Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary(len) => f.write_str(&size(*len)),
            Self::Hello => f.write_str("hello"),
        }
    }
}

/// How many messages are in flight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One message on each connection.
    PingPong,
    /// [`Cell::in_flight`] messages, sent together once all echoes of the last batch are back.
    Pipelined,
}

impl Mode {
    const ALL: [Self; 2] = [Self::PingPong, Self::Pipelined];
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
    pub payload: Payload,
    pub connections: usize,
    pub mode: Mode,
}

impl Cell {
    pub fn all() -> impl Iterator<Item = Self> {
        let binary = SIZES.iter().flat_map(|&size| CONNECTIONS.map(|count| (Payload::Binary(size), count)));
        let hello = HELLO_CONNECTIONS.map(|count| (Payload::Hello, count));
        let cells = binary
            .chain(hello)
            .flat_map(|(payload, connections)| Mode::ALL.map(|mode| Self { payload, connections, mode }));
        cells.filter(|cell| cell.payload.size() * cell.connections * cell.in_flight() <= MOST_BYTES)
    }

    /// The number of messages in flight on one connection.
    pub fn in_flight(&self) -> usize {
        match (self.mode, self.payload) {
            (Mode::PingPong, _) => 1,
            (Mode::Pipelined, Payload::Hello) => HELLO_PIPELINED,
            (Mode::Pipelined, Payload::Binary(size)) => (PIPELINED_BYTES / size).clamp(2, PIPELINED),
        }
    }

    /// The length of a turn, in multiples of [`Effort::turn`](crate::measure::Effort::turn): with many connections each needs
    /// several round trips, and one in a thousand is to be more than one.
    pub fn turn_factor(&self) -> u32 {
        match self.payload {
            Payload::Binary(_) => 1,
            Payload::Hello if self.connections < MOST_CONNECTIONS => 2,
            Payload::Hello => 8,
        }
    }

    /// The table of the cell.
    pub fn table(&self) -> String {
        let plural = if self.connections == 1 { "" } else { "s" };
        format!("{}, {} connection{plural}", self.payload, self.connections)
    }

    pub fn name(&self) -> String {
        format!("{}, {}", self.table(), self.mode)
    }
}
