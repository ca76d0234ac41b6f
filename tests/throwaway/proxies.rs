//! Throw-away proxies, for one connection each.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::servers::read_head;

/// `CONNECT`, for `user:secret`.
pub(crate) fn http(mut client: TcpStream) -> io::Result<()> {
    let head = read_head(&client)?;
    if !head.contains("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n") {
        let refusal = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.write_all(refusal.as_bytes())?;
        return client.write_all(b"4\r\nWho?\r\n0\r\n\r\n");
    }
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
    let server = TcpStream::connect(target)?;
    // In pieces, and with a length that does not count.
    for piece in ["HTTP/1.1 200 O", "K\r\nContent-Length: 9\r", "\n\r\n"] {
        client.write_all(piece.as_bytes())?;
        thread::sleep(Duration::from_millis(1));
    }
    join(client, server);
    Ok(())
}

/// SOCKS 5, for `user:secret` if one offers it, and for everybody else.
pub(crate) fn socks(mut client: TcpStream) -> io::Result<()> {
    let [5, count] = read(&client)? else { panic!("not SOCKS 5") };
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods)?;
    let asks = methods.contains(&2);
    client.write_all(&[5, if asks { 2 } else { 0 }])?;
    if asks {
        let right = read::<13>(&client)? == *b"\x01\x04user\x06secret";
        client.write_all(&[1, u8::from(!right)])?;
        if !right {
            return Ok(());
        }
    }
    let host = match read(&client)? {
        [5, 1, 0, 1] => std::net::Ipv4Addr::from(read::<4>(&client)?).to_string(),
        [5, 1, 0, 3] => {
            let mut name = vec![0; read::<1>(&client)?[0].into()];
            client.read_exact(&mut name)?;
            String::from_utf8(name).unwrap()
        }
        request => panic!("{request:?}"),
    };
    let Ok(server) = TcpStream::connect((host, u16::from_be_bytes(read(&client)?))) else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    client.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0])?;
    join(client, server);
    Ok(())
}

/// Passes bytes on in both directions.
fn join(near: TcpStream, far: TcpStream) {
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        io::copy(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Write).ok();
    };
    let (from, to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let back = thread::spawn(move || pass(far, near));
    pass(from, to);
    back.join().unwrap();
}

fn read<const N: usize>(mut stream: &TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).map(|()| bytes)
}
