//! The peer fastwebsockets, over hyper and tokio.

use std::future::Future;
use std::net::TcpListener;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocketError, handshake, upgrade};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use interop_peers::{CLOSE_CODE, CLOSE_REASON, Data, PING, Result, SUBPROTOCOL, choose, ended, run};
use tokio::net::TcpStream;

type Socket = FragmentCollector<TokioIo<Upgraded>>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    run(
        |command, url, rest| runtime.block_on(client(command, url, rest)),
        |listener| runtime.block_on(server(listener)),
    )
}

struct Tasks;

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        tokio::spawn(task);
    }
}

async fn connect(url: &str, version: &str, subprotocols: Option<&str>) -> Result<(Socket, String)> {
    let url: Uri = url.parse()?;
    let host = url.authority().ok_or("no host")?.as_str();
    let mut request = Request::get(url.path())
        .header(HOST, host)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "upgrade")
        .header("Sec-WebSocket-Key", handshake::generate_key())
        .header("Sec-WebSocket-Version", version);
    if let Some(subprotocols) = subprotocols {
        request = request.header(SEC_WEBSOCKET_PROTOCOL, subprotocols);
    }
    let stream = TcpStream::connect(host).await?;
    let (socket, response) = handshake::client(&Tasks, request.body(Empty::<Bytes>::new())?, stream).await?;
    let chosen =
        response.headers().get(SEC_WEBSOCKET_PROTOCOL).map_or("", |chosen| chosen.to_str().unwrap_or("?"));
    Ok((FragmentCollector::new(socket), chosen.to_owned()))
}

async fn client(command: &str, url: &str, rest: &str) -> Result<String> {
    if matches!(command, "open" | "version") {
        let version = if command == "open" { "13" } else { rest };
        return match connect(url, version, None).await {
            Err(error) => match error.downcast_ref() {
                Some(WebSocketError::InvalidStatusCode(status)) => Ok(status.to_string()),
                _ => Err(error),
            },
            Ok(_) => Err("connected".into()),
        };
    }
    let (mut socket, chosen) = connect(url, "13", (command == "subprotocols").then_some(rest)).await?;
    let detail = match command {
        "echo" | "fragments" => {
            let data = Data::parse(rest)?;
            send(&mut socket, &data, command == "fragments").await?;
            message(&mut socket).await?.expect(&data)?;
            String::new()
        }
        "ping" => {
            ping(&mut socket).await?;
            String::new()
        }
        "message" => String::from_utf8(message(&mut socket).await?.bytes)?,
        "subprotocols" => chosen,
        "close" => {
            let (code, reason) = rest.split_once(' ').ok_or("CODE REASON expected")?;
            socket.write_frame(Frame::close(code.parse()?, reason.as_bytes())).await?;
            let (code, _) = wait_for_end(&mut socket).await?;
            return Ok(format!("{code} clean"));
        }
        "closed" => {
            let exit = Data { is_text: true, bytes: b"exit".to_vec() };
            send(&mut socket, &exit, false).await?;
            let (code, reason) = wait_for_end(&mut socket).await?;
            return Ok(format!("{code} {reason}"));
        }
        "drop" => return Ok(String::new()),
        _ => return Err("n/a".into()),
    };
    socket.write_frame(Frame::close(1000, b"")).await?;
    wait_for_end(&mut socket).await?;
    Ok(detail)
}

async fn ping(socket: &mut Socket) -> Result<()> {
    socket.write_frame(Frame::new(true, OpCode::Ping, None, Payload::Borrowed(PING.as_bytes()))).await?;
    let frame = socket.read_frame().await?;
    match frame.opcode {
        OpCode::Pong if *frame.payload == *PING.as_bytes() => Ok(()),
        other => Err(format!("{other:?} instead of the Pong").into()),
    }
}

async fn message(socket: &mut Socket) -> Result<Data> {
    let frame = socket.read_frame().await?;
    Ok(Data { is_text: frame.opcode == OpCode::Text, bytes: frame.payload.to_vec() })
}

async fn send(socket: &mut Socket, data: &Data, in_fragments: bool) -> Result<()> {
    let opcode = if data.is_text { OpCode::Text } else { OpCode::Binary };
    if !in_fragments {
        return Ok(socket.write_frame(Frame::new(true, opcode, None, data.bytes.clone().into())).await?);
    }
    for (index, (part, last)) in data.thirds().into_iter().enumerate() {
        let opcode = if index == 0 { opcode } else { OpCode::Continuation };
        socket.write_frame(Frame::new(last, opcode, None, part.to_vec().into())).await?;
    }
    Ok(())
}

/// Code and reason of the Close frame.
async fn wait_for_end(socket: &mut Socket) -> Result<(u16, String)> {
    loop {
        let frame = socket.read_frame().await?;
        if frame.opcode == OpCode::Close {
            return close_body(&frame);
        }
    }
}

fn close_body(frame: &Frame<'_>) -> Result<(u16, String)> {
    match *frame.payload {
        [high, low, ref reason @ ..] => {
            Ok((u16::from_be_bytes([high, low]), std::str::from_utf8(reason)?.into()))
        }
        _ => Ok((1005, String::new())),
    }
}

async fn server(listener: TcpListener) -> Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = hyper::service::service_fn(answer);
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>> {
    let path = request.uri().path().to_owned();
    if path == "/reject" {
        return Ok(Response::builder().status(StatusCode::FORBIDDEN).body(Empty::new())?);
    }
    let (mut response, upgraded) = upgrade::upgrade(&mut request)?;
    let offers = request
        .headers()
        .get(SEC_WEBSOCKET_PROTOCOL)
        .map_or("", |offers| offers.to_str().unwrap_or_default());
    if choose(offers.split(',')).is_some() {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    tokio::spawn(async move {
        let (code, reason) = match upgraded.await {
            Ok(socket) => serve(FragmentCollector::new(socket), &path).await.unwrap_or((1006, String::new())),
            Err(_) => return,
        };
        ended(code, &reason);
    });
    Ok(response)
}

async fn serve(mut socket: Socket, path: &str) -> Result<(u16, String)> {
    if path == "/ping" {
        ping(&mut socket).await?;
        let pong = Data { is_text: true, bytes: format!("pong {PING}").into_bytes() };
        send(&mut socket, &pong, false).await?;
    }
    loop {
        let frame = socket.read_frame().await?;
        let data = Data { is_text: frame.opcode == OpCode::Text, bytes: frame.payload.to_vec() };
        match (frame.opcode, path) {
            (OpCode::Close, _) => return close_body(&frame),
            (OpCode::Text | OpCode::Binary, "/close") => {
                socket.write_frame(Frame::close(CLOSE_CODE, CLOSE_REASON.as_bytes())).await?;
                return wait_for_end(&mut socket).await;
            }
            (OpCode::Text | OpCode::Binary, "/drop") => return Ok((1006, String::new())),
            (OpCode::Text | OpCode::Binary, _) => send(&mut socket, &data, path == "/fragments").await?,
            _ => {}
        }
    }
}
