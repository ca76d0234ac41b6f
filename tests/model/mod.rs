//! A second implementation of the receiving side, written from the RFCs alone: slow, naive, with all of the input before
//! it at once. What the crate makes of the same bytes, in whatever parts they come, is held against it.
//!
//! It shares with the crate the names of the errors, and no code. Where bytes break several rules it lists them all, and
//! the crate must name one of them. The property tests and the fuzz targets include it.
//!
//! | file | what |
//! |---|---|
//! | `wire`, `event`, `reads` | frames to bytes; what has arrived, as owned data; bytes cut into reads |
//! | `receiver`, `answers` | what bytes come to; what an endpoint says to that by itself |
//! | `paths` | every way to take what arrives from the crate, held against `receiver` and `answers` |
//! | `head`, `request`, `response`, `extensions` | HTTP/1.1 heads, and the rules of sections 4.2.1, 4.1 and 9.1 |
//! | `opening` | the crate's two handshakes, held against those |

pub(crate) mod answers;
pub(crate) mod event;
pub(crate) mod extensions;
pub(crate) mod head;
pub(crate) mod opening;
pub(crate) mod paths;
pub(crate) mod reads;
pub(crate) mod receiver;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod wire;
