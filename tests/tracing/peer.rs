//! The other end: bytes on a socket, by a thread without a subscriber.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use sansocket::frame::{FrameHeader, MaskKey, Opcode};
use sansocket::handshake::client::Request;
use sansocket::{Config, Role, blocking};

/// What the peer does after it has sent its bytes. Each ends with the stream of the tested end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// Reads, and sends nothing more.
    Listen,
    /// Ends its direction of the stream, and reads on.
    End,
    /// Waits for data and resets the connection.
    Reset,
    /// Reads nothing until it is told to leave.
    Ignore,
}

/// Both ends of a TCP connection.
pub(crate) fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, peer)
}

/// A peer that plays its part.
pub(crate) struct Peer {
    done: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Peer {
    /// A peer that opens a connection with a tested end of this role, if it has one, then sends the bytes.
    pub(crate) fn play(mut peer: TcpStream, opens: Option<Role>, bytes: Vec<u8>, then: Then) -> Self {
        let (done, is_done) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            peer = match opens {
                Some(Role::Server) => {
                    let request = Request::new("ws://host/chat?token=s3cret").unwrap();
                    blocking::connect_over(peer, &request, Config::default()).unwrap().0.into_parts().0
                }
                Some(Role::Client) => blocking::accept(peer).unwrap().into_parts().0,
                None => peer,
            };
            peer.write_all(&bytes).unwrap();
            match then {
                Then::Listen => {}
                Then::End => peer.shutdown(Shutdown::Write).unwrap(),
                Then::Reset => {
                    peer.peek(&mut [0]).unwrap();
                    return;
                }
                Then::Ignore => {
                    is_done.recv().unwrap_err();
                    return;
                }
            }
            while peer.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        });
        Self { done, thread }
    }

    /// The tested end is gone.
    pub(crate) fn leave(self) {
        drop(self.done);
        self.thread.join().unwrap();
    }
}

/// A frame for an end of this role.
pub(crate) fn frame(to: Role, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mask = (to == Role::Server).then_some(MaskKey([0; 4]));
    let mut header = [0; FrameHeader::MAX_LEN];
    let len = FrameHeader::new(opcode, payload.len() as u64).mask(mask).encode(&mut header);
    [header.get(..len).unwrap(), payload].concat()
}
