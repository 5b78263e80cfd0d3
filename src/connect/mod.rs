//! The opening of a connection: one state machine, one phase a file, each
//! under a deadline. Nothing here blocks.

mod dns;
mod tcp;
pub mod tls;
mod upgrade;

use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Registry, Token};
use native_tls::TlsConnector;

use crate::config::{Config, Host, expiry};
use crate::error::{Failure, Phase, Status};
use crate::helpers::Helpers;
use crate::send_queue::Sink;
use crate::session::Counters;
use crate::transport::{Buffers, Received, Transport};
use tls::Connectors;
use upgrade::Upgrade;

pub use upgrade::{Accepted, Negotiated};

/// What an attempt needs that may block to get.
pub struct Prepared {
    addresses: Vec<SocketAddr>,
    connector: Option<TlsConnector>,
}

/// The result of the preparation, or the phase in which it failed.
pub type Preparation = Result<Prepared, (Phase, Failure)>;

/// What the loop lends to an attempt while it drives it.
pub struct Turn<'a> {
    pub now: Instant,
    pub registry: &'a Registry,
    pub helpers: &'a Arc<Helpers>,
    pub connectors: &'a Arc<Connectors>,
    pub buffers: &'a mut Buffers,
}

/// An attempt on its way to an open WebSocket.
pub struct Connecting {
    step: Step,
    token: Token,
    /// Who is asked for by name in TLS.
    host: String,
    upgrade: Box<Upgrade>,
    /// The deadline of the phases up to TLS, later that of the upgrade.
    deadline: Option<Instant>,
    handshake_timeout: Option<Duration>,
    addresses: Option<(SocketAddr, SocketAddr)>,
}

enum Step {
    Preparing,
    Prepared(Preparation),
    Tcp(tcp::Connect, Option<TlsConnector>),
    Tls(tls::Handshake),
    Upgrade(Transport),
    /// Between two steps, and after a failure.
    Left,
}

/// Where an attempt stands after `advance`.
pub enum Progress {
    Pending,
    /// TCP is connected; call again.
    Connected,
    Open(Opened),
}

/// An accepted upgrade.
pub struct Opened {
    pub transport: Transport,
    pub accepted: Accepted,
    pub received: Received,
}

impl Connecting {
    /// Starts an attempt. `prepared` is called on a helper thread, unless
    /// nothing had to be prepared there.
    pub fn start(
        config: &Config,
        token: Token,
        turn: &Turn<'_>,
        prepared: impl FnOnce(Preparation) + Send + 'static,
    ) -> Self {
        Connecting {
            step: prepare(config, turn, prepared),
            token,
            host: match &config.url.host {
                Host::Name(name) => name.clone(),
                Host::Address(address) => address.to_string(),
            },
            upgrade: Box::new(Upgrade::new(config)),
            deadline: expiry(turn.now, config.connect_timeout),
            handshake_timeout: config.handshake_timeout,
            addresses: None,
        }
    }

    /// Takes what a helper thread prepared.
    pub fn set_prepared(&mut self, preparation: Preparation) {
        if let Step::Preparing = self.step {
            self.step = Step::Prepared(preparation);
        }
    }

    pub fn phase(&self) -> Phase {
        match &self.step {
            Step::Preparing | Step::Prepared(_) => Phase::Dns,
            Step::Tcp(..) => Phase::Tcp,
            Step::Tls(_) => Phase::Tls,
            Step::Upgrade(_) => Phase::Upgrade,
            Step::Left => Phase::None,
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What to report when the deadline has passed.
    pub fn timed_out(&self) -> Failure {
        match &self.step {
            Step::Preparing | Step::Prepared(_) => Failure::timeout("resolving the host name"),
            Step::Tcp(..) => Failure::timeout("connecting to the server"),
            Step::Tls(_) => Failure::timeout("the TLS handshake"),
            Step::Upgrade(_) | Step::Left => self.upgrade.timed_out(),
        }
    }

    /// Goes as far as possible without waiting.
    pub fn advance(
        &mut self,
        turn: &mut Turn<'_>,
        counters: &mut Counters,
    ) -> Result<Progress, (Phase, Failure)> {
        loop {
            let phase = self.phase();
            let failed = |failure| (phase, failure);
            match std::mem::replace(&mut self.step, Step::Left) {
                Step::Prepared(preparation) => {
                    let prepared = preparation?;
                    self.step =
                        Step::Tcp(tcp::Connect::new(prepared.addresses), prepared.connector);
                }
                Step::Tcp(mut connect, connector) => {
                    let socket = connect.advance(turn.registry, self.token).map_err(failed)?;
                    let Some(socket) = socket else {
                        self.step = Step::Tcp(connect, connector);
                        return Ok(Progress::Pending);
                    };
                    self.tcp_connected(socket, connector, turn.now);
                    return Ok(Progress::Connected);
                }
                Step::Tls(handshake) => match handshake.advance().map_err(failed)? {
                    tls::Step::Done(stream) => self.start_upgrade(Transport::Tls(stream), turn.now),
                    tls::Step::Pending(handshake) => {
                        self.step = Step::Tls(handshake);
                        return Ok(Progress::Pending);
                    }
                },
                Step::Upgrade(mut transport) => {
                    match self.upgrade(&mut transport, turn.buffers, counters) {
                        Ok(Some((accepted, received))) => {
                            return Ok(Progress::Open(Opened {
                                transport,
                                accepted,
                                received,
                            }));
                        }
                        Ok(None) => {
                            self.step = Step::Upgrade(transport);
                            return Ok(Progress::Pending);
                        }
                        Err(failure) => {
                            transport.deregister(turn.registry);
                            return Err((phase, failure));
                        }
                    }
                }
                step @ (Step::Preparing | Step::Left) => {
                    self.step = step;
                    return Ok(Progress::Pending);
                }
            }
        }
    }

    fn tcp_connected(&mut self, socket: TcpStream, connector: Option<TlsConnector>, now: Instant) {
        self.addresses = socket.peer_addr().ok().zip(socket.local_addr().ok());
        match connector {
            Some(connector) => {
                self.step = Step::Tls(tls::Handshake::Start {
                    connector,
                    host: self.host.clone(),
                    socket,
                });
            }
            None => self.start_upgrade(Transport::Plain(socket), now),
        }
    }

    fn start_upgrade(&mut self, transport: Transport, now: Instant) {
        self.deadline = expiry(now, self.handshake_timeout);
        self.step = Step::Upgrade(transport);
    }

    /// Sends the request and reads the answer, as far as the socket goes.
    fn upgrade(
        &mut self,
        transport: &mut Transport,
        buffers: &mut Buffers,
        counters: &mut Counters,
    ) -> Result<Option<(Accepted, Received)>, Failure> {
        let upgrade = &mut self.upgrade;
        while !upgrade.unsent().is_empty() {
            match transport.write(&[IoSlice::new(upgrade.unsent())]) {
                Ok(count) => {
                    counters.bytes_sent += count as u64;
                    upgrade.sent(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Full; or gone, but the server may have answered before.
                Err(_) => break,
            }
        }
        let mut accepted: Option<Accepted> = None;
        loop {
            let received = transport.receive(buffers, &mut |bytes| {
                counters.bytes_received += bytes.len() as u64;
                match &mut accepted {
                    None => accepted = upgrade.receive(bytes)?,
                    Some(accepted) => accepted.rest.extend_from_slice(bytes),
                }
                Ok(())
            })?;
            if let Some(accepted) = accepted {
                return Ok(Some((accepted, received)));
            }
            match received {
                Received::More | Received::Short => {}
                Received::Drained => return Ok(None),
                Received::End => return Err(upgrade.ended()),
            }
        }
    }

    /// The socket, once there is one.
    pub fn fd(&mut self) -> Option<RawFd> {
        match &mut self.step {
            Step::Tcp(connect, _) => connect.socket_mut().map(|socket| socket.as_raw_fd()),
            Step::Tls(handshake) => Some(handshake.socket_mut().as_raw_fd()),
            Step::Upgrade(transport) => Some(transport.as_raw_fd()),
            Step::Preparing | Step::Prepared(_) | Step::Left => None,
        }
    }

    /// The peer's and the own address, once TCP is connected.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.addresses
    }

    /// Ends the socket's registration, before the attempt is dropped.
    pub fn deregister(&mut self, registry: &Registry) {
        let _ = match &mut self.step {
            Step::Tcp(connect, _) => match connect.socket_mut() {
                Some(socket) => registry.deregister(socket),
                None => Ok(()),
            },
            Step::Tls(handshake) => registry.deregister(handshake.socket_mut()),
            Step::Upgrade(transport) => {
                transport.deregister(registry);
                Ok(())
            }
            Step::Preparing | Step::Prepared(_) | Step::Left => Ok(()),
        };
    }
}

/// Finds what needs no waiting at once, and has a helper thread do the rest.
fn prepare(
    config: &Config,
    turn: &Turn<'_>,
    done: impl FnOnce(Preparation) + Send + 'static,
) -> Step {
    let known = dns::literal(&config.url);
    let connector = match config.url.secure {
        true => turn.connectors.cached(),
        false => None,
    };
    let lacks_connector = config.url.secure && connector.is_none();
    if let (Some(addresses), false) = (&known, lacks_connector) {
        return Step::Prepared(Ok(Prepared {
            addresses: addresses.clone(),
            connector,
        }));
    }
    let host = config.url.host.to_string();
    let port = config.url.port;
    let connectors = Arc::clone(turn.connectors);
    let job = move || {
        let prepare = || {
            let addresses = match known {
                Some(addresses) => addresses,
                None => dns::resolve(&host, port).map_err(|failure| (Phase::Dns, failure))?,
            };
            let connector = match lacks_connector {
                true => Some(
                    connectors
                        .build()
                        .map_err(|failure| (Phase::Tls, failure))?,
                ),
                false => connector,
            };
            Ok(Prepared {
                addresses,
                connector,
            })
        };
        done(prepare());
    };
    match turn.helpers.run(job) {
        Ok(()) => Step::Preparing,
        Err(error) => {
            let failure = Failure::new(Status::System, error.to_string());
            Step::Prepared(Err((Phase::Dns, failure)))
        }
    }
}
