//! Hyper, for the libraries that leave the opening handshake to it.

use std::convert::Infallible;
use std::error::Error;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Ended;

/// One request, which upgrades. `answer` spawns the task of the connection.
pub async fn upgrade<E>(
    stream: TcpStream,
    answer: impl Fn(Request<Incoming>) -> Result<Response<Empty<Bytes>>, E>,
) -> Ended
where
    E: Error + Send + Sync + 'static,
{
    let bad_request = || {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
        response
    };
    let answer = |request| {
        let response = answer(request).unwrap_or_else(|_| bad_request());
        async { Ok::<_, Infallible>(response) }
    };
    let service = service_fn(answer);
    Ok(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await?)
}
