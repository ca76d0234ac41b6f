//! permessage-deflate (RFC 7692): negotiation, and messages in both directions, by tables of wire bytes.

#![cfg(feature = "deflate")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "an unexpected value ends the test"
)]

mod bombs;
mod found;
mod negotiation;
#[path = "../opened/mod.rs"]
mod opened;
mod receiving;
#[path = "../protocol/seeds.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod seeds;
mod sending;
mod sessions;

use sansocket::handshake::client::{Handshake, Request};
use sansocket::{Config, Connection, Deflate, Message, ProtocolError, Role};

use opened::written;

/// Takeover in both directions: the window goes on.
fn takeover() -> Deflate {
    Deflate::default().takeover(true).peer_takeover(true).min_len(0)
}

/// No takeover in either direction.
fn no_takeover() -> Deflate {
    Deflate::default().min_len(0)
}

fn config(deflate: Deflate) -> Config {
    Config::default().deflate(Some(deflate))
}

/// The two ends of a connection.
fn pair(client: Config, server: Config) -> (Connection, Connection) {
    let request = Request::new("ws://example.com/").unwrap();
    opened::pair(Handshake::new(&request, client).unwrap(), server)
}

/// One end of a connection with these settings on both sides.
fn end(role: Role, deflate: Deflate) -> Connection {
    end_with(role, config(deflate))
}

fn end_with(role: Role, config: Config) -> Connection {
    let (client, server) = pair(config.clone(), config);
    match role {
        Role::Client => client,
        Role::Server => server,
    }
}

/// A frame for the receiver in this role. Masked frames have a key.
fn frame(to: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mask = if to == Role::Server { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(mask | len as u8),
        len @ 126..=0xFFFF => {
            frame.push(mask | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    if to == Role::Server {
        frame.extend(KEY);
        frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        frame.extend(payload);
    }
    frame
}

/// The messages that `bytes` give, read whole, and how they end.
fn receive(end: &mut Connection, bytes: &[u8]) -> (Vec<Message>, Result<(), ProtocolError>) {
    end.receive(bytes);
    let mut messages = Vec::new();
    loop {
        match end.next_message() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, Ok(())),
            Err(error) => return (messages, Err(error)),
        }
    }
}
