//! One connection's validated settings, with every default and limit. Opens nothing.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::error::Status;

/// DNS, TCP and TLS together.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first byte of the request to the last of the response head.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// From `close` to the end of the connection.
pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
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
pub const DEFAULT_DEFLATE_LEVEL: u32 = 6;
/// How many times its size a message may inflate to. DEFLATE ends at 1032; what
/// people send stays far below this.
pub const DEFAULT_DEFLATE_MAX_RATIO: usize = 200;
/// How long the host may be away before the standby thread steps in.
pub const DEFAULT_STANDBY_GRACE: Duration = Duration::from_millis(10);
/// The same while output waits to be flushed.
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
    pub connect_timeout: Option<Duration>,
    pub handshake_timeout: Option<Duration>,
    pub close_timeout: Option<Duration>,
    pub ping_interval: Option<Duration>,
    pub pong_timeout: Option<Duration>,
    pub auto_pong: bool,
    pub binary_type: BinaryType,
    pub max_message_size: usize,
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
    pub fn new(url: &str) -> Result<Self, Status> {
        Ok(Config {
            url: Url::parse(url)?,
            headers: Vec::new(),
            subprotocols: Vec::new(),
            origin: None,
            connect_timeout: Some(DEFAULT_CONNECT_TIMEOUT),
            handshake_timeout: Some(DEFAULT_HANDSHAKE_TIMEOUT),
            close_timeout: Some(DEFAULT_CLOSE_TIMEOUT),
            ping_interval: Some(DEFAULT_PING_INTERVAL),
            pong_timeout: Some(DEFAULT_PONG_TIMEOUT),
            auto_pong: true,
            binary_type: BinaryType::Blob,
            max_message_size: DEFAULT_MAX_MESSAGE_SIZE,
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

/// One request header field.
#[derive(Debug, Clone)]
pub struct Header {
    pub name: String,
    pub value: Vec<u8>,
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
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(Status::UrlScheme),
        };
        // The fragment never reaches a server; RFC 6455 §3 forbids it in ws URLs.
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains('#') {
            return Err(Status::Url);
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(authority_end);
        let (host, port) = split_port(authority)?;
        Ok(Url {
            secure,
            host: Host::parse(host)?,
            port: port.unwrap_or(if secure { 443 } else { 80 }),
            target: Self::parse_target(target)?,
        })
    }

    fn parse_target(target: &str) -> Result<String, Status> {
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
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
        // An all-numeric last label is a broken address, never a name (RFC 3986 §3.2.2).
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or("");
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
            && !last.bytes().all(|byte| byte.is_ascii_digit());
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

/// Splits `host:port`. Credentials in a URL are refused, not silently dropped.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), Status> {
    if authority.contains('@') {
        return Err(Status::Url);
    }
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
            ("ws+unix:///run/x", Status::UrlScheme),
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
            ("ws://ho st/", Status::Url),
            ("ws://host/\r\nX: y", Status::Url),
            ("ws://host/\0", Status::Url),
            ("ws://h\u{f6}st/", Status::Url),
            ("ws://host/#part", Status::Url),
            ("ws://user:secret@host/", Status::Url),
            ("ws://ho%20st/", Status::Url),
        ] {
            assert_eq!(Url::parse(text), Err(status), "{text:?}");
        }
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
