//! Links the crate without `std`. A program has one panic handler. If a dependency linked `std`, the handler here would
//! be a "duplicate lang item", and this would not compile.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::time::Duration;

use sansocket::frame::{MaskKey, MaskKeySource};
use sansocket::{Config, Connection};

#[panic_handler]
fn on_panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

struct NoMemory;

// SAFETY: no memory is ever given out.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

struct NoKeys;

impl MaskKeySource for NoKeys {
    fn next_key(&mut self) -> MaskKey {
        MaskKey::default()
    }
}

/// Receives, sends and keeps time with both roles, as a device does.
pub fn use_both_roles(bytes: &[u8]) -> bool {
    let client = Connection::client_with_keys(Config::default(), NoKeys);
    [client, Connection::server(Config::default())].iter_mut().all(|connection| {
        connection.receive(bytes);
        connection.handle_timeout(Duration::ZERO);
        connection.next_event().is_ok() && connection.send("text").is_ok()
    })
}
