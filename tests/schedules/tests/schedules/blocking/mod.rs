//! `blocking::split`: one reader and several writers, each in a thread of its own.

mod deadlines;
mod peer;
mod socket;

use model::shuttle::thread;
use model::{clock, explore};
use sansocket::blocking::ReuniteError;
use sansocket::{CloseCode, Message};

use self::peer::{message, open, read, write};
use crate::peer::config;
use crate::tasks::{choice, coin, seconds};

// attack: io-2
#[test]
fn every_message_of_several_threads_arrives_whole_and_once() {
    explore("blocking: three writers, one reader", 1000, || {
        clock::start();
        // Sometimes the output has room for one message only, and `feed` waits.
        let limits = config().max_output_len(if coin() { 60 } else { 1000 });
        let (reader, writer, mut peer) = open(limits, 16);
        let peer = thread::spawn(move || {
            peer.send("one");
            while peer.received.len() < 6 {
                assert!(peer.read(16));
            }
            peer.send("two");
            peer.close();
            peer.run()
        });
        let reading = read(reader);
        let writing = ["a", "b", "c"].map(|name| write(&writer, name));
        for thread in writing {
            thread.join().unwrap().0.unwrap();
        }
        let (messages, (ended, _)) = reading.join().unwrap();
        ended.unwrap();
        assert_eq!(messages, [Message::from("one"), Message::from("two")]);
        let received = peer.join().unwrap();
        for name in ["a", "b", "c"] {
            let of: Vec<_> = received.iter().filter(|text| text.starts_with(name)).collect();
            assert_eq!(of, [&message(name, 0), &message(name, 1)]);
        }
        // No thread waited for a time limit: one that can go on is told at once.
        assert_eq!(clock::now(), seconds(0));
    });
}

#[test]
fn halves_are_dropped_in_every_order_and_joined_again() {
    explore("blocking: halves dropped, reunite", 1000, || {
        clock::start();
        let (mut reader, mut writer, mut peer) = open(config(), 16);
        let peer = thread::spawn(move || {
            peer.send("one");
            peer.run()
        });
        let clones = ["a", "b"].map(|name| {
            let writer = if coin() { writer.clone() } else { reader.writer() };
            thread::spawn(move || {
                if coin() {
                    writer.send(&message(name, 0)).unwrap();
                }
            })
        });
        let mut is_joined = false;
        match choice(3) {
            0 => {
                drop(reader);
                writer.send(&message("z", 0)).unwrap();
                drop(writer);
            }
            1 => {
                drop(writer);
                assert_eq!(reader.read().unwrap(), Some(Message::from("one")));
                reader.writer().send(&message("z", 0)).unwrap();
                drop(reader);
            }
            _ => {
                let mut socket = loop {
                    match reader.reunite(writer) {
                        Ok(socket) => break socket,
                        Err(ReuniteError(of_reader, of_writer)) => (reader, writer) = (of_reader, of_writer),
                    }
                    thread::yield_now();
                };
                is_joined = true;
                socket.send(&message("z", 0)).unwrap();
                socket.close(CloseCode::NORMAL, "").unwrap();
            }
        }
        for clone in clones {
            clone.join().unwrap();
        }
        // With the last half the stream has been dropped: the peer sees its end.
        let received = peer.join().unwrap();
        assert!(received.contains(&message("z", 0)), "{received:?}");
        assert!(!is_joined || received.last() == Some(&message("z", 0)));
        assert_eq!(clock::now(), seconds(0));
    });
}
