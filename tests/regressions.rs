//! Faults that were found after the suites by subject were written, each with
//! the scenario that failed.

mod support;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::*;
use wsc::connection::{Connection, State};
use wsc::event::EventType;
use wsc::event_loop::{Callbacks, Loop};

// a burst by another thread while the host waits without a timeout
#[test]
fn burst_from_another_thread_leaves() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Dispatch, &server.url());
        client.set_ping_interval(None).unwrap();
        let mut peer = client.open(&server);
        let sender = client.connection.clone();
        let (done, is_done) = std::sync::mpsc::channel();
        let event_loop = client.host.event_loop.clone();
        let t = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            for i in 0..3 {
                sender.send_text(format!("{i}").as_bytes()).unwrap();
            }
            let r: Vec<String> = (0..1).map(|_| peer.text()).collect();
            let start = Instant::now();
            done.send(()).unwrap();
            // wait up to 3 s for the rest
            let mut stuck = 0;
            while sender.buffered_amount() > 0 && start.elapsed() < Duration::from_secs(3) {
                stuck += 1;
                thread::sleep(Duration::from_millis(1));
            }
            let left = sender.buffered_amount();
            event_loop.wake().unwrap();
            println!(
                "first {r:?}, after {:?} {left} bytes were still queued ({stuck})",
                start.elapsed()
            );
            left
        });
        client.host.event_loop.dispatch(None).unwrap();
        is_done.recv().unwrap();
        assert_eq!(t.join().unwrap(), 0);
    });
}

// run on an ON_THREAD loop with on_close -> reconnect
#[test]
fn run_on_thread_waits_for_the_close_callback() {
    bounded(|| {
        let server = Server::listen();
        let scripts = server.serve(|mut peer| {
            peer.accept();
            peer.send(&Frame::text("x"));
            peer.close();
        });
        let event_loop = Loop::new(Callbacks::OnThread).unwrap();
        let connection = Connection::new(&event_loop, &scripts.url()).unwrap();
        let closes = Arc::new(AtomicUsize::new(0));
        let seen = closes.clone();
        connection
            .on(
                EventType::Close,
                Some(Arc::new(move |c: &Connection, _| {
                    thread::sleep(Duration::from_millis(50));
                    if seen.fetch_add(1, Ordering::SeqCst) < 2 {
                        c.reconnect(Duration::from_millis(1)).unwrap();
                    }
                })),
            )
            .unwrap();
        connection.connect().unwrap();
        event_loop.run().unwrap();
        let n = closes.load(Ordering::SeqCst);
        connection.free();
        event_loop.free();
        assert_eq!(n, 3, "run returned before the last close callback");
    });
}

// a pause must not hold BUFFER_DRAIN
#[test]
fn drain_is_told_while_paused() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_send_queue_limit(1 << 16).unwrap();
        let mut peer = client.open(&server);
        peer.send_all(&[Frame::text("a"), Frame::text("b")]);
        // one event out, the other stays queued
        while client.host.poll(1, Duration::from_millis(100)) == 0 {}
        assert_eq!(client.text(), "a");
        while client.send_binary(&[0; 60_000]).is_ok() {}
        client.pause_recv().unwrap();
        let reader = thread::spawn(move || peer.until_gone());
        client.until("drained", || client.buffered_amount() == 0);
        let mut got = Vec::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(500) {
            client.host.turn(Duration::from_millis(10));
            while let Some(e) = client.host.arrived() {
                got.push(e.event_type());
            }
        }
        client.abort().unwrap();
        client.connection.free();
        reader.join().unwrap();
        // Where the kernel takes more meanwhile, the queue fills again.
        let pairs = got.chunks(2);
        let pair = [EventType::BufferFull, EventType::BufferDrain];
        assert!(
            !got.is_empty() && pairs.into_iter().all(|told| told == pair),
            "{got:?}"
        );
    });
}

// the host enters a wait while the standby thread is in a turn
#[test]
fn standby_does_not_eat_the_hosts_wakeup() {
    bounded(|| {
        const N: usize = 40;
        let server = Server::listen();
        let host = Host::new(Drive::Poll);
        host.event_loop
            .set_standby_grace(Some(Duration::from_millis(1)))
            .unwrap();
        let mut peers = Vec::new();
        let mut conns = Vec::new();
        for _ in 0..N {
            let c = host.connection(&server.url());
            c.set_ping_interval(None).unwrap();
            c.connect().unwrap();
            host.expect(EventType::Connect);
            let mut p = server.accept();
            p.accept();
            host.expect(EventType::Handshake);
            conns.push(c);
            peers.push(p);
        }
        let mut random = Random::new();
        let mut bad = 0;
        let mut rounds = 0;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(15) && bad == 0 {
            rounds += 1;
            // only one connection: then nothing else arrives
            let n = 1 + random.below(3) as usize;
            for p in peers.iter_mut().take(n) {
                p.send(&Frame::binary(vec![7; 60_000]));
            }
            let until = Instant::now() + Duration::from_micros(1000 + random.below(300));
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            let before = Instant::now();
            let mut total = 0;
            while total < n {
                let got = host.poll(64, Duration::from_secs(2));
                total += got;
                if before.elapsed() > Duration::from_secs(1) {
                    bad += 1;
                    println!(
                        "round {rounds}: slept {:?}, then {got} events",
                        before.elapsed()
                    );
                    break;
                }
            }
            while host.arrived().is_some() {}
            host.forget();
        }
        println!("{rounds} rounds, {bad} bad");
        for c in &conns {
            c.free();
        }
        assert_eq!(bad, 0);
    });
}

// a refusal with a chunked body on a connection that stays open
#[test]
fn chunked_refusal_is_told_at_once() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = server.accept();
        peer.read_request();
        peer.write(
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        );
        let start = Instant::now();
        client.until("the close", || {
            start.elapsed() > Duration::from_millis(9000) || {
                client.host.turn(Duration::from_millis(5));
                client.state() == State::Closed
            }
        });
        println!("{:?} {:?}", start.elapsed(), client.host.arrived());
        assert!(start.elapsed() < Duration::from_secs(2));
    });
}

// pausing between the end and its delivery
#[test]
fn a_late_pause_does_not_hold_the_close() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.send_all(&[Frame::text("a"), Frame::text("b")]);
        peer.close();
        while client.host.poll(1, Duration::from_millis(100)) == 0 {}
        assert_eq!(client.text(), "a");
        thread::sleep(Duration::from_millis(100)); // the standby sees the end
        client.pause_recv().unwrap();
        let mut got = Vec::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(500) {
            client.host.turn(Duration::from_millis(10));
            while let Some(e) = client.host.arrived() {
                got.push(e.event_type());
            }
        }
        assert!(got.contains(&EventType::Close), "{got:?}");
    });
}

// pings pile up behind a peer that does not read
#[test]
fn pings_do_not_pile_up() {
    bounded(|| {
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        let _peer = client.open(&server);
        // Else it would end the attempt, and with it what waits.
        client.set_pong_timeout(None).unwrap();
        while client.send_binary(&[0; 1 << 20]).is_ok() {
            client.host.turn(Duration::ZERO);
        }
        let before = client.buffered_amount();
        client
            .set_ping_interval(Some(Duration::from_millis(1)))
            .unwrap();
        for _ in 0..500 {
            client.host.turn(Duration::from_millis(1));
        }
        assert_eq!(client.state(), State::Open);
        assert!(client.buffered_amount() < before + 100);
    });
}

// empty messages before the handshake
#[test]
fn empty_messages_are_limited() {
    let event_loop = Loop::new(Callbacks::OnDispatch).unwrap();
    let c = Connection::new(&event_loop, "ws://127.0.0.1:9/").unwrap();
    c.set_send_queue_limit(1000).unwrap();
    let n = (0..1_000_000)
        .take_while(|_| c.send_text(b"").is_ok())
        .count();
    c.free();
    event_loop.free();
    assert!(n < 100_000, "{n} accepted");
}

// connections on a loop that never had a turn
#[test]
fn a_connection_that_never_connected_leaves_nothing() {
    for callbacks in [Callbacks::OnDispatch, Callbacks::OnThread] {
        let event_loop = Loop::new(callbacks).unwrap();
        let connection = Connection::new(&event_loop, "ws://127.0.0.1:9/").unwrap();
        connection.set_ping_interval(None).unwrap();
        connection.pause_recv().unwrap();
        connection.free();
        let left = Arc::downgrade(&connection);
        drop(connection);
        assert_eq!(left.strong_count(), 0);
        event_loop.free();
    }
}

// descriptors in a forked child
#[test]
fn child_free_closes_all() {
    let event_loop = Loop::new(Callbacks::OnDispatch).unwrap();
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let with = count();
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        event_loop.free();
        let left = count();
        unsafe { libc::_exit((with - left) as i32) };
    }
    let mut status = 0;
    unsafe { libc::waitpid(pid, &mut status, 0) };
    let closed = libc::WEXITSTATUS(status);
    event_loop.free();
    drop(event_loop);
    let all = with - count();
    assert_eq!(closed as usize, all, "the child closed {closed} of {all}");
}

// the peer's close code when its close handshake is not finished
#[test]
fn close_code_survives_the_deadline() {
    bounded(|| {
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        client
            .set_close_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let mut peer = client.open(&server);
        while client.send_binary(&[0; 1 << 20]).is_ok() {}
        peer.send(&Frame::new(
            op::CLOSE,
            [&1001u16.to_be_bytes()[..], b"restart"].concat(),
        ));
        client.expect(EventType::BufferFull);
        let end = client.end();
        assert_eq!((end.code, &end.reason[..]), (1001, "restart"), "{end:?}");
    });
}

// a stop and a wake in both orders do not get lost (stress)
#[test]
fn mixed_poll_and_dispatch_reconnect() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let _p = client.open(&server);
        client.reconnect(Duration::from_millis(1)).unwrap();
        client.host.poll(64, Duration::from_millis(100)); // takes the close
        let start = Instant::now();
        while !server.is_called() && start.elapsed() < Duration::from_secs(1) {
            client
                .host
                .event_loop
                .dispatch(Some(Duration::from_millis(10)))
                .unwrap();
        }
        assert!(server.is_called(), "the reconnect never came");
    });
}

// huge durations by the crate's API
#[test]
fn huge_durations_do_not_panic() {
    let event_loop = Loop::new(Callbacks::OnDispatch).unwrap();
    let c = Connection::new(&event_loop, "ws://127.0.0.1:9/").unwrap();
    c.reconnect(Duration::MAX).unwrap();
    c.free();
    event_loop.free();
    let server = Server::listen();
    let client = Client::new(Drive::Poll, &server.url());
    client.set_idle_timeout(Some(Duration::MAX)).unwrap();
    let mut peer = client.open(&server);
    peer.send(&Frame::text("hello"));
    assert_eq!(client.text(), "hello");
}
