//! The functions of a binding. They differ in their traits and their `TcpStream` only.

/// `$transport` is the [`Transport`](super::Transport) over a stream `S: AsyncRead + AsyncWrite`, and `$tcp` the runtime's
/// own stream. The module that calls this has functions of the runtime: `resolve`, `sleep`, `within`.
///
/// The opening handshakes are boxed. That frees their memory when they are done; a task would keep it for the whole
/// connection.
macro_rules! bind {
    ($transport:ident, $tcp:ty) => {
        /// A connection over such a stream. A function for any stream has the bounds `AsyncRead + AsyncWrite + Unpin + 'static`.
        pub type WebSocket<S> = asynchronous::WebSocket<$transport<S>>;

        /// A connection as a stream of bytes.
        pub type ByteStream<S> = asynchronous::ByteStream<$transport<S>>;

        /// The receiving half of a split connection.
        pub type Reader<S> = asynchronous::Reader<$transport<S>>;

        /// The sending half of a split connection.
        pub type Writer<S> = asynchronous::Writer<$transport<S>>;

        /// A connection that is open already.
        pub fn from_parts<S: AsyncRead + AsyncWrite + Unpin + 'static>(
            stream: S,
            connection: Connection,
        ) -> WebSocket<S> {
            asynchronous::WebSocket::from_parts($transport::new(stream), connection)
        }

        /// A TCP connection, with or without TLS on it.
        pub type NetStream = asynchronous::NetStream<$tcp>;

        /// Connects to a `ws://` or `wss://` URL. See [`blocking::connect`](crate::blocking::connect).
        ///
        /// # Errors
        ///
        /// As [`connect_with`].
        pub async fn connect(url: &str) -> Result<WebSocket<NetStream>, Error> {
            let (socket, _) = connect_with(&client::Request::new(url)?, Connector::new()).await?;
            Ok(socket)
        }

        /// Connects with the subprotocols and headers of the request, by way of the [`Connector`], or with a [`Config`]. Gives
        /// the server's response, too. See [`blocking::connect_with`](crate::blocking::connect_with).
        ///
        /// # Errors
        ///
        /// As [`blocking::connect_with`](crate::blocking::connect_with).
        pub async fn connect_with(
            request: &client::Request,
            connector: impl Into<Connector>,
        ) -> Result<(WebSocket<NetStream>, client::Response), Error> {
            let connector = connector.into();
            let begin = Instant::now();
            let mut redirects = connector.to_redirects();
            let mut request = std::borrow::Cow::Borrowed(request);
            loop {
                let trace = crate::trace::Trace::client(&request);
                match Box::pin(go(&request, &connector, begin, &trace)).await {
                    Ok((socket, response)) => return Ok((socket.traced(trace), response)),
                    Err(end) => {
                        let followed = trace.redirected(redirects.follow(&request, end));
                        request = std::borrow::Cow::Owned(followed?);
                    }
                }
            }
        }

        /// [`connect_with`] from a TCP connection that has reached the server, or the proxy if the [`Connector`] has one. See
        /// [`blocking::connect_from`](crate::blocking::connect_from).
        ///
        /// # Errors
        ///
        /// As [`blocking::connect_with`](crate::blocking::connect_with).
        pub async fn connect_from(
            tcp: $tcp,
            request: &client::Request,
            connector: impl Into<Connector>,
        ) -> Result<(WebSocket<NetStream>, client::Response), Error> {
            let connector = connector.into();
            let trace = crate::trace::Trace::client(request);
            let opened = match connector.way(request) {
                Ok(way) => {
                    Box::pin(go_from(tcp, way, request, connector.shared_config(), Instant::now())).await
                }
                Err(error) => Err(error.into()),
            };
            trace.unless_failed(opened).map(|(socket, response)| (socket.traced(trace), response))
        }

        /// Goes the whole way once.
        async fn go(
            request: &client::Request,
            connector: &Connector,
            begin: Instant,
            trace: &crate::trace::Trace,
        ) -> Result<(WebSocket<NetStream>, client::Response), Error> {
            let (way, config) = (connector.way(request)?, connector.shared_config());
            let left = config.handshake_timeout.saturating_sub(begin.elapsed());
            let local = connector.local();
            let reached = within(left, async {
                let addresses = connector.admitted(resolve(way.host, way.port).await?)?;
                asynchronous::reach(addresses, |address| reach(address, local), sleep).await
            });
            let tcp = reached.await.ok_or(HandshakeError::TimedOut)??;
            trace.reached(|| tcp.peer_addr());
            go_from(tcp, way, request, config, begin).await
        }

        /// Goes the way behind the first connection: through the proxy, TLS, the opening handshake.
        async fn go_from(
            tcp: $tcp,
            way: Way<'_>,
            request: &client::Request,
            config: &Arc<Config>,
            begin: Instant,
        ) -> Result<(WebSocket<NetStream>, client::Response), Error> {
            prepare(&tcp)?;
            let left = || config.handshake_timeout.saturating_sub(begin.elapsed());
            let (mut tcp, mut arrived) = (tcp, Vec::new());
            if let Some(proxy) = way.proxy {
                let mut transport = $transport::new(tcp);
                arrived = asynchronous::pass(&mut transport, proxy, request, config, left()).await?;
                tcp = transport.into_stream();
            }
            let (stream, arrived) = NetStream::client(tcp, way.tls, request.host(), arrived)?;
            let transport = $transport::new(stream);
            let opened = asynchronous::connect(transport, &arrived, request, Arc::clone(config), left());
            opened.await.map_err(Error::of_tls)
        }

        /// Connects and waits with this runtime.
        #[derive(Debug)]
        pub enum Dialer {}

        impl asynchronous::Dial for Dialer {
            type Transport = $transport<NetStream>;

            fn connect(
                request: client::Request,
                connector: Connector,
            ) -> Pin<Box<dyn Future<Output = Result<(WebSocket<NetStream>, client::Response), Error>> + Send>>
            {
                Box::pin(async move { connect_with(&request, connector).await })
            }

            fn sleep(duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
                Box::pin(async move {
                    sleep(duration).await;
                })
            }
        }

        /// A client's connection that comes back.
        pub type Reconnecting = asynchronous::Reconnecting<Dialer>;

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
            prepare(&stream)?;
            Box::pin(asynchronous::connect_over($transport::new(stream), request, config)).await
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
            Box::pin(asynchronous::accept_with($transport::new(stream), config, decide)).await
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
            Box::pin(asynchronous::accept_or_respond($transport::new(stream), config, decide, page)).await
        }

        /// [`Transport::poll_write`] to a stream. One slice needs no table.
        fn poll_write<S: AsyncWrite + Unpin>(
            stream: &mut S,
            cx: &mut Context<'_>,
            from: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let stream = Pin::new(stream);
            match from {
                [chunk] => stream.poll_write(cx, chunk),
                _ => stream.poll_write_vectored(cx, from),
            }
        }

        /// [`Transport::passed_on`] of a stream.
        fn passed_on<S: 'static>(stream: &S) -> u64 {
            (stream as &dyn std::any::Any).downcast_ref().map_or(0, NetStream::passed_on)
        }

        /// [`Transport::peer`] of a stream.
        fn peer<S: 'static>(stream: &S) -> Option<SocketAddr> {
            tcp_of(stream)?.peer_addr().ok()
        }

        /// Turns Nagle's algorithm off if the stream is TCP: it would hold small messages back. Behind a type of the caller's,
        /// that is the caller's to do.
        fn prepare<S: 'static>(stream: &S) -> std::io::Result<()> {
            tcp_of(stream).map_or(Ok(()), |tcp| tcp.set_nodelay(true))
        }

        /// The TCP connection that the stream is, or has below it.
        fn tcp_of<S: 'static>(stream: &S) -> Option<&$tcp> {
            let stream = stream as &dyn std::any::Any;
            stream.downcast_ref().or_else(|| stream.downcast_ref().map(NetStream::tcp))
        }
    };
}

/// A binding's `AsyncWrite` for a type that has its functions for every runtime. The traits differ in the name of the last
/// function, and tokio's has one more.
macro_rules! async_write {
    ($type:ident<T: $bound:ident>, $close:ident $(, $more:item)?) => {
        impl<T: $bound> AsyncWrite for asynchronous::$type<T> {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
                self.get_mut().poll_write(cx, &[IoSlice::new(from)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                from: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.get_mut().poll_write(cx, from)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().poll_flush(cx)
            }

            fn $close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().poll_shutdown(cx)
            }

            $($more)?
        }
    };
}

pub(crate) use {async_write, bind};
