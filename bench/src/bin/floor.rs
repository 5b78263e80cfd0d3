//! What cannot be beaten: the bytes of a workload through blocking calls on a raw
//! socket, from frames built beforehand, with nothing parsed or checked. With `memcpy`
//! as its argument not even that: the payloads are copied once in memory.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use native_tls::TlsConnector;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use wsc_bench::Bench;

/// How much one read asks for.
const READ: usize = 128 * 1024;

/// A longer message is written in parts of this size, so that the answer is on its
/// way while the rest is written.
const WRITE: usize = 128 * 1024;

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

fn main() -> io::Result<()> {
    let mut bench = Bench::from_env();
    if std::env::args().nth(1).as_deref() == Some("memcpy") {
        copy(&mut bench);
    } else {
        match bench.workload.as_str() {
            _ if bench.connections > 1 => many(&mut bench)?,
            "echo" => echo(&mut bench)?,
            "flood" => flood(&mut bench)?,
            "send" => send(&mut bench)?,
            other => panic!("no such workload: {other}"),
        }
    }
    bench.report();
    Ok(())
}

fn open(bench: &Bench) -> io::Result<Box<dyn Stream>> {
    let socket = TcpStream::connect((bench.host.as_str(), bench.port))?;
    socket.set_nodelay(true)?;
    let mut stream: Box<dyn Stream> = if bench.tls {
        let connector = TlsConnector::new().map_err(io::Error::other)?;
        Box::new(
            connector
                .connect(&bench.host, socket)
                .map_err(io::Error::other)?,
        )
    } else {
        Box::new(socket)
    };
    upgrade(bench, &mut stream)?;
    Ok(stream)
}

/// One byte at a time: what follows the answer's head is the workload's.
fn upgrade(bench: &Bench, stream: &mut impl Stream) -> io::Result<()> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        bench.path, bench.host,
    );
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}

fn echo(bench: &mut Bench) -> io::Result<()> {
    let mut stream = open(bench)?;
    let request = masked_frame(bench.size);
    let mut answer = vec![0; unmasked_len(bench.size)];
    for _ in 0..bench.depth {
        write_in_parts(&mut stream, &request)?;
    }
    loop {
        stream.read_exact(&mut answer)?;
        if bench.step() {
            return Ok(());
        }
        write_in_parts(&mut stream, &request)?;
    }
}

fn write_in_parts(stream: &mut impl Write, data: &[u8]) -> io::Result<()> {
    data.chunks(WRITE)
        .try_for_each(|part| stream.write_all(part))
}

fn flood(bench: &mut Bench) -> io::Result<()> {
    let mut stream = open(bench)?;
    let mut buffer = vec![0; READ];
    let mut have = 0;
    loop {
        have += stream.read(&mut buffer)?;
        while have >= unmasked_len(bench.size) {
            have -= unmasked_len(bench.size);
            if bench.step() {
                return Ok(());
            }
        }
    }
}

fn send(bench: &mut Bench) -> io::Result<()> {
    let mut stream = open(bench)?;
    let frame = masked_frame(bench.size);
    for number in 0..bench.total() {
        if number == bench.warmup {
            bench.start();
        }
        stream.write_all(&frame)?;
    }
    stream.read_exact(&mut [0; 3])
}

fn many(bench: &mut Bench) -> io::Result<()> {
    bench.open();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut sockets = Vec::with_capacity(bench.connections);
    for number in 0..bench.connections {
        let mut socket = TcpStream::connect((bench.host.as_str(), bench.port))?;
        upgrade(bench, &mut socket)?;
        epoll::add(
            &epoll,
            &socket,
            EventData::new_u64(number as u64),
            EventFlags::IN,
        )?;
        sockets.push(socket);
    }
    bench.opened();
    let is_echo = bench.workload == "echo";
    let request = masked_frame(bench.size);
    let asked = if is_echo { sockets.len() } else { 1 };
    for socket in &mut sockets[..asked] {
        socket.write_all(&request)?;
    }
    let mut events = Vec::with_capacity(1024);
    let mut buffer = vec![0; READ];
    let mut have = 0;
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in &events {
            let socket = &mut sockets[event.data.u64() as usize];
            have += socket.read(&mut buffer)?;
            while have >= unmasked_len(bench.size) {
                have -= unmasked_len(bench.size);
                if bench.step() {
                    return Ok(());
                }
                if is_echo {
                    socket.write_all(&request)?;
                }
            }
        }
    }
}

fn copy(bench: &mut Bench) {
    let from = vec![b'x'; bench.size];
    let mut to = vec![0; bench.size];
    if bench.warmup == 0 {
        bench.start();
    }
    loop {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        if bench.step() {
            return;
        }
    }
}

/// What a frame of the server occupies.
fn unmasked_len(size: usize) -> usize {
    match size {
        0..=125 => 2 + size,
        126..=0xFFFF => 4 + size,
        _ => 10 + size,
    }
}

/// A binary message with a mask of zeros, which leaves the payload as it is.
fn masked_frame(size: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match size {
        0..=125 => frame.push(0x80 | size as u8),
        126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.resize(frame.len() + size, b'x');
    frame
}
