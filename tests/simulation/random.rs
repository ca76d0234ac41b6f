//! Everything that is left to chance in a world: one stream of numbers from one seed.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

/// SplitMix64. Clones draw from the same stream.
#[derive(Clone, Debug)]
pub(crate) struct Random(Rc<Cell<u64>>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        mix(self.0.get())
    }

    /// Each number of the range is as likely as the others.
    pub(crate) fn among(&self, range: RangeInclusive<usize>) -> usize {
        let (first, last) = range.into_inner();
        first + (self.number() % (last - first + 1) as u64) as usize
    }

    /// Each order of magnitude is as likely as the others.
    pub(crate) fn magnitude(&self, range: RangeInclusive<usize>) -> usize {
        let (first, last) = range.into_inner();
        let bits = self.among(first.max(1).ilog2() as usize..=last.max(1).ilog2() as usize);
        self.among(1 << bits..=(2 << bits) - 1).clamp(first, last)
    }

    /// A duration between the two, of any order of magnitude, in whole microseconds.
    pub(crate) fn duration(&self, range: RangeInclusive<Duration>) -> Duration {
        let (first, last) = range.into_inner();
        let micros = |duration: Duration| duration.as_micros() as usize;
        Duration::from_micros(self.magnitude(micros(first)..=micros(last)) as u64)
    }

    pub(crate) fn percent(&self, percent: usize) -> bool {
        self.among(0..=99) < percent
    }

    pub(crate) fn pick<T: Clone>(&self, choices: &[T]) -> T {
        choices[self.among(0..=choices.len() - 1)].clone()
    }
}

/// Spreads the bits of a number.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
