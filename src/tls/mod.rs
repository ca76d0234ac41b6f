//! `wss:`: TLS with [rustls].
//!
//! [`connect`](crate::blocking::connect) of each shell opens `wss:` URLs with the [`config`] that the features make. A program
//! that needs another one (a CA of its own, client certificates, pinning) gives an `Arc<rustls::ClientConfig>` to
//! [`Connector::tls`](crate::Connector::tls).
//!
//! | feature | what it adds |
//! |---|---|
//! | `tls` | all that most programs need: `tls-ring` and `tls-platform` |
//! | `rustls` | `wss:` with a `ClientConfig` of the caller's |
//! | `tls-ring`, `tls-aws-lc-rs` | a provider of cryptography |
//! | `tls-platform` | certificates are checked as the operating system does |
//! | `tls-native-certs` | certificates are checked by rustls against the roots of the operating system |
//! | `tls-webpki-roots` | certificates are checked by rustls against Mozilla's roots, which are compiled in |
//!
//! The provider is the process's default if the program has installed one, otherwise that of `tls-ring`, otherwise that of
//! `tls-aws-lc-rs`. Of several ways to check certificates the first of the table counts.

mod records;
mod roots;
mod session;

use std::sync::{Arc, OnceLock};

pub(crate) use records::Records;
pub use rustls;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CipherSuite, ClientConfig, ProtocolVersion, RootCertStore};
pub(crate) use session::{LEAST_READ, MAX_READ, Session};

use crate::error::HandshakeError;

/// HTTP/1.1, the protocol of the opening handshake. A server that chose HTTP/2 would not understand it.
const ALPN: &[u8] = b"http/1.1";

/// What the peers of a TLS session have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of TLS.
    pub protocol: ProtocolVersion,
    /// Whether an earlier session was resumed, which saves the check of certificates.
    pub is_resumed: bool,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The protocol above TLS, if both peers named one: `http/1.1`.
    pub alpn: Option<Vec<u8>>,
    /// The peer's certificates, its own first. Empty for a client that has shown none.
    pub peer_certificates: Vec<CertificateDer<'static>>,
}

/// The configuration of `wss:` connections that bring none of their own, made once and shared, so that sessions are resumed.
/// Certificates are checked as the features say, and ALPN is `http/1.1`.
///
/// # Errors
///
/// [`TlsUnavailable`](HandshakeError::TlsUnavailable): no provider of cryptography, or no root certificates. The text says
/// what to do.
pub fn config() -> Result<Arc<ClientConfig>, HandshakeError> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let config = roots::config(builder()?)?;
    Ok(Arc::clone(CONFIG.get_or_init(|| with_alpn(config))))
}

/// A configuration that accepts certificates of these CAs and no others. `pem` has one certificate or several, as in a `.pem`
/// file.
///
/// # Errors
///
/// [`TlsUnavailable`](HandshakeError::TlsUnavailable): no provider of cryptography, or no certificate in `pem`.
pub fn config_with_ca(pem: &[u8]) -> Result<Arc<ClientConfig>, HandshakeError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(unavailable)?;
        roots.add(certificate).map_err(unavailable)?;
    }
    if roots.is_empty() {
        return Err(HandshakeError::TlsUnavailable("no certificate in the PEM text".into()));
    }
    Ok(with_alpn(builder()?.with_root_certificates(roots).with_no_client_auth()))
}

/// The provider of cryptography: the process's default, otherwise that of a feature.
///
/// # Errors
///
/// [`TlsUnavailable`](HandshakeError::TlsUnavailable) if there is none.
pub fn provider() -> Result<Arc<CryptoProvider>, HandshakeError> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Ok(Arc::clone(provider));
    }
    #[cfg(feature = "tls-ring")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "tls-aws-lc-rs", not(feature = "tls-ring")))]
    return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc-rs")))]
    Err(HandshakeError::TlsUnavailable(
        "no provider of cryptography: enable the feature `tls-ring` or `tls-aws-lc-rs`, install a default provider, or \
        give the connector a `ClientConfig`"
            .into(),
    ))
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn builder() -> Result<Builder, HandshakeError> {
    ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(unavailable)
}

fn with_alpn(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![ALPN.into()];
    Arc::new(config)
}

fn unavailable(error: impl std::fmt::Display) -> HandshakeError {
    HandshakeError::TlsUnavailable(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the error, if the configuration cannot be made.
    fn missing() -> Option<String> {
        config().err().map(|error| error.to_string())
    }

    // attack: way-1
    #[test]
    fn configuration_is_shared_or_its_error_names_the_features() {
        let has_provider = cfg!(any(feature = "tls-ring", feature = "tls-aws-lc-rs"));
        let has_roots =
            cfg!(any(feature = "tls-platform", feature = "tls-native-certs", feature = "tls-webpki-roots"));
        let named = match (has_provider, has_roots) {
            (false, _) => "`tls-ring` or `tls-aws-lc-rs`",
            (true, false) => "`tls-platform`, `tls-native-certs` or `tls-webpki-roots`",
            (true, true) => {
                let (first, second) = (config().unwrap(), config().unwrap());
                assert!(Arc::ptr_eq(&first, &second), "sessions could not be resumed");
                return assert_eq!(first.alpn_protocols, [ALPN]);
            }
        };
        let text = missing().unwrap();
        assert!(text.starts_with("TLS cannot be configured: ") && text.contains(named), "{text}");
    }
}
