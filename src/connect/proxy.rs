//! The proxy phase: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS5 (RFC 1928 and
//! 1929), apart from any socket. Until the proxy has agreed nothing but the
//! name and the port of the server is told to it.

use std::net::IpAddr;

use crate::config::{Header, Host, Proxy, ProxyType, Url};
use crate::error::{Failure, Status};
use crate::http::{self, HeadWatch, MAX_FIELDS, printable};

/// The largest answer to a CONNECT.
const MAX_HEAD: usize = 16 << 10;

/// What is said to a proxy, and how far that has come.
pub struct Dialogue {
    state: State,
    /// What is to be sent, with how much of it was.
    output: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
}

enum State {
    Http(HttpAnswer),
    SocksMethod { proxy: Proxy, request: Vec<u8> },
    SocksPassword { request: Vec<u8> },
    SocksRequest,
}

const SOCKS_VERSION: u8 = 5;
const METHOD_NONE: u8 = 0;
const METHOD_PASSWORD: u8 = 2;
const METHOD_REFUSED: u8 = 0xff;
/// How TLS refuses what is none (RFC 8446 §5.1).
const TLS_ALERT: u8 = 21;
const TLS_MAJOR: u8 = 3;

impl Dialogue {
    pub fn new(proxy: &Proxy, headers: &[Header], url: &Url) -> Self {
        let (state, output) = match proxy.proxy_type {
            ProxyType::Http => {
                let request = connect_request(proxy, headers, url);
                (State::Http(HttpAnswer::default()), request)
            }
            ProxyType::Socks5 => {
                let methods: &[u8] = match proxy.credentials {
                    Some(_) => &[METHOD_NONE, METHOD_PASSWORD],
                    None => &[METHOD_NONE],
                };
                let greeting = [&[SOCKS_VERSION, methods.len() as u8], methods].concat();
                let state = State::SocksMethod {
                    proxy: proxy.clone(),
                    request: socks_request(url),
                };
                (state, greeting)
            }
        };
        Dialogue {
            state,
            output,
            sent: 0,
            received: Vec::new(),
        }
    }

    /// What was not sent yet.
    pub fn unsent(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    pub fn sent(&mut self, count: usize) {
        self.sent += count;
    }

    /// Takes bytes of the proxy; tells whether the way to the server is open.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        self.received.extend_from_slice(bytes);
        loop {
            if let Some(what) = self.other_scheme() {
                return Err(garbage(what));
            }
            let size = match &mut self.state {
                State::Http(answer) => answer.take(&mut self.received)?,
                State::SocksMethod { .. } | State::SocksPassword { .. } => 2,
                State::SocksRequest => socks_reply_size(&self.received)?,
            };
            if size == 0 || self.received.len() < size {
                return Ok(false);
            }
            let answer: Vec<u8> = self.received.drain(..size).collect();
            if self.answered(&answer)? {
                // The server cannot have been spoken to yet.
                return match self.received.is_empty() {
                    true => Ok(true),
                    false => Err(garbage("it sent more than its answer")),
                };
            }
        }
    }

    fn answered(&mut self, answer: &[u8]) -> Result<bool, Failure> {
        let next = match &mut self.state {
            State::Http(_) => return Ok(true),
            State::SocksMethod { proxy, request } => {
                let request = std::mem::take(request);
                match (answer, &proxy.credentials) {
                    ([SOCKS_VERSION, METHOD_NONE], _) => (State::SocksRequest, request),
                    ([SOCKS_VERSION, METHOD_PASSWORD], Some(credentials)) => {
                        let (user, password) = (&credentials.user, &credentials.password);
                        let mut output = vec![1, user.len() as u8];
                        output.extend_from_slice(user.as_bytes());
                        output.push(password.len() as u8);
                        output.extend_from_slice(password.as_bytes());
                        (State::SocksPassword { request }, output)
                    }
                    ([SOCKS_VERSION, METHOD_REFUSED], _) => {
                        let text = "the SOCKS proxy takes none of the offered methods to log in";
                        return Err(refused(Status::ProxyAuth, METHOD_REFUSED.into(), text));
                    }
                    _ => return Err(garbage("its choice of a method is not SOCKS5")),
                }
            }
            State::SocksPassword { request } => match answer {
                [1, 0] => (State::SocksRequest, std::mem::take(request)),
                [1, code] => {
                    let text = "the SOCKS proxy refused the user name or password";
                    return Err(refused(Status::ProxyAuth, (*code).into(), text));
                }
                _ => return Err(garbage("its answer to the password is not SOCKS5")),
            },
            State::SocksRequest => return Ok(true),
        };
        (self.state, self.output) = next;
        self.sent = 0;
        Ok(false)
    }

    /// What the answer is, where the first bytes tell that the proxy's URL has the wrong scheme.
    fn other_scheme(&self) -> Option<&'static str> {
        match (&self.state, &self.received[..]) {
            (State::Http(_), [SOCKS_VERSION, ..]) => Some("it is SOCKS"),
            (State::SocksMethod { .. }, [b'H', b'T', ..]) => Some("it is HTTP"),
            (State::Http(_) | State::SocksMethod { .. }, [TLS_ALERT, TLS_MAJOR, ..]) => {
                Some("it is TLS")
            }
            _ => None,
        }
    }

    /// What is wrong when the proxy ends the connection here.
    pub fn ended(&self) -> Failure {
        Failure::new(
            Status::Closed,
            match self.received.is_empty() {
                true => "the proxy closed the connection without an answer",
                false => "the proxy closed the connection within its answer",
            },
        )
    }
}

fn refused(status: Status, code: u16, text: impl Into<String>) -> Failure {
    Failure {
        http_status: code,
        ..Failure::new(status, text)
    }
}

fn garbage(what: &str) -> Failure {
    let text = format!("{}: {what}", Status::ProxyProtocol.text());
    Failure::new(Status::ProxyProtocol, text)
}

/// A handshake with a proxy failed; one that does not speak TLS has another scheme.
pub fn failed_handshake(failure: Failure) -> Failure {
    match failure.status == Status::Tls && failure.text.contains("wrong version number") {
        true => garbage("it is not TLS"),
        false => failure,
    }
}

fn connect_request(proxy: &Proxy, headers: &[Header], url: &Url) -> Vec<u8> {
    let target = format!("{}:{}", url.host, url.port);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    let named = headers
        .iter()
        .any(|header| header.is("Proxy-Authorization"));
    if let (Some(credentials), false) = (&proxy.credentials, named) {
        let line = format!("Proxy-Authorization: {}\r\n", credentials.basic());
        request.extend_from_slice(line.as_bytes());
    }
    for header in headers {
        request.extend_from_slice(header.name.as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(&header.value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// The answer to an HTTP CONNECT, which arrives in pieces.
#[derive(Default)]
struct HttpAnswer {
    watch: HeadWatch,
    /// Bytes of the interim answers before it.
    interim: usize,
}

impl HttpAnswer {
    /// The size of an agreeing answer's head, 0 while it is not complete. Takes interim
    /// answers, which come before the real one (RFC 9110 §15.2), off `received`.
    fn take(&mut self, received: &mut Vec<u8>) -> Result<usize, Failure> {
        loop {
            let fits = self.interim + received.len() <= MAX_HEAD;
            if !self.watch.is_due(received) && fits {
                return Ok(0);
            }
            let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            let size = match response.parse(received) {
                Ok(httparse::Status::Complete(size)) if self.interim + size <= MAX_HEAD => size,
                Ok(httparse::Status::Partial) if fits => return Ok(0),
                Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(too_big()),
                Err(error) => return Err(garbage(&format!("it is not HTTP ({error})"))),
            };
            match response.code.unwrap_or(0) {
                200..=299 => return Ok(size),
                100 | 102..=199 => {
                    received.drain(..size);
                    self.interim += size;
                    self.watch = HeadWatch::default();
                }
                code => return Err(http_refusal(code, received)),
            }
        }
    }
}

fn too_big() -> Failure {
    let text = format!("the proxy's answer exceeds {MAX_HEAD} bytes or {MAX_FIELDS} fields");
    Failure::new(Status::HeaderTooBig, text)
}

fn http_refusal(code: u16, head: &[u8]) -> Failure {
    let status = match code {
        407 => Status::ProxyAuth,
        _ => Status::Proxy,
    };
    let line = http::status_line(head).unwrap_or_default();
    let line = line
        .splitn(2, |byte| *byte == b' ')
        .nth(1)
        .unwrap_or_default();
    refused(
        status,
        code,
        format!("the proxy answered {}", printable(line)),
    )
}

/// CONNECT to the server, whose name the proxy resolves.
fn socks_request(url: &Url) -> Vec<u8> {
    const CONNECT: u8 = 1;
    let mut request = vec![SOCKS_VERSION, CONNECT, 0];
    match &url.host {
        Host::Address(IpAddr::V4(address)) => {
            request.push(ADDRESS_IPV4);
            request.extend(address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            request.push(ADDRESS_IPV6);
            request.extend(address.octets());
        }
        Host::Name(name) => {
            // A URL's name has at most 253 bytes.
            request.extend([ADDRESS_NAME, name.len() as u8]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(url.port.to_be_bytes());
    request
}

const ADDRESS_IPV4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_IPV6: u8 = 4;

/// The size of an agreeing reply, 0 while that cannot be told.
fn socks_reply_size(received: &[u8]) -> Result<usize, Failure> {
    if let Some(version) = received.first()
        && *version != SOCKS_VERSION
    {
        return Err(garbage("its reply is not SOCKS5"));
    }
    if let Some(code) = received.get(1)
        && *code != 0
    {
        let text = format!("the SOCKS proxy answered {code}, {}", socks_reason(*code));
        return Err(refused(Status::Proxy, (*code).into(), text));
    }
    let head_and_port = 4 + 2;
    match (received.get(3), received.get(4)) {
        (Some(&ADDRESS_IPV4), _) => Ok(head_and_port + 4),
        (Some(&ADDRESS_IPV6), _) => Ok(head_and_port + 16),
        (Some(&ADDRESS_NAME), Some(length)) => Ok(head_and_port + 1 + usize::from(*length)),
        (Some(&ADDRESS_NAME) | None, _) => Ok(0),
        (Some(_), _) => Err(garbage("its reply has an unknown type of address")),
    }
}

fn socks_reason(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "an unknown code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue(proxy: &str) -> Dialogue {
        let url = Url::parse("wss://user:secret@example.org/path").unwrap();
        Dialogue::new(&Proxy::parse(proxy).unwrap(), &[], &url)
    }

    #[test]
    fn connect_tells_the_proxy_host_and_port_only() {
        let dialogue = dialogue("http://me:pa%3ass@proxy:3128");
        assert_eq!(
            String::from_utf8_lossy(dialogue.unsent()),
            "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\
             Proxy-Authorization: Basic bWU6cGE6c3M=\r\n\r\n"
        );
    }

    #[test]
    fn connect_answers_are_read_at_any_split() {
        let answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
        for split in 0..answer.len() {
            let mut dialogue = dialogue("http://proxy");
            assert_eq!(dialogue.receive(&answer[..split]), Ok(false));
            assert_eq!(dialogue.receive(&answer[split..]), Ok(true));
        }
        let mut trickled = dialogue("http://proxy");
        for (index, byte) in answer.iter().enumerate() {
            let is_last = index + 1 == answer.len();
            assert_eq!(trickled.receive(&[*byte]), Ok(is_last));
        }
        for (answer, status, code) in [
            (&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], Status::Proxy, 403),
            (b"HTTP/1.1 407 Log in\r\n\r\n", Status::ProxyAuth, 407),
            (b"\x16\x03\x01", Status::ProxyProtocol, 0),
            (b"HTTP/1.1 200 OK\r\n\r\nmore", Status::ProxyProtocol, 0),
            (
                &[b"HTTP/1.1 200 OK\r\nX: ", &[b'a'; MAX_HEAD][..]].concat(),
                Status::HeaderTooBig,
                0,
            ),
        ] {
            let failure = dialogue("http://proxy").receive(answer).unwrap_err();
            assert_eq!((failure.status, failure.http_status), (status, code));
        }
    }

    #[test]
    fn socks_logs_in_and_lets_the_proxy_resolve() {
        let mut dialogue = dialogue("socks5://me:secret@proxy");
        assert_eq!(dialogue.unsent(), [5, 2, 0, 2]);
        assert_eq!(dialogue.receive(&[5, 2]), Ok(false));
        assert_eq!(dialogue.unsent(), b"\x01\x02me\x06secret");
        assert_eq!(dialogue.receive(&[1, 0]), Ok(false));
        assert_eq!(
            dialogue.unsent(),
            b"\x05\x01\x00\x03\x0bexample.org\x01\xbb"
        );
        for byte in [5, 0, 0, 1, 127, 0, 0, 1, 0] {
            assert_eq!(dialogue.receive(&[byte]), Ok(false));
        }
        assert_eq!(dialogue.receive(&[80]), Ok(true));
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn socks_refusals_say_why() {
        for code in 1..=255u8 {
            let mut dialogue = dialogue("socks5h://proxy");
            assert_eq!(dialogue.receive(&[5, 0]), Ok(false));
            let failure = dialogue.receive(&[5, code]).unwrap_err();
            assert_eq!(
                (failure.status, failure.http_status),
                (Status::Proxy, code.into())
            );
        }
        for (answer, status) in [
            (&[5, 0xff][..], Status::ProxyAuth),
            (&[5, 2], Status::ProxyProtocol), // was not offered
            (b"HT", Status::ProxyProtocol),
            (&[5, 0, 5, 0, 0, 9], Status::ProxyProtocol),
        ] {
            let failure = dialogue("socks5://proxy").receive(answer).unwrap_err();
            assert_eq!(failure.status, status);
        }
        let mut dialogue = dialogue("socks5://me:secret@proxy");
        assert_eq!(dialogue.receive(&[5, 2]), Ok(false));
        let failure = dialogue.receive(&[1, 1]).unwrap_err();
        assert_eq!(failure.status, Status::ProxyAuth);
        assert!(!failure.text.contains("secret"), "{}", failure.text);
    }
}
