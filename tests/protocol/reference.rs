//! A receiver written from the RFC alone: slow, naive, with all of the input before it at once.

use sansocket::{ProtocolError, Role};

use crate::common::{Got, KEY, Outcome};

/// What a peer may expect to come of its bytes.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) events: Vec<Got>,
    /// The rules that the frame at fault breaks: a receiver names one of them.
    pub(crate) broken: Vec<ProtocolError>,
    /// Not all of that frame's header has arrived, so that the receiver may not have seen it yet.
    pub(crate) undecided: bool,
}

impl Verdict {
    pub(crate) fn agrees_with(&self, outcome: &Outcome) -> bool {
        let error = match outcome.error {
            Some(error) => self.broken.contains(&error),
            None => self.broken.is_empty() || self.undecided,
        };
        error && outcome.events == self.events
    }
}

struct Header {
    fin: bool,
    opcode: u8,
    is_masked: bool,
    len: u64,
    /// How many bytes of length and key there are besides the first two.
    rest: usize,
}

/// What `bytes`, sent to `role`, come to.
pub(crate) fn judge(role: Role, bytes: &[u8]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut message: Option<(bool, Vec<u8>)> = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (header, mut broken) = judge_header(role, message.is_some(), rest);
        let Some(header) = header else {
            verdict.undecided = true;
            verdict.broken = broken;
            return verdict;
        };
        let payload = &rest[2 + header.rest..];
        let arrived = payload.len().min(usize::try_from(header.len).unwrap_or(usize::MAX));
        let is_whole = arrived as u64 == header.len;
        let mut payload = payload[..arrived].to_vec();
        if header.is_masked {
            let key = &rest[2 + header.rest - 4..];
            payload.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= key[i % 4]);
        }
        rest = &rest[2 + header.rest + arrived..];

        if header.opcode < 8 {
            let (is_text, data) = message.get_or_insert((header.opcode == 1, Vec::new()));
            data.extend(payload);
            if broken.is_empty() && *is_text && !may_be_text(data, header.fin && is_whole) {
                broken.push(ProtocolError::InvalidUtf8);
            }
        } else if is_whole && broken.is_empty() {
            match judge_control(header.opcode, payload) {
                Ok(event) => verdict.events.push(event),
                Err(error) => broken.push(error),
            }
        }
        if !broken.is_empty() {
            verdict.broken = broken;
            return verdict;
        }
        if header.opcode == 8 && is_whole {
            return verdict;
        }
        if header.opcode < 8 && header.fin && is_whole {
            verdict.events.push(match message.take().unwrap() {
                (true, data) => Got::Text(String::from_utf8(data).unwrap()),
                (false, data) => Got::Binary(data),
            });
        }
    }
    verdict
}

/// The header, if it is all there, and the rules that what is there breaks.
fn judge_header(role: Role, in_message: bool, bytes: &[u8]) -> (Option<Header>, Vec<ProtocolError>) {
    use ProtocolError::*;
    let opcode = bytes[0] & 0x0F;
    let fin = bytes[0] & 0x80 != 0;
    let mut rules = vec![
        (bytes[0] & 0x70 != 0, ReservedBits),
        (matches!(opcode, 3..=7 | 11..=15), UnknownOpcode),
        (opcode >= 8 && !fin, FragmentedControl),
        (opcode == 0 && !in_message, NothingToContinue),
        (matches!(opcode, 1 | 2) && in_message, InterleavedMessage),
    ];
    let mut header = None;
    if let Some(second) = bytes.get(1) {
        let is_masked = second & 0x80 != 0;
        let short = u64::from(second & 0x7F);
        rules.push((opcode >= 8 && short > 125, OversizedControl));
        rules.push((role == Role::Server && !is_masked, NotMasked));
        rules.push((role == Role::Client && is_masked, Masked));
        let width = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if let Some(digits) = bytes.get(2..2 + width) {
            let long = digits.iter().fold(0, |len, digit| len << 8 | u64::from(*digit));
            let len = if width == 0 { short } else { long };
            rules.push((width == 2 && len < 126 || width == 8 && len < 65_536, NonMinimalLength));
            rules.push((len >> 63 != 0, LengthOverflow));
            // The limits of a default configuration.
            rules.push((opcode < 8 && len > 16 << 20, FrameTooLong));
            let rest = width + if is_masked { KEY.len() } else { 0 };
            header = (bytes.len() >= 2 + rest).then_some(Header { fin, opcode, is_masked, len, rest });
        }
    }
    (header, rules.into_iter().filter(|(broken, _)| *broken).map(|(_, rule)| rule).collect())
}

/// Whether a text may begin so, or be so where it is all there.
fn may_be_text(data: &[u8], is_whole: bool) -> bool {
    core::str::from_utf8(data).map_or_else(|error| !is_whole && error.error_len().is_none(), |_| true)
}

fn judge_control(opcode: u8, payload: Vec<u8>) -> Result<Got, ProtocolError> {
    match (opcode, &payload[..]) {
        (9, _) => Ok(Got::Ping(payload)),
        (10, _) => Ok(Got::Pong(payload)),
        (_, []) => Ok(Got::Close(None)),
        (_, [_]) => Err(ProtocolError::TruncatedCloseCode),
        (_, [high, low, reason @ ..]) => {
            let code = u16::from(*high) << 8 | u16::from(*low);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(ProtocolError::InvalidCloseCode);
            }
            let reason = core::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
            Ok(Got::Close(Some((code, reason.into()))))
        }
    }
}
