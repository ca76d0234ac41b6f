//! A TCP connection, with or without TLS, that several threads use.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

#[cfg(feature = "rustls")]
use super::tls::Tls;
use crate::dial::TlsConfig;

/// A TCP connection, with or without TLS on it: what [`connect`](super::connect) reaches a server with, and what a server makes
/// of a connection that it accepts over TLS.
///
/// It is read and written through a shared reference, as a `TcpStream` is: one thread may read while another writes. The TLS
/// handshake is part of the first reads and writes.
#[derive(Debug)]
pub struct NetStream {
    tcp: TcpStream,
    #[cfg(feature = "rustls")]
    tls: Option<Box<Tls>>,
}

impl From<TcpStream> for NetStream {
    fn from(tcp: TcpStream) -> Self {
        Self {
            tcp,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }
}

impl NetStream {
    /// The client's end, with TLS if there is a configuration for it. Of the bytes that have arrived before, gives those that
    /// TLS does not take.
    #[cfg_attr(
        not(feature = "rustls"),
        expect(unused_variables, reason = "only TLS checks the name of the host")
    )]
    pub(super) fn client(
        tcp: TcpStream,
        tls: Option<TlsConfig>,
        host: &str,
        arrived: Vec<u8>,
    ) -> io::Result<(Self, Vec<u8>)> {
        match tls {
            #[cfg(feature = "rustls")]
            Some(config) => {
                let session = crate::tls::Session::client(config, host, &arrived)?;
                Ok((Self { tcp, tls: Some(Box::new(Tls::new(session))) }, Vec::new()))
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
    pub fn tls_client(
        tcp: TcpStream,
        config: std::sync::Arc<rustls::ClientConfig>,
        host: &str,
    ) -> io::Result<Self> {
        Self::client(tcp, Some(config), host, Vec::new()).map(|(stream, _)| stream)
    }

    /// The server's end of TLS over a TCP connection.
    ///
    /// ```no_run
    /// use std::net::TcpListener;
    /// use std::sync::Arc;
    ///
    /// use sansocket::blocking::{NetStream, accept};
    /// use sansocket::tls::rustls::ServerConfig;
    ///
    /// # fn serve(config: Arc<ServerConfig>) -> Result<(), sansocket::Error> {
    /// let listener = TcpListener::bind("127.0.0.1:9443")?;
    /// let (tcp, _) = listener.accept()?;
    /// let mut socket = accept(NetStream::tls_server(tcp, config)?)?;
    /// # socket.send("Hello") }
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidData` for a configuration that offers nothing.
    #[cfg(feature = "rustls")]
    pub fn tls_server(tcp: TcpStream, config: std::sync::Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let session = crate::tls::Session::server(config)?;
        Ok(Self { tcp, tls: Some(Box::new(Tls::new(session))) })
    }

    /// The TCP connection, for its options. Reading from it or writing to it breaks TLS.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The TCP connection alone.
    ///
    /// # Errors
    ///
    /// The stream, if there is TLS on it.
    pub fn into_tcp(self) -> Result<TcpStream, Self> {
        #[cfg(feature = "rustls")]
        if self.tls.is_some() {
            return Err(self);
        }
        Ok(self.tcp)
    }

    /// The address of the peer: of the proxy, if there is one.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// What was agreed on about TLS. `None` without TLS, and before the handshake is complete.
    #[cfg(feature = "rustls")]
    pub fn tls_info(&self) -> Option<crate::tls::TlsInfo> {
        self.tls.as_ref()?.info()
    }

    /// Sets how long a read waits, as that of `TcpStream`. `None`: for ever. With TLS, a peer that sends part of a record now
    /// and then may prolong it by a tenth.
    ///
    /// # Errors
    ///
    /// Those of the socket: zero is one.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &self.tls {
            tls.read_limit.set(timeout);
        }
        self.tcp.set_read_timeout(timeout)
    }

    /// Sets how long a write waits, as that of `TcpStream`. `None`: for ever.
    ///
    /// # Errors
    ///
    /// Those of the socket: zero is one.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &self.tls {
            tls.write_limit.set(timeout);
        }
        self.tcp.set_write_timeout(timeout)
    }

    /// Ends one direction or both. With TLS, `close_notify` goes out before the end of writing alone.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        #[cfg(feature = "rustls")]
        if let (Some(tls), Shutdown::Write) = (&self.tls, how) {
            tls.close(&self.tcp)?;
        }
        self.tcp.shutdown(how)
    }
}

impl Read for &NetStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &self.tls {
            return tls.read(&self.tcp, buf);
        }
        (&self.tcp).read(buf)
    }
}

impl Write for &NetStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &self.tls {
            return tls.write(&self.tcp, bufs);
        }
        (&self.tcp).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "rustls")]
        if let Some(tls) = &self.tls {
            return tls.flush(&self.tcp);
        }
        Ok(())
    }
}

impl Read for NetStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for NetStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
