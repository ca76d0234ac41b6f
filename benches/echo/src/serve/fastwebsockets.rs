//! fastwebsockets, as in its example of an echo server.

use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, OpCode};
use tokio::net::TcpStream;
use tokio::task;

use super::{Ended, http};

pub async fn serve(stream: TcpStream) -> Ended {
    http::upgrade(stream, |mut request| {
        let (response, upgraded) = upgrade(&mut request)?;
        tokio::spawn(task::unconstrained(echo(upgraded)));
        Ok::<_, fastwebsockets::WebSocketError>(response)
    })
    .await
}

async fn echo(upgraded: UpgradeFut) -> Ended {
    let mut socket = FragmentCollector::new(upgraded.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}
