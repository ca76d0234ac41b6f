//! The load on smol over TCP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sansocket::handshake::client::Request;
use sansocket::smol::{accept, connect_over};
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::{TcpListener, TcpStream};

use super::{FULL, Job, Load, PORTION, QUICK, Slow, jobs, watched};

impl<S: AsyncRead + Unpin> AsyncRead for Slow<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_hesitate(cx));
        let portion = to.len().min(PORTION);
        Pin::new(&mut self.stream).poll_read(cx, &mut to[..portion])
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slow<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn prepare<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    (client, server): (S, S),
    load: Load,
) -> Vec<Job> {
    let request = Request::new("ws://x/").unwrap();
    let open = async { connect_over(client, &request, crate::bindings::untimed()).await.unwrap().0 };
    let (client, server) = smol::future::zip(open, accept(server)).await;
    jobs([client, server.unwrap()], load)
}

fn run(name: &str, load: Load, slow: bool) {
    watched(name, load, move || {
        smol::block_on(async {
            let (client, server) = pair().await;
            let jobs = if slow {
                prepare((Slow::new(client), Slow::new(server)), load).await
            } else {
                prepare((client, server), load).await
            };
            for job in jobs.into_iter().map(smol::spawn).collect::<Vec<_>>() {
                job.await;
            }
        });
    });
}

fn run_all(messages: u32) {
    for load in Load::of(messages) {
        run("smol", load, false);
        run("smol, slow", Load { messages: messages / 4, ..load }, true);
    }
}

#[test]
fn quick_load_loses_and_reorders_no_message() {
    run_all(QUICK);
}

#[test]
#[ignore = "takes minutes in a debug build"]
fn full_load_loses_and_reorders_no_message() {
    run_all(FULL);
}
