//! SOCKS 5 (RFC 1928), with user name and password (RFC 1929).
//!
//! ```text
//! greeting ──▶ Method ──"none"────────────────────▶ Reply ──0──▶ open
//!                 │                        request    ▲
//!                 └──"password"──▶ Login ──"success"──┘
//!                           login           request
//! ```

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::Server;
use crate::connection::{Inbox, Output};
use crate::error::HandshakeError;
use crate::handshake::credentials::Credentials;

const VERSION: u8 = 5;

/// The methods of section 3.
const NO_AUTHENTICATION: u8 = 0;
const USERNAME_PASSWORD: u8 = 2;
const NO_ACCEPTABLE: u8 = 0xFF;

/// The version of the negotiation, and its success (RFC 1929 section 2).
const LOGIN_VERSION: u8 = 1;
const LOGIN_SUCCESS: u8 = 0;

const CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const SUCCEEDED: u8 = 0;

/// The types of addresses (section 5).
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;

/// The client's side, behind its greeting.
pub(super) struct Socks {
    awaited: Awaited,
    /// User name and password, as they are sent.
    login: Option<Vec<u8>>,
    request: Vec<u8>,
}

/// The answer that comes next.
enum Awaited {
    Method,
    Login,
    Reply,
}

impl Socks {
    /// The greeting, and what follows it, for a connection to a host and a port that have been checked.
    pub(super) fn new(proxy: &Server, host: &str, port: u16) -> Result<(Vec<u8>, Self), HandshakeError> {
        let greeting: &[u8] = match proxy.credentials {
            None => &[VERSION, 1, NO_AUTHENTICATION],
            Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USERNAME_PASSWORD],
        };
        let mut request = [VERSION, CONNECT, RESERVED].to_vec();
        append_address(&mut request, host)?;
        request.extend(port.to_be_bytes());
        let login = proxy.credentials.as_ref().map(login).transpose().map_err(HandshakeError::BadProxy)?;
        Ok((greeting.into(), Self { awaited: Awaited::Method, login, request }))
    }

    /// Takes the next answer, and queues what follows it. True once the connection is open; the bytes behind are left.
    pub(super) fn receive(
        &mut self,
        received: &mut Inbox,
        output: &mut Output,
    ) -> Result<bool, HandshakeError> {
        received.release();
        let unread = received.unread();
        match self.awaited {
            Awaited::Method => {
                let Some(method) = second(unread, VERSION)? else { return Ok(false) };
                received.consume(2);
                match (method, self.login.take()) {
                    (NO_AUTHENTICATION, _) => self.ask(output),
                    (USERNAME_PASSWORD, Some(login)) => {
                        output.append_vec(login);
                        self.awaited = Awaited::Login;
                    }
                    (NO_ACCEPTABLE, _) => return Err(HandshakeError::SocksMethodRefused),
                    // A method that was not offered.
                    _ => return Err(HandshakeError::MalformedProxy),
                }
            }
            Awaited::Login => {
                let Some(status) = second(unread, LOGIN_VERSION)? else { return Ok(false) };
                received.consume(2);
                if status != LOGIN_SUCCESS {
                    return Err(HandshakeError::SocksCredentialsRefused);
                }
                self.ask(output);
            }
            Awaited::Reply => {
                match second(unread, VERSION)? {
                    None => return Ok(false),
                    Some(SUCCEEDED) => {}
                    // The rest says nothing more, and may never come: "the SOCKS server MUST terminate the TCP connection
                    // shortly after sending the reply" (section 6).
                    Some(code) => return Err(HandshakeError::SocksRefused(code)),
                }
                let Some(len) = reply_len(unread)?.filter(|len| *len <= unread.len()) else {
                    return Ok(false);
                };
                received.consume(len);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ask(&mut self, output: &mut Output) {
        output.append_vec(core::mem::take(&mut self.request));
        self.awaited = Awaited::Reply;
    }
}

/// The second byte of an answer, behind the version, which must be right.
fn second(unread: &[u8], version: u8) -> Result<Option<u8>, HandshakeError> {
    match unread {
        [first, ..] if *first != version => Err(HandshakeError::MalformedProxy),
        [_, second, ..] => Ok(Some(*second)),
        _ => Ok(None),
    }
}

/// The length of a reply, as soon as it is known: `VER REP RSV ATYP BND.ADDR BND.PORT` (section 6). The address is the proxy's
/// own, so it is skipped. The reserved byte has no meaning, so it is not looked at.
fn reply_len(unread: &[u8]) -> Result<Option<usize>, HandshakeError> {
    let address_len = match *unread {
        [_, _, _, IPV4, ..] => 4,
        [_, _, _, IPV6, ..] => 16,
        // "The first octet of the address field contains the number of octets of name that follow" (section 5).
        [_, _, _, DOMAIN, len, ..] => 1 + usize::from(len),
        [_, _, _, DOMAIN] | [] | [_] | [_, _] | [_, _, _] => return Ok(None),
        [_, _, _, _, ..] => return Err(HandshakeError::MalformedProxy),
    };
    Ok(Some(4 + address_len + 2))
}

fn append_address(request: &mut Vec<u8>, host: &str) -> Result<(), HandshakeError> {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        request.push(IPV4);
        request.extend(address.octets());
    } else if let Ok(address) = host.parse::<Ipv6Addr>() {
        request.push(IPV6);
        request.extend(address.octets());
    } else {
        const TOO_LONG: HandshakeError = HandshakeError::BadUrl("a host of more than 255 bytes, for SOCKS");
        request.push(DOMAIN);
        append_counted(request, host.as_bytes()).ok_or(TOO_LONG)?;
    }
    Ok(())
}

/// `VER ULEN UNAME PLEN PASSWD`; "UNAME 1 to 255, PASSWD 1 to 255" (RFC 1929 section 2). A password may be empty here, as in
/// other clients: where a token is the user name, there is none.
pub(super) fn login(credentials: &Credentials) -> Result<Vec<u8>, &'static str> {
    if credentials.user.is_empty() {
        return Err("no user name");
    }
    let mut login = [LOGIN_VERSION].to_vec();
    [&credentials.user, &credentials.password]
        .into_iter()
        .try_for_each(|part| append_counted(&mut login, part))
        .ok_or("a user name or a password of more than 255 bytes")?;
    Ok(login)
}

/// Appends `bytes` with their count in front. `None` if one byte cannot hold it.
fn append_counted(to: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    to.push(u8::try_from(bytes.len()).ok()?);
    to.extend_from_slice(bytes);
    Some(())
}
