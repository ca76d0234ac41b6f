//! What a connection needs only while it has something to do.

use std::mem;

use sansocket::Buffer;

/// How many idle buffers are kept. One is in use at a time; more come back when messages that came in parts are whole.
const KEPT: usize = 64;

/// How much is read at a time: much, as the buffers are few. A message of 128 KiB goes back from where it was read to.
const READ_LEN: usize = 129 << 10;

/// Buffers to read into, and storage for what is written: a few for all connections.
#[derive(Default)]
pub(crate) struct Lent {
    #[expect(clippy::vec_box, reason = "they come from connections in their boxes, and go back so")]
    inputs: Vec<Box<Buffer>>,
    output: Vec<u8>,
}

impl Lent {
    pub(crate) fn input(&mut self) -> Box<Buffer> {
        self.inputs.pop().unwrap_or_else(|| Box::new(Buffer::with_read_len(READ_LEN)))
    }

    pub(crate) fn keep_input(&mut self, input: Box<Buffer>) {
        if self.inputs.len() < KEPT {
            self.inputs.push(input);
        }
    }

    pub(crate) fn output(&mut self) -> Vec<u8> {
        mem::take(&mut self.output)
    }

    pub(crate) fn keep_output(&mut self, output: Vec<u8>) {
        if self.output.len() < output.len() {
            self.output = output;
        }
    }
}
