//! A throw-away CA and the configurations of TLS that go with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use sansocket::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sansocket::tls::rustls::server::WebPkiClientVerifier;
use sansocket::tls::rustls::version::{TLS12, TLS13};
use sansocket::tls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use sansocket::tls::{config_with_ca, provider};

/// A CA that exists as long as this value.
pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

#[allow(dead_code, reason = "each test uses some of these")]
impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A CA is known by its name first.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("throw-away CA {}", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// What a client that trusts this CA alone has.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        config_with_ca(self.pem().as_bytes()).unwrap()
    }

    /// [`client`](Self::client) with a certificate of its own.
    pub(crate) fn client_with(&self, (chain, key): Identity) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider().unwrap());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        builder.with_root_certificates(self.roots()).with_client_auth_cert(chain, key).unwrap()
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }

    /// A certificate for these host names and IP addresses.
    pub(crate) fn identity(&self, names: &[&str]) -> Identity {
        self.identity_until(names, 2100)
    }

    /// A certificate that is valid up to the first day of this year.
    pub(crate) fn identity_until(&self, names: &[&str], year: i32) -> Identity {
        self.identity_of(&KeyPair::generate().unwrap(), names, year)
    }

    /// A certificate for this key.
    pub(crate) fn identity_of(&self, key: &KeyPair, names: &[&str], year: i32) -> Identity {
        let certificate = self.issue(key, names, year);
        (vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    /// The PEM texts of a certificate for these names, and of its key.
    pub(crate) fn pem_identity(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (self.issue(&key, names, 2100).pem(), key.serialize_pem())
    }

    fn issue(&self, key: &KeyPair, names: &[&str], year: i32) -> Certificate {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        params.signed_by(key, &self.issuer).unwrap()
    }

    /// A server with a certificate for `localhost`, 127.0.0.1 and ::1.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        server(self.identity(&["localhost", "127.0.0.1", "::1"]), &[&TLS13, &TLS12], None)
    }
}

/// A server with this identity. With `clients` it asks for a certificate of that CA.
pub(crate) fn server(
    (chain, key): Identity,
    versions: &[&'static SupportedProtocolVersion],
    clients: Option<&Ca>,
) -> Arc<ServerConfig> {
    let provider = provider().unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.roots()), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
