//! An echo server over TLS, with a page for the browser on the same port, on tokio.
//!
//! ```text
//! cargo run --release --features tls,tokio --example echo_tls -- --ca-out ca.pem
//! cargo run --release --features tls,tokio --example echo_tls -- --cert chain.pem --key key.pem
//! ```
//!
//! Without `--cert` the server makes a CA and a certificate for `localhost`, 127.0.0.1 and ::1 when it starts. Nobody has the
//! key of that CA but this process, and it is forgotten when the process ends. `--ca-out` writes the certificate of the CA to a
//! file: give that to `sansocket::tls::config_with_ca`, to `curl --cacert`, or to a browser.
//!
//! Ctrl-C closes the connections with 1001.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sansocket::handshake::server::{HttpRequest, Request, Response};
use sansocket::tls::rustls::ServerConfig;
use sansocket::tls::rustls::pki_types::pem::PemObject as _;
use sansocket::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sansocket::tokio::{NetStream, WebSocket, accept_or_respond};
use sansocket::{CloseCode, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><title>Echo over TLS</title>
<h1>Echo over TLS</h1>
<input placeholder="say something" autofocus onchange="socket.send(value); value = ''"><pre id="log"></pre>
<script>
  const show = line => log.textContent += line + "\n";
  const socket = new WebSocket("wss://" + location.host + "/");
  socket.onopen = () => { show("open: " + socket.url); socket.send("Hello over TLS"); };
  socket.onmessage = event => show("echo: " + event.data);
  socket.onclose = event => show(`closed: ${event.code} ${event.reason}`);
</script>
"#;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server over TLS, with a page on the same port")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443")]
    bind: String,
    /// A PEM file with the server's certificate, and behind it those of the CAs between; default: a throw-away certificate
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// A PEM file with the key of the certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Where to write the certificate of the throw-away CA
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    ca_out: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (stop, stopped) = watch::channel(false);
    ctrlc::set_handler(move || _ = stop.send_replace(true))?;
    let tls = server_config(identity(&options)?)?;
    let config = Arc::new(Config::default());
    let listener = TcpListener::bind(&options.bind).await?;
    println!("echo_tls: wss://{}/", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = interrupt(stopped.clone()) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    connections.spawn(run(tcp, Arc::clone(&tls), Arc::clone(&config), stopped.clone()));
                }
                Err(error) => {
                    // No descriptors or no memory: both come back when a connection ends.
                    eprintln!("echo_tls: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Waits for Ctrl-C.
async fn interrupt(mut stopped: watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// A certificate with those that it is issued by, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificate of the files, or a throw-away one.
fn identity(options: &Options) -> Result<Identity, Box<dyn Error>> {
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
        return Ok((chain, PrivateKeyDer::from_pem_file(key)?));
    }
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A client that knows two CAs of the same name would take one for the other.
    let name = format!("throw-away CA of process {}", std::process::id());
    params.distinguished_name.push(DnType::CommonName, name);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    if let Some(file) = &options.ca_out {
        std::fs::write(file, ca.pem())?;
    }
    let key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let certificate = CertificateParams::new(names)?.signed_by(&key, &ca)?;
    Ok((vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into())))
}

/// One configuration for all connections, so that clients can resume their sessions.
fn server_config((chain, key): Identity) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let builder = ServerConfig::builder_with_provider(sansocket::tls::provider()?);
    let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key)?;
    // A browser offers HTTP/2, too, which the opening handshake is not.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

async fn run(tcp: TcpStream, tls: Arc<ServerConfig>, config: Arc<Config>, stopped: watch::Receiver<bool>) {
    let mut stopped = std::pin::pin!(interrupt(stopped));
    // Config::handshake_timeout is for TLS and HTTP together.
    let opened = tokio::select! {
        opened = open(tcp, tls, config) => opened,
        () = &mut stopped => return,
    };
    let ended = match opened {
        Ok(Some(mut socket)) => tokio::select! {
            ended = echo(&mut socket) => ended,
            // What `echo` was doing is complete or undone: its futures are cancel safe.
            () = stopped => socket.close(CloseCode::GOING_AWAY, "the server stops").await,
        },
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        eprintln!("echo_tls: {error}");
    }
}

/// `None`: a page was requested, and has been sent.
async fn open(
    tcp: TcpStream,
    tls: Arc<ServerConfig>,
    config: Arc<Config>,
) -> Result<Option<WebSocket<NetStream>>, sansocket::Error> {
    accept_or_respond(NetStream::tls_server(tcp, tls)?, config, decide, page).await
}

/// Pages of other origins may not connect. Programs have no origin.
fn decide(request: &Request) -> Response {
    match request.origin() {
        Some(_) if !request.is_same_origin() => request.reject(403),
        _ => request.accept(),
    }
}

fn page(request: &HttpRequest) -> Response {
    match request.path() {
        "/" => request.respond(200).header("Content-Type", "text/html").body(PAGE),
        _ => request.respond(404),
    }
}

/// Sends every message back. The answers to all messages of one read go out in one write.
async fn echo(socket: &mut WebSocket<NetStream>) -> Result<(), sansocket::Error> {
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
