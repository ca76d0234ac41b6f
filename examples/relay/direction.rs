//! The frames of one direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use sansocket::frame::{Chunk, Decoder, FrameHeader, Limits, MaskKey, Opcode, apply_mask};
use sansocket::{CloseFrame, ProtocolError, Role};

use crate::pair::{End, Ending};

/// How much is read at a time, and so the most that is ever held.
const BUFFER_LEN: usize = 32 << 10;

/// Nothing is held, so there is nothing that a long frame or message could fill.
const UNLIMITED: Limits =
    Limits { max_frame_len: u64::MAX, max_message_len: u64::MAX, max_fragments: u32::MAX };

pub(crate) struct Direction<'a> {
    from: &'a End,
    to: &'a End,
    ending: &'a Ending,
    /// Frames that have not been written yet, whole or in part: no more than one read brought.
    output: Vec<u8>,
    /// The key of the frame that is being passed on, where the receiver wants one.
    mask: Option<MaskKey>,
    /// The receiver waits for the rest of a frame.
    in_frame: bool,
    /// The receiver has its Close frame: nothing may follow it (section 5.5.1).
    closed: bool,
}

/// Why no more frames are passed on.
enum Stop {
    /// A Close frame was the last.
    Closed,
    /// The sender's stream has ended, or its time is over.
    Lost,
    /// The sender broke a rule.
    Fault(ProtocolError),
    /// The receiver takes nothing.
    Stuck,
}

impl<'a> Direction<'a> {
    pub(crate) fn new(from: &'a End, to: &'a End, ending: &'a Ending) -> Self {
        let output = Vec::with_capacity(BUFFER_LEN);
        Self { from, to, ending, output, mask: None, in_frame: false, closed: false }
    }

    /// Passes on frames, then the end of the stream. `early` is what was read before.
    pub(crate) fn run(mut self, early: &[u8]) {
        match self.pass_frames(early.chain(&self.from.stream)) {
            Stop::Closed => {
                self.ending.close_passed();
                self.drain();
            }
            Stop::Lost => {}
            Stop::Fault(error) => {
                self.ending.begin();
                let verdict = CloseFrame { code: error.close_code(), reason: error.as_str() };
                self.from.verdict.get_or_init(|| verdict);
                self.finish();
                self.drain();
            }
            Stop::Stuck => {
                // The other thread, which reads there, finds the end of the stream and tells the sender.
                self.ending.begin();
                self.to.stream.shutdown(Shutdown::Both).ok();
                self.drain();
            }
        }
        self.ending.begin();
        self.finish();
    }

    fn pass_frames(&mut self, mut incoming: impl Read) -> Stop {
        let mut decoder = Decoder::new(self.from.role, UNLIMITED);
        let mut buffer = vec![0; BUFFER_LEN];
        // What the decoder left: part of a header, or of a control frame.
        let mut left = 0;
        loop {
            let arrived = match self.read(&mut incoming, buffer.split_at_mut(left).1) {
                0 => return Stop::Lost,
                n => left + n,
            };
            let mut input = buffer.split_at_mut(arrived).0;
            let stop = loop {
                match decoder.decode(&mut input) {
                    Ok(Some(chunk)) => self.pass(chunk),
                    Ok(None) => break None,
                    Err(error) => break Some(Stop::Fault(error)),
                }
                if self.closed {
                    break Some(Stop::Closed);
                }
            };
            left = input.len();
            buffer.copy_within(arrived - left..arrived, 0);
            if self.write().is_err() {
                return Stop::Stuck;
            }
            if let Some(stop) = stop {
                return stop;
            }
        }
    }

    fn pass(&mut self, chunk: Chunk<'_>) {
        match self.to.verdict.get() {
            Some(verdict) if chunk.header.opcode == Opcode::Close => self.push_close(verdict),
            _ => self.push(chunk),
        }
    }

    /// Queues a frame, or as much of one as has arrived.
    fn push(&mut self, chunk: Chunk<'_>) {
        let Chunk { header, offset, payload } = chunk;
        self.in_frame = offset + (payload.len() as u64) < header.payload_len;
        self.closed |= header.opcode == Opcode::Close;
        if offset == 0 {
            self.mask = (self.to.role == Role::Client).then(MaskKey::random);
            let mut head = [0; FrameHeader::MAX_LEN];
            let len = FrameHeader { mask: self.mask, ..header }.encode(&mut head);
            self.output.extend(head.into_iter().take(len));
        }
        if let Some(key) = self.mask {
            apply_mask(payload, key, (offset % 4) as usize);
        }
        self.output.extend_from_slice(payload);
    }

    fn push_close(&mut self, close: &CloseFrame<'_>) {
        let mut body = [0; 125];
        // All of them are short, with codes that may be sent; if not, the stream ends without a Close frame.
        let Ok(len) = close.encode(&mut body) else { return };
        let payload = body.split_at_mut(len).0;
        let header = FrameHeader {
            fin: true,
            rsv1: false,
            opcode: Opcode::Close,
            mask: None,
            payload_len: len as u64,
        };
        self.push(Chunk { header, offset: 0, payload });
    }

    /// Writes what is queued, for as long as there is time.
    fn write(&mut self) -> io::Result<()> {
        let mut rest = &self.output[..];
        while !rest.is_empty() {
            if self.ending.is_over() {
                return Err(ErrorKind::TimedOut.into());
            }
            match (&self.to.stream).write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => rest = rest.split_at(n).1,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        Ok(())
    }

    /// There is nothing more for the receiver: a Close frame, where one is missing and can stand, and the end of the
    /// stream.
    fn finish(&mut self) {
        if !self.closed && !self.in_frame && self.output.is_empty() {
            self.push_close(&self.to.farewell());
            (&self.to.stream).write_all(&self.output).ok();
        }
        self.closed = true;
        self.to.stream.shutdown(Shutdown::Write).ok();
    }

    /// Waits for the end of the stream. Were it ended with something unread, the peer would lose what it has not read.
    fn drain(&self) {
        let mut discarded = vec![0; BUFFER_LEN];
        while self.read(&mut &self.from.stream, &mut discarded) > 0 {}
    }

    /// Waits for bytes. None means the end of the stream, be it by an error or because time is over.
    fn read(&self, incoming: &mut impl Read, buffer: &mut [u8]) -> usize {
        while !self.ending.is_over() {
            match incoming.read(buffer) {
                Ok(n) => return n,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => break,
                },
            }
        }
        0
    }
}
