//! Opens a connection with each library. The caller passes the loop that follows.

use bytes::BytesMut;
use futures_util::StreamExt;
use futures_util::stream::Map;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task;
use tokio_tungstenite::WebSocketStream;
use yawc::{CompressionLevel, Frame, HttpStream, Options, WebSocket, WebSocketError};

use super::{Ended, http};

pub async fn tungstenite<F>(stream: TcpStream, echo: fn(WebSocketStream<TcpStream>) -> F) -> Ended
where
    F: Future<Output = Ended>,
{
    echo(tokio_tungstenite::accept_async(stream).await?).await
}

pub async fn tokio_websockets<F>(
    stream: TcpStream,
    echo: fn(tokio_websockets::WebSocketStream<TcpStream>) -> F,
) -> Ended
where
    F: Future<Output = Ended>,
{
    let (_request, socket) = tokio_websockets::ServerBuilder::new().accept(stream).await?;
    echo(socket).await
}

pub async fn sockudo_ws<F>(
    mut stream: TcpStream,
    echo: fn(sockudo_ws::WebSocketStream<TcpStream>) -> F,
) -> Ended
where
    F: Future<Output = Ended>,
{
    use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};

    let mut head = BytesMut::new();
    let response = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        if let Some((request, _)) = parse_request(&head)? {
            break build_response(&generate_accept_key(request.key), None, None);
        }
    };
    stream.write_all(&response).await?;
    echo(sockudo_ws::WebSocketStream::server(stream, sockudo_ws::Config::default())).await
}

type YawcSocket = Map<WebSocket<HttpStream>, fn(Frame) -> Result<Frame, WebSocketError>>;

/// With the limits of its example: the default is below 1 MiB.
pub async fn yawc<F>(stream: TcpStream, echo: fn(YawcSocket) -> F) -> Ended
where
    F: Future<Output = Ended> + Send + 'static,
{
    http::upgrade(stream, |mut request| {
        let options = Options::default()
            .with_max_payload_read(100 << 20)
            .with_max_read_buffer(200 << 20)
            .with_compression_level(CompressionLevel::none());
        let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options)?;
        tokio::spawn(task::unconstrained(async move {
            let ok: fn(Frame) -> Result<Frame, WebSocketError> = Ok;
            echo(upgraded.await?.map(ok)).await
        }));
        Ok::<_, WebSocketError>(response)
    })
    .await
}
