//! What the clients do, and how often.

use std::pin::Pin;

use crate::misbehave::{endings, faults, floods, openings, tls};
use crate::site::{Name, Site};
use crate::visit::Visit;
use crate::{Outcome, rooms, talk};

/// The future of a visit.
pub(crate) type Doing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One kind of visit.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How many of a thousand visits are of this kind; at least one is.
    pub(crate) share: usize,
    pub(crate) begins: Begins,
    at: At,
    pub(crate) visit: fn(Visit) -> Doing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// In the first seconds of a round: it takes a minute.
    First,
    /// At any time but the last seconds.
    Later,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    All,
    Echo,
    Chat,
    /// Where compression is agreed on.
    Deflate,
    /// Where messages may be megabytes, and come back.
    Tls,
}

impl Kind {
    /// Whether such clients go to this server.
    pub(crate) fn goes_to(&self, site: &Site) -> bool {
        match self.at {
            At::All => true,
            At::Echo => !site.is_chat(),
            At::Chat => site.is_chat(),
            At::Deflate => site.deflates,
            At::Tls => site.name == Name::EchoTls,
        }
    }

    /// How many there are among so many visits.
    pub(crate) fn count(&self, visits: usize) -> usize {
        (self.share * visits / 1000).max(1)
    }
}

macro_rules! kinds {
    ($($name:literal, $share:literal, $begins:ident, $at:ident, $visit:expr;)*) => {
        [$(Kind {
            name: $name,
            share: $share,
            begins: Begins::$begins,
            at: At::$at,
            visit: |visit| Box::pin($visit(visit)),
        }),*]
    };
}

/// A kind of visit that ends with a fault.
macro_rules! fault {
    ($fault:ident) => {
        |visit| faults::fails(visit, faults::$fault)
    };
}

#[rustfmt::skip]
pub(crate) static ALL: [Kind; 55] = kinds! {
    "talks, closes",                        350, Later, Echo, talk::talk;
    "idle for the round, then talks",       200, First, Echo, talk::idle;
    "company in a room",                     60, Later, Chat, rooms::company;
    "listens in a room for the round",      200, First, Chat, rooms::idle;

    "vanishes with messages on the way",     30, Later, Echo, talk::vanish;
    "end or reset without a Close frame",    40, Later, All, endings::no_close;
    "Close frame, stream stays open",        10, Later, All, endings::stays;
    "Close frame, more behind it",           10, Later, All, endings::behind_close;
    "fault, then talks on",                   5, Later, All, endings::talks_on;
    "half-open: Pings not answered",         20, First, All, endings::half_open;

    "nothing is sent",                       20, Later, All, openings::silent;
    "head byte by byte",                     20, Later, All, openings::slow_loris;
    "head slow, but in time",                10, Later, All, openings::slow;
    "head half, then end or reset",          20, Later, All, openings::half;
    "head, then reset",                      20, Later, All, openings::gone;
    "head of garbage",                       10, Later, All, openings::garbage;
    "head too long",                         10, Later, All, openings::long_head;
    "request that is refused",               20, Later, All, openings::refused;

    "frame not masked",                      10, Later, All, fault!(UNMASKED);
    "RSV1 without compression",               5, Later, All, fault!(RSV1);
    "RSV2",                                   5, Later, All, fault!(RSV2);
    "unknown opcode",                         5, Later, All, fault!(OPCODE);
    "Ping of 126 bytes",                      5, Later, All, fault!(LONG_PING);
    "Ping in fragments",                      5, Later, All, fault!(PARTIAL_PING);
    "length not in its shortest form",        5, Later, All, fault!(NOT_MINIMAL);
    "length with the top bit",                5, Later, All, fault!(TOP_BIT);
    "length of 8 EiB",                       10, Later, All, fault!(EIGHT_EIB);
    "length above the limit",                10, Later, All, fault!(TOO_LONG);
    "fragments above the limit",              2, Later, All, fault!(SUM_TOO_LONG);
    "continuation of nothing",                5, Later, All, fault!(NOTHING_TO_CONTINUE);
    "message inside a message",               5, Later, All, fault!(INTERLEAVED);
    "text not UTF-8",                        10, Later, All, fault!(BAD_UTF8);
    "text cut inside a character",            5, Later, All, fault!(CUT_UTF8);
    "text not UTF-8, frame without end",      5, Later, All, fault!(EARLY_UTF8);
    "close code that must not be sent",       5, Later, All, fault!(CLOSE_CODE);
    "close code of one byte",                 5, Later, All, fault!(CLOSE_BYTE);
    "close reason not UTF-8",                 5, Later, All, fault!(CLOSE_UTF8);
    "fragments without end",                  2, Later, All, faults::endless;
    "compression bomb",                       5, Later, Deflate, faults::bomb;
    "not DEFLATE",                            5, Later, Deflate, faults::not_deflate;
    "DEFLATE cut short",                      5, Later, Deflate, faults::cut_deflate;

    "frames byte by byte",                   10, Later, Echo, floods::dribble;
    "flood of Pings",                         5, Later, All, floods::pings;
    "flood of Pongs",                         5, Later, All, floods::pongs;
    "never reads",                            5, First, Echo, floods::never_reads;
    "reads slowly",                           5, Later, Echo, floods::reads_slowly;

    "no TLS, or no ClientHello",             10, Later, Tls, tls::garbage;
    "TLS: half a ClientHello",               10, Later, Tls, tls::half_hello;
    "TLS: bad record",                       10, Later, Tls, tls::bad_record;
    "TLS: begins again",                     10, Later, Tls, tls::renegotiation;
    "TLS: cut inside a record",              10, Later, Tls, tls::cut_record;

    "member that sleeps",                     1, First, Chat, rooms::sleeper;
    "says what is no message",               10, Later, Chat, rooms::says_nonsense;
    "sends binary data",                     10, Later, Chat, rooms::sends_binary;
    "says too much",                         10, Later, Chat, rooms::floods;
};
