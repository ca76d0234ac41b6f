//! `wss:` URLs: which certificates are accepted, and what a refusal says.

use std::net::TcpStream;
use std::sync::Arc;

use sansocket::blocking::{NetStream, WebSocket, accept};
use sansocket::tls::rustls::ServerConfig;
use sansocket::tls::rustls::version::{TLS12, TLS13};

use super::process::{Client, file, read_to_end};
use super::servers::listen_to_many;
use super::throwaway::{Ca, server};

const WARNING: &str = "WARNING: --insecure: the certificate of the server is not checked. Anyone between this program \
    and the server can read and change all messages";
const UNKNOWN: &str =
    "if you trust this server, name its CA with --ca FILE, or check no certificate with --insecure";

/// Sends all messages back.
pub(crate) fn echo(stream: NetStream) {
    let serve = |mut socket: WebSocket<NetStream>| {
        while let Some(message) = socket.read()? {
            socket.send(&message)?;
        }
        Ok(())
    };
    accept(stream).and_then(serve).ok();
}

/// An echo server over TLS. Gives its port.
pub(crate) fn serve(config: Arc<ServerConfig>) -> u16 {
    listen_to_many(move |tcp: TcpStream| echo(NetStream::tls_server(tcp, Arc::clone(&config)).unwrap()))
}

/// The notes of a client that gets its message back.
fn notes_of_echo(url: &str, options: &[&str]) -> Vec<String> {
    let mut client = Client::start(url, options);
    client.type_line("hello");
    assert_eq!(client.shows(), "hello", "{url}");
    client.end_input();
    assert_eq!(client.status(), 0);
    client.all_notes()
}

#[test]
fn certificate_of_a_ca_is_accepted_if_it_is_named() {
    let (ca, other) = (Ca::new(), Ca::new());
    let path = file("ca.pem", ca.pem());
    // A file with several.
    let both = file("both.pem", [other.pem(), ca.pem()].concat());
    for (version, name) in [(&TLS12, "TLS 1.2 (TLS_ECDHE_"), (&TLS13, "TLS 1.3 (TLS13_")] {
        let port = serve(server(ca.identity(&["localhost"]), &[version], None));
        for path in [&path, &both] {
            let notes = notes_of_echo(&format!("wss://localhost:{port}/"), &["--ca", path]);
            assert!(notes[0].starts_with(&format!("connected to localhost:{port}, {name}")), "{notes:?}");
            assert_eq!(notes[1..], ["closed: code 1000, reason \"\""]);
        }
    }
}

#[test]
fn certificates_that_are_not_accepted_give_status_3_and_a_hint() {
    let (ca, other) = (Ca::new(), Ca::new());
    let path = file("trusted.pem", ca.pem());
    let server = |identity| serve(server(identity, &[&TLS13], None));
    let unknown = server(other.identity(&["localhost"]));
    let elsewhere = server(ca.identity(&["example.com"]));
    let rows: [(u16, &[&str], &str, &str); 3] = [
        (unknown, &["--ca", &path], "invalid peer certificate: UnknownIssuer", UNKNOWN),
        // The operating system knows no throw-away CA.
        (unknown, &[], "the TLS handshake failed", UNKNOWN),
        (
            elsewhere,
            &["--ca", &path],
            "certificate not valid for name \"localhost\"",
            "write the URL with a name that the certificate has, or check no certificate with --insecure",
        ),
    ];
    for (port, options, fault, hint) in rows {
        let (status, notes) = Client::without_connection(&format!("wss://localhost:{port}/"), options);
        assert!(notes[0].starts_with(&format!("no connection to localhost:{port}: ")), "{notes:?}");
        assert!(notes[0].contains(fault), "{notes:?}");
        assert_eq!((status, &notes[1..]), (3, &[hint.to_owned()][..]));
    }
}

#[test]
fn insecure_accepts_all_and_is_loud() {
    let ca = Ca::new();
    for version in [&TLS12, &TLS13] {
        let port = serve(server(ca.identity_until(&["example.com"], 2020), &[version], None));
        let notes = notes_of_echo(&format!("wss://localhost:{port}/"), &["--insecure", "--quiet"]);
        assert_eq!(notes, [WARNING]);
    }
}

/// The certificate is anybody's, but the key belongs to it.
#[test]
fn insecure_still_wants_the_key_of_the_certificate() {
    use sansocket::tls::provider;
    use sansocket::tls::rustls::server::{ClientHello, ResolvesServerCert};
    use sansocket::tls::rustls::sign::CertifiedKey;

    #[derive(Debug)]
    struct Mixed(Arc<CertifiedKey>);
    impl ResolvesServerCert for Mixed {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    let ca = Ca::new();
    let ((chain, _), (_, key)) = (ca.identity(&["localhost"]), ca.identity(&["localhost"]));
    let provider = provider().unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    for version in [&TLS12, &TLS13] {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        let mixed = Mixed(Arc::new(CertifiedKey::new(chain.clone(), Arc::clone(&key))));
        let port = serve(Arc::new(builder.with_cert_resolver(Arc::new(mixed))));
        let (status, notes) =
            Client::without_connection(&format!("wss://localhost:{port}/"), &["--insecure"]);
        assert!(notes[1].contains("BadSignature"), "{notes:?}");
        assert_eq!(status, 3);
    }
}

#[test]
fn client_certificate_is_shown_if_the_server_asks() {
    let ca = Ca::new();
    let (certificate, key) = ca.pem_identity(&["client"]);
    let path = file("clients-ca.pem", ca.pem());
    let (cert, key) = (file("client.pem", certificate), file("client-key.pem", key));
    let port = serve(server(ca.identity(&["localhost"]), &[&TLS13], Some(&ca)));
    let url = format!("wss://localhost:{port}/");
    notes_of_echo(&url, &["--ca", &path, "--cert", &cert, "--key", &key]);
    notes_of_echo(&url, &["--insecure", "--cert", &cert, "--key", &key]);
    let (status, notes) = Client::without_connection(&url, &["--ca", &path]);
    assert_eq!(
        (status, &*notes[1]),
        (3, "the server wants to see a certificate: --cert FILE --key FILE"),
        "{notes:?}"
    );
}

#[test]
fn files_that_are_no_certificates_or_keys_give_status_2() {
    let ca = Ca::new();
    let (certificate, key) = ca.pem_identity(&["client"]);
    let (cert, key) = (file("a.pem", certificate), file("a-key.pem", key));
    let other = file("b-key.pem", ca.pem_identity(&["client"]).1);
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = file("locked.pem", locked);
    let rows: [(&[&str], &str); 8] = [
        (&["--ca", "no/such/file"], "invalid value 'no/such/file'"),
        (&["--ca", &key], "no certificate in the PEM text"),
        (&["--cert", &key, "--key", &key], "no certificate in the PEM text"),
        (&["--cert", &cert, "--key", &cert], "no private key in the PEM text"),
        (&["--cert", &cert, "--key", &locked], "the key is encrypted: decrypt it with openssl pkey"),
        (&["--cert", &cert, "--key", &other], "--cert and --key cannot be used: "),
        (&["--cert", &cert], "--key <FILE>"),
        (&["--ca", &cert, "--insecure"], "cannot be used with"),
    ];
    for (options, expected) in rows {
        let (status, notes) = Client::without_connection("wss://localhost:1/", options);
        assert!(notes.join("\n").contains(expected), "{options:?}: {notes:?}");
        assert_eq!(status, 2, "{options:?}");
    }
}

#[test]
fn port_without_tls_gives_status_3_and_a_hint() {
    let answers = listen_to_many(|tcp| echo(tcp.into()));
    let ends = listen_to_many(|mut tcp| {
        std::io::Read::read_exact(&mut tcp, &mut [0; 5]).unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        read_to_end(&mut tcp);
    });
    for port in [answers, ends] {
        let (status, notes) = Client::without_connection(&format!("wss://localhost:{port}/"), &["-k"]);
        let hint = "if this port does not speak TLS, write ws:// instead of wss://";
        assert_eq!((status, notes.last().map(String::as_str)), (3, Some(hint)), "{notes:?}");
    }
}
