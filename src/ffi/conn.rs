//! `wsc_conn_t`.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::boundary::{Handle, Out, bytes, c_str, delay, enter, enter_or};
use super::loop_::wsc_loop_t;
use super::status::wsc_status_t;
use crate::connection::{Connection, State};
use crate::event_loop::Loop;

/// A connection: one WebSocket client, set up, connected and, if wanted, connected
/// again.
///
/// Made by `wsc_conn_new`, freed by you with `wsc_conn_free`, before or after its
/// loop. Threads may share a connection; freeing it must be the last call on it.
///
/// Life: `wsc_conn_new`, `wsc_conn_free`, `wsc_conn_on_free`, `wsc_conn_id`,
/// `wsc_conn_state`, `wsc_conn_connect`, `wsc_conn_reconnect`,
/// `wsc_conn_cancel_reconnect`, `wsc_conn_close`, `wsc_conn_abort`.
///
/// Settings: `wsc_conn_set_url`, `wsc_conn_set_header`, `wsc_conn_add_header`,
/// `wsc_conn_clear_headers`, `wsc_conn_set_subprotocols`, `wsc_conn_set_origin`,
/// `wsc_conn_set_ping_interval`, `wsc_conn_set_pong_timeout`,
/// `wsc_conn_set_auto_pong`, `wsc_conn_set_binary_type`,
/// `wsc_conn_set_connect_timeout`, `wsc_conn_set_handshake_timeout`,
/// `wsc_conn_set_close_timeout`, `wsc_conn_set_max_message_size`,
/// `wsc_conn_set_max_receive_size`,
/// `wsc_conn_set_max_frame_size`, `wsc_conn_set_max_fragments`,
/// `wsc_conn_set_max_header_size`, `wsc_conn_set_send_queue_limit`,
/// `wsc_conn_set_receive_queue_limit`, `wsc_conn_set_streaming`,
/// `wsc_conn_set_deflate`, `wsc_conn_set_deflate_level`,
/// `wsc_conn_set_deflate_threshold`, `wsc_conn_set_deflate_window_bits`,
/// `wsc_conn_set_deflate_no_context_takeover`, `wsc_conn_set_deflate_max_ratio`.
///
/// TLS: `wsc_conn_add_tls_ca`, `wsc_conn_add_tls_ca_file`, `wsc_conn_add_tls_crl`,
/// `wsc_conn_add_tls_crl_file`,
/// `wsc_conn_set_tls_system_roots`, `wsc_conn_set_tls_identity`,
/// `wsc_conn_set_tls_identity_files`, `wsc_conn_set_tls_pkcs12`,
/// `wsc_conn_set_tls_versions`, `wsc_conn_set_tls_alpn`,
/// `wsc_conn_set_tls_server_name`, `wsc_conn_set_tls_verify_name`,
/// `wsc_conn_add_tls_pin`, `wsc_conn_set_tls_danger_accept_anything`,
/// `wsc_conn_reset_tls`.
///
/// Network: `wsc_conn_set_proxy`, `wsc_conn_set_proxy_from_environment`,
/// `wsc_conn_add_proxy_header`, `wsc_conn_clear_proxy_headers`,
/// `wsc_conn_set_phase_timeout`, `wsc_conn_set_idle_timeout`, `wsc_conn_set_local_address`,
/// `wsc_conn_set_interface`, `wsc_conn_set_tcp_nodelay`, `wsc_conn_set_keepalive`,
/// `wsc_conn_set_tcp_user_timeout`, `wsc_conn_set_max_redirects`,
/// `wsc_conn_set_socket`.
///
/// Reconnects: `wsc_conn_set_auto_reconnect`, `wsc_conn_set_reconnect_delay`,
/// `wsc_conn_set_reconnect_limit`, `wsc_conn_set_reconnect_stable_after`,
/// `wsc_conn_set_reconnect_after_fatal`, `wsc_conn_set_queue_policy`,
/// `wsc_conn_add_prologue`, `wsc_conn_clear_prologue`.
///
/// Report: `wsc_conn_report_number`, `wsc_conn_report_data`.
///
/// Callbacks: `wsc_conn_on_connect`, `wsc_conn_on_handshake`,
/// `wsc_conn_on_message`, `wsc_conn_on_ping`, `wsc_conn_on_pong`,
/// `wsc_conn_on_buffer_full`, `wsc_conn_on_buffer_drain`, `wsc_conn_on_error`,
/// `wsc_conn_on_close`, `wsc_conn_on_reconnect`, `wsc_conn_on_event`.
///
/// Traffic: `wsc_conn_send`, `wsc_conn_send_text`, `wsc_conn_send_binary`,
/// `wsc_conn_send_message`, `wsc_conn_ping`, `wsc_conn_pong`, `wsc_conn_flush`, `wsc_conn_pause_recv`,
/// `wsc_conn_resume_recv`, `wsc_conn_buffered_amount`, `wsc_conn_counter`,
/// `wsc_conn_peer_address`, `wsc_conn_local_address`, `wsc_conn_subprotocol`,
/// `wsc_conn_extensions`.
#[derive(Debug)]
pub struct wsc_conn_t {
    _opaque: (),
}

impl Handle for Connection {
    type Opaque = wsc_conn_t;
}

/// Where a connection stands, as far as its events were delivered.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_state_t {
    /// Never connected.
    WSC_STATE_INITIAL = 0,
    /// An attempt is under way.
    WSC_STATE_CONNECTING = 1,
    /// HANDSHAKE was delivered.
    WSC_STATE_OPEN = 2,
    /// The close handshake is under way.
    WSC_STATE_CLOSING = 3,
    /// CLOSE was delivered.
    WSC_STATE_CLOSED = 4,
    /// CLOSE was delivered and a reconnect is scheduled.
    WSC_STATE_WAITING = 5,
}

impl From<State> for wsc_state_t {
    fn from(state: State) -> Self {
        match state {
            State::Initial => Self::WSC_STATE_INITIAL,
            State::Connecting => Self::WSC_STATE_CONNECTING,
            State::Open => Self::WSC_STATE_OPEN,
            State::Closing => Self::WSC_STATE_CLOSING,
            State::Closed => Self::WSC_STATE_CLOSED,
            State::Waiting => Self::WSC_STATE_WAITING,
        }
    }
}

/// Makes a connection.
///
/// It is only set up here; `wsc_conn_connect` starts it. It keeps what it needs of its
/// loop.
///
/// @param loop        Borrowed. Not NULL. The loop that will carry the connection.
/// @param url         Copied. `ws://` or `wss://`, perhaps `user:password@` for Basic
///                    authorization, a host name or address (IPv6 in brackets, with a
///                    zone after `%25`), a port if it is not 80 or 443, path and
///                    query. Or `ws+unix://` or `wss+unix://`, the path of a socket, a
///                    colon, path and query. NUL-terminated.
/// @param out         Set to the connection, owned: free it with `wsc_conn_free`. NULL
///                    on any failure.
///
/// @retval WSC_OK              `*out` is the new connection.
/// @retval WSC_ERR_NULL        A pointer is NULL.
/// @retval WSC_ERR_UTF8        `url` is not UTF-8.
/// @retval WSC_ERR_URL         `url` is malformed, or has a fragment.
/// @retval WSC_ERR_URL_SCHEME  Its scheme is none of those.
/// @retval WSC_ERR_URL_PORT    Its port is not a number from 1 to 65535.
/// @retval WSC_ERR_FORKED      The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`; `url` ends in a NUL; `out` is
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_new(
    r#loop: *mut wsc_loop_t,
    url: *const c_char,
    out: *mut *mut wsc_conn_t,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let out = unsafe { Out::new(out) }?;
        out.write(ptr::null_mut());
        // SAFETY: as above.
        let (event_loop, url) = unsafe { (Loop::retain(r#loop)?, c_str(url)?) };
        out.write(Handle::export(Connection::new(&event_loop, url)?));
        Ok(())
    })
}

/// Frees a connection.
///
/// Returns at once. An attempt that is under way ends without a close frame, after one
/// attempt to write what is queued; to close in order, call `wsc_conn_close` and free
/// in `on_close`. Events that were not delivered are dropped, CLOSE included. A
/// callback running on another thread may still finish; `wsc_conn_on_free` tells when
/// none can run any more. Data of polled events stays valid.
///
/// @param conn  Taken. NULL does nothing.
///
/// @par Threads
/// Any thread, also inside a callback of the same connection. The last call on this
/// connection. In a forked child it only closes the child's copy of the socket, and
/// disturbs nothing of the parent's.
///
/// @since 0.1
/// # Safety
/// `conn` is NULL or came from `wsc_conn_new` and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_free(conn: *mut wsc_conn_t) {
    enter_or((), || {
        // SAFETY: as this function's Safety section says.
        if let Some(conn) = unsafe { Connection::release(conn) } {
            conn.free();
        }
    });
}

/// Tells the number by which events name the connection.
///
/// @param conn  Borrowed.
///
/// @return The number, at least 1 and never reused in this process; 0 if `conn` is
///         NULL.
///
/// @par Threads
/// Any thread, at any time, also inside a callback and in a forked child.
///
/// @since 0.1
/// # Safety
/// `conn` is NULL or has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_id(conn: *const wsc_conn_t) -> u64 {
    enter_or(0, || {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::borrow(conn) };
        conn.map_or(0, Connection::id)
    })
}

/// Tells where the connection stands, as far as its events were delivered.
///
/// The connection itself may be ahead: a send fails by the real state. In a forked
/// child it stays what it was at the fork.
///
/// @param conn  Borrowed.
///
/// @return The state; WSC_STATE_CLOSED if `conn` is NULL.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` is NULL or has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_state(conn: *const wsc_conn_t) -> wsc_state_t {
    enter_or(wsc_state_t::WSC_STATE_CLOSED, || {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::borrow(conn) };
        conn.map_or(wsc_state_t::WSC_STATE_CLOSED, |conn| conn.state().into())
    })
}

/// Starts an attempt.
///
/// Never blocks, not even for DNS; events tell what comes of it. From the states
/// INITIAL, CLOSED and WAITING, where it cuts the waiting short.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          Started; a CLOSE event will end it.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   An attempt is under way, its CLOSE was not delivered yet, or
///                         the loop was freed.
/// @retval WSC_ERR_SYSTEM  The background thread could not be started.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_connect(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.connect()
    })
}

/// Starts an attempt after a delay.
///
/// From any state. An attempt that is under way is aborted first; the delay runs, and
/// the new attempt starts, after its CLOSE was delivered. A reconnect that was
/// scheduled before is replaced. Messages sent from now on are queued for the new
/// attempt.
///
/// @param conn      Borrowed. Not NULL.
/// @param delay_ms  Milliseconds; 0 starts at once.
///
/// @retval WSC_OK           Scheduled.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `delay_ms` is negative.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_SYSTEM   The background thread could not be started.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_reconnect(conn: *mut wsc_conn_t, delay_ms: i32) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.reconnect(delay(delay_ms)?)
    })
}

/// Takes back a scheduled reconnect.
///
/// An attempt that has started is not touched.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          None is scheduled now, whether there was one or not.
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
pub unsafe extern "C" fn wsc_conn_cancel_reconnect(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.cancel_reconnect()
    })
}

/// Closes the connection in order, with the close handshake.
///
/// Never blocks. What was accepted before goes out first, then a close frame; CLOSE
/// follows when the peer has answered or `wsc_conn_set_close_timeout` is over. Messages
/// that arrive until then are still delivered. During the opening it ends the attempt
/// at once: CLOSE with code 1006 and no ERROR. It takes back a scheduled reconnect.
///
/// @param conn        Borrowed. Not NULL.
/// @param code        1000 (done), 3000 to 4999 (your own), or 0 to send none.
/// @param reason      Copied. UTF-8, for people, at most 123 bytes; none without a
///                    code. May be NULL if `reason_len` is 0.
/// @param reason_len  Length of `reason` in bytes.
///
/// @retval WSC_OK                Closing, perhaps since before the call, or ended already with
///                               CLOSE yet to be delivered.
/// @retval WSC_ERR_NULL          `conn` is NULL, or `reason` is NULL and `reason_len`
///                               is not 0.
/// @retval WSC_ERR_CLOSE_CODE    `code` is none of those. Nothing was sent.
/// @retval WSC_ERR_CLOSE_REASON  `reason` is too long, not UTF-8, or given without a
///                               code. Nothing was sent.
/// @retval WSC_ERR_INVALID       `reason_len` is larger than any object.
/// @retval WSC_ERR_STATE         There is neither an attempt to close nor a reconnect
///                               to take back, or the loop was freed.
/// @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `reason` is readable for `reason_len`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_close(
    conn: *mut wsc_conn_t,
    code: u16,
    reason: *const c_void,
    reason_len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.close(code, unsafe { bytes(reason, reason_len) }?)
    })
}

/// Ends the attempt at once, without a close handshake.
///
/// Messages that were received and not delivered are dropped; CLOSE follows, with code
/// 1006. It takes back a scheduled reconnect.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          Ended, now or already with CLOSE yet to be delivered.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   There is neither an attempt to end nor a reconnect to take
///                         back, or the loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_abort(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.abort()
    })
}
