//! Offers of compression: what servers answer is what the table says.

#[path = "../../opened/mod.rs"]
mod opened;

use sansocket_differential::offers::{OFFERS, ours, sockudo, yawc};

#[test]
fn offers_are_answered_as_the_table_says() {
    for row in OFFERS {
        assert_eq!(ours(row.offer), row.ours, "{}", row.offer);
        assert_eq!(sockudo(row.offer), row.others[0], "sockudo-ws, {}", row.offer);
        assert_eq!(yawc(row.offer), row.others[1], "yawc, {}", row.offer);
    }
    let list: Vec<_> = include_str!("../offers/list.txt").lines().collect();
    assert_eq!(OFFERS.iter().map(|row| row.offer).collect::<Vec<_>>(), list);
}

/// Messages that one compresses are inflated by the other, with and without takeover.
#[test]
fn compressed_messages_are_inflated_by_the_other_side() {
    use sansocket::{Config, Deflate, Message};
    use sockudo_ws::deflate::{DeflateConfig, DeflateContext};

    let texts = ["", "a", "{\"price\":12.25}", &"the same again ".repeat(2000), "{\"price\":12.50}"];
    for takeover in [false, true] {
        let settings = Deflate::default().takeover(takeover).peer_takeover(takeover).min_len(0);
        let (mut client, mut server) = pair(&Config::default().deflate(Some(settings)));
        let config = DeflateConfig {
            server_no_context_takeover: !takeover,
            client_no_context_takeover: !takeover,
            compression_threshold: 0,
            ..DeflateConfig::default()
        };
        let (mut as_client, mut as_server) =
            (DeflateContext::client(config.clone()), DeflateContext::server(config));
        for text in texts.iter().cycle().take(15) {
            server.send(*text).expect("room");
            let frame: Vec<u8> = server.output().chunks().flatten().copied().collect();
            server.output().advance(frame.len());
            if frame[0] == 0xC1 {
                let header = if frame[1] < 126 { 2 } else { 4 };
                let inflated = as_client.decompress(&frame[header..], 1 << 20).expect("valid");
                assert_eq!(inflated, text.as_bytes());
            }
            let Some(compressed) = as_server.compress(text.as_bytes()).expect("compressed") else { continue };
            match u8::try_from(compressed.len()).ok().filter(|len| *len < 126) {
                Some(len) => client.receive(&[0xC1, len]),
                None => {
                    let len = u16::try_from(compressed.len()).expect("short");
                    client.receive(&[&[0xC1, 126][..], &len.to_be_bytes()].concat());
                }
            }
            client.receive(&compressed);
            assert_eq!(client.next_message(), Ok(Some(Message::from(*text))));
        }
    }
}

/// Both ends of a connection.
fn pair(config: &sansocket::Config) -> (sansocket::Connection, sansocket::Connection) {
    use sansocket::handshake::client::{Handshake, Request};

    let request = Request::new("ws://example.com/").expect("a URL");
    opened::pair(Handshake::new(&request, config.clone()).expect("a request"), config.clone())
}
