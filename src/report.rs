//! What became of an attempt, in one value.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::connect::tls::TlsVersion;
use crate::error::{Failure, Phase, Status};

/// Whether another attempt can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(i32)]
pub enum Retry {
    /// The same would happen again.
    #[default]
    Never = 0,
    /// After a while.
    Later = 1,
    Now = 2,
}

/// One attempt, good or bad, as far as it has come.
#[derive(Debug, Clone)]
pub struct Report {
    pub attempt: u32,
    pub phase: Phase,
    pub status: Status,
    /// The errno of the failure, else 0.
    pub os_error: i32,
    /// What failed, in words.
    pub reason: String,
    pub http_status: u16,
    /// The HTTP status or SOCKS code of a proxy that refused.
    pub proxy_status: u16,
    /// The server's raw answer, and the beginning of a refusing one's body.
    pub head: Bytes,
    pub body: Bytes,
    /// The addresses tried, one a line: `address`, which connected, or `address: error`.
    pub addresses: String,
    pub redirects: u32,
    pub tls_version: Option<TlsVersion>,
    pub alpn: Vec<u8>,
    /// In DER.
    pub peer_certificate: Vec<u8>,
    pub retry: Retry,
    pub retry_after: Option<Duration>,
    /// Microseconds in each phase.
    times: [u64; PHASES],
    entered: Option<Instant>,
}

const PHASES: usize = 8;

impl Report {
    pub fn new(attempt: u32) -> Self {
        Report {
            attempt,
            phase: Phase::None,
            status: Status::Ok,
            os_error: 0,
            reason: String::new(),
            http_status: 0,
            proxy_status: 0,
            head: Bytes::new(),
            body: Bytes::new(),
            addresses: String::new(),
            redirects: 0,
            tls_version: None,
            alpn: Vec::new(),
            peer_certificate: Vec::new(),
            retry: Retry::default(),
            retry_after: None,
            times: [0; PHASES],
            entered: None,
        }
    }

    /// Notes that the attempt is in that phase from now on.
    pub fn enter(&mut self, phase: Phase, now: Instant) {
        self.stop(now);
        self.phase = phase;
        self.entered = Some(now);
    }

    /// Notes that the attempt is over.
    pub fn fail(&mut self, failure: &Failure, phase: Phase) {
        self.status = failure.status;
        self.os_error = failure.os_error;
        self.reason.clone_from(&failure.text);
        match phase {
            Phase::Proxy => self.proxy_status = failure.http_status,
            _ if failure.http_status != 0 => self.http_status = failure.http_status,
            _ => {}
        }
    }

    /// Ends the time of the current phase.
    pub fn stop(&mut self, now: Instant) {
        if let Some(entered) = self.entered.take() {
            let time = now.saturating_duration_since(entered);
            self.times[self.phase as usize] += time.as_micros() as u64;
        }
    }

    /// How long the attempt was in that phase, up to now.
    pub fn time(&self, phase: Phase) -> Duration {
        let entered = self.entered.filter(|_| phase == self.phase);
        let current = entered.map_or(Duration::ZERO, |entered| entered.elapsed());
        Duration::from_micros(self.times[phase as usize]) + current
    }

    /// Notes that an address was tried, and what became of it: nothing, if it connected.
    pub fn tried(&mut self, address: &str, error: &str) {
        let separator = if error.is_empty() { "" } else { ": " };
        let line = [address, separator, error, "\n"];
        // Nearly always it is the only one.
        self.addresses
            .reserve_exact(line.iter().map(|part| part.len()).sum());
        self.addresses.extend(line);
    }
}
