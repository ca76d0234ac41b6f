//! The last bytes of a long message are asked for alone. Their records are not read in parts of that length.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use sansocket::asynchronous::{self, Socket};
use sansocket::blocking;

use crate::peers::on_tokio;
use crate::throwaway::Ca;

/// The plaintext of the longest record.
const RECORD: usize = 16 << 10;
const SHORT: usize = 14;

#[test]
fn short_read_of_the_blocking_shell_takes_what_has_arrived_behind_the_record() {
    let ca = Ca::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let mut far = blocking::NetStream::tls_server(far, ca.server()).unwrap();
    let mut near = blocking::NetStream::tls_client(near, ca.client(), "localhost").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| far.read_exact(&mut [0]).and_then(|()| far.write_all(&[0])).unwrap());
        near.write_all(&[0]).and_then(|()| near.read_exact(&mut [0])).unwrap();
    });
    far.write_all(&[7; RECORD]).unwrap();
    far.write_all(b"the next record").unwrap();
    far.flush().unwrap();

    let mut read = vec![0; RECORD + 15];
    near.read_exact(&mut read[..SHORT]).unwrap();
    near.tcp().set_nonblocking(true).unwrap();
    let left = near.tcp().peek(&mut [0]);
    assert_eq!(
        left.map_err(|error| error.kind()),
        Err(ErrorKind::WouldBlock),
        "read {SHORT} bytes at a time"
    );
    near.tcp().set_nonblocking(false).unwrap();
    near.read_exact(&mut read[SHORT..]).unwrap();
    assert_eq!(read, [&[7; RECORD][..], b"the next record"].concat());
}

/// Memory that counts its reads.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl Socket for Counted {
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let mut to = ReadBuf::new(to);
        Pin::new(&mut self.0).poll_read(cx, &mut to).map_ok(|()| to.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, from)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn short_read_of_an_async_shell_takes_few_reads_of_the_socket() {
    let ca = Ca::new();
    let reads = Arc::<AtomicUsize>::default();
    let (near, far) = duplex(1 << 17);
    let near = Counted(near, Arc::clone(&reads));
    let mut far = asynchronous::NetStream::tls_server(Counted(far, Arc::default()), ca.server()).unwrap();
    let mut near = asynchronous::NetStream::tls_client(near, ca.client(), "localhost").unwrap();
    on_tokio(async {
        let opens = async {
            near.write_all(&[0]).await.unwrap();
            near.read_exact(&mut [0]).await.unwrap();
        };
        let answers = async {
            far.read_exact(&mut [0]).await.unwrap();
            far.write_all(&[0]).await.unwrap();
            far.flush().await.unwrap();
        };
        futures_util::future::join(opens, answers).await;
        far.write_all(&[7; RECORD]).await.unwrap();
        far.flush().await.unwrap();
        reads.store(0, Ordering::Relaxed);
        let mut read = vec![0; RECORD];
        near.read_exact(&mut read[..SHORT]).await.unwrap();
        // 4 KiB first, for which rustls has room; then half of a record or more each.
        let count = reads.load(Ordering::Relaxed);
        assert!(count <= 5, "{count} reads");
        near.read_exact(&mut read[SHORT..]).await.unwrap();
        assert_eq!(read, [7; RECORD]);
    });
}
