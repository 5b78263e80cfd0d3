//! Automatic reconnects: when they come, what is told before, what is sent first,
//! and what ends them.

mod support;

use std::time::Duration;

use support::{Client, Drive, Host, Peer, Server, bounded, field};
use wsc::connection::State;
use wsc::error::Status;
use wsc::event::{EventType, MessageType};
use wsc::reconnect::QueuePolicy;

/// Comes back at once, or nearly so.
fn persistent(url: &str, drive: Drive) -> Client {
    let client = Client::new(drive, url);
    client
        .set_reconnect(|policy| {
            policy.enabled = true;
            policy.set_delays(Duration::from_millis(1), Duration::from_millis(2))
        })
        .unwrap();
    client
}

fn lose(client: &Client, peer: Peer) {
    peer.close();
    let failure = client.failure();
    assert_eq!(failure.status, Status::Closed);
}

#[test]
fn a_lost_connection_comes_back_with_what_was_changed_before() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen();
            let client = persistent(&server.url(), drive);
            client.on(EventType::Reconnect, |connection, event| {
                let token = format!("token {}", event.attempt);
                connection
                    .set_header("Authorization", token.as_bytes())
                    .unwrap();
            });
            client.add_prologue(MessageType::Text, b"log in").unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            for attempt in 1..4 {
                let mut peer = server.accept();
                let request = peer.accept();
                client.expect(EventType::Handshake);
                assert_eq!(peer.text(), "log in");
                if attempt > 1 {
                    let token = format!("token {}", attempt - 1);
                    assert_eq!(field(&request, "Authorization"), Some(token.as_str()));
                }
                lose(&client, peer);
                client.expect(EventType::Reconnect);
                assert_eq!(client.expect(EventType::Connect).attempt, attempt + 1);
            }
        }
    });
}

#[test]
fn polling_delivers_the_announcement_before_the_attempt() {
    bounded(|| {
        let server = Server::listen();
        let client = persistent(&server.url(), Drive::Poll);
        let peer = client.open(&server);
        lose(&client, peer);
        client.expect(EventType::Reconnect);
        assert_eq!(client.state(), State::Waiting);
        client.set_header("X", b"fresh").unwrap();
        client.expect(EventType::Connect);
        let request = server.accept().read_request();
        assert_eq!(field(&request, "X"), Some("fresh"));
    });
}

#[test]
fn the_application_ends_it() {
    bounded(|| {
        let calls: [fn(&Client, Peer); 4] = [
            |client, peer| {
                client.close(1000, b"").unwrap();
                peer.answer_close();
                assert!(client.end().clean);
            },
            |client, peer| {
                client.abort().unwrap();
                client.end();
                drop(peer);
            },
            |client, peer| {
                lose(client, peer);
                client.cancel_reconnect().unwrap();
            },
            |client, peer| {
                lose(client, peer);
                client.expect(EventType::Reconnect);
                client.close(0, b"").unwrap();
            },
        ];
        for call in calls {
            let server = Server::listen();
            let client = persistent(&server.url(), Drive::Poll);
            let peer = client.open(&server);
            call(&client, peer);
            client.assert_quiet();
            assert_eq!(client.state(), State::Closed);
            assert!(!server.is_called());
        }
    });
}

#[test]
fn a_fatal_cause_ends_it_unless_told() {
    bounded(|| {
        for (answer, comes_back) in [
            ("403 Forbidden", false),
            ("404 Not Found", false),
            ("401 Log in", false),
            ("503 Busy", true),
        ] {
            for after_fatal in [false, true] {
                let server = Server::listen();
                let client = persistent(&server.url(), Drive::Poll);
                client
                    .set_reconnect(|policy| {
                        policy.after_fatal = after_fatal;
                        Ok(())
                    })
                    .unwrap();
                client.connect().unwrap();
                client.expect(EventType::Connect);
                let mut peer = server.accept();
                peer.read_request();
                peer.write(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"));
                client.failure();
                match comes_back || after_fatal {
                    true => drop(client.expect(EventType::Reconnect)),
                    false => client.assert_quiet(),
                }
            }
        }
    });
}

#[test]
fn attempts_in_a_row_are_limited() {
    bounded(|| {
        let refusing = Server::refusing();
        let client = persistent(&refusing.url(), Drive::Poll);
        client
            .set_reconnect(|policy| {
                policy.max_attempts = Some(2);
                Ok(())
            })
            .unwrap();
        client.connect().unwrap();
        for _ in 0..2 {
            client.failure();
            client.expect(EventType::Reconnect);
        }
        client.failure();
        client.assert_quiet();
    });
}

#[test]
fn messages_that_wait_are_kept_dropped_or_expire() {
    bounded(|| {
        for (policy, sent, lost) in [
            (QueuePolicy::Keep, true, 0),
            (QueuePolicy::Drop, false, 1),
            (QueuePolicy::Expire(Duration::from_secs(60)), true, 0),
            (QueuePolicy::Expire(Duration::from_nanos(1)), false, 0),
        ] {
            let server = Server::listen();
            let client = persistent(&server.url(), Drive::Poll);
            client
                .set_reconnect(|contract| {
                    contract.queue = policy;
                    Ok(())
                })
                .unwrap();
            client.send_text(b"early").unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.read_request();
            peer.close();
            assert_eq!(client.end().unsent, lost, "{policy:?}");
            client.send_text(b"between").unwrap();
            client.expect(EventType::Reconnect);
            let mut peer = client.opened_by(&server);
            client.send_text(b"late").unwrap();
            if sent {
                assert_eq!(peer.text(), "early", "{policy:?}");
            }
            let expires = policy == QueuePolicy::Expire(Duration::from_nanos(1));
            if !expires {
                assert_eq!(peer.text(), "between", "{policy:?}");
            }
            assert_eq!(peer.text(), "late", "{policy:?}");
            peer.close();
            assert_eq!(client.end().unsent, if expires { 2 } else { 0 });
        }
    });
}

#[test]
fn a_thousand_reconnects_leave_the_loop_running() {
    bounded(|| {
        let refusing = Server::refusing();
        let client = persistent(&refusing.url(), Drive::Poll);
        client.connect().unwrap();
        for _ in 0..1000 {
            client.failure();
            client.expect(EventType::Reconnect);
            client.host.forget();
        }
        client.cancel_reconnect().unwrap();
        let _free_while_waiting: &Host = &client.host;
    });
}
