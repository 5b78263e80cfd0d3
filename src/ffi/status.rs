//! `wsc_status_t` and its texts.

use std::ffi::{CStr, c_char};

use super::boundary::enter_or;
use crate::error::Status;

/// What a call came to, or why an attempt ended (`status` of an event).
///
/// 0 is success. Values are grouped (1 to 19 the caller's mistakes, 20 to 39
/// state and flow, 40 to 59 network, 60 to 79 TLS, 80 to 99 HTTP and WebSocket,
/// 100 and up the library's own) and never change their meaning; new ones may
/// be added, so handle a value you do not know as a failure.
///
/// Functions: `wsc_status_str`.
#[must_use]
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_status_t {
    /// Success.
    WSC_OK = 0,
    /// A required pointer is NULL.
    WSC_ERR_NULL = 1,
    /// A number is out of range: a negative time other than `WSC_FOREVER`, a size of 0, an
    /// unknown enum value.
    WSC_ERR_INVALID = 2,
    /// The URL is malformed.
    WSC_ERR_URL = 3,
    /// The URL's scheme is none of those it may have.
    WSC_ERR_URL_SCHEME = 4,
    /// The URL's port is not a number from 1 to 65535.
    WSC_ERR_URL_PORT = 5,
    /// The header name is no token, or names a field the library writes itself.
    WSC_ERR_HEADER_NAME = 6,
    /// The header value contains a control character, CR and LF included.
    WSC_ERR_HEADER_VALUE = 7,
    /// A subprotocol is no token, or is named twice.
    WSC_ERR_SUBPROTOCOL = 8,
    /// The origin contains a space, a control character or a byte outside ASCII.
    WSC_ERR_ORIGIN = 9,
    /// The close code is neither 0, 1000 nor in 3000 to 4999.
    WSC_ERR_CLOSE_CODE = 10,
    /// The close reason is over 123 bytes, not UTF-8, or given without a code.
    WSC_ERR_CLOSE_REASON = 11,
    /// The text is not UTF-8.
    WSC_ERR_UTF8 = 12,
    /// The data exceeds its limit, or the buffer is too small for the result.
    WSC_ERR_TOO_BIG = 13,
    /// The loop runs its callbacks on its own thread, so it cannot be dispatched or polled.
    WSC_ERR_MODE = 14,
    /// The data is no certificate or key in PEM, no revocation list, or no PKCS#12 file.
    WSC_ERR_PEM = 15,
    /// The passphrase is wrong or missing.
    WSC_ERR_PASSPHRASE = 16,
    /// The key does not belong to the certificate.
    WSC_ERR_KEY_MISMATCH = 17,
    /// The file cannot be read.
    WSC_ERR_FILE = 18,
    /// The connection's or loop's state does not allow the call.
    WSC_ERR_STATE = 20,
    /// The loop is being dispatched or polled already.
    WSC_ERR_BUSY = 21,
    /// The send queue is at its limit. `on_buffer_drain` tells when it is empty again.
    WSC_ERR_QUEUE_FULL = 22,
    /// A deadline passed.
    WSC_ERR_TIMEOUT = 23,
    /// The object belongs to the process that made it, and this is a forked child.
    WSC_ERR_FORKED = 24,
    /// The attempt was ended by the caller.
    WSC_ERR_ABORTED = 25,
    /// There is nothing by that name or number.
    WSC_ERR_NOT_FOUND = 26,
    /// The host name could not be resolved.
    WSC_ERR_DNS = 40,
    /// The host refused the connection.
    WSC_ERR_REFUSED = 41,
    /// The network or host is unreachable.
    WSC_ERR_UNREACHABLE = 42,
    /// The connection was reset.
    WSC_ERR_RESET = 43,
    /// The peer closed the TCP connection without a close frame.
    WSC_ERR_CLOSED = 44,
    /// Any other error of the socket.
    WSC_ERR_IO = 45,
    /// The system refused a file descriptor, a thread or memory.
    WSC_ERR_SYSTEM = 46,
    /// The proxy refused the connection; the report has its status.
    WSC_ERR_PROXY = 47,
    /// The proxy refused the credentials, or wants some.
    WSC_ERR_PROXY_AUTH = 48,
    /// The proxy's answer is not what the protocol asks for.
    WSC_ERR_PROXY_PROTOCOL = 49,
    /// The TLS handshake or the TLS connection failed.
    WSC_ERR_TLS = 60,
    /// The server's certificate was not accepted.
    WSC_ERR_CERTIFICATE = 61,
    /// The server's certificate has expired or is not valid yet.
    WSC_ERR_CERTIFICATE_EXPIRED = 62,
    /// The server's certificate is self-signed and not among the trusted ones.
    WSC_ERR_CERTIFICATE_SELF_SIGNED = 63,
    /// The issuer of the server's certificate is not trusted.
    WSC_ERR_CERTIFICATE_ISSUER = 64,
    /// The server's certificate is for another name.
    WSC_ERR_CERTIFICATE_NAME = 65,
    /// The server's certificate was revoked.
    WSC_ERR_CERTIFICATE_REVOKED = 66,
    /// The server's certificate has none of the pins.
    WSC_ERR_PIN = 67,
    /// Client and server have no TLS version in common.
    WSC_ERR_TLS_VERSION = 68,
    /// The answer to the upgrade request is not HTTP.
    WSC_ERR_HTTP = 80,
    /// The HTTP status is not 101; the event's `code` has it.
    WSC_ERR_HTTP_STATUS = 81,
    /// The answer is 101, but its `Upgrade` or `Connection` header is wrong.
    WSC_ERR_UPGRADE = 82,
    /// `Sec-WebSocket-Accept` is missing or wrong.
    WSC_ERR_ACCEPT = 83,
    /// The response head exceeds `wsc_conn_set_max_header_size`.
    WSC_ERR_HEADER_TOO_BIG = 84,
    /// The server chose a subprotocol that was not offered.
    WSC_ERR_SUBPROTOCOL_MISMATCH = 85,
    /// The server chose an extension that was not offered.
    WSC_ERR_EXTENSION_MISMATCH = 86,
    /// The server violated the WebSocket protocol.
    WSC_ERR_PROTOCOL = 87,
    /// The server sent a message or frame above its limit.
    WSC_ERR_MESSAGE_TOO_BIG = 88,
    /// The server sent text that is not UTF-8.
    WSC_ERR_PEER_UTF8 = 89,
    /// The server redirected too often, or to where it may not.
    WSC_ERR_REDIRECT = 90,
    /// A bug in the library; every function may return it. The process lives on.
    WSC_ERR_PANIC = 100,
}

impl From<Status> for wsc_status_t {
    fn from(status: Status) -> Self {
        match status {
            Status::Ok => Self::WSC_OK,
            Status::Null => Self::WSC_ERR_NULL,
            Status::Invalid => Self::WSC_ERR_INVALID,
            Status::Url => Self::WSC_ERR_URL,
            Status::UrlScheme => Self::WSC_ERR_URL_SCHEME,
            Status::UrlPort => Self::WSC_ERR_URL_PORT,
            Status::HeaderName => Self::WSC_ERR_HEADER_NAME,
            Status::HeaderValue => Self::WSC_ERR_HEADER_VALUE,
            Status::Subprotocol => Self::WSC_ERR_SUBPROTOCOL,
            Status::Origin => Self::WSC_ERR_ORIGIN,
            Status::CloseCode => Self::WSC_ERR_CLOSE_CODE,
            Status::CloseReason => Self::WSC_ERR_CLOSE_REASON,
            Status::Utf8 => Self::WSC_ERR_UTF8,
            Status::TooBig => Self::WSC_ERR_TOO_BIG,
            Status::Mode => Self::WSC_ERR_MODE,
            Status::Pem => Self::WSC_ERR_PEM,
            Status::Passphrase => Self::WSC_ERR_PASSPHRASE,
            Status::KeyMismatch => Self::WSC_ERR_KEY_MISMATCH,
            Status::File => Self::WSC_ERR_FILE,
            Status::State => Self::WSC_ERR_STATE,
            Status::Busy => Self::WSC_ERR_BUSY,
            Status::QueueFull => Self::WSC_ERR_QUEUE_FULL,
            Status::Timeout => Self::WSC_ERR_TIMEOUT,
            Status::Forked => Self::WSC_ERR_FORKED,
            Status::Aborted => Self::WSC_ERR_ABORTED,
            Status::NotFound => Self::WSC_ERR_NOT_FOUND,
            Status::Dns => Self::WSC_ERR_DNS,
            Status::Refused => Self::WSC_ERR_REFUSED,
            Status::Unreachable => Self::WSC_ERR_UNREACHABLE,
            Status::Reset => Self::WSC_ERR_RESET,
            Status::Closed => Self::WSC_ERR_CLOSED,
            Status::Io => Self::WSC_ERR_IO,
            Status::System => Self::WSC_ERR_SYSTEM,
            Status::Proxy => Self::WSC_ERR_PROXY,
            Status::ProxyAuth => Self::WSC_ERR_PROXY_AUTH,
            Status::ProxyProtocol => Self::WSC_ERR_PROXY_PROTOCOL,
            Status::Tls => Self::WSC_ERR_TLS,
            Status::Certificate => Self::WSC_ERR_CERTIFICATE,
            Status::CertificateExpired => Self::WSC_ERR_CERTIFICATE_EXPIRED,
            Status::CertificateSelfSigned => Self::WSC_ERR_CERTIFICATE_SELF_SIGNED,
            Status::CertificateIssuer => Self::WSC_ERR_CERTIFICATE_ISSUER,
            Status::CertificateName => Self::WSC_ERR_CERTIFICATE_NAME,
            Status::CertificateRevoked => Self::WSC_ERR_CERTIFICATE_REVOKED,
            Status::Pin => Self::WSC_ERR_PIN,
            Status::TlsVersion => Self::WSC_ERR_TLS_VERSION,
            Status::Http => Self::WSC_ERR_HTTP,
            Status::HttpStatus => Self::WSC_ERR_HTTP_STATUS,
            Status::Upgrade => Self::WSC_ERR_UPGRADE,
            Status::Accept => Self::WSC_ERR_ACCEPT,
            Status::HeaderTooBig => Self::WSC_ERR_HEADER_TOO_BIG,
            Status::SubprotocolMismatch => Self::WSC_ERR_SUBPROTOCOL_MISMATCH,
            Status::ExtensionMismatch => Self::WSC_ERR_EXTENSION_MISMATCH,
            Status::Protocol => Self::WSC_ERR_PROTOCOL,
            Status::MessageTooBig => Self::WSC_ERR_MESSAGE_TOO_BIG,
            Status::PeerUtf8 => Self::WSC_ERR_PEER_UTF8,
            Status::Redirect => Self::WSC_ERR_REDIRECT,
            Status::Panic => Self::WSC_ERR_PANIC,
        }
    }
}

/// Longest text and its NUL.
const ROW: usize = {
    let mut longest = 0;
    let mut index = 0;
    while index < Status::ALL.len() {
        let len = Status::ALL[index].text().len();
        longest = if len > longest { len } else { longest };
        index += 1;
    }
    longest + 1
};

/// The texts of `Status::ALL` with the NUL that C needs, made by the compiler so
/// that `wsc_status_str` takes no lock and leaves nothing behind.
static TEXTS: [[u8; ROW]; Status::ALL.len()] = {
    let mut rows = [[0; ROW]; Status::ALL.len()];
    let mut index = 0;
    while index < rows.len() {
        let text = Status::ALL[index].text().as_bytes();
        let mut byte = 0;
        while byte < text.len() {
            rows[index][byte] = text[byte];
            byte += 1;
        }
        index += 1;
    }
    rows
};

fn text(code: i32) -> &'static CStr {
    let index = Status::ALL.iter().position(|status| *status as i32 == code);
    index
        .and_then(|index| CStr::from_bytes_until_nul(&TEXTS[index]).ok())
        .unwrap_or(c"unknown status")
}

/// Describes a status in a few English words.
///
/// @param status  Any value; one that is no status gets a text that says so.
///
/// @return Static text, NUL-terminated. Never NULL, never freed.
///
/// @par Threads
/// Any thread, at any time, also in a forked child.
///
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wsc_status_str(status: i32) -> *const c_char {
    enter_or(c"unknown status".as_ptr(), || text(status).as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_enums_agree() {
        for status in Status::ALL {
            assert_eq!(
                wsc_status_t::from(status) as i32,
                status as i32,
                "{status:?}"
            );
            assert_eq!(Status::from_code(status as i32), Some(status));
        }
        assert_eq!(
            (0..1000).filter_map(Status::from_code).count(),
            Status::ALL.len()
        );
    }

    #[test]
    fn every_value_has_a_text() {
        for status in Status::ALL {
            assert_eq!(text(status as i32).to_str(), Ok(status.text()));
        }
        for code in [-1, 19, 101, i32::MIN, i32::MAX] {
            assert_eq!(text(code), c"unknown status");
        }
    }
}
