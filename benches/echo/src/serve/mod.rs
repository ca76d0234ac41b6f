//! The servers: a loop that reads and writes back, and the echo server in the documentation of each peer.

mod actix;
mod axum;
mod fastwebsockets;
mod http;
mod libraries;
#[path = "../../../../examples/common/listeners.rs"]
mod listeners;
mod ntex;
mod raw;
mod sinks;

use std::error::Error;
use std::io;
use std::net::TcpListener;

use ::axum::routing::any;
use tokio::net::TcpStream;
use tokio::runtime;

use crate::Outcome;
use crate::servers::FLOOR;

/// How a connection ended. It is ignored: the load checks what comes back.
type Ended = Result<(), Box<dyn Error + Send + Sync>>;

pub struct Served {
    pub name: &'static str,
    /// A description in one line.
    pub about: &'static str,
    /// The longest message that it accepts.
    pub longest: usize,
    /// Serves a listener that does not block.
    run: fn(TcpListener) -> Outcome<()>,
}

pub const ALL: [Served; 16] = [
    Served {
        name: FLOOR,
        about: "reads of 64 KiB, written back as they are: no WebSocket at all",
        longest: usize::MAX,
        run: raw::run,
    },
    Served {
        name: "tungstenite",
        about: "tokio-tungstenite: `while let Some(m) = ws.next().await { ws.send(m).await }`",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::tungstenite(stream, sinks::one_by_one)),
    },
    Served {
        name: "tungstenite-forward",
        about: "tokio-tungstenite: `read.forward(write)`, its example of an echo server",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::tungstenite(stream, sinks::forward)),
    },
    Served {
        name: "tungstenite-feed",
        about: "tokio-tungstenite: `feed` for all messages that have arrived, then `flush`",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::tungstenite(stream, sinks::gathered)),
    },
    Served {
        name: "fastwebsockets",
        about: "its example: `FragmentCollector`, `read_frame`, `write_frame`, behind hyper",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, fastwebsockets::serve),
    },
    Served {
        name: "tokio-websockets",
        about: "its example: `next`, `send`",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::tokio_websockets(stream, sinks::one_by_one)),
    },
    Served {
        name: "tokio-websockets-feed",
        about: "`feed` for all messages that have arrived, then `flush`; each `next` flushes, too",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::tokio_websockets(stream, sinks::gathered)),
    },
    Served {
        name: "sockudo-ws",
        about: "its example: `next`, `send`",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::sockudo_ws(stream, sinks::one_by_one)),
    },
    Served {
        name: "sockudo-ws-feed",
        about: "`feed` for all messages that have arrived, then `flush`",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::sockudo_ws(stream, sinks::gathered)),
    },
    Served {
        name: "yawc",
        about: "its example: `next`, `send`, behind hyper",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::yawc(stream, sinks::one_by_one)),
    },
    Served {
        name: "yawc-feed",
        about: "`feed` for all messages that have arrived, then `flush`, behind hyper",
        longest: usize::MAX,
        run: |listener| on_tokio(listener, |stream| libraries::yawc(stream, sinks::gathered)),
    },
    Served {
        name: "axum",
        about: "axum's own extractor: `while let Some(Ok(m)) = ws.recv().await { ws.send(m).await }`",
        longest: usize::MAX,
        run: |listener| axum::serve(listener, any(axum::theirs)),
    },
    Served {
        name: "axum-feed",
        about: "the same: `feed` for all messages that have arrived, then `flush`",
        longest: usize::MAX,
        run: |listener| axum::serve(listener, any(axum::theirs_gathered)),
    },
    Served {
        name: "sansocket-axum",
        about: "our extractor in axum: `while let Some(m) = ws.read().await? { ws.feed(&m).await? }`",
        longest: usize::MAX,
        run: |listener| axum::serve(listener, any(axum::ours)),
    },
    Served {
        name: "actix-ws",
        about: "actix-ws in actix-web: `while let Some(Ok(m)) = ws.recv().await { session.text(m).await }`",
        longest: usize::MAX,
        run: actix::serve,
    },
    Served {
        name: "ntex",
        about: "its service of frames: `async |frame| Ok(Some(message))`, on tokio",
        longest: ntex::LONGEST,
        run: ntex::serve,
    },
];

/// Runs `serve NAME --bind ADDRESS --threads N`.
pub fn run(arguments: &mut lexopt::Parser) -> Outcome<()> {
    use lexopt::prelude::*;

    let (mut server, mut address, mut threads) = (None, None, 1);
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(name) => server = ALL.iter().find(|server| name == server.name),
            Long("bind") => address = Some(arguments.value()?.string()?),
            Long("threads") => threads = arguments.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let server = server.ok_or("no such server")?;
    let (address, listeners) = listeners::bind(address.ok_or("--bind ADDRESS is missing")?, threads)?;
    println!("{}: ws://{address}/", server.name);
    let serve = |listener| (server.run)(listener).map_err(|error| io::Error::other(error.to_string()));
    Ok(listeners::run(listeners, serve)?)
}

/// Every listener has a thread of its own, with a runtime of one thread.
fn on_tokio<F>(listener: TcpListener, serve: fn(TcpStream) -> F) -> Outcome<()>
where
    F: Future<Output = Ended> + Send + 'static,
{
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream));
        }
    })
}
