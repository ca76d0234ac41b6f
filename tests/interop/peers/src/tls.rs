//! TLS, if the variable `TLS` names a directory that `certificates` has written to.

use std::path::PathBuf;
use std::sync::Arc;

use sansocket::tls::rustls::pki_types::pem::PemObject;
use sansocket::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sansocket::tls::rustls::{ClientConfig, ServerConfig};
use sansocket::tls::{config_with_ca, provider};

use crate::Result;

pub fn directory() -> Option<PathBuf> {
    std::env::var_os("TLS").map(PathBuf::from)
}

/// For a client that trusts the CA in the directory. `None`: without TLS.
pub fn client() -> Result<Option<Arc<ClientConfig>>> {
    let Some(directory) = directory() else { return Ok(None) };
    Ok(Some(config_with_ca(&std::fs::read(directory.join("ca.pem"))?)?))
}

/// For a server with the certificate in the directory. `None`: without TLS.
pub fn server() -> Result<Option<Arc<ServerConfig>>> {
    let Some(directory) = directory() else { return Ok(None) };
    let certificate = CertificateDer::from_pem_file(directory.join("certificate.pem"))?;
    let key = PrivateKeyDer::from_pem_file(directory.join("key.pem"))?;
    let config = ServerConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Some(Arc::new(config)))
}
