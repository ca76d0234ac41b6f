//! A connection to the first address of a host that answers.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::dial::{Attempt, Attempts};
use crate::timestamp::Timestamp;

/// Connects to the first of the addresses that answers. `connect` begins an attempt, `sleep` waits.
pub(crate) async fn reach<C, S, T>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> C,
    sleep: impl Fn(Duration) -> S,
) -> io::Result<T>
where
    C: Future<Output = io::Result<T>>,
    S: Future,
{
    let origin = Instant::now();
    let mut attempts = Attempts::new(addresses);
    let mut running: Vec<Pin<Box<C>>> = Vec::new();
    let mut timer: Option<(Timestamp, Pin<Box<S>>)> = None;
    poll_fn(|cx| {
        loop {
            for at in (0..running.len()).rev() {
                match running.get_mut(at).map(|attempt| attempt.as_mut().poll(cx)) {
                    Some(Poll::Ready(Ok(stream))) => return Poll::Ready(Ok(stream)),
                    Some(Poll::Ready(Err(error))) => {
                        drop(running.remove(at));
                        attempts.fail(error);
                    }
                    Some(Poll::Pending) | None => {}
                }
            }
            match attempts.next(origin.elapsed()) {
                Attempt::Start(address) => running.push(Box::pin(connect(address))),
                Attempt::Failed => return Poll::Ready(Err(attempts.failure())),
                Attempt::Wait(None) => return Poll::Pending,
                Attempt::Wait(Some(time)) => {
                    if timer.as_ref().is_none_or(|(set, _)| *set != time) {
                        timer = Some((time, Box::pin(sleep(time.duration_since(origin.elapsed())))));
                    }
                    if let Some((_, sleep)) = &mut timer {
                        if sleep.as_mut().poll(cx).is_pending() {
                            return Poll::Pending;
                        }
                        timer = None;
                    }
                }
            }
        }
    })
    .await
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn second_address_is_tried_while_the_first_is_silent_and_when_it_fails() {
        let addresses: [SocketAddr; 2] = ["[::1]:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()];
        let silent = async |address: SocketAddr| {
            if address.is_ipv6() { pending().await } else { Ok(address) }
        };
        assert_eq!(reach(addresses, silent, tokio::time::sleep).await.unwrap(), addresses[1]);
        let refused = async |address: SocketAddr| {
            if address.is_ipv6() { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address) }
        };
        assert_eq!(reach(addresses, refused, tokio::time::sleep).await.unwrap(), addresses[1]);
    }

    #[tokio::test]
    async fn last_error_is_the_reason_if_no_address_answers() {
        let refuse = async |_| Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused));
        let addresses = [SocketAddr::from(([127, 0, 0, 1], 2)); 2];
        let error = reach(addresses, refuse, tokio::time::sleep).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let error = reach([], refuse, tokio::time::sleep).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
