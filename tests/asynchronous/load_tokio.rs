//! The load on tokio over TCP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sansocket::handshake::client::Request;
use sansocket::tokio::{accept, connect_over};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use super::{FULL, Job, Load, PORTION, QUICK, Slow, jobs, watched};

impl<S: AsyncRead + Unpin> AsyncRead for Slow<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_hesitate(cx));
        let mut portion = to.take(PORTION);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut portion))?;
        let n = portion.filled().len();
        to.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slow<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
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
    let (client, server) = tokio::join!(open, accept(server));
    jobs([client, server.unwrap()], load)
}

fn run(name: &str, mut builder: Builder, load: Load, slow: bool) {
    let runtime = builder.enable_all().build().unwrap();
    watched(name, load, move || {
        runtime.block_on(async {
            let (client, server) = pair().await;
            let jobs = if slow {
                prepare((Slow::new(client), Slow::new(server)), load).await
            } else {
                prepare((client, server), load).await
            };
            for job in jobs.into_iter().map(tokio::spawn).collect::<Vec<_>>() {
                job.await.unwrap();
            }
        });
    });
}

fn run_all(messages: u32) {
    for load in Load::of(messages) {
        run("tokio, one thread", Builder::new_current_thread(), load, false);
        run("tokio, threads", Builder::new_multi_thread(), load, false);
        let slow = Load { messages: messages / 4, ..load };
        run("tokio, one thread, slow", Builder::new_current_thread(), slow, true);
        run("tokio, threads, slow", Builder::new_multi_thread(), slow, true);
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
