//! The libraries: an echo server and a client of each.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use sansocket::handshake::client::Request;
use sansocket::tls::rustls::{ClientConfig, ServerConfig};
use sansocket::{Connector, blocking, tokio as ours};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tokio_tungstenite::{WebSocketStream, tungstenite};

use crate::{Ended, Outcome, sinks};

pub struct Library {
    pub name: &'static str,
    /// A description in one line.
    pub about: &'static str,
    pub is_peer: bool,
    pub serve: Serve,
    pub connect: Connect,
}

type Serve = fn(TcpListener, Arc<ServerConfig>) -> Outcome<()>;

/// Makes this many connections.
type Connect = fn(SocketAddr, &Arc<ClientConfig>, usize) -> Outcome<Box<dyn Client>>;

/// The ends of some connections.
pub trait Client {
    /// Sends the message `count` times on each connection, in one go, and reads the echoes.
    fn exchange(&mut self, message: &Bytes, count: usize) -> Outcome<()>;
}

pub const LIBRARIES: [Library; 5] = [
    Library {
        name: "sansocket",
        about: "the tokio shell: `while let Some(m) = socket.read().await? { socket.feed(&m).await? }`",
        is_peer: false,
        serve: |listener, config| on_tokio(listener, config, serve_ours),
        connect: |address, config, count| connect_on_tokio(address, config, count, connect_ours),
    },
    Library {
        name: "sansocket-blocking",
        about: "the blocking shell: `while let Some(m) = socket.read()? { socket.feed(&m)? }`, a thread per connection",
        is_peer: false,
        serve: serve_blocking,
        connect: connect_blocking,
    },
    tungstenite(
        "tungstenite",
        "tokio-tungstenite over tokio-rustls: `while let Some(m) = ws.next().await { ws.send(m).await }`",
        |listener, config| {
            on_tokio(listener, config, |tcp, tls| serve_tungstenite(tcp, tls, sinks::one_by_one))
        },
    ),
    tungstenite(
        "tungstenite-forward",
        "the same: `read.forward(write)`, its example of an echo server",
        |listener, config| on_tokio(listener, config, |tcp, tls| serve_tungstenite(tcp, tls, sinks::forward)),
    ),
    tungstenite(
        "tungstenite-feed",
        "the same: `feed` for everything that has arrived, then `flush`",
        |listener, config| {
            on_tokio(listener, config, |tcp, tls| serve_tungstenite(tcp, tls, sinks::gathered))
        },
    ),
];

/// The servers differ, the client is the same.
const fn tungstenite(name: &'static str, about: &'static str, serve: Serve) -> Library {
    let connect: Connect =
        |address, config, count| connect_on_tokio(address, config, count, connect_tungstenite);
    Library { name, about, is_peer: true, serve, connect }
}

/// What every connection has exchanged before it is measured.
const LONG: Bytes = Bytes::from_static(&[7; 64 << 10]);
const SHORT: Bytes = Bytes::from_static(&[7; 16]);

const HOST: &str = "localhost";
const URL: &str = "wss://localhost/";

/// A runtime of one thread, because the server has one core.
fn on_tokio<F>(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    serve: fn(TcpStream, Arc<ServerConfig>) -> F,
) -> Outcome<()>
where
    F: Future<Output = Ended> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (tcp, _) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            tokio::spawn(serve(tcp, Arc::clone(&config)));
        }
    })
}

async fn serve_ours(tcp: TcpStream, config: Arc<ServerConfig>) -> Ended {
    let mut socket = ours::accept(ours::NetStream::tls_server(tcp, config)?).await?;
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}

async fn serve_tungstenite<F>(
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    echo: fn(WebSocketStream<server::TlsStream<TcpStream>>) -> F,
) -> Ended
where
    F: Future<Output = Ended>,
{
    let tls = TlsAcceptor::from(config).accept(tcp).await?;
    echo(tokio_tungstenite::accept_async(tls).await?).await
}

fn serve_blocking(listener: TcpListener, config: Arc<ServerConfig>) -> Outcome<()> {
    loop {
        let (tcp, _) = listener.accept()?;
        let stream = blocking::NetStream::tls_server(tcp, Arc::clone(&config))?;
        thread::spawn(move || -> Result<(), sansocket::Error> {
            let mut socket = blocking::accept(stream)?;
            while let Some(message) = socket.read()? {
                socket.feed(&message)?;
            }
            Ok(())
        });
    }
}

/// One end of a connection on tokio.
trait Exchange {
    async fn exchange(&mut self, message: &Bytes, count: usize) -> Ended;

    /// Waits for more, as an idle client does.
    async fn wait(&mut self);
}

struct OnTokio<S> {
    runtime: Runtime,
    sockets: Vec<S>,
}

impl<S: Exchange> Client for OnTokio<S> {
    fn exchange(&mut self, message: &Bytes, count: usize) -> Outcome<()> {
        self.runtime.block_on(async {
            for socket in &mut self.sockets {
                socket.exchange(message, count).await.map_err(|error| error.to_string())?;
            }
            Ok(())
        })
    }
}

fn connect_on_tokio<S: Exchange + 'static>(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    count: usize,
    connect: impl AsyncFn(TcpStream, Arc<ClientConfig>) -> Outcome<S>,
) -> Outcome<Box<dyn Client>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let sockets = runtime.block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..count {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            let mut socket = connect(tcp, Arc::clone(config)).await?;
            for message in [LONG, SHORT] {
                socket.exchange(&message, 1).await.map_err(|error| error.to_string())?;
            }
            socket.wait().now_or_never();
            sockets.push(socket);
        }
        Outcome::Ok(sockets)
    })?;
    Ok(Box::new(OnTokio { runtime, sockets }))
}

async fn connect_ours(
    tcp: TcpStream,
    config: Arc<ClientConfig>,
) -> Outcome<ours::WebSocket<ours::NetStream>> {
    let stream = ours::NetStream::tls_client(tcp, config, HOST)?;
    Ok(ours::connect_over(stream, &Request::new(URL)?, sansocket::Config::default()).await?.0)
}

impl Exchange for ours::WebSocket<ours::NetStream> {
    async fn exchange(&mut self, message: &Bytes, count: usize) -> Ended {
        for _ in 0..count {
            self.feed(&message[..]).await?;
        }
        self.flush().await?;
        for _ in 0..count {
            let echo = self.read().await?.ok_or("the end")?;
            check(echo.as_bytes(), message)?;
        }
        Ok(())
    }

    async fn wait(&mut self) {
        self.read().await.ok();
    }
}

async fn connect_tungstenite(
    tcp: TcpStream,
    config: Arc<ClientConfig>,
) -> Outcome<WebSocketStream<client::TlsStream<TcpStream>>> {
    let tls = TlsConnector::from(config).connect(HOST.try_into()?, tcp).await?;
    Ok(tokio_tungstenite::client_async(URL, tls).await?.0)
}

impl Exchange for WebSocketStream<client::TlsStream<TcpStream>> {
    async fn exchange(&mut self, message: &Bytes, count: usize) -> Ended {
        for _ in 0..count {
            self.feed(tungstenite::Message::Binary(message.clone())).await?;
        }
        self.flush().await?;
        for _ in 0..count {
            let echo = self.next().await.ok_or("the end")??;
            check(&echo.into_data(), message)?;
        }
        Ok(())
    }

    async fn wait(&mut self) {
        self.next().await;
    }
}

struct Blocking(Vec<blocking::WebSocket<blocking::NetStream>>);

fn connect_blocking(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    count: usize,
) -> Outcome<Box<dyn Client>> {
    let request = Request::new(&format!("wss://{HOST}:{}/", address.port()))?;
    let connector = Connector::new().tls(Arc::clone(config));
    let connect = |_| Ok(blocking::connect_with(&request, &connector)?.0);
    let mut all = Blocking((0..count).map(connect).collect::<Outcome<_>>()?);
    all.exchange(&LONG, 1)?;
    all.exchange(&SHORT, 1)?;
    Ok(Box::new(all))
}

impl Client for Blocking {
    fn exchange(&mut self, message: &Bytes, count: usize) -> Outcome<()> {
        for socket in &mut self.0 {
            for _ in 0..count {
                socket.feed(&message[..])?;
            }
            socket.flush()?;
            for _ in 0..count {
                check(socket.read()?.ok_or("the end")?.as_bytes(), message)?;
            }
        }
        Ok(())
    }
}

fn check(echo: &[u8], message: &[u8]) -> Result<(), &'static str> {
    if echo == message { Ok(()) } else { Err("what came back is not what was sent") }
}
