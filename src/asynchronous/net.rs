//! A TCP connection that is polled, with or without TLS.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use super::socket::Socket;
#[cfg(feature = "rustls")]
use super::tls::Tls;
use crate::dial::TlsConfig;
#[cfg(feature = "rustls")]
use crate::tls::{Session, TlsInfo};

/// A TCP connection, with or without TLS on it: what `connect` reaches a server with. It has the traits of the runtime's own
/// streams. The TLS handshake is part of the first reads and writes.
#[derive(Debug)]
pub struct NetStream<T> {
    tcp: T,
    #[cfg(feature = "rustls")]
    tls: Option<Box<Tls>>,
}

impl<T> From<T> for NetStream<T> {
    fn from(tcp: T) -> Self {
        Self {
            tcp,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }
}

impl<T> NetStream<T> {
    /// The client's end, with TLS if there is a configuration for it. Of the bytes that have arrived before, gives those that
    /// TLS does not take.
    #[cfg_attr(
        not(feature = "rustls"),
        expect(unused_variables, reason = "only TLS checks the name of the host")
    )]
    pub(crate) fn client(
        tcp: T,
        tls: Option<TlsConfig>,
        host: &str,
        arrived: Vec<u8>,
    ) -> io::Result<(Self, Vec<u8>)> {
        match tls {
            #[cfg(feature = "rustls")]
            Some(config) => {
                let session = Session::client(config, host, &arrived)?;
                Ok((Self { tcp, tls: Some(Box::new(session.into())) }, Vec::new()))
            }
            _ => Ok((tcp.into(), arrived)),
        }
    }

    /// The client's end of TLS over a TCP connection to `host`, which is checked against the certificate: a name, or an IP
    /// address.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a host that no certificate can have. `InvalidData` for a configuration that offers nothing.
    #[cfg(feature = "rustls")]
    pub fn tls_client(tcp: T, config: TlsConfig, host: &str) -> io::Result<Self> {
        Self::client(tcp, Some(config), host, Vec::new()).map(|(stream, _)| stream)
    }

    /// The server's end of TLS over a TCP connection. Give it to `accept`, whose deadline is for the TLS handshake, too.
    ///
    /// # Errors
    ///
    /// `InvalidData` for a configuration that offers nothing.
    #[cfg(feature = "rustls")]
    pub fn tls_server(tcp: T, config: std::sync::Arc<rustls::ServerConfig>) -> io::Result<Self> {
        Ok(Self { tcp, tls: Some(Box::new(Session::server(config)?.into())) })
    }

    /// The TCP connection, for its addresses and options. Reading from it or writing to it breaks TLS.
    pub fn tcp(&self) -> &T {
        &self.tcp
    }

    /// How many bytes the socket has taken, if there is TLS on it, which may hold some back.
    #[cfg_attr(not(feature = "rustls"), expect(clippy::unused_self, reason = "TCP holds nothing back"))]
    pub(crate) fn passed_on(&self) -> u64 {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &self.tls {
            return tls.passed_on;
        }
        0
    }

    /// What was agreed on about TLS. `None` without TLS, and before the handshake is complete.
    #[cfg(feature = "rustls")]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.tls.as_ref()?.session.info()
    }
}

/// The traits of a runtime call these.
impl<T: Socket> NetStream<T> {
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &mut self.tls {
            return super::tls::poll_read(tls, &mut self.tcp, cx, to);
        }
        self.tcp.poll_read(cx, to)
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &mut self.tls {
            return super::tls::poll_write(tls, &mut self.tcp, cx, from);
        }
        self.tcp.poll_write(cx, from)
    }

    #[cfg_attr(not(feature = "rustls"), expect(unused_variables, reason = "TCP has nothing to pass on"))]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &mut self.tls {
            return super::tls::poll_flush(tls, &mut self.tcp, cx);
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &mut self.tls {
            tls.session.close();
            std::task::ready!(super::tls::poll_flush(tls, &mut self.tcp, cx))?;
        }
        self.tcp.poll_shutdown(cx)
    }
}
