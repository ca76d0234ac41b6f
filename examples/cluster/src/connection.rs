//! One connection, from its first byte to its last, in one task.

use std::sync::Arc;

use chat::request;
use sansocket::handshake::server::{HttpRequest, Request};
use sansocket::tokio::accept_or_respond;
use sansocket::{CloseCode, Error};
use tokio::net::TcpStream;

use crate::page;
use crate::server::Server;
use crate::window::{self, Window};

/// Serves a connection to its end. Errors are ignored: they concern this connection only, and this chat keeps no log.
pub(crate) async fn run(stream: TcpStream, server: &Server) {
    serve(stream, server).await.ok();
}

async fn serve(stream: TcpStream, server: &Server) -> Result<(), Error> {
    let mut wanted = (String::new(), None);
    let decide = |request: &Request| {
        if server.is_draining() {
            return request.reject(503).header("Retry-After", "1").body("this server is about to end\n");
        }
        match request::room(request, &server.allowed_origins) {
            Ok(room) => {
                let after = request::parameter(request.query().unwrap_or(""), "after");
                wanted = (room, after.and_then(|id| id.parse().ok()));
                request.accept()
            }
            Err((status, why)) => request.reject(status).body(why),
        }
    };
    let page = |request: &HttpRequest| page::answer(request, server);
    let Some(socket) = accept_or_respond(stream, Arc::clone(&server.config), decide, page).await? else {
        return Ok(()); // the request was for a page, and is answered
    };
    let (mut reader, writer) = socket.split();
    let (room, after) = wanted;
    let (id, full_id) = server.next_id();
    let joined = match server.rooms.join(&room, id, full_id.clone(), after).await {
        Ok(joined) => joined,
        Err(why) => return reader.close(CloseCode::TRY_AGAIN_LATER, why).await,
    };
    let _open = Open::count(server);
    let greeting = chat::wire::status(&format!("Welcome to {room}."), &full_id);
    writer.feed(&crate::wire::status(&greeting, &joined.joining)).await?;
    let mut window = Window::new(joined, writer, server, full_id);
    match window.run(&mut reader).await? {
        window::End::Closed => Ok(()),
        window::End::Close(code, why) => {
            drop(window);
            reader.close(code, why).await
        }
        window::End::Drop => {
            server.metrics.dropped.inc();
            Ok(())
        }
    }
}

/// Counts the window while it is open.
struct Open<'a>(&'a Server);

impl<'a> Open<'a> {
    fn count(server: &'a Server) -> Self {
        server.metrics.windows.inc();
        Self(server)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.metrics.windows.dec();
    }
}
