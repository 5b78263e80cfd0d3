//! Further attempts of one connection.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::*;
use wsc::connection::State;
use wsc::error::Status;
use wsc::event::EventType;

/// Long enough that it never fires in a test that cancels it.
const LATER: Duration = Duration::from_secs(3600);

#[test]
fn attempts_are_numbered_and_each_ends_with_one_close() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            for attempt in 1..=4 {
                match attempt {
                    1 | 3 => client.connect().unwrap(),
                    _ => client.reconnect(Duration::ZERO).unwrap(),
                }
                assert_eq!(client.expect(EventType::Connect).attempt, attempt);
                let mut peer = server.accept();
                peer.accept();
                assert_eq!(client.expect(EventType::Handshake).attempt, attempt);
                client.send_text(b"hello").unwrap();
                assert_eq!(peer.text(), "hello");
                peer.send(&Frame::close(1000, ""));
                peer.close_code();
                drop(peer);
                let close = client.expect(EventType::Close);
                assert_eq!((close.attempt, close.conn_id), (attempt, client.id()));
                client.assert_quiet();
            }
        }
    });
}

#[test]
fn a_delayed_reconnect_waits_and_takes_messages() {
    bounded(|| {
        let delay = Duration::from_millis(100);
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.open(&server).close();
            client.end();
            let started = Instant::now();
            client.reconnect(delay).unwrap();
            assert_eq!(client.state(), State::Waiting);
            client.send_text(b"queued while waiting").unwrap();
            let mut peer = client.opened_by(&server);
            assert!(started.elapsed() >= delay, "too early");
            assert_eq!(peer.text(), "queued while waiting");
        }
    });
}

#[test]
fn connect_ends_the_wait_of_a_scheduled_reconnect() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.reconnect(LATER).unwrap();
        assert_eq!(client.state(), State::Waiting);
        client.connect().unwrap();
        assert_eq!(client.state(), State::Connecting);
        let _peer = client.opened_by(&server);
        client.assert_quiet();
    });
}

#[test]
fn a_second_reconnect_replaces_the_first() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.reconnect(LATER).unwrap();
        client.reconnect(Duration::from_millis(10)).unwrap();
        client.opened_by(&server);
    });
}

#[test]
fn connect_is_refused_while_an_attempt_lives() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.connect().unwrap();
        assert_eq!(client.connect(), Err(Status::State));
        let mut peer = client.opened_by(&server);
        assert_eq!(client.connect(), Err(Status::State));
        client.close(1000, b"").unwrap();
        assert_eq!(client.connect(), Err(Status::State));
        assert_eq!(peer.close_code(), Some(1000));
        peer.send(&Frame::close(1000, ""));
        drop(peer);
        assert!(client.end().clean);
        client.connect().unwrap();
    });
}

#[test]
fn reconnect_aborts_a_living_attempt_and_tells_its_close_first() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let mut old_peer = client.open(&server);
            client.reconnect(Duration::ZERO).unwrap();
            let close = client.expect(EventType::Close);
            assert_eq!(close.attempt, 1);
            old_peer.until_gone();
            client.send_text(b"for the new one").unwrap();
            assert_eq!(client.expect(EventType::Connect).attempt, 2);
            let mut peer = server.accept();
            peer.accept();
            client.expect(EventType::Handshake);
            assert_eq!(peer.text(), "for the new one");
        }
    });
}

#[test]
fn a_delayed_reconnect_of_a_living_attempt_waits_after_its_close() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let _old_peer = client.open(&server);
            client.reconnect(LATER).unwrap();
            client.expect(EventType::Close);
            client.until("the wait begins", || client.state() == State::Waiting);
            client.cancel_reconnect().unwrap();
            assert_eq!(client.state(), State::Closed);
            client.assert_quiet();
        }
    });
}

#[test]
fn reconnect_while_connecting_starts_over() {
    bounded(|| {
        for drive in Drive::ALL {
            let deaf = Server::deaf();
            let server = Server::listen();
            let client = Client::new(drive, &deaf.url());
            client.connect().unwrap();
            client.set_url(&server.url()).unwrap();
            client.reconnect(Duration::ZERO).unwrap();
            let end = client.end();
            assert!(
                end.error.is_none() && end.status == Status::Aborted,
                "{end:?}"
            );
            client.opened_by(&server);
        }
    });
}

#[test]
fn a_cancelled_reconnect_never_happens() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.open(&server).close();
            client.end();
            client.reconnect(Duration::from_millis(50)).unwrap();
            client.cancel_reconnect().unwrap();
            assert_eq!(client.state(), State::Closed);
            assert_eq!(client.send_text(b"x"), Err(Status::State));
            for _ in 0..3 {
                client.assert_quiet();
            }
            assert!(!server.is_called(), "it connected all the same");
            client.connect().unwrap();
            client.opened_by(&server);
        }
    });
}

#[test]
fn close_and_abort_cancel_a_scheduled_reconnect() {
    bounded(|| {
        for drive in Drive::ALL {
            for aborts in [false, true] {
                let server = Server::listen();
                let client = Client::new(drive, &server.url());
                client.open(&server).close();
                client.end();
                client.reconnect(Duration::from_millis(50)).unwrap();
                if aborts {
                    client.abort().unwrap();
                } else {
                    client.close(1000, b"").unwrap();
                }
                assert_eq!(client.state(), State::Closed);
                for _ in 0..3 {
                    client.assert_quiet(); // no close either: no attempt had started
                }
                assert!(!server.is_called(), "it connected all the same");
            }
        }
    });
}

#[test]
fn reconnect_inside_the_close_callback_keeps_the_handlers() {
    bounded(|| {
        for (drive, delay) in [
            (Drive::Dispatch, Duration::ZERO),
            (Drive::Thread, Duration::ZERO),
            (Drive::Dispatch, Duration::from_millis(20)),
            (Drive::Thread, Duration::from_millis(20)),
        ] {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.on(EventType::Close, move |connection, _| {
                connection.reconnect(delay).unwrap()
            });
            client.connect().unwrap();
            for attempt in 1..=5 {
                assert_eq!(client.expect(EventType::Connect).attempt, attempt);
                let mut peer = server.accept();
                peer.accept();
                client.expect(EventType::Handshake);
                peer.send(&Frame::text(attempt.to_string()));
                assert_eq!(client.text(), attempt.to_string());
                peer.send(&Frame::close(1000, ""));
                peer.close_code();
                drop(peer);
                assert_eq!(client.expect(EventType::Close).attempt, attempt);
            }
        }
    });
}

#[test]
fn reconnect_inside_the_error_callback_still_tells_the_close() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let refusing = Server::refusing();
            let server = Server::listen();
            let client = Client::new(drive, &refusing.url());
            let url = server.url();
            client.on(EventType::Error, move |connection, _| {
                connection.set_url(&url).unwrap();
                connection.reconnect(Duration::ZERO).unwrap();
            });
            client.connect().unwrap();
            assert_eq!(client.expect(EventType::Error).attempt, 1);
            assert_eq!(client.expect(EventType::Close).attempt, 1);
            assert_eq!(client.expect(EventType::Connect).attempt, 2);
            server.accept().accept();
            client.expect(EventType::Handshake);
        }
    });
}

#[test]
fn an_attempt_that_was_replaced_is_told_before_the_next_begins() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let is_first = AtomicBool::new(true);
            client.on(EventType::Close, move |connection, _| {
                if is_first.swap(false, Ordering::SeqCst) {
                    connection.connect().unwrap();
                    connection.reconnect(Duration::ZERO).unwrap();
                }
            });
            client.on(EventType::Handshake, |connection, _| {
                assert_eq!(connection.state(), State::Open);
            });
            drop(client.open(&server));
            assert_eq!(client.end().status, Status::Closed);
            let end = client.end();
            assert_eq!((end.status, end.code), (Status::Aborted, 1006));
            let _peer = client.opened_by(&server);
            assert_eq!(client.state(), State::Open);
        }
    });
}

#[test]
fn messages_left_over_are_not_sent_to_the_next_server() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.send_text(b"for the first").unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = server.accept();
        peer.read_request();
        peer.half_close();
        assert_eq!(client.end().unsent, 1); // told, so the host may send it again
        client.reconnect(Duration::ZERO).unwrap();
        client.send_text(b"for the second").unwrap();
        let mut peer = client.opened_by(&server);
        assert_eq!(peer.text(), "for the second");
    });
}

#[test]
fn a_half_received_message_is_not_completed_by_the_next_attempt() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.send(&Frame::text("half of the first").unfinished());
        peer.write(&Frame::continuation("never whole").bytes()[..4]);
        peer.half_close();
        client.end();
        client.reconnect(Duration::ZERO).unwrap();
        let mut peer = client.opened_by(&server);
        peer.send(&Frame::text("whole"));
        assert_eq!(client.text(), "whole");
    });
}

#[test]
fn a_thousand_attempts_leave_nothing_behind() {
    alone("a_thousand_attempts_leave_nothing_behind", || {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.open(&server).close();
        client.end();
        let (fds, tasks) = (open_fds(), threads());
        for _ in 0..1000 {
            client.reconnect(Duration::ZERO).unwrap();
            client.opened_by(&server).close();
            client.end();
        }
        assert_eq!((open_fds(), threads()), (fds, tasks));
    });
}
