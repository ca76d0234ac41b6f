//! Lines of text and commands.

use sansocket::CloseCode;

use super::{Item, close, parse_hex};

pub(super) fn parse(line: &str) -> Result<Item, &'static str> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok(Item::Message(line.into()));
    };
    if command.starts_with('/') {
        return Ok(Item::Message(command.into()));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "binary" => Ok(Item::Message(parse_hex(rest)?.into())),
        "ping" => Ok(Item::Ping((!rest.is_empty()).then(|| rest.into()))),
        "close" => parse_close(rest),
        _ => Err("unknown command; to send a message that begins with a slash, type two slashes"),
    }
}

fn parse_close(text: &str) -> Result<Item, &'static str> {
    let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
    let code = match code {
        "" => CloseCode::NORMAL,
        code => CloseCode(code.parse().map_err(|_| "the code is not a number up to 65535")?),
    };
    close(code, reason)
}
