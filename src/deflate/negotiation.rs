//! Offers and responses in the opening handshake (RFC 7692 sections 5.1 and 7.1).

use alloc::borrow::Cow;
use alloc::string::String;

use super::{Deflate, Negotiated};

/// A parameter of an extension, and its value.
type Param<'a> = (&'a str, Option<Cow<'a, str>>);

pub(crate) const NAME: &str = "permessage-deflate";

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What a client offers: one element of `Sec-WebSocket-Extensions`.
pub(crate) fn offer(settings: &Deflate) -> String {
    let mut offer = String::from(NAME);
    if settings.offers_name_only {
        return offer;
    }
    if !settings.peer_takeover {
        flag(&mut offer, SERVER_NO_CONTEXT_TAKEOVER);
    }
    if !settings.takeover {
        // "By including this extension parameter in an extension negotiation offer, a client informs the peer server of a hint"
        // (section 7.1.1.2).
        flag(&mut offer, CLIENT_NO_CONTEXT_TAKEOVER);
    }
    if settings.peer_bits() < 15 {
        bits(&mut offer, SERVER_MAX_WINDOW_BITS, settings.peer_bits());
    }
    // Without a value: "an indication that the client can receive this parameter" (section 7.1.2.2).
    match settings.own_bits() {
        15 => flag(&mut offer, CLIENT_MAX_WINDOW_BITS),
        own => bits(&mut offer, CLIENT_MAX_WINDOW_BITS, own),
    }
    offer
}

/// The answer of a server with these `settings` to an offer: what is agreed on, and the element of the response. `None`
/// declines: "A server MUST decline an extension negotiation offer" that is not right (section 7). It does not fail the
/// connection.
pub(crate) fn accept(offer: &[Param<'_>], settings: &Deflate) -> Option<(Negotiated, String)> {
    let offer = Params::of(offer)?;
    let mut agreed = Negotiated::NO_PARAMS;
    let mut response = String::from(NAME);
    if offer.server_no_context_takeover || !settings.takeover {
        agreed.server_no_context_takeover = true;
        flag(&mut response, SERVER_NO_CONTEXT_TAKEOVER);
    }
    // A hint that the client makes no use of takeover (section 7.1.1.2). Agreed on, it saves a stream here.
    if offer.client_no_context_takeover || !settings.peer_takeover {
        agreed.client_no_context_takeover = true;
        flag(&mut response, CLIENT_NO_CONTEXT_TAKEOVER);
    }
    match offer.server_max_window_bits {
        None => {}
        Some(Bits::Absent | Bits::Value(..=8)) => return None,
        Some(Bits::Value(most)) => {
            agreed.server_max_window_bits = most.min(settings.own_bits());
            bits(&mut response, SERVER_MAX_WINDOW_BITS, agreed.server_max_window_bits);
        }
    }
    // "If a received extension negotiation offer doesn't have the 'client_max_window_bits' extension parameter, the
    // corresponding extension negotiation response … MUST NOT include" it (section 7.1.2.2).
    if let Some(hint) = offer.client_max_window_bits {
        let hint = if let Bits::Value(hint) = hint { hint } else { 15 };
        let most = settings.peer_bits().min(hint);
        if most < 15 {
            agreed.client_max_window_bits = most;
            bits(&mut response, CLIENT_MAX_WINDOW_BITS, most);
        }
    }
    Some((agreed, response))
}

/// What a client that offered `settings` has agreed on by this response. `None` for a parameter that is unknown, repeated,
/// malformed or was not offered: "the client MUST _Fail the WebSocket Connection_" (section 7).
pub(crate) fn agreed(response: &[Param<'_>], settings: &Deflate) -> Option<Negotiated> {
    let response = Params::of(response)?;
    let server_max_window_bits = match response.server_max_window_bits {
        None => 15,
        Some(Bits::Value(bits)) => bits,
        Some(Bits::Absent) => return None,
    };
    let client_max_window_bits = match response.client_max_window_bits {
        None => 15,
        Some(Bits::Value(bits)) if !settings.offers_name_only => bits,
        Some(_) => return None,
    };
    // A server that ignores what the client asked for would send what this end cannot inflate.
    let ignores_request = !settings.offers_name_only
        && (server_max_window_bits > settings.peer_bits()
            || (!settings.peer_takeover && !response.server_no_context_takeover));
    (!ignores_request).then_some(Negotiated {
        server_no_context_takeover: response.server_no_context_takeover,
        client_no_context_takeover: response.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
    })
}

impl Deflate {
    /// The window that this end compresses with at most.
    pub(crate) fn own_bits(&self) -> u8 {
        self.window_bits.clamp(9, 15)
    }

    fn peer_bits(&self) -> u8 {
        self.peer_window_bits.clamp(8, 15)
    }
}

/// The parameters of an offer or a response.
#[derive(Default)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Bits>,
    client_max_window_bits: Option<Bits>,
}

#[derive(Clone, Copy)]
enum Bits {
    /// The parameter has no value.
    Absent,
    Value(u8),
}

impl Params {
    /// `None` for parameters that are unknown, given twice, or have an invalid value.
    fn of(given: &[Param<'_>]) -> Option<Self> {
        let mut params = Self::default();
        for (name, value) in given {
            let is_new = match *name {
                SERVER_NO_CONTEXT_TAKEOVER => set_flag(&mut params.server_no_context_takeover, value)?,
                CLIENT_NO_CONTEXT_TAKEOVER => set_flag(&mut params.client_no_context_takeover, value)?,
                SERVER_MAX_WINDOW_BITS => params.server_max_window_bits.replace(Bits::of(value)?).is_none(),
                CLIENT_MAX_WINDOW_BITS => params.client_max_window_bits.replace(Bits::of(value)?).is_none(),
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(params)
    }
}

fn set_flag(flag: &mut bool, value: &Option<Cow<'_, str>>) -> Option<bool> {
    value.is_none().then(|| !core::mem::replace(flag, true))
}

impl Bits {
    /// "A decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2).
    fn of(value: &Option<Cow<'_, str>>) -> Option<Self> {
        let Some(value) = value else { return Some(Self::Absent) };
        let bits = (8..=15).find(|bits| alloc::format!("{bits}") == **value)?;
        Some(Self::Value(bits))
    }
}

fn flag(to: &mut String, name: &str) {
    to.push_str("; ");
    to.push_str(name);
}

fn bits(to: &mut String, name: &str, bits: u8) {
    flag(to, name);
    to.push_str(&alloc::format!("={bits}"));
}
