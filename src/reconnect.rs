//! When a lost connection comes back by itself: which causes are worth another
//! attempt, and how long to wait for it.

use std::time::{Duration, SystemTime};

use rand::TryRng;
use rand::rngs::SysRng;

use crate::config::{
    DEFAULT_RECONNECT_MAX_DELAY, DEFAULT_RECONNECT_MIN_DELAY, DEFAULT_RECONNECT_STABLE_AFTER,
};
use crate::error::{Failure, Status};
use crate::http;
use crate::report::{Report, Retry};

/// A server that asks for more patience gets this much.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The contract of automatic reconnects. Off unless asked for.
#[derive(Debug, Clone)]
pub struct ReconnectPolicy {
    pub enabled: bool,
    /// The bound of the first delay, which doubles with each further attempt.
    pub min_delay: Duration,
    pub max_delay: Duration,
    /// Attempts in a row.
    pub max_attempts: Option<u32>,
    /// A connection that was open this long starts the counting anew.
    pub stable_after: Duration,
    /// Also after causes that another attempt is not expected to mend.
    pub after_fatal: bool,
    pub queue: QueuePolicy,
}

/// What becomes of messages that have not left when an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuePolicy {
    Keep,
    Drop,
    /// They are kept for this long.
    Expire(Duration),
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        ReconnectPolicy {
            enabled: false,
            min_delay: DEFAULT_RECONNECT_MIN_DELAY,
            max_delay: DEFAULT_RECONNECT_MAX_DELAY,
            max_attempts: None,
            stable_after: DEFAULT_RECONNECT_STABLE_AFTER,
            after_fatal: false,
            queue: QueuePolicy::Drop,
        }
    }
}

impl ReconnectPolicy {
    pub fn set_delays(&mut self, min: Duration, max: Duration) -> Result<(), Status> {
        if min.is_zero() || max < min {
            return Err(Status::Invalid);
        }
        (self.min_delay, self.max_delay) = (min, max);
        Ok(())
    }

    /// How long to wait after the `failures`-th attempt in a row, if another
    /// one is to follow.
    pub fn delay(&self, failures: u32, report: &Report) -> Option<Duration> {
        let worth = self.after_fatal || report.retry != Retry::Never;
        let allowed = self.max_attempts.is_none_or(|most| failures <= most);
        if !(self.enabled && worth && allowed) {
            return None;
        }
        let doubled = 1u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let bound = self.min_delay.saturating_mul(doubled).min(self.max_delay);
        // Full jitter: clients that were cut off together come back one by one.
        let random = SysRng.try_next_u32().unwrap_or(u32::MAX);
        let delay = bound.mul_f64(f64::from(random) / f64::from(u32::MAX));
        Some(report.retry_after.map_or(delay, |after| delay.max(after)))
    }
}

/// Whether another attempt can help after that failure.
pub fn hint(failure: &Failure) -> Retry {
    match failure.status {
        Status::HttpStatus | Status::Proxy => match failure.http_status {
            // Of a SOCKS proxy: what failed beyond it may come back.
            1 | 3..=6 => Retry::Later,
            408 | 425 | 429 | 500..=599 => Retry::Later,
            _ => Retry::Never,
        },
        Status::Dns
        | Status::Refused
        | Status::Unreachable
        | Status::Timeout
        | Status::Io
        | Status::System
        | Status::ProxyProtocol
        | Status::Tls
        | Status::Http => Retry::Later,
        Status::Reset | Status::Closed => Retry::Now,
        _ => Retry::Never,
    }
}

/// The same for a close code of the server.
pub fn hint_for_code(code: u16) -> Retry {
    match code {
        // The server goes, or asks for another attempt (RFC 6455 §7.4.1 and its registry).
        1001 | 1006 | 1011 | 1012 | 1014 => Retry::Now,
        1013 => Retry::Later,
        1002..=1004 | 1007..=1010 => Retry::Never,
        _ => Retry::Later,
    }
}

/// The time that a refusing answer asks for: in seconds, or up to a date (RFC 9110
/// §10.2.3). A date is counted from the answer's own, where it has one, since the
/// server's clock need not be ours.
pub fn retry_after(head: &[u8], now: SystemTime) -> Option<Duration> {
    let field = |name| std::str::from_utf8(http::header(head, name, 0)?).ok();
    let date = |name| httpdate::parse_http_date(field(name)?.trim()).ok();
    let wait = match field("Retry-After")?.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let from = date("Date").unwrap_or(now);
            date("Retry-After")?
                .duration_since(from)
                .unwrap_or_default()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(retry: Retry) -> Report {
        let mut report = Report::new(1);
        report.retry = retry;
        report
    }

    #[test]
    fn delays_double_up_to_the_limit_with_jitter() {
        let policy = ReconnectPolicy {
            enabled: true,
            ..ReconnectPolicy::default()
        };
        let later = report(Retry::Later);
        for (failures, bound) in [(1, 1), (2, 2), (6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            let delays: Vec<_> = (0..50)
                .map(|_| policy.delay(failures, &later).unwrap())
                .collect();
            assert!(
                delays
                    .iter()
                    .all(|delay| *delay <= Duration::from_secs(bound))
            );
            assert!(delays.iter().any(|delay| *delay != delays[0]), "no jitter");
        }
        let mut patient = later;
        patient.retry_after = Some(Duration::from_secs(120));
        assert_eq!(policy.delay(1, &patient), Some(Duration::from_secs(120)));
    }

    #[test]
    fn servers_ask_for_patience_in_seconds_or_up_to_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (fields, wait) in [
            ("Retry-After: 120", Some(120)),
            ("Retry-After: 0", Some(0)),
            ("Retry-After: 999999999", Some(3600)),
            ("Retry-After: Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            // The two older spellings that a recipient has to take (RFC 9110 §5.6.7).
            ("Retry-After: Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Retry-After: Sun Nov  6 08:50:37 1994", Some(60)),
            ("Retry-After: Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Retry-After: Mon, 07 Nov 1994 08:49:37 GMT", Some(3600)),
            (
                "Date: Sun, 06 Nov 1994 10:00:00 GMT\r\nRetry-After: Sun, 06 Nov 1994 10:00:05 GMT",
                Some(5),
            ),
            ("Retry-After: soon", None),
            ("Retry-After: -1", None),
            ("Retry-After:", None),
            ("X: y", None),
        ] {
            let head = format!("HTTP/1.1 503 Busy\r\n{fields}\r\n\r\n");
            let expected = wait.map(Duration::from_secs);
            assert_eq!(retry_after(head.as_bytes(), now), expected, "{fields}");
        }
    }

    #[test]
    fn a_refusal_tells_whether_another_attempt_can_help() {
        for (status, later, never) in [
            (
                Status::HttpStatus,
                &[429, 500, 503][..],
                &[400, 401, 403, 404, 410][..],
            ),
            (
                Status::Proxy,
                &[502, 503, 1, 3, 4, 5, 6],
                &[403, 404, 2, 7, 8, 9],
            ),
        ] {
            let hint = |code: &u16| {
                hint(&Failure {
                    http_status: *code,
                    ..Failure::new(status, "")
                })
            };
            assert!(later.iter().all(|code| hint(code) == Retry::Later));
            assert!(never.iter().all(|code| hint(code) == Retry::Never));
        }
    }

    #[test]
    fn a_close_code_tells_whether_another_attempt_can_help() {
        for (retry, codes) in [
            (Retry::Now, &[1001, 1006, 1011, 1012, 1014][..]),
            // 1005 stands for none: to leave it out says no more than 1000.
            (Retry::Later, &[1000, 1005, 1013, 3000, 4999]),
            (Retry::Never, &[1002, 1003, 1007, 1008, 1009, 1010]),
        ] {
            for code in codes {
                assert_eq!(hint_for_code(*code), retry, "{code}");
            }
        }
    }

    #[test]
    fn fatal_causes_and_the_limit_end_it() {
        let mut policy = ReconnectPolicy {
            enabled: true,
            max_attempts: Some(2),
            ..ReconnectPolicy::default()
        };
        assert!(policy.delay(2, &report(Retry::Now)).is_some());
        assert_eq!(policy.delay(3, &report(Retry::Now)), None);
        assert_eq!(policy.delay(1, &report(Retry::Never)), None);
        policy.after_fatal = true;
        assert!(policy.delay(1, &report(Retry::Never)).is_some());
        policy.enabled = false;
        assert_eq!(policy.delay(1, &report(Retry::Now)), None);
    }
}
