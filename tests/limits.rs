//! Queues that are full, readers that pause, and bytes that must neither pile up nor get lost.

mod support;

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use support::*;
use wsc::connection::{Counter, State};
use wsc::error::Status;
use wsc::event::{EventType, MessageType, Part};
use wsc::reconnect::QueuePolicy;

/// The receive limits are soft by one read.
const READ: usize = 128 << 10;

#[test]
fn a_full_send_queue_refuses_tells_and_drains() {
    bounded(|| {
        for drive in Drive::ALL {
            const LIMIT: usize = 100_000;
            let server = Server::listen();
            server.shrink_receive_buffer();
            let client = Client::new(drive, &server.url());
            client.set_send_queue_limit(LIMIT).unwrap();
            let mut peer = client.open(&server);
            let message = [b'x'; 30_000];
            let mut accepted = 0;
            let refused = loop {
                match client.send_binary(&message) {
                    Ok(()) => accepted += 1,
                    Err(status) => break status,
                }
                assert!(accepted < 10_000, "the queue never fills");
            };
            assert_eq!(refused, Status::QueueFull);
            let buffered = client.buffered_amount();
            assert!(
                buffered < LIMIT + 2 * message.len(),
                "{buffered} bytes wait"
            );
            client.expect(EventType::BufferFull);
            for _ in 0..10 {
                // The kernel's buffer may have grown meanwhile, and made room.
                match client.send_binary(&message) {
                    Ok(()) => accepted += 1,
                    Err(status) => assert_eq!(status, Status::QueueFull),
                }
            }

            let reader = thread::spawn(move || {
                for _ in 0..accepted {
                    assert_eq!(peer.frame().payload, message);
                }
                peer
            });
            client.until("everything accepted arrived", || reader.is_finished());
            client.until("nothing is left", || client.buffered_amount() == 0);
            // Full and empty took turns: full was not told for each refusal.
            client.expect(EventType::BufferDrain);
            for _ in 0..5 {
                client.host.turn(Duration::from_millis(10));
                if let Some(event) = client.host.arrived() {
                    assert_eq!(event.event_type(), EventType::BufferFull);
                    client.expect(EventType::BufferDrain);
                }
            }
            let mut peer = reader.join().unwrap();
            client.send_text(b"goes again").unwrap();
            assert_eq!(peer.text(), "goes again");
            client.assert_quiet();
        }
    });
}

/// Queues more than the kernel takes, which it does not all at once.
fn fill(client: &Client) {
    client
        .send_message(MessageType::Binary, Part::Whole, false, &[b'x'; 8 << 20])
        .unwrap();
    let mut before = 0;
    while before != client.buffered_amount() {
        before = client.buffered_amount();
        client.host.turn(Duration::from_millis(20));
        client.flush().unwrap();
    }
    assert!(before > 0);
}

/// Fills the queue but for so many bytes; returns its limit.
fn leave_room(client: &Client, room: usize) -> usize {
    client.set_send_queue_limit(usize::MAX).unwrap();
    fill(client);
    let limit = client.buffered_amount() + room;
    client.set_send_queue_limit(limit).unwrap();
    limit
}

/// Has messages kept for a reconnect, which takes its time.
fn keep_messages(client: &Client) {
    client
        .set_reconnect(|policy| {
            policy.enabled = true;
            policy.queue = QueuePolicy::Keep;
            policy.set_delays(DEADLINE, DEADLINE)
        })
        .unwrap();
}

#[test]
fn whatever_fills_the_send_queue_is_told() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            server.shrink_receive_buffer();
            let client = Client::new(drive, &server.url());
            client.set_ping_interval(None).unwrap();
            let peer = Mutex::new(client.open(&server));
            let drain = |client: &Client| {
                client.expect(EventType::BufferFull);
                thread::scope(|scope| {
                    scope.spawn(|| while peer.lock().unwrap().frame().payload != *b"the end" {});
                    client.expect(EventType::BufferDrain);
                    client.send_text(b"the end").unwrap();
                    client.flush().unwrap();
                });
            };
            fill(&client);
            client.set_send_queue_limit(1).unwrap();
            assert_eq!(client.send_text(b""), Err(Status::QueueFull));
            drain(&client);

            leave_room(&client, 1000);
            while client.ping(b"a ping that fills the queue").is_ok() {}
            drain(&client);

            // Again where the kernel has taken something yet, as it does on a busy machine.
            loop {
                let limit = leave_room(&client, 100);
                peer.lock().unwrap().send(&Frame::ping(vec![b'p'; 125]));
                client.expect(EventType::Ping);
                if client.buffered_amount() >= limit {
                    break;
                }
            }
            assert_eq!(client.send_text(b""), Err(Status::QueueFull));
            drain(&client);
        }
    });
}

#[test]
fn a_message_in_parts_that_is_kept_may_exceed_the_limit() {
    bounded(|| {
        const PART: usize = 64 << 10;
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        keep_messages(&client);
        client.set_send_queue_limit(4 * PART).unwrap();
        let mut peer = client.open(&server);
        let mut send = |part| {
            client
                .send_message(MessageType::Binary, part, false, &[b'x'; PART])
                .unwrap();
            client.until("it has left", || client.buffered_amount() == 0);
            assert_eq!(peer.frame().payload.len(), PART);
        };
        send(Part::First);
        (0..10).for_each(|_| send(Part::More));
        send(Part::Last);
        send(Part::Whole);
        client.assert_quiet();
    });
}

#[test]
fn a_connection_that_has_ended_is_not_full() {
    bounded(|| {
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        keep_messages(&client);
        let peer = client.open(&server);
        client.send_binary(&[b'x'; 16 << 20]).unwrap();
        assert_eq!(client.send_text(b""), Err(Status::QueueFull));
        drop(peer);
        client.until("it is lost", || client.state() == State::Waiting);
        client.cancel_reconnect().unwrap();
        client.expect(EventType::BufferFull);
        client.end();
        client.set_send_queue_limit(1).unwrap();
        assert_eq!(client.send_text(b""), Err(Status::State));
        assert_eq!(client.ping(b""), Err(Status::State));
        client.assert_quiet();
    });
}

#[test]
fn what_is_kept_for_a_reconnect_counts_uncompressed() {
    bounded(|| {
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_deflate(true).unwrap();
        keep_messages(&client);
        let _peer = client.open_with(&server, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        client.set_send_queue_limit(16 << 20).unwrap();
        fill(&client);
        let taken = (0..100).take_while(|_| client.send_binary(&[0; 1 << 20]).is_ok());
        assert_eq!(taken.count(), 8);
        client.expect(EventType::BufferFull);
    });
}

#[test]
fn the_send_limit_takes_one_message_of_any_size() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_send_queue_limit(1000).unwrap();
        client.send_binary(&vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(client.send_binary(b"one more"), Err(Status::QueueFull));
        client.connect().unwrap();
        client.expect(EventType::BufferFull);
        client.expect(EventType::Connect);
        let mut peer = server.accept();
        peer.accept();
        client.expect(EventType::Handshake);
        let reader = thread::spawn(move || {
            assert_eq!(peer.frame().payload.len(), 1 << 20);
            peer
        });
        client.expect(EventType::BufferDrain);
        let _peer = reader.join().unwrap();
        client.send_binary(b"one more").unwrap();
    });
}

#[test]
fn a_full_send_queue_still_lets_pongs_and_the_close_out() {
    bounded(|| {
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_send_queue_limit(1000).unwrap();
        let mut peer = client.open(&server);
        while client.send_binary(&[b'x'; 50_000]) != Err(Status::QueueFull) {}
        peer.send(&Frame::ping("full?"));
        while client.next().event_type() != EventType::Ping {}
        client.close(1000, b"").unwrap();
        let reader = thread::spawn(move || {
            let mut pongs = 0;
            loop {
                let frame = peer.frame();
                match frame.opcode {
                    op::PONG => pongs += 1,
                    op::CLOSE => break,
                    _ => {}
                }
            }
            peer.send(&Frame::close(1000, ""));
            pongs
        });
        while client.next().event_type() != EventType::Close {}
        assert_eq!(reader.join().unwrap(), 1);
    });
}

/// Numbered messages of which each tells its place.
fn numbered(count: u32, size: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|index| {
            Frame::binary([&index.to_be_bytes()[..], &vec![0; size]].concat()).bytes()
        })
        .collect()
}

/// Takes `count` numbered messages.
fn assert_all_arrive(client: &Client, count: u32) {
    for index in 0..count {
        let (_, data) = client.message();
        assert_eq!(
            data[..4],
            index.to_be_bytes(),
            "a message is lost or out of order"
        );
    }
}

#[test]
fn a_host_that_takes_nothing_stops_the_server_and_loses_nothing() {
    bounded(|| {
        const LIMIT: usize = 300_000;
        const SIZE: usize = 1000;
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_receive_queue_limit(LIMIT).unwrap();
        let mut peer = client.open(&server);
        let count = 60_000;
        let bytes = numbered(count, SIZE);
        let written = peer.write_until_stuck(&bytes); // the standby reads meanwhile
        assert!(
            written < bytes.len(),
            "{written} bytes were taken for a host that takes none"
        );
        let queued = client.counter(Counter::BytesReceived) as usize;
        assert!(
            queued > LIMIT / 2 && queued < LIMIT + 2 * READ,
            "{queued} bytes were read"
        );

        let rest = bytes[written..].to_vec();
        let writer = thread::spawn(move || {
            peer.write(rest);
            peer
        });
        assert_all_arrive(&client, count);
        writer.join().unwrap();
    });
}

#[test]
fn many_empty_messages_count_against_the_receive_limit() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_receive_queue_limit(100_000).unwrap();
        let mut peer = client.open(&server);
        let message = Frame::text("").bytes();
        let bytes = message.repeat(20_000_000);
        let written = peer.write_until_stuck(&bytes);
        assert!(written < bytes.len(), "40 MB of empty messages were taken");
        let queued = client.counter(Counter::MessagesReceived);
        assert!(
            queued as usize <= 100_000 / 128 + READ / message.len(),
            "{queued} messages wait"
        );
    });
}

#[test]
fn pause_holds_messages_and_resume_delivers_them() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            client.pause_recv().unwrap();
            peer.send_all(&[Frame::text("one"), Frame::ping("two"), Frame::text("three")]);
            client.assert_quiet();
            client.send_text(b"sending goes on").unwrap();
            loop {
                let frame = peer.frame(); // a pong may come first
                if frame.opcode == op::TEXT {
                    assert_eq!(frame.payload, b"sending goes on");
                    break;
                }
            }
            client.resume_recv().unwrap();
            assert_eq!(client.text(), "one");
            client.expect(EventType::Ping);
            assert_eq!(client.text(), "three");
        }
    });
}

#[test]
fn pause_stops_reading_the_socket() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Thread, &server.url());
        let mut peer = client.open(&server);
        client.pause_recv().unwrap();
        let count = 60_000;
        let bytes = numbered(count, 1000);
        let written = peer.write_until_stuck(&bytes);
        assert!(
            written < bytes.len(),
            "{written} bytes were taken while paused"
        );
        let rest = bytes[written..].to_vec();
        let writer = thread::spawn(move || {
            peer.write(rest);
            peer
        });
        client.resume_recv().unwrap();
        assert_all_arrive(&client, count);
        writer.join().unwrap();
    });
}

#[test]
fn pause_inside_a_callback_holds_the_very_next_message() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.on(EventType::Message, |connection, _| {
                connection.pause_recv().unwrap()
            });
            let mut peer = client.open(&server);
            peer.send_all(&[Frame::text("one"), Frame::text("two"), Frame::text("three")]);
            for text in ["one", "two", "three"] {
                assert_eq!(client.text(), text);
                client.assert_quiet();
                client.resume_recv().unwrap();
            }
        }
    });
}

#[test]
fn the_end_of_the_connection_ends_the_pause() {
    bounded(|| {
        for drive in Drive::ALL {
            for how in ["close frame", "fin", "reset"] {
                let server = Server::listen();
                let client = Client::new(drive, &server.url());
                let mut peer = client.open(&server);
                peer.send(&Frame::text("first"));
                assert_eq!(client.text(), "first");
                client.pause_recv().unwrap();
                peer.send_all(&[Frame::text("held"), Frame::text("too")]);
                match how {
                    "close frame" => {
                        peer.send(&Frame::close(1000, "bye"));
                        peer.half_close();
                        let end = client.end();
                        assert_eq!(
                            (end.messages.len(), end.code),
                            (2, 1000),
                            "{drive:?}, {how}"
                        );
                    }
                    "fin" => {
                        peer.half_close();
                        let end = client.end();
                        assert_eq!(
                            (end.messages.len(), end.status),
                            (2, Status::Closed),
                            "{drive:?}, {how}"
                        );
                    }
                    _ => {
                        peer.reset(); // takes what was not read with it
                        assert_eq!(client.end().status, Status::Reset, "{drive:?}, {how}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_paused_connection_can_close_abort_and_resume_twice() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client.pause_recv().unwrap();
        client.pause_recv().unwrap();
        client.resume_recv().unwrap();
        client.resume_recv().unwrap();
        client.pause_recv().unwrap();
        peer.send(&Frame::text("held"));
        client.close(1000, b"").unwrap();
        let answering = thread::spawn(move || peer.answer_close());
        let end = client.end();
        assert_eq!(answering.join().unwrap(), Some((1000, String::new())));
        assert!(end.clean, "{end:?}");

        client.reconnect(Duration::ZERO).unwrap();
        let peer = client.opened_by(&server);
        client.pause_recv().unwrap();
        client.abort().unwrap();
        assert_eq!(client.end().status, Status::Aborted);
        peer.until_hung_up();
    });
}

#[test]
fn what_is_received_has_a_limit_of_its_own() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_max_message_size(10).unwrap();
        client.set_max_receive_size(100).unwrap();
        let mut peer = client.open(&server);
        assert_eq!(client.send(&[b'x'; 11]), Err(Status::TooBig));
        peer.send(&Frame::text([b'x'; 100]));
        assert_eq!(client.text().len(), 100);

        // It changes while the connection is open, up and down.
        client.set_max_receive_size(200).unwrap();
        peer.send(&Frame::text([b'x'; 200]));
        assert_eq!(client.text().len(), 200);
        client.set_max_receive_size(50).unwrap();
        peer.send_all(&[
            Frame::text([b'x'; 40]).unfinished(),
            Frame::continuation([b'x'; 11]),
        ]);
        assert_eq!(peer.close_code(), Some(1009));
        let end = client.end();
        assert_eq!(end.status, Status::MessageTooBig);
    });
}
