//! A second implementation of the receiving side, written from the RFCs alone. It is slow and simple, and has all of the
//! input at once. The tests compare the crate with it, for the same bytes in any reads.
//!
//! It shares no code with the crate, only the names of the errors. If bytes break several rules, the model lists them all,
//! and the crate must name one of them. The property tests and the fuzz targets include it.
//!
//! | file | what |
//! |---|---|
//! | `wire`, `event`, `reads` | frames to bytes; events as owned data; bytes cut into reads |
//! | `receiver`, `answers` | the events that bytes make; an endpoint's automatic answers |
//! | `inflate`, `blocks` | DEFLATE, as it is read and as it is written |
//! | `agreed` | connections that have agreed on compression |
//! | `paths` | each way to receive with the crate, compared with `receiver` and `answers` |
//! | `mix` | random mixes of the ways to receive, compared with them, too |
//! | `head`, `request`, `response`, `extensions` | HTTP/1.1 heads, and the rules of sections 4.2.1, 4.1 and 9.1 |
//! | `opening` | the crate's two handshakes, compared with those |
//! | `tunnel` | the crate's tunnels through proxies, compared with `response` and a model of SOCKS |

#[cfg(feature = "deflate")]
pub(crate) mod agreed;
pub(crate) mod answers;
#[cfg(feature = "deflate")]
pub(crate) mod blocks;
pub(crate) mod event;
pub(crate) mod extensions;
pub(crate) mod head;
pub(crate) mod inflate;
pub(crate) mod mix;
pub(crate) mod opening;
pub(crate) mod paths;
pub(crate) mod reads;
pub(crate) mod receiver;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod tunnel;
pub(crate) mod wire;
