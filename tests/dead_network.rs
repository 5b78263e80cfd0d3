//! Networks that lose what is sent: dead addresses, links that break without a word,
//! and a resolver that does not answer.

mod support;

use std::ffi::CStr;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use support::namespace::{self, Files};
use support::{Client, Drive, Frame, Host, SHORT, Server, eventually, op, threads};
use wsc::error::{Phase, Status};
use wsc::event::{EventKind, EventType};
use wsc::report::Retry;

const FILES: Files<'static> = &[
    (
        "/etc/hosts",
        "2001:db8::9 dead.test\n192.0.2.9 dead.test\n192.0.2.8 dead.test\n\
         2001:db8::9 mixed.test\n127.0.0.1 mixed.test\n\
         198.51.100.9 nowhere.test\n198.51.100.8 nowhere.test\n\
         127.0.0.1 local.test\n",
    ),
    (
        "/etc/resolv.conf",
        "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n",
    ),
    ("/etc/nsswitch.conf", "hosts: files dns\n"),
];

fn lines(client: &Client) -> Vec<String> {
    let addresses = client.report().unwrap().addresses;
    addresses.lines().map(str::to_owned).collect()
}

#[test]
fn dead_addresses_end_at_the_deadline_and_are_named() {
    let name = "dead_addresses_end_at_the_deadline_and_are_named";
    namespace::apart(name, FILES, || {
        let client = Client::new(Drive::Poll, "ws://192.0.2.9:81/");
        client.set_connect_timeout(Some(SHORT)).unwrap();
        client.connect().unwrap();
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase),
            (Status::Timeout, Phase::Tcp)
        );
        assert_eq!(lines(&client), ["192.0.2.9:81: no answer"]);
        assert_eq!(client.report().unwrap().retry, Retry::Later);

        // Long enough for each of the three to be tried, a quarter of a second apart.
        let timeout = Duration::from_secs(1);
        client.set_connect_timeout(Some(timeout)).unwrap();
        client.set_url("ws://dead.test:81/").unwrap();
        let began = Instant::now();
        client.connect().unwrap();
        let failure = client.failure();
        assert!(began.elapsed() >= timeout);
        assert_eq!(
            (failure.status, failure.phase),
            (Status::Timeout, Phase::Tcp)
        );
        let mut tried = lines(&client);
        assert_eq!(tried[0], "[2001:db8::9]:81: no answer");
        tried[1..].sort_unstable();
        assert_eq!(
            tried[1..],
            ["192.0.2.8:81: no answer", "192.0.2.9:81: no answer"]
        );
    });
}

#[test]
fn addresses_without_a_route_are_told_apart() {
    let name = "addresses_without_a_route_are_told_apart";
    namespace::apart(name, FILES, || {
        for (route, errno, words) in [
            ("unreachable", libc::EHOSTUNREACH, "No route to host"),
            ("throw", libc::ENETUNREACH, "Network is unreachable"),
        ] {
            namespace::run(&format!("ip route replace {route} 198.51.100.0/24"));
            let client = Client::new(Drive::Poll, "ws://nowhere.test:81/");
            client.connect().unwrap();
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Unreachable, Phase::Tcp),
                "{}",
                failure.text
            );
            assert_eq!(client.report().unwrap().os_error, errno);
            let tried = lines(&client);
            assert_eq!(tried.len(), 2, "{tried:?}");
            assert!(tried.iter().all(|line| line.contains(words)));
            namespace::run(&format!("ip route delete {route} 198.51.100.0/24"));
        }
    });
}

#[test]
fn a_dead_ipv6_address_is_raced_past() {
    let name = "a_dead_ipv6_address_is_raced_past";
    namespace::apart(name, FILES, || {
        let server = Server::listen();
        let port = server.address().port();
        let client = Client::new(Drive::Poll, &format!("ws://mixed.test:{port}/"));
        let began = Instant::now();
        let _peer = client.open(&server);
        assert!(began.elapsed() >= Duration::from_millis(250));
        assert_eq!(
            lines(&client),
            [
                format!("[2001:db8::9]:{port}: no answer"),
                format!("127.0.0.1:{port}")
            ]
        );
    });
}

#[test]
fn a_link_local_address_is_reached_through_its_interface() {
    let name = "a_link_local_address_is_reached_through_its_interface";
    namespace::apart(name, FILES, || {
        let address = format!("[fe80::1%{}]:0", interface_index(c"v0"));
        let server = Server::from(TcpListener::bind(address).unwrap());
        let port = server.address().port();
        let client = Client::new(Drive::Poll, &format!("ws://[fe80::1%25v0]:{port}/"));
        client.open(&server);
        // Through another one it is elsewhere.
        client.abort().unwrap();
        client.end();
        client
            .set_url(&format!("ws://[fe80::1%25lo]:{port}/"))
            .unwrap();
        client.set_connect_timeout(Some(SHORT)).unwrap();
        client.connect().unwrap();
        assert_eq!(client.failure().phase, Phase::Tcp);
    });
}

fn interface_index(name: &CStr) -> u32 {
    // SAFETY: a string with a NUL at its end.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

#[test]
fn a_socket_keeps_to_its_interface() {
    let name = "a_socket_keeps_to_its_interface";
    namespace::apart(name, FILES, || {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_interface("lo").unwrap();
        client.open(&server);
        client.abort().unwrap();
        client.end();
        client.set_connect_timeout(Some(SHORT)).unwrap();
        for (interface, status) in [("v0", Status::Timeout), ("no-such", Status::Io)] {
            client.set_interface(interface).unwrap();
            client.connect().unwrap();
            let failure = client.failure();
            assert_eq!((failure.status, failure.phase), (status, Phase::Tcp));
        }
    });
}

#[test]
fn a_link_that_breaks_without_a_word_is_noticed() {
    let name = "a_link_that_breaks_without_a_word_is_noticed";
    namespace::apart(name, FILES, || {
        let server = Server::listen();
        let host = Host::new(Drive::Poll);
        let [pinging, stuffed, sending] = [0, 1, 2].map(|_| host.connection(&server.url()));
        pinging.set_ping_interval(Some(SHORT)).unwrap();
        stuffed.set_ping_interval(None).unwrap();
        for connection in [&pinging, &stuffed] {
            connection.set_pong_timeout(Some(4 * SHORT)).unwrap();
        }
        sending.set_ping_interval(None).unwrap();
        sending.set_user_timeout(Some(2 * SHORT)).unwrap();
        let mut peers = Vec::new();
        for connection in [&sending, &stuffed, &pinging] {
            connection.connect().unwrap();
            host.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.accept();
            host.expect(EventType::Handshake);
            peers.push(peer);
        }
        host.until("a ping leaves", || peers[2].has_input());
        let ping = peers[2].frame();
        assert_eq!(ping.opcode, op::PING);
        peers[2].send(&Frame::pong(ping.payload));
        host.expect(EventType::Pong);
        namespace::run("ip link set lo down");
        sending.send_text(b"into the void").unwrap();
        // So much that a ping cannot even leave.
        let mut accepted = 0;
        while stuffed.send_binary(&[0; 64 << 10]).is_ok() {
            accepted += 1;
        }
        stuffed.set_ping_interval(Some(SHORT)).unwrap();
        let mut open = 3;
        while open > 0 {
            let event = host.next();
            if let EventKind::Close { unsent, .. } = event.kind {
                open -= 1;
                let is_stuffed = event.conn_id == stuffed.id();
                assert!(
                    unsent <= accepted && (unsent > 0 || !is_stuffed),
                    "{unsent}"
                );
            }
        }
        for (connection, os_error) in [(&pinging, 0), (&stuffed, 0), (&sending, libc::ETIMEDOUT)] {
            let report = connection.report().unwrap();
            assert_eq!(
                (report.status, report.phase, report.os_error),
                (Status::Timeout, Phase::Open, os_error),
                "{}",
                report.reason
            );
            connection.free();
        }
    });
}

/// A name server that takes questions and answers none.
fn silent_resolver() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:53").unwrap()
}

#[test]
fn a_resolver_that_does_not_answer_ends_at_the_deadline() {
    let name = "a_resolver_that_does_not_answer_ends_at_the_deadline";
    namespace::apart(name, FILES, || {
        let resolver = silent_resolver();
        for drive in Drive::ALL {
            let client = Client::new(drive, "ws://unanswered.test/");
            client.set_phase_timeout(Phase::Dns, Some(SHORT)).unwrap();
            client.connect().unwrap();
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Timeout, Phase::Dns)
            );
            assert!(failure.text.contains("host name"), "{}", failure.text);
            let mut question = [0; 512];
            let (size, _) = resolver.recv_from(&mut question).unwrap();
            let question = String::from_utf8_lossy(&question[..size]);
            assert!(question.contains("unanswered"), "{question}");

            // Nor is it waited for by one who does not want it any more.
            client.set_phase_timeout(Phase::Dns, None).unwrap();
            client.connect().unwrap();
            client.abort().unwrap();
            assert_eq!(client.end().status, Status::Aborted);
        }
    });
}

#[test]
fn look_ups_without_end_hold_up_no_other() {
    let name = "look_ups_without_end_hold_up_no_other";
    namespace::apart(name, FILES, || {
        let _resolver = silent_resolver();
        let server = Server::listen();
        let host = Host::new(Drive::Poll);
        let stuck = host.connection("ws://unanswered.test/");
        stuck
            .set_phase_timeout(Phase::Dns, Some(Duration::from_millis(5)))
            .unwrap();
        for _ in 0..100 {
            stuck.connect().unwrap();
            while host.next().event_type() != EventType::Close {}
        }
        // They wait for the same look-up.
        assert!(threads() < 10, "{} threads", threads());
        stuck.free();
        // On the same loop, and with the same threads.
        let port = server.address().port();
        let other = host.connection(&format!("ws://local.test:{port}/"));
        other.connect().unwrap();
        host.expect(EventType::Connect);
        other.free();
        let began = Instant::now();
        drop(host);
        assert!(began.elapsed() < Duration::from_secs(5), "free has waited");
        eventually("the connection is closed", || server.accept().has_input());
    });
}
