//! Passes on the frames of one direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use sansocket::frame::{Decoder, FrameChunk, FrameHeader, Limits, MaskKey, Opcode, apply_mask};
use sansocket::{CloseFrame, ProtocolError, Role};

use crate::pair::{End, Ending};

/// The most bytes that one read asks for, and that are held.
const BUFFER_LEN: usize = 32 << 10;

/// The relay holds no frame or message, so it needs no limits on their length.
fn unlimited() -> Limits {
    Limits::default().max_frame_len(u64::MAX).max_message_len(u64::MAX).max_fragments(u32::MAX)
}

pub(crate) struct Direction<'a> {
    from: &'a End,
    to: &'a End,
    ending: &'a Ending,
    decoder: Decoder,
    /// Frames and parts of frames that are not written yet. At most what one read brought.
    output: Vec<u8>,
    /// The masking key of the current frame, if the receiver is a server.
    mask: Option<MaskKey>,
    /// Only part of the current frame has been sent to the receiver.
    in_frame: bool,
    /// A Close frame has been sent to the receiver. Nothing may follow it (section 5.5.1).
    closed: bool,
}

/// Why no more frames are passed on.
enum Stop {
    /// A Close frame was passed on.
    Closed,
    /// The sender's stream has ended, or the deadline has passed.
    Lost,
    /// The sender broke a rule.
    Fault(ProtocolError),
    /// The receiver reads nothing.
    Stuck,
}

impl<'a> Direction<'a> {
    pub(crate) fn new(from: &'a End, to: &'a End, ending: &'a Ending) -> Self {
        let decoder = Decoder::new(from.role, unlimited());
        let output = Vec::with_capacity(BUFFER_LEN);
        Self { from, to, ending, decoder, output, mask: None, in_frame: false, closed: false }
    }

    /// Passes on compressed messages, too.
    pub(crate) fn allow_compressed(mut self) -> Self {
        self.decoder = self.decoder.allow_compressed();
        self
    }

    /// Passes on frames, then the end of the stream. `early`: the bytes that arrived with the opening handshake.
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
                // The other thread reads this stream. It finds the end of the stream and sends a Close frame to the
                // sender.
                self.ending.begin();
                self.to.stream.shutdown(Shutdown::Both).ok();
                self.drain();
            }
        }
        self.ending.begin();
        self.finish();
    }

    fn pass_frames(&mut self, mut incoming: impl Read) -> Stop {
        let mut buffer = vec![0; BUFFER_LEN];
        // How many bytes the decoder left: part of a header or of a control frame.
        let mut left = 0;
        loop {
            let arrived = match self.read(&mut incoming, buffer.split_at_mut(left).1) {
                0 => return Stop::Lost,
                n => left + n,
            };
            let mut input = buffer.split_at_mut(arrived).0;
            let stop = loop {
                match self.decoder.decode(&mut input) {
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

    fn pass(&mut self, chunk: FrameChunk<'_>) {
        match self.to.verdict.get() {
            Some(verdict) if chunk.header.opcode == Opcode::Close => self.push_close(verdict),
            _ => self.push(chunk),
        }
    }

    /// Queues the part of a frame that has arrived.
    fn push(&mut self, chunk: FrameChunk<'_>) {
        let FrameChunk { header, offset, payload, .. } = chunk;
        self.in_frame = offset + (payload.len() as u64) < header.payload_len;
        self.closed |= header.opcode == Opcode::Close;
        if offset == 0 {
            self.mask = (self.to.role == Role::Client).then(MaskKey::random);
            let mut head = [0; FrameHeader::MAX_LEN];
            let len = header.mask(self.mask).encode(&mut head);
            self.output.extend(head.into_iter().take(len));
        }
        if let Some(key) = self.mask {
            apply_mask(payload, key, (offset % 4) as usize);
        }
        self.output.extend_from_slice(payload);
    }

    fn push_close(&mut self, close: &CloseFrame<'_>) {
        let mut body = [0; 125];
        // Every reason here is short and every code may be sent, so this does not fail.
        let Ok(len) = close.encode(&mut body) else { return };
        let payload = body.split_at_mut(len).0;
        let header = FrameHeader::new(Opcode::Close, len as u64);
        self.push(FrameChunk { header, offset: 0, payload });
    }

    /// Writes what is queued. Looks at the deadline between two writes.
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

    /// Ends the stream to the receiver. Sends a Close frame first, if none was sent and no frame is incomplete.
    fn finish(&mut self) {
        if !self.closed && !self.in_frame && self.output.is_empty() {
            self.push_close(&self.to.farewell());
            (&self.to.stream).write_all(&self.output).ok();
        }
        self.closed = true;
        self.to.stream.shutdown(Shutdown::Write).ok();
    }

    /// Reads and discards until the sender ends its stream. A socket that is closed with unread bytes is reset, and a
    /// reset destroys what the peer has not read yet.
    fn drain(&self) {
        let mut discarded = vec![0; BUFFER_LEN];
        while self.read(&mut &self.from.stream, &mut discarded) > 0 {}
    }

    /// Waits for bytes. Zero: the stream has ended or failed, or the deadline has passed.
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
