/// The role of this end of the connection. After the opening handshake, the roles differ only in masking (RFC 6455
/// section 5.1) and in which of them ends the TCP connection first (the server, section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sends masked frames and rejects masked ones.
    Client,
    /// Sends unmasked frames and rejects unmasked ones.
    Server,
}
