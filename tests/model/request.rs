//! Requests as a server must judge them: section 4.2.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sansocket::{Config, HandshakeError};
use sha1::{Digest as _, Sha1};

use super::extensions::{Extension, extension_list};
use super::head::{Headers, all, elements, headers, is_token, lacks, lines, sole};

/// What a request is.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The head is not complete.
    Nothing,
    /// All rules that the head breaks. A server must name one of them.
    Broken(Vec<HandshakeError>),
    Http(Request),
    Upgrade(Request),
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Headers,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) extensions: Vec<Extension>,
    /// The value of `Sec-WebSocket-Accept`.
    pub(crate) accept: String,
    /// The length of the head, in bytes.
    pub(crate) len: usize,
}

pub(crate) fn judge_request(bytes: &[u8], config: &Config) -> Asked {
    let (lines, len) = match lines(bytes, config, may_begin) {
        Ok(None) => return Asked::Nothing,
        Err(error) => return Asked::Broken(vec![error]),
        Ok(Some(lines)) => lines,
    };
    let parsed = lines.split_first().and_then(|(first, rest)| Some((request_line(first)?, headers(rest)?)));
    let Some(((method, target, version), headers)) = parsed else {
        return Asked::Broken(vec![HandshakeError::MalformedHead]);
    };
    let Some((authority, path, query)) = resource(&method, &target) else {
        return Asked::Broken(vec![HandshakeError::BadTarget]);
    };
    let misnamed: Vec<_> = authority.iter().filter_map(|names| not_the_host(names, &headers)).collect();
    if !misnamed.is_empty() {
        return Asked::Broken(misnamed);
    }
    let extensions = all(&headers, "Sec-WebSocket-Extensions");
    let extensions: Vec<_> = extensions.iter().map(|value| extension_list(value)).collect();
    let mut subprotocols = Vec::new();
    for name in elements(&headers, "Sec-WebSocket-Protocol") {
        if !subprotocols.contains(&name) {
            subprotocols.push(name);
        }
    }
    let request = Request {
        method,
        path,
        query,
        subprotocols: subprotocols.iter().map(|name| String::from_utf8_lossy(name).into()).collect(),
        extensions: extensions.iter().flatten().flatten().cloned().collect(),
        accept: accept(&all(&headers, "Sec-WebSocket-Key").concat()),
        headers,
        len,
    };
    let ours = request.headers.iter().any(|(name, _)| name.to_lowercase().starts_with("sec-websocket-"));
    if !ours && lacks(&request.headers, "Upgrade", "websocket").is_some() {
        // RFC 9112 section 3.2: one Host, and none only before HTTP/1.1.
        return match sole(&request.headers, "Host") {
            Err(error) if version != 0 || error != HandshakeError::Missing("Host") => {
                Asked::Broken(vec![error])
            }
            _ => Asked::Http(request),
        };
    }
    let mut broken = broken_rules(&request, version);
    if extensions.contains(&None) {
        broken.push(HandshakeError::Invalid("Sec-WebSocket-Extensions"));
    }
    if broken.is_empty() { Asked::Upgrade(request) } else { Asked::Broken(broken) }
}

/// Whether some request begins with `bytes`, or is their beginning: `method SP`, and the version at the end of the line. The
/// crate looks at 32 bytes for the method.
fn may_begin(bytes: &[u8]) -> bool {
    if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or_default();
        if !line.ends_with(b" HTTP/1.0") && !line.ends_with(b" HTTP/1.1") {
            return false;
        }
    }
    let bytes = &bytes[..bytes.len().min(32)];
    match bytes.iter().position(|byte| !is_token(&[*byte])) {
        Some(at) => at > 0 && bytes[at] == b' ',
        None => true,
    }
}

/// `method SP request-target SP HTTP-version`.
fn request_line(line: &[u8]) -> Option<(String, String, u8)> {
    let line = core::str::from_utf8(line).ok()?;
    let [method, target, version] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let version = ["HTTP/1.0", "HTTP/1.1"].iter().position(|known| *known == version)?;
    let visible = |char: char| !char.is_ascii() || char.is_ascii_graphic();
    let valid = is_token(method.as_bytes()) && !target.is_empty() && target.chars().all(visible);
    valid.then(|| (method.into(), target.into(), version as u8))
}

/// The spellings of the authority, if the target has one, then path and query: "an absolute path or an absolute http/https
/// URI" (section 4.1), or a ws/wss URI. `OPTIONS *` is about the server (RFC 9112 section 3.2.4).
type Resource = (Option<[String; 2]>, String, Option<String>);

fn resource(method: &str, target: &str) -> Option<Resource> {
    if (method, target) == ("OPTIONS", "*") {
        return Some((None, "*".into(), None));
    }
    if !target.is_ascii() || target.contains('#') {
        return None;
    }
    let lower = target.to_lowercase();
    let schemes = [("http://", ":80"), ("https://", ":443"), ("ws://", ":80"), ("wss://", ":443")];
    let scheme = schemes.iter().find(|(scheme, _)| lower.starts_with(scheme));
    let (names, resource) = match scheme {
        None => (None, target),
        Some((scheme, port)) => {
            let rest = &target[scheme.len()..];
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let name = rest[..end].to_lowercase();
            let name = name.strip_suffix(port).unwrap_or(&name).to_string();
            if end == 0 {
                return None;
            }
            (Some([name.clone(), name + port]), &rest[end..])
        }
    };
    let (path, query) = match resource.split_once('?') {
        Some((path, query)) => (path, Some(query.to_string())),
        None => (resource, None),
    };
    match path {
        "" if names.is_some() => Some((names, "/".into(), query)),
        path => path.starts_with('/').then(|| (names, path.into(), query)),
    }
}

/// "MUST send a field value for Host that is identical to that authority component" (RFC 9112 section 3.2).
fn not_the_host(names: &[String; 2], headers: &Headers) -> Option<HandshakeError> {
    match sole(headers, "Host") {
        Err(error) => Some(error),
        Ok(host) => {
            let named = names.iter().any(|name| host.eq_ignore_ascii_case(name.as_bytes()));
            (!named).then_some(HandshakeError::Invalid("Host"))
        }
    }
}

fn broken_rules(request: &Request, version: u8) -> Vec<HandshakeError> {
    use HandshakeError::*;
    let headers = &request.headers;
    let mut broken = Vec::new();
    let mut check = |is_broken: bool, rule| {
        if is_broken {
            broken.push(rule);
        }
    };
    check(request.method != "GET", MethodNotGet);
    check(version != 1, MalformedHead);
    check(!all(headers, "Transfer-Encoding").is_empty(), UnexpectedBody);
    check(all(headers, "Content-Length").iter().any(|len| len != b"0"), UnexpectedBody);
    check(all(headers, "Origin").len() > 1, Duplicate("Origin"));
    let protocol = "Sec-WebSocket-Protocol";
    let names = elements(headers, protocol);
    check(names.iter().any(|name| !is_token(name)), Invalid(protocol));
    match sole(headers, "Host") {
        Ok(host) => check(host.is_empty(), Invalid("Host")),
        Err(error) => check(true, error),
    }
    match sole(headers, "Sec-WebSocket-Version") {
        Ok(version) => check(version != b"13", UnsupportedVersion),
        Err(Missing(_)) => check(true, UnsupportedVersion),
        Err(error) => check(true, error),
    }
    match sole(headers, "Sec-WebSocket-Key") {
        Ok(key) => check(!is_nonce(&key), Invalid("Sec-WebSocket-Key")),
        Err(error) => check(true, error),
    }
    broken.extend(lacks(headers, "Upgrade", "websocket"));
    broken.extend(lacks(headers, "Connection", "upgrade"));
    broken
}

/// Sixteen bytes are 22 digits of base64 and two of padding (RFC 4648 section 4).
fn is_nonce(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key[..22].iter().all(is_digit) && key[22..] == *b"=="
}

/// "/key/ … concatenated with … the SHA-1 hash … base64-encoded" (section 4.2.2).
fn accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::digest([key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat()))
}
