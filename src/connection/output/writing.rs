//! Writing the output to a stream.

use std::io::{ErrorKind, IoSlice, Result, Write};

use super::{Output, SLICES};
use crate::connection::claims::check_written;
use crate::frame::FrameHeader;

/// One reference, what is before and behind it in the run, and a payload that is written with them.
const FEW_SLICES: usize = 4;

impl Output {
    /// Writes once, as much as the stream takes, and drops what was written. `Ok(0)`: nothing waits.
    ///
    /// # Errors
    ///
    /// Those of the stream, except `Interrupted`, which is tried again. `WriteZero` for a stream that takes nothing,
    /// `InvalidData` for one that claims to have written more than it was given. What was not written still waits.
    #[inline]
    pub fn write_to<W: Write + ?Sized>(&mut self, stream: &mut W) -> Result<usize> {
        // Nearly always there is one run.
        match self.waiting() {
            (run @ [_, ..], []) => {
                let n = check_written(uninterrupted(|| stream.write(run))?, run.len())?;
                self.advance(n);
                Ok(n)
            }
            _ => self.write_at_most(usize::MAX, stream),
        }
    }

    /// Writes until nothing waits, then flushes the stream. For streams that block.
    ///
    /// # Errors
    ///
    /// As [`write_to`](Self::write_to).
    pub fn write_all_to<W: Write + ?Sized>(&mut self, stream: &mut W) -> Result<()> {
        while self.held() > 0 {
            self.write_to(stream)?;
        }
        // Even if nothing was written: the stream may hold bytes from an earlier flush that failed.
        stream.flush()
    }

    /// [`write_to`](Self::write_to) that gives the stream at most `most` bytes.
    pub(crate) fn write_at_most<W: Write + ?Sized>(&mut self, most: usize, stream: &mut W) -> Result<usize> {
        if self.held() == 0 {
            return Ok(0);
        }
        let n = self.write_once(stream, &[], most)?;
        self.advance(n);
        Ok(n)
    }

    /// Queues an unmasked frame and writes once. What the stream takes of the payload is not copied. All of the frame is
    /// queued or written, even if this gives an error of the stream.
    pub(crate) fn write_frame_to<W: Write + ?Sized>(
        &mut self,
        stream: &mut W,
        header: &FrameHeader,
        payload: &[u8],
    ) -> Result<()> {
        let (header_len, _) = self.append_header(header, 0);
        self.commit(header_len);
        let result = self.write_once(stream, payload, usize::MAX);
        let waiting = self.held();
        let n = *result.as_ref().unwrap_or(&0);
        self.advance(n.min(waiting));
        let (written, rest) = payload.split_at(n.saturating_sub(waiting).min(payload.len()));
        if !written.is_empty() {
            self.queued += written.len() as u64;
            self.advance(written.len());
        }
        self.append(rest.len()).copy_from_slice(rest);
        result.map(|_| ())
    }

    /// Writes once, at most `most` bytes of what waits and of the bytes `behind` it. Gives how many bytes were written.
    #[inline]
    fn write_once<W: Write + ?Sized>(&self, stream: &mut W, behind: &[u8], most: usize) -> Result<usize> {
        match self.waiting() {
            (run, []) if behind.is_empty() => {
                let run = run.get(..most).unwrap_or(run);
                check_written(uninterrupted(|| stream.write(run))?, run.len())
            }
            (_, [] | [_]) => self.write_slices::<FEW_SLICES, W>(stream, behind, most),
            (_, [..]) => self.write_slices::<SLICES, W>(stream, behind, most),
        }
    }

    /// [`write_once`](Self::write_once) of up to `N` chunks. A long table takes as much time as a short message.
    #[inline(never)]
    fn write_slices<const N: usize, W: Write + ?Sized>(
        &self,
        stream: &mut W,
        behind: &[u8],
        most: usize,
    ) -> Result<usize> {
        let behind = Some(behind).filter(|behind| !behind.is_empty());
        let mut slices = [IoSlice::new(&[]); N];
        let (mut count, mut given) = (0, 0);
        for (slice, chunk) in slices.iter_mut().zip(self.chunks().chain(behind)) {
            let chunk = chunk.get(..most - given).unwrap_or(chunk);
            if chunk.is_empty() {
                break;
            }
            *slice = IoSlice::new(chunk);
            count += 1;
            given += chunk.len();
        }
        let slices = slices.get(..count).unwrap_or_default();
        check_written(uninterrupted(|| stream.write_vectored(slices))?, given)
    }
}

/// Calls `write` again as long as a signal interrupts it.
#[inline]
fn uninterrupted(mut write: impl FnMut() -> Result<usize>) -> Result<usize> {
    loop {
        match write() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
