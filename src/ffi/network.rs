//! The way to the server: proxies, sockets, deadlines, redirects.

use std::ffi::c_char;
use std::time::Duration;

use super::boundary::{Handle, c_bytes, c_str, c_str_or_empty, enter, timeout};
use super::conn::wsc_conn_t;
use super::event::wsc_phase_t;
use super::status::wsc_status_t;
use crate::connection::Connection;
use crate::error::{Phase, Status};
use crate::sys;

/// A phase that may have a deadline of its own.
fn phase(value: i32) -> Result<Phase, Status> {
    let phases = [Phase::Dns, Phase::Tcp, Phase::Proxy, Phase::Tls];
    let mut named = phases.into_iter();
    named
        .find(|phase| wsc_phase_t::from(*phase) as i32 == value)
        .ok_or(Status::Invalid)
}

/// Sets the proxy to connect through.
///
/// Takes effect with the next attempt. Names of servers are resolved by the proxy. What
/// the proxy answers is in the error and in the report; a proxy that refuses never sees
/// the request. In TLS to the proxy itself the authorities and versions set for the
/// connection hold.
///
/// @param conn  Borrowed. Not NULL.
/// @param url   Copied. `http://`, `https://` (TLS to the proxy), `socks5://` or
///              `socks5h://`, with `user:password@` if wanted, NUL-terminated. Empty or
///              NULL: none.
///
/// @retval WSC_OK              Set.
/// @retval WSC_ERR_NULL        `conn` is NULL.
/// @retval WSC_ERR_UTF8        `url` is not UTF-8.
/// @retval WSC_ERR_URL         `url` is malformed.
/// @retval WSC_ERR_URL_SCHEME  Its scheme is none of those.
/// @retval WSC_ERR_URL_PORT    Its port is not a number from 1 to 65535.
/// @retval WSC_ERR_TOO_BIG     A user name or password for SOCKS has more than 255
///                             bytes.
/// @retval WSC_ERR_STATE       The loop was freed.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `url` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_proxy(
    conn: *mut wsc_conn_t,
    url: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.set_proxy(unsafe { c_str_or_empty(url) }?)
    })
}

/// Takes the proxy from the environment.
///
/// The variables HTTP_PROXY (for `ws`), HTTPS_PROXY (for `wss`), ALL_PROXY and NO_PROXY
/// are read in this call, in small letters first; which of them holds is decided for
/// the URL of each attempt. NO_PROXY names hosts, which cover what is below them,
/// addresses and networks (`10.0.0.0/8`), separated by commas. In a CGI, where
/// REQUEST_METHOD is set, HTTP_PROXY in capitals comes from the request and is left out.
/// A value that is no proxy's URL fails the attempts that it is for, in WSC_PHASE_PROXY.
///
/// @param conn  Borrowed. Not NULL.
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
pub unsafe extern "C" fn wsc_conn_set_proxy_from_environment(
    conn: *mut wsc_conn_t,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_proxy_from_environment()
    })
}

/// Adds a header to the CONNECT request that an HTTP proxy gets.
///
/// Takes effect with the next attempt. The server never sees it.
///
/// @param conn   Borrowed. Not NULL.
/// @param name   Copied. A token, NUL-terminated; not `Host`.
/// @param value  Copied. Any bytes but control characters, NUL-terminated.
///
/// @retval WSC_OK                Added.
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
pub unsafe extern "C" fn wsc_conn_add_proxy_header(
    conn: *mut wsc_conn_t,
    name: *const c_char,
    value: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        let (name, value) = unsafe { (c_str(name)?, c_bytes(value)?) };
        conn.add_proxy_header(name, value)
    })
}

/// Removes all headers for a proxy.
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
pub unsafe extern "C" fn wsc_conn_clear_proxy_headers(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.clear_proxy_headers()
    })
}

/// Sets a deadline for one phase of connecting.
///
/// Takes effect with the next attempt. It holds within that of
/// `wsc_conn_set_connect_timeout`. That of WSC_PHASE_TLS is for the handshake.
///
/// @param conn        Borrowed. Not NULL.
/// @param phase       WSC_PHASE_DNS, WSC_PHASE_TCP, WSC_PHASE_PROXY or WSC_PHASE_TLS.
/// @param timeout_ms  Milliseconds. WSC_FOREVER, the default: none of its own.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `phase` is none of those, or `timeout_ms` is 0, or negative
///                          and not WSC_FOREVER.
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
pub unsafe extern "C" fn wsc_conn_set_phase_timeout(
    conn: *mut wsc_conn_t,
    phase: i32,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_phase_timeout(self::phase(phase)?, timeout(timeout_ms)?)
    })
}

/// Sets how long the server may send nothing at all.
///
/// Takes effect at once. Any byte counts, those of a pong too. When it is over the
/// attempt fails with WSC_ERR_TIMEOUT. The time does not run while reading is paused.
///
/// @param conn        Borrowed. Not NULL.
/// @param timeout_ms  Milliseconds. WSC_FOREVER, the default: no limit.
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
pub unsafe extern "C" fn wsc_conn_set_idle_timeout(
    conn: *mut wsc_conn_t,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_idle_timeout(timeout(timeout_ms)?)
    })
}

/// Sets the address to connect from.
///
/// Takes effect with the next attempt.
///
/// @param conn     Borrowed. Not NULL.
/// @param address  Copied. An IP address, with or without a port, NUL-terminated. Empty
///                 or NULL: the system chooses.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_UTF8     `address` is not UTF-8.
/// @retval WSC_ERR_INVALID  `address` is no IP address.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `address` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_local_address(
    conn: *mut wsc_conn_t,
    address: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.set_local_address(unsafe { c_str_or_empty(address) }?)
    })
}

/// Sets the network interface to connect through.
///
/// Takes effect with the next attempt. The system may ask for privileges.
///
/// @param conn  Borrowed. Not NULL.
/// @param name  Copied. Such as `eth0`, NUL-terminated. Empty or NULL: the system
///              chooses.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_UTF8     `name` is not UTF-8.
/// @retval WSC_ERR_INVALID  `name` is too long for an interface.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `name` is NULL or ends in a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_set_interface(
    conn: *mut wsc_conn_t,
    name: *const c_char,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.set_interface(unsafe { c_str_or_empty(name) }?)
    })
}

/// Sets whether small writes leave at once (TCP_NODELAY).
///
/// Takes effect with the next attempt. Without it the kernel holds a small write back
/// while an earlier one is unacknowledged (Nagle's algorithm).
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
pub unsafe extern "C" fn wsc_conn_set_tcp_nodelay(conn: *mut wsc_conn_t, on: bool) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_nodelay(on)
    })
}

/// Sets after which silence TCP sends keepalive probes.
///
/// Takes effect with the next attempt. Pings (`wsc_conn_set_ping_interval`) do more:
/// they reach the server itself.
///
/// @param conn     Borrowed. Not NULL.
/// @param time_ms  Milliseconds, in whole seconds. WSC_FOREVER, the default: no probes.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `time_ms` is below 1000, and not WSC_FOREVER.
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
pub unsafe extern "C" fn wsc_conn_set_keepalive(
    conn: *mut wsc_conn_t,
    time_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let time = timeout(time_ms)?;
        if time.is_some_and(|time| time < Duration::from_secs(1)) {
            return Err(Status::Invalid);
        }
        conn.set_keepalive(time)
    })
}

/// Sets how long TCP may wait for sent data to be acknowledged.
///
/// Takes effect with the next attempt. When it is over the attempt fails.
///
/// @param conn        Borrowed. Not NULL.
/// @param timeout_ms  Milliseconds. WSC_FOREVER, the default: the system's own limit.
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
pub unsafe extern "C" fn wsc_conn_set_tcp_user_timeout(
    conn: *mut wsc_conn_t,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_user_timeout(timeout(timeout_ms)?)
    })
}

/// Sets how many HTTP redirects an attempt follows.
///
/// Takes effect with the next attempt. Followed are 301, 302, 303, 307 and 308 with a
/// `Location`, relative ones too; `http` in it stands for `ws`, `https` for `wss`, and
/// from `wss` to `ws` none is followed. To another server go neither `Authorization`,
/// `Proxy-Authorization`, `Cookie` and `Host`, nor the credentials of the URL, nor the
/// client certificate; other headers, subprotocols and messages do. The names of
/// `wsc_conn_set_tls_server_name` and `wsc_conn_set_tls_verify_name` do not hold there;
/// authorities, pins and lists do.
///
/// @param conn   Borrowed. Not NULL.
/// @param count  Default 0.
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
pub unsafe extern "C" fn wsc_conn_set_max_redirects(
    conn: *mut wsc_conn_t,
    count: u32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.set_max_redirects(count)
    })
}

/// Gives the next attempt a connected socket, in place of a new one.
///
/// TLS and the upgrade follow on it; DNS, TCP and a proxy are skipped. It becomes
/// non-blocking, and yours with it; its other options stay as they are. Later attempts
/// connect by themselves.
///
/// @param conn  Borrowed. Not NULL.
/// @param fd    Copied: duplicated; close yours when you like, and do not use it while
///              the connection does. A connected stream socket, of TCP or unix.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `fd` is no connected stream socket.
/// @retval WSC_ERR_SYSTEM   The process has no descriptor left.
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
pub unsafe extern "C" fn wsc_conn_set_socket(conn: *mut wsc_conn_t, fd: i32) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        let socket = sys::duplicate(fd).map_err(|error| match error.raw_os_error() {
            Some(libc::EBADF) => Status::Invalid,
            _ => Status::System,
        })?;
        conn.set_socket(socket)
    })
}
