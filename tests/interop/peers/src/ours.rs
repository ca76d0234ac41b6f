//! What the programs that use this crate have in common.

use sansocket::blocking::{NetStream, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{
    CloseCode, CloseInfo, Config, Connector, Error, Event, Message, Outgoing, ProtocolError, blocking,
};

use crate::{Data, PING, Result, tls};

pub type Socket = WebSocket<NetStream>;

/// A connector, with TLS if there is to be.
pub fn connector(config: Config) -> Result<Connector> {
    let connector = Connector::new().config(config);
    Ok(match tls::client()? {
        Some(config) => connector.tls(config),
        None => connector,
    })
}

pub fn connect(url: &str) -> Result<Socket> {
    Ok(blocking::connect_with(&Request::new(url)?, connector(Config::default())?)?.0)
}

pub fn finish(mut socket: Socket) -> Result<String> {
    socket.close(CloseCode::NORMAL, "")?;
    Ok(String::new())
}

/// How a connection ended without another message. `read` gives an error exactly if the end was not clean.
pub fn wait_for_end(socket: &mut Socket) -> Result<CloseInfo> {
    let outcome = socket.read();
    let end = socket.close_info().ok_or("no end")?;
    match outcome {
        Ok(Some(_)) => Err("a message instead of the end".into()),
        Ok(None) if !end.was_clean => Err("closed, but not clean".into()),
        Err(error) if end.code != CloseCode::ABNORMAL => Err(error.into()),
        Ok(None) | Err(Error::Protocol(ProtocolError::ConnectionLost) | Error::Io(_)) => Ok(end),
        Err(error) => Err(error.into()),
    }
}

pub fn wait_for_pong(socket: &mut Socket) -> Result<()> {
    while let Some(event) = socket.read_event()? {
        match event {
            Event::Pong(payload) if payload == PING.as_bytes() => return Ok(()),
            Event::Pong(_) | Event::Close(_) => return Err("not the Pong".into()),
            // Servers may have more to say.
            _ => {}
        }
    }
    Err("closed".into())
}

/// Three fragments. Each of a text ends at the end of a character: this crate sends whole characters only.
pub fn fragments(data: &Data) -> Vec<Outgoing<'_>> {
    let mut text = std::str::from_utf8(&data.bytes).unwrap_or_default();
    let part = |(part, last): (_, bool)| {
        let part: &[u8] = part;
        if !data.is_text {
            return Outgoing::binary_fragment(part, last);
        }
        let end =
            if last { text.len() } else { (part.len()..).find(|at| text.is_char_boundary(*at)).unwrap_or(0) };
        let (now, later) = text.split_at(end);
        text = later;
        Outgoing::text_fragment(now, last)
    };
    data.thirds().into_iter().map(part).collect()
}

pub fn to_message(data: &Data) -> Result<Message> {
    let bytes = data.bytes.clone();
    Ok(if data.is_text { String::from_utf8(bytes)?.into() } else { bytes.into() })
}

pub fn from_message(message: Message) -> Data {
    Data { is_text: message.as_text().is_some(), bytes: message.as_bytes().to_vec() }
}
