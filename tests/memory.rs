//! The system refuses memory: what a message needs is asked for, and a refusal is an error
//! of that message or its connection. The process, and its other connections, go on.

mod support;

use std::io;
use std::thread;
use std::time::Duration;

use support::{
    Client, Deflate, Drive, Frame, Peer, Random, Server, allocated_bytes, alone, deflated,
};
use wsc::connection::Counter;
use wsc::error::Status;
use wsc::event::{EventType, MessageType, Part};
use wsc::reconnect::QueuePolicy;

/// What the process may have on top of what it has: room for half a large message, and
/// for it whole nowhere, not even in what the allocator has reserved for its arenas.
const LEFT: u64 = 72 << 20;
const LARGE: usize = 96 << 20;
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// Runs a test in a process of its own. The address sanitizer takes a refusal for a fault.
fn refusing(name: &str, test: impl FnOnce() + Send + 'static) {
    if allocated_bytes() > 0 {
        alone(name, test);
    }
}

/// Lets the process have no more than `LEFT`.
fn limit_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.unwrap().trim().trim_end_matches(" kB");
    set_limit(size.parse::<u64>().unwrap() * 1024 + LEFT);
    // A panic that has no memory for its own words would not end.
    // SAFETY: the signal ends the process.
    unsafe { libc::alarm(60) };
}

fn set_limit(limit: u64) {
    let limit = libc::rlimit {
        rlim_cur: limit,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is only read.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// Neither zeros nor anything that could be compressed.
fn noise(size: usize) -> Vec<u8> {
    let mut random = Random::new();
    let block: Vec<u8> = (0..1 << 13)
        .flat_map(|_| random.below(u64::MAX).to_be_bytes())
        .collect();
    // A window of 32 KiB does not see that it comes again.
    block.repeat(size / block.len())
}

/// A client for messages of any size.
fn client_for(url: &str, deflates: bool) -> Client {
    let client = Client::new(Drive::Poll, url);
    client.set_max_message_size(2 * LARGE).unwrap();
    client.set_max_frame_size(2 * LARGE).unwrap();
    client.set_send_queue_limit(4 * LARGE).unwrap();
    client.set_deflate(deflates).unwrap();
    client.set_deflate_max_ratio(usize::MAX).unwrap();
    client
}

fn open(client: &Client, server: &Server, deflates: bool) -> Peer {
    client.open_with(server, if deflates { DEFLATE } else { "" })
}

#[test]
fn a_send_without_memory_is_refused_and_the_next_one_goes() {
    let name = "a_send_without_memory_is_refused_and_the_next_one_goes";
    refusing(name, || {
        let message = noise(LARGE);
        for deflates in [false, true] {
            let server = Server::listen();
            let client = client_for(&server.url(), deflates);
            let mut peer = open(&client, &server, deflates);
            let mut inflate = Deflate::new(15, 15);
            let mut text = move || {
                let mut frame = peer.frame();
                while !frame.fin {
                    let next = peer.frame();
                    frame.payload.extend(next.payload);
                    frame.fin = next.fin;
                }
                let payload = match frame.rsv {
                    0 => frame.payload,
                    _ => inflate.decompress(&frame.payload),
                };
                String::from_utf8(payload).unwrap()
            };
            let long = "what is long enough to be compressed ".repeat(10);
            client.send_text(long.as_bytes()).unwrap();
            assert_eq!(text(), long);
            limit_memory();
            let refused = client.send_binary(&message);
            // What was compressed of it is no part of the context.
            client.send_text(long.as_bytes()).unwrap();
            let part =
                |part, data: &[u8]| client.send_message(MessageType::Binary, part, true, data);
            part(Part::First, long.as_bytes()).unwrap();
            let refused = [refused, part(Part::More, &message)];
            part(Part::Last, long.as_bytes()).unwrap();
            client.send_text(b"after").unwrap();
            client.flush().unwrap();
            set_limit(libc::RLIM_INFINITY);
            assert_eq!(refused, [Err(Status::System); 2]);
            assert_eq!(text(), long);
            assert_eq!(text(), long.repeat(2));
            assert_eq!(text(), "after");
            assert_eq!(client.buffered_amount(), 0);
        }
    });
}

#[test]
fn a_message_that_has_begun_to_leave_ends_its_connection() {
    let name = "a_message_that_has_begun_to_leave_ends_its_connection";
    refusing(name, || {
        const BLOCK: usize = 1 << 20;
        let message = noise(24 * BLOCK);
        let server = Server::listen();
        let client = client_for(&server.url(), false);
        let _reads_nothing = open(&client, &server, false);
        limit_memory();
        // What the allocator has reserved goes, too, but for a few blocks.
        let mut taken = Vec::with_capacity(1000);
        loop {
            let mut block = Vec::<u8>::new();
            match block.try_reserve_exact(BLOCK) {
                Ok(()) => taken.push(block),
                Err(_) => break,
            }
        }
        taken.truncate(taken.len() - 4);
        let accepted = client.send_binary(&message);
        drop(taken);
        set_limit(libc::RLIM_INFINITY);
        assert_eq!(accepted, Ok(()));
        let end = client.end();
        assert_eq!((end.status, end.unsent), (Status::System, 1), "{end:?}");
        assert!(end.error.is_some(), "{end:?}");
        assert!(client.counter(Counter::BytesSent) > 0);
    });
}

#[test]
fn what_waits_for_the_handshake_is_refused_or_fails_the_attempt() {
    let name = "what_waits_for_the_handshake_is_refused_or_fails_the_attempt";
    refusing(name, || {
        let message = noise(LARGE);
        for policy in [QueuePolicy::Drop, QueuePolicy::Keep] {
            let server = Server::listen();
            let client = client_for(&server.url(), false);
            client
                .set_reconnect(|contract| {
                    contract.enabled = policy == QueuePolicy::Keep;
                    contract.queue = policy;
                    let second = Duration::from_secs(1);
                    contract.set_delays(second, second)
                })
                .unwrap();
            client.send_text(b"first").unwrap();
            client.send_binary(&message).unwrap();
            client.send_text(b"last").unwrap();
            limit_memory();
            let refused = [
                client.send_binary(&message),
                client.add_prologue(MessageType::Binary, &message),
            ];
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.accept();
            client.expect(EventType::Handshake);
            let end = client.end();
            set_limit(libc::RLIM_INFINITY);
            assert_eq!(refused, [Err(Status::System); 2]);
            assert_eq!(end.status, Status::System, "{end:?}");
            assert_eq!(peer.text(), "first");
            match policy {
                QueuePolicy::Keep => {
                    assert_eq!(end.unsent, 0);
                    client.expect(EventType::Reconnect);
                    client.expect(EventType::Connect);
                    let mut peer = server.accept();
                    peer.accept();
                    client.expect(EventType::Handshake);
                    let script = thread::spawn(move || {
                        io::copy(&mut peer.stream(), &mut io::sink()).unwrap()
                    });
                    client.until("it leaves", || client.buffered_amount() == 0);
                    assert_eq!(client.counter(Counter::MessagesSent), 3);
                    client.abort().unwrap();
                    let frames = (14 + LARGE) + (6 + "last".len());
                    assert_eq!(script.join().unwrap(), frames as u64);
                }
                _ => assert_eq!((end.unsent, client.buffered_amount()), (2, 0)),
            }
        }
    });
}

#[test]
fn a_message_that_there_is_no_memory_for_fails_its_connection() {
    let name = "a_message_that_there_is_no_memory_for_fails_its_connection";
    refusing(name, || {
        let plain = Frame::binary(noise(LARGE)).bytes();
        let deflate = Frame::binary(deflated(vec![0; LARGE])).rsv(4).bytes();
        for (wire, deflates) in [(plain, false), (deflate, true)] {
            let server = Server::listen();
            let client = client_for(&server.url(), deflates);
            let mut peer = open(&client, &server, deflates);
            limit_memory();
            let script = thread::spawn(move || {
                // The client goes on reading, and throws it away.
                peer.write(&wire);
                let code = peer.close_code();
                peer.close();
                code
            });
            let end = client.end();
            assert_eq!((end.status, end.code), (Status::System, 1009), "{end:?}");
            assert!(end.error.unwrap().text.contains("memory"));
            assert_eq!(script.join().unwrap(), Some(1009));
            let mut peer = open(&client, &server, deflates);
            peer.send(&Frame::text("after"));
            assert_eq!(client.text(), "after");
            set_limit(libc::RLIM_INFINITY);
        }
    });
}
