//! A relay between two peers that the test controls.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use sansocket::blocking::{self, NetStream, WebSocket};
use sansocket::frame::{Decoder, FrameHeader, Limits, MaskKey, Opcode, apply_mask};
use sansocket::handshake::extensions::parse;
use sansocket::handshake::{client, server};
use sansocket::{CloseCode, CloseFrame, Config, Connection, Role};

use crate::example_server::{PATIENCE, Server};

pub(crate) fn unlimited() -> Limits {
    Limits::default().max_frame_len(u64::MAX).max_message_len(u64::MAX).max_fragments(u32::MAX)
}

/// The masking key of the client.
pub(crate) const KEY: MaskKey = MaskKey([0x11, 0x22, 0x33, 0x44]);

pub(crate) struct Relay {
    pub(crate) server: Server,
    pub(crate) upstream: TcpListener,
}

impl Relay {
    /// A relay in front of a server that the test plays.
    pub(crate) fn start() -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = upstream.local_addr().unwrap().to_string();
        Self { server: Server::start("relay", &["--upstream", &address]), upstream }
    }

    /// The two ends of a pair as connections, client first.
    pub(crate) fn sockets(&self) -> (WebSocket<NetStream>, WebSocket<NetStream>) {
        let upstream = &self.upstream;
        thread::scope(|scope| {
            let accept =
                scope.spawn(|| blocking::accept(NetStream::from(upstream.accept().unwrap().0)).unwrap());
            (blocking::connect(&self.server.url("/")).unwrap(), accept.join().unwrap())
        })
    }

    /// The two ends of a pair that has agreed on compression, as frames, client first. Also the extensions of the request and
    /// of the response, as the other end received them.
    pub(crate) fn compressed_pair(&self, offers: &[&str], chosen: &[&str]) -> (Peer, Peer, [Vec<String>; 2]) {
        let mut offered = Vec::new();
        let accept = |request: &server::Request| {
            offered = request.extensions().map(|offer| offer.to_string()).collect();
            chosen
                .iter()
                .flat_map(|line| parse(line.as_bytes()).unwrap())
                .fold(request.accept(), |response, chosen| response.extension(&chosen))
        };
        let request = client::Request::new(&self.server.url("/")).unwrap();
        let request = offers
            .iter()
            .flat_map(|line| parse(line.as_bytes()).unwrap())
            .fold(request, |request, offer| request.extension(&offer));
        let upstream = &self.upstream;
        let (client, upstream, answered) = thread::scope(|scope| {
            let stream = || upstream.accept().unwrap().0;
            let accept =
                scope.spawn(move || blocking::accept_with(stream(), Config::default(), accept).unwrap());
            let (client, response) = blocking::connect_with(&request, Config::default()).unwrap();
            let answered = response.extensions().map(|chosen| chosen.to_string()).collect();
            (client, accept.join().unwrap(), answered)
        });
        let client = Peer::of(client, Role::Client).allow_compressed();
        (client, Peer::new(upstream.into_parts(), Role::Server).allow_compressed(), [offered, answered])
    }

    /// The two ends of a pair as frames, client first.
    pub(crate) fn pair(&self) -> (Peer, Peer) {
        let (client, upstream) = self.sockets();
        (Peer::of(client, Role::Client), Peer::of(upstream, Role::Server))
    }

    /// Waits until both threads of the pair have ended.
    pub(crate) fn wait_for_end(&self) {
        let line = self.server.line();
        assert!(line.ends_with(" ended"), "{line}");
    }
}

/// A socket behind its opening handshake.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    role: Role,
    decoder: Decoder,
    unread: Vec<u8>,
}

/// A frame as it was received, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
    pub(crate) mask: Option<MaskKey>,
    pub(crate) payload: Vec<u8>,
}

impl Peer {
    fn of(socket: WebSocket<NetStream>, role: Role) -> Self {
        let (stream, connection) = socket.into_parts();
        Self::new((stream.into_tcp().unwrap(), connection), role)
    }

    fn new((stream, connection): (TcpStream, Connection), role: Role) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, role, decoder: Decoder::new(role, unlimited()), unread: connection.unread().to_vec() }
    }

    fn allow_compressed(mut self) -> Self {
        self.decoder = self.decoder.allow_compressed();
        self
    }

    /// A frame of this end as bytes.
    pub(crate) fn encode(&self, opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
        let mask = (self.role == Role::Client).then_some(KEY);
        let mut frame = header(opcode, fin, mask, payload.len() as u64);
        let start = frame.len();
        frame.extend_from_slice(payload);
        if let Some(key) = mask {
            apply_mask(&mut frame[start..], key, 0);
        }
        frame
    }

    pub(crate) fn send(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        let frame = self.encode(opcode, fin, payload);
        self.write(&frame);
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn shutdown_write(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next part of a frame: its header, the offset, the payload. `None` at the end of the stream.
    pub(crate) fn part(&mut self) -> Option<(FrameHeader, u64, Vec<u8>)> {
        loop {
            let mut input = &mut self.unread[..];
            let part = self.decoder.decode(&mut input).unwrap();
            let part = part.map(|chunk| (chunk.header, chunk.offset, chunk.payload.to_vec()));
            let left = input.len();
            self.unread.drain(..self.unread.len() - left);
            if part.is_some() {
                return part;
            }
            let mut arrived = [0; 16 << 10];
            match self.stream.read(&mut arrived) {
                Ok(0) => return None,
                Ok(n) => self.unread.extend_from_slice(&arrived[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next whole frame. `None` if the stream ends before that.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut whole = Vec::new();
        loop {
            let (header, _, payload) = self.part()?;
            whole.extend(payload);
            if whole.len() as u64 == header.payload_len {
                let FrameHeader { opcode, fin, mask, .. } = header;
                return Some(Frame { opcode, fin, mask, payload: whole });
            }
        }
    }

    /// Checks that the next frame is a Close frame with this code.
    pub(crate) fn expect_close(&mut self, code: CloseCode) {
        let frame = self.frame().expect("a Close frame");
        let close = CloseFrame::decode(&frame.payload).unwrap().map(|close| close.code);
        assert_eq!((frame.opcode, close), (Opcode::Close, Some(code)));
    }

    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.frame(), None);
    }
}

pub(crate) fn header(opcode: Opcode, fin: bool, mask: Option<MaskKey>, payload_len: u64) -> Vec<u8> {
    let mut bytes = [0; FrameHeader::MAX_LEN];
    let len = FrameHeader::new(opcode, payload_len).fin(fin).mask(mask).encode(&mut bytes);
    bytes[..len].to_vec()
}
