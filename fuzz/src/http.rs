//! Requests in the types of the `http` crate: the verdict is that on their bytes, and over HTTP/2 that over HTTP/1.1.

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use sansocket::handshake::server::{Handshake, HttpRequest, Incoming, Response};
use sansocket::{Config, HandshakeError};

use crate::Traffic;

/// What only HTTP/1.1 has in an opening handshake.
const OF_HTTP1: [&str; 4] = ["host", "upgrade", "connection", "sec-websocket-key"];

/// Judges the request in each way that it can arrive.
pub fn http_requests(case: &Traffic<'_>) {
    let Some(request) = request(case.data) else { return };
    let verdict = Incoming::from_http(&request, None);
    assert_eq!(Verdict::of(&verdict), Verdict::of(&by_bytes(&request)), "{request:?}");
    if let Err(error) = &verdict {
        answers(error, &request);
    }
    if let (Ok(Incoming::Upgrade(_)), Some(request)) = (&verdict, over_http2(&request)) {
        let over_http2 = Incoming::from_http(&request, Some("websocket"));
        assert_eq!(
            Verdict::of(&over_http2).without_host(),
            Verdict::of(&verdict).without_host(),
            "{request:?}"
        );
    }
    let mut request = as_connect(request);
    let over_http2 = Incoming::from_http(&request, Some("websocket"));
    if let Err(error) = &over_http2 {
        answers(error, &request);
    }
    if let Ok(Incoming::Upgrade(_)) = &over_http2 {
        as_upgrade(&mut request);
        let verdict = Incoming::from_http(&request, None);
        assert_eq!(
            Verdict::of(&verdict).without_host(),
            Verdict::of(&over_http2).without_host(),
            "{request:?}"
        );
    }
}

/// The lines of a head, as far as the `http` crate accepts them.
fn request(data: &[u8]) -> Option<Request<()>> {
    let mut lines = data.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut words = lines.next()?.split(|byte| *byte == b' ');
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(words.next()?).ok()?;
    *request.uri_mut() = Uri::try_from(words.next()?).ok()?;
    for line in lines.take(90) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            request.headers_mut().append(name, value);
        }
    }
    Some(request)
}

/// The request as a server reads it from a socket.
fn by_bytes(request: &Request<()>) -> Result<Incoming, HandshakeError> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
    for (name, value) in request.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let mut handshake = Handshake::new(Config::default().max_head_len(1 << 24));
    handshake.receive(&head);
    let exchange = handshake.next_request()?.ok_or(HandshakeError::MalformedHead)?;
    Ok(exchange.incoming().clone())
}

/// The same opening handshake over HTTP/2. `None` if its host cannot be an `:authority`.
fn over_http2(request: &Request<()>) -> Option<Request<()>> {
    let host = request.headers().get("host")?.to_str().ok().filter(|host| !host.contains('@'))?;
    let target = request.uri().path_and_query()?;
    let uri = Uri::builder().scheme("https").authority(host).path_and_query(target.as_str()).build().ok()?;
    let mut request = as_connect(request.clone());
    *request.uri_mut() = uri;
    Some(request)
}

/// The request as an extended `CONNECT`, whether it is one or not.
fn as_connect(mut request: Request<()>) -> Request<()> {
    OF_HTTP1.iter().for_each(|name| drop(request.headers_mut().remove(*name)));
    *request.method_mut() = Method::CONNECT;
    *request.version_mut() = Version::HTTP_2;
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let uri = Uri::builder().scheme("https").authority("example.com").path_and_query(target).build();
    *request.uri_mut() = uri.unwrap_or_default();
    request
}

/// An accepted extended `CONNECT` as an upgrade.
fn as_upgrade(request: &mut Request<()>) {
    *request.method_mut() = Method::GET;
    *request.version_mut() = Version::HTTP_11;
    let values = ["example.com", "websocket", "Upgrade", "dGhlIHNhbXBsZSBub25jZQ=="];
    for (name, value) in OF_HTTP1.into_iter().zip(values) {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let target = request.uri().path_and_query().cloned();
    *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
}

/// Every error has a response, without headers about the connection over HTTP/2.
fn answers(error: &HandshakeError, request: &Request<()>) {
    let response = http::Response::try_from(Response::for_http_error(error, request)).unwrap();
    assert!(response.status().is_client_error() || response.status() == 501, "{response:?}");
    if request.version() == Version::HTTP_2 {
        assert!(["connection", "upgrade"].iter().all(|name| !response.headers().contains_key(*name)));
    }
}

/// What a server learns of a request.
#[derive(Debug, PartialEq)]
enum Verdict {
    Upgrade { parts: Parts, subprotocols: Vec<String>, extensions: Vec<String> },
    Http { parts: Parts },
    Error(HandshakeError),
}

#[derive(Debug, PartialEq)]
struct Parts {
    path: String,
    query: Option<String>,
    host: Option<String>,
    /// But for those that only one version of HTTP has.
    headers: Vec<(String, Vec<u8>)>,
}

impl Parts {
    fn of(request: &HttpRequest) -> Self {
        let lower = |name: &str| name.to_ascii_lowercase();
        let headers = request.headers().iter().map(|(name, value)| (lower(name), value.to_vec()));
        let mut headers: Vec<_> = headers.filter(|(name, _)| !OF_HTTP1.contains(&name.as_str())).collect();
        // Headers of different names have no order in the `http` crate.
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            path: request.path().into(),
            query: request.query().map(Into::into),
            host: request.host().map(Into::into),
            headers,
        }
    }
}

impl Verdict {
    fn of(incoming: &Result<Incoming, HandshakeError>) -> Self {
        match incoming {
            Err(error) => Self::Error(error.clone()),
            Ok(Incoming::Upgrade(request)) => Self::Upgrade {
                parts: Parts::of(request),
                subprotocols: request.subprotocols().map(Into::into).collect(),
                extensions: request.extensions().map(|extension| extension.to_string()).collect(),
            },
            Ok(other) => Self::Http { parts: Parts::of(other.http()) },
        }
    }

    /// In the comparison over versions, the host is in another place, and may be another one.
    fn without_host(mut self) -> Self {
        if let Self::Upgrade { parts, .. } | Self::Http { parts } = &mut self {
            parts.host = None;
        }
        self
    }
}
