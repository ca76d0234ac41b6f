//! What happens in a session.

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};

#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Once or more often, so that answers pile up.
    By {
        server: bool,
        action: Action,
        times: u8,
    },
    Carry {
        by_server: bool,
        len: u16,
    },
    Wait {
        seconds: u8,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Text or binary data, by one of the methods for it.
    Send {
        is_text: bool,
        way: u8,
        data: Vec<u8>,
    },
    Fragment {
        is_text: bool,
        is_last: bool,
        data: Vec<u8>,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close {
        code: u16,
        reason: String,
    },
    /// The storage of the output goes to another and comes back.
    Reclaim,
}

/// A byte for the kind, the lowest bit for the end, and then what the kind needs: seeds can be written by hand.
impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut times = 1;
        let kind = u.arbitrary::<u8>()?;
        let server = kind & 1 != 0;
        let action = match kind >> 1 & 0x0F {
            0..=2 => Action::Send { is_text: kind & 0x20 != 0, way: kind >> 6, data: data(u)? },
            3..=5 => {
                Action::Fragment { is_text: kind & 0x20 != 0, is_last: kind & 0x40 != 0, data: data(u)? }
            }
            6 => Action::Ping(data(u)?),
            7 => Action::Pong(data(u)?),
            8 => {
                let code = *u.choose(&[1000, 1001, 1005, 1011, 3000, 4999, 5000])?;
                Action::Close { code, reason: "€".repeat(usize::from(u.arbitrary::<u8>()? % 45)) }
            }
            9 => Action::Reclaim,
            13 => {
                times = u.arbitrary::<u8>()? % 64;
                Action::Ping(data(u)?)
            }
            10 => return Ok(Self::Wait { seconds: u.arbitrary::<u8>()? % 64 }),
            11 | 12 => return Ok(Self::Carry { by_server: server, len: u16::MAX }),
            _ => return Ok(Self::Carry { by_server: server, len: u.arbitrary::<u8>()?.into() }),
        };
        Ok(Self::By { server, action, times })
    }
}

/// ASCII, of one of the lengths where something changes.
fn data(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = match u.arbitrary::<u8>()? {
        len @ 0..=199 => usize::from(len),
        long => [126, 127, 128, 1000, 4095, 4096, 4097, 65_535, 65_536, 150_000][usize::from(long) % 10],
    };
    Ok((0..len).map(|i| b'a' + u8::try_from(i % 23).unwrap_or_default()).collect())
}
