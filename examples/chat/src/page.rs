//! The page: three files, which are part of the program.

use sansocket::handshake::server::{HttpRequest, Response};

/// Nothing but what this server itself gives out, and no markup that acts: names and messages are text in the page, and if
/// they ever were not, this would still keep them from doing anything. The icon is in the page itself, as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct File {
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const FILES: [File; 3] = [
    File { path: "/", media_type: "text/html; charset=utf-8", content: include_str!("page/index.html") },
    File { path: "/chat.css", media_type: "text/css; charset=utf-8", content: include_str!("page/chat.css") },
    File {
        path: "/chat.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("page/chat.js"),
    },
];

/// The answer to a request that does not speak of WebSocket.
pub fn answer(request: &HttpRequest) -> Response {
    let Some(file) = FILES.iter().find(|file| file.path == request.path()) else {
        return request.respond(404).body("there is nothing here\n");
    };
    if !matches!(request.method(), "GET" | "HEAD") {
        return request.respond(405).header("Allow", "GET, HEAD").body("this can only be read\n");
    }
    request
        .respond(200)
        .header("Content-Type", file.media_type)
        .header("Content-Security-Policy", POLICY)
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "no-referrer")
        .header("Cross-Origin-Opener-Policy", "same-origin")
        .header("Cross-Origin-Resource-Policy", "same-origin")
        .header("Cache-Control", "no-cache")
        .body(file.content)
}
