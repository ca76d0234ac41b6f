//! A peer that always has something to say, but nothing for the program.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ::tokio::io::{AsyncRead, ReadBuf};
use sansocket::asynchronous::{NetStream, Socket};
use sansocket::tls::rustls::{ServerConfig, ServerConnection};

use crate::forged::Forge;
use crate::throwaway::Ca;

/// A server in memory, which after the handshake sends tickets for ever.
enum Endless {
    Opening(Option<Box<ServerConnection>>),
    Open(Forge, Arc<AtomicUsize>),
}

impl Socket for Endless {
    fn poll_read(&mut self, _: &mut Context<'_>, mut to: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Opening(session) => match session.as_mut().unwrap() {
                opening if opening.wants_write() => Poll::Ready(opening.write_tls(&mut to)),
                opening if opening.is_handshaking() => Poll::Pending,
                _ => {
                    *self = Self::Open(Forge::new(*session.take().unwrap()), Arc::default());
                    self.poll_read(&mut Context::from_waker(Waker::noop()), to)
                }
            },
            Self::Open(forge, reads) => {
                let reads = reads.fetch_add(1, Ordering::Relaxed);
                assert!(reads < 100_000, "no other task has its turn");
                let record = forge.ticket();
                to[..record.len()].copy_from_slice(&record);
                Poll::Ready(Ok(record.len()))
            }
        }
    }

    fn poll_write(&mut self, _: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Self::Opening(Some(session)) = self else { panic!("reading writes behind the handshake") };
        let mut from = &from[0][..];
        let n = session.read_tls(&mut from)?;
        session.process_new_packets().unwrap();
        Poll::Ready(Ok(n))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn other_tasks_have_their_turn_while_records_without_data_arrive() {
    let ca = Ca::new();
    let mut config = ServerConfig::clone(&ca.server());
    config.enable_secret_extraction = true;
    let server = Endless::Opening(Some(Box::new(ServerConnection::new(Arc::new(config)).unwrap())));
    let mut stream = NetStream::tls_client(server, ca.client(), "localhost").unwrap();
    let woken = Arc::<Woken>::default();
    let (waker, mut room) = (Waker::from(Arc::clone(&woken)), [0; 20 << 10]);
    let mut cx = Context::from_waker(&waker);
    for turn in 1..=100 {
        let read = Pin::new(&mut stream).poll_read(&mut cx, &mut ReadBuf::new(&mut room));
        assert!(read.is_pending());
        // It is to be polled again.
        assert_eq!(woken.0.load(Ordering::Relaxed), turn);
    }
}
