//! The hosts to which a client connects without a proxy: the list in `no_proxy`, as curl reads it.

use std::net::IpAddr;

/// A list of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    /// A host name and its subdomains, without the dots around it.
    Name(String),
    /// The addresses that begin with these bits.
    Block(IpAddr, u32),
}

impl Bypass {
    /// Parses entries with commas or blanks between them. What is no entry matches nothing.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// Whether the list has that host: a name, or an address without brackets.
    pub(super) fn has(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().any(|entry| match (entry, address) {
            (Entry::All, _) => true,
            (Entry::Name(name), None) => is_in_domain(host, name),
            (Entry::Block(block, bits), Some(address)) => begin_alike(*block, address, *bits),
            (Entry::Name(_), Some(_)) | (Entry::Block(..), None) => false,
        })
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        let (address, bits) = match entry.split_once('/') {
            // `parse` alone would accept a sign.
            Some((_, bits)) if bits.starts_with('+') => return None,
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (entry, None),
        };
        // curl wants IPv6 addresses without brackets. With brackets they can mean nothing else.
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        match (bare.parse::<IpAddr>(), bits) {
            (Ok(address), bits) => {
                let len = if address.is_ipv4() { 32 } else { 128 };
                let bits = bits.unwrap_or(len);
                (bits <= len).then_some(Self::Block(address, bits))
            }
            (Err(_), Some(_)) => None,
            (Err(_), None) => {
                let name = entry.strip_prefix('.').unwrap_or(entry);
                let name = name.strip_suffix('.').unwrap_or(name);
                (!name.is_empty()).then(|| Self::Name(name.into()))
            }
        }
    }
}

/// Whether `host` is `name`, or ends with it behind a dot.
fn is_in_domain(host: &str, name: &str) -> bool {
    let Some((before, end)) = host.len().checked_sub(name.len()).and_then(|at| host.split_at_checked(at))
    else {
        return false;
    };
    end.eq_ignore_ascii_case(name) && (before.is_empty() || before.ends_with('.'))
}

/// Whether the first `bits` bits of two addresses of one family are the same.
fn begin_alike(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => u128::from(one.to_bits() ^ other.to_bits()) << 96,
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() ^ other.to_bits(),
        _ => return false,
    };
    differing.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_a_proxy_are_those_that_curl_leaves_out() {
        let rows: [(&str, &[&str], &[&str]); 22] = [
            ("", &[], &["example.com", "", "127.0.0.1"]),
            ("*", &["example.com", "127.0.0.1", "::1"], &[]),
            ("a,*", &["example.com"], &[]),
            // The rows of curl's manual for CURLOPT_NOPROXY.
            ("ample.com", &["ample.com", "www.ample.com"], &["www.example.com", "ample.com.org"]),
            ("example.com,::1,localhost", &["example.com", "::1", "localhost"], &["::2", "127.0.0.1"]),
            ("192.168.0.0/16", &["192.168.0.0", "192.168.255.1"], &["192.169.0.0", "192.168.0.1.com"]),
            (".example.com", &["example.com", "a.b.example.com"], &["nonexample.com", "com"]),
            ("EXAMPLE.com", &["example.com", "WWW.example.COM", "example.com."], &["example.com.."]),
            ("example.com.", &["example.com", "www.example.com."], &["example"]),
            (" a.com  b.com,\tc.com,,", &["a.com", "b.com", "c.com"], &["", "com"]),
            ("*.example.com", &[], &["example.com", "www.example.com"]),
            ("example.com:80", &[], &["example.com"]),
            ("..", &[], &["example.com", "", "."]),
            ("10.0.0.1", &["10.0.0.1", "10.0.0.1."], &["10.0.0.10", "110.0.0.1", "10.0.0.1.com"]),
            ("0.0.1", &["0.0.1"], &["10.0.0.1"]),
            ("10.0.0.0/9", &["10.127.255.255"], &["10.128.0.0", "::ffff:10.0.0.0", "a00::"]),
            ("10.0.0.7/32,10.0.0.9/31", &["10.0.0.7", "10.0.0.8"], &["10.0.0.6", "10.0.0.10"]),
            ("0.0.0.0/0", &["1.2.3.4"], &["::1", "example.com"]),
            ("10.0.0.0/33,10.0.0.0/x,10.0.0.0/,10.0.0.0/-1,10.0.0.0/+8,/8,a/8", &[], &["10.0.0.0", "a"]),
            ("2001:db8::/33", &["2001:db8::1", "2001:DB8:7fff::"], &["2001:db8:8000::", "2001:db9::"]),
            ("[::1],[fd00::]/8", &["::1", "fdff::"], &["fc00::"]),
            ("::/0", &["::1", "ff::"], &["127.0.0.1"]),
        ];
        for (list, without, with) in rows {
            let bypass = Bypass::parse(list);
            for host in without {
                assert!(bypass.has(host), "{list:?} has {host:?}");
            }
            for host in with {
                assert!(!bypass.has(host), "{list:?} has not {host:?}");
            }
        }
    }
}
