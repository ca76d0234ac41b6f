//! The messages: JSON in text messages. What people write is base64 inside the JSON. The server checks the base64 and
//! passes it on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::Prepared;
use serde::{Deserialize, Serialize};

use crate::names::{Refusal, SYSTEM};

/// What a page sends.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Incoming {
    /// A message for the room.
    #[serde(rename_all = "PascalCase")]
    Chat {
        /// The text, in base64.
        message: String,
        /// The author, used if the connection has no name. Not cleaned yet.
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
    UserList {
        users: Vec<User<'a>>,
        #[serde(flatten)]
        refused: Option<RefusedName<'a>>,
    },
}

/// For the one user whose name was refused. Pages that do not know these fields ignore them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RefusedName<'a> {
    /// The name that the user has.
    name: &'a str,
    /// Why it is not the one that the user wanted.
    refused: Refusal,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct User<'a> {
    user: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RoomList<'a> {
    rooms: Vec<Room<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Room<'a> {
    room: &'a str,
    users: usize,
}

impl Incoming {
    /// Parses a message of a page. `None` if it is not in the format.
    pub fn parse(text: &str) -> Option<Self> {
        let incoming = serde_json::from_str(text).ok()?;
        match &incoming {
            Self::Chat { message, .. } if STANDARD.decode(message).is_err() => None,
            _ => Some(incoming),
        }
    }
}

/// The first message on a connection.
pub fn status(greeting: &str, id: impl ToString) -> Prepared {
    encode(&Outgoing::Status { message: STANDARD.encode(greeting), id: id.to_string() })
}

/// A chat message with the present time. `message` is base64.
pub fn chat(author: &str, message: &str) -> Prepared {
    let sent = jiff::Timestamp::now().strftime("%F %T").to_string();
    encode(&Outgoing::Chat { author, message, sent })
}

/// A message of the server itself.
pub fn system(text: &str) -> Prepared {
    chat(SYSTEM, &STANDARD.encode(text))
}

/// The list of the users in a room.
pub fn user_list<'a>(names: impl Iterator<Item = &'a str>) -> Prepared {
    encode(&Outgoing::UserList { users: names.map(|user| User { user }).collect(), refused: None })
}

/// The list of the users, for the one whose new name is refused and who has the name `name`.
pub fn refused_name<'a>(names: impl Iterator<Item = &'a str>, name: &str, refused: Refusal) -> Prepared {
    let refused = Some(RefusedName { name, refused });
    encode(&Outgoing::UserList { users: names.map(|user| User { user }).collect(), refused })
}

/// The list of rooms, each with its number of members. It is sent over HTTP.
pub fn room_list(rooms: &[(String, usize)]) -> String {
    let rooms = rooms.iter().map(|(room, users)| Room { room, users: *users }).collect();
    to_json(&RoomList { rooms })
}

/// All members of a room get the same bytes, so a message is encoded once.
fn encode(outgoing: &Outgoing<'_>) -> Prepared {
    to_json(outgoing).into()
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and lists of them have a form in JSON")
}
