//! What streams claim about reads and writes. A false claim is an error.

use std::io::{Error, ErrorKind, Result};

/// What a stream claims to have read into `room` bytes: at most all.
pub(crate) fn check_read(n: usize, room: usize) -> Result<usize> {
    if n > room {
        return Err(invalid("the stream claims to have read more bytes than there was room for"));
    }
    Ok(n)
}

/// What a stream claims to have written of `given` bytes: at least one, at most all.
#[inline]
pub(crate) fn check_written(n: usize, given: usize) -> Result<usize> {
    match n {
        0 => Err(ErrorKind::WriteZero.into()),
        n if n > given => Err(invalid("the stream claims to have written more than it was given")),
        n => Ok(n),
    }
}

fn invalid(claim: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, claim)
}
