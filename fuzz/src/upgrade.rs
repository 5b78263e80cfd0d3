//! A server's bytes from the first of its answer on. `{accept}` in them stands for
//! the key that accepts the request, which no fuzzer guesses.

use crate::client::{Client, accept_key, sizes, with_accept};

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
    let mut peer = client.connect();
    let request = client.request(&mut peer);
    let accept = accept_key(&request).expect("the request has a key");
    client.feed(&mut peer, &with_accept(answer, &accept), sizes(*seed));
    client.end(&mut peer);
    client.check_accepted(Some(&accept));
}
