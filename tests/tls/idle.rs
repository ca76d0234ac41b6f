//! What an idle connection over TLS holds. The tests count bytes.

use ::tokio::runtime::Builder;
use futures_util::FutureExt;
use sansocket::handshake::client::Request;
use sansocket::{Connector, smol, tokio};

use crate::counting::bytes_in_use;
use crate::peers::{echo, serve};
use crate::throwaway::Ca;

const COUNT: usize = 20;

/// About 20 KiB are the session itself: the secrets and certificates that rustls keeps, the 4 KiB that it reads at least, and the
/// timers and sockets of the runtime. With the memory of the longest record it would be over 40 KiB.
const SESSION: usize = 28 << 10;

#[test]
fn idle_async_connection_holds_its_session_and_no_long_buffers() {
    let ca = Ca::new();
    let request = Request::new(&format!("wss://localhost:{}/", serve(ca.server(), echo))).unwrap();
    let connector = Connector::new().tls(ca.client());
    macro_rules! idle {
        ($shell:ident) => {
            async {
                let mut sockets = Vec::with_capacity(COUNT);
                for _ in 0..COUNT {
                    let (mut socket, _) = $shell::connect_with(&request, &connector).await.unwrap();
                    socket.send(&[7; 64 << 10][..]).await.unwrap();
                    assert_eq!(socket.read().await.unwrap().unwrap().as_bytes().len(), 64 << 10);
                    assert!(socket.read().now_or_never().is_none());
                    sockets.push(socket);
                }
                sockets
            }
        };
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    // The first ones make what the connections of a thread share.
    let _first = runtime.block_on(idle!(tokio));
    let (_sockets, in_use, _) = bytes_in_use(|| runtime.block_on(idle!(tokio)));
    assert!(in_use < COUNT * SESSION, "{} bytes each", in_use / COUNT);
    let _first = ::smol::block_on(idle!(smol));
    let (_sockets, in_use, _) = bytes_in_use(|| ::smol::block_on(idle!(smol)));
    assert!(in_use < COUNT * SESSION, "{} bytes each", in_use / COUNT);
}
