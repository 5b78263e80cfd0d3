//! A proxy's bytes, and then a server's behind it: HTTP CONNECT and SOCKS5, with and
//! without a password.

use std::net::TcpListener;
use std::time::Duration;

use crate::client::{Client, sizes};

thread_local! {
    static LISTENER: TcpListener = TcpListener::bind("127.0.0.1:0").unwrap();
}

pub fn run(input: &[u8]) {
    let [options, seed, answer @ ..] = input else {
        return;
    };
    let mut client = Client::new(match options & 4 {
        0 => "ws://host.test/",
        _ => "ws://[2001:db8::1]:8080/",
    });
    let address = LISTENER.with(|listener| listener.local_addr().unwrap());
    let scheme = ["http", "socks5"][usize::from(options & 1)];
    let login = ["", "user:password@"][usize::from(options >> 1 & 1)];
    let proxy = format!("{scheme}://{login}{address}");
    client.connection.set_proxy(&proxy).unwrap();
    client.connection.connect().unwrap();
    client.turn();
    let (mut peer, _) = LISTENER.with(|listener| listener.accept().unwrap());
    // No port is spent on TIME_WAIT.
    linger_none(&peer);
    peer.set_nonblocking(true).unwrap();
    peer.set_nodelay(true).unwrap();
    client.feed(&mut peer, answer, sizes(*seed));
    client.end(&mut peer);
}

fn linger_none(stream: &std::net::TcpStream) {
    use std::os::fd::AsRawFd;
    let value = libc::linger {
        l_onoff: 1,
        l_linger: Duration::ZERO.as_secs() as i32,
    };
    // SAFETY: the option's value is a `linger`, as the length says.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const value).cast(),
            size_of::<libc::linger>() as u32,
        )
    };
    assert_eq!(result, 0);
}
