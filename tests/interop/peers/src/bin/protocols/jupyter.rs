//! The channels of a Jupyter kernel: a table of offsets, then the parts of a message as JSON, in binary messages.

use std::time::{SystemTime, UNIX_EPOCH};

use interop_peers::ours::Socket;
use interop_peers::{Data, Result};

use crate::{Protocol, expect};

pub struct Jupyter;

impl Protocol for Jupyter {
    fn subprotocol(&self) -> Option<&str> {
        Some("v1.kernel.websocket.jupyter.org")
    }

    fn greet(&self, socket: &mut Socket) -> Result<()> {
        socket.send(&request("kernel_info_request", "{}")[..])?;
        let reply = find(socket, "\"kernel_info_reply\"")?;
        expect(
            reply.contains("\"status\": \"ok\"") || reply.contains("\"status\":\"ok\""),
            "not ok",
            reply.as_bytes(),
        )
    }

    /// The value of an expression comes back as Python writes it.
    fn exchange(&self, socket: &mut Socket, data: &Data) -> Result<()> {
        let text = data.text()?;
        let code = format!(r#"{{"code":"'{text}'","silent":false,"store_history":false}}"#);
        socket.send(&request("execute_request", &code)[..])?;
        let result = find(socket, "\"execute_result\"")?;
        expect(result.contains(&format!("\"'{text}'\"")), "not the value", result.as_bytes())
    }

    fn leave(&self, _: &mut Socket) -> Result<()> {
        Err("n/a".into())
    }
}

fn request(kind: &str, content: &str) -> Vec<u8> {
    // A kernel takes a message once.
    let id = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let header = format!(
        r#"{{"msg_id":"{id}","msg_type":"{kind}","session":"interop","username":"","date":"2026-01-01T00:00:00Z","version":"5.3"}}"#
    );
    let parts = ["shell", &header, "{}", "{}", content];
    // The number of offsets, then where each part starts and where the last one ends.
    let mut offset = 8 * (parts.len() + 2);
    let mut message = Vec::from((parts.len() as u64 + 1).to_le_bytes());
    message.extend_from_slice(&(offset as u64).to_le_bytes());
    for part in parts {
        offset += part.len();
        message.extend_from_slice(&(offset as u64).to_le_bytes());
    }
    message.extend_from_slice(parts.concat().as_bytes());
    message
}

/// Reads to the message that has the type. Others, about the kernel's state, come in between.
fn find(socket: &mut Socket, kind: &str) -> Result<String> {
    loop {
        let message = socket.read()?.ok_or("closed")?;
        let text = String::from_utf8_lossy(message.as_bytes());
        if text.contains(kind) {
            return Ok(text.into_owned());
        }
    }
}
