//! What happens in a world, in order: for the eyes of whoever runs one seed alone, and as one number, by which two runs are
//! compared.

use std::cell::Cell;
use std::fmt::Debug;
use std::rc::Rc;

use crate::clock::Clock;
use crate::random::mix;

#[derive(Clone)]
pub(crate) struct Record {
    clock: Clock,
    digest: Rc<Cell<u64>>,
    is_shown: bool,
}

impl Record {
    pub(crate) fn new(clock: &Clock, is_shown: bool) -> Self {
        Self { clock: clock.clone(), digest: Rc::default(), is_shown }
    }

    /// Something happened that is not worth a line.
    pub(crate) fn note(&self, what: &str, number: u64) {
        let what = what.bytes().fold(number, |hash, byte| mix(hash ^ u64::from(byte)));
        self.digest.set(mix(self.digest.get() ^ what) ^ self.clock.now().as_nanos() as u64);
    }

    /// Something happened.
    pub(crate) fn tell(&self, who: &str, what: impl FnOnce() -> String) {
        self.note(who, 0);
        if self.is_shown {
            println!("{:>18.6} s  {who}: {}", self.clock.now().as_secs_f64(), what());
        }
    }

    /// A call has ended.
    pub(crate) fn returned<T: Debug>(&self, who: &str, call: &str, result: &T) {
        self.tell(who, || {
            let mut result = format!("{result:?}");
            if result.len() > 100 {
                result = result.chars().take(100).chain(['…']).collect();
            }
            format!("{call} gave {result}")
        });
    }

    /// All that has happened as one number.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.get()
    }
}
