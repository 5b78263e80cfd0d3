//! A server's bytes from the first of its answer on. `{accept}` in them stands for
//! the key that accepts the request, which no fuzzer guesses. Nothing goes where the
//! answer redirects to: a proxy takes what is meant for there.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::{
    Client, Stream, TLS_HANDSHAKE, accept_key, check_request, proxy_address, sizes, with_accept,
};

/// How many redirects were followed, in all runs: see `tests/corpus.rs`.
pub static REDIRECTS: AtomicUsize = AtomicUsize::new(0);

pub fn run(input: &[u8]) {
    let [options, seed, answer @ ..] = input else {
        return;
    };
    let mut client = Client::new("ws://host.test/path?query");
    let connection = &client.connection;
    if options & 1 != 0 {
        connection.set_subprotocols("chat, superchat").unwrap();
    }
    if options & 2 != 0 {
        connection.set_deflate(true).unwrap();
    }
    if options & 4 != 0 {
        connection.set_max_header_size(256).unwrap();
    }
    if options & 8 != 0 {
        let proxy = format!("http://{}", proxy_address());
        connection.set_proxy(&proxy).unwrap();
        connection.set_max_redirects(1).unwrap();
        connection.set_header("Cookie", b"secret").unwrap();
        // They take long to load.
        connection
            .set_tls(|tls| {
                tls.system_roots = false;
                Ok(())
            })
            .unwrap();
    }
    // The way to the first server is a socket pair, past the proxy.
    let mut peer = client.connect();
    let request = client.request(&mut peer);
    let accept = accept_key(&request).expect("the request has a key");
    client.feed(&mut peer, &with_accept(answer, &accept), sizes(*seed));
    peer.end_output();
    let hop = client.at_proxy();
    let redirects = client.connection.report().unwrap().redirects;
    assert_eq!(
        redirects,
        u32::from(hop.is_some()),
        "it went past the proxy"
    );
    if let Some(mut hop) = hop {
        check_redirected(&mut client, &mut hop);
        client.end(&mut hop);
        REDIRECTS.fetch_add(1, Ordering::Relaxed);
    }
    client.check_accepted(Some(&accept));
}

/// One request to the proxy and one to the server, which learns no secret of another's.
fn check_redirected(client: &mut Client, proxy: &mut TcpStream) {
    let asked = String::from_utf8(client.request(proxy)).unwrap();
    let (_, server) = asked.trim_end().rsplit_once("Host: ").unwrap();
    assert_eq!(
        asked,
        format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n\r\n")
    );
    assert!(
        server.bytes().all(|byte| byte.is_ascii_graphic()),
        "{server:?}"
    );
    proxy.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let request = client.request(proxy);
    if request.starts_with(TLS_HANDSHAKE) {
        return;
    }
    // Host, Upgrade, Connection, key, version, extensions, subprotocols, Cookie, Authorization
    check_request(&request, 9);
    let cookie = b"\r\nCookie: secret\r\n";
    let is_told = request.windows(cookie.len()).any(|window| window == cookie);
    let is_first = server.eq_ignore_ascii_case("host.test:80");
    assert_eq!(is_told, is_first, "the secret of one origin");
}
