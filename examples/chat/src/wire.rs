//! The messages: JSON in text messages. The texts that people write are base64 in it, from one page to the others: the
//! server only looks whether it is base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::Prepared;
use serde::{Deserialize, Serialize};

use crate::id::Id;

/// The author of what the server itself says; nobody else can have that name.
const SYSTEM: &str = "system";

/// The longest name, in characters.
const MAX_NAME: usize = 40;

/// What a page sends.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Incoming {
    /// A text for the room.
    #[serde(rename_all = "PascalCase")]
    Chat {
        /// The text, in base64.
        message: String,
        /// The author, used while the connection has no name. Not cleaned yet.
        author: Option<String>,
    },
    /// A new name for the user of this connection.
    #[serde(rename_all = "PascalCase")]
    Name {
        /// The new name. Not cleaned yet.
        user: String,
    },
}

/// What the server sends.
#[derive(Serialize)]
#[serde(tag = "Type")]
enum Outgoing<'a> {
    #[serde(rename_all = "PascalCase")]
    Status {
        message: String,
        #[serde(rename = "WSID")]
        id: String,
    },
    #[serde(rename_all = "PascalCase")]
    Chat { author: &'a str, message: &'a str, sent: String },
    #[serde(rename = "userlist", rename_all = "PascalCase")]
    UserList { users: Vec<User<'a>> },
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct User<'a> {
    user: &'a str,
}

impl Incoming {
    /// `None` for what is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let incoming = serde_json::from_str(text).ok()?;
        match &incoming {
            Self::Chat { message, .. } if STANDARD.decode(message).is_err() => None,
            _ => Some(incoming),
        }
    }
}

/// The first message on a connection.
pub fn status(greeting: &str, id: Id) -> Prepared {
    encode(&Outgoing::Status { message: STANDARD.encode(greeting), id: id.to_string() })
}

/// A chat message, sent now; `message` is base64 already.
pub fn chat(author: &str, message: &str) -> Prepared {
    let sent = jiff::Timestamp::now().strftime("%F %T").to_string();
    encode(&Outgoing::Chat { author, message, sent })
}

/// A message by the server itself.
pub fn system(text: &str) -> Prepared {
    chat(SYSTEM, &STANDARD.encode(text))
}

/// The list of the users in a room.
pub fn user_list<'a>(names: impl Iterator<Item = &'a str>) -> Prepared {
    encode(&Outgoing::UserList { users: names.map(|user| User { user }).collect() })
}

/// Every member of a room gets the same bytes, so they are encoded once.
fn encode(outgoing: &Outgoing<'_>) -> Prepared {
    serde_json::to_string(outgoing).expect("strings and a list of strings have a form in JSON").into()
}

/// A name as it will be shown: without control characters and spaces around it, and not too long. `None` if nothing is
/// left of it, or it is the server's.
pub fn clean_name(raw: &str) -> Option<String> {
    let printable: String = raw.chars().filter(|char| !char.is_control()).collect();
    let name: String = printable.trim().chars().take(MAX_NAME).collect();
    let name = name.trim_end();
    (!name.is_empty() && name.to_lowercase() != SYSTEM).then(|| name.to_owned())
}
