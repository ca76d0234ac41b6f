//! A server that is known by its key, as docs/tls.md shows.

use std::sync::Arc;

use rcgen::{KeyPair, PublicKeyData as _};
use sansocket::Connector;
use sansocket::tls::rustls::client::WebPkiServerVerifier;
use sansocket::tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use sansocket::tls::rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use sansocket::tls::rustls::server::ParsedCertificate;
use sansocket::tls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::certificates::check;
use crate::throwaway::Ca;

/// The usual check, and behind it the comparison of the server's key.
#[derive(Debug)]
struct Pinned {
    usual: Arc<WebPkiServerVerifier>,
    key: SubjectPublicKeyInfoDer<'static>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now)?;
        if ParsedCertificate::try_from(certificate)?.subject_public_key_info() == self.key {
            return Ok(verified);
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

fn config(roots: RootCertStore, key: SubjectPublicKeyInfoDer<'static>) -> Arc<ClientConfig> {
    let provider = sansocket::tls::provider().unwrap();
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let pinned = Pinned { usual: usual.build().unwrap(), key };
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned));
    Arc::new(builder.with_no_client_auth())
}

// attack: way-1
#[test]
fn server_with_another_key_than_the_pinned_one_is_not_accepted() {
    let (ca, other) = (Ca::new(), Ca::new());
    let (key, other_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let pinned = Connector::new().tls(config(ca.roots(), key.subject_public_key_info().into()));
    let rows = [
        (ca.identity_of(&key, &["localhost"], 2100), Ok(())),
        // Renewed, the certificate is another one, and the key is the same.
        (ca.identity_of(&key, &["localhost"], 2101), Ok(())),
        (ca.identity_of(&other_key, &["localhost"], 2100), Err("ApplicationVerificationFailure")),
        // The pin is no excuse for what the usual check finds.
        (other.identity_of(&key, &["localhost"], 2100), Err("UnknownIssuer")),
        (ca.identity_of(&key, &["localhost"], 2020), Err("expired")),
        (ca.identity_of(&key, &["example.com"], 2100), Err("not valid for name")),
    ];
    for (identity, expected) in rows {
        check("localhost", &identity, &pinned, expected);
    }
}
