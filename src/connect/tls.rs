//! The TLS phase: the system's trust store, host name and SNI checked, TLS 1.2
//! at least.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use native_tls::{HandshakeError, MidHandshakeTlsStream, Protocol, TlsConnector, TlsStream};

use crate::error::{Failure, Status};
use crate::sys;
use crate::transport::Wire;

/// The connectors of one loop. Loading the trust store takes tens of
/// milliseconds, so it happens on a helper thread, once.
#[derive(Default)]
pub struct Connectors(Mutex<Option<TlsConnector>>);

impl Connectors {
    /// The connector, if it was built before.
    pub fn cached(&self) -> Option<TlsConnector> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Builds the connector. Blocks; for helper threads.
    pub fn build(&self) -> Result<TlsConnector, Failure> {
        // Held while building, so that simultaneous connects build only one.
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = &*cached {
            return Ok(connector.clone());
        }
        let _exit = enter();
        let connector = TlsConnector::builder()
            .min_protocol_version(Some(Protocol::Tlsv12))
            .build()?;
        Ok(cached.insert(connector).clone())
    }
}

/// A TLS handshake in progress.
pub enum Handshake {
    Start {
        connector: TlsConnector,
        host: String,
        socket: TcpStream,
    },
    Middle(MidHandshakeTlsStream<Wire>),
}

/// Where a handshake stands after a step.
pub enum Step {
    Pending(Handshake),
    Done(Box<TlsStream<Wire>>),
}

impl Handshake {
    /// Goes on until the handshake is done or waits for the peer.
    pub fn advance(self) -> Result<Step, Failure> {
        let _exit = enter();
        let result = match self {
            Handshake::Start {
                connector,
                host,
                socket,
            } => connector.connect(&host, Wire::new(socket)),
            Handshake::Middle(handshake) => handshake.handshake(),
        };
        match result {
            Ok(stream) => Ok(Step::Done(Box::new(stream))),
            Err(HandshakeError::WouldBlock(handshake)) => {
                Ok(Step::Pending(Handshake::Middle(handshake)))
            }
            Err(HandshakeError::Failure(error)) => Err(error.into()),
        }
    }

    /// The socket, for its registration.
    pub fn socket_mut(&mut self) -> &mut TcpStream {
        match self {
            Handshake::Start { socket, .. } => socket,
            Handshake::Middle(handshake) => handshake.get_mut().socket_mut(),
        }
    }
}

/// A failure of an established session. The socket's own error keeps its name.
pub fn failure(error: io::Error) -> Failure {
    match error.raw_os_error() {
        Some(_) => error.into(),
        None => Failure::new(Status::Tls, error.to_string()),
    }
}

static IN_TLS: AtomicUsize = AtomicUsize::new(0);
static EXITING: AtomicBool = AtomicBool::new(false);

/// Marks that a thread is inside the TLS library.
pub struct Inside(());

impl Drop for Inside {
    fn drop(&mut self) {
        IN_TLS.fetch_sub(1, Ordering::SeqCst);
        park_if_exiting();
    }
}

/// Enters the TLS library. At exit the C library frees OpenSSL's state while
/// our threads may use it; they park instead.
pub fn enter() -> Inside {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| sys::at_exit(wait_for_threads));
    park_if_exiting();
    IN_TLS.fetch_add(1, Ordering::SeqCst);
    Inside(())
}

fn park_if_exiting() {
    while EXITING.load(Ordering::SeqCst) && sys::is_library_thread() {
        std::thread::park();
    }
}

extern "C" fn wait_for_threads() {
    EXITING.store(true, Ordering::SeqCst);
    let until = Instant::now() + Duration::from_millis(100);
    while IN_TLS.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}
