//! tungstenite over a blocking socket, as its examples use it.

use std::net::TcpStream;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Bytes, Message, WebSocket, connect};
use wsc_bench::Bench;

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

fn main() {
    let mut bench = Bench::from_env();
    let (mut socket, _) = connect(&bench.url).expect("the handshake");
    match bench.workload.as_str() {
        "echo" => echo(&mut bench, &mut socket),
        "flood" => flood(&mut bench, &mut socket),
        "send" => send(&mut bench, &mut socket),
        other => panic!("no such workload: {other}"),
    }
    bench.report();
}

fn echo(bench: &mut Bench, socket: &mut Socket) {
    let payload = Message::Binary(Bytes::from(vec![b'x'; bench.size]));
    for _ in 0..bench.depth {
        socket.send(payload.clone()).expect("a send");
    }
    loop {
        let message = socket.read().expect("an echo");
        bench.check(message.len());
        if bench.step() {
            return;
        }
        socket.send(payload.clone()).expect("a send");
    }
}

fn flood(bench: &mut Bench, socket: &mut Socket) {
    loop {
        let message = socket.read().expect("a message");
        bench.check(message.len());
        if bench.step() {
            return;
        }
    }
}

fn send(bench: &mut Bench, socket: &mut Socket) {
    let payload = Message::Binary(Bytes::from(vec![b'x'; bench.size]));
    for number in 0..bench.total() {
        if number == bench.warmup {
            bench.start();
        }
        socket.send(payload.clone()).expect("a send");
    }
    socket.read().expect("the server's answer");
}
