//! `certificates DIRECTORY` writes a throw-away CA and what a server on 127.0.0.1 has of it: `ca.pem`, `certificate.pem`,
//! `key.pem`, and the server's public key as browsers name it, `spki.der`.

use std::fs;
use std::path::PathBuf;

use interop_peers::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData};

fn main() -> Result<()> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: certificates DIRECTORY")?);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "throw-away CA");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    // Python checks certificates as RFC 5280 says, which wants this.
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &ca)?;
    fs::write(directory.join("ca.pem"), ca.pem())?;
    fs::write(directory.join("certificate.pem"), certificate.pem())?;
    fs::write(directory.join("key.pem"), key.serialize_pem())?;
    Ok(fs::write(directory.join("spki.der"), key.subject_public_key_info())?)
}
