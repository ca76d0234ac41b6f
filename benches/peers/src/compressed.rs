//! Messages for the rows on compression, and what they are compressed to.

use sansocket::frame::{FrameHeader, Opcode};
use sansocket::handshake::{client, server};
use sansocket::{Bytes, Config, Connection, Deflate};
use zlib_rs::{DeflateConfig, DeflateFlush};

use crate::trades::Market;

/// The settings of all libraries, beside windows of 15 bits: the level and the memory level.
pub const LEVEL: u8 = 1;
pub const MEM_LEVEL: u8 = 8;

/// What RFC 7692 takes off the end of a message.
pub const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// The length of a round in bytes: about as much as a library handles while it is measured. A window does not hold a message that
/// comes again, and the processor has not learned its branches by heart: with 256 KiB bare zlib-rs took a tenth less time.
const ROUND_LEN: usize = 8 << 20;

/// Trades in JSON. They come in rounds: the same messages again and again.
pub struct Trades {
    pub takeover: bool,
    /// The messages of a round.
    pub plain: Vec<Bytes>,
    /// What they are compressed to, for two rounds. With takeover the second round refers to the first, and the third is the
    /// second again: before either the same messages were sent.
    pub deflated: Vec<Vec<u8>>,
    /// `deflated` as frames of a server.
    pub frames: Vec<u8>,
    /// Where the second round begins in `frames`.
    pub second_round: usize,
}

impl Trades {
    /// Messages of about `len` bytes.
    pub fn new(len: usize, takeover: bool) -> Self {
        let mut market = Market::new(7692);
        let count = ROUND_LEN / len;
        let plain: Vec<_> = std::iter::repeat_with(|| Bytes::from(market.message(len))).take(count).collect();
        let mut deflater = deflater();
        let mut to = vec![0; 2 * len + 1024];
        let deflated: Vec<Vec<u8>> = plain
            .iter()
            .chain(&plain)
            .map(|data| deflate(&mut deflater, takeover, data, &mut to).to_vec())
            .collect();
        let frames: Vec<_> = deflated.iter().map(|payload| frame(payload)).collect();
        let second_round = frames[..count].iter().map(Vec::len).sum();
        Self { takeover, plain, deflated, frames: frames.concat(), second_round }
    }
}

/// A compressed text as a frame of a server.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut start = [0; FrameHeader::MAX_LEN];
    let len = FrameHeader::new(Opcode::Text, payload.len() as u64).rsv1(true).encode(&mut start);
    [&start[..len], payload].concat()
}

/// zlib-rs with the settings of all libraries.
pub fn deflater() -> zlib_rs::Deflate {
    zlib_rs::Deflate::new_with_config(DeflateConfig {
        level: LEVEL.into(),
        window_bits: -15,
        mem_level: MEM_LEVEL.into(),
        ..DeflateConfig::default()
    })
}

/// The payload of a message, by bare zlib-rs. A full flush takes less time than a sync flush and a reset.
#[inline]
pub fn deflate<'a>(
    deflater: &mut zlib_rs::Deflate,
    takeover: bool,
    data: &[u8],
    to: &'a mut [u8],
) -> &'a [u8] {
    let flush = if takeover { DeflateFlush::SyncFlush } else { DeflateFlush::FullFlush };
    let before = deflater.total_out();
    deflater.compress(data, to, flush).expect("a stream without end");
    let len = (deflater.total_out() - before) as usize;
    to[..len].strip_suffix(&TAIL).expect("there is room for everything")
}

/// A client and a server of this crate that have agreed on compression.
pub fn connections(takeover: bool) -> (Connection, Connection) {
    let settings = Deflate::default().level(LEVEL).mem_level(MEM_LEVEL).min_len(0);
    let config = Config::default().deflate(Some(settings.takeover(takeover).peer_takeover(takeover)));
    let request = client::Request::new("ws://example.com/").expect("a valid URL");
    let mut connecting = client::Handshake::new(&request, config.clone()).expect("a valid request");
    let mut accepting = server::Handshake::new(config);
    accepting.receive(connecting.output().chunk());
    let exchange = accepting.next_request().expect("a valid request").expect("a whole request");
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!("a request for WebSocket") };
    let response = request.accept();
    let Ok(server::Answer::Open(mut server)) = exchange.respond(response) else { panic!("a connection") };
    connecting.receive(server.output().chunk());
    let len = server.output().len();
    server.output().advance(len);
    let (client, _) = connecting.next_response().expect("a valid response").expect("a whole response");
    (client, server)
}
