//! A throw-away CA, and one cipher suite for all.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sansocket::tls::rustls::crypto::CryptoProvider;
use sansocket::tls::rustls::crypto::ring::{self, cipher_suite::TLS13_AES_128_GCM_SHA256};
use sansocket::tls::rustls::pki_types::PrivateKeyDer;
use sansocket::tls::rustls::version::TLS13;
use sansocket::tls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::Outcome;

pub struct Tls {
    pub client: Arc<ClientConfig>,
    pub server: Arc<ServerConfig>,
}

impl Tls {
    pub fn new() -> Outcome<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &ca)?;

        let suites = vec![TLS13_AES_128_GCM_SHA256];
        let provider = Arc::new(CryptoProvider { cipher_suites: suites, ..ring::default_provider() });
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone())?;
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }
}
