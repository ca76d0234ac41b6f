//! Two ends of TLS with sockets of memory between them, whose records are cut anywhere, held back, damaged and cut off.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sansocket::asynchronous::{NetStream, Socket};
use sansocket::tls::rustls::client::Resumption;
use sansocket::tls::rustls::version::{TLS12, TLS13};
use sansocket::tls::rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::throwaway::{Ca, server};

/// The version, the most bytes of a read of each socket, and operations: a byte for the end and the kind, and a byte for what
/// the kind needs.
#[derive(Debug, Arbitrary)]
pub struct Tls<'a> {
    flags: u8,
    most: [u8; 2],
    operations: &'a [u8],
}

/// TLS 1.2 instead of 1.3.
const OLD: u8 = 0x01;

/// How many bytes a socket takes before it has to wait.
const CAPACITY: usize = 40_000;

/// What one end has written arrives at the other in order, all of it unless a record was damaged or the stream cut off, and
/// nothing else does.
pub fn tls(case: &Tls<'_>) {
    let mut ends = Ends::new(case);
    for operation in case.operations.chunks_exact(2) {
        let [kind, value] = [operation[0], operation[1]];
        let side = usize::from(kind & 1);
        match kind >> 1 & 0x07 {
            0 => ends.write(side, LENS[usize::from(value) % LENS.len()]),
            1 => ends.read(side, LENS[usize::from(value) % LENS.len()]),
            2 => _ = ends.flush(side),
            3 => ends.carry(side, if value == 255 { usize::MAX } else { usize::from(value) * 7 }),
            4 => ends.damage(side, value),
            5 => ends.shutdown(side),
            6 => ends.cut_off(side),
            _ => ends.settle(1 + usize::from(value % 8)),
        }
    }
    ends.settle(usize::MAX);
    ends.check();
}

const LENS: [usize; 12] = [0, 1, 5, 100, 255, 1000, 4096, 16_383, 16_384, 16_385, 33_000, 70_000];

/// The byte at this place of what a side writes.
fn byte(side: usize, at: usize) -> u8 {
    (at as u32 + side as u32 * 77).wrapping_mul(0x9E37_79B9).to_be_bytes()[0]
}

struct Ends {
    streams: [NetStream<Memory>; 2],
    sockets: [Memory; 2],
    sides: [Side; 2],
}

/// What one end has done, and what became of it.
#[derive(Default)]
struct Side {
    written: usize,
    /// How many of these bytes the other end has read.
    arrived: usize,
    /// At least that many must arrive: they were all on the other side before the damage.
    certain: Option<usize>,
    has_shut_down: bool,
    /// How reading ended at this end.
    end: Option<Result<(), ErrorKind>>,
    /// Writing has failed.
    is_refused: bool,
}

impl Ends {
    fn new(case: &Tls<'_>) -> Self {
        let (client, servers) = &*CONFIGS;
        let sockets = case.most.map(|most| Memory::new(if most == 0 { 20_000 } else { most.into() }));
        let near = NetStream::tls_client(sockets[0].clone(), client.clone(), "localhost").unwrap();
        let config = servers[usize::from(case.flags & OLD)].clone();
        let far = NetStream::tls_server(sockets[1].clone(), config).unwrap();
        Self { streams: [near, far], sockets, sides: Default::default() }
    }

    fn write(&mut self, side: usize, len: usize) {
        let it = &mut self.sides[side];
        if it.has_shut_down || it.is_refused {
            return;
        }
        let bytes: Vec<u8> = (it.written..it.written + len).map(|at| byte(side, at)).collect();
        let (one, two) = bytes.split_at(len / 3);
        let slices = [IoSlice::new(one), IoSlice::new(&[]), IoSlice::new(two)];
        match Pin::new(&mut self.streams[side]).poll_write_vectored(&mut cx(), &slices) {
            Poll::Ready(Ok(n)) => it.written += n,
            Poll::Ready(Err(_)) => it.is_refused = true,
            Poll::Pending => {}
        }
    }

    fn read(&mut self, side: usize, len: usize) {
        let mut memory = vec![0; len];
        let mut to = ReadBuf::new(&mut memory);
        let read = Pin::new(&mut self.streams[side]).poll_read(&mut cx(), &mut to);
        let [it, peer] = self.sides.get_disjoint_mut([side, 1 - side]).unwrap();
        let end = match read {
            Poll::Pending => {
                assert!(it.end != Some(Ok(())), "waits behind the end of the file");
                return;
            }
            Poll::Ready(Ok(())) if !to.filled().is_empty() => {
                assert!(it.end.is_none(), "{} bytes behind {:?}", to.filled().len(), it.end);
                for found in to.filled() {
                    assert_eq!(*found, byte(1 - side, peer.arrived), "byte {} to {side}", peer.arrived);
                    peer.arrived += 1;
                }
                return assert!(peer.arrived <= peer.written, "more than was written");
            }
            Poll::Ready(Ok(())) if len == 0 => return,
            Poll::Ready(Ok(())) => Ok(()),
            Poll::Ready(Err(error)) => Err(error.kind()),
        };
        assert!(it.end.is_none_or(|known| known == end), "{end:?} behind {:?}", it.end);
        it.end = Some(end);
    }

    /// Whether nothing waits any more.
    fn flush(&mut self, side: usize) -> bool {
        match Pin::new(&mut self.streams[side]).poll_flush(&mut cx()) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(_)) => {
                self.sides[side].is_refused = true;
                false
            }
            Poll::Pending => false,
        }
    }

    /// Moves bytes from what a side has sent to what the other can read.
    fn carry(&mut self, side: usize, most: usize) {
        let [from, to] = [&self.sockets[side], &self.sockets[1 - side]];
        let (mut from, mut to) = (from.0.borrow_mut(), to.0.borrow_mut());
        let n = most.min(from.outgoing.len());
        to.incoming.extend(from.outgoing.drain(..n));
        to.has_ended |= from.outgoing.is_empty() && from.is_shut_down;
    }

    /// Changes a byte on its way. Not to an end that has shut down: with debug assertions, rustls 0.23 panics if it finds a
    /// fault behind its own `close_notify`.
    fn damage(&mut self, side: usize, at: u8) {
        if self.sides[1 - side].has_shut_down {
            return;
        }
        let all_sent = self.flush(side);
        let mut socket = self.sockets[side].0.borrow_mut();
        let it = &mut self.sides[side];
        let len = socket.outgoing.len();
        if let Some(byte) = socket.outgoing.get_mut(usize::from(at) * 5 % len.max(1)) {
            *byte ^= 1 << (at % 8);
            // What has arrived before this record shows that the handshake is over.
            it.certain.get_or_insert(it.arrived);
        } else if all_sent && it.arrived > 0 {
            // Nothing is on its way. A record that is none follows all that was written.
            socket.outgoing.extend([23, 3, 3, 0, 40].into_iter().chain([at; 40]));
            it.certain.get_or_insert(it.written);
        }
    }

    /// Behind the handshake: the end of a stream that has not begun cuts off what waits for it.
    fn shutdown(&mut self, side: usize) {
        if self.sides[1 - side].arrived == 0 {
            self.settle(usize::MAX);
        }
        if self.sides[1 - side].certain.is_some() {
            return;
        }
        let it = &mut self.sides[side];
        // If it has to wait, the record that says so is written with the next flush.
        it.has_shut_down |=
            !matches!(Pin::new(&mut self.streams[side]).poll_shutdown(&mut cx()), Poll::Ready(Err(_)));
    }

    /// The socket of a side loses what it has sent and not delivered.
    fn cut_off(&mut self, side: usize) {
        let mut socket = self.sockets[side].0.borrow_mut();
        socket.outgoing.clear();
        socket.is_shut_down = true;
        self.sockets[1 - side].0.borrow_mut().has_ended = true;
        self.sides[side].certain.get_or_insert(0);
    }

    /// Both ends read and flush, and the wire carries all, until nothing changes.
    fn settle(&mut self, most: usize) {
        for _ in 0..most {
            let before = self.progress();
            for side in [0, 1] {
                self.flush(side);
                self.carry(side, usize::MAX);
                while self.sides[1 - side].end.is_none() {
                    let before = self.sides[side].arrived;
                    self.read(1 - side, 5000);
                    if self.sides[side].arrived == before {
                        break;
                    }
                }
            }
            if self.progress() == before {
                break;
            }
        }
    }

    fn progress(&self) -> impl PartialEq + use<> {
        let sockets = [0, 1].map(|side| {
            let socket = self.sockets[side].0.borrow();
            (socket.incoming.len(), socket.outgoing.len(), socket.has_ended, socket.taken)
        });
        (sockets, [0, 1].map(|side| (self.sides[side].arrived, self.sides[side].end)))
    }

    fn check(&self) {
        let is_whole = self.sides.iter().all(|side| side.certain.is_none());
        for side in [0, 1] {
            let (it, peer) = (&self.sides[side], &self.sides[1 - side]);
            match it.certain {
                None if is_whole => {
                    assert_eq!(it.arrived, it.written, "from {side}");
                    let expected = it.has_shut_down.then_some(Ok(()));
                    assert!(peer.end == expected, "reading at {}: {:?}", 1 - side, peer.end);
                }
                None => {}
                Some(certain) => assert!(it.arrived >= certain, "{} of {certain} bytes", it.arrived),
            }
            if let Some(Err(kind)) = peer.end {
                assert!(!is_whole && kind != ErrorKind::WouldBlock, "{kind:?}");
            }
        }
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// One end of the wire.
#[derive(Clone)]
struct Memory(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    incoming: VecDeque<u8>,
    outgoing: VecDeque<u8>,
    /// The most bytes of a read.
    most: usize,
    /// All bytes that were taken.
    taken: usize,
    has_ended: bool,
    is_shut_down: bool,
}

impl Memory {
    fn new(most: usize) -> Self {
        Self(Rc::new(RefCell::new(Inner { most, ..Inner::default() })))
    }
}

impl Socket for Memory {
    fn poll_read(&mut self, _: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.0.borrow_mut();
        let n = to.len().min(inner.most).min(inner.incoming.len());
        if n == 0 && !inner.has_ended {
            return Poll::Pending;
        }
        to.iter_mut().zip(inner.incoming.drain(..n)).for_each(|(to, byte)| *to = byte);
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut inner = self.0.borrow_mut();
        if inner.is_shut_down {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let room = CAPACITY.saturating_sub(inner.outgoing.len());
        let bytes: Vec<u8> = from.iter().flat_map(|slice| slice.iter().copied()).take(room).collect();
        if bytes.is_empty() {
            return Poll::Pending;
        }
        inner.taken += bytes.len();
        inner.outgoing.extend(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().is_shut_down = true;
        Poll::Ready(Ok(()))
    }
}

/// A client, and servers with TLS 1.3 and TLS 1.2. No session is resumed: an input means the same each time.
static CONFIGS: LazyLock<(Arc<ClientConfig>, [Arc<ServerConfig>; 2])> = LazyLock::new(|| {
    let ca = Ca::new();
    let mut client = ClientConfig::clone(&ca.client());
    client.resumption = Resumption::disabled();
    (Arc::new(client), [&TLS13, &TLS12].map(|version| server(ca.identity(&["localhost"]), &[version], None)))
});
