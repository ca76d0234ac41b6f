//! Offers of permessage-deflate (RFC 7692 section 7.1), and what servers answer that allow everything.

use sansocket::handshake::server::{Answer, Handshake, Incoming};
use sansocket::{Config, Deflate};

/// The other servers: two crates, `ws` of npm and `websockets` of Python. `offers/` has the scripts for the last two.
pub const OTHERS: [&str; 4] = ["sockudo-ws", "yawc", "ws 8.23", "websockets 17.4"];

/// An offer and the parameters of the responses. `-`: declined; `400`: the request is refused.
#[derive(Debug)]
pub struct Offer {
    pub offer: &'static str,
    pub ours: &'static str,
    pub others: [&'static str; 4],
}

/// The parameters of a response, or `-`.
fn params(response: Option<&str>) -> String {
    response.map_or("-".into(), |response| {
        response.strip_prefix("permessage-deflate").unwrap_or(response).trim_start_matches("; ").into()
    })
}

/// What this crate answers.
pub fn ours(offer: &str) -> String {
    let settings = Deflate::default().takeover(true).peer_takeover(true);
    let mut handshake = Handshake::new(Config::default().deflate(Some(settings)));
    handshake.receive(
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n"
        )
        .as_bytes(),
    );
    let Ok(Some(exchange)) = handshake.next_request() else { return "400".into() };
    let Incoming::Upgrade(request) = exchange.incoming() else { return "400".into() };
    let response = request.accept();
    let Ok(Answer::Open(mut connection)) = exchange.respond(response) else { return "400".into() };
    let head = String::from_utf8_lossy(connection.output().chunk()).into_owned();
    params(head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: ")))
}

pub fn sockudo(offer: &str) -> String {
    use sockudo_ws::deflate::{DeflateConfig, negotiate_server_deflate};

    let negotiated = negotiate_server_deflate(offer, &DeflateConfig::default());
    params(negotiated.map(|negotiated| negotiated.to_response_header()).as_deref())
}

pub fn yawc(offer: &str) -> String {
    let request = hyper::Request::builder()
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Extensions", offer)
        .body(())
        .expect("a request");
    let options = yawc::Options::default().with_balanced_compression();
    match yawc::WebSocket::upgrade_with_options(request, options) {
        Ok((response, _)) => {
            let chosen = response.headers().get("Sec-WebSocket-Extensions");
            params(chosen.map(|chosen| chosen.to_str().expect("ASCII")))
        }
        Err(_) => "400".into(),
    }
}

/// All rows. Where nothing else is said, both directions may use takeover and windows of 15 bits.
pub const OFFERS: &[Offer] = &[
    Offer { offer: "permessage-deflate", ours: "", others: ["", "", "", ""] },
    Offer {
        offer: "permessage-deflate; client_max_window_bits",
        ours: "",
        others: ["", "client_max_window_bits=9", "", ""],
    },
    Offer {
        offer: "permessage-deflate; client_max_window_bits=10",
        ours: "client_max_window_bits=10",
        others: [
            "client_max_window_bits=10",
            "client_max_window_bits=10",
            "client_max_window_bits=10",
            "client_max_window_bits=10",
        ],
    },
    Offer {
        offer: "permessage-deflate; client_max_window_bits=8",
        ours: "client_max_window_bits=8",
        others: [
            "client_max_window_bits=8",
            "client_max_window_bits",
            "client_max_window_bits=8",
            "client_max_window_bits=8",
        ],
    },
    Offer {
        offer: "permessage-deflate; server_max_window_bits=10",
        ours: "server_max_window_bits=10",
        others: [
            "server_max_window_bits=10",
            "server_max_window_bits=10",
            "server_max_window_bits=10",
            "server_max_window_bits=10",
        ],
    },
    Offer {
        offer: r#"permessage-deflate; server_max_window_bits="10""#,
        ours: "server_max_window_bits=10",
        others: ["server_max_window_bits=10", "-", "server_max_window_bits=10", "server_max_window_bits=10"],
    },
    Offer {
        offer: "permessage-deflate; server_max_window_bits=15",
        ours: "server_max_window_bits=15",
        others: [
            "server_max_window_bits=15",
            "server_max_window_bits=15",
            "server_max_window_bits=15",
            "server_max_window_bits=15",
        ],
    },
    Offer {
        offer: "permessage-deflate; server_max_window_bits=8",
        ours: "-",
        others: ["-", "server_max_window_bits", "server_max_window_bits=8", "-"],
    },
    Offer {
        offer: "permessage-deflate; server_max_window_bits=8, permessage-deflate",
        ours: "",
        others: ["", "-", "server_max_window_bits=8", ""],
    },
    Offer {
        offer: "permessage-deflate; server_max_window_bits",
        ours: "-",
        others: ["-", "server_max_window_bits=9", "400", "-"],
    },
    Offer {
        offer: "permessage-deflate; server_max_window_bits=16",
        ours: "-",
        others: ["-", "server_max_window_bits", "400", "-"],
    },
    Offer {
        offer: "permessage-deflate; server_max_window_bits=010",
        ours: "-",
        others: ["-", "server_max_window_bits=10", "server_max_window_bits=10", "-"],
    },
    Offer {
        offer: "permessage-deflate; client_max_window_bits=7",
        ours: "-",
        others: ["-", "client_max_window_bits", "400", "-"],
    },
    Offer {
        offer: "permessage-deflate; client_max_window_bits=09",
        ours: "-",
        others: ["-", "client_max_window_bits=9", "client_max_window_bits=9", "-"],
    },
    Offer {
        offer: "permessage-deflate; server_no_context_takeover",
        ours: "server_no_context_takeover",
        others: [
            "server_no_context_takeover",
            "server_no_context_takeover",
            "server_no_context_takeover",
            "server_no_context_takeover",
        ],
    },
    Offer {
        offer: "permessage-deflate; client_no_context_takeover",
        ours: "client_no_context_takeover",
        others: [
            "client_no_context_takeover",
            "client_no_context_takeover",
            "client_no_context_takeover",
            "client_no_context_takeover",
        ],
    },
    Offer {
        offer: "permessage-deflate; server_no_context_takeover=1",
        ours: "-",
        others: ["-", "server_no_context_takeover", "400", "-"],
    },
    Offer {
        offer: "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        ours: "-",
        others: ["-", "server_no_context_takeover", "400", "-"],
    },
    Offer { offer: "permessage-deflate; unknown", ours: "-", others: ["-", "", "400", "-"] },
    Offer {
        offer: "permessage-deflate; unknown, permessage-deflate",
        ours: "",
        others: ["", "-", "400", ""],
    },
    Offer { offer: "x-webkit-deflate-frame, permessage-deflate", ours: "", others: ["", "-", "", ""] },
    Offer { offer: "Permessage-Deflate", ours: "-", others: ["-", "-", "-", "-"] },
];
