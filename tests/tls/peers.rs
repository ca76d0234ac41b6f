//! The other ends: servers over TLS in threads of their own.

use std::sync::Arc;
use std::thread;

use sansocket::blocking::{self, NetStream, WebSocket, accept};
use sansocket::tls::rustls::ServerConfig;
use sansocket::{Connector, Error};

use crate::servers::listen_to_many;

/// A server that serves each connection with `serve`. Gives its port.
pub(crate) fn serve<F>(config: Arc<ServerConfig>, serve: F) -> u16
where
    F: Fn(WebSocket<NetStream>) -> Result<(), Error> + Clone + Send + 'static,
{
    listen_to_many(move |tcp| {
        let stream = NetStream::tls_server(tcp, Arc::clone(&config)).unwrap();
        accept(stream).and_then(&serve).ok();
    })
}

/// Sends every message back.
pub(crate) fn echo<S: blocking::Stream>(mut socket: WebSocket<S>) -> Result<(), Error> {
    while let Some(message) = socket.read()? {
        socket.send(&message)?;
    }
    Ok(())
}

/// What a connection in each shell has come to: blocking, tokio, smol.
pub(crate) fn connect_everywhere(url: &str, connector: &Connector) -> [Result<(), Error>; 3] {
    use sansocket::handshake::client::Request;
    use sansocket::{CloseCode, blocking, smol, tokio};

    let request = Request::new(url).unwrap();
    let by_blocking = || {
        let (mut socket, _) = blocking::connect_with(&request, connector)?;
        socket.send("Hello")?;
        assert_eq!(socket.read()?, Some("Hello".into()));
        socket.close(CloseCode::NORMAL, "")
    };
    macro_rules! by {
        ($shell:ident) => {
            async {
                let (mut socket, _) = $shell::connect_with(&request, connector).await?;
                socket.send("Hello").await?;
                assert_eq!(socket.read().await?, Some("Hello".into()));
                socket.close(CloseCode::NORMAL, "").await
            }
        };
    }
    in_each_shell(by_blocking, || on_tokio(by!(tokio)), || ::smol::block_on(by!(smol)))
}

/// Runs the three at the same time, each in a thread.
pub(crate) fn in_each_shell<T: Send>(
    blocking: impl FnOnce() -> T + Send,
    tokio: impl FnOnce() -> T + Send,
    smol: impl FnOnce() -> T + Send,
) -> [T; 3] {
    thread::scope(|scope| {
        [scope.spawn(blocking), scope.spawn(tokio), scope.spawn(smol)].map(|shell| shell.join().unwrap())
    })
}

pub(crate) fn on_tokio<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}
