//! Messages that own their data.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

use crate::frame::{FrameHeader, Opcode};

/// A data message (RFC 6455 section 5.6). Cheap to clone: the data is shared.
///
/// Control frames are not messages; see [`Event`](crate::Event).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Text, valid UTF-8 as a whole.
    Text(ByteString),
    /// Bytes of any kind.
    Binary(Bytes),
}

impl Message {
    /// The data, whichever kind it is.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes()
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// How many bytes of data there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether the message is empty, which is legal.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }

    #[inline]
    pub(crate) fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data.into())
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

/// A message encoded once, to be sent to many.
///
/// A server's frame holds nothing that depends on the receiver, so its bytes are shared by all connections that
/// [`send_prepared`](crate::Connection::send_prepared) it. A client masks each frame with a key of its own (section 5.3)
/// and copies the payload.
///
/// ```
/// use sansocket::{Config, Connection, Prepared};
///
/// let news = Prepared::from("the same for everybody");
/// let mut room = [Connection::server(Config::default()), Connection::server(Config::default())];
/// for connection in &mut room {
///     connection.send_prepared(&news)?;
/// }
/// # Ok::<(), sansocket::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    message: Message,
    /// The unmasked frame.
    frame: Bytes,
}

impl Prepared {
    /// The message that was encoded.
    pub fn message(&self) -> &Message {
        &self.message
    }

    pub(crate) fn frame(&self) -> &Bytes {
        &self.frame
    }
}

impl<M: Into<Message>> From<M> for Prepared {
    /// Encodes the message; the one copy of its data that will be made.
    fn from(message: M) -> Self {
        let message = message.into();
        let data = message.bytes();
        let payload_len = data.len() as u64;
        let header =
            FrameHeader { fin: true, rsv1: false, opcode: message.opcode(), mask: None, payload_len };
        let mut start = [0; FrameHeader::MAX_LEN];
        let header_len = header.encode(&mut start);
        let mut frame = BytesMut::with_capacity(header_len + data.len());
        frame.put_slice(start.get(..header_len).unwrap_or_default());
        frame.put_slice(data);
        Self { message, frame: frame.freeze() }
    }
}
