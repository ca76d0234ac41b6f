//! Records on their way to the socket.

use std::cell::Cell;
use std::io::{self, Write};

thread_local! {
    /// The memory of records that have been written, for the next ones of this thread.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Encrypted records that the socket has not taken yet, in one run. Holds no memory while there are none.
#[derive(Debug, Default)]
pub(crate) struct Records {
    bytes: Vec<u8>,
    /// How many of the bytes the socket has taken.
    written: usize,
}

impl Records {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What the socket has not taken.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// The socket has taken this many more bytes.
    pub(crate) fn advance(&mut self, n: usize) {
        self.written += n;
        if self.rest().is_empty() {
            self.written = 0;
            self.bytes.clear();
            // A thread that ends keeps nothing.
            SPARE.try_with(|spare| spare.set(std::mem::take(&mut self.bytes))).ok();
        }
    }

    /// Makes room for this many bytes.
    pub(super) fn reserve(&mut self, len: usize) {
        if self.is_empty() {
            self.bytes = SPARE.try_with(Cell::take).unwrap_or_default();
        }
        self.bytes.reserve(len);
    }
}

impl Write for Records {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
