//! A tunnel: TCP through WebSocket, for SSH, VNC, MQTT and other protocols that were made for TCP. On tokio, and on threads
//! for standard input and output.
//!
//! ```text
//! cargo build --release --features tokio --example tunnel
//! tunnel server --bind 127.0.0.1:9003 --to 127.0.0.1:22              # WebSocket in, TCP out
//! tunnel client --bind 127.0.0.1:2222 ws://127.0.0.1:9003/           # TCP in, WebSocket out
//! ssh -o ProxyCommand='tunnel client ws://127.0.0.1:9003/' localhost # standard input in, WebSocket out
//! ```
//!
//! With `--features tokio,tls` the client connects to `wss:` URLs, too. `--subprotocol mqtt` is what servers of MQTT ask
//! for, `--subprotocol binary` what some of VNC do.
//!
//! A Close frame ends both directions, so a program that closes its own direction only, and waits for the answer then, gets
//! none.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{Args, Parser};
use sansocket::blocking::{self, ByteWriter, NetStream};
use sansocket::handshake::{client, server};
use sansocket::tokio::{accept_with, connect_with};
use sansocket::{CloseCode, Config, Connector};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Parser)]
#[command(about = "A tunnel for TCP through WebSocket")]
enum Command {
    /// Accepts WebSocket connections and passes each on over TCP
    Server(ServerOptions),
    /// Passes what it gets on over a WebSocket connection
    Client(ClientOptions),
}

#[derive(Debug, Args)]
struct ServerOptions {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9003")]
    bind: String,
    /// The TCP server
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The subprotocol to agree on with clients that offer it
    #[arg(long, value_name = "NAME")]
    subprotocol: Option<String>,
}

#[derive(Debug, Args)]
struct ClientOptions {
    /// The address to listen on for TCP connections; without it, standard input and output are the one connection
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<String>,
    /// The subprotocol to offer
    #[arg(long, value_name = "NAME")]
    subprotocol: Option<String>,
    /// The server's URL
    url: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Command::parse() {
        Command::Server(options) => listen(options),
        Command::Client(ClientOptions { bind, subprotocol, url }) => {
            let mut request = client::Request::new(&url)?;
            if let Some(name) = subprotocol {
                request = request.subprotocol(name);
            }
            match bind {
                Some(bind) => forward(&bind, request),
                None => pipe(&request),
            }
        }
    }
}

/// The server.
#[tokio::main]
async fn listen(options: ServerOptions) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(&options.bind).await?;
    println!("tunnel: ws://{}/", listener.local_addr()?);
    let options = Arc::new(options);
    each(&listener, |stream| serve(stream, Arc::clone(&options))).await
}

/// The client with a TCP port.
#[tokio::main]
async fn forward(bind: &str, request: client::Request) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(bind).await?;
    println!("tunnel: tcp://{}/", listener.local_addr()?);
    let request = Arc::new(request);
    each(&listener, |stream| enter(stream, Arc::clone(&request))).await
}

/// Runs a task for each connection that the listener accepts.
async fn each<F>(listener: &TcpListener, task: impl Fn(TcpStream) -> F) -> Result<(), Box<dyn Error>>
where
    F: Future<Output = Result<(), sansocket::Error>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let tunnel = task(stream);
                tokio::spawn(async move {
                    match tunnel.await {
                        Ok(()) => println!("{peer}: ended"),
                        Err(error) => println!("{peer}: {error}"),
                    }
                });
            }
            Err(error) => {
                // No descriptors or no memory: both come back when a connection ends.
                eprintln!("tunnel: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection of the server. Pages of other origins may not connect: they would reach what only this computer can reach.
async fn serve(stream: TcpStream, options: Arc<ServerOptions>) -> Result<(), sansocket::Error> {
    let decide = |request: &server::Request| {
        if request.origin().is_some() && !request.is_same_origin() {
            return request.reject(403).body("pages of another origin may not connect\n");
        }
        let mut offered = request.subprotocols();
        match &options.subprotocol {
            Some(name) if offered.any(|offer| offer == name) => request.accept().subprotocol(name),
            _ => request.accept(),
        }
    };
    let mut socket = accept_with(stream, Config::default(), decide).await?;
    match TcpStream::connect(&options.to).await {
        Ok(mut tcp) => {
            tcp.set_nodelay(true)?;
            copy_bidirectional(&mut socket.into_byte_stream(), &mut tcp).await?;
            Ok(())
        }
        Err(error) => {
            socket.close(CloseCode::BAD_GATEWAY, "the TCP server cannot be reached").await?;
            Err(error.into())
        }
    }
}

/// One connection of the client with a TCP port.
async fn enter(mut tcp: TcpStream, request: Arc<client::Request>) -> Result<(), sansocket::Error> {
    tcp.set_nodelay(true)?;
    let (socket, _) = connect_with(&request, Connector::new()).await?;
    copy_bidirectional(&mut socket.into_byte_stream(), &mut tcp).await?;
    Ok(())
}

/// The client between standard input and output. It ends with the connection, even if the input goes on.
fn pipe(request: &client::Request) -> Result<(), Box<dyn Error>> {
    let (socket, _) = blocking::connect_with(request, Connector::new())?;
    let (mut reader, writer) = socket.into_byte_stream().split();
    thread::spawn(move || send(writer)); // an error: the reader has one, too
    let mut output = io::stdout().lock();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        output.write_all(bytes)?;
        output.flush()?;
        let len = bytes.len();
        reader.consume(len);
    }
}

/// Sends standard input. What one read brings becomes one message at once: somebody may wait for it.
fn send(mut writer: ByteWriter<NetStream>) -> io::Result<()> {
    let (mut input, mut buffer) = (io::stdin().lock(), vec![0; 16 << 10]);
    loop {
        match input.read(&mut buffer)? {
            0 => return writer.shutdown(),
            len => writer.write_all(buffer.get(..len).unwrap_or_default())?,
        }
        writer.flush()?;
    }
}
