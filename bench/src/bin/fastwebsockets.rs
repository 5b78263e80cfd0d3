//! fastwebsockets with hyper's upgrade, on tokio's runtime of one thread.

use std::future::Future;
use std::sync::Arc;

use fastwebsockets::{FragmentCollector, Frame, Payload, handshake};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore, mpsc};
use wsc_bench::{Bench, OPENING};

type Socket = FragmentCollector<TokioIo<Upgraded>>;

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

/// Where to, without the numbers of the work.
#[derive(Clone)]
struct Target {
    host: String,
    port: u16,
    path: String,
    tls: bool,
}

impl Target {
    fn of(bench: &Bench) -> Target {
        Target {
            host: bench.host.clone(),
            port: bench.port,
            path: bench.path.clone(),
            tls: bench.tls,
        }
    }

    async fn open(&self) -> Socket {
        let socket = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .expect("a connection");
        socket.set_nodelay(true).expect("TCP_NODELAY");
        if !self.tls {
            return self.upgrade(socket).await;
        }
        let connector = native_tls::TlsConnector::new().expect("a TLS connector");
        let connector = tokio_native_tls::TlsConnector::from(connector);
        self.upgrade(
            connector
                .connect(&self.host, socket)
                .await
                .expect("the TLS handshake"),
        )
        .await
    }

    async fn upgrade<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        socket: S,
    ) -> Socket {
        let request = Request::builder()
            .uri(&self.path)
            .header(HOST, &self.host)
            .header(UPGRADE, "websocket")
            .header(CONNECTION, "upgrade")
            .header("Sec-WebSocket-Key", handshake::generate_key())
            .header("Sec-WebSocket-Version", "13")
            .body(Empty::<Bytes>::new())
            .expect("a request");
        let (socket, _) = handshake::client(&Spawn, request, socket)
            .await
            .expect("the handshake");
        FragmentCollector::new(socket)
    }
}

struct Spawn;

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

async fn write(socket: &mut Socket, payload: &[u8]) {
    socket
        .write_frame(Frame::binary(Payload::Borrowed(payload)))
        .await
        .expect("a send");
}

async fn receive(socket: &mut Socket) -> usize {
    socket.read_frame().await.expect("a message").payload.len()
}

async fn echo(bench: &mut Bench) {
    let mut socket = Target::of(bench).open().await;
    let payload = vec![b'x'; bench.size];
    for _ in 0..bench.depth {
        write(&mut socket, &payload).await;
    }
    loop {
        bench.check(receive(&mut socket).await);
        if bench.step() {
            return;
        }
        write(&mut socket, &payload).await;
    }
}

async fn echo_many(bench: &mut Bench) {
    let payload = Bytes::from(vec![b'x'; bench.size]);
    let (report, mut lengths) = mpsc::unbounded_channel();
    for mut socket in open_all(bench).await {
        let (report, payload) = (report.clone(), payload.clone());
        tokio::spawn(async move {
            loop {
                write(&mut socket, &payload).await;
                let _ = report.send(receive(&mut socket).await);
            }
        });
    }
    count(bench, &mut lengths).await;
}

async fn flood(bench: &mut Bench) {
    let mut socket = Target::of(bench).open().await;
    loop {
        bench.check(receive(&mut socket).await);
        if bench.step() {
            return;
        }
    }
}

async fn send(bench: &mut Bench) {
    let mut socket = Target::of(bench).open().await;
    let payload = vec![b'x'; bench.size];
    for number in 0..bench.total() {
        if number == bench.warmup {
            bench.start();
        }
        write(&mut socket, &payload).await;
    }
    receive(&mut socket).await;
}

async fn fan(bench: &mut Bench) {
    let mut sockets = open_all(bench).await;
    write(&mut sockets[0], b"go").await;
    let (report, mut lengths) = mpsc::unbounded_channel();
    for mut socket in sockets {
        let report = report.clone();
        tokio::spawn(async move {
            loop {
                let _ = report.send(receive(&mut socket).await);
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
        let (sockets, target) = (sockets.clone(), Target::of(bench));
        tokio::spawn(async move {
            let socket = target.open().await;
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
