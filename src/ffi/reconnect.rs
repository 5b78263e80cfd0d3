//! Automatic reconnects: `wsc_conn_set_auto_reconnect` and its kin.

use std::ffi::c_void;

use super::boundary::{Handle, bytes, delay, enter};
use super::conn::wsc_conn_t;
use super::status::wsc_status_t;
use super::traffic::message_type;
use super::version::wsc_constant_t::WSC_FOREVER;
use crate::connection::Connection;
use crate::error::Status;
use crate::reconnect::QueuePolicy;

/// What becomes of messages that have not left when an attempt ends
/// (`wsc_conn_set_queue_policy`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_queue_policy_t {
    /// They are lost, and counted.
    WSC_QUEUE_DROP = 1,
    /// They wait for the next attempt.
    WSC_QUEUE_KEEP = 2,
    /// The same, for a limited time.
    WSC_QUEUE_EXPIRE = 3,
}

fn queue_policy(policy: i32, expire_ms: i32) -> Result<QueuePolicy, Status> {
    const DROP: i32 = wsc_queue_policy_t::WSC_QUEUE_DROP as i32;
    const KEEP: i32 = wsc_queue_policy_t::WSC_QUEUE_KEEP as i32;
    const EXPIRE: i32 = wsc_queue_policy_t::WSC_QUEUE_EXPIRE as i32;
    match (policy, delay(expire_ms)?) {
        (DROP, _) => Ok(QueuePolicy::Drop),
        (KEEP, _) => Ok(QueuePolicy::Keep),
        (EXPIRE, time) if !time.is_zero() => Ok(QueuePolicy::Expire(time)),
        _ => Err(Status::Invalid),
    }
}

fn limit(attempts: i32) -> Result<Option<u32>, Status> {
    match u32::try_from(attempts) {
        Ok(attempts) => Ok(Some(attempts)),
        Err(_) if attempts == WSC_FOREVER as i32 => Ok(None),
        Err(_) => Err(Status::Invalid),
    }
}

/// Sets whether a lost connection comes back by itself.
///
/// Takes effect when an attempt ends. After CLOSE the connection waits, with
/// exponential backoff and full jitter, and not less than a `Retry-After` of up to an
/// hour; then RECONNECT is told and the next attempt begins. `wsc_conn_close`,
/// `wsc_conn_abort` and `wsc_conn_cancel_reconnect` end it. A cause that another attempt
/// cannot mend (WSC_RETRY_NEVER) ends it too, as do the server's close codes 1002 to
/// 1004 and 1007 to 1010. After any other code, 1000 too, the connection comes back.
///
/// @param conn  Borrowed. Not NULL.
/// @param on    Default false.
///
/// @retval WSC_OK          Set.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_auto_reconnect(
    conn: *mut wsc_conn_t,
    on: bool,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_reconnect(|policy| {
            policy.enabled = on;
            Ok(())
        })
    })
}

/// Sets the bounds of the random delay before an automatic reconnect.
///
/// Takes effect when an attempt ends. The first delay is at most `min_ms`; the bound
/// doubles with each further attempt up to `max_ms`.
///
/// @param conn    Borrowed. Not NULL.
/// @param min_ms  Milliseconds. Default 1000.
/// @param max_ms  Milliseconds. Default 60000.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `min_ms` is not above 0, or `max_ms` is below `min_ms`.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_reconnect_delay(
    conn: *mut wsc_conn_t,
    min_ms: i32,
    max_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let (min_delay, max_delay) = (delay(min_ms)?, delay(max_ms)?);
        conn.set_reconnect(|policy| policy.set_delays(min_delay, max_delay))
    })
}

/// Sets how many automatic reconnects may follow each other.
///
/// Takes effect when an attempt ends. A connection that was stable starts the counting
/// anew.
///
/// @param conn      Borrowed. Not NULL.
/// @param attempts  WSC_FOREVER, the default: any number.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `attempts` is negative and not WSC_FOREVER.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_reconnect_limit(
    conn: *mut wsc_conn_t,
    attempts: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let most = limit(attempts)?;
        conn.set_reconnect(|policy| {
            policy.max_attempts = most;
            Ok(())
        })
    })
}

/// Sets how long a connection must have been open to count as stable.
///
/// Takes effect when an attempt ends. The delays of automatic reconnects then begin
/// anew.
///
/// @param conn     Borrowed. Not NULL.
/// @param time_ms  Milliseconds. Default 30000.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `time_ms` is negative.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_reconnect_stable_after(
    conn: *mut wsc_conn_t,
    time_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let time = delay(time_ms)?;
        conn.set_reconnect(|policy| {
            policy.stable_after = time;
            Ok(())
        })
    })
}

/// Sets whether automatic reconnects also follow causes that they cannot mend.
///
/// Takes effect when an attempt ends. Such as a 403, or a certificate that is not
/// trusted.
///
/// @param conn  Borrowed. Not NULL.
/// @param on    Default false.
///
/// @retval WSC_OK          Set.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_reconnect_after_fatal(
    conn: *mut wsc_conn_t,
    on: bool,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_reconnect(|policy| {
            policy.after_fatal = on;
            Ok(())
        })
    })
}

/// Sets what becomes of messages that have not left when an attempt ends and an
/// automatic reconnect follows.
///
/// Takes effect with the next message and the next end. What is kept is sent when the
/// connection is open again, after the prologue and before what is sent then, in order.
/// That is every message of which the kernel has not taken the last byte, so that the
/// server cannot have it whole, and none comes twice; one that the kernel took may be
/// lost all the same, and CLOSE does not know. The parts of a message are kept together,
/// and it may be continued. CLOSE counts those that are lost as `unsent`, and those that
/// have expired in the next one. A message that is kept takes its memory twice until it
/// has left, and counts uncompressed against `wsc_conn_set_send_queue_limit`, in parts
/// only when it has its last one.
///
/// Where that reconnect is taken back, by `wsc_conn_cancel_reconnect`, `wsc_conn_close` or
/// `wsc_conn_abort`, what was kept waits for the next attempt all the same, whose CLOSE
/// counts what it loses. `wsc_conn_buffered_amount` tells what waits, and
/// `wsc_conn_free` drops it.
///
/// @param conn       Borrowed. Not NULL.
/// @param policy     A `wsc_queue_policy_t`. Default WSC_QUEUE_DROP.
/// @param expire_ms  For WSC_QUEUE_EXPIRE: how long a message may wait. Else 0.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `policy` is no `wsc_queue_policy_t`, or `expire_ms` is not
///                          above 0 where it is used.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_queue_policy(
    conn: *mut wsc_conn_t,
    policy: i32,
    expire_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let policy = queue_policy(policy, expire_ms)?;
        conn.set_reconnect(|contract| {
            contract.queue = policy;
            Ok(())
        })
    })
}

/// Adds a message to those that are sent first whenever the connection opens.
///
/// Takes effect when the connection opens next. For what a server must hear before all
/// else, after each reconnect too: a log-in, the subscriptions.
///
/// @param conn          Borrowed. Not NULL.
/// @param message_type  A `wsc_message_type_t`.
/// @param data          Copied. The payload. May be NULL if `len` is 0.
/// @param len           Length of `data` in bytes.
///
/// @retval WSC_OK           Added.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `message_type` is no `wsc_message_type_t`, or `len` is
///                          larger than any object.
/// @retval WSC_ERR_UTF8     The message is a text and not UTF-8.
/// @retval WSC_ERR_TOO_BIG  The message exceeds `wsc_conn_set_max_message_size`, or all
///                          together `wsc_conn_set_send_queue_limit`.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_SYSTEM   The system refused memory for it. Nothing was added.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_add_prologue(
    conn: *mut wsc_conn_t,
    message_type: i32,
    data: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let kind = self::message_type(message_type)?;
        // SAFETY: as above.
        conn.add_prologue(kind, unsafe { bytes(data, len) }?)
    })
}

/// Removes the messages of the prologue.
///
/// Takes effect when the connection opens next.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          Done.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_clear_prologue(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.clear_prologue()
    })
}
