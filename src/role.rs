/// Which end of the connection this is. The two differ in masking (RFC 6455 section 5.1) and in who ends the
/// TCP connection first (section 7.1.1), and in nothing else once the connection is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Masks what it sends, refuses what is masked.
    Client,
    /// Sends unmasked, refuses what is not masked.
    Server,
}
