//! Callbacks: C functions and their userdata as handlers of the safe API.

use std::ffi::c_void;
use std::sync::Arc;

use super::boundary::{Handle, enter};
use super::conn::wsc_conn_t;
use super::event::{self, wsc_event_t};
use super::status::wsc_status_t;
use crate::connection::{Connection, Handler};
use crate::event::{EventRef, EventType};

/// Tells one event of one connection.
///
/// Runs on the thread that `wsc_loop_new` chose, one at a time per loop. It may
/// call every function of this library, `wsc_conn_free` on `conn` included; only
/// a dispatch or poll of the same loop is refused. It must return normally.
///
/// @param conn      Borrowed: the connection, as given to the setter. Valid until
///                  the callback returns, even if it is freed meanwhile.
/// @param event     Borrowed: dies with the callback; copy what you keep.
/// @param userdata  What was given with the callback, unread.
pub type wsc_event_fn = Option<
    unsafe extern "C" fn(conn: *mut wsc_conn_t, event: *const wsc_event_t, userdata: *mut c_void),
>;

/// Tells that no callback can be called with this `userdata` any more, so that what it
/// points to may be deleted.
///
/// @param userdata  What was given with the callback, unread.
pub type wsc_free_fn = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// A pointer of the caller's that is handed back and never looked at.
struct Untouched<T>(*mut T);

// SAFETY: the library does not read or write through the pointer, it only hands
// it to the C function it came with. On which thread that runs is the caller's
// choice, made in `wsc_loop_new` and said in the header.
unsafe impl<T> Send for Untouched<T> {}
// SAFETY: as above; a shared reference gives no more than a copy of the pointer.
unsafe impl<T> Sync for Untouched<T> {}

impl<T> Untouched<T> {
    /// A method, because a closure that names the field captures the bare pointer.
    fn get(&self) -> *mut T {
        self.0
    }
}

/// What a callback is called with.
struct Userdata {
    pointer: Untouched<c_void>,
    release: wsc_free_fn,
}

impl Userdata {
    /// Whose life is the caller's business.
    fn borrowed(pointer: *mut c_void) -> Self {
        Userdata::released_by(None, pointer)
    }

    fn released_by(release: wsc_free_fn, pointer: *mut c_void) -> Self {
        Userdata {
            pointer: Untouched(pointer),
            release,
        }
    }

    fn get(&self) -> *mut c_void {
        self.pointer.get()
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the caller of the setter promised a function of this signature
            // that may be called once with this userdata, on any thread.
            unsafe { release(self.get()) };
        }
    }
}

/// `conn` is the handle the callback was set on: callbacks pass the same pointer. The
/// userdata is released with the handler, which lives as long as it can be called.
fn handler(conn: *mut wsc_conn_t, function: wsc_event_fn, userdata: Userdata) -> Option<Handler> {
    let function = function?;
    let conn = Untouched(conn);
    Some(Arc::new(move |_, event: EventRef<'_>| {
        let event = wsc_event_t::from(event);
        // SAFETY: the caller of the setter promised a function of this signature
        // that may be called with this userdata until the connection is freed, or the
        // userdata released. `event` and its data live for the call, and so does what
        // `conn` points to: the loop holds a reference while it runs the handler.
        unsafe { function(conn.get(), &event, userdata.get()) };
    }))
}

fn on_free(function: wsc_free_fn, userdata: *mut c_void) -> Option<Box<dyn FnOnce() + Send>> {
    let function = function?;
    let userdata = Untouched(userdata);
    Some(Box::new(move || {
        // SAFETY: the caller of the setter promised a function of this signature
        // that may be called once with this userdata.
        unsafe { function(userdata.get()) };
    }))
}

/// Sets the callback for one type of event, and what gives its userdata back.
///
/// The same as the function for that type, such as `wsc_conn_on_message`, for callers that
/// make something for each callback, as bindings do: `release` tells when it can go.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn        Borrowed. Not NULL.
/// @param event_type  A `wsc_event_type_t`.
/// @param callback    Called with the event. NULL removes it.
/// @param userdata    Taken, also when the call fails. Passed to `callback`, unread.
/// @param release     Called exactly once with `userdata`, when `callback` does not run
///                    with it and will not run again: it was replaced or removed, the
///                    connection was freed, or the call failed. It comes before the
///                    callback of `wsc_conn_on_free`. In a forked child it does not run for
///                    what was set in the parent. NULL if nothing is to be released.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `conn` is NULL.
/// @retval WSC_ERR_INVALID  `event_type` is no type of event.
/// @retval WSC_ERR_STATE    The loop was freed.
/// @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback. `release` runs inside this function or
/// one of those that set a callback, inside `wsc_conn_free`, or on the thread that runs the
/// loop's callbacks.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until `release` was; `release` may be called with it on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_event(
    conn: *mut wsc_conn_t,
    event_type: i32,
    callback: wsc_event_fn,
    userdata: *mut c_void,
    release: wsc_free_fn,
) -> wsc_status_t {
    enter(|| {
        let userdata = Userdata::released_by(release, userdata);
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let event_type = event::event_type(event_type)?;
        this.on(event_type, handler(conn, callback, userdata))
    })
}

/// Sets the callback for WSC_EVENT_CONNECT.
///
/// TCP is connected. TLS and the upgrade follow.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_connect(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Connect, callback)
    })
}

/// Sets the callback for WSC_EVENT_HANDSHAKE.
///
/// The server accepted the upgrade; the connection is open. The event's `data` is the
/// raw response head, for `wsc_http_status_line` and `wsc_http_header`.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_handshake(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Handshake, callback)
    })
}

/// Sets the callback for WSC_EVENT_MESSAGE.
///
/// A message came in. The event has its `data`, `len` and `message_type`.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_message(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Message, callback)
    })
}

/// Sets the callback for WSC_EVENT_PING.
///
/// A ping came in. It was answered already, unless `wsc_conn_set_auto_pong` says
/// otherwise.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_ping(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Ping, callback)
    })
}

/// Sets the callback for WSC_EVENT_PONG.
///
/// A pong came in.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_pong(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Pong, callback)
    })
}

/// Sets the callback for WSC_EVENT_BUFFER_FULL.
///
/// The send queue reached its limit (`wsc_conn_set_send_queue_limit`).
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_buffer_full(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::BufferFull, callback)
    })
}

/// Sets the callback for WSC_EVENT_BUFFER_DRAIN.
///
/// The send queue had reached its limit and is empty again.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_buffer_drain(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::BufferDrain, callback)
    })
}

/// Sets the callback for WSC_EVENT_ERROR.
///
/// Something failed. The event has `status`, `phase`, a text in `data`, and the HTTP
/// status in `code` if the server refused the upgrade. `on_close` follows.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_error(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Error, callback)
    })
}

/// Sets the callback for WSC_EVENT_CLOSE.
///
/// The attempt is over; exactly once for each that was started. The event has the close
/// `code`, the reason in `data`, `clean`, `status`, and in `unsent` how many accepted
/// messages the kernel did not take. `wsc_conn_reconnect` and `wsc_conn_free` may be
/// called here.
///
/// Takes effect for the next event that is delivered, and stays over reconnects.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_close(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Close, callback)
    })
}

/// Sets the callback for WSC_EVENT_RECONNECT: an automatic reconnect begins when it has
/// returned.
///
/// The place to change the URL and the headers, as for fresh credentials, or to take the
/// reconnect back with `wsc_conn_cancel_reconnect`.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with the event. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
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
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata` until the callback of `wsc_conn_on_free` runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_reconnect(
    conn: *mut wsc_conn_t,
    callback: wsc_event_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let this = unsafe { Connection::retain(conn) }?;
        let callback = handler(conn, callback, Userdata::borrowed(userdata));
        this.on(EventType::Reconnect, callback)
    })
}

/// Sets the callback that runs last of all.
///
/// It runs exactly once after `wsc_conn_free`, when no other callback of the connection
/// can run any more: the place to delete what userdata points to. It replaces one that
/// was set before, without running it. In a forked child it does not run.
///
/// @param conn      Borrowed. Not NULL.
/// @param callback  Called with `userdata` alone. NULL removes it.
/// @param userdata  Passed to `callback`, unread. May be NULL.
///
/// @retval WSC_OK          Set.
/// @retval WSC_ERR_NULL    `conn` is NULL.
/// @retval WSC_ERR_STATE   The loop was freed.
/// @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback. `callback` itself runs inside
/// `wsc_conn_free`, or on the thread that runs the loop's callbacks.
///
/// @since 0.1
/// # Safety
/// `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
/// `userdata`, on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_conn_on_free(
    conn: *mut wsc_conn_t,
    callback: wsc_free_fn,
    userdata: *mut c_void,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let conn = unsafe { Connection::retain(conn) }?;
        conn.on_free(on_free(callback, userdata))
    })
}
