//! Load: memory, descriptors and threads stay flat, and nothing is lost.
//!
//! `make load` runs the long form (`WSC_LOAD=1`) on the release build and prints the
//! figures.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use support::{
    Client, DEADLINE, Drive, Frame, Host, Peer, Random, Server, allocated_bytes, alone, eventually,
    op, open_fds, raise_fd_limit, resident_bytes, threads,
};
use wsc::config::{DEFAULT_DEFLATE_MAX_RATIO, Deflate};
use wsc::error::Status;
use wsc::event::{Bytes, EventKind, EventType, MessageType, Part};
use wsc::parts::{Agreement, Deflater};

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
    allocated: usize,
    fds: usize,
    threads: usize,
}

impl Usage {
    fn now() -> Usage {
        Usage {
            memory: resident_bytes(),
            allocated: allocated_bytes(),
            fds: open_fds(),
            threads: threads(),
        }
    }

    /// How much memory came on top.
    fn growth(&self) -> usize {
        resident_bytes().saturating_sub(self.memory)
    }

    /// How much was allocated on top, and not freed.
    fn left(&self) -> usize {
        allocated_bytes().saturating_sub(self.allocated)
    }

    /// Descriptors and threads are as many as before.
    fn assert_back(&self) {
        eventually("descriptors and threads are gone", || {
            open_fds() <= self.fds && threads() <= self.threads
        });
    }
}

/// Runs the server's part in a process of its own, which has as many descriptors again.
struct ServerProcess(libc::pid_t);

impl ServerProcess {
    fn run(serve: impl FnOnce()) -> ServerProcess {
        // SAFETY: the child runs only what it is given, and neither returns nor unwinds into
        // the test.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let served = catch_unwind(AssertUnwindSafe(serve));
            // SAFETY: nothing follows.
            unsafe { libc::_exit(i32::from(served.is_err())) };
        }
        ServerProcess(child)
    }

    fn join(self) {
        let mut status = 0;
        // SAFETY: the child is ours, and the status has room.
        let ended = unsafe { libc::waitpid(self.0, &mut status, 0) };
        assert_eq!((ended, status), (self.0, 0), "the server's process failed");
    }
}

#[test]
fn ten_thousand_connections_on_one_loop_echo() {
    alone("ten_thousand_connections_on_one_loop_echo", || {
        const ROUNDS: usize = 3;
        raise_fd_limit();
        let count = scaled(1000, 10_000);
        let server = Server::listen();
        let url = server.url();
        let process = ServerProcess::run(|| {
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
            // Until the client has gone.
            peers.iter_mut().for_each(Peer::until_gone);
        });
        let before = Usage::now();
        let host = Host::new(Drive::Poll);
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
                    // The last round's are too many.
                    connection.send_text(b"hello").unwrap();
                }
                EventType::Connect => {}
                _ => panic!("{event:?}"),
            }
            host.forget();
        }
        let (took, memory) = (start.elapsed(), before.growth());
        println!(
            "{count} connections, {echoed} echoes in {took:.1?}; {} bytes each",
            memory / count
        );
        assert_eq!(threads(), before.threads + 1);
        assert!(open_fds() < before.fds + count + 20);
        assert!(memory / count < 16 << 10);
        for connection in &connections {
            connection.free();
        }
        drop((connections, host));
        process.join();
        before.assert_back();
        assert!(before.left() < 1 << 20, "{} bytes are left", before.left());
    });
}

/// Connects and closes at a steady rate, several at a time.
#[test]
fn a_thousand_connects_a_second() {
    alone("a_thousand_connects_a_second", || {
        const RATE: u32 = 1000;
        let seconds = scaled(2, 300);
        let urls = cycle_servers();
        let host = Host::new(Drive::Poll);
        let connections: Vec<_> = (0..64)
            .map(|index| host.connection(&urls[index % urls.len()]))
            .collect();
        let mut idle: Vec<usize> = (0..connections.len()).collect();
        let total = RATE * seconds;
        let start = Instant::now();
        let (mut started, mut ended) = (0, 0);
        let mut before = Usage::now();
        while ended < total {
            // As many as are due by now, and a connection is free for.
            let due = (start.elapsed().as_secs_f64() * f64::from(RATE)) as u32 + 1;
            while started < due.min(total)
                && let Some(index) = idle.pop()
            {
                connections[index].connect().unwrap();
                started += 1;
            }
            host.poll(64, Duration::from_millis(1));
            while let Some(event) = host.arrived() {
                let find = connections.binary_search_by_key(&event.conn_id, |it| it.id());
                let index = find.unwrap();
                match &event.kind {
                    EventKind::Connect => {}
                    EventKind::Handshake { .. } => connections[index].send_text(b"hello").unwrap(),
                    EventKind::Message { .. } => connections[index].close(1000, b"").unwrap(),
                    EventKind::Close { clean: true, .. } => {
                        idle.push(index);
                        ended += 1;
                        if ended == total / 4 {
                            before = Usage::now(); // warm
                        }
                    }
                    _ => panic!("{event:?}"),
                }
            }
            host.forget();
        }
        let rate = f64::from(total) / start.elapsed().as_secs_f64();
        let (growth, left) = (before.growth(), before.left());
        println!(
            "{total} connects and closes, {rate:.0} a second for {:.0?}; memory grew by {growth} \
             bytes, {left} of them allocated",
            start.elapsed()
        );
        assert!(growth < 2 << 20 && left < 256 << 10, "{growth}, {left}");
        connections.iter().for_each(|connection| connection.free());
        drop((connections, host));
        before.assert_back();
    });
}

#[test]
fn reconnect_cycles_leave_nothing() {
    alone("reconnect_cycles_leave_nothing", || {
        let cycles = scaled(1_000, 100_000);
        let urls = cycle_servers();
        let client = Client::new(Drive::Poll, &urls[0]);
        client
            .set_reconnect(|policy| {
                policy.enabled = true;
                policy.set_delays(Duration::from_millis(1), Duration::from_millis(1))
            })
            .unwrap();
        let start = Instant::now();
        let mut before = Usage::now();
        client.connect().unwrap();
        for cycle in 0..cycles {
            if cycle == cycles / 10 {
                before = Usage::now(); // warm
            }
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            client.send_text(b"hello").unwrap();
            assert_eq!(client.text(), "hello");
            client.set_url(&urls[cycle % urls.len()]).unwrap();
            // By the library, and by the host in two ways.
            match cycle % 3 {
                0 => {
                    client.send_text(HANG_UP).unwrap();
                    assert_eq!(client.failure().status, Status::Closed);
                    client.expect(EventType::Reconnect);
                }
                1 => {
                    client.reconnect(Duration::ZERO).unwrap();
                    assert_eq!(client.end().status, Status::Aborted);
                }
                _ => {
                    client.close(1000, b"").unwrap();
                    let end = client.end();
                    assert!(end.clean && end.status == Status::Ok, "{end:?}");
                    client.connect().unwrap();
                }
            }
            client.host.forget();
        }
        client.free();
        let rate = cycles as f64 / start.elapsed().as_secs_f64();
        let (growth, left) = (before.growth(), before.left());
        println!(
            "{cycles} cycles, {rate:.0} a second; memory grew by {growth} bytes, {left} of them \
             allocated"
        );
        assert!(growth < 2 << 20 && left < 64 << 10, "{growth}, {left}");
        before.assert_back();
    });
}

/// What a server ends the connection at, without a close frame.
const HANG_UP: &[u8] = b"hang up";

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
            if frame.payload == HANG_UP {
                return;
            }
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

const PIECE: usize = 1 << 20;

/// What the huge messages are made of, over and over.
fn piece() -> Vec<u8> {
    (0..PIECE).map(|place| place as u8).collect()
}

/// Whether that is what a huge message has from `place` on; at most a piece.
fn is_right(place: usize, data: &[u8]) -> bool {
    static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| piece().repeat(2));
    let place = place % PIECE;
    data == &PATTERN[place..place + data.len()]
}

/// A compressor of messages in parts.
struct Parts(flate2::Compress);

impl Parts {
    fn new() -> Parts {
        let level = flate2::Compression::default();
        Parts(flate2::Compress::new(level, false))
    }

    fn compress(&mut self, part: &[u8], is_last: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(part.len() + (64 << 10));
        let flush = flate2::FlushCompress::Sync;
        self.0.compress_vec(part, &mut out, flush).unwrap();
        assert!(out.len() < out.capacity());
        if is_last {
            out.truncate(out.len() - 4);
        }
        out
    }
}

/// Sends a message of so many bytes, compressed where the client has offered that.
fn send_huge(peer: &mut Peer, size: usize, deflates: bool) {
    let piece = piece();
    if !deflates {
        peer.write(Frame::binary([]).stating(size as u64).bytes());
        for _ in 0..size / PIECE {
            peer.write(&piece);
        }
        return;
    }
    let mut parts = Parts::new();
    for number in 1..=size / PIECE {
        let is_last = number == size / PIECE;
        peer.write(compressed_part(&mut parts, &piece, number == 1, is_last));
    }
}

fn compressed_part(parts: &mut Parts, data: &[u8], is_first: bool, is_last: bool) -> Vec<u8> {
    let data = parts.compress(data, is_last);
    let mut frame = match is_first {
        true => Frame::binary(data).rsv(4),
        false => Frame::continuation(data),
    };
    frame.fin = is_last;
    frame.bytes()
}

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// A client for messages of any size.
fn client_for(url: &str, size: usize, deflates: bool) -> Client {
    let client = Client::new(Drive::Poll, url);
    client.set_max_message_size(size).unwrap();
    client.set_max_frame_size(size).unwrap();
    client.set_deflate(deflates).unwrap();
    client.set_deflate_max_ratio(usize::MAX).unwrap();
    // The servers here have something else to do than to answer.
    client.set_ping_interval(None).unwrap();
    client
}

fn open(client: &Client, server: &Server, deflates: bool) -> Peer {
    client.open_with(server, if deflates { DEFLATE } else { "" })
}

#[test]
fn a_huge_message_in_parts_costs_no_memory() {
    alone("a_huge_message_in_parts_costs_no_memory", || {
        let size = scaled(64_usize << 20, 1 << 30);
        for deflates in [false, true] {
            let server = Server::listen();
            let client = client_for(&server.url(), size, deflates);
            client.set_streaming(true).unwrap();
            let mut peer = open(&client, &server, deflates);
            let before = Usage::now();
            let script = thread::spawn(move || {
                send_huge(&mut peer, size, deflates);
                peer
            });
            let (mut received, mut most) = (0, 0);
            loop {
                let EventKind::Message { data, part, .. } = client.expect(EventType::Message).kind
                else {
                    unreachable!()
                };
                assert!(is_right(received, &data), "at {received}");
                received += data.len();
                most = most.max(before.growth());
                client.host.forget();
                if part == Part::Last {
                    break;
                }
            }
            println!(
                "deflate {deflates}: a message of {received} bytes in parts; memory grew by {most} \
                 at most"
            );
            assert_eq!(received, size);
            assert!(most < 32 << 20, "{most}");
            script.join().unwrap();
        }
    });
}

#[test]
fn a_huge_message_is_handed_out_whole() {
    alone("a_huge_message_is_handed_out_whole", || {
        let size = scaled(32_usize << 20, 1 << 30);
        for deflates in [false, true] {
            let server = Server::listen();
            let client = client_for(&server.url(), size, deflates);
            let mut peer = open(&client, &server, deflates);
            assert!(is_right(0, &[])); // its pattern stays
            let before = Usage::now();
            let script = thread::spawn(move || {
                send_huge(&mut peer, size, deflates);
                peer
            });
            let data = message_in_time(&client);
            let mut pieces = data.chunks(PIECE);
            assert!(data.len() == size && pieces.all(|piece| is_right(0, piece)));
            let growth = before.growth();
            println!("deflate {deflates}: a message of {size} bytes; memory grew by {growth}");
            // What is inflated has no size before its end, so that its room doubles.
            assert!(growth < size * 2 + (32 << 20), "{growth}");
            drop(data);
            client.host.forget();
            // The last polled event is held until the next poll.
            client.host.turn(Duration::ZERO);
            script.join().unwrap();
            assert!(before.left() < 1 << 20, "{} bytes are left", before.left());
        }
    });
}

/// A message that may take longer than others.
fn message_in_time(client: &Client) -> Bytes {
    let start = Instant::now();
    loop {
        client.host.turn(DEADLINE);
        match client.host.arrived().map(|event| event.kind) {
            Some(EventKind::Message { data, .. }) => return data,
            Some(other) => panic!("{other:?}"),
            None => assert!(start.elapsed() < PATIENCE, "no message"),
        }
    }
}

/// How long a gibibyte may take.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn little_that_inflates_to_much_ends_at_the_ratio() {
    alone("little_that_inflates_to_much_ends_at_the_ratio", || {
        let size = 1 << 30;
        let server = Server::listen();
        let client = client_for(&server.url(), size, true);
        client
            .set_deflate_max_ratio(DEFAULT_DEFLATE_MAX_RATIO)
            .unwrap();
        let mut peer = open(&client, &server, true);
        let before = Usage::now();
        let script = thread::spawn(move || {
            let (zeros, mut parts) = (vec![0; PIECE], Parts::new());
            // Until the client has had enough.
            let mut numbers = 1..=size / PIECE;
            numbers.all(|number| {
                peer.try_write(compressed_part(&mut parts, &zeros, number == 1, false))
            })
        });
        let failure = client.failure();
        let growth = before.growth();
        println!("{}; memory grew by {growth}", failure.text);
        assert_eq!(failure.status, Status::MessageTooBig);
        assert!(growth < 8 << 20, "{growth}");
        drop(client);
        script.join().unwrap();
    });
}

#[test]
fn a_huge_message_is_sent_whole_and_in_parts() {
    alone("a_huge_message_is_sent_whole_and_in_parts", || {
        let size = scaled(32_usize << 20, 1 << 30);
        for deflates in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            let process = ServerProcess::run(|| {
                let stream = accept_huge(&listener, deflates);
                let mut inflate = deflates.then(|| flate2::Decompress::new(false));
                for _ in 0..2 {
                    assert_eq!(take_huge(&stream, inflate.as_mut()), size);
                }
            });
            let client = client_for(&url, size, deflates);
            client.connect().unwrap();
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            let message = piece().repeat(size / PIECE);
            let before = Usage::now();
            client.send_binary(&message).unwrap();
            let whole = before.growth();
            drop(message);
            until_sent(&client);
            println!("deflate {deflates}: sent {size} bytes whole; memory grew by {whole}");
            assert!(whole < size + (32 << 20), "{whole}");

            let (before, piece) = (Usage::now(), piece());
            let mut most = 0;
            for number in 1..=size / PIECE {
                let part = match number {
                    1 => Part::First,
                    _ if number == size / PIECE => Part::Last,
                    _ => Part::More,
                };
                send_part(&client, part, &piece);
                most = most.max(before.growth());
            }
            until_sent(&client);
            println!("deflate {deflates}: sent {size} bytes in parts; memory grew by {most}");
            assert!(most < 16 << 20, "{most}");
            process.join();
            assert!(before.left() < 4 << 20, "{} bytes are left", before.left());
        }
    });
}

/// Of one call's input zlib takes less than 4 GiB.
#[test]
fn a_message_beyond_what_zlib_takes_at_once_is_compressed_whole() {
    let size = scaled(32_usize << 20, (4 << 30) + 1000);
    let agreement = Agreement {
        client_no_context_takeover: false,
        server_no_context_takeover: false,
        client_window_bits: 15,
        server_window_bits: 15,
    };
    let data = Deflater::new(&Deflate::default(), &agreement).deflate(&vec![0; size], true);
    let mut inflate = flate2::Decompress::new(false);
    let mut out = Vec::with_capacity(1 << 20);
    for mut input in [&data.unwrap()[..], &[0, 0, 0xff, 0xff]] {
        while !input.is_empty() || out.len() == out.capacity() {
            out.clear();
            let before = inflate.total_in();
            let flush = flate2::FlushDecompress::Sync;
            inflate.decompress_vec(input, &mut out, flush).unwrap();
            input = &input[(inflate.total_in() - before) as usize..];
            assert!(out.iter().all(|byte| *byte == 0));
        }
    }
    assert_eq!(inflate.total_out(), size as u64);
    println!("{size} bytes compressed whole");
}

fn until_sent(client: &Client) {
    let start = Instant::now();
    while client.buffered_amount() > 0 {
        assert!(start.elapsed() < PATIENCE, "it never leaves");
        client.host.turn(Duration::from_millis(10));
    }
}

/// Sends as soon as there is room.
fn send_part(client: &Client, part: Part, data: &[u8]) {
    let start = Instant::now();
    while let Err(status) = client.send_message(MessageType::Binary, part, true, data) {
        assert_eq!(status, Status::QueueFull);
        assert!(start.elapsed() < PATIENCE, "there is never room");
        client.host.turn(Duration::from_millis(10));
        while let Some(event) = client.host.arrived() {
            let event_type = event.event_type();
            let is_about_room =
                matches!(event_type, EventType::BufferFull | EventType::BufferDrain);
            assert!(is_about_room, "{event:?}");
        }
        client.host.forget();
    }
}

fn accept_huge(listener: &TcpListener, deflates: bool) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.extend(byte);
    }
    let request = String::from_utf8(request).unwrap();
    let answer = Peer::answer(&request, if deflates { DEFLATE } else { "" });
    stream.write_all(answer.as_bytes()).unwrap();
    stream
}

/// Reads one message, of which no part is kept; returns its size.
fn take_huge(mut stream: &TcpStream, mut inflate: Option<&mut flate2::Decompress>) -> usize {
    let deflates = inflate.is_some();
    let mut read = |data: &mut [u8]| stream.read_exact(data).unwrap();
    let mut received = 0;
    let mut take = |data: &[u8]| {
        assert!(is_right(received, data), "at {received}");
        received += data.len();
    };
    let mut inflated = Vec::with_capacity(256 << 10);
    let mut inflate_all = |mut data: &[u8], take: &mut dyn FnMut(&[u8])| {
        let Some(inflate) = &mut inflate else {
            return take(data);
        };
        loop {
            inflated.clear();
            let before = inflate.total_in();
            let flush = flate2::FlushDecompress::Sync;
            inflate.decompress_vec(data, &mut inflated, flush).unwrap();
            data = &data[(inflate.total_in() - before) as usize..];
            take(&inflated);
            if data.is_empty() && inflated.len() < inflated.capacity() {
                return;
            }
        }
    };
    loop {
        let (mut head, mut length, mut mask) = ([0; 2], [0; 8], [0; 4]);
        read(&mut head);
        let size = match head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        read(&mut length[8 - size..]);
        let mut left = match size {
            0 => usize::from(head[1] & 0x7f),
            _ => u64::from_be_bytes(length) as usize,
        };
        read(&mut mask);
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            // A multiple of the mask's size, but for the last.
            let part = &mut buffer[..left.min(64 << 10)];
            read(part);
            left -= part.len();
            let masks = mask.iter().cycle();
            part.iter_mut()
                .zip(masks)
                .for_each(|(byte, mask)| *byte ^= mask);
            inflate_all(part, &mut take);
        }
        if head[0] & 0x80 != 0 {
            if deflates {
                inflate_all(&[0, 0, 0xff, 0xff], &mut take);
            }
            return received;
        }
    }
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
