//! Which certificates are accepted: the first way that the features bring.

use rustls::ClientConfig;

use super::Builder;
use crate::error::HandshakeError;

#[cfg(feature = "tls-platform")]
pub(super) fn config(builder: Builder) -> Result<ClientConfig, HandshakeError> {
    use std::sync::Arc;

    let provider = Arc::clone(builder.crypto_provider());
    let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(super::unavailable)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

#[cfg(all(feature = "tls-native-certs", not(feature = "tls-platform")))]
pub(super) fn config(builder: Builder) -> Result<ClientConfig, HandshakeError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    // rustls cannot parse some roots of some systems. The others are used.
    roots.add_parsable_certificates(found.certs);
    match found.errors.first() {
        Some(error) if roots.is_empty() => Err(super::unavailable(error)),
        None if roots.is_empty() => {
            Err(HandshakeError::TlsUnavailable("the operating system has no root certificates".into()))
        }
        _ => Ok(builder.with_root_certificates(roots).with_no_client_auth()),
    }
}

#[cfg(all(feature = "tls-webpki-roots", not(any(feature = "tls-platform", feature = "tls-native-certs"))))]
pub(super) fn config(builder: Builder) -> Result<ClientConfig, HandshakeError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(not(any(feature = "tls-platform", feature = "tls-native-certs", feature = "tls-webpki-roots")))]
pub(super) fn config(_: Builder) -> Result<ClientConfig, HandshakeError> {
    Err(HandshakeError::TlsUnavailable(
        "no root certificates: enable the feature `tls-platform`, `tls-native-certs` or `tls-webpki-roots`, or give the \
        connector a `ClientConfig`"
            .into(),
    ))
}
