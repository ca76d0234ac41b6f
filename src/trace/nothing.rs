//! The functions of `spans`, empty.

use std::io;
use std::net::SocketAddr;

use crate::connection::Sender;
use crate::dial::Update;
use crate::error::Error;
use crate::handshake::client::Request;
use crate::handshake::server::HttpRequest;
use crate::role::Role;
use crate::timestamp::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct Trace {}

impl Trace {
    #[inline]
    pub(crate) fn client(_: &Request) -> Self {
        Self {}
    }

    #[inline]
    pub(crate) fn server(_: impl Fn() -> Option<SocketAddr>) -> Self {
        Self {}
    }

    #[inline]
    pub(crate) fn adopted(_: Role, _: impl Fn() -> Option<SocketAddr>) -> Self {
        Self {}
    }

    #[inline]
    pub(crate) fn reached(&self, _: impl Fn() -> io::Result<SocketAddr>) {}

    #[inline]
    pub(crate) fn requested(&self, _: &HttpRequest) {}

    #[inline]
    pub(crate) fn opened(&self) {}

    #[inline]
    pub(crate) fn responded(&self) {}

    #[inline]
    pub(crate) fn unless_failed<T>(&self, opened: Result<T, Error>) -> Result<T, Error> {
        opened
    }

    #[inline]
    pub(crate) fn redirected(&self, followed: Result<Request, Error>) -> Result<Request, Error> {
        followed
    }

    #[inline]
    pub(crate) fn passed(&self, _: Option<Passed>) {}

    #[inline]
    pub(crate) fn write_timed_out(&self) {}

    #[inline]
    pub(crate) fn ended(&self, _: End) {}

    #[inline]
    pub(crate) fn failed(&self, _: End, _: &Error) {}
}

pub(crate) struct Passed;

#[inline]
pub(crate) fn handle_timeout(sender: &mut Sender, now: impl Into<Timestamp>) -> Option<Passed> {
    sender.handle_timeout(now);
    None
}

pub(crate) struct End;

impl End {
    #[inline]
    pub(crate) fn of(_: &Sender) -> Self {
        Self
    }
}

#[derive(Debug, Default)]
pub(crate) struct Pauses {}

impl Pauses {
    #[inline]
    pub(crate) fn opened(&mut self) {}

    #[inline]
    pub(crate) fn decided(&mut self, _: &Request, _: &Result<Option<Update>, Error>) {}
}
