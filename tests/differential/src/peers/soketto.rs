//! soketto: futures-io streams. The caller validates text; the example in its documentation uses `std` for that.

use futures::FutureExt;
use sansocket::Role;
use soketto::base::Error as CodecError;
use soketto::connection::{Builder, Error, Mode};
use soketto::handshake::server::Response;
use soketto::handshake::{Client, Server, ServerResponse};
use soketto::{Data, Incoming};

use super::Peer;
use crate::outcome::{End, Fault, Received, Shows};
use crate::stream::Stream;

pub struct Soketto;

impl Peer for Soketto {
    fn name(&self) -> &'static str {
        "soketto"
    }

    fn shows(&self) -> Shows {
        Shows { pings: false, pongs: true }
    }

    fn receive(&self, role: Role, limit: usize, stream: Stream) -> (Vec<Received>, End) {
        let mode = match role {
            Role::Server => Mode::Server,
            Role::Client => Mode::Client,
        };
        let mut builder = Builder::new(stream, mode);
        builder.set_max_message_size(limit);
        builder.set_max_frame_size(limit);
        let (_sender, mut receiver) = builder.finish();
        let (mut received, mut message) = (Vec::new(), Vec::new());
        loop {
            let incoming = receiver.receive(&mut message).now_or_never().expect("the stream is ready");
            received.push(match incoming {
                Ok(Incoming::Data(Data::Text(_))) if std::str::from_utf8(&message).is_err() => {
                    return (received, End::Failed(Fault::InvalidUtf8));
                }
                Ok(Incoming::Data(Data::Text(_))) => Received::Text(std::mem::take(&mut message)),
                Ok(Incoming::Data(Data::Binary(_))) => Received::Binary(std::mem::take(&mut message)),
                Ok(Incoming::Pong(payload)) => Received::Pong(payload.to_vec()),
                Ok(Incoming::Closed(reason)) => {
                    return (
                        received,
                        End::Closed(Some((reason.code, reason.descr.clone().unwrap_or_default()))),
                    );
                }
                Err(error) => return (received, end(&error)),
            });
        }
    }

    fn accept(&self, stream: Stream) {
        let mut server = Server::new(stream);
        let serve = async {
            if let Ok(request) = server.receive_request().await {
                let key = request.key();
                _ = server.send_response(&Response::Accept { key, protocol: None }).await;
            }
        };
        serve.now_or_never().expect("the stream is ready");
    }

    fn connect(&self, offers: bool, stream: Stream) -> bool {
        let mut client = Client::new(stream, "example.com", "/");
        if offers {
            client.add_protocol("chat");
        }
        let response = client.handshake().now_or_never().expect("the stream is ready");
        matches!(response, Ok(ServerResponse::Accepted { .. }))
    }
}

fn end(error: &Error) -> End {
    match error {
        Error::Closed | Error::Io(_) | Error::Codec(CodecError::Io(_)) => End::Lost,
        Error::Utf8(_) => End::Failed(Fault::InvalidUtf8),
        Error::MessageTooLarge { .. } | Error::Codec(CodecError::PayloadTooLarge { .. }) => {
            End::Failed(Fault::TooBig)
        }
        _ => End::Failed(Fault::Protocol),
    }
}
