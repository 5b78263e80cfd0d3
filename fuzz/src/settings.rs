//! URLs, headers and lists as a host might pass them on from its users. Whatever the
//! setters accept, the request must be one request with these fields and no others.

use crate::client::{Client, check_request};
use arbitrary::{Arbitrary, Unstructured};
use wsc::connection::Connection;

#[derive(Arbitrary, Debug)]
enum Setting<'a> {
    Url(&'a str),
    Header(&'a str, &'a [u8]),
    AddHeader(&'a str, &'a [u8]),
    Subprotocols(&'a str),
    Origin(&'a str),
    Proxy(&'a str),
    ProxyHeader(&'a str, &'a [u8]),
    LocalAddress(&'a str),
    Interface(&'a str),
    Prologue(bool, &'a [u8]),
}

pub fn run(input: &[u8]) {
    let Ok(settings) = Vec::<Setting<'_>>::arbitrary_take_rest(Unstructured::new(input)) else {
        return;
    };
    let mut client = Client::new("ws://host.test/");
    let mut fields = 6; // Host, Upgrade, Connection, key, version, extensions
    let connection = &client.connection;
    for setting in &settings {
        apply(connection, setting, &mut fields);
    }
    // The way to the server is a socket pair, whatever the URL says; TLS hides the rest.
    let mut peer = client.connect();
    let mut request = Vec::new();
    for _ in 0..4 {
        client.turn();
        let mut buffer = [0; 1 << 16];
        if let Ok(count) = std::io::Read::read(&mut peer, &mut buffer) {
            request.extend_from_slice(&buffer[..count]);
        }
        if request.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    if request.first() == Some(&b'G') {
        check_request(&request, fields);
    }
    client.connection.abort().unwrap();
    client.end(&mut peer);
}

fn apply(connection: &Connection, setting: &Setting<'_>, fields: &mut usize) {
    match setting {
        Setting::Url(url) => {
            let _refused = connection.set_url(url);
        }
        Setting::Header(name, value) => {
            if connection.set_header(name, value).is_ok() {
                *fields += 1; // at most: it may replace one
            }
        }
        Setting::AddHeader(name, value) => {
            if connection.add_header(name, value).is_ok() {
                *fields += 1;
            }
        }
        Setting::Subprotocols(list) => {
            if connection.set_subprotocols(list).is_ok() {
                *fields += 1;
            }
        }
        Setting::Origin(origin) => {
            if connection.set_origin(origin).is_ok() {
                *fields += 1;
            }
        }
        Setting::Proxy(url) => {
            let _refused = connection.set_proxy(url);
        }
        Setting::ProxyHeader(name, value) => {
            let _refused = connection.add_proxy_header(name, value);
        }
        Setting::LocalAddress(address) => {
            let _refused = connection.set_local_address(address);
        }
        Setting::Interface(name) => {
            let _refused = connection.set_interface(name);
        }
        Setting::Prologue(text, payload) => {
            let kind = match text {
                true => wsc::event::MessageType::Text,
                false => wsc::event::MessageType::Binary,
            };
            let _refused = connection.add_prologue(kind, payload);
        }
    }
}
