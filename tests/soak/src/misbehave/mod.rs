//! Clients that break the rules, each with what the server has to do then. `tests/attacks/attacks.md` lists the attacks.

pub(crate) mod endings;
pub(crate) mod faults;
pub(crate) mod floods;
pub(crate) mod openings;
pub(crate) mod tls;
