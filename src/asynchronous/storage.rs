//! Memory that the connections of a thread share.

use std::cell::RefCell;

use crate::connection::{Output, Receiver, Sender, Storage};

thread_local! {
    /// The memory of connections that are idle, for connections of this thread that are not.
    static IDLE: RefCell<Vec<Storage>> = const { RefCell::new(Vec::new()) };
}

/// How many idle connections leave their memory.
const KEPT: usize = 16;

/// Gives a connection the memory that it needs to read and to write.
pub(super) fn wake_up(receiver: &mut Receiver, sender: &mut Sender) {
    if let Some(mut storage) = IDLE.with_borrow_mut(Vec::pop) {
        receiver.reuse(&mut storage);
        sender.output().reuse(&mut storage);
    }
}

/// Takes the memory of a connection where nothing is under way in either direction.
pub(super) fn fall_asleep(receiver: &mut Receiver, sender: &mut Sender) -> bool {
    if !sender.output().is_empty() {
        return false;
    }
    let mut storage = Storage::new();
    receiver.reclaim(&mut storage);
    if receiver.has_storage() {
        return false;
    }
    storage.trim(sender.config().read_len);
    sender.output().reclaim(&mut storage);
    IDLE.with_borrow_mut(|kept| {
        if kept.len() < KEPT {
            kept.push(storage);
        }
    });
    true
}

/// Gives a connection whose reader sleeps the memory that it needs to write.
pub(super) fn lend_output(output: &mut Output) {
    IDLE.with_borrow_mut(|kept| {
        if let Some(storage) = kept.last_mut() {
            output.reuse(storage);
        }
    });
}

/// Takes that memory again.
pub(super) fn take_output(output: &mut Output) {
    IDLE.with_borrow_mut(|kept| match kept.last_mut() {
        Some(storage) => output.reclaim(storage),
        None => {
            let mut storage = Storage::new();
            output.reclaim(&mut storage);
            kept.push(storage);
        }
    });
}
