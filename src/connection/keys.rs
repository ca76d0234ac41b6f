//! The masking keys of a connection.

use alloc::boxed::Box;

use crate::frame::{MaskKey, MaskKeySource};

/// How frames are masked: a server does not mask, a client uses fresh keys.
pub(crate) enum Keys {
    Unmasked,
    #[cfg(feature = "std")]
    Thread,
    Custom(Box<dyn MaskKeySource + Send + Sync>),
}

impl Keys {
    #[inline]
    pub(super) fn mask(&self) -> bool {
        !matches!(self, Self::Unmasked)
    }

    /// "A masking key … MUST be chosen afresh for each frame" (section 5.3).
    #[inline]
    pub(super) fn next(&mut self) -> Option<MaskKey> {
        match self {
            Self::Unmasked => None,
            #[cfg(feature = "std")]
            Self::Thread => Some(MaskKey::random()),
            Self::Custom(keys) => Some(keys.next_key()),
        }
    }
}
