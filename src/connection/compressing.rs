//! Messages that are compressed on their way to the output: the sender's side of RFC 7692 section 7.2.1.

use alloc::boxed::Box;

use super::deflation::Deflation;
use super::sender::Sender;
use crate::deflate::{Compressor, Negotiated, pool};
use crate::error::SendError;
use crate::frame::{FrameHeader, Opcode};
use crate::message::{Outgoing, Payload};

impl Sender {
    /// permessage-deflate was agreed on.
    pub(super) fn compress(&mut self, negotiated: Negotiated) {
        let settings = self.config.deflate.clone().unwrap_or_default();
        let deflation = Deflation::new(negotiated, &settings, self.role());
        self.deflation = Some(Box::new(deflation));
        self.lifecycle.compress();
    }

    /// What was agreed on about compression (RFC 7692): `None` if messages are not compressed.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.deflation.as_ref().map(|deflation| deflation.negotiated())
    }

    /// Whether this message or fragment is compressed.
    pub(super) fn compresses(&self, message: &Outgoing<'_>) -> bool {
        let Some(deflation) = &self.deflation else { return false };
        let begins_message = self.lifecycle.message().is_none();
        deflation.compresses(message, begins_message)
            // A message that has room only without compression is sent without it. A later fragment has no choice.
            && (!begins_message || self.has_room(Compressor::bound(message.payload().len())))
    }

    pub(super) fn send_deflated(&mut self, message: &Outgoing<'_>) -> Result<(), SendError> {
        // The worst case: nothing can be taken back once it is compressed.
        self.check(Compressor::bound(message.payload().len()))?;
        self.queue_deflated(message)
    }

    /// Queues a message or fragment compressed: compress, frame, mask, queue.
    pub(super) fn queue_deflated(&mut self, message: &Outgoing<'_>) -> Result<(), SendError> {
        let header = self.next_header(message)?;
        let begins_message = header.opcode != Opcode::Continuation;
        let header = |len: usize| FrameHeader { payload_len: len as u64, ..header.rsv1(begins_message) };
        let Some(deflation) = &mut self.deflation else { return Ok(()) };
        if let (Payload::Prepared(prepared), Some(compressor)) =
            (message.payload, deflation.shared_compressor())
        {
            let encoded = prepared.deflated(compressor);
            let header = header(encoded.payload().len());
            if header.mask.is_none() {
                self.output.append_encoded(encoded.frame());
            } else {
                self.output.append_frame(&header, encoded.payload());
            }
            return Ok(());
        }
        deflation.note_part(message.part);
        pool::with_memory(|memory| {
            deflation.deflate(message.payload(), header(0).fin, memory);
            self.output.append_frame(&header(memory.len()), memory.as_slice());
        });
        Ok(())
    }
}
