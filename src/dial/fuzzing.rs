//! What the fuzz targets compare with a model and cannot reach without sockets or the environment.

use super::Proxy;
use super::redirects::Redirects;
use crate::error::Error;
use crate::handshake::client::Request;

/// The redirects of one opening handshake.
#[derive(Debug)]
pub struct Following(Redirects);

impl Following {
    /// Follows at most `limit` redirects.
    pub fn new(limit: u32) -> Self {
        Self(Redirects::new(limit))
    }

    /// The request that follows this end of an attempt.
    pub fn follow(&mut self, request: &Request, end: Error) -> Result<Request, Error> {
        self.0.follow(request, end)
    }
}

/// The proxies of an environment with these variables.
pub fn proxies_of(lookup: impl Fn(&str) -> Option<String>) -> Proxy {
    Proxy::from_lookup(lookup)
}
