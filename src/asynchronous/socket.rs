//! What a TCP stream of any runtime does.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

/// A runtime's TCP stream, by functions that all runtimes have.
pub trait Socket: Unpin {
    /// Reads into `to`. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of what is in the slices. Gives how many bytes.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Tells the peer that nothing more will be written. Reading goes on.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}
