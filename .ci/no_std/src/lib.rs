//! Links the crate without `std`. A panic handler can be defined once in a program: if any dependency brought `std`
//! along, the one here would be a "duplicate lang item" and this would not compile.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr::null_mut;

use sansocket::frame::{MaskKey, MaskKeys};
use sansocket::{Buffer, Config, Connection};

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

impl MaskKeys for NoKeys {
    fn next_key(&mut self) -> MaskKey {
        MaskKey::default()
    }
}

/// Whatever a device would do with both roles.
pub fn use_both_roles(bytes: &[u8]) -> bool {
    let mut input = Buffer::new();
    input.extend_from_slice(bytes);
    let mut client = Connection::client(Config::default(), NoKeys);
    let mut server = Connection::server(Config::default());
    client.next_event(&mut input).is_ok() && server.next_event(&mut input).is_ok()
}
