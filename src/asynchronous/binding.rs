//! The functions with which one begins, for a binding: the same for each, but for its traits and its `TcpStream`.

/// `$io` is the [`Io`](super::Io) over a stream `S: AsyncRead + AsyncWrite`, `$tcp` the runtime's own stream, and `$timeout`
/// what keeps a future to a time limit.
///
/// The opening handshakes are boxed: what they need is given back when they are done, where a task would keep room for it
/// as long as the connection lasts.
macro_rules! bind {
    ($io:ident, $tcp:ty, $timeout:path) => {
        /// A connection over such a stream.
        pub type WebSocket<S> = asynchronous::WebSocket<$io<S>>;

        /// The receiving half of a split connection.
        pub type Reader<S> = asynchronous::Reader<$io<S>>;

        /// The sending half of a split connection.
        pub type Writer<S> = asynchronous::Writer<$io<S>>;

        /// Connects to a `ws://` URL.
        ///
        /// # Errors
        ///
        /// As [`connect_with`].
        pub async fn connect(url: &str) -> Result<WebSocket<$tcp>, Error> {
            let (socket, _) = connect_with(&client::Request::new(url)?, Config::shared_default()).await?;
            Ok(socket)
        }

        /// Connects with subprotocols, headers, limits of the caller's choice; gives the server's response as well.
        /// Every address of the host is tried, all within [`Config::handshake_timeout`]. Redirects are not followed. Whoever
        /// opens several connections to one host opens them in turn, as [there](crate::blocking::connect_with).
        ///
        /// # Errors
        ///
        /// As [`blocking::connect_with`](crate::blocking::connect_with).
        pub async fn connect_with(
            request: &client::Request,
            config: impl Into<Arc<Config>>,
        ) -> Result<(WebSocket<$tcp>, client::Response), Error> {
            let config = config.into();
            if request.is_secure() {
                return Err(HandshakeError::TlsNeeded.into());
            }
            let begin = Instant::now();
            let reach = <$tcp>::connect((request.host(), request.port()));
            let stream =
                $timeout(config.handshake_timeout, reach).await.ok_or(HandshakeError::TimedOut)??;
            stream.set_nodelay(true)?;
            let left = config.handshake_timeout.saturating_sub(begin.elapsed());
            Box::pin(asynchronous::connect($io::new(stream), request, config, left)).await
        }

        /// Connects over a stream that has reached the server; for `wss:`, one that has done its TLS handshake.
        ///
        /// # Errors
        ///
        /// As [`blocking::connect_with`](crate::blocking::connect_with).
        pub async fn connect_over<S: AsyncRead + AsyncWrite + Unpin>(
            stream: S,
            request: &client::Request,
            config: impl Into<Arc<Config>>,
        ) -> Result<(WebSocket<S>, client::Response), Error> {
            let config = config.into();
            let timeout = config.handshake_timeout;
            Box::pin(asynchronous::connect($io::new(stream), request, config, timeout)).await
        }

        /// Accepts any WebSocket connection, without a subprotocol. See
        /// [`blocking::accept`](crate::blocking::accept).
        ///
        /// # Errors
        ///
        /// As [`blocking::accept_with`](crate::blocking::accept_with).
        pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<WebSocket<S>, Error> {
            accept_with(stream, Config::shared_default(), Request::accept).await
        }

        /// Lets `decide` look at the request before the connection is opened. See
        /// [`blocking::accept_with`](crate::blocking::accept_with).
        ///
        /// # Errors
        ///
        /// As [`blocking::accept_with`](crate::blocking::accept_with).
        pub async fn accept_with<S: AsyncRead + AsyncWrite + Unpin>(
            stream: S,
            config: impl Into<Arc<Config>>,
            decide: impl FnOnce(&Request) -> Response,
        ) -> Result<WebSocket<S>, Error> {
            Box::pin(asynchronous::accept($io::new(stream), config.into(), decide)).await
        }

        /// [`accept_with`] on a port that serves pages as well. See [`blocking::serve`](crate::blocking::serve).
        ///
        /// # Errors
        ///
        /// As [`blocking::accept_with`](crate::blocking::accept_with).
        pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
            stream: S,
            config: impl Into<Arc<Config>>,
            decide: impl FnOnce(&Request) -> Response,
            page: impl FnOnce(&HttpRequest) -> Response,
        ) -> Result<Option<WebSocket<S>>, Error> {
            Box::pin(asynchronous::serve($io::new(stream), config.into(), decide, page)).await
        }
    };
}

pub(crate) use bind;
