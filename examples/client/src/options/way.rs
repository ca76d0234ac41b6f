//! How a client gets to its server.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use clap::{Args, ValueHint};
use sansocket::handshake::client::Request;
use sansocket::tls::rustls::ClientConfig;
use sansocket::tls::rustls::client::ResolvesClientCert;
use sansocket::tls::rustls::pki_types::pem::{Error, PemObject as _};
use sansocket::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sansocket::tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use sansocket::tls::{config, config_with_ca, provider};
use sansocket::{Config, Connector, Families, Proxy};

use crate::insecure;

#[derive(Args, Debug)]
#[command(next_help_heading = "Way to the server")]
#[group(multiple = true, conflicts_with = "listen")]
pub(crate) struct Way {
    /// Trust the CAs in this PEM file, and no others. Default: those of the operating system
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = ca)]
    #[arg(conflicts_with = "insecure")]
    ca: Option<Arc<ClientConfig>>,
    /// Accept any certificate. Anyone between this program and the server can read and change all messages
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// Show the server this certificate, a PEM file with the CAs in between behind it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = chain, requires = "key")]
    cert: Option<Chain>,
    /// The private key of --cert, a PEM file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = key, requires = "cert")]
    key: Option<Arc<PrivateKeyDer<'static>>>,
    /// Go through this proxy: http://, socks5:// or socks5h:// with [USER:PASSWORD@]HOST[:PORT]. 'env' takes the one that
    /// https_proxy, all_proxy and so on name; otherwise these are not read
    #[arg(long, value_name = "URL", value_parser = proxy, value_hint = ValueHint::Url)]
    proxy: Option<Proxy>,
    /// Follow at most this many redirects. Headers and credentials do not go to another origin
    #[arg(long, value_name = "COUNT", default_value = "0")]
    redirects: u32,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// The IP address of this end
    #[arg(long, value_name = "IP")]
    local_address: Option<IpAddr>,
}

/// Certificates, the own one first.
#[derive(Clone, Debug)]
struct Chain(Vec<CertificateDer<'static>>);

impl Way {
    /// The settings of the way.
    ///
    /// # Errors
    ///
    /// `--cert` and `--key` do not belong together, or TLS cannot be configured.
    pub(crate) fn connector(&self, config: Config) -> Result<Connector, String> {
        let families = match (self.ipv4, self.ipv6) {
            (true, _) => Families::Ipv4,
            (_, true) => Families::Ipv6,
            _ => Families::Any,
        };
        let connector = Connector::from(config).families(families).redirects(self.redirects);
        let connector = self.proxy.iter().cloned().fold(connector, Connector::proxy);
        let connector = self.local_address.into_iter().fold(connector, Connector::local_address);
        Ok(self.tls()?.into_iter().fold(connector, Connector::tls))
    }

    /// Where the connection goes, in words.
    pub(crate) fn place(&self, url: &Request) -> String {
        let host = if url.host().contains(':') { format!("[{}]", url.host()) } else { url.host().to_owned() };
        let place = format!("{host}:{}", url.port());
        match self.proxy.as_ref().map(|proxy| proxy.server_for(url)) {
            Some(Ok(Some(proxy))) => format!("{place} through the proxy {}:{}", proxy.host(), proxy.port()),
            _ => place,
        }
    }

    /// Whether the address of the peer can be that of another server than the URL names.
    pub(crate) fn may_lead_elsewhere(&self) -> bool {
        self.redirects > 0 && self.proxy.is_none()
    }

    /// The configuration of TLS. `None`: the one that the crate makes.
    fn tls(&self) -> Result<Option<ClientConfig>, String> {
        let text = |error: sansocket::HandshakeError| error.to_string();
        let identity = self.cert.as_ref().zip(self.key.as_ref());
        let mut tls = match &self.ca {
            _ if self.insecure => insecure::config().map_err(text)?,
            Some(config) => ClientConfig::clone(config),
            None if identity.is_none() => return Ok(None),
            None => ClientConfig::clone(&*config().map_err(text)?),
        };
        if let Some((Chain(chain), key)) = identity {
            tls.client_auth_cert_resolver = shown(chain.clone(), key.clone_key())?;
        }
        Ok(Some(tls))
    }
}

/// Shows this certificate to servers that ask for one.
fn shown(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<dyn ResolvesClientCert>, String> {
    let provider = provider().map_err(|error| error.to_string())?;
    let pair = CertifiedKey::from_der(chain, key, &provider)
        .map_err(|error| format!("--cert and --key cannot be used: {error}"))?;
    Ok(Arc::new(SingleCertAndKey::from(pair)))
}

fn ca(path: &str) -> Result<Arc<ClientConfig>, String> {
    config_with_ca(&read(path)?).map_err(|error| error.to_string())
}

fn chain(path: &str) -> Result<Chain, String> {
    let pem = read(path)?;
    let chain: Result<Vec<_>, Error> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain.map_err(|error| error.to_string())? {
        chain if chain.is_empty() => Err("no certificate in the PEM text".into()),
        chain => Ok(Chain(chain)),
    }
}

fn key(path: &str) -> Result<Arc<PrivateKeyDer<'static>>, String> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map(Arc::new).map_err(|error| match error {
        Error::NoItemsFound if String::from_utf8_lossy(&pem).contains("ENCRYPTED") => {
            "the key is encrypted: decrypt it with openssl pkey".into()
        }
        Error::NoItemsFound => "no private key in the PEM text".into(),
        error => error.to_string(),
    })
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| error.to_string())
}

fn proxy(text: &str) -> Result<Proxy, sansocket::HandshakeError> {
    if text == "env" { Ok(Proxy::from_env()) } else { Proxy::new(text) }
}
