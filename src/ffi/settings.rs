//! The settings of a connection: `wsc_conn_set_*`.

use std::ffi::c_char;

use super::boundary::{Handle, c_bytes, c_str, c_str_or_empty, enter, timeout};
use super::conn::wsc_conn_t;
use super::status::wsc_status_t;
use crate::config::BinaryType;
use crate::connection::Connection;
use crate::error::Status;

/// What `wsc_conn_send` sends (`wsc_conn_set_binary_type`). The names are those of
/// Workerman, which took them from browsers.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_binary_type_t {
    /// Text messages.
    WSC_BINARY_TYPE_BLOB = 1,
    /// Binary messages.
    WSC_BINARY_TYPE_ARRAYBUFFER = 2,
}

fn binary_type(value: i32) -> Result<BinaryType, Status> {
    const BLOB: i32 = wsc_binary_type_t::WSC_BINARY_TYPE_BLOB as i32;
    const ARRAYBUFFER: i32 = wsc_binary_type_t::WSC_BINARY_TYPE_ARRAYBUFFER as i32;
    match value {
        BLOB => Ok(BinaryType::Blob),
        ARRAYBUFFER => Ok(BinaryType::ArrayBuffer),
        _ => Err(Status::Invalid),
    }
}

/// Sets the URL.
///
/// Takes effect with the next attempt. A bad one changes nothing.
///
/// @param conn  Borrowed. Not NULL.
/// @param url   Copied. As for `wsc_conn_new`.
///
/// @retval WSC_OK              Set.
/// @retval WSC_ERR_NULL        `conn` or `url` is NULL.
/// @retval WSC_ERR_UTF8        `url` is not UTF-8.
/// @retval WSC_ERR_URL         `url` is malformed, or has a fragment.
/// @retval WSC_ERR_URL_SCHEME  Its scheme is none of those.
/// @retval WSC_ERR_URL_PORT    Its port is not a number from 1 to 65535.
/// @retval WSC_ERR_STATE       The loop was freed.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `url` ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_url(
    conn: *mut wsc_conn_t,
    url: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.set_url(unsafe { c_str(url) }?)
    })
}

/// Sets a request header, in place of all of that name.
///
/// Takes effect with the next attempt. `Host` may be set; `Connection`, `Upgrade`,
/// `Content-Length`, `Transfer-Encoding` and the `Sec-WebSocket-` fields are the
/// library's own. A bad name or value changes nothing.
///
/// @param conn   Borrowed. Not NULL.
/// @param name   Copied. A token, NUL-terminated; case does not matter.
/// @param value  Copied. Any bytes but control characters, NUL-terminated. White space
///               around it is removed.
///
/// @retval WSC_OK                Done.
/// @retval WSC_ERR_NULL          `conn`, `name` or `value` is NULL.
/// @retval WSC_ERR_UTF8          `name` is not UTF-8.
/// @retval WSC_ERR_HEADER_NAME   `name` is no token, or one of the library's own.
/// @retval WSC_ERR_HEADER_VALUE  `value` contains a control character.
/// @retval WSC_ERR_STATE         The loop was freed.
/// @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `name` and `value` end in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_header(
    conn: *mut wsc_conn_t,
    name: *const c_char,
    value: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let (name, value) = unsafe { (c_str(name)?, c_bytes(value)?) };
        conn.set_header(name, value)
    })
}

/// Adds a request header after those of the same name.
///
/// Takes effect with the next attempt. `Host` may be set; `Connection`, `Upgrade`,
/// `Content-Length`, `Transfer-Encoding` and the `Sec-WebSocket-` fields are the
/// library's own. A bad name or value changes nothing.
///
/// @param conn   Borrowed. Not NULL.
/// @param name   Copied. A token, NUL-terminated; case does not matter.
/// @param value  Copied. Any bytes but control characters, NUL-terminated. White space
///               around it is removed.
///
/// @retval WSC_OK                Done.
/// @retval WSC_ERR_NULL          `conn`, `name` or `value` is NULL.
/// @retval WSC_ERR_UTF8          `name` is not UTF-8.
/// @retval WSC_ERR_HEADER_NAME   `name` is no token, one of the library's own, or a
///                               second Host.
/// @retval WSC_ERR_HEADER_VALUE  `value` contains a control character.
/// @retval WSC_ERR_STATE         The loop was freed.
/// @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `name` and `value` end in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_add_header(
    conn: *mut wsc_conn_t,
    name: *const c_char,
    value: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let (name, value) = unsafe { (c_str(name)?, c_bytes(value)?) };
        conn.add_header(name, value)
    })
}

/// Removes all request headers that were set or added.
///
/// Takes effect with the next attempt.
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
pub unsafe extern "C" fn wsc_conn_clear_headers(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.clear_headers()
    })
}

/// Sets the subprotocols to offer, the preferred one first.
///
/// Takes effect with the next attempt. The server's choice is the field
/// `Sec-WebSocket-Protocol` of the response head. A bad list changes nothing.
///
/// @param conn  Borrowed. Not NULL.
/// @param list  Copied. Tokens, separated by commas, NUL-terminated. Empty or NULL
///              offers none.
///
/// @retval WSC_OK               Set.
/// @retval WSC_ERR_NULL         `conn` is NULL.
/// @retval WSC_ERR_UTF8         `list` is not UTF-8.
/// @retval WSC_ERR_SUBPROTOCOL  An item is no token, or is named twice.
/// @retval WSC_ERR_STATE        The loop was freed.
/// @retval WSC_ERR_FORKED       The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `list` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_subprotocols(
    conn: *mut wsc_conn_t,
    list: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.set_subprotocols(unsafe { c_str_or_empty(list) }?)
    })
}

/// Sets the `Origin` header.
///
/// Takes effect with the next attempt. A bad one changes nothing.
///
/// @param conn    Borrowed. Not NULL.
/// @param origin  Copied. Visible ASCII, NUL-terminated. Empty or NULL sends none.
///
/// @retval WSC_OK          Set.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_UTF8    `origin` is not UTF-8.
/// @retval WSC_ERR_ORIGIN  `origin` has a byte that is not visible ASCII.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `origin` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_origin(
    conn: *mut wsc_conn_t,
    origin: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.set_origin(unsafe { c_str_or_empty(origin) }?)
    })
}

/// Sets how often the library sends a ping.
///
/// Takes effect at once: the next ping is one interval away.
///
/// @param conn         Borrowed. Not NULL.
/// @param interval_ms  Milliseconds. WSC_FOREVER: it sends none. Default 20000.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `interval_ms` is 0, or negative and not WSC_FOREVER.
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
pub unsafe extern "C" fn wsc_conn_set_ping_interval(
    conn: *mut wsc_conn_t,
    interval_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_ping_interval(timeout(interval_ms)?)
    })
}

/// Sets how long the peer may stay silent after a ping.
///
/// Takes effect at once. Any byte received counts as an answer. The time runs from the
/// moment the kernel took the ping, or the next ping was due if it took none, and not
/// while reading is paused. When it is over the attempt fails with WSC_ERR_TIMEOUT.
///
/// @param conn        Borrowed. Not NULL.
/// @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 20000.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
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
pub unsafe extern "C" fn wsc_conn_set_pong_timeout(
    conn: *mut wsc_conn_t,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_pong_timeout(timeout(timeout_ms)?)
    })
}

/// Sets whether the library answers pings by itself.
///
/// Takes effect at once. Without it, answer each `on_ping` with `wsc_conn_pong`.
///
/// @param conn  Borrowed. Not NULL.
/// @param on    Default true.
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
pub unsafe extern "C" fn wsc_conn_set_auto_pong(conn: *mut wsc_conn_t, on: bool) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_auto_pong(on)
    })
}

/// Sets what `wsc_conn_send` sends.
///
/// Takes effect with the next `wsc_conn_send`.
///
/// @param conn         Borrowed. Not NULL.
/// @param binary_type  A `wsc_binary_type_t`. Default WSC_BINARY_TYPE_BLOB.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `binary_type` is not a `wsc_binary_type_t`.
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
pub unsafe extern "C" fn wsc_conn_set_binary_type(
    conn: *mut wsc_conn_t,
    binary_type: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_binary_type(self::binary_type(binary_type)?)
    })
}

/// Sets the deadline for DNS, TCP, proxy and TLS together.
///
/// Takes effect with the next attempt.
///
/// @param conn        Borrowed. Not NULL.
/// @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 10000.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
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
pub unsafe extern "C" fn wsc_conn_set_connect_timeout(
    conn: *mut wsc_conn_t,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_connect_timeout(timeout(timeout_ms)?)
    })
}

/// Sets the deadline for the HTTP upgrade.
///
/// Takes effect with the next attempt.
///
/// @param conn        Borrowed. Not NULL.
/// @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 10000.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
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
pub unsafe extern "C" fn wsc_conn_set_handshake_timeout(
    conn: *mut wsc_conn_t,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_handshake_timeout(timeout(timeout_ms)?)
    })
}

/// Sets the deadline for the close handshake.
///
/// Takes effect with the next attempt. It runs from `wsc_conn_close`, or the peer's
/// close frame, to the end of the connection: what is queued has to leave within it,
/// too, and counts as unsent in CLOSE if it does not. Where both close frames passed,
/// CLOSE has WSC_OK all the same.
///
/// @param conn        Borrowed. Not NULL.
/// @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 5000.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
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
pub unsafe extern "C" fn wsc_conn_set_close_timeout(
    conn: *mut wsc_conn_t,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_close_timeout(timeout(timeout_ms)?)
    })
}

/// Sets how large a message may be.
///
/// Takes effect with the next attempt for what is received, where a larger one fails
/// the attempt with WSC_ERR_MESSAGE_TOO_BIG and close code 1009, and at once for what
/// is sent, where it is refused with WSC_ERR_TOO_BIG. `wsc_conn_set_max_receive_size`
/// sets another size for what is received. A message that comes as one frame has to
/// keep to `wsc_conn_set_max_frame_size`, too.
///
/// @param conn  Borrowed. Not NULL.
/// @param size  Bytes. Default 16777216.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `size` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_max_message_size(
    conn: *mut wsc_conn_t,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_max_message_size(size)
    })
}

/// Sets how large a received message may be, whatever `wsc_conn_set_max_message_size` says.
///
/// Takes effect at once, with the next frame that comes in. A larger message fails the
/// attempt with WSC_ERR_MESSAGE_TOO_BIG and close code 1009. The limit of a frame
/// (`wsc_conn_set_max_frame_size`) stays.
///
/// @param conn  Borrowed. Not NULL.
/// @param size  Bytes. Until it is set, `wsc_conn_set_max_message_size` decides.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `size` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_max_receive_size(
    conn: *mut wsc_conn_t,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_max_receive_size(size)
    })
}

/// Sets how large a received frame may be.
///
/// Takes effect with the next attempt. A larger one fails the attempt with
/// WSC_ERR_MESSAGE_TOO_BIG and close code 1009.
///
/// @param conn  Borrowed. Not NULL.
/// @param size  Bytes. Default 16777216.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `size` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_max_frame_size(
    conn: *mut wsc_conn_t,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_max_frame_size(size)
    })
}

/// Sets how large the head of the server's response may be.
///
/// Takes effect with the next attempt. A larger one fails the attempt with
/// WSC_ERR_HEADER_TOO_BIG.
///
/// @param conn  Borrowed. Not NULL.
/// @param size  Bytes. Default 65536.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `size` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_max_header_size(
    conn: *mut wsc_conn_t,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_max_header_size(size)
    })
}

/// Sets from how much queued data on a send is refused.
///
/// Takes effect at once. The limit is soft: below it one message of any size is taken.
/// At it, BUFFER_FULL is told once and sends return WSC_ERR_QUEUE_FULL; BUFFER_DRAIN
/// follows when the queue is empty. Pings and pongs count, the automatic ones too.
///
/// @param conn   Borrowed. Not NULL.
/// @param limit  Bytes. Default 1048576.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `limit` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_send_queue_limit(
    conn: *mut wsc_conn_t,
    limit: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_send_queue_limit(limit)
    })
}

/// Sets from how much undelivered data on the socket is not read.
///
/// Takes effect at once. Each waiting event counts its payload and 128 bytes. Nothing
/// is dropped: reading goes on when the host has taken events. The limit is soft by one
/// read, and one message of any allowed size always fits.
///
/// @param conn   Borrowed. Not NULL.
/// @param limit  Bytes. Default 4194304.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `limit` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_receive_queue_limit(
    conn: *mut wsc_conn_t,
    limit: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_receive_queue_limit(limit)
    })
}

/// Sets of how many frames a received message may consist.
///
/// Takes effect with the next attempt. One more fails the attempt with
/// WSC_ERR_MESSAGE_TOO_BIG and close code 1009.
///
/// @param conn   Borrowed. Not NULL.
/// @param count  Frames. Default 131072.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `count` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_max_fragments(
    conn: *mut wsc_conn_t,
    count: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_max_fragments(count)
    })
}

/// Sets whether received messages are delivered in parts.
///
/// Takes effect with the next attempt. A message that arrives whole is still one event;
/// of others each MESSAGE event carries what has come, and its `part` says which part it
/// is. Text is split between characters and checked as it comes, so parts may have been
/// delivered before a violation is found. No message is held whole, so the limits that
/// `wsc_conn_set_max_message_size` and `wsc_conn_set_max_frame_size` set, which still
/// apply, may be as high as the application likes.
///
/// @param conn  Borrowed. Not NULL.
/// @param on    Whether it is so. Default false.
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
pub unsafe extern "C" fn wsc_conn_set_streaming(conn: *mut wsc_conn_t, on: bool) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_streaming(on)
    })
}

/// Sets whether compression is offered: permessage-deflate (RFC 7692).
///
/// Takes effect with the next attempt. It is used if the server agrees, see
/// `wsc_conn_extensions`. It is off unless set: it can cost some 300 KiB for each
/// connection, and where secrets are compressed together with what others chose, the
/// length of a message tells about the secrets.
///
/// @param conn  Borrowed. Not NULL.
/// @param on    Whether it is so. Default false.
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
pub unsafe extern "C" fn wsc_conn_set_deflate(conn: *mut wsc_conn_t, on: bool) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_deflate(on)
    })
}

/// Sets how hard compression tries.
///
/// Takes effect with the next attempt.
///
/// @param conn   Borrowed. Not NULL.
/// @param level  From 1, the fastest, to 9, the smallest. Default 1.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `level` is not in 1 to 9.
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
pub unsafe extern "C" fn wsc_conn_set_deflate_level(
    conn: *mut wsc_conn_t,
    level: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_deflate_level(u32::try_from(level).map_err(|_| Status::Invalid)?)
    })
}

/// Sets which messages are too small to be compressed.
///
/// Takes effect with the next attempt. A message sent in parts is always compressed.
///
/// @param conn  Borrowed. Not NULL.
/// @param size  Bytes; smaller messages are sent as they are. 0 compresses all. Default 64.
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
pub unsafe extern "C" fn wsc_conn_set_deflate_threshold(
    conn: *mut wsc_conn_t,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_deflate_threshold(size)
    })
}

/// Sets how far back compression looks.
///
/// Takes effect with the next attempt. Smaller windows need less memory and compress
/// less. A server that does not agree to its part of it fails the attempt with
/// WSC_ERR_EXTENSION_MISMATCH.
///
/// @param conn    Borrowed. Not NULL.
/// @param client  9 to 15, the size of the window for what is sent as a power of two.
/// @param server  8 to 15, the same for what is received. Both 15 at first.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `client` or `server` is out of range. Nothing was set.
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
pub unsafe extern "C" fn wsc_conn_set_deflate_window_bits(
    conn: *mut wsc_conn_t,
    client: i32,
    server: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_deflate_window_bits(window_bits(client)?, window_bits(server)?)
    })
}

/// Sets whether each message is compressed by itself.
///
/// Takes effect with the next attempt. Then no memory is held between messages, and
/// similar messages compress less. A server that does not agree to its part of it fails
/// the attempt with WSC_ERR_EXTENSION_MISMATCH.
///
/// @param conn    Borrowed. Not NULL.
/// @param client  Whether it is so for what is sent. False at first.
/// @param server  Whether it is so for what is received. False at first.
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
pub unsafe extern "C" fn wsc_conn_set_deflate_no_context_takeover(
    conn: *mut wsc_conn_t,
    client: bool,
    server: bool,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_deflate_no_context_takeover(client, server)
    })
}

/// Sets how many times its size a received message may inflate to.
///
/// Takes effect with the next attempt. Above 1 MiB a higher ratio fails the attempt with
/// WSC_ERR_MESSAGE_TOO_BIG and close code 1009, as a size over
/// `wsc_conn_set_max_message_size` does.
///
/// @param conn   Borrowed. Not NULL.
/// @param ratio  Inflated size by compressed size; DEFLATE itself ends at 1032. Default 200.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `ratio` is 0.
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
pub unsafe extern "C" fn wsc_conn_set_deflate_max_ratio(
    conn: *mut wsc_conn_t,
    ratio: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_deflate_max_ratio(ratio)
    })
}

fn window_bits(value: i32) -> Result<u8, Status> {
    u8::try_from(value).map_err(|_| Status::Invalid)
}
