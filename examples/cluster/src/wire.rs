//! What the messages have more than those of `examples/chat`. A page that does not know these fields and types ignores
//! them.
//!
//! | direction | JSON | meaning |
//! |---|---|---|
//! | window → server | `{"Message": …, "Key": KEY}` | the author's own name for this message: sent again, it is not said again |
//! | server → window | `{"Type": "Status", …, "Earlier": COUNT, "Resumed": BOOL, "Last": ID}` | the next `COUNT` chat messages are from before; whether they follow the message that the window has seen last; the ID before them |
//! | server → room | `{"Type": "Chat", …, "Id": ID, "Key": KEY}` | IDs grow; a window connects with `after=ID` to get what came since |
//! | server → window | `{"Type": "Said", "Key": KEY, "Id": ID}` | the message is said, and everybody gets it |
//! | server → window | `{"Type": "Refused", "Key": KEY, "Why": TEXT}` | the message is refused, and nobody gets it |
//! | server → window | `{"Type": "Link", "Away": TEXT or null}` | what keeps messages waiting |

use chat::wire;
use sansocket::Prepared;
use serde::{Deserialize, Serialize};

use crate::log::EntryId;

/// A message's name, by its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    const MAX_LEN: usize = 64;

    /// `None` if it is not 1 to 64 letters, digits and hyphens of ASCII.
    pub(crate) fn new(text: String) -> Option<Self> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (is_plain && (1..=Self::MAX_LEN).contains(&text.len())).then_some(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Added {
    key: Option<String>,
}

/// The key in a message of a window, if it has one. An error: it is not a key.
pub(crate) fn key(text: &str) -> Result<Option<Key>, ()> {
    let Added { key } = serde_json::from_str(text).map_err(|_| ())?;
    key.map(|key| Key::new(key).ok_or(())).transpose()
}

#[derive(Serialize)]
#[serde(tag = "Type", rename_all_fields = "PascalCase")]
enum Outgoing<'a> {
    Said { key: &'a str, id: String },
    Refused { key: &'a str, why: &'a str },
    Link { away: Option<&'a str> },
}

pub(crate) fn said(key: &Key, id: EntryId) -> Prepared {
    encode(&Outgoing::Said { key: key.as_str(), id: id.to_string() })
}

/// Without a key it is a message of the system, which every page shows.
pub(crate) fn refused(key: Option<&Key>, why: &str) -> Prepared {
    match key {
        Some(key) => encode(&Outgoing::Refused { key: key.as_str(), why }),
        None => wire::system(&format!("Your message was not sent: {why}.")),
    }
}

pub(crate) fn link(away: Option<&str>) -> Prepared {
    encode(&Outgoing::Link { away })
}

/// The first messages of a connection, as seen by a window that knows the fields.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Joining {
    pub(crate) earlier: u64,
    pub(crate) resumed: bool,
    pub(crate) last: Option<String>,
}

pub(crate) fn status(status: &Prepared, joining: &Joining) -> Prepared {
    with_fields(status.message().as_text().unwrap_or_default(), joining).into()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WithKey<'a> {
    key: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WithId {
    id: String,
}

/// A chat message with the present time, as a store keeps it: without an ID.
pub(crate) fn chat(author: &str, message: &str, key: Option<&Key>) -> String {
    let chat = wire::chat(author, message).message();
    let text = chat.as_text().unwrap_or_default();
    key.map_or_else(|| text.to_owned(), |key| with_fields(text, &WithKey { key: key.as_str() }))
}

/// A chat message of a store, for the windows.
pub(crate) fn chat_with_id(text: &str, id: EntryId) -> Prepared {
    with_fields(text, &WithId { id: id.to_string() }).into()
}

/// Puts fields in front of those of a JSON object.
fn with_fields(object: &str, fields: &impl Serialize) -> String {
    let mut text = json(fields);
    text.pop();
    text.push(',');
    text.push_str(object.strip_prefix('{').unwrap_or("}"));
    text
}

fn encode(outgoing: &Outgoing<'_>) -> Prepared {
    json(outgoing).into()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and lists of them have a form in JSON")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is how a test fails")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn fields_are_added_to_the_messages_of_the_chat() {
        let key = Key::new("k-1".into()).unwrap();
        let kept = chat("Zoë \"", "aGk=", Some(&key));
        let sent = value(chat_with_id(&kept, EntryId { time: 5, number: 6 }).message().as_text().unwrap());
        assert_eq!(
            (&sent["Id"], &sent["Key"], &sent["Author"]),
            (&json!("5-6"), &json!("k-1"), &json!("Zoë \""))
        );
        assert_eq!((&sent["Type"], sent.as_object().unwrap().len()), (&json!("Chat"), 6));
        assert_eq!(value(&chat("a", "", None)).as_object().unwrap().len(), 4);
        assert_eq!(
            value(link(Some("away")).message().as_text().unwrap()),
            json!({ "Type": "Link", "Away": "away" })
        );
        assert_eq!(
            value(said(&key, EntryId::default()).message().as_text().unwrap()),
            json!({ "Type": "Said", "Key": "k-1", "Id": "0-0" })
        );
    }

    #[test]
    fn keys_are_short_and_plain() {
        for (text, is_key) in [
            (r#"{"Key":"aZ0-9"}"#, true),
            (r#"{"Key":""}"#, false),
            (r#"{"Key":"a b"}"#, false),
            (r#"{"Key":"a\r\nDEL x"}"#, false),
            (r#"{"Key":"ü"}"#, false),
            (r#"{"Key":7}"#, false),
        ] {
            assert_eq!(matches!(key(text), Ok(Some(_))), is_key, "{text}");
        }
        assert_eq!(key("{}"), Ok(None));
        assert!(Key::new("x".repeat(65)).is_none());
    }
}
