//! Messages that own their data, and everything that can be sent.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use alloc::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

#[cfg(feature = "deflate")]
use {crate::deflate::Compressor, alloc::boxed::Box, std::sync::OnceLock};

use crate::frame::{FrameHeader, Opcode};

/// A data message (RFC 6455 section 5.6). A clone shares the data.
///
/// Control frames are no messages; see [`Event`](crate::Event).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Text: valid UTF-8.
    Text(ByteString),
    /// Bytes of any kind.
    Binary(Bytes),
}

impl Message {
    /// The data of either type.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes()
    }

    /// The text of a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The data of either type, without a copy.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// The length of the data in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether the message has no data. Such messages are legal.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }

    #[inline]
    fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
        }
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// `From` for each type that becomes text, and each that becomes binary data.
macro_rules! message_from {
    ($($from:ty => $variant:ident($value:ident) $into:expr;)*) => {$(
        impl From<$from> for Message {
            fn from($value: $from) -> Self {
                Self::$variant($into)
            }
        }
    )*};
}

message_from! {
    &str => Text(text) text.into();
    &String => Text(text) text.as_str().into();
    String => Text(text) text.into();
    ByteString => Text(text) text;
    Cow<'_, str> => Text(text) text.into_owned().into();
    &[u8] => Binary(data) Bytes::copy_from_slice(data);
    Vec<u8> => Binary(data) data.into();
    Bytes => Binary(data) data;
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(data: &[u8; N]) -> Self {
        Self::from(&data[..])
    }
}

impl From<Message> for Bytes {
    fn from(message: Message) -> Self {
        message.into_bytes()
    }
}

/// A message encoded once, to be sent to many. It holds the data once, in the frame, and a clone shares it.
///
/// A server's frame is the same for every client, so all connections that send it share its bytes. A client masks each
/// frame with a key of its own (section 5.3) and copies the payload.
///
/// ```
/// use sansocket::{Config, Connection, Prepared};
///
/// let news = Prepared::from("the same for everybody");
/// let mut room = [Connection::server(Config::default()), Connection::server(Config::default())];
/// for connection in &mut room {
///     connection.send(&news)?;
/// }
/// # Ok::<(), sansocket::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Forms>);

/// A message in all forms in which it is sent.
#[derive(Debug)]
struct Forms {
    opcode: Opcode,
    plain: Encoded,
    /// The compressed forms, once there is one.
    #[cfg(feature = "deflate")]
    deflated: OnceLock<Box<deflated::ByWindow>>,
}

/// A frame that is not masked.
#[derive(Debug)]
pub(crate) struct Encoded {
    header_len: usize,
    frame: Bytes,
}

impl Encoded {
    fn new(header: FrameHeader, payload: &[u8]) -> Self {
        let mut start = [0; FrameHeader::MAX_LEN];
        let header_len = header.encode(&mut start);
        let mut frame = BytesMut::with_capacity(header_len + payload.len());
        frame.put_slice(start.get(..header_len).unwrap_or_default());
        frame.put_slice(payload);
        Self { header_len, frame: frame.freeze() }
    }

    pub(crate) fn frame(&self) -> &Bytes {
        &self.frame
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.frame.get(self.header_len..).unwrap_or_default()
    }
}

impl Prepared {
    /// The message that was encoded. It shares its data with the frame. Text is validated again.
    pub fn message(&self) -> Message {
        let Encoded { header_len, frame } = &self.0.plain;
        let data = frame.slice(header_len..);
        if self.0.opcode == Opcode::Text {
            if let Ok(text) = ByteString::try_from(data.clone()) {
                return Message::Text(text);
            }
        }
        Message::Binary(data)
    }

    /// The length of the frame: that of the data, and up to 10 bytes of header. It is allocated to this length.
    pub fn frame_len(&self) -> usize {
        self.0.plain.frame.len()
    }

    pub(crate) fn plain(&self) -> &Encoded {
        &self.0.plain
    }

    /// The compressed form that connections with this compressor and without takeover share.
    #[cfg(feature = "deflate")]
    pub(crate) fn deflated(&self, compressor: Compressor) -> &Encoded {
        self.0.deflated.get_or_init(Box::default).get(compressor, self.0.opcode, self.0.plain.payload())
    }
}

impl<M: Into<Message>> From<M> for Prepared {
    /// Encodes the message. This copies its data once.
    fn from(message: M) -> Self {
        let message = message.into();
        let (data, opcode) = (message.as_bytes(), message.opcode());
        Self(Arc::new(Forms {
            opcode,
            plain: Encoded::new(FrameHeader::new(opcode, data.len() as u64), data),
            #[cfg(feature = "deflate")]
            deflated: OnceLock::new(),
        }))
    }
}

/// What [`send`](crate::Connection::send) takes: a message, or a fragment of one.
///
/// | from | sent as |
/// |---|---|
/// | `&str`, `&String` | a text message, copied |
/// | `&[u8]`, `&[u8; N]`, `&Vec<u8>` | a binary message, copied |
/// | `&ByteString`, `&Bytes`, [`&Message`](Message) | a message; a server sends 4 KiB and more without a copy |
/// | [`&Prepared`](Prepared) | a message that was encoded before; a server sends 4 KiB and more without a copy |
/// | [`Chunk`](crate::Chunk) | a fragment, as it was received |
/// | [`text_fragment`](Self::text_fragment), [`binary_fragment`](Self::binary_fragment) | a fragment, copied |
///
/// ```
/// use sansocket::{Config, Connection, Message, Outgoing};
///
/// let mut connection = Connection::server(Config::default());
/// connection.send("text")?;
/// connection.send(b"binary")?;
/// connection.send(&Message::from("text"))?;
/// connection.send(Outgoing::text_fragment("Hel", false))?; // more follows
/// connection.send(Outgoing::text_fragment("lo", true))?; // the last fragment
/// # Ok::<(), sansocket::SendError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) payload: Payload<'a>,
    pub(crate) part: Part,
    #[cfg(feature = "deflate")]
    pub(crate) compress: Compress,
}

/// Whether a message is compressed, on a connection that has agreed on it.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compress {
    /// If it is as long as [`Deflate::min_len`](crate::Deflate::min_len).
    #[default]
    ByLength,
    /// Never: for data that does not get smaller, such as images, and for data with secrets.
    Never,
    /// However short it is.
    Always,
}

/// Where the payload is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Borrowed(&'a [u8]),
    Shared(&'a Bytes),
    Prepared(&'a Prepared),
}

impl<'a> Payload<'a> {
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Borrowed(data) => data,
            Self::Shared(data) => data,
            Self::Prepared(prepared) => prepared.plain().payload(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    WholeMessage,
    Fragment { fin: bool },
}

impl<'a> Outgoing<'a> {
    /// The next fragment of a text message (section 5.4). The first fragment begins the message, the one with `fin` ends
    /// it. Each fragment is whole characters. Control frames may be sent between fragments, other messages may not.
    pub fn text_fragment(text: &'a str, fin: bool) -> Self {
        Self { part: Part::Fragment { fin }, ..Self::from(text) }
    }

    /// The next fragment of a binary message, as for [`text_fragment`](Self::text_fragment).
    pub fn binary_fragment(data: &'a [u8], fin: bool) -> Self {
        Self { part: Part::Fragment { fin }, ..Self::from(data) }
    }

    #[inline]
    fn whole(opcode: Opcode, payload: Payload<'a>) -> Self {
        Self {
            opcode,
            payload,
            part: Part::WholeMessage,
            #[cfg(feature = "deflate")]
            compress: Compress::ByLength,
        }
    }

    /// Whether this message is compressed, if client and server have agreed on it. For a fragmented message the first fragment
    /// counts.
    ///
    /// ```
    /// # use sansocket::{Config, Connection};
    /// # let mut connection = Connection::server(Config::default());
    /// use sansocket::{Compress, Outgoing};
    ///
    /// connection.send(Outgoing::from("secret").compress(Compress::Never))?;
    /// # Ok::<(), sansocket::SendError>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn compress(mut self, compress: Compress) -> Self {
        self.compress = compress;
        self
    }

    /// Whether this is a whole message without a choice about compression.
    #[inline]
    pub(crate) fn is_plain_message(&self) -> bool {
        #[cfg(feature = "deflate")]
        if self.compress != Compress::ByLength {
            return false;
        }
        self.part == Part::WholeMessage
    }

    #[inline]
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.payload.bytes()
    }
}

impl<'a> From<&'a str> for Outgoing<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self::whole(Opcode::Text, Payload::Borrowed(text.as_bytes()))
    }
}

impl<'a> From<&'a [u8]> for Outgoing<'a> {
    #[inline]
    fn from(data: &'a [u8]) -> Self {
        Self::whole(Opcode::Binary, Payload::Borrowed(data))
    }
}

impl<'a> From<&'a String> for Outgoing<'a> {
    fn from(text: &'a String) -> Self {
        Self::from(text.as_str())
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Outgoing<'a> {
    fn from(data: &'a [u8; N]) -> Self {
        Self::from(&data[..])
    }
}

impl<'a> From<&'a Vec<u8>> for Outgoing<'a> {
    fn from(data: &'a Vec<u8>) -> Self {
        Self::from(data.as_slice())
    }
}

impl<'a> From<&'a ByteString> for Outgoing<'a> {
    fn from(text: &'a ByteString) -> Self {
        Self::whole(Opcode::Text, Payload::Shared(text.as_bytes()))
    }
}

impl<'a> From<&'a Bytes> for Outgoing<'a> {
    fn from(data: &'a Bytes) -> Self {
        Self::whole(Opcode::Binary, Payload::Shared(data))
    }
}

impl<'a> From<&'a Message> for Outgoing<'a> {
    #[inline]
    fn from(message: &'a Message) -> Self {
        Self::whole(message.opcode(), Payload::Shared(message.bytes()))
    }
}

impl<'a> From<&'a Prepared> for Outgoing<'a> {
    fn from(prepared: &'a Prepared) -> Self {
        Self::whole(prepared.0.opcode, Payload::Prepared(prepared))
    }
}

/// The compressed forms of a prepared message.
#[cfg(feature = "deflate")]
mod deflated {
    use std::sync::OnceLock;

    use super::{Compressor, Encoded, FrameHeader, Opcode};
    use crate::deflate::pool;

    /// The shortest window of a compressor.
    const LEAST_BITS: u8 = 9;

    /// The windows of a compressor, 9 to 15 bits.
    const WINDOWS: usize = 7;

    /// One for each window. It is made by the first connection that sends it, with that one's level.
    #[derive(Debug, Default)]
    pub(crate) struct ByWindow([OnceLock<Encoded>; WINDOWS]);

    impl ByWindow {
        pub(super) fn get(&self, compressor: Compressor, opcode: Opcode, payload: &[u8]) -> &Encoded {
            self.form(compressor.window_bits()).get_or_init(|| {
                pool::with_memory(|memory| {
                    let mut deflater = pool::deflater(compressor);
                    deflater.deflate(payload, true, memory);
                    pool::keep_deflater(deflater);
                    let header = FrameHeader::new(opcode, memory.len() as u64).rsv1(true);
                    Encoded::new(header, memory.as_slice())
                })
            })
        }

        fn form(&self, window_bits: u8) -> &OnceLock<Encoded> {
            let [.., longest] = &self.0;
            self.0.get(usize::from(window_bits.saturating_sub(LEAST_BITS))).unwrap_or(longest)
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn prepared_messages_hold_their_data_once() {
        let text = Prepared::from("grüß dich");
        assert_eq!(text.message(), Message::from("grüß dich"));
        assert_eq!((text.frame_len(), text.plain().frame().len()), (13, 13));
        assert_eq!(text.message().as_bytes().as_ptr(), text.plain().payload().as_ptr());
        let binary = Prepared::from(b"\xff\xfe");
        assert_eq!(binary.message(), Message::from(b"\xff\xfe"));
        assert_eq!(Prepared::from(b"a").message(), Message::from(b"a"), "ASCII, but no text");
        assert_eq!(Prepared::from("").message(), Message::from(""));
        let long = Prepared::from(vec![0; 70_000]);
        assert_eq!((long.frame_len(), long.message().len()), (70_010, 70_000));
    }

    #[test]
    fn messages_are_made_of_every_owned_and_borrowed_type() {
        let text = Message::Text("a".into());
        let texts =
            ["a".into(), (&String::from("a")).into(), String::from("a").into(), Cow::from("a").into()];
        assert!(texts.iter().chain([&ByteString::from("a").into()]).all(|made: &Message| *made == text));
        let binary = Message::Binary(Bytes::from_static(b"a"));
        let binaries =
            [b"a".into(), (&b"a"[..]).into(), b"a".to_vec().into(), Bytes::from_static(b"a").into()];
        assert!(binaries.iter().all(|made: &Message| *made == binary));
        assert_eq!(Bytes::from(text), binary.into_bytes());
    }
}
