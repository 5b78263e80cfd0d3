//! What goes over a connection: sending, receiving, counting.

use std::ffi::{c_char, c_void};

use super::boundary::{Handle, Out, bytes, enter, enter_or, write_c_str};
use super::conn::wsc_conn_t;
use super::status::wsc_status_t;
use crate::connection::{Connection, Counter};
use crate::error::Status;
use crate::event::{MessageType, Part};

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
    /// No count: the bytes held now for what is queued to be sent, what waits to be
    /// delivered, a message under way, and compression, the last as an estimate.
    WSC_COUNTER_MEMORY_BYTES = 10,
}

fn counter(value: i32) -> Result<Counter, Status> {
    const ALL: [(wsc_counter_t, Counter); 10] = [
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
        (
            wsc_counter_t::WSC_COUNTER_MEMORY_BYTES,
            Counter::MemoryBytes,
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
/// @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
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
        let conn = unsafe { Connection::borrow(conn) }?;
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
/// @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
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
        let conn = unsafe { Connection::borrow(conn) }?;
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
/// @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
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
        let conn = unsafe { Connection::borrow(conn) }?;
        // SAFETY: as above.
        conn.send_binary(unsafe { bytes(data, len) }?)
    })
}

/// Flags of `wsc_conn_send_message`, to be combined with `|`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_send_t {
    /// The message is not compressed, whatever was negotiated: for what is
    /// compressed already, and for secrets.
    WSC_SEND_NO_COMPRESS = 1,
}

fn compress(flags: i32) -> Result<bool, Status> {
    const NO_COMPRESS: i32 = wsc_send_t::WSC_SEND_NO_COMPRESS as i32;
    match flags {
        0 => Ok(true),
        NO_COMPRESS => Ok(false),
        _ => Err(Status::Invalid),
    }
}

pub(crate) fn message_type(value: i32) -> Result<MessageType, Status> {
    const ALL: [MessageType; 2] = [MessageType::Text, MessageType::Binary];
    let found = ALL.into_iter().find(|kind| *kind as i32 == value);
    found.ok_or(Status::Invalid)
}

fn part(value: i32) -> Result<Part, Status> {
    const ALL: [Part; 4] = [Part::Whole, Part::First, Part::More, Part::Last];
    let found = ALL.into_iter().find(|part| *part as i32 == value);
    found.ok_or(Status::Invalid)
}

/// Sends one message or one part of a message.
///
/// Never blocks. The bytes are copied; messages leave in the order in which calls
/// returned, at once where the socket takes them. Before the handshake they wait for
/// it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
/// kernel.
///
/// A message in parts begins with WSC_PART_FIRST and ends with WSC_PART_LAST; each part
/// is one frame. Pings, pongs and a close frame may go out between the parts, other
/// messages not: until the last part, every other send is refused with WSC_ERR_STATE.
/// The end of an attempt ends the message too. Its total size has no limit.
///
/// @param conn          Borrowed. Not NULL.
/// @param message_type  A `wsc_message_type_t`, the same for all parts of a message.
/// @param part          A `wsc_part_t`.
/// @param flags         0, or `wsc_send_t` values combined. Of a message in parts those
///                      of the first count.
/// @param data          Copied. Of a text whole characters in UTF-8, in each part. May
///                      be NULL if `len` is 0.
/// @param len           Length of `data` in bytes.
///
/// @retval WSC_OK              Accepted.
/// @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
/// @retval WSC_ERR_UTF8        A text's `data` is not UTF-8. Nothing was queued.
/// @retval WSC_ERR_INVALID     `message_type`, `part` or `flags` is none of those,
///                             `message_type` is not that of the first part, or `len`
///                             is larger than any object. Nothing was queued.
/// @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
///                             was queued.
/// @retval WSC_ERR_STATE       A message in parts is not finished and this does not
///                             continue it, or there is none to continue; the attempt
///                             has ended or was closed and no reconnect is scheduled;
///                             or the loop was freed. Nothing was queued.
/// @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
///                             again after BUFFER_DRAIN.
/// @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
/// @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_send_message(
    conn: *mut wsc_conn_t,
    message_type: i32,
    part: i32,
    flags: i32,
    data: *const c_void,
    len: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::borrow(conn) }?;
        // SAFETY: as above.
        let data = unsafe { bytes(data, len) }?;
        conn.send_message(
            self::message_type(message_type)?,
            self::part(part)?,
            compress(flags)?,
            data,
        )
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
        unsafe { write_known(buffer, size, &conn, Connection::peer_address) }
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
        unsafe { write_known(buffer, size, &conn, Connection::local_address) }
    })
}

/// Tells the subprotocol that the server chose.
///
/// One of those that `wsc_conn_set_subprotocols` offered.
///
/// @param conn    Borrowed. Not NULL.
/// @param buffer  Filled with it and a NUL. Not NULL.
/// @param size    Its size in bytes.
///
/// @retval WSC_OK             Written.
/// @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
/// @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
/// @retval WSC_ERR_NOT_FOUND  The server chose none in the last handshake, there was
///                            none yet, or the loop was freed.
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
pub unsafe extern "C" fn wsc_conn_subprotocol(
    conn: *const wsc_conn_t,
    buffer: *mut c_char,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        unsafe { write_known(buffer, size, &conn, Connection::subprotocol) }
    })
}

/// Tells the extensions that the server chose, with their parameters.
///
/// Such as `permessage-deflate; server_no_context_takeover`: the value of the field
/// `Sec-WebSocket-Extensions` of its answer.
///
/// @param conn    Borrowed. Not NULL.
/// @param buffer  Filled with it and a NUL. Not NULL.
/// @param size    Its size in bytes.
///
/// @retval WSC_OK             Written.
/// @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
/// @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
/// @retval WSC_ERR_NOT_FOUND  The server chose none in the last handshake, there was
///                            none yet, or the loop was freed.
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
pub unsafe extern "C" fn wsc_conn_extensions(
    conn: *const wsc_conn_t,
    buffer: *mut c_char,
    size: usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        // SAFETY: as above.
        unsafe { write_known(buffer, size, &conn, Connection::extensions) }
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
unsafe fn write_known<T: ToString>(
    buffer: *mut c_char,
    size: usize,
    conn: &Connection,
    known: impl FnOnce(&Connection) -> Option<T>,
) -> Result<(), Status> {
    if buffer.is_null() {
        return Err(Status::Null);
    }
    in_its_process(conn)?;
    let known = known(conn).ok_or(Status::NotFound)?;
    // SAFETY: the caller's promise is the same.
    unsafe { write_c_str(buffer, size, &known.to_string()) }
}
