//! Lines of JSON, as `--json` prints them: `{"text":"..."}` or `{"binary":"HEX"}`.

use sansocket::CloseCode;
use serde::Deserialize;

use super::{Addressed, Item, close, parse_hex};

/// One of the fields beside `peer`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    peer: Option<String>,
    text: Option<String>,
    binary: Option<String>,
    ping: Option<String>,
    pong: Option<String>,
    close: Option<Close>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    #[serde(default = "normal")]
    code: u16,
    #[serde(default)]
    reason: String,
}

fn normal() -> u16 {
    CloseCode::NORMAL.0
}

pub(super) fn parse(line: &str) -> Result<Addressed, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| {
        // The line of the text is always the first.
        let fault = error.to_string();
        let fault = fault.rsplit_once(" at line ").map_or(&*fault, |(fault, _)| fault);
        format!("{fault}, at column {}", error.column())
    })?;
    let peer = line.peer;
    let item = match (line.text, line.binary, line.ping, line.pong, line.close) {
        (Some(text), None, None, None, None) => Item::Message(text.into()),
        (None, Some(hex), None, None, None) => Item::Message(parse_hex(&hex)?.into()),
        (None, None, Some(hex), None, None) => Item::Ping(Some(parse_hex(&hex)?)),
        (None, None, None, Some(hex), None) => Item::Pong(parse_hex(&hex)?),
        (None, None, None, None, Some(Close { code, reason })) => close(CloseCode(code), &reason)?,
        _ => return Err("expected one of the fields text, binary, ping, pong, close".into()),
    };
    Ok(Addressed { peer, item })
}
