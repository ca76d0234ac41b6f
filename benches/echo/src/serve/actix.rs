//! A route of actix-web with actix-ws.

use std::any::Any;
use std::net::TcpListener;

use actix_web::dev::Extensions;
use actix_web::rt::System;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_ws::AggregatedMessage;

use crate::Outcome;

/// Its default is 64 KiB.
const LONGEST: usize = 100 << 20;

/// One route and one worker.
pub fn serve(listener: TcpListener) -> Outcome<()> {
    let server = HttpServer::new(|| App::new().route("/", web::get().to(echo)));
    let server = server.workers(1).on_connect(without_delay);
    Ok(System::new().block_on(server.listen(listener)?.run())?)
}

fn without_delay(connection: &dyn Any, _: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>() {
        stream.set_nodelay(true).ok();
    }
}

async fn echo(request: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
    let (response, mut session, messages) = actix_ws::handle(&request, body)?;
    let messages = messages.max_frame_size(LONGEST).aggregate_continuations();
    let mut messages = messages.max_continuation_size(LONGEST);
    actix_web::rt::spawn(async move {
        while let Some(Ok(message)) = messages.recv().await {
            let sent = match message {
                AggregatedMessage::Text(text) => session.text(text).await,
                AggregatedMessage::Binary(data) => session.binary(data).await,
                AggregatedMessage::Close(_) => break,
                _ => Ok(()),
            };
            if sent.is_err() {
                return;
            }
        }
        session.close(None).await.ok();
    });
    Ok(response)
}
