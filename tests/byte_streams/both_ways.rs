//! Bytes through a tunnel of two connections, both ways at once.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
use tokio::net::{TcpListener, TcpStream};

use crate::{pattern, untimed};

/// Sends `len` bytes, those of `own` again and again, while as many of `other` arrive.
async fn exchange(
    stream: tokio::io::DuplexStream,
    own: Vec<u8>,
    other: Vec<u8>,
    len: usize,
) -> tokio::io::DuplexStream {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = tokio::spawn(async move {
        let mut left = len;
        while left > 0 {
            let n = left.min(own.len());
            writer.write_all(&own[..n]).await.unwrap();
            left -= n;
        }
        writer
    });
    let (mut read, mut buffer) = (0, vec![0; other.len()]);
    while read < len {
        let n = (len - read).min(other.len());
        reader.read_exact(&mut buffer[..n]).await.unwrap();
        assert!(buffer[..n] == other[..n], "after {read} bytes");
        read += n;
    }
    reader.unsplit(writing.await.unwrap())
}

/// Program, tunnel, WebSocket over TCP, tunnel, program.
async fn tunnel(len: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (near, mut near_end) = duplex(30_000);
    let (far, mut far_end) = duplex(50_000);
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let socket = sansocket::tokio::accept_with(tcp, untimed(), |request| request.accept()).await.unwrap();
        copy_bidirectional(&mut socket.into_byte_stream(), &mut far_end).await
    });
    let tcp = TcpStream::connect(url.trim_start_matches("ws://").trim_end_matches('/')).await.unwrap();
    let request = sansocket::handshake::client::Request::new(&url).unwrap();
    let (socket, _) = sansocket::tokio::connect_from(tcp, &request, untimed()).await.unwrap();
    let client =
        tokio::spawn(async move { copy_bidirectional(&mut socket.into_byte_stream(), &mut near_end).await });
    let (up, down) = (pattern(99_991), pattern(70_001).into_iter().rev().collect::<Vec<_>>());
    let far = tokio::spawn(exchange(far, down.clone(), up.clone(), len));
    let mut near = exchange(near, up, down, len).await;
    let mut far = far.await.unwrap();
    near.shutdown().await.unwrap();
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "the end of the file comes through the tunnel");
    far.shutdown().await.unwrap();
    let len = len as u64;
    assert_eq!(client.await.unwrap().unwrap(), (len, len));
    assert_eq!(server.await.unwrap().unwrap(), (len, len));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_both_directions_arrive_in_order_through_a_tunnel() {
    tunnel(64 << 20).await;
}
