//! The page, which is three files inside the program, and the list of rooms.

use sansocket::handshake::server::{HttpRequest, Response};

use crate::wire;

/// The browser loads only files of this server, and runs no script inside the HTML. The page shows names and messages
/// as text; if a bug made HTML of them, this policy would still keep them from running. The icon is in the page, as
/// `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The path of the list of rooms.
pub const ROOMS: &str = "/rooms";

/// The script of the page.
pub const SCRIPT: &str = include_str!("page/chat.js");

struct File {
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const FILES: [File; 3] = [
    File { path: "/", media_type: "text/html; charset=utf-8", content: include_str!("page/index.html") },
    File { path: "/chat.css", media_type: "text/css; charset=utf-8", content: include_str!("page/chat.css") },
    File { path: "/chat.js", media_type: "text/javascript; charset=utf-8", content: SCRIPT },
];

/// The response to an ordinary HTTP request: a file of the page.
pub fn answer(request: &HttpRequest) -> Response {
    let Some(found) = FILES.iter().find(|file| file.path == request.path()) else {
        return request.respond(404).body("not found\n");
    };
    file(request, found.media_type, found.content.as_bytes())
}

/// The list of rooms as JSON, for the page: the names of the rooms, each with its number of members.
pub fn rooms(request: &HttpRequest, rooms: &[(String, usize)]) -> Response {
    file(request, "application/json", wire::room_list(rooms).as_bytes())
}

/// A file of the page.
pub fn file(request: &HttpRequest, media_type: &str, content: &[u8]) -> Response {
    if !matches!(request.method(), "GET" | "HEAD") {
        return request.respond(405).header("Allow", "GET, HEAD").body("only GET and HEAD are allowed\n");
    }
    request
        .respond(200)
        .header("Content-Type", media_type)
        .header("Content-Security-Policy", POLICY)
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "no-referrer")
        .header("Cross-Origin-Opener-Policy", "same-origin")
        .header("Cross-Origin-Resource-Policy", "same-origin")
        .header("Cache-Control", "no-cache")
        .body(content)
}
