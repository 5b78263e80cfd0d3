//! Compression against other people's servers, which echo: `scripts/interop`
//! installs and starts them, and runs this.

#[path = "../support/mod.rs"]
mod support;

use support::*;
use wsc::event::{EventKind, EventType, MessageType, Part};

const MESSAGES: usize = 10_000;

/// Something between noise and one repeated byte.
fn payload(random: &mut Random) -> Vec<u8> {
    let size = match random.below(20) {
        0 => random.below(100_000),
        1..5 => random.below(5000),
        _ => random.below(200),
    };
    let letters = 1 + random.below(128);
    (0..size).map(|_| random.below(letters) as u8).collect()
}

#[test]
#[ignore = "needs the servers of scripts/interop"]
fn messages_come_back_from_other_servers() {
    let urls = std::env::var("WSC_INTEROP_URLS").expect("WSC_INTEROP_URLS names the servers");
    assert!(!urls.trim().is_empty());
    for (url, no_takeover) in urls
        .split_whitespace()
        .flat_map(|url| [(url, false), (url, true)])
    {
        let mut random = Random::new();
        let client = Client::new(Drive::Poll, url);
        client.set_deflate(true).unwrap();
        client
            .set_deflate_no_context_takeover(no_takeover, no_takeover)
            .unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        client.expect(EventType::Handshake);
        let extensions = client.extensions().expect("the server compresses");
        println!("{url}: {extensions}");
        for _ in 0..MESSAGES / 2 {
            let data = payload(&mut random);
            let kind = match random.below(2) {
                0 => MessageType::Text,
                _ => MessageType::Binary,
            };
            let cut = random.below(data.len() as u64 + 1) as usize;
            match random.below(3) {
                0 => {
                    client
                        .send_message(kind, Part::First, true, &data[..cut])
                        .unwrap();
                    client
                        .send_message(kind, Part::Last, true, &data[cut..])
                        .unwrap();
                }
                compress => client
                    .send_message(kind, Part::Whole, compress == 1, &data)
                    .unwrap(),
            }
            let came = loop {
                match client.next().kind {
                    EventKind::Message { kind, data, .. } => break (kind, data),
                    other => assert!(matches!(other, EventKind::Ping(_)), "{other:?}"),
                }
            };
            assert!(came == (kind, data.into()), "not what was sent");
            client.host.forget();
        }
        client.close(1000, b"").unwrap();
        assert!(client.end().clean);
    }
}
