//! `--insecure`: every certificate is accepted.

use std::sync::Arc;

use sansocket::HandshakeError;
use sansocket::tls::provider;
use sansocket::tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use sansocket::tls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use sansocket::tls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use sansocket::tls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// Accepts the certificate of anyone who has its key: whose certificate it is remains unknown.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

/// A configuration that accepts every certificate.
pub(crate) fn config() -> Result<ClientConfig, HandshakeError> {
    let provider = provider()?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| HandshakeError::TlsUnavailable(error.to_string().into()))?;
    let verifier = Arc::new(AnyCertificate(provider));
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".into()];
    Ok(config)
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
