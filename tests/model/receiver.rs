//! The events and the error that bytes give at their receiver: sections 5 to 8, and RFC 7692 section 6.

use sansocket::{Limits, ProtocolError, Role};

use super::event::Got;
use super::inflate::{Stop, Window, inflate};

/// What the bytes of a peer lead to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) events: Vec<Got>,
    /// The part of the message under way that has arrived: whether it is text, and its data.
    pub(crate) unfinished: Option<(bool, Vec<u8>)>,
    /// The rules that the frame at fault breaks. A receiver names one of them.
    pub(crate) broken: Vec<ProtocolError>,
    /// Whether part of that frame's header has not arrived. Then the receiver may not have seen the fault yet.
    pub(crate) undecided: bool,
    /// Whether the last frame is a compressed one whose rest may be waited for once. Its faults and its data may come one read
    /// later than they could.
    pub(crate) may_wait: bool,
    /// How far compressed messages refer back, in bytes.
    pub(crate) farthest: usize,
}

impl Verdict {
    pub(crate) fn allows(&self, error: Option<ProtocolError>) -> bool {
        match error {
            Some(error) => self.broken.contains(&error),
            None => self.broken.is_empty() || self.undecided || self.may_wait,
        }
    }

    /// Whether the errors of the same bytes in different reads agree. One may lack the error that comes a read later.
    #[allow(dead_code, reason = "only compressed frames are waited for")]
    pub(crate) fn agree(&self, one: Option<ProtocolError>, other: Option<ProtocolError>) -> bool {
        one == other || self.may_wait && (one.is_none() || other.is_none())
    }

    /// Whether the last event is a Close frame.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.events.last(), Some(Got::Close(_)))
    }

    /// The events that are messages.
    pub(crate) fn messages(&self) -> Vec<Got> {
        let is_message = |event: &&Got| matches!(event, Got::Text(_) | Got::Binary(_));
        self.events.iter().filter(is_message).cloned().collect()
    }
}

/// The payload lengths of compressed frames that are waited for once. The header also counts, so it may be a little less.
const WAITED_FOR: core::ops::RangeInclusive<u64> = 4 << 10..=34 << 10;

/// A header that has arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload_len: u64,
    /// The length of the header in bytes.
    pub(crate) len: usize,
}

impl Header {
    fn fin(&self) -> bool {
        self.first & 0x80 != 0
    }

    fn opcode(&self) -> u8 {
        self.first & 0x0F
    }
}

/// The message under way, and the number of its frames so far.
struct Message {
    is_text: bool,
    /// Compressed, as it came.
    compressed: Option<Vec<u8>>,
    data: Vec<u8>,
    fragments: u32,
}

/// What was agreed on about the messages of the peer, if they can be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    pub(crate) takeover: bool,
    pub(crate) window_bits: u8,
}

/// What `bytes` lead to at the end with this role.
pub(crate) fn judge(role: Role, limits: &Limits, bytes: &[u8]) -> Verdict {
    judge_agreed(role, limits, None, bytes)
}

/// [`judge`] after an opening handshake that agreed on compression.
pub(crate) fn judge_agreed(
    role: Role,
    limits: &Limits,
    compression: Option<Compression>,
    bytes: &[u8],
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut window = Window::default();
    let mut message: Option<Message> = None;
    let mut rest = bytes;
    while !rest.is_empty() && verdict.broken.is_empty() && !verdict.is_closed() {
        let (header, mut broken) = judge_header(rest);
        broken.extend(judge_place(role, message.is_some(), compression.is_some(), rest));
        let Some(header) = header else {
            (verdict.undecided, verdict.broken) = (true, broken);
            break;
        };
        if header.opcode() < 8 {
            let is_compressed = match &message {
                Some(message) => message.compressed.is_some(),
                None => header.first & 0x40 != 0,
            };
            // What the limit counts is seen when it is inflated.
            let limits = if is_compressed { limits.max_message_len(u64::MAX) } else { *limits };
            broken.extend(judge_size(&limits, message.as_ref(), header.payload_len));
        }
        let behind = &rest[header.len..];
        let arrived = behind.len().min(usize::try_from(header.payload_len).unwrap_or(usize::MAX));
        let is_whole = arrived as u64 == header.payload_len;
        let mut payload = behind[..arrived].to_vec();
        if let Some(key) = header.key {
            payload.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= key[i % 4]);
        }
        rest = &behind[arrived..];
        if !broken.is_empty() {
            verdict.broken = broken;
        } else if header.opcode() >= 8 {
            if is_whole {
                match judge_control(header.opcode(), &payload) {
                    Ok(event) => verdict.events.push(event),
                    Err(error) => verdict.broken.push(error),
                }
            }
        } else {
            let ends = header.fin() && is_whole;
            let is_waited_for = WAITED_FOR.contains(&header.payload_len);
            verdict.may_wait = header.first & 0xC0 == 0xC0 && !is_whole && is_waited_for;
            let is_text = header.opcode() == 1;
            let compressed = (header.first & 0x40 != 0).then(Vec::new);
            let part = message.get_or_insert(Message { is_text, compressed, data: Vec::new(), fragments: 0 });
            part.fragments += 1;
            let fault = match (&mut part.compressed, compression) {
                (Some(compressed), Some(agreed)) => {
                    compressed.extend(payload);
                    let compressed = compressed.clone();
                    let farthest = &mut verdict.farthest;
                    judge_compressed(part, &compressed, &mut window, agreed, limits, ends, farthest)
                }
                _ => {
                    part.data.extend(payload);
                    (part.is_text && !may_be_text(&part.data, ends)).then_some(ProtocolError::InvalidUtf8)
                }
            };
            if let Some(fault) = fault {
                verdict.broken.push(fault);
            } else if ends {
                verdict.events.extend(message.take().map(|Message { is_text, data, .. }| match is_text {
                    true => Got::Text(String::from_utf8(data).unwrap()),
                    false => Got::Binary(data),
                }));
            }
        }
    }
    verdict.unfinished = message.map(|message| (message.is_text, message.data));
    verdict
}

/// Inflates what has come of a message. Gives the first fault in it: text that is not UTF-8, too much data, or data that is not
/// DEFLATE.
fn judge_compressed(
    message: &mut Message,
    compressed: &[u8],
    window: &mut Window,
    agreed: Compression,
    limits: &Limits,
    ends: bool,
    farthest: &mut usize,
) -> Option<ProtocolError> {
    let limit = limits.max_message_len;
    let inflated = inflate(window, compressed, agreed.window_bits, limit);
    *farthest = inflated.window.farthest.max(*farthest);
    message.data = inflated.data().to_vec();
    if message.is_text && !may_be_text(&message.data, false) {
        return Some(ProtocolError::InvalidUtf8);
    }
    match inflated.stop {
        Stop::Full => {
            return Some(ProtocolError::MessageTooLong { len: limit.saturating_add(1), limit });
        }
        Stop::Broken => return Some(ProtocolError::InvalidDeflate),
        // Peers send no byte at all for an empty message.
        Stop::Unfinished if ends && !compressed.is_empty() => return Some(ProtocolError::InvalidDeflate),
        Stop::Unfinished | Stop::AtTail => {}
    }
    if !ends {
        return None;
    }
    if message.is_text && !may_be_text(&message.data, true) {
        return Some(ProtocolError::InvalidUtf8);
    }
    if !agreed.takeover {
        *window = Window::default();
    } else if !compressed.is_empty() {
        // The tail, which has been left away, may end a block with BFINAL.
        let whole = [compressed, &[0, 0, 0xFF, 0xFF]].concat();
        let inflated = inflate(window, &whole, agreed.window_bits, limit);
        if inflated.stop == Stop::Broken {
            return Some(ProtocolError::InvalidDeflate);
        }
        *window = inflated.window;
    }
    None
}

/// The header if it has arrived whole, and the rules of sections 5.2 and 5.5 that these bytes break.
pub(crate) fn judge_header(bytes: &[u8]) -> (Option<Header>, Vec<ProtocolError>) {
    use ProtocolError::*;
    let Some(&first) = bytes.first() else { return (None, vec![]) };
    let opcode = first & 0x0F;
    let mut rules = vec![
        (first & 0x30 != 0, ReservedBits),
        (matches!(opcode, 3..=7 | 11..=15), UnknownOpcode),
        (opcode >= 8 && first & 0x80 == 0, FragmentedControl),
    ];
    let mut header = None;
    if let Some(second) = bytes.get(1) {
        let short = u64::from(second & 0x7F);
        rules.push((opcode >= 8 && short > 125, OversizedControl));
        let width = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if let Some(digits) = bytes.get(2..2 + width) {
            let long = digits.iter().fold(0, |len, digit| len << 8 | u64::from(*digit));
            let payload_len = if width == 0 { short } else { long };
            rules.push((width == 2 && long < 126 || width == 8 && long < 65_536, NonMinimalLength));
            rules.push((payload_len >> 63 != 0, LengthOverflow));
            header = match (second & 0x80 != 0, bytes.get(2 + width..6 + width)) {
                (false, _) => Some(Header { first, key: None, payload_len, len: 2 + width }),
                (true, Some(key)) => {
                    let key = Some(key.try_into().unwrap());
                    Some(Header { first, key, payload_len, len: 6 + width })
                }
                (true, None) => None,
            };
        }
    }
    (header, rules.into_iter().filter(|(broken, _)| *broken).map(|(_, rule)| rule).collect())
}

/// The rules that depend on the receiver and on earlier frames: sections 5.1, 5.2 and 5.4, and RFC 7692 section 6.1.
fn judge_place(role: Role, in_message: bool, may_be_compressed: bool, bytes: &[u8]) -> Vec<ProtocolError> {
    use ProtocolError::*;
    let (first, second) = (bytes[0], bytes.get(1));
    let is_masked = second.map(|second| second & 0x80 != 0);
    let rules = [
        (first & 0x40 != 0 && !(may_be_compressed && matches!(first & 0x0F, 1 | 2)), ReservedBits),
        (first & 0x0F == 0 && !in_message, NothingToContinue),
        (matches!(first & 0x0F, 1 | 2) && in_message, InterleavedMessage),
        (role == Role::Server && is_masked == Some(false), NotMasked),
        (role == Role::Client && is_masked == Some(true), Masked),
    ];
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, rule)| rule).collect()
}

/// Section 10.4.
fn judge_size(limits: &Limits, message: Option<&Message>, payload_len: u64) -> Vec<ProtocolError> {
    use ProtocolError::*;
    let (before, fragments) =
        message.map_or((0, 0), |message| (message.data.len() as u64, message.fragments));
    let len = before.saturating_add(payload_len);
    let rules = [
        (payload_len > limits.max_frame_len, FrameTooLong { len: payload_len, limit: limits.max_frame_len }),
        (len > limits.max_message_len, MessageTooLong { len, limit: limits.max_message_len }),
        (fragments >= limits.max_fragments, TooManyFragments { limit: limits.max_fragments }),
    ];
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, rule)| rule).collect()
}

/// Whether this is text, or the beginning of a text if it is not whole.
fn may_be_text(data: &[u8], is_whole: bool) -> bool {
    core::str::from_utf8(data).map_or_else(|error| !is_whole && error.error_len().is_none(), |_| true)
}

fn judge_control(opcode: u8, payload: &[u8]) -> Result<Got, ProtocolError> {
    match opcode {
        8 => judge_close(payload).map(Got::Close),
        9 => Ok(Got::Ping(payload.into())),
        _ => Ok(Got::Pong(payload.into())),
    }
}

/// The payload of a Close frame: sections 5.5.1 and 7.4.
pub(crate) fn judge_close(payload: &[u8]) -> Result<Option<(u16, String)>, ProtocolError> {
    match payload {
        [] => Ok(None),
        [_] => Err(ProtocolError::TruncatedCloseCode),
        [high, low, reason @ ..] => {
            let code = u16::from(*high) << 8 | u16::from(*low);
            if !may_be_sent(code) {
                return Err(ProtocolError::InvalidCloseCode);
            }
            let reason = core::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
            Ok(Some((code, reason.into())))
        }
    }
}

/// Section 7.4 and the registry of close codes.
pub(crate) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
