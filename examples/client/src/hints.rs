//! What to try instead, if there is no connection.

use std::io;

use sansocket::{Error, HandshakeError, Refusal};

const PLAIN: &str = "if this port does not speak TLS, write ws:// instead of wss://";

/// What to try instead of a `wss:` or a `ws:` URL, or with another option.
pub(crate) fn hint(error: &Error, is_secure: bool) -> Option<&'static str> {
    let Error::Handshake(fault) = error else {
        return (!is_secure).then(|| hint_of_plain(error)).flatten();
    };
    match fault {
        HandshakeError::Tls(text) => hint_of_tls(text),
        HandshakeError::UnexpectedEof if is_secure => Some(PLAIN),
        HandshakeError::Refused(refusal)
            if matches!(refusal.status, 301 | 302 | 303 | 307 | 308)
                && refusal.header("Location").is_some() =>
        {
            Some("to follow redirects, add --redirects 5")
        }
        HandshakeError::ProxyRefused(refusal) if refusal.status == 407 => {
            Some("the proxy wants to know who you are: --proxy http://user:password@HOST:PORT")
        }
        HandshakeError::SocksMethodRefused | HandshakeError::SocksCredentialsRefused => {
            Some("the proxy wants to know who you are: --proxy socks5://user:password@HOST:PORT")
        }
        HandshakeError::MalformedProxy => Some(
            "an HTTP proxy is written --proxy http://HOST:PORT, a SOCKS proxy --proxy socks5://HOST:PORT",
        ),
        _ if !is_secure => hint_of_plain(error),
        _ => None,
    }
}

/// The texts are those of rustls.
fn hint_of_tls(text: &str) -> Option<&'static str> {
    const UNKNOWN: &str =
        "if you trust this server, name its CA with --ca FILE, or check no certificate with --insecure";
    let rows = [
        ("UnknownIssuer", UNKNOWN),
        // A CA that is trusted has the same name.
        ("BadSignature", UNKNOWN),
        // What `openssl req -x509` makes.
        (
            "CaUsedAsEndEntity",
            "the server shows the certificate of a CA: make one with -addext basicConstraints=CA:FALSE, or check no \
                certificate with --insecure",
        ),
        (
            "not valid for name",
            "write the URL with a name that the certificate has, or check no certificate with --insecure",
        ),
        ("CertificateRequired", "the server wants to see a certificate: --cert FILE --key FILE"),
        ("does the server speak TLS", PLAIN),
    ];
    rows.iter().find(|(part, _)| text.contains(part)).map(|(_, hint)| *hint)
}

/// The port of a `ws:` URL seems to be one for TLS.
fn hint_of_plain(error: &Error) -> Option<&'static str> {
    const SURELY: &str = "this port speaks TLS: write wss:// instead of ws://";
    const PERHAPS: &str = "if this port speaks TLS, write wss:// instead of ws://";
    match error {
        Error::Handshake(HandshakeError::Refused(refusal)) if wants_https(refusal) => Some(SURELY),
        // A TLS alert is no HTTP. Some TLS servers send none, and end the connection.
        Error::Handshake(HandshakeError::MalformedHead | HandshakeError::UnexpectedEof) => Some(PERHAPS),
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => Some(PERHAPS),
        _ => None,
    }
}

/// "The plain HTTP request was sent to HTTPS port" (nginx), "speaking plain HTTP to an SSL-enabled server port" (Apache),
/// "Client sent an HTTP request to an HTTPS server" (Go).
fn wants_https(refusal: &Refusal) -> bool {
    let body = String::from_utf8_lossy(&refusal.body);
    refusal.status == 400 && ["HTTPS", "SSL-enabled"].iter().any(|word| body.contains(word))
}
