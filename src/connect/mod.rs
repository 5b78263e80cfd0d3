//! The opening of a connection: one state machine, one phase a file, each
//! under a deadline. Nothing here blocks.

mod dns;
mod proxy;
mod tcp;
pub mod tls;
mod upgrade;

use std::io::{ErrorKind, IoSlice, Read};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Registry, Token};
use native_tls::TlsConnector;
use socket2::SockAddr;

use crate::config::{Config, Host, Proxy, Url, expiry};
use crate::error::{Failure, Phase, Status};
use crate::helpers::{Addresses, Helpers, Ticket};
use crate::masks::MaskSource;
use crate::report::Report;
use crate::send_queue::Sink;
use crate::session::Counters;
use crate::sys;
use crate::transport::{Buffers, Received, Transport, Wire};
use dns::Hop;
use proxy::Dialogue;
use tls::{Connectors, Secured, TlsSettings};
use upgrade::Upgrade;

pub use upgrade::{Accepted, Negotiated};

/// What an attempt needs that may block to get.
pub enum Prepared {
    Addresses(Vec<SockAddr>),
    Connectors(RouteConnectors),
}

/// The connectors for the TLS sessions on the way.
#[derive(Default, Clone)]
pub struct RouteConnectors {
    server: Option<TlsConnector>,
    proxy: Option<TlsConnector>,
}

/// The result of the preparation, or the phase in which it failed.
pub type Preparation = Result<Prepared, (Phase, Failure)>;

/// Takes the preparation on a helper thread.
pub type OnPrepared = Arc<dyn Fn(Preparation) + Send + Sync>;

/// What the loop lends to an attempt while it drives it.
pub struct Turn<'a> {
    pub now: Instant,
    pub registry: &'a Registry,
    pub helpers: &'a Arc<Helpers>,
    pub connectors: &'a Arc<Connectors>,
    pub masks: &'a Arc<MaskSource>,
    pub buffers: &'a mut Buffers,
}

/// An attempt on its way to an open WebSocket.
pub struct Connecting {
    /// The settings when the attempt began, with the URL of the last redirect.
    config: Box<Config>,
    proxy: Option<Proxy>,
    /// What the first hop's name was resolved to.
    resolved: Vec<SockAddr>,
    connectors: RouteConnectors,
    /// A connected socket that the application brought.
    handed: Option<OwnedFd>,
    on_prepared: OnPrepared,
    step: Step,
    token: Token,
    upgrade: Box<Upgrade>,
    /// The deadline of the phases up to TLS, later that of the upgrade.
    whole_deadline: Option<Instant>,
    phase_deadline: Option<Instant>,
    addresses: Option<(SocketAddr, SocketAddr)>,
    redirects: u32,
}

enum Step {
    Resolving(#[expect(dead_code, reason = "held, so that the job is wanted")] Ticket),
    /// The connectors that are not cached are built, with the trusted certificates.
    Loading(#[expect(dead_code, reason = "held, so that the job is wanted")] Ticket),
    Prepared(Preparation),
    Tcp(tcp::Connect),
    ProxyTls(tls::Handshake),
    Proxy(Transport, Dialogue),
    Tls(tls::Handshake),
    Upgrade(Transport),
    /// Between two steps, and after a failure.
    Left,
}

/// What TLS has of an unfinished handshake is dropped inside of it.
impl Drop for Connecting {
    fn drop(&mut self) {
        if let Step::ProxyTls(_) | Step::Tls(_) = self.step {
            let _inside = sys::enter_tls();
            self.step = Step::Left;
        }
    }
}

/// Where an attempt stands after `advance`.
pub enum Progress {
    Pending,
    /// The way to the server is open; call again.
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
    /// Starts an attempt. `on_prepared` is called on a helper thread, unless
    /// nothing had to be prepared there.
    pub fn start(
        config: &Config,
        handed: Option<OwnedFd>,
        token: Token,
        turn: &Turn<'_>,
        on_prepared: OnPrepared,
        report: &mut Report,
    ) -> Result<Self, Failure> {
        let mut connecting = Connecting {
            upgrade: Box::new(Upgrade::new(config)?),
            whole_deadline: expiry(turn.now, config.connect_timeout),
            config: Box::new(config.clone()),
            proxy: None,
            resolved: Vec::new(),
            connectors: RouteConnectors::default(),
            handed,
            on_prepared,
            step: Step::Left,
            token,
            phase_deadline: None,
            addresses: None,
            redirects: 0,
        };
        connecting.prepare(turn, report);
        Ok(connecting)
    }

    /// Takes what a helper thread prepared.
    pub fn set_prepared(&mut self, preparation: Preparation) {
        if let Step::Resolving(_) | Step::Loading(_) = self.step {
            self.step = Step::Prepared(preparation);
        }
    }

    pub fn phase(&self) -> Phase {
        match &self.step {
            Step::Resolving(_) | Step::Prepared(Ok(Prepared::Addresses(_))) => Phase::Dns,
            Step::Loading(_) | Step::Prepared(Ok(Prepared::Connectors(_))) => Phase::Tls,
            Step::Prepared(Err((phase, _))) => *phase,
            Step::Tcp(_) => Phase::Tcp,
            Step::ProxyTls(_) | Step::Proxy(..) => Phase::Proxy,
            Step::Tls(_) => Phase::Tls,
            Step::Upgrade(_) => Phase::Upgrade,
            Step::Left => Phase::None,
        }
    }

    /// When `advance` must be called again.
    pub fn next_deadline(&self) -> Option<Instant> {
        let next_start = match &self.step {
            Step::Tcp(connect) => connect.next_start(),
            _ => None,
        };
        [self.deadline(), next_start].into_iter().flatten().min()
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.whole_deadline, self.phase_deadline];
        deadlines.into_iter().flatten().min()
    }

    /// What to report, once the deadline has passed.
    pub fn overdue(&self, now: Instant, report: &mut Report) -> Option<Failure> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        Some(match &self.step {
            Step::Resolving(_) => Failure::timeout("resolving the host name"),
            Step::Loading(_) => Failure::timeout("loading the trusted certificates"),
            Step::Tcp(connect) => {
                connect.give_up(report);
                Failure::timeout("connecting to the server")
            }
            Step::ProxyTls(_) => Failure::timeout("the TLS handshake with the proxy"),
            Step::Proxy(..) => Failure::timeout("the proxy's answer"),
            Step::Tls(_) => Failure::timeout("the TLS handshake"),
            Step::Upgrade(_) | Step::Prepared(_) | Step::Left => {
                self.note_refusal(report);
                self.upgrade.timed_out()
            }
        })
    }

    /// Goes as far as possible without waiting.
    pub fn advance(
        &mut self,
        turn: &mut Turn<'_>,
        counters: &mut Counters,
        report: &mut Report,
    ) -> Result<Progress, (Phase, Failure)> {
        loop {
            let phase = self.phase();
            let failed = |failure| (phase, failure);
            match std::mem::replace(&mut self.step, Step::Left) {
                Step::Prepared(preparation) => {
                    match preparation? {
                        Prepared::Addresses(addresses) => {
                            self.resolved = addresses;
                            if self.load(turn, report)? {
                                return Ok(Progress::Pending);
                            }
                        }
                        Prepared::Connectors(connectors) => self.connectors = connectors,
                    }
                    if let Some(fd) = self.handed.take() {
                        let socket = tcp::register(fd.into(), turn.registry, self.token);
                        let socket = socket.map_err(|error| (Phase::Tcp, error.into()))?;
                        let peer = socket.peer_addr().ok();
                        self.note_addresses(peer, &socket);
                        self.reached(Transport::Plain(socket), turn.now, report);
                        return Ok(Progress::Connected);
                    }
                    self.enter(Phase::Tcp, turn.now, report);
                    let options = Arc::clone(&self.config.socket);
                    let addresses = std::mem::take(&mut self.resolved);
                    self.step = Step::Tcp(tcp::Connect::new(addresses, options));
                }
                Step::Tcp(mut connect) => {
                    let connected = connect.advance(turn.registry, self.token, turn.now, report);
                    let Some((socket, peer)) = connected.map_err(failed)? else {
                        self.step = Step::Tcp(connect);
                        return Ok(Progress::Pending);
                    };
                    self.note_addresses(peer.as_socket(), &socket);
                    if self.tcp_connected(Transport::Plain(socket), turn.now, report) {
                        return Ok(Progress::Connected);
                    }
                }
                Step::ProxyTls(handshake) => match handshake
                    .advance()
                    .map_err(|failure| failed(proxy::failed_handshake(failure)))?
                {
                    tls::Step::Done(secured) => {
                        let transport = Transport::tls(secured.stream);
                        self.greet_proxy(transport);
                    }
                    tls::Step::Pending(handshake) => {
                        self.step = Step::ProxyTls(handshake);
                        return Ok(Progress::Pending);
                    }
                },
                Step::Proxy(mut transport, mut dialogue) => {
                    match converse(&mut transport, &mut dialogue) {
                        Ok(true) => {
                            self.reached(transport, turn.now, report);
                            return Ok(Progress::Connected);
                        }
                        Ok(false) => {
                            self.step = Step::Proxy(transport, dialogue);
                            return Ok(Progress::Pending);
                        }
                        Err(failure) => {
                            transport.deregister(turn.registry);
                            return Err((phase, failure));
                        }
                    }
                }
                Step::Tls(handshake) => match handshake.advance().map_err(failed)? {
                    tls::Step::Done(secured) => {
                        let transport = note_security(*secured, report);
                        self.start_upgrade(transport, turn.now, report);
                    }
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
                            self.note_refusal(report);
                            let url = self.redirect(failure).map_err(failed)?;
                            self.follow(url, turn, report).map_err(failed)?;
                        }
                    }
                }
                step @ (Step::Resolving(_) | Step::Loading(_) | Step::Left) => {
                    self.step = step;
                    return Ok(Progress::Pending);
                }
            }
        }
    }

    /// Finds the addresses that need no look-up at once, and has a helper thread ask for
    /// the others.
    fn prepare(&mut self, turn: &Turn<'_>, report: &mut Report) {
        self.enter(Phase::Dns, turn.now, report);
        self.step = match self.resolve(turn) {
            Ok(step) => step,
            Err(failure) => Step::Prepared(Err(failure)),
        };
    }

    fn resolve(&mut self, turn: &Turn<'_>) -> Result<Step, (Phase, Failure)> {
        let config = &self.config;
        self.proxy = config.proxy().map_err(|status| {
            let text = format!("the environment's proxy: {}", status.text());
            (Phase::Proxy, Failure::new(status, text))
        })?;
        let in_dns = |failure| (Phase::Dns, failure);
        let addresses = match self.handed {
            Some(_) => Vec::new(),
            None => match Hop::first(config, self.proxy.as_ref()).map_err(in_dns)? {
                Hop::Known(address) => vec![address],
                Hop::Name(name) => {
                    let done = Arc::clone(&self.on_prepared);
                    let then = move |addresses: Addresses| {
                        done(addresses.map(Prepared::Addresses).map_err(in_dns));
                    };
                    let ticket = turn.helpers.look_up(name, dns::resolve, then);
                    return Ok(Step::Resolving(ticket.map_err(no_thread).map_err(in_dns)?));
                }
            },
        };
        Ok(Step::Prepared(Ok(Prepared::Addresses(addresses))))
    }

    /// Takes the connectors that were built before, and has a helper thread build the
    /// others; tells whether there are any.
    fn load(&mut self, turn: &Turn<'_>, report: &mut Report) -> Result<bool, (Phase, Failure)> {
        // The settings for TLS are those for the server; a proxy is trusted by
        // the same authorities, but has a name of its own.
        let server = Arc::clone(&self.config.tls);
        let server = Some(server).filter(|_| self.config.url.secure);
        let proxy = self.proxy.as_ref().filter(|proxy| proxy.secure);
        let proxy = proxy.map(|_| Arc::new(self.config.tls.for_proxy()));
        let cached = |settings: &Option<Arc<TlsSettings>>| {
            let settings = settings.as_ref()?;
            turn.connectors.cached(settings)
        };
        self.connectors = RouteConnectors {
            server: cached(&server),
            proxy: cached(&proxy),
        };
        let lacks_server = server.is_some() && self.connectors.server.is_none();
        let lacks_proxy = proxy.is_some() && self.connectors.proxy.is_none();
        if !lacks_server && !lacks_proxy {
            return Ok(false);
        }
        // What one attempt loads is for all: only the deadline of the whole ends it.
        report.enter(Phase::Tls, Instant::now());
        self.phase_deadline = None;
        let shared = Arc::clone(turn.connectors);
        let build = move |settings: Option<Arc<TlsSettings>>, phase| {
            let built = settings.map(|settings| shared.build(&settings)).transpose();
            built.map_err(|failure| (phase, failure))
        };
        let build_all = move || {
            Ok(Prepared::Connectors(RouteConnectors {
                server: build(server, Phase::Tls)?,
                proxy: build(proxy, Phase::Proxy)?,
            }))
        };
        let done = Arc::clone(&self.on_prepared);
        let ticket = turn.helpers.run(move || done(build_all()));
        let ticket = ticket.map_err(|error| (Phase::Tls, no_thread(error)))?;
        self.step = Step::Loading(ticket);
        Ok(true)
    }

    fn enter(&mut self, phase: Phase, now: Instant, report: &mut Report) {
        // A turn may see several phases, and `now` is its beginning.
        report.enter(phase, Instant::now());
        self.phase_deadline = expiry(now, self.config.phase_timeouts.get(phase));
    }

    fn note_addresses(&mut self, peer: Option<SocketAddr>, socket: &TcpStream) {
        self.addresses = peer.zip(socket.local_addr().ok());
    }

    /// Goes on to the proxy or the server; tells whether that is the server.
    fn tcp_connected(&mut self, socket: Transport, now: Instant, report: &mut Report) -> bool {
        let Some(proxy) = &self.proxy else {
            self.reached(socket, now, report);
            return true;
        };
        let host = tls_name(&proxy.host);
        match self.connectors.proxy.take() {
            Some(connector) => {
                let settings = Arc::new(self.config.tls.for_proxy());
                let wire = Wire::new(socket);
                let handshake = tls::Handshake::new(settings, connector, host, wire);
                self.step = Step::ProxyTls(handshake);
            }
            None => self.greet_proxy(socket),
        }
        self.enter(Phase::Proxy, now, report);
        false
    }

    fn greet_proxy(&mut self, transport: Transport) {
        if let Some(proxy) = &self.proxy {
            let headers = &self.config.proxy_headers;
            let dialogue = Dialogue::new(proxy, headers, &self.config.url);
            self.step = Step::Proxy(transport, dialogue);
        }
    }

    /// The way to the server is open.
    fn reached(&mut self, transport: Transport, now: Instant, report: &mut Report) {
        match self.connectors.server.take() {
            Some(connector) => {
                let settings = Arc::clone(&self.config.tls);
                let host = tls_name(&self.config.url.host);
                let wire = Wire::new(transport);
                self.step = Step::Tls(tls::Handshake::new(settings, connector, host, wire));
                self.enter(Phase::Tls, now, report);
            }
            None => self.start_upgrade(transport, now, report),
        }
    }

    fn start_upgrade(&mut self, transport: Transport, now: Instant, report: &mut Report) {
        self.enter(Phase::Upgrade, now, report);
        self.whole_deadline = expiry(now, self.config.handshake_timeout);
        self.step = Step::Upgrade(transport);
    }

    fn note_refusal(&self, report: &mut Report) {
        if let Some((head, body)) = self.upgrade.refused() {
            report.head = Bytes::copy_from_slice(head);
            report.body = Bytes::copy_from_slice(body);
        }
    }

    /// Where a refusing answer sends us, if it does and we may follow.
    fn redirect(&self, refusal: Failure) -> Result<Url, Failure> {
        let Some(location) = self
            .upgrade
            .location()
            .filter(|_| self.config.max_redirects > 0)
        else {
            return Err(refusal);
        };
        let failed = |text: &str| {
            Err(Failure {
                http_status: refusal.http_status,
                ..Failure::new(Status::Redirect, text)
            })
        };
        if self.redirects == self.config.max_redirects {
            return failed("the server redirected too often");
        }
        match self.config.url.redirected(location) {
            Err(_) => failed("the server redirected to what is no WebSocket or HTTP URL"),
            Ok(url) if self.config.url.secure && !url.secure => {
                failed("the server redirected from an encrypted to an open connection")
            }
            Ok(url) => Ok(url),
        }
    }

    /// Begins again with another URL. What is secret stays with its origin.
    fn follow(&mut self, url: Url, turn: &Turn<'_>, report: &mut Report) -> Result<(), Failure> {
        let config = &mut self.config;
        if !config.url.is_same_origin(&url) {
            const SECRET: [&str; 4] = ["Authorization", "Cookie", "Host", "Proxy-Authorization"];
            let is_secret = |name: &str| {
                SECRET
                    .iter()
                    .any(|secret| secret.eq_ignore_ascii_case(name))
            };
            config.headers.retain(|header| !is_secret(&header.name));
            config.tls = Arc::new(config.tls.for_other_origin());
        }
        config.url = url;
        self.redirects += 1;
        report.redirects = self.redirects;
        *self.upgrade = Upgrade::new(&self.config)?;
        self.whole_deadline = expiry(turn.now, self.config.connect_timeout);
        self.prepare(turn, report);
        Ok(())
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
            let received = transport.receive(buffers, &mut |input| {
                let bytes = input.bytes();
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
            Step::Tcp(connect) => connect.socket().map(AsRawFd::as_raw_fd),
            Step::ProxyTls(handshake) | Step::Tls(handshake) => {
                Some(handshake.wire_mut().below_mut().as_raw_fd())
            }
            Step::Proxy(transport, _) | Step::Upgrade(transport) => Some(transport.as_raw_fd()),
            Step::Resolving(_) | Step::Loading(_) | Step::Prepared(_) | Step::Left => None,
        }
    }

    /// The peer's and the own address, once TCP is connected.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.addresses
    }

    /// Whether this is still the first request, and no redirect was followed.
    pub fn is_first(&self) -> bool {
        self.redirects == 0
    }

    /// Ends the socket's registration, before the attempt is dropped.
    pub fn deregister(&mut self, registry: &Registry) {
        match &mut self.step {
            Step::Tcp(connect) => connect.deregister(registry),
            Step::ProxyTls(handshake) | Step::Tls(handshake) => {
                handshake.wire_mut().below_mut().deregister(registry);
            }
            Step::Proxy(transport, _) | Step::Upgrade(transport) => transport.deregister(registry),
            Step::Resolving(_) | Step::Loading(_) | Step::Prepared(_) | Step::Left => {}
        }
    }
}

fn no_thread(error: std::io::Error) -> Failure {
    Failure::new(Status::System, format!("no helper thread: {error}"))
}

/// Speaks with a proxy, as far as the socket goes.
fn converse(transport: &mut Transport, dialogue: &mut Dialogue) -> Result<bool, Failure> {
    let mut buffer = [0; 4096];
    loop {
        while !dialogue.unsent().is_empty() {
            match Sink::write(transport, &[IoSlice::new(dialogue.unsent())]) {
                Ok(count) => dialogue.sent(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Full; or gone, but the proxy may have answered before.
                Err(_) => break,
            }
        }
        match transport.read(&mut buffer) {
            Ok(0) => return Err(dialogue.ended()),
            Ok(count) => {
                if dialogue.receive(&buffer[..count])? {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn note_security(secured: Secured, report: &mut Report) -> Transport {
    report.tls_version = secured.version;
    report.alpn = secured.alpn.unwrap_or_default();
    report.peer_certificate = secured.certificate;
    Transport::tls(secured.stream)
}

/// The host as TLS asks for it: an address without brackets, a name without the dot of
/// the root (RFC 6066 §3), which no certificate has either.
fn tls_name(host: &Host) -> String {
    match host {
        Host::Name(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Host::Address(address) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_asks_for_the_bare_name() {
        for (url, name) in [
            ("wss://example.org/", "example.org"),
            ("wss://example.org./", "example.org"),
            ("wss://[::1]/", "::1"),
            ("wss://127.0.0.1/", "127.0.0.1"),
        ] {
            assert_eq!(tls_name(&Url::parse(url).unwrap().host), name);
        }
    }
}
