//! Load: memory, descriptors and threads stay flat, and nothing is lost.
//!
//! `make load` runs the long form (`WSC_LOAD=1`) on the release build and prints the
//! figures.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{
    Client, DEADLINE, Drive, Frame, Host, Peer, Random, Server, alone, eventually, op, open_fds,
    raise_fd_limit, resident_bytes, threads,
};
use wsc::error::Status;
use wsc::event::{EventKind, EventType, Part};

/// The short form, or the long one where it is asked for.
fn scaled<T>(short: T, long: T) -> T {
    match std::env::var_os("WSC_LOAD") {
        Some(_) => long,
        None => short,
    }
}

/// What the process is made of, before and after.
struct Usage {
    memory: usize,
    fds: usize,
    threads: usize,
}

impl Usage {
    fn now() -> Usage {
        Usage {
            memory: resident_bytes(),
            fds: open_fds(),
            threads: threads(),
        }
    }

    /// How much memory came on top.
    fn growth(&self) -> usize {
        resident_bytes().saturating_sub(self.memory)
    }

    /// Descriptors and threads are as many as before.
    fn assert_back(&self) {
        eventually("descriptors and threads are gone", || {
            open_fds() <= self.fds && threads() <= self.threads
        });
    }
}

#[test]
fn ten_thousand_connections_on_one_loop_echo() {
    alone("ten_thousand_connections_on_one_loop_echo", || {
        const ROUNDS: usize = 3;
        raise_fd_limit();
        // Both ends are in this process, whose limit may be lower.
        let count = scaled(500, 10_000).min(fd_limit() / 2 - 100);
        let before = Usage::now();
        let host = Host::new(Drive::Poll);
        let server = Server::listen();
        let url = server.url();
        let script = thread::spawn(move || {
            let mut peers: Vec<Peer> = Vec::new();
            for _ in 0..count {
                let mut peer = server.accept();
                peer.accept();
                peers.push(peer);
            }
            for _ in 0..ROUNDS {
                for peer in &mut peers {
                    let text = peer.text();
                    peer.send(&Frame::text(text));
                }
            }
            peers
        });
        let start = Instant::now();
        let connections: Vec<_> = (0..count).map(|_| host.connection(&url)).collect();
        for connection in &connections {
            connection.connect().unwrap();
        }
        let mut echoed = 0;
        while echoed < count * ROUNDS {
            let event = host.next();
            let index = connections.binary_search_by_key(&event.conn_id, |it| it.id());
            let connection = &connections[index.unwrap()];
            match event.event_type() {
                EventType::Handshake => connection.send_text(b"hello").unwrap(),
                EventType::Message => {
                    assert_eq!(event.data(), b"hello");
                    echoed += 1;
                    if echoed < count * ROUNDS {
                        // The last round's come too late to be answered.
                        let _late = connection.send_text(b"hello");
                    }
                }
                EventType::Connect => {}
                _ => panic!("{event:?}"),
            }
            host.forget();
        }
        let (took, memory) = (start.elapsed(), before.growth());
        assert_eq!(
            threads(),
            before.threads + 1 + usize::from(!script.is_finished())
        );
        let peers = script.join().unwrap();
        println!(
            "{count} connections, {echoed} echoes in {took:.1?}; {} bytes each, with the peer",
            memory / count
        );
        assert!(memory / count < 32 << 10);
        drop(peers);
        for connection in &connections {
            connection.free();
        }
        drop((connections, host));
        before.assert_back();
    });
}

fn fd_limit() -> usize {
    // SAFETY: the limit is ours.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur as usize
    }
}

#[test]
fn reconnect_cycles_leave_nothing() {
    alone("reconnect_cycles_leave_nothing", || {
        let cycles = scaled(1_000, 100_000);
        let urls = cycle_servers();
        let client = Client::new(Drive::Poll, &urls[0]);
        let start = Instant::now();
        let mut before = Usage::now();
        for cycle in 0..cycles {
            if cycle == cycles / 10 {
                before = Usage::now(); // warm
            }
            client.set_url(&urls[cycle % urls.len()]).unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            client.send_text(b"hello").unwrap();
            assert_eq!(client.text(), "hello");
            client.close(1000, b"").unwrap();
            let end = client.end();
            assert!(end.clean && end.status == Status::Ok, "{end:?}");
            client.host.forget();
        }
        let rate = cycles as f64 / start.elapsed().as_secs_f64();
        let growth = before.growth();
        println!("{cycles} cycles, {rate:.0} a second; memory grew by {growth} bytes");
        assert!(growth < 2 << 20, "{growth} bytes");
        eventually("descriptors and threads are those of the beginning", || {
            open_fds() <= before.fds && threads() <= before.threads
        });
    });
}

/// Servers on several addresses: on one the ports would soon all wait for late
/// packets. Each serves one connection after the other.
fn cycle_servers() -> Vec<String> {
    (1..=8)
        .map(|host| {
            let listener = TcpListener::bind((format!("127.0.0.{host}"), 0)).unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            thread::spawn(move || {
                for stream in listener.incoming() {
                    serve_one(stream.unwrap());
                }
            });
            url
        })
        .collect()
}

fn serve_one(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut input = Vec::new();
    let mut buffer = [0; 4096];
    let mut is_open = false;
    loop {
        let count = stream.read(&mut buffer).unwrap();
        if count == 0 {
            return;
        }
        input.extend_from_slice(&buffer[..count]);
        if !is_open && input.ends_with(b"\r\n\r\n") {
            let request = String::from_utf8(std::mem::take(&mut input)).unwrap();
            stream
                .write_all(Peer::answer(&request, "").as_bytes())
                .unwrap();
            is_open = true;
        }
        while is_open && let Some(frame) = Frame::take(&mut input) {
            let answer = Frame::new(frame.opcode, &frame.payload);
            stream.write_all(&answer.bytes()).unwrap();
            if frame.opcode == op::CLOSE {
                return;
            }
        }
    }
}

#[test]
fn a_server_that_reads_nothing_costs_no_memory() {
    alone("a_server_that_reads_nothing_costs_no_memory", || {
        let total = scaled(64_usize << 20, 1 << 30);
        for drive in [Drive::Poll, Drive::Thread] {
            let server = Server::listen();
            server.shrink_receive_buffer();
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            let message = vec![7; 64 << 10];
            let (before, start) = (Usage::now(), Instant::now());
            let (mut offered, mut accepted) = (0, 0_usize);
            while offered < total {
                match client.send_binary(&message) {
                    Ok(()) => accepted += 1,
                    Err(status) => assert_eq!(status, Status::QueueFull),
                }
                offered += message.len();
                if drive == Drive::Poll && offered % (16 << 20) == 0 {
                    client.host.turn(Duration::ZERO);
                }
            }
            let growth = before.growth();
            println!(
                "{drive:?}: {offered} bytes offered in {:.1?}, {} accepted; memory grew by {growth}",
                start.elapsed(),
                accepted * message.len(),
            );
            assert!(growth < 8 << 20, "{growth} bytes");
            // What was accepted arrives.
            let script = thread::spawn(move || {
                for _ in 0..accepted {
                    let frame = peer.frame();
                    assert!(frame.opcode == op::BINARY && frame.payload.len() == 64 << 10);
                }
                peer
            });
            client.until("all arrives", || script.is_finished());
            script.join().unwrap();
        }
    });
}

#[test]
fn a_host_that_polls_nothing_costs_no_memory() {
    alone("a_host_that_polls_nothing_costs_no_memory", || {
        let total = scaled(64_u64 << 20, 1 << 30);
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        let (before, written) = (Usage::now(), Arc::new(AtomicU64::new(0)));
        let progress = written.clone();
        let script = thread::spawn(move || {
            let mut number = 0_u64;
            while progress.load(Ordering::Relaxed) < total {
                let payload: Vec<u8> = number.to_le_bytes().repeat(1 << 10);
                if !peer.try_write(Frame::binary(&payload).bytes()) {
                    break;
                }
                progress.fetch_add(payload.len() as u64, Ordering::Relaxed);
                number += 1;
            }
            peer
        });
        // The library reads in the host's place until its limit, then the server is stuck.
        let mut seen = 0;
        loop {
            thread::sleep(Duration::from_millis(300));
            let now = written.load(Ordering::Relaxed);
            if now > 0 && now == seen {
                break;
            }
            seen = now;
        }
        let growth = before.growth();
        println!("stuck after {seen} bytes; memory grew by {growth}");
        assert!(seen < total && growth < 24 << 20, "{seen}, {growth}");
        let (mut received, mut number) = (0, 0_u64);
        while received < total {
            let (_, data) = client.message();
            assert!(data.chunks(8).all(|word| word == number.to_le_bytes()));
            number += 1;
            received += data.len() as u64;
            client.host.forget();
        }
        let growth = before.growth();
        println!("{received} bytes taken; memory grew by {growth}");
        assert!(growth < 48 << 20, "{growth}");
        script.join().unwrap();
    });
}

#[test]
fn a_huge_message_in_parts_costs_no_memory() {
    alone("a_huge_message_in_parts_costs_no_memory", || {
        let size = scaled(64_usize << 20, 1 << 30);
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_streaming(true).unwrap();
        client.set_max_message_size(size).unwrap();
        client.set_max_frame_size(size).unwrap();
        let mut peer = client.open(&server);
        let before = Usage::now();
        let script = thread::spawn(move || {
            peer.write(Frame::binary([]).stating(size as u64).bytes());
            let piece: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
            for _ in 0..size >> 20 {
                peer.write(&piece);
            }
            peer
        });
        let (mut received, mut most) = (0, 0);
        loop {
            let EventKind::Message { data, part, .. } = client.expect(EventType::Message).kind
            else {
                unreachable!()
            };
            let starts_right = data.first().is_none_or(|byte| *byte == received as u8);
            assert!(starts_right, "at {received}");
            received += data.len();
            most = most.max(before.growth());
            client.host.forget();
            if part == Part::Last {
                break;
            }
        }
        println!("a message of {received} bytes; memory grew by {most} at most");
        assert_eq!(received, size);
        assert!(most < 32 << 20, "{most}");
        script.join().unwrap();
    });
}

#[test]
fn a_huge_message_is_handed_out_whole() {
    alone("a_huge_message_is_handed_out_whole", || {
        let size = scaled(32_usize << 20, 1 << 30);
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_max_message_size(size).unwrap();
        client.set_max_frame_size(size).unwrap();
        let mut peer = client.open(&server);
        let before = Usage::now();
        let script = thread::spawn(move || {
            peer.write(Frame::binary([]).stating(size as u64).bytes());
            let piece: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
            for _ in 0..size >> 20 {
                peer.write(&piece);
            }
            peer
        });
        let (_, data) = client.message();
        let is_right = |(at, byte): (usize, &u8)| *byte == at as u8;
        assert!(data.len() == size && data.iter().enumerate().all(is_right));
        let growth = before.growth();
        println!("a message of {size} bytes; memory grew by {growth}");
        assert!(growth < size * 2 + (32 << 20), "{growth}");
        script.join().unwrap();
    });
}

/// Small frames as fast as they go, in writes of any size: each arrives as it was sent.
#[test]
fn floods_of_small_frames_arrive_as_they_were_sent() {
    alone("floods_of_small_frames_arrive_as_they_were_sent", || {
        let count = scaled(100_000_u64, 20_000_000);
        let mut random = Random::new();
        thread::scope(|scope| {
            for drive in Drive::ALL {
                let random = random.fork();
                scope.spawn(move || flood(drive, count, random));
            }
        });
    });
}

fn flood(drive: Drive, count: u64, mut random: Random) {
    let server = Server::listen();
    let client = Client::new(drive, &server.url());
    let mut peer = client.open(&server);
    let start = Instant::now();
    let script = thread::spawn(move || {
        let mut output = Vec::new();
        for number in 0..count {
            let size = 8 + 56 * (number % 7).min(1) as usize;
            let mut payload = vec![0xff; size];
            payload[..8].copy_from_slice(&number.to_le_bytes());
            output.extend(Frame::binary(&payload).bytes());
            let at_once = match random.below(8) {
                0 => random.below(300),
                _ => 1 + random.below(100_000),
            };
            if output.len() as u64 >= at_once {
                peer.write(&output);
                output.clear();
            }
        }
        peer.write(&output);
        peer
    });
    for number in 0..count {
        let (_, data) = client.message();
        assert_eq!(data.len(), 8 + 56 * (number % 7).min(1) as usize);
        assert_eq!(data[..8], number.to_le_bytes(), "{drive:?}");
        assert!(data[8..].iter().all(|byte| *byte == 0xff));
        if number % 1024 == 0 {
            client.host.forget();
        }
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!("{drive:?}: {count} small frames, {rate:.0} a second");
    drop(script.join().unwrap());
}
