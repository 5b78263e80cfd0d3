//! A server's bytes into the open session, once in one piece and once in others:
//! the same must come of them.

use crate::client::{Client, accepting, sizes};
use wsc::event::EventKind;

const DEFLATE: u8 = 1;
const STREAMING: u8 = 2;
const SMALL_LIMITS: u8 = 4;
const NO_CONTEXT: u8 = 8;
const SMALL_WINDOW: u8 = 16;
const MANUAL_PONG: u8 = 32;

pub fn run(input: &[u8]) {
    let [options, seed, wire @ ..] = input else {
        return;
    };
    let whole = play(*options, wire, || usize::MAX);
    let split = play(*options, wire, sizes(*seed));
    assert_eq!(whole, split, "the pieces make a difference");
}

/// What came: each message in one piece, and how it ended.
fn play(options: u8, wire: &[u8], sizes: impl FnMut() -> usize) -> Vec<String> {
    let has = |option| options & option != 0;
    let mut client = Client::new("ws://host.test/");
    let connection = &client.connection;
    connection.set_deflate(has(DEFLATE)).unwrap();
    connection.set_streaming(has(STREAMING)).unwrap();
    connection.set_auto_pong(!has(MANUAL_PONG)).unwrap();
    connection.set_max_message_size(1 << 20).unwrap();
    if has(SMALL_LIMITS) {
        connection.set_max_message_size(100).unwrap();
        connection.set_max_frame_size(70).unwrap();
        connection.set_max_fragments(3).unwrap();
        connection.set_receive_queue_limit(256).unwrap();
    }
    let mut lines = String::new();
    if has(DEFLATE) {
        lines += "Sec-WebSocket-Extensions: permessage-deflate";
        if has(NO_CONTEXT) {
            lines += "; server_no_context_takeover";
        }
        if has(SMALL_WINDOW) {
            lines += "; server_max_window_bits=9";
        }
        lines += "\r\n";
    }
    let mut peer = client.connect();
    let request = client.request(&mut peer);
    client.feed(&mut peer, &accepting(&request, &lines), || usize::MAX);
    while !client.is_open() {
        assert!(!client.is_closed(), "refused: {:?}", client.events);
        client.turn();
    }
    client.feed(&mut peer, wire, sizes);
    client.end(&mut peer);
    told(&client, has(DEFLATE))
}

fn told(client: &Client, is_deflated: bool) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let mut message = Vec::new();
    for event in &client.events {
        match &event.kind {
            EventKind::Message { kind, part, data } => {
                message.extend_from_slice(data);
                if part.ends() {
                    told.push(format!("{kind:?} {:?}", std::mem::take(&mut message)));
                }
            }
            EventKind::Ping(data) => told.push(format!("ping {data:?}")),
            EventKind::Pong(data) => told.push(format!("pong {data:?}")),
            // Of several faults in one message the pieces decide which is found first.
            EventKind::Close {
                code: 1002..=1009, ..
            } if is_deflated => {
                told.push("a violation".into());
            }
            EventKind::Close {
                status,
                code,
                reason,
                ..
            } => {
                told.push(format!("close {status:?} {code} {reason}"));
            }
            _ => {}
        }
    }
    told
}
