//! The same bytes through this crate and through others. The results are equal, or the difference is in the [`table`],
//! which says whom the RFC supports.
//!
//! | file | content |
//! |---|---|
//! | `stream` | a stream in memory |
//! | `outcome` | the result of a case, in terms that fit every library |
//! | `peers`, `ours` | the libraries, each used as in its documentation |
//! | `wire`, `conversation` | valid and invalid frames; random conversations |
//! | `heads` | the heads of opening handshakes |
//! | `table` | every known difference |
//! | `offers` | offers of compression, and what servers answer |
//! | `compressed` | compressed messages, valid and faulty, through those that have compression |
//! | `document` | the same as Markdown: `docs/differential.md` |
//! | `survey` | the differences that the table does not contain |

pub mod compressed;
pub mod conversation;
pub mod document;
pub mod heads;
pub mod offers;
pub mod ours;
pub mod outcome;
pub mod peers;
pub mod stream;
pub mod survey;
pub mod table;
pub mod wire;
