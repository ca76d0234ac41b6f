//! What subscribers of the `tracing` crate are told, in the blocking shell and in tokio's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "an unexpected value ends the test")]

mod connections;
#[cfg(feature = "hyper")]
mod http;
mod openings;
mod peer;
mod reconnecting;
mod recorder;
mod secrets;
#[path = "../throwaway/servers.rs"]
mod servers;
mod spans;

/// Runs a future to its end, on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A stream of tokio.
fn to_tokio(stream: std::net::TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}
