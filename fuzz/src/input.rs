//! The input of the targets that read from a wire.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sansocket::{Limits, Role};

use crate::model::reads::reads;
use crate::model::wire::{masked, unmasked};

/// A byte of flags, the lengths of four reads, which repeat, and the bytes on the wire.
#[derive(Debug, Arbitrary)]
pub struct Traffic<'a> {
    pub(crate) flags: u8,
    lens: [u8; 4],
    pub(crate) data: &'a [u8],
}

/// The data are frames in a notation of their own: first byte, length, payload. A length from 126 to 252 is followed by
/// the length beyond 126 and by the byte that fills the payload. From 253 on, the length selects one of three long ones, and
/// the byte that fills the payload follows.
const FRAMES: u8 = 0x01;
/// The limits are tight.
const TIGHT: u8 = 0x02;
/// The masking key is zero, which leaves the payload as it is.
const PLAIN: u8 = 0x04;
/// The receiver is a client, if the target is not for one role.
const CLIENT: u8 = 0x08;
/// The number of events after which the application closes, or 0.
const EVENTS: u8 = 0x30;
/// Nothing is written before the end.
const UNWRITTEN: u8 = 0x40;
/// The data may have long payloads, which are slow.
const LONG: u8 = 0x80;
/// For compressed messages: with takeover; with a window of 9 bits; as text, if the data are one message.
const TAKEOVER: u8 = 0x10;
const SMALL_WINDOW: u8 = 0x20;
const IS_TEXT: u8 = 0x40;
/// For a proxy: it is spoken to in SOCKS, with credentials.
const SOCKS: u8 = 0x01;
const LOGIN: u8 = 0x04;

impl Traffic<'_> {
    pub(crate) fn is_socks(&self) -> bool {
        self.flags & SOCKS != 0
    }

    pub(crate) fn has_login(&self) -> bool {
        self.flags & LOGIN != 0
    }

    /// The lengths of the reads.
    pub(crate) fn lens(&self) -> [u8; 4] {
        self.lens
    }

    pub(crate) fn is_tight(&self) -> bool {
        self.flags & TIGHT != 0
    }

    pub(crate) fn role(&self) -> Role {
        if self.flags & CLIENT == 0 { Role::Server } else { Role::Client }
    }

    pub(crate) fn closes_after(&self) -> usize {
        usize::from((self.flags & EVENTS) >> EVENTS.trailing_zeros())
    }

    pub(crate) fn is_unwritten(&self) -> bool {
        self.flags & UNWRITTEN != 0
    }

    pub(crate) fn limits(&self) -> Limits {
        if self.is_tight() {
            // Those of the tables in tests/protocol.
            Limits::default().max_frame_len(10).max_message_len(15).max_fragments(4)
        } else {
            Limits::default()
        }
    }

    pub(crate) fn has_frames(&self) -> bool {
        self.flags & FRAMES != 0
    }

    pub(crate) fn has_takeover(&self) -> bool {
        self.flags & TAKEOVER != 0
    }

    pub(crate) fn window_bits(&self) -> u8 {
        if self.flags & SMALL_WINDOW == 0 { 15 } else { 9 }
    }

    /// The bytes to the end of that role: frames, or the data as the payload of one compressed message.
    pub(crate) fn compressed_wire(&self, to: Role) -> Vec<u8> {
        if self.has_frames() {
            // Long payloads take the model too long.
            return Self { flags: self.flags & !LONG, ..*self }.wire(to);
        }
        let first = if self.flags & IS_TEXT == 0 { 0xC2 } else { 0xC1 };
        match to {
            Role::Server => masked(first, crate::model::wire::KEY, self.data),
            Role::Client => unmasked(first, self.data),
        }
    }

    /// The bytes to the end of that role.
    pub(crate) fn wire(&self, to: Role) -> Vec<u8> {
        if self.flags & FRAMES == 0 {
            return self.data.into();
        }
        let key = if self.flags & PLAIN == 0 { crate::model::wire::KEY } else { [0; 4] };
        let mut bytes = Vec::new();
        let mut rest = self.data;
        while let [first, len, behind @ ..] = rest {
            let payload;
            (payload, rest) = match (*len, behind) {
                (126..=252, [more, fill, behind @ ..]) => (vec![*fill; 126 + usize::from(*more)], behind),
                (253.., [fill, behind @ ..]) if self.flags & LONG != 0 => {
                    (vec![*fill; [65_535, 65_536, 150_000][usize::from(*len) - 253]], behind)
                }
                (len, _) => {
                    let (payload, behind) = behind.split_at(behind.len().min(usize::from(len)));
                    (payload.to_vec(), behind)
                }
            };
            bytes.extend(match to {
                Role::Server => masked(*first, key, &payload),
                Role::Client => unmasked(*first, &payload),
            });
        }
        bytes
    }

    /// The reads. More data is read in longer reads, for speed.
    pub(crate) fn reads<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let unit = 1 + bytes.len() / 500;
        reads(bytes, &self.lens.map(|len| usize::from(len) * unit))
    }
}
