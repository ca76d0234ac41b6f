//! What the server answers over HTTP: the page of `examples/chat`, whose script gets `resume.js` in front, and probes.

use chat::page;
use sansocket::handshake::server::{HttpRequest, Response};

use crate::server::Server;

const SCRIPT: &str = "/chat.js";

/// What the page does more. It stands in one module with the script of the page, and in front of it.
const RESUME: &str = include_str!("page/resume.js");

pub(crate) fn answer(request: &HttpRequest, server: &Server) -> Response {
    match request.path() {
        SCRIPT => {
            page::file(request, "text/javascript; charset=utf-8", [RESUME, page::SCRIPT].concat().as_bytes())
        }
        page::ROOMS => page::rooms(request, &server.rooms.all()),
        // The process works.
        "/live" => request.respond(200).body("live\n"),
        // It wants more connections.
        "/ready" if server.is_ready() => request.respond(200).body("ready\n"),
        "/ready" => request.respond(503).body("not ready\n"),
        "/metrics" if server.answers_metrics => {
            let rooms = i64::try_from(server.rooms.here().len()).unwrap_or(i64::MAX);
            server.metrics.rooms.set(rooms);
            let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            request.respond(200).header("Content-Type", media_type).body(server.metrics.to_text())
        }
        _ => page::answer(request),
    }
}
