//! One client's visit to a server, from a connection to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use rustix::net::sockopt;
use sansocket::handshake::client::Request;
use sansocket::tokio::{NetStream, WebSocket, connect_over};
use sansocket::{Config, Deflate};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::Outcome;
use crate::bytes::below_a_power;
use crate::site::Site;

/// How much later than it should something may happen. The machine may be busy with other work.
pub(crate) const SLACK: Duration = Duration::from_secs(120);

/// How long the opening handshake may take, TLS included: the crate's default.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// A small buffer for reading, in bytes.
const LITTLE_ROOM: u32 = 32 << 10;

/// The visitor's view.
pub(crate) struct Visit {
    pub(crate) site: Arc<Site>,
    pub(crate) rng: Rng,
    /// The target of its request.
    pub(crate) target: String,
    /// Whether its system's buffer is small.
    pub(crate) has_little_room: bool,
    /// When visitors who have not gone yet go.
    pub(crate) until: Instant,
}

impl Visit {
    pub(crate) async fn reach(&self) -> Outcome<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self.has_little_room {
            socket.set_recv_buffer_size(LITTLE_ROOM)?;
        }
        let tcp = socket.connect(self.site.address).await?;
        self.site.counts.connections.fetch_add(1, Ordering::Relaxed);
        Ok(tcp)
    }

    /// With TLS, if the server has it.
    pub(crate) fn secure(&self, tcp: TcpStream) -> Outcome<NetStream> {
        tcp.set_nodelay(true)?;
        Ok(match &self.site.tls {
            Some(config) => NetStream::tls_client(tcp, Arc::clone(config), "127.0.0.1")?,
            None => tcp.into(),
        })
    }

    /// Opens a connection by the rules, with compression or without.
    pub(crate) async fn connect(&mut self) -> Outcome<WebSocket<NetStream>> {
        let deflate = self.deflate();
        self.connect_with(deflate).await
    }

    /// [`connect`](Self::connect) with this offer, or none.
    pub(crate) async fn connect_with(&self, deflate: Option<Deflate>) -> Outcome<WebSocket<NetStream>> {
        let offered = deflate.is_some();
        let config = Config::default()
            .deflate(deflate)
            .handshake_timeout(SLACK)
            .write_timeout(SLACK)
            .close_timeout(SLACK)
            .keepalive(Some(SLACK));
        let scheme = if self.site.tls.is_some() { "wss" } else { "ws" };
        let request = Request::new(&format!("{scheme}://{}{}", self.site.address, self.target))?;
        let stream = self.secure(self.reach().await?)?;
        let (socket, _) = connect_over(stream, &request, config).await?;
        if socket.negotiated().is_some() != (offered && self.site.deflates) {
            return Err("compression was not agreed on as it was offered".into());
        }
        Ok(socket)
    }

    /// One of several offers, or none.
    fn deflate(&mut self) -> Option<Deflate> {
        let all = Deflate::default().min_len(0);
        match self.rng.u8(..5) {
            0 => Some(all),
            1 => Some(all.takeover(true).peer_takeover(true)),
            2 => Some(all.window_bits(9).peer_window_bits(10).takeover(true)),
            3 => Some(Deflate::feed()),
            _ => None,
        }
    }

    /// A pause: of milliseconds as often as of seconds, not beyond the time to go.
    pub(crate) async fn pause(&mut self) {
        let pause = Duration::from_millis(below_a_power(&mut self.rng, 12) as u64);
        tokio::time::sleep_until((Instant::now() + pause).min(self.until)).await;
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Ends a connection with a reset.
pub(crate) fn reset(socket: WebSocket<NetStream>) -> Outcome {
    Ok(sockopt::set_socket_linger(socket.stream().tcp(), Some(Duration::ZERO))?)
}
