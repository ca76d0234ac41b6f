//! The rows of the async shells.

use std::net::TcpStream;
use std::time::Instant;

use futures_util::future::{Either, LocalBoxFuture, join, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use sansocket::asynchronous::{Transport, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Connection, Error};

use crate::{LATER, Released, Row, Tasks, Used, Work};

macro_rules! open {
    ($shell:ident, $row:expr, $stream:expr, $begin:expr) => {
        match $row.used {
            Used::Client => {
                let request = Request::new("ws://peer/").unwrap();
                let opened = sansocket::$shell::connect_over($stream, &request, $row.config()).await;
                vec![($begin.elapsed(), opened.map(drop))]
            }
            Used::Server => {
                let opened =
                    sansocket::$shell::accept_with($stream, $row.config(), |request| request.accept());
                let opened = opened.await;
                vec![($begin.elapsed(), opened.map(drop))]
            }
            Used::Whole => {
                let connection = Connection::server($row.config());
                whole($row, sansocket::$shell::from_parts($stream, connection), $begin).await
            }
            Used::Split => {
                let connection = Connection::server($row.config());
                split($row, sansocket::$shell::from_parts($stream, connection), $begin).await
            }
        }
    };
}

pub(crate) fn on_tokio(row: Row, stream: TcpStream, begin: Instant) -> Released {
    stream.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        open!(tokio, row, stream, begin)
    })
}

pub(crate) fn on_smol(row: Row, stream: TcpStream, begin: Instant) -> Released {
    smol::block_on(async move {
        let stream = smol::net::TcpStream::try_from(stream).unwrap();
        open!(smol, row, stream, begin)
    })
}

type Task<'a> = LocalBoxFuture<'a, Result<(), Error>>;

/// Runs for all runtimes.
async fn later() {
    smol::Timer::after(LATER).await;
}

async fn whole<T: Transport + Unpin>(row: Row, mut socket: WebSocket<T>, begin: Instant) -> Released {
    if row.tasks == Tasks::One {
        let message = Row::message();
        let task: Task<'_> = match row.work {
            Work::Send => Box::pin(socket.send(&message)),
            Work::Close => Box::pin(socket.close(CloseCode::NORMAL, "")),
            _ => Box::pin(async {
                while socket.read().await?.is_some() {}
                Ok(())
            }),
        };
        return together(row.tasks, vec![task], begin).await;
    }
    let (mut sink, mut stream) = StreamExt::split(socket);
    let reading = async {
        while let Some(message) = stream.next().await {
            message?;
        }
        Ok(())
    };
    let sending = async {
        if row.work == Work::ReadAndClose {
            later().await;
            return SinkExt::close(&mut sink).await;
        }
        SinkExt::send(&mut sink, Row::message()).await
    };
    together(row.tasks, vec![Box::pin(reading), Box::pin(sending)], begin).await
}

async fn split<T: Transport>(row: Row, socket: WebSocket<T>, begin: Instant) -> Released {
    let (mut reader, writer) = WebSocket::split(socket);
    let message = Row::message();
    let reading: Option<Task<'_>> = match row.work {
        Work::Send => None,
        Work::Close | Work::SendAndClose => Some(Box::pin(async {
            if row.work == Work::SendAndClose {
                later().await;
            }
            reader.close(CloseCode::NORMAL, "").await
        })),
        _ => Some(Box::pin(async {
            while reader.read().await?.is_some() {}
            Ok(())
        })),
    };
    let sending: Option<Task<'_>> = match row.work {
        Work::Send | Work::ReadAndSend | Work::SendAndClose => Some(Box::pin(writer.send(&message))),
        Work::ReadAndClose => Some(Box::pin(async {
            later().await;
            writer.close(CloseCode::NORMAL, "").await
        })),
        _ => None,
    };
    together(row.tasks, [reading, sending].into_iter().flatten().collect(), begin).await
}

/// Runs the tasks until each has ended.
async fn together(tasks: Tasks, work: Vec<Task<'_>>, begin: Instant) -> Released {
    let mut work = work.into_iter().map(|task| {
        Box::pin(async move {
            let result = task.await;
            (begin.elapsed(), result)
        })
    });
    match (tasks, work.next(), work.next()) {
        (Tasks::Join, Some(one), Some(other)) => {
            let (one, other) = join(one, other).await;
            vec![one, other]
        }
        (Tasks::Select, Some(one), Some(other)) => match select(one, other).await {
            Either::Left((first, other)) => vec![first, other.await],
            Either::Right((first, one)) => vec![first, one.await],
        },
        // Each of these has a waker of its own, as a task has.
        (_, one, other) => {
            [one, other].into_iter().flatten().collect::<FuturesUnordered<_>>().collect().await
        }
    }
}
