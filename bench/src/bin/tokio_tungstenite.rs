//! tokio-tungstenite on tokio's runtime of one thread.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use wsc_bench::{Bench, OPENING};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut bench = Bench::from_env();
    match bench.workload.as_str() {
        "echo" if bench.connections > 1 => echo_many(&mut bench).await,
        "echo" => echo(&mut bench).await,
        "flood" => flood(&mut bench).await,
        "send" => send(&mut bench).await,
        "fan" => fan(&mut bench).await,
        other => panic!("no such workload: {other}"),
    }
    bench.report();
}

async fn open(url: &str) -> Socket {
    let no_delay = true;
    connect_async_with_config(url, None, no_delay)
        .await
        .expect("the handshake")
        .0
}

async fn receive(socket: &mut Socket) -> Message {
    socket
        .next()
        .await
        .expect("an open connection")
        .expect("a message")
}

fn payload(bench: &Bench) -> Message {
    Message::Binary(Bytes::from(vec![b'x'; bench.size]))
}

async fn echo(bench: &mut Bench) {
    let mut socket = open(&bench.url).await;
    let payload = payload(bench);
    for _ in 0..bench.depth {
        socket.send(payload.clone()).await.expect("a send");
    }
    loop {
        bench.check(receive(&mut socket).await.len());
        if bench.step() {
            return;
        }
        socket.send(payload.clone()).await.expect("a send");
    }
}

async fn echo_many(bench: &mut Bench) {
    let sockets = open_all(bench).await;
    let payload = payload(bench);
    let (report, mut lengths) = mpsc::unbounded_channel();
    for mut socket in sockets {
        let (report, payload) = (report.clone(), payload.clone());
        tokio::spawn(async move {
            loop {
                socket.send(payload.clone()).await.expect("a send");
                let _ = report.send(receive(&mut socket).await.len());
            }
        });
    }
    count(bench, &mut lengths).await;
}

async fn flood(bench: &mut Bench) {
    let mut socket = open(&bench.url).await;
    loop {
        bench.check(receive(&mut socket).await.len());
        if bench.step() {
            return;
        }
    }
}

async fn send(bench: &mut Bench) {
    let mut socket = open(&bench.url).await;
    let payload = payload(bench);
    for number in 0..bench.total() {
        if number == bench.warmup {
            bench.start();
        }
        socket.send(payload.clone()).await.expect("a send");
    }
    receive(&mut socket).await;
}

async fn fan(bench: &mut Bench) {
    let mut sockets = open_all(bench).await;
    sockets[0].send(Message::text("go")).await.expect("a send");
    let (report, mut lengths) = mpsc::unbounded_channel();
    for mut socket in sockets {
        let report = report.clone();
        tokio::spawn(async move {
            loop {
                let _ = report.send(receive(&mut socket).await.len());
            }
        });
    }
    count(bench, &mut lengths).await;
}

async fn open_all(bench: &mut Bench) -> Vec<Socket> {
    bench.open();
    let sockets = Arc::new(Mutex::new(Vec::with_capacity(bench.connections)));
    let opening = Arc::new(Semaphore::new(OPENING));
    for _ in 0..bench.connections {
        let permit = opening.clone().acquire_owned().await.expect("a permit");
        let (sockets, url) = (sockets.clone(), bench.url.clone());
        tokio::spawn(async move {
            let socket = open(&url).await;
            sockets.lock().await.push(socket);
            drop(permit);
        });
    }
    let _all = opening
        .acquire_many(OPENING as u32)
        .await
        .expect("all permits");
    bench.opened();
    std::mem::take(&mut *sockets.lock().await)
}

async fn count(bench: &mut Bench, lengths: &mut mpsc::UnboundedReceiver<usize>) {
    while let Some(len) = lengths.recv().await {
        bench.check(len);
        if bench.step() {
            return;
        }
    }
}
