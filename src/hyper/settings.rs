//! The first settings of an HTTP/2 server. Hyper reads them, but does not report when they have arrived.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use ::tokio::sync::watch;

/// The settings that a server sends at the beginning of an HTTP/2 connection. [`Http2Io::new`] gives them.
#[derive(Clone, Debug)]
pub struct Settings(watch::Receiver<Option<bool>>);

impl Settings {
    /// Waits for the value of `SETTINGS_ENABLE_CONNECT_PROTOCOL` (RFC 8441 section 3): whether the server accepts WebSocket
    /// connections over HTTP/2. `None` if the connection has ended before the settings came.
    pub async fn enable_connect_protocol(&mut self) -> Option<bool> {
        *self.0.wait_for(Option::is_some).await.ok()?
    }
}

/// The stream of a client's HTTP/2 connection, for hyper's `handshake`. Passes all bytes on, and reads the settings in the
/// first frame of the server.
#[derive(Debug)]
pub struct Http2Io<T> {
    io: T,
    /// Until the first frame is whole.
    first: Option<FirstFrame>,
}

#[derive(Debug)]
struct FirstFrame {
    bytes: Vec<u8>,
    found: watch::Sender<Option<bool>>,
}

impl<T> Http2Io<T> {
    /// The stream, and the settings that it will receive.
    pub fn new(io: T) -> (Self, Settings) {
        let (found, settings) = watch::channel(None);
        let first = FirstFrame { bytes: Vec::new(), found };
        (Self { io, first: Some(first) }, Settings(settings))
    }
}

/// The length of a frame header (RFC 9113 section 4.1).
const HEADER_LEN: usize = 9;

/// "All implementations MUST be capable of receiving and minimally processing frames up to 2^14 octets in length" (section
/// 4.2). More are not waited for: that would be 2,730 settings.
const MAX_LEN: usize = 1 << 14;

impl FirstFrame {
    /// Whether the setting is 1, once the frame is whole. "This … MUST be the first frame the … server sends" (section 3.4):
    /// any other frame is an error that hyper finds.
    fn receive(&mut self, bytes: &[u8]) -> Option<bool> {
        self.bytes.extend_from_slice(bytes);
        let (header, payload) = self.bytes.split_first_chunk::<HEADER_LEN>()?;
        let [high, mid, low, kind, flags, ..] = *header;
        let len = u32::from_be_bytes([0, high, mid, low]) as usize;
        const SETTINGS: u8 = 4;
        const ACK: u8 = 1;
        if kind != SETTINGS || flags & ACK != 0 || len > MAX_LEN {
            return Some(false);
        }
        let settings = payload.get(..len)?.chunks_exact(6);
        // "The value for a setting … is the last one that was received" (section 6.5.3).
        let value = settings.rev().find_map(|setting| setting.strip_prefix(&[0, 8]));
        Some(value == Some(&[0, 0, 0, 1]))
    }
}

impl<T: Read + Unpin> Read for Http2Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { io, first } = self.get_mut();
        let Some(frame) = first else { return Pin::new(io).poll_read(cx, to) };
        let mut room = [0; 1024];
        let len = room.len().min(to.remaining());
        let mut read = ReadBuf::new(room.get_mut(..len).unwrap_or_default());
        ready!(Pin::new(io).poll_read(cx, read.unfilled()))?;
        to.put_slice(read.filled());
        if let Some(is_enabled) = frame.receive(read.filled()) {
            frame.found.send_replace(Some(is_enabled));
            *first = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Http2Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, from)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test panics if it meets something unexpected")]
mod tests {
    use super::*;

    // req: 8441-3-a, 8441-3-b
    #[test]
    fn section_3_setting_is_found_in_the_first_frame() {
        let enabled = b"\0\x08\0\0\0\x01";
        let rows: [(&[u8], Option<bool>); 12] = [
            (b"", None),
            (b"\0\0\0\x04\0\0\0\0", None),
            (b"\0\0\0\x04\0\0\0\0\0", Some(false)),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0", None),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01", Some(true)),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\0", Some(false)),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x02", Some(false)),
            (b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x08\0\0\0\x01", Some(true)),
            (b"\0\0\x0c\x04\0\0\0\0\0\0\x08\0\0\0\0\0\x08\0\0\0\x01", Some(true)),
            (b"\0\0\0\x04\x01\0\0\0\0", Some(false)), // an acknowledgement
            (b"\0\0\x06\x06\0\0\0\0\0\0\x08\0\0\0\x01", Some(false)), // a Ping
            (b"\0\x40\x01\x04\0\0\0\0\0", Some(false)), // longer than 16,384 bytes
        ];
        for (bytes, expected) in rows {
            for len in [1, 4, 1000] {
                let (io, _settings) = Http2Io::new(());
                let mut first = io.first.unwrap();
                let found = bytes.chunks(len).find_map(|bytes| first.receive(bytes));
                assert_eq!(found, expected, "{} by {len}", bytes.escape_ascii());
            }
        }
        let (io, _settings) = Http2Io::new(());
        let longest = [&b"\0\x3f\xfc\x04\0\0\0\0\0"[..], &[0; 0x3ffc - 6], enabled].concat();
        assert_eq!(io.first.unwrap().receive(&longest), Some(true));
    }
}
