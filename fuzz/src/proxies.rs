//! Any environment and any URL: which proxy is asked, and what is written to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sansocket::fuzzing::proxies_of;
use sansocket::handshake::client::Request;
use sansocket::handshake::proxy::{Server, Tunnel};
use sansocket::{Config, HandshakeError};

use crate::model::paths::written;
use crate::urls::{Login, authority, components};

/// The first byte of a line is the variable that it sets.
const VARIABLES: [&str; 13] = [
    "http_proxy",
    "HTTP_PROXY",
    "ws_proxy",
    "WS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "wss_proxy",
    "WSS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "REQUEST_METHOD",
];

/// The input is lines: the URL of a request, then a variable and its value. The proxy is the model's, and so are the bytes that
/// it is sent.
pub fn proxies(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let Ok(request) = Request::new(lines.next().unwrap_or_default()) else { return };
    let variables: Vec<_> = lines
        .filter_map(|line| {
            let mut chars = line.chars();
            let name = VARIABLES[chars.next()? as usize % VARIABLES.len()];
            Some((name, chars.as_str()))
        })
        .collect();
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let proxy = proxies_of(|name| lookup(name).map(String::from));
    match (proxy.server_for(&request), chosen(&lookup, &request)) {
        (Ok(None), None) | (Err(HandshakeError::BadProxy(_)), Some(None)) => {}
        (Ok(Some(server)), Some(Some(expected))) => {
            assert_eq!((server.host(), server.port()), (&expected.host[..], expected.port));
            let shown = format!("{server:?}");
            let scheme = if expected.is_socks { "socks5h" } else { "http" };
            let host = bracketed(&expected.host);
            assert_eq!(shown, format!("{scheme}://{host}:{}", expected.port), "no login in it");
            asks(server, &expected, &request);
        }
        (found, expected) => panic!("{variables:?} {request:?}: {found:?}, not {expected:?}"),
    }
}

/// A proxy as the model has it.
#[derive(Debug)]
struct Expected {
    is_socks: bool,
    host: String,
    port: u16,
    login: Option<Login>,
}

/// The proxy for this request, `None` without one. `Some(None)`: its URL cannot be used.
fn chosen<'a>(lookup: &impl Fn(&str) -> Option<&'a str>, request: &Request) -> Option<Option<Expected>> {
    let set = |name: &&str| lookup(name).filter(|value| !value.is_empty());
    let is_cgi = lookup("REQUEST_METHOD").is_some();
    let names: &[&str] = match (request.is_secure(), is_cgi) {
        (true, _) => &["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        (false, false) => &["ws_proxy", "WS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
        // Whoever sends a request to a CGI program sets its `HTTP_PROXY`.
        (false, true) => &["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"],
    };
    let url = names.iter().find_map(set)?;
    let list = ["no_proxy", "NO_PROXY"].iter().find_map(set).unwrap_or_default();
    (!is_listed(list, request.host())).then(|| read(url))
}

/// `scheme://[user[:password]@]host[:port][/]`, without a scheme HTTP.
fn read(url: &str) -> Option<Expected> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let parts = components(&url);
    let (is_socks, port) = match &parts.scheme?.to_ascii_lowercase()[..] {
        "http" => (false, 80),
        "socks5" | "socks5h" => (true, 1080),
        _ => return None,
    };
    let authority = authority(parts.authority?)?;
    let is_bare = matches!(parts.path, "" | "/") && parts.query.is_none() && parts.fragment.is_none();
    let can_be_sent = authority.login.as_ref().is_none_or(|(user, password)| match is_socks {
        true => (1..=255).contains(&user.len()) && password.len() <= 255,
        false => !user.contains(&b':'),
    });
    (is_bare && can_be_sent).then_some(Expected {
        is_socks,
        host: authority.host,
        port: authority.port.unwrap_or(port),
        login: authority.login,
    })
}

/// `no_proxy` as curl reads it.
fn is_listed(list: &str, host: &str) -> bool {
    let bits = |address: IpAddr| -> Vec<bool> {
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
    };
    let without_dot = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let host = without_dot(host);
    let address = host.parse::<IpAddr>().ok().map(bits);
    list.split([',', ' ', '\t']).any(|entry| {
        let (block, len) = entry.split_once('/').map_or((entry, None), |(block, len)| (block, Some(len)));
        let unbracketed = block.strip_prefix('[').and_then(|block| block.strip_suffix(']')).unwrap_or(block);
        match (unbracketed.parse::<IpAddr>().map(bits), len, &address) {
            _ if entry == "*" => true,
            (Ok(block), len, Some(address)) if block.len() == address.len() => {
                let is_number = len.is_none_or(|len| len.bytes().all(|byte| byte.is_ascii_digit()));
                let len = len.map_or(Some(block.len()), |len| len.parse().ok()).filter(|_| is_number);
                len.is_some_and(|len| len <= block.len() && address[..len] == block[..len])
            }
            (Err(_), None, None) => {
                let name = without_dot(entry.strip_prefix('.').unwrap_or(entry));
                !name.is_empty() && (host == name || host.ends_with(&format!(".{name}")))
            }
            _ => false,
        }
    })
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.into() }
}

/// The proxy gets the bytes of RFC 9110 section 9.3.6, or of RFC 1928 and RFC 1929.
fn asks(server: &Server, expected: &Expected, request: &Request) {
    let (host, port) = (request.host(), request.port());
    let address = match (host.parse::<Ipv4Addr>(), host.parse::<Ipv6Addr>()) {
        (Ok(address), _) => [&[1], &address.octets()[..]].concat(),
        (_, Ok(address)) => [&[4], &address.octets()[..]].concat(),
        _ => [&[3, host.len() as u8], host.as_bytes()].concat(),
    };
    let is_too_long = expected.is_socks && host.parse::<IpAddr>().is_err() && host.len() > 255;
    let tunnel = Tunnel::new(server, host, port, Config::default());
    if let Err(error) = &tunnel {
        assert!(is_too_long && matches!(error, HandshakeError::BadUrl(_)), "{host}: {error}");
        return;
    }
    assert!(!is_too_long);
    let mut tunnel = tunnel.unwrap();
    let first = written(tunnel.output());
    if !expected.is_socks {
        let authority = format!("{}:{port}", bracketed(host));
        let login = expected.login.as_ref().map(|(user, password)| {
            let login = BASE64_STANDARD.encode([&user[..], b":", password].concat());
            format!("Proxy-Authorization: Basic {login}\r\n")
        });
        let login = login.unwrap_or_default();
        let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n");
        return assert_eq!(first.escape_ascii().to_string(), head.as_bytes().escape_ascii().to_string());
    }
    let asked = [&[5, 1, 0], &address[..], &port.to_be_bytes()].concat();
    match &expected.login {
        None => {
            assert_eq!(first, [5, 1, 0]);
            tunnel.receive(&[5, 0]);
        }
        Some((user, password)) => {
            assert_eq!(first, [5, 2, 0, 2]);
            tunnel.receive(&[5, 2]);
            assert_eq!(tunnel.has_opened(), Ok(false));
            let counted = |part: &[u8]| [&[part.len() as u8], part].concat();
            assert_eq!(written(tunnel.output()), [&[1], &counted(user)[..], &counted(password)].concat());
            tunnel.receive(&[1, 0]);
        }
    }
    assert_eq!(tunnel.has_opened(), Ok(false));
    assert_eq!(written(tunnel.output()), asked);
}
