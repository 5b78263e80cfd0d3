//! What goes over a connection: sending, receiving, counting.

use std::ffi::{c_char, c_void};
use std::net::SocketAddr;

use super::boundary::{Handle, Out, bytes, enter, enter_or, write_c_str};
use super::conn::wsc_conn_t;
use super::status::wsc_status_t;
use crate::connection::{Connection, Counter};
use crate::error::Status;

/// What `wsc_conn_counter` tells. Counts run over all attempts of a connection.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_counter_t {
    /// Bytes read from the socket.
    WSC_COUNTER_BYTES_RECEIVED = 1,
    /// Bytes the socket took.
    WSC_COUNTER_BYTES_SENT = 2,
    /// Whole messages received.
    WSC_COUNTER_MESSAGES_RECEIVED = 3,
    /// Messages the socket took whole.
    WSC_COUNTER_MESSAGES_SENT = 4,
    /// Pings received.
    WSC_COUNTER_PINGS_RECEIVED = 5,
    /// Pings sent, those of the ping interval included.
    WSC_COUNTER_PINGS_SENT = 6,
    /// Pongs received.
    WSC_COUNTER_PONGS_RECEIVED = 7,
    /// Pongs sent, the automatic ones included.
    WSC_COUNTER_PONGS_SENT = 8,
    /// The last measured round trip of a ping, in microseconds; 0 if none was yet.
    WSC_COUNTER_ROUND_TRIP_US = 9,
}

fn counter(value: i32) -> Result<Counter, Status> {
    const ALL: [(wsc_counter_t, Counter); 9] = [
        (
            wsc_counter_t::WSC_COUNTER_BYTES_RECEIVED,
            Counter::BytesReceived,
        ),
        (wsc_counter_t::WSC_COUNTER_BYTES_SENT, Counter::BytesSent),
        (
            wsc_counter_t::WSC_COUNTER_MESSAGES_RECEIVED,
            Counter::MessagesReceived,
        ),
        (
            wsc_counter_t::WSC_COUNTER_MESSAGES_SENT,
            Counter::MessagesSent,
        ),
        (
            wsc_counter_t::WSC_COUNTER_PINGS_RECEIVED,
            Counter::PingsReceived,
        ),
        (wsc_counter_t::WSC_COUNTER_PINGS_SENT, Counter::PingsSent),
        (
            wsc_counter_t::WSC_COUNTER_PONGS_RECEIVED,
            Counter::PongsReceived,
        ),
        (wsc_counter_t::WSC_COUNTER_PONGS_SENT, Counter::PongsSent),
        (
            wsc_counter_t::WSC_COUNTER_ROUND_TRIP_US,
            Counter::RoundTripUs,
        ),
    ];
    let found = ALL.into_iter().find(|(c, _)| *c as i32 == value);
    found.map(|(_, counter)| counter).ok_or(Status::Invalid)
}

/// Sends one message of the connection's binary type: text, unless
/// `wsc_conn_set_binary_type` says binary.
///
/// Never blocks. The bytes are copied; messages leave in the order in which calls
/// returned, at once where the socket takes them. Before the handshake they wait for
/// it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
/// kernel.
///
/// @param conn  Borrowed. Not NULL.
/// @param data  Copied. UTF-8 if it goes as text. May be NULL if `len` is 0.
/// @param len   Length of `data` in bytes. 0 sends an empty message.
///
/// @retval WSC_OK              Accepted.
/// @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
/// @retval WSC_ERR_UTF8        It would go as text and is not UTF-8. Nothing was
///                             queued.
/// @retval WSC_ERR_INVALID     `len` is larger than any object.
/// @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
///                             was queued.
/// @retval WSC_ERR_STATE       The attempt has ended or was closed and no reconnect is
///                             scheduled, or the loop was freed. Nothing was queued.
/// @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
///                             again after BUFFER_DRAIN.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_send(
    conn: *mut wsc_conn_t,
    data: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.send(unsafe { bytes(data, len) }?)
    })
}

/// Sends one text message.
///
/// Never blocks. The bytes are copied; messages leave in the order in which calls
/// returned, at once where the socket takes them. Before the handshake they wait for
/// it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
/// kernel.
///
/// @param conn  Borrowed. Not NULL.
/// @param text  Copied. UTF-8, no NUL needed. May be NULL if `len` is 0.
/// @param len   Length of `text` in bytes. 0 sends an empty message.
///
/// @retval WSC_OK              Accepted.
/// @retval WSC_ERR_NULL        `conn` is NULL, or `text` is NULL and `len` is not 0.
/// @retval WSC_ERR_UTF8        `text` is not UTF-8. Nothing was queued.
/// @retval WSC_ERR_INVALID     `len` is larger than any object.
/// @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
///                             was queued.
/// @retval WSC_ERR_STATE       The attempt has ended or was closed and no reconnect is
///                             scheduled, or the loop was freed. Nothing was queued.
/// @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
///                             again after BUFFER_DRAIN.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `text` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_send_text(
    conn: *mut wsc_conn_t,
    text: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.send_text(unsafe { bytes(text, len) }?)
    })
}

/// Sends one binary message.
///
/// Never blocks. The bytes are copied; messages leave in the order in which calls
/// returned, at once where the socket takes them. Before the handshake they wait for
/// it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
/// kernel.
///
/// @param conn  Borrowed. Not NULL.
/// @param data  Copied. May be NULL if `len` is 0.
/// @param len   Length of `data` in bytes. 0 sends an empty message.
///
/// @retval WSC_OK              Accepted.
/// @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
/// @retval WSC_ERR_INVALID     `len` is larger than any object.
/// @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
///                             was queued.
/// @retval WSC_ERR_STATE       The attempt has ended or was closed and no reconnect is
///                             scheduled, or the loop was freed. Nothing was queued.
/// @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
///                             again after BUFFER_DRAIN.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_send_binary(
    conn: *mut wsc_conn_t,
    data: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.send_binary(unsafe { bytes(data, len) }?)
    })
}

/// Sends a ping. The peer answers with a pong of the same payload.
///
/// Never blocks. It goes out before messages that still wait in the queue.
///
/// @param conn  Borrowed. Not NULL.
/// @param data  Copied. At most 125 bytes. May be NULL if `len` is 0.
/// @param len   Length of `data` in bytes.
///
/// @retval WSC_OK              Accepted.
/// @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
/// @retval WSC_ERR_TOO_BIG     `len` is over 125. Nothing was queued.
/// @retval WSC_ERR_INVALID     `len` is larger than any object.
/// @retval WSC_ERR_STATE       The connection is not open, or the loop was freed.
/// @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_ping(
    conn: *mut wsc_conn_t,
    data: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.ping(unsafe { bytes(data, len) }?)
    })
}

/// Sends a pong: the answer to a ping if `wsc_conn_set_auto_pong` is off, or a
/// heartbeat that asks for no answer.
///
/// Never blocks. It goes out before messages that still wait in the queue.
///
/// @param conn  Borrowed. Not NULL.
/// @param data  Copied. At most 125 bytes. May be NULL if `len` is 0.
/// @param len   Length of `data` in bytes.
///
/// @retval WSC_OK              Accepted.
/// @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
/// @retval WSC_ERR_TOO_BIG     `len` is over 125. Nothing was queued.
/// @retval WSC_ERR_INVALID     `len` is larger than any object.
/// @retval WSC_ERR_STATE       The connection is not open, or the loop was freed.
/// @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_pong(
    conn: *mut wsc_conn_t,
    data: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        conn.pong(unsafe { bytes(data, len) }?)
    })
}

/// Writes what is queued, as far as the socket takes it.
///
/// Sends do this by themselves, the later ones of a burst a moment late; call it before
/// a long time away from the loop. It never blocks.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          Done; a full socket keeps the rest queued.
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
pub unsafe extern "C" fn wsc_conn_flush(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.flush()
    })
}

/// Stops the delivery of messages, pings and pongs, and the reading of the socket.
///
/// Takes effect at once; a callback that is running finishes. The peer is slowed down
/// by TCP. The end of the connection ends the pause: what was held is delivered, then
/// CLOSE.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          Paused, or was already.
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
pub unsafe extern "C" fn wsc_conn_pause_recv(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.pause_recv()
    })
}

/// Takes back `wsc_conn_pause_recv`.
///
/// What was held is delivered by the loop, not inside this call.
///
/// @param conn  Borrowed. Not NULL.
///
/// @retval WSC_OK          Not paused any more, or was not.
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
pub unsafe extern "C" fn wsc_conn_resume_recv(conn: *mut wsc_conn_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.resume_recv()
    })
}

/// Tells how many bytes are queued and not yet taken by the kernel.
///
/// @param conn  Borrowed.
///
/// @return The number of bytes, frame headers included; 0 if `conn` is NULL, or in a
///         forked child.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` is NULL or has not been passed to `wsc_conn_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_buffered_amount(conn: *const wsc_conn_t) -> usize {
    enter_or(0, || {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) };
        conn.map_or(0, |conn| conn.buffered_amount())
    })
}

/// Tells one of the connection's counters.
///
/// @param conn     Borrowed. Not NULL.
/// @param counter  A `wsc_counter_t`.
/// @param value    Set to its value. Not NULL.
///
/// @retval WSC_OK           `*value` is set.
/// @retval WSC_ERR_NULL     `conn` or `value` is NULL.
/// @retval WSC_ERR_INVALID  `counter` is not a `wsc_counter_t`.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `value` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_counter(
    conn: *const wsc_conn_t,
    counter: i32,
    value: *mut u64,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let (conn, value) = unsafe { (Connection::retain(conn)?, Out::new(value)?) };
        in_its_process(&conn)?;
        value.write(conn.counter(self::counter(counter)?));
        Ok(())
    })
}

/// Tells the address of the peer's end of the socket.
///
/// Such as `192.0.2.1:80` or `[2001:db8::1]:80`.
///
/// @param conn    Borrowed. Not NULL.
/// @param buffer  Filled with the address and a NUL. Not NULL.
/// @param size    Its size in bytes; 64 always suffice.
///
/// @retval WSC_OK             Written.
/// @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
/// @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
/// @retval WSC_ERR_NOT_FOUND  There was no attempt whose TCP connection stood, or the
///                            loop was freed.
/// @retval WSC_ERR_FORKED     The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_peer_address(
    conn: *const wsc_conn_t,
    buffer: *mut c_char,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        unsafe { write_address(buffer, size, &conn, Connection::peer_address) }
    })
}

/// Tells the address of our end of the socket.
///
/// Such as `192.0.2.1:80` or `[2001:db8::1]:80`.
///
/// @param conn    Borrowed. Not NULL.
/// @param buffer  Filled with the address and a NUL. Not NULL.
/// @param size    Its size in bytes; 64 always suffice.
///
/// @retval WSC_OK             Written.
/// @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
/// @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
/// @retval WSC_ERR_NOT_FOUND  There was no attempt whose TCP connection stood, or the
///                            loop was freed.
/// @retval WSC_ERR_FORKED     The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_local_address(
    conn: *const wsc_conn_t,
    buffer: *mut c_char,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        unsafe { write_address(buffer, size, &conn, Connection::local_address) }
    })
}

/// For the getters, which have no status of their own to refuse a child with.
fn in_its_process(conn: &Connection) -> Result<(), Status> {
    match conn.is_forked() {
        true => Err(Status::Forked),
        false => Ok(()),
    }
}

/// # Safety
/// `buffer` is NULL or writable for `size` bytes.
unsafe fn write_address(
    buffer: *mut c_char,
    size: usize,
    conn: &Connection,
    address: impl FnOnce(&Connection) -> Option<SocketAddr>,
) -> Result<(), Status> {
    if buffer.is_null() {
        return Err(Status::Null);
    }
    in_its_process(conn)?;
    let address = address(conn).ok_or(Status::NotFound)?;
    // SAFETY: the caller's promise is the same.
    unsafe { write_c_str(buffer, size, &address.to_string()) }
}
