//! Records of any kind, encrypted with the keys of a session: what a peer may send that breaks the rules.

use std::net::TcpStream;
use std::sync::Arc;

use sansocket::blocking::{WithoutTimeouts, accept};
use sansocket::tls::rustls::crypto::cipher::{MessageEncrypter, OutboundPlainMessage};
use sansocket::tls::rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, ServerConnection, StreamOwned,
    SupportedCipherSuite,
};

use crate::servers::listen_to_many;

/// What a server says from here on.
pub(crate) struct Forge {
    encrypter: Box<dyn MessageEncrypter>,
    /// The number of the next record.
    next: u64,
}

impl Forge {
    /// Goes on where the session is. Its configuration has `enable_secret_extraction`.
    pub(crate) fn new(session: ServerConnection) -> Self {
        let suite = session.negotiated_cipher_suite().unwrap();
        let (next, secrets) = session.dangerous_extract_secrets().unwrap().tx;
        let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
        else {
            panic!("a cipher suite that is not known here")
        };
        let encrypter = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => {
                let (fixed, explicit) = iv.as_ref().split_at(4);
                suite.aead_alg.encrypter(key, fixed, explicit)
            }
        };
        Self { encrypter, next }
    }

    /// One record.
    pub(crate) fn record(&mut self, typ: ContentType, content: &[u8]) -> Vec<u8> {
        let version = ProtocolVersion::TLSv1_2;
        let plain = OutboundPlainMessage { typ, version, payload: content.into() };
        let record = self.encrypter.encrypt(plain, self.next).unwrap().encode();
        self.next += 1;
        record
    }

    /// A ticket of TLS 1.3 for a session to resume (RFC 8446 section 4.6.1), which a server may send as often as it likes.
    pub(crate) fn ticket(&mut self) -> Vec<u8> {
        let (lifetime, age, nonce, ticket, extensions) = ([0, 0, 1, 0], [0; 4], [1, 7], [0, 1, 7], [0, 0]);
        let ticket = [&lifetime[..], &age, &nonce, &ticket, &extensions].concat();
        let head = [4, 0, 0, u8::try_from(ticket.len()).unwrap()];
        self.record(ContentType::Handshake, &[&head, &ticket[..]].concat())
    }

    pub(crate) fn data(&mut self, content: &[u8]) -> Vec<u8> {
        self.record(ContentType::ApplicationData, content)
    }
}

/// A server of rustls, with a WebSocket connection on it. Gives its port.
pub(crate) fn serve_raw(
    config: &ServerConfig,
    serve: impl Fn(ServerConnection, TcpStream) + Clone + Send + 'static,
) -> u16 {
    let mut config = config.clone();
    config.enable_secret_extraction = true;
    let config = Arc::new(config);
    listen_to_many(move |tcp| {
        tcp.set_nodelay(true).unwrap();
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        let tls = StreamOwned::new(session, tcp);
        let (stream, _) = accept(WithoutTimeouts(tls)).unwrap().into_parts();
        serve(stream.0.conn, stream.0.sock);
    })
}
