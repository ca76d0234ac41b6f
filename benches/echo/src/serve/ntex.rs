//! A route of ntex, on tokio.

use std::io::{self, ErrorKind};
use std::net::TcpListener;

use ntex::rt::System;
use ntex::service::{fn_factory_with_config, fn_service};
use ntex::util::ByteString;
use ntex::web::{self, App, Error, HttpRequest, HttpResponse, HttpServer, ws};

use crate::Outcome;

/// The longest frame that its servers accept.
pub const LONGEST: usize = 64 << 10;

/// One route and one worker.
pub fn serve(listener: TcpListener) -> Outcome<()> {
    Ok(System::new("echo").block_on(async {
        let server = HttpServer::new(|| App::new().route("/", web::get().to(route)));
        server.workers(1).listen(listener)?.run().await
    })?)
}

async fn route(request: HttpRequest) -> Result<HttpResponse, Error> {
    ws::start::<_, _, Error>(request, fn_factory_with_config(async |_| Ok::<_, Error>(fn_service(echo))))
        .await
}

async fn echo(frame: ws::Frame) -> Result<Option<ws::Message>, io::Error> {
    Ok(match frame {
        ws::Frame::Text(text) => {
            Some(ws::Message::Text(ByteString::try_from(text).map_err(|()| ErrorKind::InvalidData)?))
        }
        ws::Frame::Binary(data) => Some(ws::Message::Binary(data)),
        ws::Frame::Ping(data) => Some(ws::Message::Pong(data)),
        ws::Frame::Close(reason) => Some(ws::Message::Close(reason)),
        // The load sends no fragments.
        ws::Frame::Continuation(_) | ws::Frame::Pong(_) => None,
    })
}
