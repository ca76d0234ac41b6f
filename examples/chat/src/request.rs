//! The room that a request asks for, and whether it may connect.

use sansocket::handshake::server::{HttpRequest, Request};

/// The paths of WebSocket connections. The second one is for the page of a tutorial.
const PATHS: [&str; 2] = ["/chat", "/csp/user/Chat.Server.cls"];

/// The room of a request that names none.
const LOBBY: &str = "lobby";

/// The longest name of a room, in bytes.
const MAX_ROOM_LEN: usize = 100;

/// The room that the request asks for, or status and body of the response that rejects it.
pub fn room(request: &Request, allowed_origins: &[String]) -> Result<String, (u16, &'static str)> {
    if !PATHS.contains(&request.path()) {
        return Err((404, "not found: WebSocket connections go to /chat\n"));
    }
    if !may_connect(request, allowed_origins) {
        return Err((403, "pages of this origin may not connect\n"));
    }
    match parameter(request.query().unwrap_or(""), "room") {
        Some(room) if room.len() > MAX_ROOM_LEN => {
            Err((400, "the name of the room has more than 100 bytes\n"))
        }
        Some(room) if !room.is_empty() => Ok(room),
        _ => Ok(LOBBY.into()),
    }
}

/// Any page in a browser can open a connection to any server (section 10.2). This chat accepts its own page, pages of
/// the allowed origins, and programs without an `Origin`, which are not browsers.
///
/// DNS rebinding passes this check: the attacker's host name points to this server, so `Origin` and `Host` are equal.
/// The attacker's page then gets what every visitor of the chat gets. A server that trusts its network or its cookies
/// must also compare `Host` with its own names.
fn may_connect(request: &HttpRequest, allowed_origins: &[String]) -> bool {
    request.origin().is_none() || request.is_same_origin() || request.origin_is_in(allowed_origins)
}

/// The first parameter with this name in a query, decoded like a browser's `URLSearchParams`.
pub fn parameter(query: &str, name: &str) -> Option<String> {
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
