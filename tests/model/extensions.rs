//! `Sec-WebSocket-Extensions`: the grammar of section 9.1.

use sansocket::handshake::extensions::{self, parse};

use super::head::{is_token, trim};

/// The name of an extension, and its parameters.
pub(crate) type Extension = (String, Vec<(String, Option<String>)>);

/// `extension-list = #extension`: the RFC has at least one, but peers send a list of none.
pub(crate) fn extension_list(value: &[u8]) -> Option<Vec<Extension>> {
    let elements = split(value, b',')?;
    let elements = elements.into_iter().map(trim).filter(|element| !element.is_empty());
    elements.map(extension).collect()
}

/// What the crate makes of a value is what the model does.
pub(crate) fn check(value: &[u8]) {
    let parsed = parse(value).map(|list| list.into_iter().map(owned).collect());
    assert_eq!(parsed, extension_list(value), "{}", value.escape_ascii());
}

/// An extension as the crate has it.
pub(crate) fn owned(extension: extensions::Extension<'_>) -> Extension {
    let params = extension.params.into_iter();
    let params = params.map(|(name, value)| (name.into(), value.map(|value| value.into_owned())));
    (extension.name.into(), params.collect())
}

/// `extension = extension-token *( ";" extension-param )`.
fn extension(element: &[u8]) -> Option<Extension> {
    let parts = split(element, b';')?;
    let (name, params) = parts.split_first()?;
    Some((
        token(trim(name))?,
        params.iter().map(|param| extension_param(trim(param))).collect::<Option<_>>()?,
    ))
}

/// `extension-param = token [ "=" (token | quoted-string) ]`.
fn extension_param(param: &[u8]) -> Option<(String, Option<String>)> {
    let Some(at) = param.iter().position(|byte| *byte == b'=') else { return Some((token(param)?, None)) };
    let (name, value) = (trim(&param[..at]), trim(&param[at + 1..]));
    let value = if value.starts_with(b"\"") { unquoted(value)? } else { value.to_vec() };
    Some((token(name)?, Some(token(&value)?)))
}

fn token(bytes: &[u8]) -> Option<String> {
    is_token(bytes).then(|| String::from_utf8(bytes.into()).unwrap())
}

/// What a quoted string means.
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let (mut meant, mut rest) = (Vec::new(), value.strip_prefix(b"\"")?);
    loop {
        match rest {
            [b'"'] => return Some(meant),
            [] | [b'"', ..] | [b'\\'] => return None,
            [b'\\', byte, behind @ ..] | [byte, behind @ ..] => {
                meant.push(*byte);
                rest = behind;
            }
        }
    }
}

/// The parts between separators that stand outside of quotes, which must be closed.
fn split(value: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut parts, mut start, mut quoted, mut at) = (Vec::new(), 0, false, 0);
    while at < value.len() {
        match value[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            byte if byte == separator && !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if quoted {
        return None;
    }
    parts.push(&value[start..]);
    Some(parts)
}
