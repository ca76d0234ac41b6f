//! TLS and HTTP/2 in front of a server that speaks HTTP/1.1 and WebSocket, such as the chat.
//!
//! ```text
//! cargo run --release -p chat -- --bind 127.0.0.1:9001
//! cargo run --release -p frameworks --bin gateway -- --cert chain.pem --key key.pem --to 127.0.0.1:9001
//! ```
//!
//! Each WebSocket connection of a browser is a stream of the one HTTP/2 connection that the page came over. Behind the gateway it
//! is a connection of its own, with the same path, cookies, origin and subprotocol. Messages are passed on whole. Pings end here:
//! either side has its own.
//!
//! It prints a line for each WebSocket connection, with the address that the HTTP connection comes from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use sansocket::asynchronous::{Reader, Transport, Writer};
use sansocket::handshake::client;
use sansocket::handshake::server::Request as Handshake;
use sansocket::hyper::{Upgrade, upgrade_with};
use sansocket::tls::rustls::ServerConfig;
use sansocket::tls::rustls::pki_types::pem::PemObject;
use sansocket::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sansocket::tokio::{NetStream, connect_with};
use sansocket::{CloseCode, Config, Error, SendError};
use tokio::net::{TcpListener, TcpStream};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The most requests and WebSocket connections at a time on one HTTP/2 connection.
const STREAMS: u32 = 200;

/// The most bytes of one of them that may wait here because the server behind does not take them. The HTTP/2 connection has room
/// for as many of each. By default hyper has no more room for all than for one, and two that wait hold up all the others.
const WINDOW: u32 = 64 << 10;

#[derive(Debug, Parser)]
#[command(about = "TLS and HTTP/2 in front of a WebSocket server")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443")]
    bind: String,
    /// A PEM file with the certificate, and behind it those of the CAs between
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// A PEM file with the key of the certificate
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The address of the server behind
    #[arg(long, value_name = "ADDRESS")]
    to: String,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let chain = CertificateDer::pem_file_iter(&options.cert)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&options.key)?;
    let mut tls = ServerConfig::builder_with_provider(sansocket::tls::provider()?)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    let (tls, to): (_, Arc<str>) = (Arc::new(tls), options.to.into());
    let listener = TcpListener::bind(&options.bind).await?;
    println!("gateway: https://{}/", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((tcp, from)) => drop(tokio::spawn(serve(tcp, from, Arc::clone(&tls), Arc::clone(&to)))),
            Err(error) => {
                // No descriptors or no memory: both come back when a connection ends.
                eprintln!("gateway: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one connection of a browser.
async fn serve(tcp: TcpStream, from: SocketAddr, tls: Arc<ServerConfig>, to: Arc<str>) {
    tcp.set_nodelay(true).ok();
    let stream = match NetStream::tls_server(tcp, tls) {
        Ok(stream) => TokioIo::new(stream),
        Err(error) => return eprintln!("gateway: {from}: {error}"),
    };
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
    http.http2()
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(STREAMS * WINDOW)
        .keep_alive_interval(Duration::from_secs(20));
    let service = service_fn(|request| respond(request, from, Arc::clone(&to)));
    if let Err(error) = http.serve_connection_with_upgrades(stream, service).await {
        eprintln!("gateway: {from}: {error}");
    }
}

type Body = BoxBody<Bytes, hyper::Error>;

async fn respond(mut request: Request<Incoming>, from: SocketAddr, to: Arc<str>) -> Outcome<Response<Body>> {
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    if Handshake::from_http(&request, protocol).is_err() {
        return pass(request, &to).await;
    }
    let mut wanted = Ok(None);
    let version = request.version();
    let (response, upgrade) = upgrade_with(&mut request, Config::default(), |request| {
        println!("{from} {version:?} {}", request.path());
        wanted = behind(request, &to).map(Some);
        match request.subprotocols().next() {
            Some(name) => request.accept().subprotocol(name),
            None => request.accept(),
        }
    });
    if let Some(wanted) = wanted? {
        tokio::spawn(async move {
            if let Err(error) = relay(upgrade, wanted).await {
                eprintln!("gateway: {from}: {error}");
            }
        });
    }
    Ok(response.map(|body| Full::from(body).map_err(|never| match never {}).boxed()))
}

/// Passes an ordinary request on.
async fn pass(mut request: Request<Incoming>, to: &str) -> Outcome<Response<Body>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(to).await?)).await?;
    tokio::spawn(connection);
    // HTTP/2 has the host in the URI, HTTP/1.1 in a header.
    if let Some(host) = request.uri().authority().map(|host| host.as_str().parse()) {
        request.headers_mut().insert(hyper::header::HOST, host?);
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse()?;
    *request.version_mut() = hyper::Version::HTTP_11;
    let mut response = sender.send_request(request).await?;
    response.headers_mut().remove(hyper::header::CONNECTION);
    Ok(response.map(|body| body.boxed()))
}

/// The same request for the server behind: only headers about the opening handshake itself are new.
fn behind(request: &Handshake, to: &str) -> Result<client::Request, sansocket::HandshakeError> {
    let query = request.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut wanted = client::Request::new(&format!("ws://{to}{}{query}", request.path()))?;
    if let Some(host) = request.host() {
        wanted = wanted.header("Host", host);
    }
    for (name, value) in request.headers() {
        if ["cookie", "origin", "user-agent", "authorization"].contains(&name) {
            wanted = wanted.header(name, value);
        }
    }
    Ok(request.subprotocols().take(1).fold(wanted, |wanted, name| wanted.subprotocol(name)))
}

/// Opens the connection behind, and passes messages on in both directions until both are closed.
async fn relay(upgrade: Upgrade, wanted: client::Request) -> Result<(), Error> {
    let mut front = upgrade.await?;
    let (back, _) = match connect_with(&wanted, Config::default()).await {
        Ok(back) => back,
        Err(error) => {
            front.close(CloseCode::BAD_GATEWAY, "").await?;
            return Err(error);
        }
    };
    let ((from_front, to_front), (from_back, to_back)) = (front.split(), back.split());
    let (there, back) = tokio::join!(pass_on(from_front, to_back), pass_on(from_back, to_front));
    there.and(back)
}

/// Passes messages on until the connection that they come from is closed, and then its code and reason.
async fn pass_on<A: Transport, B: Transport>(mut from: Reader<A>, to: Writer<B>) -> Result<(), Error> {
    let passed = async {
        while let Some(message) = from.read().await? {
            to.send(&message).await?;
        }
        Ok(())
    };
    let passed = passed.await;
    let end = from.close_info().filter(|info| info.code.is_sendable());
    let (code, reason) = end.map_or((CloseCode::GOING_AWAY, "".into()), |info| (info.code, info.reason));
    match to.close(code, &reason).await {
        Ok(()) | Err(Error::Send(SendError::Closed)) => passed,
        Err(error) => passed.and(Err(error)),
    }
}
