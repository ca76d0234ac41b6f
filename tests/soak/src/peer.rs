//! A client that writes whatever it likes: a socket, with TLS if the server has it.

use std::io::{self, ErrorKind};
use std::time::Duration;

use rustix::net::sockopt;
use sansocket::frame::{FrameHeader, Opcode};
use sansocket::tokio::NetStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use crate::bytes;
use crate::visit::{SLACK, Visit};
use crate::{Outcome, wrong};

/// The most bytes of one read.
pub(crate) const READ: usize = 16 << 10;

/// How long a write waits before it is told apart from one that does not wait.
const A_MOMENT: Duration = Duration::from_millis(200);

pub(crate) struct Peer {
    stream: NetStream,
    /// Bytes of the server that are not used yet.
    read: Vec<u8>,
    pub(crate) visit: Visit,
    /// A moment before the connection began.
    since: Instant,
}

/// A frame of the server.
pub(crate) struct Frame {
    pub(crate) opcode: Opcode,
    pub(crate) payload: Vec<u8>,
}

impl Peer {
    /// A socket that is connected. TLS begins with the first read or write.
    pub(crate) async fn reach(visit: Visit) -> Outcome<Self> {
        let since = Instant::now();
        Ok(Self { stream: visit.secure(visit.reach().await?)?, read: Vec::new(), visit, since })
    }

    /// A connection that is open.
    pub(crate) async fn open(visit: Visit) -> Outcome<Self> {
        Self::open_with(visit, "").await
    }

    /// A connection that was opened with more headers.
    pub(crate) async fn open_with(visit: Visit, headers: &str) -> Outcome<Self> {
        let mut peer = Self::reach(visit).await?;
        peer.begin(headers).await?;
        Ok(peer)
    }

    /// The opening handshake, with more headers.
    async fn begin(&mut self, headers: &str) -> Outcome {
        let request = self.request(headers);
        self.send(request.as_bytes()).await?;
        let head = self.head().await?;
        if !head.starts_with("HTTP/1.1 101 ") {
            return wrong(format!("not opened: {head}"));
        }
        Ok(())
    }

    /// A request that is accepted.
    pub(crate) fn request(&self, headers: &str) -> String {
        let (target, host) = (&self.visit.target, self.visit.site.address);
        format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Writes below TLS.
    pub(crate) fn send_raw(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.tcp().try_write(bytes)
    }

    /// Writes as long as the server takes something within `patience`. Gives how many bytes it took.
    pub(crate) async fn push(&mut self, bytes: &[u8], patience: Duration) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            match timeout(patience, self.stream.write(&bytes[sent..])).await {
                Ok(n) => sent += n?,
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// Reads once, at most [`READ`] bytes. False at the end of the stream.
    pub(crate) async fn receive(&mut self) -> io::Result<bool> {
        self.read.reserve(READ);
        let mut part = (&mut self.stream).take(READ as u64);
        Ok(part.read_buf(&mut self.read).await? > 0)
    }

    /// The head of a response. What comes behind it is kept.
    pub(crate) async fn head(&mut self) -> Outcome<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = self.read.drain(..end + 4).collect();
                return Ok(String::from_utf8(head)?);
            }
            if !self.receive().await? {
                return Err("the stream ended before the head of a response".into());
            }
        }
    }

    /// The next frame. `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Outcome<Option<Frame>> {
        loop {
            if let Some((header, start)) = FrameHeader::decode(&self.read)? {
                let end = start + usize::try_from(header.payload_len)?;
                if self.read.len() >= end {
                    let payload = self.read[start..end].to_vec();
                    self.read.drain(..end);
                    return Ok(Some(Frame { opcode: header.opcode, payload }));
                }
            }
            if !self.receive().await? {
                return Ok(None);
            }
        }
    }

    /// The next frame that is one of these.
    pub(crate) async fn next(&mut self, opcodes: &[Opcode]) -> Outcome<Frame> {
        loop {
            let frame = self.frame().await?.ok_or("the stream ended")?;
            if opcodes.contains(&frame.opcode) {
                return Ok(frame);
            }
            if frame.opcode == Opcode::Close {
                return Err(format!("closed: {}", code(&frame)?).into());
            }
        }
    }

    /// Sends a message and waits until the server has sent it back.
    pub(crate) async fn is_served(&mut self) -> Outcome {
        let text = format!("still served {}", self.visit.rng.u64(..));
        let frame = bytes::frame(&mut self.visit.rng, Opcode::Text, text.as_bytes());
        self.send(&frame).await?;
        self.echoes(text.as_bytes()).await
    }

    /// The next message is this one.
    pub(crate) async fn echoes(&mut self, expected: &[u8]) -> Outcome {
        let echo = self.next(&[Opcode::Text, Opcode::Binary]).await?;
        if echo.payload != expected {
            return wrong(format!("{} other bytes instead of {}", echo.payload.len(), expected.len()));
        }
        self.visit.site.counts.message(expected.len());
        Ok(())
    }

    /// The server fails the connection: a Close frame with this code, then the end of the stream, without waiting for an
    /// answer.
    pub(crate) async fn failed_with(&mut self, expected: u16) -> Outcome {
        self.close_frame(expected).await?;
        match timeout(SLACK, self.frame()).await? {
            Ok(None) => Ok(()),
            Ok(Some(frame)) => wrong(format!("{:?} behind a Close frame", frame.opcode)),
            Err(error) => Err(format!("reset behind a Close frame: {error}").into()),
        }
    }

    /// The server closes the connection with this code, and gets the answer.
    pub(crate) async fn closed_with(&mut self, expected: u16) -> Outcome {
        self.close_frame(expected).await?;
        let answer = bytes::frame(&mut self.visit.rng, Opcode::Close, &expected.to_be_bytes());
        self.send(&answer).await?;
        while timeout(SLACK, self.receive()).await?? {}
        Ok(())
    }

    /// A Close frame with this code, behind any other frames.
    pub(crate) async fn close_frame(&mut self, expected: u16) -> Outcome {
        let frame = timeout(SLACK, async {
            loop {
                let frame = self.frame().await?.ok_or("the stream ended without a Close frame")?;
                if frame.opcode == Opcode::Close {
                    return Outcome::Ok(frame);
                }
            }
        });
        let code = code(&frame.await.map_err(|_| "no Close frame")??)?;
        if code == expected { Ok(()) } else { wrong(format!("closed with {code} instead of {expected}")) }
    }

    /// A response with one of these statuses, and the end of the stream.
    pub(crate) async fn refused_with(&mut self, expected: &[u16]) -> Outcome {
        let head = timeout(SLACK, self.head()).await.map_err(|_| "no response")??;
        let status = head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        if status.is_none_or(|status| !expected.contains(&status)) {
            return wrong(format!("answered with {head:?} instead of {expected:?}"));
        }
        self.ends().await
    }

    /// The server ends the stream now, by a reset or not. What it sends until then is not looked at, and TLS does not go on.
    pub(crate) async fn ends(&mut self) -> Outcome {
        self.ends_between(Duration::ZERO, Duration::ZERO).await
    }

    /// As [`ends`](Self::ends), but not before the connection is as old as `from`, and within `to` and some slack.
    pub(crate) async fn ends_between(&mut self, from: Duration, to: Duration) -> Outcome {
        let tcp = self.stream.tcp();
        let ended = async {
            loop {
                tcp.readable().await?;
                match tcp.try_read(&mut [0; 4096]) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => return io::Result::Ok(()),
                    Ok(_) => {}
                }
            }
        };
        timeout(to + SLACK, ended).await.map_err(|_| format!("not ended within {to:?} and {SLACK:?}"))??;
        self.is_not_younger_than(from)
    }

    /// The server gives the socket up, not before the connection is as old as `from`, and within `to` and some slack. This end,
    /// which reads nothing, learns it as it writes: `bytes`, over and over.
    pub(crate) async fn is_given_up(&mut self, bytes: &[u8], from: Duration, to: Duration) -> Outcome {
        let begun = Instant::now();
        // Few bytes are sent now and then, many as fast as they are read.
        let pause = if bytes.len() < 1000 { A_MOMENT } else { Duration::ZERO };
        let mut place = 0;
        while let Ok(n) = self.push(&bytes[place..], A_MOMENT).await {
            place = (place + n) % bytes.len();
            if begun.elapsed() > to + SLACK {
                return Err(format!("not given up within {to:?} and {SLACK:?}").into());
            }
            sleep(pause).await;
        }
        self.is_not_younger_than(from)
    }

    fn is_not_younger_than(&self, from: Duration) -> Outcome {
        match self.age() {
            early if early < from => wrong(format!("ended after {early:?}, before {from:?}")),
            _ => Ok(()),
        }
    }

    /// The time since a moment before the connection began.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Ends the writing direction.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) -> Outcome {
        Ok(sockopt::set_socket_linger(self.stream.tcp(), Some(Duration::ZERO))?)
    }

    /// Ends TCP, without TLS's `close_notify`.
    pub(crate) fn cut(&self) -> Outcome {
        Ok(rustix::net::shutdown(self.stream.tcp(), rustix::net::Shutdown::Write)?)
    }
}

/// The code of a Close frame, 1005 if it has none.
fn code(frame: &Frame) -> Outcome<u16> {
    Ok(match frame.payload.first_chunk() {
        Some(code) => u16::from_be_bytes(*code),
        None if frame.payload.is_empty() => 1005,
        None => return Err("a close code of one byte".into()),
    })
}
