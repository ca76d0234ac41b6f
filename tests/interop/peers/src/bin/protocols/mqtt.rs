//! MQTT 3.1.1 (mosquitto). Its packets are a stream of bytes in binary messages.

use interop_peers::ours::Socket;
use interop_peers::{Data, Result};

use crate::{Protocol, expect, read_until};

pub struct Mqtt;

const CONNECT: &[u8] = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";
const CONNACK: &[u8] = b"\x20\x02\0\0";
const SUBSCRIBE: &[u8] = b"\x82\x0c\0\x01\0\x07interop\0";
const SUBACK: &[u8] = b"\x90\x03\0\x01\0";
const DISCONNECT: &[u8] = b"\xe0\0";

impl Protocol for Mqtt {
    fn subprotocol(&self) -> Option<&str> {
        Some("mqtt")
    }

    fn greet(&self, socket: &mut Socket) -> Result<()> {
        socket.send(CONNECT)?;
        let answer = read_until(socket, CONNACK)?;
        expect(answer == CONNACK, "not the CONNACK", &answer)
    }

    fn exchange(&self, socket: &mut Socket, data: &Data) -> Result<()> {
        socket.send(SUBSCRIBE)?;
        let answer = read_until(socket, SUBACK)?;
        expect(answer == SUBACK, "not the SUBACK", &answer)?;
        let packet = publish(&data.bytes);
        // A packet may arrive in several messages, and a message may end inside of one.
        let (first, rest) = packet.split_at(packet.len() / 2);
        socket.send(first)?;
        socket.send(rest)?;
        let answer = read_until(socket, &data.bytes)?;
        expect(answer == packet, "not the PUBLISH", &answer)
    }

    fn leave(&self, socket: &mut Socket) -> Result<()> {
        Ok(socket.send(DISCONNECT)?)
    }
}

fn publish(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30];
    let mut remaining = 9 + payload.len();
    while remaining >= 0x80 {
        packet.push((remaining & 0x7f) as u8 | 0x80);
        remaining >>= 7;
    }
    packet.push(remaining as u8);
    packet.extend_from_slice(b"\0\x07interop");
    packet.extend_from_slice(payload);
    packet
}
