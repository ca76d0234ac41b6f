//! The memory of a connection between messages, and memory that connections share.

use std::sync::Arc;

use sansocket::frame::Opcode;
use sansocket::{Config, Connection, Role, Storage};

use crate::counting::{allocations, bytes_in_use};
use crate::{ROLES, connection, echo, frame};

/// Times the number of connections, this is the cost of a server's idle connections.
#[test]
#[cfg(target_pointer_width = "64")]
fn idle_connection_is_at_most_312_bytes_with_nothing_on_the_heap() {
    // A debug build adds a number of four bytes to each side, which tells connections apart.
    let most = if cfg!(debug_assertions) { 312 + 16 } else { 312 };
    // Two pointers, which are empty where compression was not agreed on.
    let most = if cfg!(feature = "deflate") { most + 16 } else { most };
    assert!(size_of::<Connection>() <= most, "{} bytes", size_of::<Connection>());
    for role in ROLES {
        let config = Arc::new(Config::default());
        let mut wire = Vec::new();
        frame(role, Opcode::Text, true, b"hello", &mut wire);
        let (_connection, most, kept) = bytes_in_use(|| {
            let mut connection = match role {
                Role::Client => Connection::client(config),
                Role::Server => Connection::server(config),
            };
            connection.receive(&wire);
            assert!(connection.next_event().unwrap().is_some());
            connection.send("hello").unwrap();
            let waiting = connection.output().len();
            connection.output().advance(waiting);
            let mut storage = Storage::new();
            connection.reclaim(&mut storage);
            connection
        });
        assert!(most > 0, "memory is counted");
        assert_eq!(kept, 0, "{role:?}");
    }
}

#[test]
fn echo_with_memory_from_shared_storage_allocates_nothing() {
    for role in ROLES {
        let mut room: Vec<_> = (0..10).map(|_| connection(role, Config::default())).collect();
        let mut storage = Storage::new();
        let mut wire = Vec::new();
        frame(role, Opcode::Text, true, &[b'x'; 1000], &mut wire);
        frame(role, Opcode::Binary, false, &[b'x'; 30_000], &mut wire);
        frame(role, Opcode::Continuation, true, &[b'x'; 3000], &mut wire);
        let mut turn = |connection: &mut Connection| {
            connection.reuse(&mut storage);
            echo(connection, &wire);
            connection.reclaim(&mut storage);
        };
        turn(&mut room[0]);
        let again = allocations(|| (0..3).for_each(|_| room.iter_mut().for_each(&mut turn)));
        assert_eq!(again, 0, "{role:?}");
    }
}

#[test]
fn connection_without_traffic_has_nothing_on_the_heap() {
    let config = Arc::new(Config::default());
    let (idle, _, kept) = bytes_in_use(|| Connection::server(config));
    assert_eq!(kept, 0);
    drop(idle);
}
