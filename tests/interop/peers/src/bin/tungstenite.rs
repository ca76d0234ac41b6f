//! The peer tungstenite, blocking. Over TLS with rustls.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use interop_peers::{CLOSE_CODE, CLOSE_REASON, Data, PING, Result, SUBPROTOCOL, choose, ended, run, tls};
use sansocket::tls::rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::frame::coding;
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::{Error, Message, WebSocket, accept_hdr};

type Socket = WebSocket<Stream>;

/// A TCP connection, and what is on it: itself or TLS.
struct Stream {
    tcp: TcpStream,
    on_it: Box<dyn Duplex + Send>,
}

trait Duplex: Read + Write {}

impl<S: Read + Write> Duplex for S {}

impl Stream {
    fn client(tcp: TcpStream) -> Result<Self> {
        let on_it: Box<dyn Duplex + Send> = match tls::client()? {
            Some(config) => {
                let session = ClientConnection::new(config, "127.0.0.1".try_into()?)?;
                Box::new(StreamOwned::new(session, tcp.try_clone()?))
            }
            None => Box::new(tcp.try_clone()?),
        };
        Ok(Self { tcp, on_it })
    }

    fn server(tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let on_it: Box<dyn Duplex + Send> = match tls {
            Some(config) => Box::new(StreamOwned::new(ServerConnection::new(config)?, tcp.try_clone()?)),
            None => Box::new(tcp.try_clone()?),
        };
        Ok(Self { tcp, on_it })
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.on_it.read(buf)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.on_it.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.on_it.flush()
    }
}

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

fn main() -> Result<()> {
    run(client, server)
}

fn connect(
    url: &str,
    header: Option<(&'static str, &str)>,
) -> Result<(Socket, tungstenite::handshake::client::Response)> {
    let mut request = url.into_client_request()?;
    if let Some((name, value)) = header {
        request.headers_mut().insert(name, HeaderValue::from_str(value)?);
    }
    let tcp = TcpStream::connect(request.uri().authority().ok_or("no host")?.as_str())?;
    let stream = Stream::client(tcp)?;
    tungstenite::client(request, stream).map_err(|error| match error {
        tungstenite::HandshakeError::Failure(Error::Http(response)) => {
            response.status().as_u16().to_string().into()
        }
        other => other.to_string().into(),
    })
}

fn client(command: &str, url: &str, rest: &str) -> Result<String> {
    match command {
        "echo" | "fragments" => {
            let data = Data::parse(rest)?;
            let (mut socket, _) = connect(url, None)?;
            if command == "echo" {
                socket.send(to_message(&data)?)?;
            } else {
                send_fragments(&mut socket, &data)?;
            }
            from_message(&socket.read()?).expect(&data)?;
            finish(socket)
        }
        "ping" => {
            let (mut socket, _) = connect(url, None)?;
            socket.send(Message::Ping(PING.into()))?;
            wait_for_pong(&mut socket)?;
            finish(socket)
        }
        "message" => {
            let (mut socket, _) = connect(url, None)?;
            loop {
                if let Message::Text(text) = socket.read()? {
                    finish(socket)?;
                    return Ok(text.to_string());
                }
            }
        }
        "subprotocols" => {
            let (socket, response) = connect(url, Some((PROTOCOL, rest)))?;
            finish(socket)?;
            Ok(response.headers().get(PROTOCOL).map_or("", |chosen| chosen.to_str().unwrap_or("?")).into())
        }
        "close" => {
            let (code, reason) = rest.split_once(' ').ok_or("CODE REASON expected")?;
            let (mut socket, _) = connect(url, None)?;
            socket.close(Some(close_frame(code.parse()?, reason)))?;
            let (code, _) = wait_for_end(&mut socket)?;
            Ok(format!("{code} clean"))
        }
        "closed" => {
            let (mut socket, _) = connect(url, None)?;
            socket.send("exit".into())?;
            let (code, reason) = wait_for_end(&mut socket)?;
            Ok(format!("{code} {reason}"))
        }
        "drop" => {
            let (socket, _) = connect(url, None)?;
            socket.get_ref().tcp.shutdown(Shutdown::Both)?;
            Ok(String::new())
        }
        "open" => refused(connect(url, None)),
        "version" => refused(connect(url, Some(("Sec-WebSocket-Version", rest)))),
        _ => Err("n/a".into()),
    }
}

/// The status with which a connection was refused.
fn refused<T>(outcome: Result<T>) -> Result<String> {
    match outcome {
        Err(status) if status.to_string().parse::<u16>().is_ok() => Ok(status.to_string()),
        Err(error) => Err(error),
        Ok(_) => Err("connected".into()),
    }
}

fn finish(mut socket: Socket) -> Result<String> {
    socket.close(Some(close_frame(1000, "")))?;
    wait_for_end(&mut socket)?;
    Ok(String::new())
}

fn wait_for_end(socket: &mut Socket) -> Result<(u16, String)> {
    let mut end = (1006, String::new());
    loop {
        match socket.read() {
            Ok(Message::Close(Some(frame))) => end = (frame.code.into(), frame.reason.to_string()),
            Ok(Message::Close(None)) => end.0 = 1005,
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return Ok(end),
            Err(error) => return Err(error.into()),
        }
    }
}

fn wait_for_pong(socket: &mut Socket) -> Result<()> {
    match socket.read()? {
        Message::Pong(payload) if payload == PING => Ok(()),
        other => Err(format!("{other:?} instead of the Pong").into()),
    }
}

fn send_fragments(socket: &mut Socket, data: &Data) -> Result<()> {
    let mut opcode = if data.is_text { coding::Data::Text } else { coding::Data::Binary };
    for (part, last) in data.thirds() {
        socket.send(Message::Frame(Frame::message(part.to_vec(), coding::OpCode::Data(opcode), last)))?;
        opcode = coding::Data::Continue;
    }
    Ok(())
}

fn close_frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: code.into(), reason: reason.into() }
}

fn to_message(data: &Data) -> Result<Message> {
    let bytes = data.bytes.clone();
    Ok(if data.is_text { Message::text(String::from_utf8(bytes)?) } else { Message::binary(bytes) })
}

fn from_message(message: &Message) -> Data {
    Data { is_text: message.is_text(), bytes: message.clone().into_data().to_vec() }
}

fn server(listener: TcpListener) -> Result<()> {
    let tls = tls::server()?;
    loop {
        let (tcp, _) = listener.accept()?;
        let stream = Stream::server(tcp, tls.clone())?;
        thread::spawn(move || {
            let mut path = String::new();
            #[allow(clippy::result_large_err, reason = "tungstenite's signature")]
            let accepted = accept_hdr(stream, |request: &Request, mut response: Response| {
                path = request.uri().path().to_owned();
                if path == "/reject" {
                    let mut rejection = ErrorResponse::new(None);
                    *rejection.status_mut() = tungstenite::http::StatusCode::FORBIDDEN;
                    return Err(rejection);
                }
                let offers =
                    request.headers().get(PROTOCOL).map_or("", |offers| offers.to_str().unwrap_or_default());
                if choose(offers.split(',')).is_some() {
                    response.headers_mut().insert(PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
                }
                Ok(response)
            });
            let Ok(mut socket) = accepted else { return };
            let (code, reason) = serve(&mut socket, &path).unwrap_or((1006, String::new()));
            ended(code, &reason);
        });
    }
}

fn serve(socket: &mut Socket, path: &str) -> Result<(u16, String)> {
    if path == "/ping" {
        socket.send(Message::Ping(PING.into()))?;
        wait_for_pong(socket)?;
        socket.send(format!("pong {PING}").into())?;
    }
    loop {
        let message = socket.read()?;
        match path {
            _ if message.is_close() => {
                let Message::Close(frame) = message else { continue };
                wait_for_end(socket)?;
                return Ok(frame
                    .map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string())));
            }
            _ if !message.is_text() && !message.is_binary() => {}
            "/fragments" => send_fragments(socket, &from_message(&message))?,
            "/close" => {
                socket.close(Some(close_frame(CLOSE_CODE, CLOSE_REASON)))?;
                return wait_for_end(socket);
            }
            "/drop" => {
                socket.get_ref().tcp.shutdown(Shutdown::Both)?;
                return Ok((1006, String::new()));
            }
            _ => socket.send(message)?,
        }
    }
}
