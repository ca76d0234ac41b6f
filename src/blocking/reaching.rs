//! A TCP connection to the first address of a host that answers.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::timed::SHORTEST;
use crate::dial::{Attempt, Attempts, Connector};
use crate::sync::Instant;
use crate::timestamp::Timestamp;

/// Resolves the host and connects, all before the deadline.
pub(super) fn reach(
    host: &str,
    port: u16,
    connector: &Connector,
    deadline: Instant,
) -> io::Result<TcpStream> {
    let addresses = connector.admitted(resolve(host, port, deadline)?)?;
    let local = connector.local();
    race(addresses, deadline, move |address, left| connect(address, local, left))
}

fn connect(remote: SocketAddr, local: Option<IpAddr>, timeout: Duration) -> io::Result<TcpStream> {
    match local {
        #[cfg(feature = "local-address")]
        Some(local) => {
            let socket = crate::dial::bound(local, remote)?;
            socket.connect_timeout(&remote.into(), timeout)?;
            Ok(socket.into())
        }
        _ => TcpStream::connect_timeout(&remote, timeout),
    }
}

/// Connects to the first of the addresses that answers. An attempt has a thread, since the system can only connect
/// blocking. An attempt that comes too late ends by itself.
fn race<T: Send + 'static>(
    addresses: Vec<SocketAddr>,
    deadline: Instant,
    connect: impl Fn(SocketAddr, Duration) -> io::Result<T> + Copy + Send + 'static,
) -> io::Result<T> {
    let origin = Instant::now();
    let mut attempts = Attempts::new(addresses);
    let (ended, results) = mpsc::channel();
    loop {
        let until = match attempts.next(origin.elapsed()) {
            Attempt::Start(address) => {
                let left = deadline.saturating_duration_since(Instant::now()).max(SHORTEST);
                let ended = ended.clone();
                let attempt = move || ended.send(connect(address, left));
                if let Err(error) = thread::Builder::new().spawn(attempt) {
                    attempts.fail(error);
                }
                continue;
            }
            Attempt::Wait(time) => time.map(|time| origin + time.duration_since(Timestamp::ORIGIN)),
            Attempt::Failed => return Err(attempts.failure()),
        };
        let until = until.map_or(deadline, |time| time.min(deadline));
        match results.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => attempts.fail(error),
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (ended, result) = mpsc::channel();
    let host = host.to_owned();
    let lookup = move || ended.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect));
    thread::Builder::new().spawn(lookup)?;
    let result = result.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn host_that_answers_is_reached_by_address_and_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost"] {
            assert_eq!(
                reach(host, port, &Connector::new(), soon()).unwrap().peer_addr().unwrap().port(),
                port
            );
        }
    }

    #[test]
    fn second_address_is_tried_while_the_first_is_silent_and_when_it_fails() {
        let addresses = ["[::1]:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()];
        let silent = |address: SocketAddr, left| {
            if address.is_ipv6() {
                thread::sleep(left);
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ok(address)
        };
        assert_eq!(race(addresses.to_vec(), soon(), silent).unwrap(), addresses[1]);
        let refused = |address: SocketAddr, _| {
            if address.is_ipv6() { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address) }
        };
        assert_eq!(race(addresses.to_vec(), soon(), refused).unwrap(), addresses[1]);
    }

    #[test]
    fn last_error_is_the_reason_if_no_address_answers() {
        let refuse = |_, _| Err::<(), _>(io::ErrorKind::ConnectionRefused.into());
        let addresses = vec!["127.0.0.1:2".parse().unwrap(); 2];
        assert_eq!(race(addresses, soon(), refuse).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(race(vec![], soon(), refuse).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
