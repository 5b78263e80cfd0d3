//! `wsc_loop_t`.

use std::ffi::c_int;
use std::ptr;
use std::time::Duration;

use super::boundary::{Handle, Out, OutArray, enter, enter_or, timeout};
use super::event::{EventArray, wsc_event_t};
use super::status::wsc_status_t;
use crate::error::Status;
use crate::event_loop::{Callbacks, Loop};

/// A loop: the reactor, the queues of events and one background thread, shared by
/// any number of connections.
///
/// Made by `wsc_loop_new`, freed by you with `wsc_loop_free`. A connection keeps
/// what it needs of its loop, so the two may be freed in either order. Threads may
/// share a loop; freeing it must be the last call on it.
///
/// Functions: `wsc_loop_new`, `wsc_loop_free`, `wsc_loop_fd`, `wsc_loop_dispatch`,
/// `wsc_loop_poll`, `wsc_loop_run`, `wsc_loop_stop`, `wsc_loop_wake`,
/// `wsc_loop_flush`, `wsc_loop_set_standby_grace`, `wsc_loop_set_busy_poll`,
/// `wsc_conn_new`.
#[derive(Debug)]
pub struct wsc_loop_t {
    _opaque: (),
}

impl Handle for Loop {
    type Opaque = wsc_loop_t;
}

/// Where a loop's callbacks run (`callbacks` of `wsc_loop_new`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_callbacks_t {
    /// Only inside `wsc_loop_dispatch` or `wsc_loop_run`, on the thread that called
    /// it. For hosts with an event loop of their own, and for polling.
    WSC_CALLBACKS_ON_DISPATCH = 0,
    /// Only on the loop's background thread. A callback that blocks stalls the
    /// loop, its pings included.
    WSC_CALLBACKS_ON_THREAD = 1,
}

fn callbacks(value: i32) -> Result<Callbacks, Status> {
    const ON_DISPATCH: i32 = wsc_callbacks_t::WSC_CALLBACKS_ON_DISPATCH as i32;
    const ON_THREAD: i32 = wsc_callbacks_t::WSC_CALLBACKS_ON_THREAD as i32;
    match value {
        ON_DISPATCH => Ok(Callbacks::OnDispatch),
        ON_THREAD => Ok(Callbacks::OnThread),
        _ => Err(Status::Invalid),
    }
}

/// Makes a loop.
///
/// It starts no thread: that waits for the first `wsc_conn_connect`. A program
/// that forks makes its loops in the children.
///
/// @param callbacks  A `wsc_callbacks_t`: where callbacks run.
/// @param out        Set to the loop, owned: free it with `wsc_loop_free`. NULL on
///                   any failure.
///
/// @retval WSC_OK           `*out` is the new loop.
/// @retval WSC_ERR_NULL     `out` is NULL.
/// @retval WSC_ERR_INVALID  `callbacks` is not a `wsc_callbacks_t`.
/// @retval WSC_ERR_SYSTEM   The system has no descriptors left.
///
/// @par Threads
/// Any thread, at any time, also in a forked child.
///
/// @since 0.1
/// # Safety
/// `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_new(callbacks: i32, out: *mut *mut wsc_loop_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let out = unsafe { Out::new(out) }?;
        out.write(ptr::null_mut());
        out.write(Handle::export(Loop::new(self::callbacks(callbacks)?)?));
        Ok(())
    })
}

/// Frees a loop.
///
/// Its connections end at once, without further callbacks or events, after one
/// attempt to write what they have queued; each still has to be freed with
/// `wsc_conn_free`. The call closes the fd of `wsc_loop_fd` and ends the background
/// thread: unless called on that thread it waits for a callback running there, but
/// never for the network. A thread that waits for the resolver ends by itself, later.
/// Data of polled events dies with the loop.
///
/// @param loop  Taken. NULL does nothing.
///
/// @par Threads
/// Any thread, also inside a callback. The last call on this loop. In a forked
/// child it only closes the child's copies of descriptors.
///
/// @since 0.1
/// # Safety
/// `loop` is NULL or came from `wsc_loop_new` and was not freed; no other call on it
/// is under way, but for the one whose callback calls this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_free(r#loop: *mut wsc_loop_t) {
    enter_or((), || {
        // SAFETY: as this function's Safety section says.
        if let Some(event_loop) = unsafe { Loop::release(r#loop) } {
            event_loop.free();
        }
    });
}

/// Tells the descriptor to watch in an event loop of your own.
///
/// It is readable while there is work or an event, level-triggered; `select`,
/// `poll`, epoll and everything built on them can watch it. When it is readable,
/// call `wsc_loop_dispatch` or `wsc_loop_poll` with timeout 0; a host that is told
/// only of changes (edge-triggered) polls until there are 0 events. Never read,
/// write or close it: `wsc_loop_free` closes it.
///
/// @param loop  Borrowed.
///
/// @return The descriptor; -1 if `loop` is NULL, in a forked child, or if the process
///         has no descriptor left for it when it is first asked for.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `loop` is NULL or has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_fd(r#loop: *const wsc_loop_t) -> c_int {
    enter_or(-1, || {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) };
        event_loop
            .ok()
            .and_then(|event_loop| event_loop.fd())
            .unwrap_or(-1)
    })
}

/// Does the work that is due and runs callbacks for the events there are.
///
/// Waits up to `timeout_ms` for the first of it, and returns as soon as something
/// was done, also when `wsc_loop_wake` was called or a signal handler ran.
///
/// @param loop        Borrowed. Not NULL.
/// @param timeout_ms  How long to wait, in milliseconds. 0 does not wait,
///                    WSC_FOREVER waits without limit.
///
/// @retval WSC_OK           Done, be it nothing.
/// @retval WSC_ERR_NULL     `loop` is NULL.
/// @retval WSC_ERR_INVALID  `timeout_ms` is negative and not WSC_FOREVER.
/// @retval WSC_ERR_MODE     The loop was made with WSC_CALLBACKS_ON_THREAD.
/// @retval WSC_ERR_BUSY     The loop is being dispatched or polled already, as in a
///                          callback.
/// @retval WSC_ERR_FORKED   The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, one at a time, not inside a callback of this loop.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_dispatch(
    r#loop: *mut wsc_loop_t,
    timeout_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) }?;
        event_loop.dispatch(timeout(timeout_ms)?)
    })
}

/// Does the work that is due and hands out events, in place of callbacks.
///
/// Waits up to `timeout_ms` for the first event, and returns with 0 events when
/// the time is over, `wsc_loop_wake` was called or a signal handler ran. No
/// callback runs. The `data` of the events is valid until the next poll on this
/// loop returns or the loop is freed, whatever happens to the connections.
///
/// @param loop        Borrowed. Not NULL.
/// @param events      Filled from its beginning with at most `max` events. Not NULL.
/// @param max         How many events `events` has room for.
/// @param timeout_ms  How long to wait, in milliseconds. 0 does not wait,
///                    WSC_FOREVER waits without limit.
/// @param count       Set to the number of events written. Not NULL.
///
/// @retval WSC_OK           `*count` events were written, be it none.
/// @retval WSC_ERR_NULL     `loop`, `events` or `count` is NULL.
/// @retval WSC_ERR_INVALID  `max` is 0, or `timeout_ms` is negative and not WSC_FOREVER.
/// @retval WSC_ERR_MODE     The loop was made with WSC_CALLBACKS_ON_THREAD.
/// @retval WSC_ERR_BUSY     The loop is being dispatched or polled already, as in a
///                          callback.
/// @retval WSC_ERR_FORKED   The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, one at a time, not inside a callback of this loop.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`; `events` is writable for `max`
/// events, and `count` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_poll(
    r#loop: *mut wsc_loop_t,
    events: *mut wsc_event_t,
    max: usize,
    timeout_ms: i32,
    count: *mut usize,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::borrow(r#loop) }?;
        // SAFETY: as above.
        let (events, count) = unsafe { (OutArray::new(events, max)?, Out::new(count)?) };
        let mut events = EventArray::new(events);
        let timeout = timeout(timeout_ms)?;
        count.write(event_loop.poll(max, timeout, &mut |event| events.push(event.into()))?);
        events.end_run();
        Ok(())
    })
}

/// Dispatches until nothing is left to do.
///
/// Returns when no attempt, scheduled reconnect or undelivered event is left, or
/// after `wsc_loop_stop`. On a loop made with WSC_CALLBACKS_ON_THREAD it dispatches
/// nothing and waits for the same.
///
/// @param loop  Borrowed. Not NULL.
///
/// @retval WSC_OK          Nothing is left, or the loop was stopped.
/// @retval WSC_ERR_NULL    `loop` is NULL.
/// @retval WSC_ERR_BUSY    The loop is being dispatched or polled already, as in a
///                         callback.
/// @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, one at a time, not inside a callback of this loop.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_run(r#loop: *mut wsc_loop_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) }?;
        event_loop.run()
    })
}

/// Makes `wsc_loop_run` return, or the next one if none is running.
///
/// A run that is delivering events delivers those that are there first.
///
/// @param loop  Borrowed. Not NULL.
///
/// @retval WSC_OK          Done.
/// @retval WSC_ERR_NULL    `loop` is NULL.
/// @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_stop(r#loop: *mut wsc_loop_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) }?;
        event_loop.stop()
    })
}

/// Ends the wait of a dispatch or poll, or the next one if none is waiting.
///
/// Until then the descriptor of `wsc_loop_fd` is readable.
///
/// @param loop  Borrowed. Not NULL.
///
/// @retval WSC_OK          Done.
/// @retval WSC_ERR_NULL    `loop` is NULL.
/// @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_wake(r#loop: *mut wsc_loop_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) }?;
        event_loop.wake()
    })
}

/// Writes what the loop's connections have queued, as far as their sockets take it.
///
/// Sends do this by themselves, the later ones of a burst a moment late; call it
/// before a long time away from the loop. It never blocks.
///
/// @param loop  Borrowed. Not NULL.
///
/// @retval WSC_OK          Done; full sockets keep the rest queued.
/// @retval WSC_ERR_NULL    `loop` is NULL.
/// @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_flush(r#loop: *mut wsc_loop_t) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) }?;
        event_loop.flush()
    })
}

/// Sets how long the host may be away before the background thread does its work.
///
/// Takes effect at once. In a loop made with WSC_CALLBACKS_ON_DISPATCH that thread
/// answers pings, keeps deadlines and reads while the host computes or sleeps;
/// callbacks and events still wait for the host.
///
/// @param loop      Borrowed. Not NULL.
/// @param grace_ms  Milliseconds. WSC_FOREVER: it never steps in. Default 10.
///
/// @retval WSC_OK           Set.
/// @retval WSC_ERR_NULL     `loop` is NULL.
/// @retval WSC_ERR_INVALID  `grace_ms` is 0, or negative and not WSC_FOREVER.
/// @retval WSC_ERR_FORKED   The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_set_standby_grace(
    r#loop: *mut wsc_loop_t,
    grace_ms: i32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) }?;
        event_loop.set_standby_grace(timeout(grace_ms)?)
    })
}

/// Sets how long a wait of this loop looks for readiness again and again before it
/// sleeps.
///
/// Waking a thread that sleeps costs more than a message; a wait that stays awake
/// spares it, and keeps a processor busy meanwhile. It concerns `wsc_loop_dispatch`,
/// `wsc_loop_poll` and `wsc_loop_run` while they wait, and the thread of a loop made with
/// WSC_CALLBACKS_ON_THREAD; not a host that waits for `wsc_loop_fd` elsewhere. Takes
/// effect with the next wait.
///
/// @param loop     Borrowed. Not NULL.
/// @param busy_us  Microseconds. 0, as in a new loop: it sleeps at once.
///
/// @retval WSC_OK          Set.
/// @retval WSC_ERR_NULL    `loop` is NULL.
/// @retval WSC_ERR_STATE   The process is exiting.
/// @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
///
/// @par Threads
/// Any thread, at any time, also inside a callback.
///
/// @since 0.1
/// # Safety
/// `loop` has not been passed to `wsc_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_loop_set_busy_poll(
    r#loop: *mut wsc_loop_t,
    busy_us: u32,
) -> wsc_status_t {
    enter(|| {
        // SAFETY: as this function's Safety section says.
        let event_loop = unsafe { Loop::retain(r#loop) }?;
        event_loop.set_busy_poll(Duration::from_micros(busy_us.into()))
    })
}
