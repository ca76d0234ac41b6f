//! User names and passwords in URLs (RFC 3986 section 3.2.1), and as basic authentication (RFC 7617).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

pub(super) const NOT_ENCODED: &str = "a character that must be percent-encoded";

/// A user name and a password, percent-decoded. Either may be empty.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Vec<u8>,
    pub(super) password: Vec<u8>,
}

impl Credentials {
    /// Parses `user [ ":" password ]`. No user and no password are no credentials.
    pub(super) fn parse(userinfo: &str) -> Result<Option<Self>, &'static str> {
        if !is_encoded(userinfo) || userinfo.contains('@') {
            return Err(NOT_ENCODED);
        }
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let credentials = Self { user: percent_decode(user)?, password: percent_decode(password)? };
        Ok((!userinfo.is_empty() && userinfo != ":").then_some(credentials))
    }

    /// "A user-id containing a colon character is invalid" (RFC 7617 section 2).
    pub(super) fn check_basic(&self) -> Result<(), &'static str> {
        if self.user.contains(&b':') { Err("a colon in the user name") } else { Ok(()) }
    }

    /// The value of `Authorization` or `Proxy-Authorization`. The colon is there without a password, too.
    pub(super) fn to_basic(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode([&self.user[..], b":", &self.password].concat()))
    }
}

/// They must not get into a log.
impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Credentials")
    }
}

/// Whether this ASCII text has no character that must be percent-encoded in front of a host (RFC 3986 appendix A). URL parsers
/// disagree on such characters: for some, a `\` ends the host.
fn is_encoded(text: &str) -> bool {
    !text.bytes().any(|byte| b"\"<>[\\]^`{|}".contains(&byte))
}

fn percent_decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                value.ok_or("a % that encodes nothing")?
            }
            byte => byte,
        });
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_decoded_and_not_shown_by_debug() {
        // User and password with a line between them.
        let rows: [(&str, Result<&str, &str>); 13] = [
            ("", Ok("none")),
            (":", Ok("none")),
            ("user:p%40ss", Ok("user|p@ss")),
            ("token", Ok("token|")),
            ("user:", Ok("user|")),
            (":word", Ok("|word")),
            ("a:b:c", Ok("a|b:c")),
            ("%00%ff%0A", Ok(r"\x00\xff\n|")),
            ("us%er", Err("a % that encodes nothing")),
            ("user%4", Err("a % that encodes nothing")),
            ("user%+1", Err("a % that encodes nothing")),
            ("{user}", Err(NOT_ENCODED)),
            ("evil@user", Err(NOT_ENCODED)),
        ];
        for (userinfo, expected) in rows {
            let parsed = Credentials::parse(userinfo);
            assert!(parsed.iter().flatten().all(|known| format!("{known:?}") == "Credentials"), "{userinfo}");
            let text = |Credentials { user, password }: &Credentials| {
                format!("{}|{}", user.escape_ascii(), password.escape_ascii())
            };
            let parsed = parsed.map(|parsed| parsed.as_ref().map_or("none".into(), text));
            assert_eq!(parsed.as_deref().map_err(|error| *error), expected, "{userinfo}");
        }
    }

    // The example of RFC 7617 section 2.
    #[test]
    fn section_2_basic_authentication_has_no_colon_in_the_user_name() {
        let rows = [
            ("Aladdin:open%20sesame", Ok("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("Aladdin", Ok("Basic QWxhZGRpbjo=")),
            ("Alad%3Adin:x", Err("a colon in the user name")),
        ];
        for (userinfo, expected) in rows {
            let credentials = Credentials::parse(userinfo).unwrap().unwrap();
            let basic = credentials.check_basic().map(|()| credentials.to_basic());
            assert_eq!(basic.as_deref().map_err(|error| *error), expected, "{userinfo}");
        }
    }
}
