//! One listener for each thread, all on one address: the kernel gives each new connection to one of them (`SO_REUSEPORT`).

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};

/// How many connections may wait to be accepted, for each listener.
const BACKLOG: i32 = 1024;

/// Listeners that do not block, and their address: one, or more on Linux. With port 0 all have the port that the first one got.
pub(crate) fn bind(address: impl ToSocketAddrs, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut result = Err(ErrorKind::AddrNotAvailable.into());
    for address in address.to_socket_addrs()? {
        result = bind_to(address, count);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn bind_to(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let first = bind_one(address, count > 1)?;
    let address = first.local_addr()?;
    let mut all = vec![first];
    while all.len() < count {
        all.push(bind_one(address, true)?);
    }
    Ok((address, all))
}

fn bind_one(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this option would let other programs take the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if shared {
        share_port(&socket)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(target_os = "linux")]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Other systems do not have the option, or do not spread connections over the listeners.
#[cfg(not(target_os = "linux"))]
fn share_port(_: &Socket) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "more than one thread needs Linux"))
}

/// Runs each server in a thread of its own. One alone stays in this thread. Returns when the first thread ends or panics:
/// nobody would notice that a server has a thread less.
pub(crate) fn run<T, R>(mut servers: Vec<T>, run: R) -> io::Result<()>
where
    T: Send + 'static,
    R: Fn(T) -> io::Result<()> + Send + Sync + 'static,
{
    if servers.len() == 1 {
        return servers.pop().map_or(Ok(()), run);
    }
    let run = Arc::new(run);
    let (sender, ends) = mpsc::channel();
    for server in servers {
        let (run, sender) = (Arc::clone(&run), sender.clone());
        thread::Builder::new().spawn(move || {
            let end = catch_unwind(AssertUnwindSafe(|| run(server)));
            sender.send(end.unwrap_or_else(|_| Err(io::Error::other("a thread has panicked"))))
        })?;
    }
    ends.recv().map_err(io::Error::other)?
}
