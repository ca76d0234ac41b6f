//! The functions of a binding. They differ in their traits and their `TcpStream` only.

/// `$transport` is the [`Transport`](super::Transport) over a stream `S: AsyncRead + AsyncWrite`, and `$tcp` the runtime's
/// own stream. The module that calls this has functions of the runtime: `resolve`, `sleep`, `within`.
///
/// The opening handshakes are boxed. That frees their memory when they are done; a task would keep it for the whole
/// connection.
macro_rules! bind {
    ($transport:ident, $tcp:ty) => {
        /// A connection over such a stream.
        pub type WebSocket<S> = asynchronous::WebSocket<$transport<S>>;

        /// The receiving half of a split connection.
        pub type Reader<S> = asynchronous::Reader<$transport<S>>;

        /// The sending half of a split connection.
        pub type Writer<S> = asynchronous::Writer<$transport<S>>;

        /// A connection that is open already.
        pub fn from_parts<S: AsyncRead + AsyncWrite + Unpin>(
            stream: S,
            connection: Connection,
        ) -> WebSocket<S> {
            asynchronous::WebSocket::from_parts($transport::new(stream), connection)
        }

        /// Connects to a `ws://` URL.
        ///
        /// # Errors
        ///
        /// As [`connect_with`].
        pub async fn connect(url: &str) -> Result<WebSocket<$tcp>, Error> {
            let (socket, _) = connect_with(&client::Request::new(url)?, Config::shared_default()).await?;
            Ok(socket)
        }

        /// Connects with the subprotocols and headers of the request and the limits of the [`Config`]. Gives the server's
        /// response, too. See [`blocking::connect_with`](crate::blocking::connect_with).
        ///
        /// # Errors
        ///
        /// As [`blocking::connect_with`](crate::blocking::connect_with).
        pub async fn connect_with(
            request: &client::Request,
            config: impl Into<Arc<Config>>,
        ) -> Result<(WebSocket<$tcp>, client::Response), Error> {
            let config = config.into();
            request.check()?;
            if request.is_secure() {
                return Err(HandshakeError::TlsNeeded.into());
            }
            let begin = Instant::now();
            let reached = Box::pin(within(config.handshake_timeout, async {
                let addresses = resolve(request.host(), request.port()).await?;
                asynchronous::reach(addresses, <$tcp>::connect, sleep).await
            }));
            let stream = reached.await.ok_or(HandshakeError::TimedOut)??;
            prepare(&stream)?;
            let left = config.handshake_timeout.saturating_sub(begin.elapsed());
            Box::pin(asynchronous::connect($transport::new(stream), request, config, left)).await
        }

        /// Connects over a stream that has reached the server. For `wss:`, its TLS handshake is done.
        ///
        /// # Errors
        ///
        /// As [`blocking::connect_with`](crate::blocking::connect_with).
        pub async fn connect_over<S: AsyncRead + AsyncWrite + Unpin + 'static>(
            stream: S,
            request: &client::Request,
            config: impl Into<Arc<Config>>,
        ) -> Result<(WebSocket<S>, client::Response), Error> {
            let config = config.into();
            let timeout = config.handshake_timeout;
            prepare(&stream)?;
            Box::pin(asynchronous::connect($transport::new(stream), request, config, timeout)).await
        }

        /// Accepts any WebSocket connection, without a subprotocol. See
        /// [`blocking::accept`](crate::blocking::accept).
        ///
        /// # Errors
        ///
        /// As [`blocking::accept_with`](crate::blocking::accept_with).
        pub async fn accept<S: AsyncRead + AsyncWrite + Unpin + 'static>(
            stream: S,
        ) -> Result<WebSocket<S>, Error> {
            accept_with(stream, Config::shared_default(), Request::accept).await
        }

        /// Accepts a connection if `decide` does. See
        /// [`blocking::accept_with`](crate::blocking::accept_with).
        ///
        /// # Errors
        ///
        /// As [`blocking::accept_with`](crate::blocking::accept_with).
        pub async fn accept_with<S: AsyncRead + AsyncWrite + Unpin + 'static>(
            stream: S,
            config: impl Into<Arc<Config>>,
            decide: impl FnOnce(&Request) -> Response,
        ) -> Result<WebSocket<S>, Error> {
            prepare(&stream)?;
            Box::pin(asynchronous::accept($transport::new(stream), config.into(), decide)).await
        }

        /// [`accept_with`] on a port that serves pages, too. See
        /// [`blocking::accept_or_respond`](crate::blocking::accept_or_respond).
        ///
        /// # Errors
        ///
        /// As [`blocking::accept_with`](crate::blocking::accept_with).
        pub async fn accept_or_respond<S: AsyncRead + AsyncWrite + Unpin + 'static>(
            stream: S,
            config: impl Into<Arc<Config>>,
            decide: impl FnOnce(&Request) -> Response,
            page: impl FnOnce(&HttpRequest) -> Response,
        ) -> Result<Option<WebSocket<S>>, Error> {
            prepare(&stream)?;
            Box::pin(asynchronous::accept_or_respond($transport::new(stream), config.into(), decide, page))
                .await
        }

        /// Turns Nagle's algorithm off if the stream is TCP: it would hold small messages back. Behind another type, such as
        /// a TLS stream, that is the caller's to do.
        fn prepare<S: 'static>(stream: &S) -> std::io::Result<()> {
            match (stream as &dyn std::any::Any).downcast_ref::<$tcp>() {
                Some(tcp) => tcp.set_nodelay(true),
                None => Ok(()),
            }
        }
    };
}

pub(crate) use bind;
