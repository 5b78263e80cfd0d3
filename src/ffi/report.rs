//! The report on an attempt: `wsc_conn_report_number` and `wsc_conn_report_data`.

use std::ffi::c_void;
use std::time::Duration;

use super::boundary::{Handle, Out, OutBuffer, enter};
use super::conn::wsc_conn_t;
use super::event::wsc_phase_t;
use super::status::wsc_status_t;
use crate::connection::Connection;
use crate::error::{Phase, Status};
use crate::report::Report;

/// Whether another attempt can help (WSC_REPORT_RETRY).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_retry_t {
    /// The same would happen again.
    WSC_RETRY_NEVER = 0,
    /// After a while.
    WSC_RETRY_LATER = 1,
    /// At once.
    WSC_RETRY_NOW = 2,
}

/// A number in the report on an attempt (`wsc_conn_report_number`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_report_number_t {
    /// The attempt's number, as events have it; 0 before the first.
    WSC_REPORT_ATTEMPT = 1,
    /// The `wsc_phase_t` that was reached.
    WSC_REPORT_PHASE = 2,
    /// The `wsc_status_t` with which it ended; WSC_OK until then.
    WSC_REPORT_STATUS = 3,
    /// The errno of the failure.
    WSC_REPORT_OS_ERROR = 4,
    /// The HTTP status of the server's answer.
    WSC_REPORT_HTTP_STATUS = 5,
    /// The HTTP status or SOCKS code of a proxy that refused.
    WSC_REPORT_PROXY_STATUS = 6,
    /// A `wsc_retry_t`.
    WSC_REPORT_RETRY = 7,
    /// The milliseconds that the server asked to wait (`Retry-After`), an hour at most.
    WSC_REPORT_RETRY_AFTER_MS = 8,
    /// How many redirects were followed.
    WSC_REPORT_REDIRECTS = 9,
    /// The `wsc_tls_version_t` in use.
    WSC_REPORT_TLS_VERSION = 10,
    /// Microseconds in the DNS phase.
    WSC_REPORT_DNS_US = 11,
    /// Microseconds in the TCP phase.
    WSC_REPORT_TCP_US = 12,
    /// Microseconds in the proxy phase.
    WSC_REPORT_PROXY_US = 13,
    /// Microseconds in the TLS phase, loading the trusted certificates among them.
    WSC_REPORT_TLS_US = 14,
    /// Microseconds in the upgrade.
    WSC_REPORT_UPGRADE_US = 15,
    /// Microseconds for which the connection was open.
    WSC_REPORT_OPEN_US = 16,
}

/// A text or bytes in the report on an attempt (`wsc_conn_report_data`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_report_data_t {
    /// What failed, in words, UTF-8.
    WSC_REPORT_REASON = 1,
    /// The addresses tried, one a line, with `: ` and the error where there is one.
    WSC_REPORT_ADDRESSES = 2,
    /// The raw head of the server's answer; see `wsc_http_header`.
    WSC_REPORT_HEAD = 3,
    /// The first 4096 bytes of a refusing answer's body.
    WSC_REPORT_BODY = 4,
    /// The server's certificate, in DER.
    WSC_REPORT_PEER_CERTIFICATE = 5,
    /// The protocol that was agreed on in TLS (ALPN).
    WSC_REPORT_ALPN = 6,
}

fn number(report: &Report, value: i32) -> Result<u64, Status> {
    use wsc_report_number_t::*;
    let micros = |phase| report.time(phase).as_micros() as u64;
    let millis = |time: Duration| time.as_millis() as u64;
    let numbers = [
        (WSC_REPORT_ATTEMPT, report.attempt.into()),
        (WSC_REPORT_PHASE, wsc_phase_t::from(report.phase) as u64),
        (WSC_REPORT_STATUS, wsc_status_t::from(report.status) as u64),
        (WSC_REPORT_OS_ERROR, report.os_error as u64),
        (WSC_REPORT_HTTP_STATUS, report.http_status.into()),
        (WSC_REPORT_PROXY_STATUS, report.proxy_status.into()),
        (WSC_REPORT_RETRY, report.retry as u64),
        (
            WSC_REPORT_RETRY_AFTER_MS,
            report.retry_after.map_or(0, millis),
        ),
        (WSC_REPORT_REDIRECTS, report.redirects.into()),
        (
            WSC_REPORT_TLS_VERSION,
            report.tls_version.map_or(0, |version| version as u64),
        ),
        (WSC_REPORT_DNS_US, micros(Phase::Dns)),
        (WSC_REPORT_TCP_US, micros(Phase::Tcp)),
        (WSC_REPORT_PROXY_US, micros(Phase::Proxy)),
        (WSC_REPORT_TLS_US, micros(Phase::Tls)),
        (WSC_REPORT_UPGRADE_US, micros(Phase::Upgrade)),
        (WSC_REPORT_OPEN_US, micros(Phase::Open)),
    ];
    let mut found = numbers
        .into_iter()
        .filter(|(name, _)| *name as i32 == value);
    found
        .next()
        .map(|(_, number)| number)
        .ok_or(Status::Invalid)
}

fn data(report: &Report, value: i32) -> Result<&[u8], Status> {
    use wsc_report_data_t::*;
    let data: [(_, &[u8]); 6] = [
        (WSC_REPORT_REASON, report.reason.as_bytes()),
        (WSC_REPORT_ADDRESSES, report.addresses.as_bytes()),
        (WSC_REPORT_HEAD, &report.head),
        (WSC_REPORT_BODY, &report.body),
        (WSC_REPORT_PEER_CERTIFICATE, &report.peer_certificate),
        (WSC_REPORT_ALPN, &report.alpn),
    ];
    let mut found = data.into_iter().filter(|(name, _)| *name as i32 == value);
    found.next().map(|(_, data)| data).ok_or(Status::Invalid)
}

/// Tells a number of the report on the last attempt.
///
/// The report is complete when CLOSE was delivered, and lasts until the next attempt
/// begins.
///
/// @param conn    Borrowed. Not NULL.
/// @param number  A `wsc_report_number_t`.
/// @param value   Set to the number; 0 where there is none.
///
/// @retval WSC_OK           Told.
/// @retval WSC_ERR_NULL     `conn` or `value` is NULL.
/// @retval WSC_ERR_INVALID  `number` is no `wsc_report_number_t`.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `value` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_report_number(
    conn: *mut wsc_conn_t,
    number: i32,
    value: *mut u64,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let out = unsafe { Out::new(value) }?;
        out.write(self::number(&conn.report()?, number)?);
        Ok(())
    })
}

/// Tells a text or bytes of the report on the last attempt.
///
/// As for `wsc_conn_report_number`. To learn the length, give no buffer.
///
/// @param conn    Borrowed. Not NULL.
/// @param data    A `wsc_report_data_t`.
/// @param buffer  Filled with as much as fits. No NUL follows. May be NULL if `size` is
///                0.
/// @param size    Size of `buffer` in bytes.
/// @param len     Set to the length of the whole.
///
/// @retval WSC_OK           Told; if `len` is above `size`, in part.
/// @retval WSC_ERR_NULL     `conn` or `len` is NULL, or `buffer` is NULL and `size` is
///                          not 0.
/// @retval WSC_ERR_INVALID  `data` is no `wsc_report_data_t`.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
/// bytes, `len` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_report_data(
    conn: *mut wsc_conn_t,
    data: i32,
    buffer: *mut c_void,
    size: usize,
    len: *mut usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let (mut buffer, len) = unsafe { (OutBuffer::new(buffer, size)?, Out::new(len)?) };
        let report = conn.report()?;
        let data = self::data(&report, data)?;
        buffer.fill(data);
        len.write(data.len());
        Ok(())
    })
}
