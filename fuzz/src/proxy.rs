//! A proxy's bytes, and after `{tunnel}` a server's behind it: HTTP CONNECT and SOCKS5,
//! with and without a password. `{accept}` stands for what it does in `upgrade`.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::{Client, accept_key, proxy_address, sizes, split_once, with_accept};

/// How many connections opened, in all runs: see `tests/corpus.rs`.
pub static HANDSHAKES: AtomicUsize = AtomicUsize::new(0);

pub fn run(input: &[u8]) {
    let [options, seed, answers @ ..] = input else {
        return;
    };
    let mut client = Client::new(match options & 4 {
        0 => "ws://host.test/",
        _ => "ws://[2001:db8::1]:8080/",
    });
    let scheme = ["http", "socks5"][usize::from(options & 1)];
    let login = ["", "user:password@"][usize::from(options >> 1 & 1)];
    let proxy = format!("{scheme}://{login}{}", proxy_address());
    client.connection.set_proxy(&proxy).unwrap();
    client.connection.connect().unwrap();
    let mut peer = client.at_proxy().expect("the way there is open");
    let (proxy, server) = split_once(answers, b"{tunnel}").unwrap_or((answers, b""));
    let written = client.feed(&mut peer, proxy, sizes(*seed));
    // A request goes to the server alone.
    let accept = accept_key(&written);
    if let Some(accept) = &accept {
        client.feed(&mut peer, &with_accept(server, accept), sizes(*seed));
    }
    client.end(&mut peer);
    client.check_accepted(accept.as_deref());
    HANDSHAKES.fetch_add(client.accepted().iter().count(), Ordering::Relaxed);
}
