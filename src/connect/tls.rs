//! The TLS phase: the system's trust store, host name and SNI checked, TLS 1.2
//! at least.

use std::io;
use std::sync::{Mutex, PoisonError};

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
        let _inside = sys::enter_tls();
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
        let _inside = sys::enter_tls();
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
