//! A socket with an address of this end, before it is connected.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// A socket at the address `local`, to be connected to `remote`.
pub(crate) fn bound(local: IpAddr, remote: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    Ok(socket)
}
