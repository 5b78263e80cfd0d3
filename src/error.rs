//! What can go wrong: statuses, phases, and the one place that maps the errors
//! of tungstenite, native-tls and the system to them.

use std::collections::TryReserveError;
use std::io;

/// The result of a call, or the reason why an attempt failed.
///
/// Values are part of the ABI (`wsc_status_t`): grouped, never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    Ok = 0,
    Null = 1,
    Invalid = 2,
    Url = 3,
    UrlScheme = 4,
    UrlPort = 5,
    HeaderName = 6,
    HeaderValue = 7,
    Subprotocol = 8,
    Origin = 9,
    CloseCode = 10,
    CloseReason = 11,
    Utf8 = 12,
    TooBig = 13,
    Mode = 14,
    Pem = 15,
    Passphrase = 16,
    KeyMismatch = 17,
    File = 18,
    State = 20,
    Busy = 21,
    QueueFull = 22,
    Timeout = 23,
    Forked = 24,
    Aborted = 25,
    NotFound = 26,
    Dns = 40,
    Refused = 41,
    Unreachable = 42,
    Reset = 43,
    Closed = 44,
    Io = 45,
    System = 46,
    Proxy = 47,
    ProxyAuth = 48,
    ProxyProtocol = 49,
    Tls = 60,
    Certificate = 61,
    CertificateExpired = 62,
    CertificateSelfSigned = 63,
    CertificateIssuer = 64,
    CertificateName = 65,
    CertificateRevoked = 66,
    Pin = 67,
    TlsVersion = 68,
    Http = 80,
    HttpStatus = 81,
    Upgrade = 82,
    Accept = 83,
    HeaderTooBig = 84,
    SubprotocolMismatch = 85,
    ExtensionMismatch = 86,
    Protocol = 87,
    MessageTooBig = 88,
    PeerUtf8 = 89,
    Redirect = 90,
    Panic = 100,
}

impl Status {
    /// Every status, in the order of its value.
    pub const ALL: [Status; 57] = [
        Status::Ok,
        Status::Null,
        Status::Invalid,
        Status::Url,
        Status::UrlScheme,
        Status::UrlPort,
        Status::HeaderName,
        Status::HeaderValue,
        Status::Subprotocol,
        Status::Origin,
        Status::CloseCode,
        Status::CloseReason,
        Status::Utf8,
        Status::TooBig,
        Status::Mode,
        Status::Pem,
        Status::Passphrase,
        Status::KeyMismatch,
        Status::File,
        Status::State,
        Status::Busy,
        Status::QueueFull,
        Status::Timeout,
        Status::Forked,
        Status::Aborted,
        Status::NotFound,
        Status::Dns,
        Status::Refused,
        Status::Unreachable,
        Status::Reset,
        Status::Closed,
        Status::Io,
        Status::System,
        Status::Proxy,
        Status::ProxyAuth,
        Status::ProxyProtocol,
        Status::Tls,
        Status::Certificate,
        Status::CertificateExpired,
        Status::CertificateSelfSigned,
        Status::CertificateIssuer,
        Status::CertificateName,
        Status::CertificateRevoked,
        Status::Pin,
        Status::TlsVersion,
        Status::Http,
        Status::HttpStatus,
        Status::Upgrade,
        Status::Accept,
        Status::HeaderTooBig,
        Status::SubprotocolMismatch,
        Status::ExtensionMismatch,
        Status::Protocol,
        Status::MessageTooBig,
        Status::PeerUtf8,
        Status::Redirect,
        Status::Panic,
    ];
}

impl Status {
    /// The status with this value, if there is one.
    pub fn from_code(code: i32) -> Option<Status> {
        Self::ALL.into_iter().find(|status| *status as i32 == code)
    }

    /// One sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Status::Ok => "success",
            Status::Null => "a required pointer is NULL",
            Status::Invalid => "an argument is out of range",
            Status::Url => "the URL is malformed",
            Status::UrlScheme => "the URL's scheme is none of those it may have",
            Status::UrlPort => "the URL's port is not in 1 to 65535",
            Status::HeaderName => {
                "the header name is not a token, or is one the library sets itself"
            }
            Status::HeaderValue => {
                "the header value contains CR, LF, NUL or another control character"
            }
            Status::Subprotocol => "a subprotocol is not a token, or is named twice",
            Status::Origin => "the origin contains a control character or a space",
            Status::CloseCode => "the close code is neither 1000 nor in 3000 to 4999",
            Status::CloseReason => {
                "the close reason is over 123 bytes, not UTF-8, or given without a code"
            }
            Status::Utf8 => "the text is not UTF-8",
            Status::TooBig => "the data exceeds its limit",
            Status::Mode => {
                "the loop runs its callbacks on its own thread and is not dispatched or polled"
            }
            Status::Pem => "the data is no certificate, key or revocation list, or no PKCS#12 file",
            Status::Passphrase => "the passphrase is wrong or missing",
            Status::KeyMismatch => "the key does not belong to the certificate",
            Status::File => "the file cannot be read",
            Status::State => "the connection or loop is not in a state that allows this call",
            Status::Busy => "the loop is already being dispatched or polled",
            Status::QueueFull => "the send queue is full",
            Status::Timeout => "a deadline passed",
            Status::Forked => {
                "the object belongs to the process that made it, not to its forked child"
            }
            Status::Aborted => "the attempt was ended by the caller",
            Status::NotFound => "there is no such thing",
            Status::Dns => "the host name could not be resolved",
            Status::Refused => "the connection was refused",
            Status::Unreachable => "the network or host is unreachable",
            Status::Reset => "the connection was reset",
            Status::Closed => "the peer closed the connection without a close frame",
            Status::Io => "the socket reported an error",
            Status::System => "the system refused a file descriptor, thread or memory",
            Status::Proxy => "the proxy refused the connection",
            Status::ProxyAuth => "the proxy refused the credentials, or wants some",
            Status::ProxyProtocol => "the proxy's answer is not what the protocol asks for",
            Status::Tls => "the TLS handshake or session failed",
            Status::Certificate => "the server's certificate was not accepted",
            Status::CertificateExpired => {
                "the server's certificate has expired or is not valid yet"
            }
            Status::CertificateSelfSigned => {
                "the server's certificate is self-signed and not trusted"
            }
            Status::CertificateIssuer => "the issuer of the server's certificate is not trusted",
            Status::CertificateName => "the server's certificate is for another name",
            Status::CertificateRevoked => "the server's certificate was revoked",
            Status::Pin => "the server's certificate has none of the pins",
            Status::TlsVersion => "client and server have no TLS version in common",
            Status::Http => "the server's answer is not HTTP",
            Status::HttpStatus => "the server answered with another status than 101",
            Status::Upgrade => "the server's answer does not upgrade to WebSocket",
            Status::Accept => "the server's Sec-WebSocket-Accept is missing or wrong",
            Status::HeaderTooBig => "the server's response header exceeds its limit",
            Status::SubprotocolMismatch => "the server chose a subprotocol that was not offered",
            Status::ExtensionMismatch => "the server chose an extension that was not offered",
            Status::Protocol => "the server violated the WebSocket protocol",
            Status::MessageTooBig => "the server sent a message or frame that exceeds its limit",
            Status::PeerUtf8 => "the server sent text that is not UTF-8",
            Status::Redirect => "the server redirected too often, or to where it may not",
            Status::Panic => "a bug in the library; the connection is closed",
        }
    }
}

impl From<TryReserveError> for Status {
    fn from(_: TryReserveError) -> Self {
        Status::System
    }
}

/// How far an attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(i32)]
pub enum Phase {
    #[default]
    None = 0,
    Dns = 1,
    Tcp = 2,
    Proxy = 3,
    Tls = 4,
    Upgrade = 5,
    Open = 6,
    Closing = 7,
}

impl Phase {
    /// The word used in error texts.
    pub fn word(self) -> &'static str {
        match self {
            Phase::None => "start",
            Phase::Dns => "dns",
            Phase::Tcp => "tcp",
            Phase::Proxy => "proxy",
            Phase::Tls => "tls",
            Phase::Upgrade => "upgrade",
            Phase::Open => "open",
            Phase::Closing => "closing",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: Status,
    /// The HTTP status, or a proxy's status or SOCKS code, of a refusal; else 0.
    pub http_status: u16,
    /// The errno, else 0.
    pub os_error: i32,
    /// What happened, in words, without credentials.
    pub text: String,
    /// The code for the close frame that tells the peer, where RFC 6455 names one.
    pub close_code: Option<u16>,
}

impl Failure {
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Failure {
            status,
            http_status: 0,
            os_error: 0,
            text: text.into(),
            close_code: None,
        }
    }

    /// A violation by the peer that is answered with a close code (RFC 6455 §7.4.1).
    pub fn violation(status: Status, close_code: u16, text: impl Into<String>) -> Self {
        Failure {
            close_code: Some(close_code),
            ..Failure::new(status, text)
        }
    }

    pub fn protocol(text: impl Into<String>) -> Self {
        Failure::violation(Status::Protocol, 1002, text)
    }

    pub fn no_random(error: impl std::fmt::Display) -> Self {
        Failure::new(Status::System, format!("no random numbers: {error}"))
    }

    pub fn timeout(what: &str) -> Self {
        Failure::new(Status::Timeout, format!("{what} took too long"))
    }

    pub fn closed_by_peer() -> Self {
        Failure::new(Status::Closed, Status::Closed.text())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::*;
        let status = match error.kind() {
            ConnectionRefused => Status::Refused,
            ConnectionReset | ConnectionAborted | BrokenPipe => Status::Reset,
            HostUnreachable | NetworkUnreachable | AddrNotAvailable => Status::Unreachable,
            TimedOut => Status::Timeout,
            UnexpectedEof => Status::Closed,
            OutOfMemory => Status::System,
            _ if matches!(
                error.raw_os_error(),
                // The last is epoll's, with more sockets than the system lets it watch.
                Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOSPC)
            ) =>
            {
                Status::System
            }
            _ => Status::Io,
        };
        Failure {
            os_error: error.raw_os_error().unwrap_or(0),
            ..Failure::new(status, error.to_string())
        }
    }
}

/// The system refused memory for a message; a peer that sends it is told that it is too
/// big to be taken.
impl From<TryReserveError> for Failure {
    fn from(_: TryReserveError) -> Self {
        Failure::violation(
            Status::System,
            1009,
            "the system refused memory for a message",
        )
    }
}

impl Failure {
    pub fn peer_utf8() -> Self {
        Failure::violation(Status::PeerUtf8, 1007, Status::PeerUtf8.text())
    }

    pub fn message_too_big(size: u64, limit: usize) -> Self {
        Failure::violation(
            Status::MessageTooBig,
            1009,
            format!("the server sent {size} bytes where {limit} are allowed"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_listed_in_order_and_found_by_code() {
        assert!(
            Status::ALL
                .windows(2)
                .all(|pair| (pair[0] as i32) < (pair[1] as i32))
        );
        for status in Status::ALL {
            assert_eq!(Status::from_code(status as i32), Some(status));
            assert!(!status.text().is_empty());
        }
        assert_eq!(Status::from_code(-1), None);
    }
}
