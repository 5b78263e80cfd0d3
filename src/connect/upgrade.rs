//! The upgrade phase: the HTTP request and its answer (RFC 6455 §4.1), apart
//! from any socket.
//!
//! tungstenite's own handshake gives up after 64 small reads, has fixed limits
//! and keeps no raw head, so only what it makes of a key is used.

use std::io::Write;

use bytes::Bytes;
use rand::TryRng;
use rand::rngs::SysRng;
use tungstenite::handshake::derive_accept_key;

use crate::config::{Config, Deflate, MAX_REFUSAL_BODY};
use crate::deflate::{self, Agreement};
use crate::error::{Failure, Status};
use crate::http::{self, HeadWatch, MAX_FIELDS, base64, printable};

/// An upgrade that is under way.
pub struct Upgrade {
    request: Vec<u8>,
    sent: usize,
    accept: String,
    subprotocols: Vec<String>,
    deflate: Deflate,
    max_header: usize,
    follows_redirects: bool,
    received: Vec<u8>,
    watch: HeadWatch,
    /// Bytes of interim answers, which count against the header limit.
    interim: usize,
    refusal: Option<Refusal>,
}

/// The server agreed.
pub struct Accepted {
    pub status: u16,
    pub head: Bytes,
    pub negotiated: Negotiated,
    /// Bytes that followed the head: the first frames.
    pub rest: Vec<u8>,
}

/// What the server chose of the offers.
#[derive(Default)]
pub struct Negotiated {
    pub subprotocol: Option<String>,
    /// As the server put it.
    pub extensions: Option<String>,
    pub deflate: Option<Agreement>,
}

/// An answer other than 101, whose body is being read.
struct Refusal {
    status: u16,
    line: String,
    head_size: usize,
    /// How many bytes the body has, where the head says so.
    body_size: Option<usize>,
    /// If the body comes in chunks.
    chunks: Option<Chunks>,
}

impl Upgrade {
    pub fn new(config: &Config) -> Result<Self, Failure> {
        let key = key()?;
        Ok(Upgrade {
            request: request(config, &key),
            sent: 0,
            accept: derive_accept_key(key.as_bytes()),
            subprotocols: config.subprotocols.clone(),
            deflate: config.deflate.clone(),
            max_header: config.max_header_size,
            follows_redirects: config.max_redirects > 0,
            received: Vec::new(),
            watch: HeadWatch::default(),
            interim: 0,
            refusal: None,
        })
    }

    /// The part of the request that was not sent yet.
    pub fn unsent(&self) -> &[u8] {
        &self.request[self.sent..]
    }

    pub fn sent(&mut self, count: usize) {
        self.sent += count;
    }

    /// Takes bytes of the answer.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Accepted>, Failure> {
        self.received.extend_from_slice(bytes);
        loop {
            if let Some(refusal) = &mut self.refusal {
                refusal.take_chunks(&mut self.received);
                return match self.received.len() - refusal.head_size >= refusal.wanted() {
                    true => Err(self.refuse()),
                    false => Ok(None),
                };
            }
            let fits = self.interim + self.received.len() <= self.max_header;
            if !self.watch.is_due(&self.received) && fits {
                return Ok(None);
            }
            let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            let size = match response.parse(&self.received) {
                Ok(httparse::Status::Complete(size)) if self.interim + size <= self.max_header => {
                    size
                }
                Ok(httparse::Status::Partial) if fits => return Ok(None),
                Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(self.too_big()),
                Err(error) => {
                    let text = format!("the server's answer is not HTTP: {error}");
                    return Err(Failure::new(Status::Http, text));
                }
            };
            match response.code.unwrap_or(0) {
                101 => {
                    let negotiated = self.check(&response)?;
                    let rest = self.received.split_off(size);
                    return Ok(Some(Accepted {
                        status: 101,
                        head: std::mem::take(&mut self.received).into(),
                        negotiated,
                        rest,
                    }));
                }
                // Interim answers come before the real one (RFC 9110 §15.2).
                100..=199 => {
                    self.interim += size;
                    self.received.drain(..size);
                    self.watch = HeadWatch::default();
                }
                status => {
                    let mut refusal = Refusal::new(status, &response, size);
                    if self.follows_redirects && is_redirect(status) {
                        refusal.body_size = Some(0);
                    }
                    self.refusal = Some(refusal);
                }
            }
        }
    }

    /// What is wrong with an answer that ends here.
    pub fn ended(&self) -> Failure {
        match self.refusal {
            Some(_) => self.refuse(),
            None if self.received.is_empty() => Failure::new(
                Status::Closed,
                "the server closed the connection without an answer",
            ),
            None => Failure::new(
                Status::Closed,
                "the server closed the connection within its answer",
            ),
        }
    }

    /// What is wrong when the deadline passes.
    pub fn timed_out(&self) -> Failure {
        match self.refusal {
            Some(_) => self.refuse(),
            None => Failure::timeout("the server's answer to the upgrade"),
        }
    }

    /// The head and the body of a refusing answer, as far as they came.
    pub fn refused(&self) -> Option<(&[u8], &[u8])> {
        let refusal = self.refusal.as_ref()?;
        let (head, body) = self.received.split_at(refusal.head_size);
        Some((head, &body[..body.len().min(refusal.wanted())]))
    }

    /// Where a redirecting answer leads.
    pub fn location(&self) -> Option<&str> {
        let refusal = self.refusal.as_ref()?;
        let location = http::header(self.refused()?.0, "Location", 0)?;
        is_redirect(refusal.status).then_some(std::str::from_utf8(location).ok()?)
    }

    fn refuse(&self) -> Failure {
        let (Some(refusal), Some((_, body))) = (&self.refusal, self.refused()) else {
            return self.ended();
        };
        let mut text = format!("the server answered {}", refusal.line);
        let line = first_line(body);
        if !line.is_empty() {
            text.push_str(": ");
            text.push_str(&line);
        }
        Failure {
            http_status: refusal.status,
            ..Failure::new(Status::HttpStatus, text)
        }
    }

    fn too_big(&self) -> Failure {
        let text = format!(
            "the response header exceeds {} bytes or {MAX_FIELDS} fields",
            self.max_header
        );
        Failure::new(Status::HeaderTooBig, text)
    }

    /// The checks of RFC 6455 §4.1 on a 101 answer.
    fn check(&self, response: &httparse::Response<'_, '_>) -> Result<Negotiated, Failure> {
        let values = |name: &'static str| {
            response
                .headers
                .iter()
                .filter(move |field| field.name.eq_ignore_ascii_case(name))
                .map(|field| field.value)
        };
        let has_token = |name: &'static str, token: &str| {
            values(name)
                .flat_map(|value| value.split(|byte| *byte == b','))
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        };
        if response.version != Some(1) {
            return Err(Failure::new(
                Status::Upgrade,
                "the server's answer is not HTTP/1.1",
            ));
        }
        if !has_token("Upgrade", "websocket") {
            return Err(Failure::new(
                Status::Upgrade,
                "the answer lacks Upgrade: websocket",
            ));
        }
        if !has_token("Connection", "upgrade") {
            return Err(Failure::new(
                Status::Upgrade,
                "the answer lacks Connection: Upgrade",
            ));
        }
        let mut accepts = values("Sec-WebSocket-Accept");
        if accepts.next() != Some(self.accept.as_bytes()) || accepts.next().is_some() {
            return Err(Failure::new(Status::Accept, Status::Accept.text()));
        }
        let mut negotiated = Negotiated::default();
        let extensions: Vec<_> = values("Sec-WebSocket-Extensions").map(printable).collect();
        if !extensions.is_empty() {
            let answer = extensions.join(", ");
            negotiated.deflate = Some(self.agree(&answer)?);
            negotiated.extensions = Some(answer);
        }
        let mut subprotocols = values("Sec-WebSocket-Protocol");
        if let Some(value) = subprotocols.next() {
            let offered = self
                .subprotocols
                .iter()
                .any(|name| name.as_bytes() == value);
            if !offered || subprotocols.next().is_some() {
                let text = format!(
                    "the server chose the subprotocol {}, which was not offered",
                    printable(value)
                );
                return Err(Failure::new(Status::SubprotocolMismatch, text));
            }
            negotiated.subprotocol = Some(printable(value));
        }
        Ok(negotiated)
    }

    /// Checks the chosen extensions against the offer (RFC 6455 §9.1).
    fn agree(&self, answer: &str) -> Result<Agreement, Failure> {
        let agreement = match self.deflate.enabled {
            true => Agreement::read(answer, &self.deflate),
            false => Err(format!(
                "chose the extension {answer}, which was not offered"
            )),
        };
        agreement
            .map_err(|fault| Failure::new(Status::ExtensionMismatch, format!("the server {fault}")))
    }
}

impl Refusal {
    fn new(status: u16, response: &httparse::Response<'_, '_>, head_size: usize) -> Self {
        let body_size = response
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("Content-Length"))
            .and_then(|field| std::str::from_utf8(field.value).ok()?.trim().parse().ok());
        let is_chunked = response.headers.iter().any(|field| {
            field.name.eq_ignore_ascii_case("Transfer-Encoding")
                && field.value.to_ascii_lowercase().ends_with(b"chunked")
        });
        let reason = response.reason.unwrap_or("");
        Refusal {
            status,
            line: printable(format!("{status} {reason}").trim_end().as_bytes()),
            head_size,
            body_size: if matches!(status, 204 | 304) {
                Some(0)
            } else {
                body_size
            },
            chunks: is_chunked.then(Chunks::default),
        }
    }

    /// Replaces the chunks behind the head by the body that they carry.
    fn take_chunks(&mut self, received: &mut Vec<u8>) {
        let Some(chunks) = &mut self.chunks else {
            return;
        };
        let decoded = self.head_size + chunks.decoded;
        let new: Vec<u8> = received.drain(decoded..).collect();
        if chunks.decode(&new, received) {
            self.body_size = Some(chunks.decoded);
        }
    }

    fn wanted(&self) -> usize {
        self.body_size.unwrap_or(usize::MAX).min(MAX_REFUSAL_BODY)
    }
}

/// A body in chunks (RFC 9112 §7.1) that is on its way.
#[derive(Default)]
struct Chunks {
    /// What came of the line with a chunk's size.
    line: Vec<u8>,
    /// What is missing of the present chunk and its line end.
    missing: u64,
    decoded: usize,
}

impl Chunks {
    /// The longest line; with its extensions it has no limit of its own.
    const MAX_LINE: usize = 1024;
    const LINE_END: u64 = 2;

    /// Appends what `bytes` carry to `body`; tells whether it is complete. What is no
    /// chunk ends it.
    fn decode(&mut self, mut bytes: &[u8], body: &mut Vec<u8>) -> bool {
        while let Some(next) = bytes.first() {
            if self.missing > 0 {
                let data = self.missing.saturating_sub(Self::LINE_END);
                let data = usize::try_from(data).unwrap_or(usize::MAX).min(bytes.len());
                body.extend_from_slice(&bytes[..data]);
                self.decoded += data;
                let taken = data.max(1);
                self.missing -= taken as u64;
                bytes = &bytes[taken..];
                continue;
            }
            self.line.push(*next);
            bytes = &bytes[1..];
            if *next != b'\n' && self.line.len() < Self::MAX_LINE {
                continue;
            }
            match httparse::parse_chunk_size(&self.line) {
                Ok(httparse::Status::Complete((_, size))) if size > 0 => {
                    self.missing = size.saturating_add(Self::LINE_END);
                    self.line.clear();
                }
                _ => return true,
            }
        }
        false
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// A new key (RFC 6455 §4.1). tungstenite takes it from a generator of the thread, which
/// goes on in a forked child as in its parent.
fn key() -> Result<String, Failure> {
    let mut key = [0; 16];
    SysRng
        .try_fill_bytes(&mut key)
        .map_err(Failure::no_random)?;
    Ok(base64(&key))
}

fn request(config: &Config, key: &str) -> Vec<u8> {
    let mut request = Vec::with_capacity(256);
    let mut field = |name: &str, value: &[u8]| {
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    };
    if !config.headers.iter().any(|header| header.is("Host")) {
        field("Host", config.url.host_header().as_bytes());
    }
    field("Upgrade", b"websocket");
    field("Connection", b"Upgrade");
    field("Sec-WebSocket-Key", key.as_bytes());
    field("Sec-WebSocket-Version", b"13");
    let named = config
        .headers
        .iter()
        .any(|header| header.is("Authorization"));
    if let (Some(credentials), false) = (&config.url.credentials, named) {
        field("Authorization", credentials.basic().as_bytes());
    }
    if let Some(origin) = &config.origin {
        field("Origin", origin.as_bytes());
    }
    if !config.subprotocols.is_empty() {
        field(
            "Sec-WebSocket-Protocol",
            config.subprotocols.join(", ").as_bytes(),
        );
    }
    if config.deflate.enabled {
        field(
            "Sec-WebSocket-Extensions",
            deflate::offer(&config.deflate).as_bytes(),
        );
    }
    for header in &config.headers {
        field(&header.name, &header.value);
    }
    let mut whole = Vec::with_capacity(request.len() + config.url.target.len() + 32);
    // Writing to a Vec cannot fail.
    let _ = write!(whole, "GET {} HTTP/1.1\r\n", config.url.target);
    whole.append(&mut request);
    whole.extend_from_slice(b"\r\n");
    whole
}

/// The first words of a body, fit for an error text.
fn first_line(body: &[u8]) -> String {
    const MOST: usize = 200;
    let line = body
        .split(|byte| *byte == b'\n')
        .map(|line| line.trim_ascii())
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    printable(&line[..line.len().min(MOST)])
}
