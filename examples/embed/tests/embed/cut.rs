//! Connections that end after any byte.

use std::io::Write;

use sansocket::frame::Opcode;

use super::EMBED;
use super::example_server::Server;
use super::peer::{REQUEST, bare, frame, head, is_served, opened};
use super::usage::{descriptors, descriptors_are};

#[test]
fn request_cut_at_every_byte_leaves_no_descriptor() {
    let server = Server::start(EMBED, &[]);
    let before = descriptors(&server);
    for len in 0..=REQUEST.len() {
        bare(&server).write_all(&REQUEST[..len]).unwrap();
    }
    is_served(&server);
    descriptors_are(&server, before);
}

#[test]
fn message_cut_at_every_byte_leaves_no_descriptor() {
    let server = Server::start(EMBED, &[]);
    let before = descriptors(&server);
    let message = frame(Opcode::Text, true, &[b'x'; 126]);
    for len in 0..=message.len() {
        opened(&server).write_all(&message[..len]).unwrap();
    }
    is_served(&server);
    descriptors_are(&server, before);
}

#[test]
fn request_in_reads_of_one_byte_is_accepted() {
    let server = Server::start(EMBED, &[]);
    let mut stream = bare(&server);
    stream.set_nodelay(true).unwrap();
    REQUEST.chunks(1).for_each(|byte| stream.write_all(byte).unwrap());
    assert!(head(&mut stream).starts_with("HTTP/1.1 101 "));
}
