//! One connection's validated settings, with every default and limit. Opens nothing.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::connect::tls::TlsSettings;
use crate::error::{Phase, Status};
use crate::http::base64;

/// DNS, TCP, proxy and TLS together.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first byte of the request to the last of the response head.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// From `close` to the end of the connection.
pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Automatic reconnects: the bounds of the delay, and when the counting begins anew.
pub const DEFAULT_RECONNECT_MIN_DELAY: Duration = Duration::from_secs(1);
pub const DEFAULT_RECONNECT_MAX_DELAY: Duration = Duration::from_secs(60);
pub const DEFAULT_RECONNECT_STABLE_AFTER: Duration = Duration::from_secs(30);
pub const DEFAULT_MAX_REDIRECTS: u32 = 0;
pub const DEFAULT_PING_INTERVAL: Duration = Duration::from_secs(20);
pub const DEFAULT_PONG_TIMEOUT: Duration = Duration::from_secs(20);
pub const DEFAULT_MAX_MESSAGE_SIZE: usize = 16 << 20;
pub const DEFAULT_MAX_FRAME_SIZE: usize = 16 << 20;
pub const DEFAULT_MAX_HEADER_SIZE: usize = 64 << 10;
pub const DEFAULT_SEND_QUEUE_LIMIT: usize = 1 << 20;
pub const DEFAULT_RECEIVE_QUEUE_LIMIT: usize = 4 << 20;
pub const DEFAULT_MAX_FRAGMENTS: usize = 128 << 10;
/// Below it the header of the frame outweighs what compression saves.
pub const DEFAULT_DEFLATE_THRESHOLD: usize = 64;
/// For messages of half a KiB, level 6 takes eight times as long and leaves a fifth less.
pub const DEFAULT_DEFLATE_LEVEL: u32 = 1;
/// How many times its size a message may inflate to. DEFLATE ends at 1032; what
/// people send stays far below this.
pub const DEFAULT_DEFLATE_MAX_RATIO: usize = 200;
/// How long the host may be away before the standby thread steps in.
pub const DEFAULT_STANDBY_GRACE: Duration = Duration::from_millis(10);
/// A burst of sends ends this long after its first one, which alone was written at once.
pub const BURST: Duration = Duration::from_micros(100);
/// The grace while output waits to be flushed.
pub const OUTPUT_GRACE: Duration = Duration::from_millis(1);

/// The largest payload of a control frame (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;
/// A control payload less the two bytes of the close code.
pub const MAX_CLOSE_REASON: usize = MAX_CONTROL_PAYLOAD - 2;
/// The bounds of a compression window's size as a power of two (RFC 7692 §7.1.2).
pub const MIN_WINDOW_BITS: u8 = 8;
pub const MAX_WINDOW_BITS: u8 = 15;
/// How much of a refusing answer's body is kept.
pub const MAX_REFUSAL_BODY: usize = 4096;

/// Settings that few connections change: the others share one value.
static DEFAULT_TLS: LazyLock<Arc<TlsSettings>> = LazyLock::new(Arc::default);
static DEFAULT_SOCKET: LazyLock<Arc<SocketOptions>> = LazyLock::new(Arc::default);

/// When a time that begins now is over; a time too long to be told never is.
pub fn expiry(now: Instant, timeout: Option<Duration>) -> Option<Instant> {
    now.checked_add(timeout?)
}

/// What `send` sends, named as in Workerman.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum BinaryType {
    /// Text messages.
    Blob = 1,
    /// Binary messages.
    ArrayBuffer = 2,
}

/// The settings of permessage-deflate (RFC 7692).
///
/// Off unless asked for: it costs a connection some 300 KiB, and compressing
/// secrets together with what others chose gives the secrets away by length.
#[derive(Debug, Clone)]
pub struct Deflate {
    pub enabled: bool,
    /// 1 is the fastest, 9 compresses best.
    pub level: u32,
    /// Smaller messages are not compressed.
    pub threshold: usize,
    pub client_window_bits: u8,
    pub server_window_bits: u8,
    pub client_no_context_takeover: bool,
    pub server_no_context_takeover: bool,
    pub max_ratio: usize,
}

impl Default for Deflate {
    fn default() -> Self {
        Deflate {
            enabled: false,
            level: DEFAULT_DEFLATE_LEVEL,
            threshold: DEFAULT_DEFLATE_THRESHOLD,
            client_window_bits: MAX_WINDOW_BITS,
            server_window_bits: MAX_WINDOW_BITS,
            client_no_context_takeover: false,
            server_no_context_takeover: false,
            max_ratio: DEFAULT_DEFLATE_MAX_RATIO,
        }
    }
}

/// The settings of one connection. Deadlines are `None` where none applies.
#[derive(Debug, Clone)]
pub struct Config {
    pub url: Url,
    pub headers: Vec<Header>,
    pub subprotocols: Vec<String>,
    pub origin: Option<String>,
    pub tls: Arc<TlsSettings>,
    pub proxy: ProxyChoice,
    pub proxy_headers: Vec<Header>,
    pub socket: Arc<SocketOptions>,
    /// How many redirects an attempt follows.
    pub max_redirects: u32,
    pub connect_timeout: Option<Duration>,
    pub phase_timeouts: PhaseTimeouts,
    pub handshake_timeout: Option<Duration>,
    pub close_timeout: Option<Duration>,
    pub ping_interval: Option<Duration>,
    pub pong_timeout: Option<Duration>,
    /// How long the server may send nothing, pongs included.
    pub idle_timeout: Option<Duration>,
    pub auto_pong: bool,
    pub binary_type: BinaryType,
    pub max_message_size: usize,
    /// For received messages, if it is another one.
    pub max_receive_size: Option<usize>,
    pub max_frame_size: usize,
    pub max_fragments: usize,
    pub max_header_size: usize,
    pub send_queue_limit: usize,
    pub receive_queue_limit: usize,
    /// Messages are delivered in parts.
    pub streaming: bool,
    pub deflate: Deflate,
}

impl Config {
    /// The largest message that may come in.
    pub fn receive_limit(&self) -> usize {
        self.max_receive_size.unwrap_or(self.max_message_size)
    }

    pub fn new(url: &str) -> Result<Self, Status> {
        Ok(Config {
            url: Url::parse(url)?,
            headers: Vec::new(),
            subprotocols: Vec::new(),
            origin: None,
            tls: Arc::clone(&DEFAULT_TLS),
            proxy: ProxyChoice::None,
            proxy_headers: Vec::new(),
            socket: Arc::clone(&DEFAULT_SOCKET),
            max_redirects: DEFAULT_MAX_REDIRECTS,
            connect_timeout: Some(DEFAULT_CONNECT_TIMEOUT),
            phase_timeouts: PhaseTimeouts::default(),
            handshake_timeout: Some(DEFAULT_HANDSHAKE_TIMEOUT),
            close_timeout: Some(DEFAULT_CLOSE_TIMEOUT),
            ping_interval: Some(DEFAULT_PING_INTERVAL),
            pong_timeout: Some(DEFAULT_PONG_TIMEOUT),
            idle_timeout: None,
            auto_pong: true,
            binary_type: BinaryType::Blob,
            max_message_size: DEFAULT_MAX_MESSAGE_SIZE,
            max_receive_size: None,
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_fragments: DEFAULT_MAX_FRAGMENTS,
            max_header_size: DEFAULT_MAX_HEADER_SIZE,
            send_queue_limit: DEFAULT_SEND_QUEUE_LIMIT,
            receive_queue_limit: DEFAULT_RECEIVE_QUEUE_LIMIT,
            streaming: false,
            deflate: Deflate::default(),
        })
    }

    /// Adds a request header, after those of the same name.
    pub fn add_header(&mut self, name: &str, value: &[u8]) -> Result<(), Status> {
        let header = Header::new(name, value)?;
        let names_host = |header: &Header| header.is("Host");
        // A request has one (RFC 9112 §3.2).
        if names_host(&header) && self.headers.iter().any(names_host) {
            return Err(Status::HeaderName);
        }
        self.headers.push(header);
        Ok(())
    }

    /// Replaces every request header of that name by one.
    pub fn set_header(&mut self, name: &str, value: &[u8]) -> Result<(), Status> {
        let header = Header::new(name, value)?;
        self.headers.retain(|other| !other.is(name));
        self.headers.push(header);
        Ok(())
    }

    /// Adds a header of the request to a proxy.
    pub fn add_proxy_header(&mut self, name: &str, value: &[u8]) -> Result<(), Status> {
        let header = Header::new(name, value)?;
        if header.is("Host") {
            return Err(Status::HeaderName);
        }
        self.proxy_headers.push(header);
        Ok(())
    }

    /// The proxy for the URL.
    pub fn proxy(&self) -> Result<Option<Proxy>, Status> {
        match &self.proxy {
            _ if self.url.unix.is_some() => Ok(None),
            ProxyChoice::None => Ok(None),
            ProxyChoice::Fixed(proxy) => Ok(Some(Proxy::clone(proxy))),
            ProxyChoice::Environment(environment) => environment.proxy(&self.url),
        }
    }

    /// Takes a comma-separated list, as the header field has it (RFC 6455 §4.1).
    pub fn set_subprotocols(&mut self, list: &str) -> Result<(), Status> {
        let mut subprotocols: Vec<String> = Vec::new();
        for name in list.split(',').map(|name| name.trim_matches([' ', '\t'])) {
            if list.trim_matches([' ', '\t']).is_empty() {
                break;
            }
            if !is_token(name) || subprotocols.iter().any(|other| other == name) {
                return Err(Status::Subprotocol);
            }
            subprotocols.push(name.to_owned());
        }
        self.subprotocols = subprotocols;
        Ok(())
    }

    pub fn set_origin(&mut self, origin: &str) -> Result<(), Status> {
        if !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Status::Origin);
        }
        self.origin = (!origin.is_empty()).then(|| origin.to_owned());
        Ok(())
    }
}

/// Deadlines for single phases, within that for the whole connect.
#[derive(Debug, Clone, Copy, Default)]
pub struct PhaseTimeouts {
    dns: Option<Duration>,
    tcp: Option<Duration>,
    proxy: Option<Duration>,
    tls: Option<Duration>,
}

impl PhaseTimeouts {
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Dns => self.dns,
            Phase::Tcp => self.tcp,
            Phase::Proxy => self.proxy,
            Phase::Tls => self.tls,
            Phase::None | Phase::Upgrade | Phase::Open | Phase::Closing => None,
        }
    }

    pub fn set(&mut self, phase: Phase, timeout: Option<Duration>) -> Result<(), Status> {
        let place = match phase {
            Phase::Dns => &mut self.dns,
            Phase::Tcp => &mut self.tcp,
            Phase::Proxy => &mut self.proxy,
            Phase::Tls => &mut self.tls,
            Phase::None | Phase::Upgrade | Phase::Open | Phase::Closing => {
                return Err(Status::Invalid);
            }
        };
        *place = timeout;
        Ok(())
    }
}

/// How a socket is made.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    pub nodelay: bool,
    /// Port 0 lets the system choose.
    pub local_address: Option<SocketAddr>,
    pub interface: Option<String>,
    /// Probes after this time of silence.
    pub keepalive: Option<Duration>,
    /// How long sent data may stay unacknowledged.
    pub user_timeout: Option<Duration>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        SocketOptions {
            nodelay: true,
            local_address: None,
            interface: None,
            keepalive: None,
            user_timeout: None,
        }
    }
}

/// Where an attempt takes its proxy from.
#[derive(Debug, Clone)]
pub enum ProxyChoice {
    None,
    Fixed(Box<Proxy>),
    Environment(Box<ProxyEnvironment>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyType {
    Http,
    Socks5,
}

/// A proxy's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub proxy_type: ProxyType,
    /// Whether TLS is spoken to the proxy itself.
    pub secure: bool,
    pub host: Host,
    pub port: u16,
    pub credentials: Option<Credentials>,
}

impl Proxy {
    /// Takes `http://`, `https://`, `socks5://` or `socks5h://`; a name without
    /// a scheme is an HTTP proxy, as in the environment.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (proxy_type, secure, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyType::Http, false, 80),
            "https" => (ProxyType::Http, true, 443),
            "socks5" | "socks5h" => (ProxyType::Socks5, false, 1080),
            _ => return Err(Status::UrlScheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if !authority.bytes().all(|byte| byte.is_ascii_graphic())
            || authority.contains(['/', '?', '#'])
        {
            return Err(Status::Url);
        }
        let (credentials, authority) = Credentials::split(authority)?;
        let too_long = |text: &String| text.len() > usize::from(u8::MAX);
        if let (ProxyType::Socks5, Some(credentials)) = (proxy_type, &credentials)
            && (too_long(&credentials.user) || too_long(&credentials.password))
        {
            return Err(Status::TooBig);
        }
        let (host, port) = split_port(authority)?;
        Ok(Proxy {
            proxy_type,
            secure,
            host: Host::parse(host)?,
            port: port.unwrap_or(default_port),
            credentials,
        })
    }
}

/// The proxies that the environment names, in either case of letters.
#[derive(Clone, Default)]
pub struct ProxyEnvironment {
    http: Option<String>,
    https: Option<String>,
    all: Option<String>,
    no_proxy: String,
}

/// Never shows a proxy's password.
impl std::fmt::Debug for ProxyEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProxyEnvironment")
    }
}

impl ProxyEnvironment {
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| {
            let lower = variable(&name.to_ascii_lowercase());
            lower
                .or_else(|| variable(name))
                .filter(|value| !value.is_empty())
        };
        // A CGI has the request's `Proxy` field in HTTP_PROXY, whoever sent that.
        let is_cgi = variable("REQUEST_METHOD").is_some();
        ProxyEnvironment {
            http: get(if is_cgi { "http_proxy" } else { "HTTP_PROXY" }),
            https: get("HTTPS_PROXY"),
            all: get("ALL_PROXY"),
            no_proxy: get("NO_PROXY").unwrap_or_default(),
        }
    }

    fn proxy(&self, url: &Url) -> Result<Option<Proxy>, Status> {
        if self.is_exempt(url) {
            return Ok(None);
        }
        let own = if url.secure { &self.https } else { &self.http };
        let proxy = own.as_ref().or(self.all.as_ref());
        proxy.map(|text| Proxy::parse(text)).transpose()
    }

    /// Entries are host names, which cover their subdomains, addresses, each perhaps with
    /// a port, or networks (`10.0.0.0/8`); `*` is everything.
    fn is_exempt(&self, url: &Url) -> bool {
        let host = url.host.to_string().to_ascii_lowercase();
        let entries = self.no_proxy.split([',', ' ']);
        entries.filter(|entry| !entry.is_empty()).any(|entry| {
            let entry = entry.to_ascii_lowercase();
            if let (Host::Address(address), Some(network)) = (&url.host, network(&entry)) {
                return is_within(*address, network);
            }
            let (name, port) = match split_port(&entry) {
                Ok(parts) => parts,
                Err(_) => (entry.as_str(), None),
            };
            let name = name.trim_start_matches("*.").trim_start_matches('.');
            let covers = match &url.host {
                Host::Name(_) => host
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
                Host::Address(address) => name == host || name.parse() == Ok(*address),
            };
            entry == "*" || (covers && port.is_none_or(|port| port == url.port))
        })
    }
}

/// An address and the length of its prefix.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    Some((address.parse().ok()?, length.parse().ok()?))
}

fn is_within(address: IpAddr, (network, length): (IpAddr, u32)) -> bool {
    let prefix = |bits: u128, width: u32| bits.checked_shr(width.saturating_sub(length));
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            prefix(one.to_bits().into(), 32) == prefix(other.to_bits().into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            prefix(one.to_bits(), 128) == prefix(other.to_bits(), 128)
        }
        _ => false,
    }
}

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

/// Never shows the secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Splits `user:password@rest`.
    fn split(authority: &str) -> Result<(Option<Self>, &str), Status> {
        let Some((userinfo, rest)) = authority.rsplit_once('@') else {
            return Ok((None, authority));
        };
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let credentials = Credentials {
            user: percent_decoded(user)?,
            password: percent_decoded(password)?,
        };
        Ok((Some(credentials), rest))
    }

    /// The value of an `Authorization` header (RFC 7617).
    pub fn basic(&self) -> String {
        let pair = format!("{}:{}", self.user, self.password);
        format!("Basic {}", base64(pair.as_bytes()))
    }
}

fn percent_decoded(text: &str) -> Result<String, Status> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let byte = part
            .get(..2)
            .filter(|hex| is_hex(hex)) // a sign is a number too
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.ok_or(Status::Url)?);
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).map_err(|_| Status::Url)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One request header field.
#[derive(Clone)]
pub struct Header {
    pub name: String,
    pub value: Vec<u8>,
}

/// Never shows the value, which may be a secret.
impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Header({})", self.name)
    }
}

impl Header {
    /// Fields that the handshake sets itself, or that would change its framing.
    const RESERVED: [&'static str; 9] = [
        "Connection",
        "Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Protocol",
        "Content-Length",
        "Transfer-Encoding",
    ];

    fn new(name: &str, value: &[u8]) -> Result<Self, Status> {
        if !is_token(name)
            || Self::RESERVED
                .iter()
                .any(|other| other.eq_ignore_ascii_case(name))
        {
            return Err(Status::HeaderName);
        }
        // RFC 9110 §5.5: anything but control characters; a tab may stand inside.
        if value
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return Err(Status::HeaderValue);
        }
        Ok(Header {
            name: name.to_owned(),
            value: value.trim_ascii().to_owned(),
        })
    }

    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// A token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A close code that an application may send (RFC 6455 §7.4).
pub fn is_user_close_code(code: u16) -> bool {
    code == 1000 || (3000..=4999).contains(&code)
}

/// A close code that may stand in a close frame (RFC 6455 §7.4 and its registry).
pub fn is_wire_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// A ws or wss URL (RFC 6455 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub secure: bool,
    pub host: Host,
    pub port: u16,
    /// Path and query, as the request line has them.
    pub target: String,
    pub credentials: Option<Box<Credentials>>,
    /// The interface that a link-local address belongs to.
    pub zone: Option<String>,
    /// The socket of a `ws+unix` URL.
    pub unix: Option<PathBuf>,
}

/// The URL's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Name(String),
    Address(IpAddr),
}

impl Url {
    pub fn parse(text: &str) -> Result<Self, Status> {
        let (scheme, rest) = text.split_once("://").ok_or(Status::Url)?;
        let (secure, unix) = match scheme.to_ascii_lowercase().as_str() {
            "ws" => (false, false),
            "wss" => (true, false),
            "ws+unix" => (false, true),
            "wss+unix" => (true, true),
            _ => return Err(Status::UrlScheme),
        };
        // The fragment never reaches a server; RFC 6455 §3 forbids it in ws URLs.
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains('#') {
            return Err(Status::Url);
        }
        let default_port = if secure { 443 } else { 80 };
        if unix {
            return Self::parse_unix(secure, default_port, rest);
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(authority_end);
        // Browsers take it for a slash, so that another host would be meant.
        if authority.contains('\\') {
            return Err(Status::Url);
        }
        let (credentials, authority) = Credentials::split(authority)?;
        let (host, port) = split_port(authority)?;
        let (host, zone) = split_zone(host)?;
        Ok(Url {
            secure,
            host: Host::parse(&host)?,
            port: port.unwrap_or(default_port),
            target: Self::parse_target(target)?,
            credentials: credentials.map(Box::new),
            zone,
            unix: None,
        })
    }

    /// `ws+unix:///path/of/the/socket:/target`, as other clients have it.
    fn parse_unix(secure: bool, port: u16, rest: &str) -> Result<Self, Status> {
        let (path, target) = rest.split_once(':').unwrap_or((rest, ""));
        // What fits into a socket's address, with its NUL.
        const LONGEST: usize = 107;
        let path = percent_decoded(path)?;
        if !path.starts_with('/') || path.len() > LONGEST || path.contains('\0') {
            return Err(Status::Url);
        }
        Ok(Url {
            secure,
            host: Host::Name("localhost".into()),
            port,
            target: Self::parse_target(target)?,
            credentials: None,
            zone: None,
            unix: Some(path.into()),
        })
    }

    /// Where a redirect leads: an http or ws URL, or a reference relative to this one
    /// (RFC 3986 §5.2). Within one origin the credentials stay.
    pub fn redirected(&self, location: &str) -> Result<Self, Status> {
        let reference = location.split('#').next().unwrap_or_default();
        let (scheme, rest) = match reference.split_once(':') {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => (scheme, rest),
            _ => (if self.secure { "wss" } else { "ws" }, reference),
        };
        let is_relative = rest.len() == reference.len();
        if is_relative && !rest.starts_with("//") {
            return Ok(Url {
                target: Self::parse_target(&self.target_of(rest))?,
                ..self.clone()
            });
        }
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            _ => return Err(Status::UrlScheme),
        };
        let mut url = Self::parse(&format!("{scheme}:{rest}"))?;
        if url.zone.is_none() && url.host == self.host {
            url.zone.clone_from(&self.zone);
        }
        if url.credentials.is_none() && url.is_same_origin(self) {
            url.credentials.clone_from(&self.credentials);
        }
        Ok(url)
    }

    /// The target of a reference without scheme and host.
    fn target_of(&self, reference: &str) -> String {
        let own_path = self.target.split('?').next().unwrap_or_default();
        let directory = own_path.rfind('/').map_or("", |slash| &own_path[..=slash]);
        match reference.chars().next() {
            None => self.target.clone(),
            Some('?') => format!("{own_path}{reference}"),
            Some('/') => without_dots(reference),
            Some(_) => without_dots(&format!("{directory}{reference}")),
        }
    }

    /// Whether both name the same server, so that what is secret to one is to the other.
    pub fn is_same_origin(&self, other: &Url) -> bool {
        let parts = |url: &Url| {
            let host = url.host.to_string().to_ascii_lowercase();
            (
                url.secure,
                host,
                url.port,
                url.zone.clone(),
                url.unix.clone(),
            )
        };
        parts(self) == parts(other)
    }

    fn parse_target(target: &str) -> Result<String, Status> {
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Status::Url);
        }
        http::uri::PathAndQuery::try_from(target.as_str()).map_err(|_| Status::Url)?;
        Ok(target)
    }

    /// The `Host` header: the port only where it is not the scheme's own.
    pub fn host_header(&self) -> String {
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => self.host.to_string(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Host {
    fn parse(host: &str) -> Result<Self, Status> {
        if let Some(literal) = host.strip_prefix('[') {
            let literal = literal.strip_suffix(']').ok_or(Status::Url)?;
            return match literal.parse() {
                Ok(address) => Ok(Host::Address(IpAddr::V6(address))),
                Err(_) => Err(Status::Url),
            };
        }
        if let Ok(address) = host.parse() {
            return Ok(Host::Address(IpAddr::V4(address)));
        }
        // A number as the last label makes an address, and a broken one, never a name
        // (RFC 3986 §3.2.2). Resolvers take hexadecimal for one too: 0x7f000001.
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or("");
        let hex = last.strip_prefix("0x").or(last.strip_prefix("0X"));
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
            && !last.bytes().all(|byte| byte.is_ascii_digit())
            && !hex.is_some_and(is_hex);
        match is_name {
            true => Ok(Host::Name(host.to_owned())),
            false => Err(Status::Url),
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Takes the zone out of `[address%25zone]` (RFC 6874), or of the same with a bare `%`.
fn split_zone(host: &str) -> Result<(String, Option<String>), Status> {
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match literal.and_then(|literal| literal.split_once('%')) {
        None => Ok((host.to_owned(), None)),
        Some((address, zone)) => {
            let zone = percent_decoded(zone.strip_prefix("25").unwrap_or(zone))?;
            match zone.is_empty() || zone.contains('\0') {
                true => Err(Status::Url),
                false => Ok((format!("[{address}]"), Some(zone))),
            }
        }
    }
}

/// Takes the segments `.` and `..` out of an absolute path (RFC 3986 §5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        if segment == ".." {
            segments.pop();
        } else if segment != "." {
            segments.push(segment);
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        segments.push("");
    }
    format!("/{}{query}", segments.join("/"))
}

/// Splits `host:port`.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), Status> {
    let host_end = match authority.starts_with('[') {
        true => authority.find(']').ok_or(Status::Url)? + 1,
        false => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.strip_prefix(':').ok_or(Status::Url)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Status::UrlPort);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(Status::UrlPort),
        Ok(port) => Ok((host, Some(port))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn urls_are_taken_apart() {
        let parsed = url("ws://example.org:8080/feed?x=1");
        assert_eq!(parsed.host, Host::Name("example.org".into()));
        assert_eq!((parsed.secure, parsed.port), (false, 8080));
        assert_eq!(parsed.target, "/feed?x=1");
        assert_eq!(parsed.host_header(), "example.org:8080");
        assert_eq!(url("WSS://Example.org").host_header(), "Example.org");
        assert_eq!(url("wss://example.org:443").host_header(), "example.org");
        assert_eq!(url("wss://example.org:80").host_header(), "example.org:80");
        assert_eq!(url("ws://a?q").target, "/?q");
        assert_eq!(
            url("ws://127.0.0.1").host,
            Host::Address([127, 0, 0, 1].into())
        );
        assert_eq!(url("ws://[::1]:9/").host_header(), "[::1]:9");
    }

    #[test]
    fn bad_urls_name_their_fault() {
        for (text, status) in [
            ("", Status::Url),
            ("example.org", Status::Url),
            ("http://example.org", Status::UrlScheme),
            ("ws+unix://run/x", Status::Url),
            ("ws+tcp://host", Status::UrlScheme),
            ("ws://[fe80::1%25]/", Status::Url),
            ("ws://us%zzer@host/", Status::Url),
            ("ws://", Status::Url),
            ("ws:///path", Status::Url),
            ("ws://:80", Status::Url),
            ("ws://host:", Status::UrlPort),
            ("ws://host:0", Status::UrlPort),
            ("ws://host:65536", Status::UrlPort),
            ("ws://host:+80", Status::UrlPort),
            ("ws://host:8 0", Status::Url),
            ("ws://[::1", Status::Url),
            ("ws://[::1]80", Status::Url),
            ("ws://::1", Status::UrlPort),
            ("ws://1.2.3", Status::Url),
            ("ws://256.1.1.1", Status::Url),
            ("ws://0x7f000001", Status::Url),
            ("ws://127.0.0.0X1.", Status::Url),
            ("ws://good.example\\@evil.example/", Status::Url),
            ("ws://us%+5er@host/", Status::Url),
            ("ws://us%-5er@host/", Status::Url),
            ("ws://ho st/", Status::Url),
            ("ws://host/\r\nX: y", Status::Url),
            ("ws://host/\0", Status::Url),
            ("ws://h\u{f6}st/", Status::Url),
            ("ws://host/#part", Status::Url),
            ("ws://ho%20st/", Status::Url),
        ] {
            assert_eq!(Url::parse(text), Err(status), "{text:?}");
        }
    }

    #[test]
    fn credentials_zones_and_unix_sockets_are_part_of_a_url() {
        let parsed = url("ws://me:p%40ss@host/");
        assert_eq!(
            parsed.credentials.as_ref().unwrap().basic(),
            "Basic bWU6cEBzcw=="
        );
        assert_eq!(parsed.host_header(), "host");
        assert!(!format!("{parsed:?}").contains("p@ss"));
        for text in ["ws://[fe80::1%25eth0]:9/", "ws://[fe80::1%eth0]:9/"] {
            assert_eq!(url(text).zone.as_deref(), Some("eth0"));
            assert_eq!(url(text).host_header(), "[fe80::1]:9");
        }
        let parsed = url("ws+unix:///run/x.sock:/feed?a");
        assert_eq!(parsed.unix, Some("/run/x.sock".into()));
        assert_eq!(
            (parsed.target.as_str(), parsed.host_header().as_str()),
            ("/feed?a", "localhost")
        );
        assert_eq!(url("ws+unix:///run/x.sock").target, "/");
    }

    #[test]
    fn redirects_are_resolved() {
        let from = url("wss://host:8443/a/b");
        assert_eq!(from.redirected("/c?d#e").unwrap().target, "/c?d");
        assert!(from.is_same_origin(&from.redirected("/c").unwrap()));
        let other = from.redirected("https://other/x").unwrap();
        assert_eq!((other.secure, other.port), (true, 443));
        assert!(!from.is_same_origin(&other));
        assert!(from.redirected("//third/x").unwrap().secure);
        assert_eq!(from.redirected("HTTPS://HOST:8443/x").unwrap().target, "/x");
        for (location, target) in [
            ("d", "/a/d"),
            ("d/e?f=../g", "/a/d/e?f=../g"),
            ("./d", "/a/d"),
            ("../d", "/d"),
            ("../../../d", "/d"),
            ("/x/./y/../z", "/x/z"),
            ("..", "/"),
            (".", "/a/"),
            ("?q=1:2", "/a/b?q=1:2"),
            ("", "/a/b"),
            ("#part", "/a/b"),
        ] {
            assert_eq!(
                from.redirected(location).unwrap().target,
                target,
                "{location}"
            );
        }
        for location in [
            "ftp://host/",
            "ws+unix:///run/x.sock",
            "mailto:me",
            "ws:host",
            "http://",
            "/ \r\nX: y",
            "/\u{e9}",
            "/\u{7f}",
            "//good.example\\@evil.example/",
        ] {
            assert!(from.redirected(location).is_err(), "{location}");
        }
    }

    #[test]
    fn a_redirect_keeps_credentials_and_zone_within_its_origin() {
        let from = url("ws://me:secret@[fe80::1%25eth0]:9/");
        for location in ["/x", "x", "//[fe80::1]:9/x", "http://[FE80::1]:9/x"] {
            let to = from.redirected(location).unwrap();
            assert!(to.is_same_origin(&from), "{location}");
            assert_eq!((&to.credentials, &to.zone), (&from.credentials, &from.zone));
        }
        for location in ["//[fe80::1]/x", "ws://[fe80::1%25eth1]:9/", "ws://other:9/"] {
            let to = from.redirected(location).unwrap();
            assert!(!to.is_same_origin(&from), "{location}");
            assert_eq!(to.credentials, None);
        }
        assert!(url("ws://Host").is_same_origin(&url("ws://hOST:80/x")));
    }

    #[test]
    fn the_environment_names_proxies_and_exceptions() {
        let environment = ProxyEnvironment::read(|name| {
            let value = match name {
                "http_proxy" => "proxy:3128",
                "ALL_PROXY" => "socks5://all",
                "NO_PROXY" => {
                    "localhost, .example.org,10.0.0.1,[::1],host:81,172.16.0.0/12,fd00::/8"
                }
                _ => return None,
            };
            Some(value.to_owned())
        });
        let proxy = |text: &str| {
            environment
                .proxy(&url(text))
                .unwrap()
                .map(|proxy| proxy.port)
        };
        assert_eq!(proxy("ws://host/"), Some(3128));
        assert_eq!(proxy("wss://host/"), Some(1080));
        for exempt in [
            "ws://localhost/",
            "ws://a.example.org/",
            "ws://example.org/",
            "ws://10.0.0.1/",
            "ws://[::1]/",
            "ws://host:81/",
            "ws://172.31.255.255:81/",
            "ws://[fd12::1]/",
        ] {
            assert_eq!(proxy(exempt), None, "{exempt}");
        }
        for other in ["notexample.org", "172.32.0.0", "[fc00::1]", "11.0.0.1"] {
            assert_eq!(proxy(&format!("ws://{other}/")), Some(3128), "{other}");
        }
        let everything = (IpAddr::from([0, 0, 0, 0]), 0);
        assert!(is_within([192, 0, 2, 1].into(), everything));
    }

    #[test]
    fn a_request_names_no_proxy_for_a_cgi() {
        let environment = ProxyEnvironment::read(|name| match name {
            "REQUEST_METHOD" => Some("GET".into()),
            "HTTP_PROXY" => Some("evil:1".into()),
            "HTTPS_PROXY" => Some("good:2".into()),
            _ => None,
        });
        assert_eq!(environment.proxy(&url("ws://host/")), Ok(None));
        assert_eq!(
            environment
                .proxy(&url("wss://host/"))
                .unwrap()
                .unwrap()
                .port,
            2
        );
    }

    #[test]
    fn headers_are_checked_and_replaced() {
        let mut config = Config::new("ws://host").unwrap();
        config.add_header("Cookie", b" a=b ").unwrap();
        config.add_header("cookie", b"c=d").unwrap();
        assert_eq!(config.headers.len(), 2);
        config.set_header("COOKIE", b"e=f").unwrap();
        assert_eq!(config.headers.len(), 1);
        for name in ["", "a b", "a:b", "a\r", "upgrade", "Sec-WebSocket-Key"] {
            assert_eq!(
                config.add_header(name, b"x"),
                Err(Status::HeaderName),
                "{name:?}"
            );
        }
        for value in [&b"a\r\nb"[..], b"a\nb", b"a\0b", b"\x7f"] {
            assert_eq!(config.set_header("X", value), Err(Status::HeaderValue));
        }
        assert_eq!(config.headers[0].value, b"e=f");
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut config = Config::new("wss://me:secret@host/").unwrap();
        config.add_header("Cookie", b"secret").unwrap();
        config.add_proxy_header("X-Key", b"secret").unwrap();
        for proxy in [
            ProxyChoice::Fixed(Box::new(Proxy::parse("http://me:secret@proxy").unwrap())),
            ProxyChoice::Environment(Box::new(ProxyEnvironment::read(|_| {
                Some("http://me:secret@proxy".into())
            }))),
        ] {
            config.proxy = proxy;
            let shown = format!("{config:?}");
            let bytes = format!("{:?}", b"secret");
            assert!(
                !shown.contains("secret") && !shown.contains(&bytes),
                "{shown}"
            );
        }
        assert!(url("ws://0xhost.example0x1/").credentials.is_none());
    }

    #[test]
    fn subprotocols_are_tokens_and_unique() {
        let mut config = Config::new("ws://host").unwrap();
        config.set_subprotocols("chat, superchat").unwrap();
        assert_eq!(config.subprotocols, ["chat", "superchat"]);
        for list in ["a,,b", "a b", "a,a", ",", "a\r\n"] {
            assert_eq!(
                config.set_subprotocols(list),
                Err(Status::Subprotocol),
                "{list:?}"
            );
        }
        assert_eq!(config.subprotocols.len(), 2);
        config.set_subprotocols("").unwrap();
        assert!(config.subprotocols.is_empty());
    }
}
