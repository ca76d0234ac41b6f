//! The prepared bytes of a cell: what is sent, and what has to come back.

use sansocket::frame::MaskKey;

use crate::cells::Cell;
use crate::servers::Protocol;
use crate::wire::push_frame;

/// The number of different batches, and the most bytes in all of them. The echo of another batch is an error,
/// unless all payloads are the same.
const BATCHES: usize = 8;
const BYTES: usize = 4 << 20;

/// The messages in flight together on one connection.
pub struct Batch {
    pub sent: Vec<u8>,
    pub expected: Vec<u8>,
}

/// The batches that a connection sends in turn.
pub struct Traffic {
    batches: Vec<Batch>,
    pub messages_a_batch: usize,
}

impl Traffic {
    pub fn new(cell: &Cell, protocol: Protocol) -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let count = (BYTES / (cell.payload.size() * cell.in_flight())).clamp(2, BATCHES);
        let batches = (0..count).map(|_| Batch::new(cell, protocol, &mut random)).collect();
        Self { batches, messages_a_batch: cell.in_flight() }
    }

    pub fn batch(&self, number: usize) -> &Batch {
        &self.batches[number % self.batches.len()]
    }
}

impl Batch {
    fn new(cell: &Cell, protocol: Protocol, random: &mut fastrand::Rng) -> Self {
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for _ in 0..cell.in_flight() {
            let (opcode, payload) = (cell.payload.opcode(), cell.payload.bytes(random));
            push_frame(&mut expected, opcode, true, None, &payload);
            let key = MaskKey(random.u32(..).to_ne_bytes());
            push_frame(&mut sent, opcode, true, Some(key), &payload);
        }
        if protocol == Protocol::Bytes {
            expected.clone_from(&sent);
        }
        Self { sent, expected }
    }
}
