//! Spans and events of `tracing`. `docs/tracing.md` lists them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use ::tracing::field::{Empty, display};
use ::tracing::subscriber::NoSubscriber;
use ::tracing::{Level, Span, event, span};

use super::text::{Escaped, Reason, Why};
use crate::connection::{CloseInfo, Sender, State};
use crate::dial::Update;
use crate::error::{Error, HandshakeError, ProtocolError};
use crate::handshake::client::Request;
use crate::handshake::server::HttpRequest;
use crate::role::Role;
use crate::timestamp::Timestamp;

/// The target of all spans and events.
pub const TARGET: &str = "sansocket";

/// The span of a connection. Empty if nobody listened when the connection began.
#[derive(Debug, Default)]
pub(crate) struct Trace(Option<Box<Traced>>);

#[derive(Debug)]
struct Traced {
    span: Span,
    /// Whether its last event has been told.
    ended: AtomicBool,
}

/// An event, in the span of a connection if one is given.
macro_rules! tell {
    ($level:ident, $name:literal $(, $field:ident = $value:expr)*) => {
        event!(name: $name, target: TARGET, Level::$level, { $($field = $value),* }, $name)
    };
    (in $span:expr, $($event:tt)*) => {
        $span.in_scope(|| tell!($($event)*))
    };
}

impl Trace {
    /// A client begins to connect. The level of the span is the most severe one: a subscriber that wants any of the events wants
    /// to know whose they are.
    pub(crate) fn client(request: &Request) -> Self {
        Self::new(span!(
            target: TARGET,
            Level::ERROR,
            "websocket",
            role = "client",
            peer = display(format_args!("{}:{}", request.host(), request.port())),
            path = display(Escaped(request.path())),
        ))
    }

    /// A server begins to wait for a request.
    pub(crate) fn server(peer: impl Fn() -> Option<SocketAddr>) -> Self {
        Self::adopted(Role::Server, peer)
    }

    /// A connection that was opened elsewhere.
    pub(crate) fn adopted(role: Role, peer: impl Fn() -> Option<SocketAddr>) -> Self {
        let role = if role == Role::Client { "client" } else { "server" };
        let peer = || peer().map(display);
        Self::new(span!(target: TARGET, Level::ERROR, "websocket", role, peer = peer(), path = Empty))
    }

    /// Nothing is kept if nobody listens: no subscriber anywhere, none in this thread, or none that wants the span. A span that
    /// `tracing` passes on to the `log` crate has no subscriber either, and is kept.
    fn new(span: Span) -> Self {
        let is_missing = span.with_subscriber(|(_, subscriber)| subscriber.is::<NoSubscriber>());
        if span.is_none() || is_missing == Some(true) {
            return Self(None);
        }
        Self(Some(Box::new(Traced { span, ended: AtomicBool::new(false) })))
    }
}

impl Trace {
    /// A TCP connection is open, to the server or to the proxy.
    pub(crate) fn reached(&self, address: impl Fn() -> io::Result<SocketAddr>) {
        if let Some(Traced { span, .. }) = self.0.as_deref() {
            tell!(in span, DEBUG, "reached", address = address().ok().map(display));
        }
    }

    /// A request has come.
    pub(crate) fn requested(&self, request: &HttpRequest) {
        if let Some(Traced { span, .. }) = self.0.as_deref() {
            span.record("path", display(Escaped(request.path())));
        }
    }

    /// The opening handshake is complete.
    pub(crate) fn opened(&self) {
        if let Some(Traced { span, .. }) = self.0.as_deref() {
            tell!(in span, DEBUG, "opened");
        }
    }

    /// An ordinary HTTP request was answered.
    pub(crate) fn responded(&self) {
        if let Some(traced) = self.0.as_deref().filter(|traced| traced.end()) {
            tell!(in traced.span, DEBUG, "responded");
        }
    }

    /// The outcome of an attempt to open a connection.
    pub(crate) fn unless_failed<T>(&self, opened: Result<T, Error>) -> Result<T, Error> {
        if let (Some(traced), Err(error)) = (self.0.as_deref(), &opened) {
            traced.fail(error);
        }
        opened
    }

    /// The server redirects. Another span follows, unless the redirect cannot be followed.
    pub(crate) fn redirected(&self, followed: Result<Request, Error>) -> Result<Request, Error> {
        if let Some(traced) = self.0.as_deref() {
            match &followed {
                Err(error) => traced.fail(error),
                Ok(_) if traced.end() => tell!(in traced.span, DEBUG, "redirected"),
                Ok(_) => {}
            }
        }
        followed
    }

    /// A deadline of the protocol has passed.
    pub(crate) fn passed(&self, passed: Option<Passed>) {
        if let (Some(Traced { span, .. }), Some(Passed(limit))) = (self.0.as_deref(), passed) {
            tell!(in span, INFO, "timed out", limit = limit);
        }
    }

    /// The peer has read nothing for the write timeout.
    pub(crate) fn write_timed_out(&self) {
        self.passed(Some(Passed("write")));
    }

    /// The connection may have ended. The first call after the end tells how.
    pub(crate) fn ended(&self, end: End) {
        if let (Some(traced), Some(end)) = (self.0.as_deref(), end.0) {
            traced.tell_end(&end, None);
        }
    }

    /// A call gives this error. The connection may have ended with it.
    pub(crate) fn failed(&self, end: End, error: &Error) {
        let Some(traced) = self.0.as_deref() else { return };
        match (end.0, error) {
            (Some(end), Error::Io(_)) => traced.tell_end(&end, Some(error)),
            (Some(end), _) => traced.tell_end(&end, None),
            // `write_timed_out` has told of it.
            (None, Error::Io(io)) if io.kind() == io::ErrorKind::TimedOut && io.raw_os_error().is_none() => {}
            (None, _) => tell!(in traced.span, INFO, "stream failed", error = display(Reason(error))),
        }
    }
}

impl Traced {
    /// Whether this is the first call.
    fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::Relaxed)
    }

    fn fail(&self, error: &Error) {
        if !self.end() {
            return;
        }
        let status = match error {
            Error::Handshake(HandshakeError::TimedOut) => {
                tell!(in self.span, INFO, "timed out", limit = "handshake");
                None
            }
            Error::Handshake(HandshakeError::Refused(refusal) | HandshakeError::ProxyRefused(refusal)) => {
                Some(refusal.status)
            }
            Error::Handshake(HandshakeError::Rejected(status)) => Some(*status),
            _ => None,
        };
        tell!(in self.span, INFO, "failed", error = display(Reason(error)), status = status);
    }

    fn tell_end(&self, (info, by): &(CloseInfo, &'static str), error: Option<&Error>) {
        if !self.end() {
            return;
        }
        let (code, sent) = (info.code.0, info.sent.map(u16::from));
        match info.fault {
            None => tell!(in self.span, DEBUG, "closed", by = *by, code = code, sent = sent),
            Some(ProtocolError::ConnectionLost) => {
                tell!(in self.span, INFO, "lost", sent = sent, error = error.map(Reason).map(display));
            }
            Some(fault) => tell!(in self.span, WARN, "fault", error = display(fault), sent = sent),
        }
    }
}

/// The program drops a connection or an attempt that has not ended.
impl Drop for Traced {
    fn drop(&mut self) {
        if self.end() {
            tell!(in self.span, DEBUG, "dropped");
        }
    }
}

/// A deadline that has passed.
pub(crate) struct Passed(&'static str);

/// [`Sender::handle_timeout`]. Gives the deadline that has ended the connection.
pub(crate) fn handle_timeout(sender: &mut Sender, now: impl Into<Timestamp>) -> Option<Passed> {
    let before = sender.state();
    sender.handle_timeout(now);
    match (before, sender.state()) {
        (State::Open, State::Closed) => Some(Passed("keepalive")),
        (State::Closing, State::Closed) => Some(Passed("close")),
        _ => None,
    }
}

/// How a connection has ended, if it has, and who began the closing handshake.
pub(crate) struct End(Option<(CloseInfo, &'static str)>);

impl End {
    pub(crate) fn of(sender: &Sender) -> Self {
        if sender.state() != State::Closed {
            return Self(None);
        }
        let by = if sender.began_closing() { "us" } else { "peer" };
        Self(sender.close_info().map(|info| (info, by)))
    }
}

/// The pauses of a connection that comes back.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// How many in a row: without a connection between them.
    count: u32,
}

impl Pauses {
    pub(crate) fn opened(&mut self) {
        self.count = 0;
    }

    /// What follows the end of a connection or of an attempt.
    pub(crate) fn decided(&mut self, request: &Request, decided: &Result<Option<Update>, Error>) {
        let peer = || display(format!("{}:{}", request.host(), request.port()));
        let path = || display(Escaped(request.path()));
        match decided {
            Ok(Some(Update::Pausing { why, pause })) => {
                self.count = self.count.saturating_add(1);
                let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                let (count, why) = (self.count, Why(why));
                tell!(
                    INFO,
                    "pausing",
                    peer = peer(),
                    path = path(),
                    attempt = count,
                    pause_ms = pause,
                    error = display(why)
                );
            }
            Ok(_) => {}
            Err(error) => {
                tell!(INFO, "gave up", peer = peer(), path = path(), error = display(Reason(error)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn connection_to_which_nobody_listens_keeps_8_bytes_and_others_at_most_56() {
        assert_eq!(size_of::<Trace>(), 8);
        assert!(size_of::<Trace>() + size_of::<Traced>() <= 56, "{}", size_of::<Traced>());
    }
}
