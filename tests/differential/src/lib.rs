//! The same bytes through this crate and through others: what each makes of them is the same, or it is in the
//! [`table`], which says whom the RFC supports.
//!
//! | file | its one job |
//! |---|---|
//! | `stream` | bytes in memory, for whoever reads and writes |
//! | `outcome` | what comes of bytes, in words that fit every library |
//! | `peers`, `ours` | the libraries, each driven as its documentation does it |
//! | `wire`, `conversation` | frames, right or wrong; conversations of them |
//! | `heads` | the heads of opening handshakes |
//! | `table` | every known divergence |
//! | `document` | the same as Markdown: `docs/differential.md` |
//! | `survey` | what the table does not know |

pub mod conversation;
pub mod document;
pub mod heads;
pub mod ours;
pub mod outcome;
pub mod peers;
pub mod stream;
pub mod survey;
pub mod table;
pub mod wire;
