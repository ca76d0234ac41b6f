//! What a request asks for, and who may ask.

use sansocket::handshake::server::{HttpRequest, Request};

/// Where a WebSocket connection goes to; the second is where the page of a tutorial looks for its server.
const PATHS: [&str; 2] = ["/chat", "/csp/user/Chat.Server.cls"];

/// The room of those who name none.
const LOBBY: &str = "lobby";

/// The longest name of a room, in bytes.
const MAX_ROOM_LEN: usize = 100;

/// The room that the request asks for, or the status and the words with which it is rejected.
pub fn room(request: &Request, allowed_origins: &[String]) -> Result<String, (u16, &'static str)> {
    if !PATHS.contains(&request.path()) {
        return Err((404, "there is no chat here\n"));
    }
    if !may_connect(request, allowed_origins) {
        return Err((403, "pages of this origin may not connect\n"));
    }
    match parameter(request.query().unwrap_or(""), "room") {
        Some(room) if room.len() > MAX_ROOM_LEN => Err((400, "the name of the room is too long\n")),
        Some(room) if !room.is_empty() => Ok(room),
        _ => Ok(LOBBY.into()),
    }
}

/// Any page in a browser can open a connection to any server (section 10.2); this lets in the server's own page, those
/// of the sites allowed, and what is no browser and so sends no `Origin`.
///
/// A page whose host name was made to point here after it was loaded (DNS rebinding) passes for the server's own: both
/// its `Origin` and its `Host` name the attacker's host. All it gains is what anybody gets who opens the chat. A server
/// that trusts its network, or hands out anything for a cookie, must compare `Host` with the names it knows to be its own.
fn may_connect(request: &HttpRequest, allowed_origins: &[String]) -> bool {
    request.origin().is_none() || request.is_from_host() || request.is_from(allowed_origins)
}

/// The first parameter of that name in a query, decoded as a browser's `URLSearchParams` does.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| percent_decoded(key) == name).map(|(_, value)| percent_decoded(value))
}

fn percent_decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.split_at_checked(2);
        match digits.and_then(|(hex, rest)| Some((u8::from_str_radix(hex, 16).ok()?, rest))) {
            Some((byte, rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
