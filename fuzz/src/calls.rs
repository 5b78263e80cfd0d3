//! Sequences of C calls, legal and illegal: in any state, with NULL and numbers of no
//! meaning, from up to three threads at once, and from inside callbacks.
//!
//! What the header forbids is left out: a handle that was freed, a pointer that is
//! not readable for its length. So each handle counts the calls that use it, and is
//! freed, by whichever thread, while there are none; a loop also by the callback that
//! its only one runs.

use std::ffi::{CString, c_void};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use wsc::ffi::*;

use crate::client::{accept_key, accepting};

#[derive(Arbitrary, Debug)]
struct Script {
    on_thread: bool,
    /// What callbacks call, one after another.
    inside: Vec<Call>,
    first: Vec<Call>,
    /// Together with the first, if there are any.
    second: Vec<Call>,
    third: Vec<Call>,
}

#[derive(Arbitrary, Debug)]
struct Call {
    /// Which connection; one of them is NULL.
    conn: u8,
    what: What,
}

#[derive(Arbitrary, Debug)]
enum What {
    Connect,
    Reconnect(i8),
    CancelReconnect,
    Close(u16, Vec<u8>),
    Abort,
    Free,
    New,
    Dispatch,
    Poll(u8),
    RunInside,
    Stop,
    Wake,
    LoopFlush,
    StandbyGrace(i16),
    BusyPoll(u8),
    LoopFd,
    LoopFree,
    Send(u8, Vec<u8>),
    SendMessage(i8, i8, i8, Vec<u8>),
    SendMuch,
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Flush,
    Pause,
    Resume,
    SetText(u8, Vec<u8>),
    SetPair(u8, Vec<u8>, Vec<u8>),
    SetNumber(u8, i32),
    SetSize(u8, u32),
    SetFlag(u8, bool),
    AddPrologue(i8, Vec<u8>),
    Pem(u8, Vec<u8>),
    File(u8, bool),
    Proxy(u8),
    Socket(Socket),
    Ask(u8, i8, u8),
    On(u8, bool),
    OnEvent(u8, bool),
    Head(Vec<u8>, Vec<u8>, u8),
    Peer(Peer),
    Wait,
}

#[derive(Arbitrary, Debug)]
enum Socket {
    None,
    Pair,
}

/// What the server does meanwhile.
#[derive(Arbitrary, Debug)]
enum Peer {
    Answer(bool),
    Write(Vec<u8>),
    Messages(u8),
    EndOutput,
    Go,
}

/// What all runs came to: tests see by it whether a corpus still means anything.
pub static HANDSHAKES: AtomicUsize = AtomicUsize::new(0);
pub static CALLS_INSIDE: AtomicUsize = AtomicUsize::new(0);

const CONNS: usize = 3;
/// Kinds of callbacks.
const EVENTS: u8 = 10;

/// How long a script gives the loop's thread, which may have nothing to do.
const MOMENT: Duration = Duration::from_millis(1);
/// The end of a callback waits for nothing that could take longer.
const LONGEST_CALLBACK: Duration = Duration::from_secs(60);

/// The environment names no proxy, which might be anywhere.
static HAS_NO_PROXY: LazyLock<bool> = LazyLock::new(|| {
    std::env::vars_os().all(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !name.as_encoded_bytes().ends_with(b"_proxy")
    })
});

/// A handle, which several threads use and one may free.
struct Slot<T> {
    handle: AtomicPtr<T>,
    /// Calls under way, or one of the following.
    users: AtomicUsize,
}

/// The slot has no handle.
const GONE: usize = usize::MAX;
/// It is about to have one.
const FILLING: usize = GONE - 1;
/// It will never have one again.
const SHUT: usize = GONE - 2;

impl<T> Slot<T> {
    fn new() -> Self {
        Slot {
            handle: AtomicPtr::default(),
            users: AtomicUsize::new(GONE),
        }
    }

    /// Calls with the handle, or with NULL after the free.
    fn with<R>(&self, call: impl FnOnce(*mut T) -> R) -> R {
        if !self.count(|users| users + 1) {
            return call(null_mut());
        }
        let result = call(self.handle.load(Ordering::SeqCst));
        // Unless a callback has freed it meanwhile.
        self.count(|users| users - 1);
        result
    }

    /// Counts the calls under way, if there is a handle.
    fn count(&self, change: impl Fn(usize) -> usize) -> bool {
        let change = |users: usize| (users < SHUT).then(|| change(users));
        self.users
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, change)
            .is_ok()
    }

    /// Frees the handle unless other calls are under way than the caller's own.
    fn free(&self, own: usize, free: unsafe extern "C" fn(*mut T)) {
        if self.moves(own, GONE) {
            let handle = self.handle.swap(null_mut(), Ordering::SeqCst);
            // SAFETY: NULL or good, and the last call on it.
            unsafe { free(handle) };
        }
    }

    /// Frees the handle for good. A callback on the loop's thread may still use it.
    fn shut(&self, free: unsafe extern "C" fn(*mut T)) {
        while !self.moves(GONE, SHUT) {
            self.free(0, free);
        }
    }

    /// Puts a new handle in, if there is none.
    fn fill(&self, handle: impl FnOnce() -> *mut T) {
        if self.moves(GONE, FILLING) {
            self.handle.store(handle(), Ordering::SeqCst);
            self.users.store(0, Ordering::SeqCst);
        }
    }

    fn moves(&self, from: usize, to: usize) -> bool {
        let moved = self
            .users
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        moved.is_ok()
    }
}

/// The objects of one run, which outlive every call on them.
struct World {
    on_thread: bool,
    event_loop: Slot<wsc_loop_t>,
    slots: [Slot<wsc_conn_t>; CONNS],
    peers: [Mutex<Option<UnixStream>>; CONNS],
    inside: Vec<Call>,
    called: AtomicUsize,
    made: AtomicUsize,
    /// How often the callback ran that is the last of a connection.
    ended: AtomicUsize,
    /// Callbacks set with a release, and released.
    lent: AtomicUsize,
    released: AtomicUsize,
}

// SAFETY: the functions may be called from any thread; the rest is atomic or locked.
unsafe impl Sync for World {}

pub fn run(input: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(input)) else {
        return;
    };
    let world = World {
        on_thread: script.on_thread,
        event_loop: Slot::new(),
        slots: std::array::from_fn(|_| Slot::new()),
        peers: Default::default(),
        inside: script.inside,
        called: AtomicUsize::new(0),
        made: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
        lent: AtomicUsize::new(0),
        released: AtomicUsize::new(0),
    };
    world.event_loop.fill(|| {
        let mut event_loop = null_mut();
        let callbacks = i32::from(script.on_thread);
        // SAFETY: `event_loop` is writable.
        let status = unsafe { wsc_loop_new(callbacks, &mut event_loop) };
        assert_eq!(status, wsc_status_t::WSC_OK);
        event_loop
    });
    for slot in &world.slots {
        slot.fill(|| world.new_conn());
    }
    if script.second.is_empty() && script.third.is_empty() {
        world.run(&script.first);
    } else {
        thread::scope(|scope| {
            let all = [&script.first, &script.second, &script.third];
            let threads = all.map(|calls| scope.spawn(|| world.run(calls)));
            // Unlike the scope's end, this waits until their memory is free.
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
    for slot in &world.slots {
        slot.shut(wsc_conn_free);
    }
    world.event_loop.shut(wsc_loop_free);
    world.check_end();
}

/// The last callback of a connection.
unsafe extern "C" fn count_end(world: *mut c_void) {
    // SAFETY: the library calls it with what `new_conn` gave.
    let world = unsafe { &*world.cast::<World>() };
    world.ended.fetch_add(1, Ordering::SeqCst);
}

/// The callback of `wsc_conn_on_event` will not run again.
unsafe extern "C" fn count_release(world: *mut c_void) {
    // SAFETY: the library calls it with what `on_event` gave.
    let world = unsafe { &*world.cast::<World>() };
    world.released.fetch_add(1, Ordering::SeqCst);
}

/// The userdata is the world, which is there until the last callback of all connections.
unsafe extern "C" fn callback(_: *mut wsc_conn_t, event: *const wsc_event_t, world: *mut c_void) {
    // SAFETY: the library calls with an event, and with what `on` gave.
    let (event, world) = unsafe { (&*event, &*world.cast::<World>()) };
    // SAFETY: the data of an event lives as long as the event.
    let data = unsafe { bytes(event.data, event.len) };
    let _read = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let next = world.called.fetch_add(1, Ordering::Relaxed);
    if event.r#type == wsc_event_type_t::WSC_EVENT_HANDSHAKE as i32 {
        HANDSHAKES.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(call) = world.inside.get(next) {
        CALLS_INSIDE.fetch_add(1, Ordering::Relaxed);
        world.call(call, true);
    }
}

unsafe fn bytes<'a>(data: *const c_void, len: usize) -> &'a [u8] {
    match len {
        0 => &[],
        // SAFETY: the caller's promise.
        _ => unsafe { std::slice::from_raw_parts(data.cast(), len) },
    }
}

impl World {
    fn run(&self, calls: &[Call]) {
        for call in calls {
            self.call(call, false);
        }
    }

    /// Waits for the last callbacks: one that frees the loop on the loop's thread may
    /// still run.
    fn check_end(&self) {
        let made = self.made.load(Ordering::SeqCst);
        let begun = Instant::now();
        while self.ended.load(Ordering::SeqCst) < made && begun.elapsed() < LONGEST_CALLBACK {
            thread::yield_now();
        }
        let ended = self.ended.load(Ordering::SeqCst);
        assert_eq!(made, ended, "connections made, and told to be freed");
        let lent = self.lent.load(Ordering::SeqCst);
        let released = self.released.load(Ordering::SeqCst);
        assert_eq!(lent, released, "callbacks set, and released");
    }

    /// With every callback; NULL if the loop was freed, which it is not meanwhile.
    fn new_conn(&self) -> *mut wsc_conn_t {
        self.event_loop.with(|event_loop| {
            if event_loop.is_null() {
                return null_mut();
            }
            let mut conn = null_mut();
            let url = c"ws://127.0.0.1:1/".as_ptr();
            // SAFETY: the loop is good, `conn` is writable.
            let status = unsafe { wsc_conn_new(event_loop, url, &mut conn) };
            assert_eq!(status, wsc_status_t::WSC_OK);
            for event in 0..EVENTS {
                assert_eq!(self.on(conn, event, true), wsc_status_t::WSC_OK);
            }
            // SAFETY: a good handle; the userdata outlives the connection.
            let status = unsafe { wsc_conn_on_free(conn, Some(count_end), self.userdata()) };
            assert_eq!(status, wsc_status_t::WSC_OK);
            self.made.fetch_add(1, Ordering::SeqCst);
            conn
        })
    }

    fn userdata(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }

    fn on(&self, conn: *mut wsc_conn_t, event: u8, on: bool) -> wsc_status_t {
        let callback: wsc_event_fn = if on { Some(callback) } else { None };
        let userdata = self.userdata();
        // SAFETY: a good handle or NULL; the userdata outlives the connection.
        unsafe {
            match event {
                0 => wsc_conn_on_connect(conn, callback, userdata),
                1 => wsc_conn_on_handshake(conn, callback, userdata),
                2 => wsc_conn_on_message(conn, callback, userdata),
                3 => wsc_conn_on_ping(conn, callback, userdata),
                4 => wsc_conn_on_pong(conn, callback, userdata),
                5 => wsc_conn_on_buffer_full(conn, callback, userdata),
                6 => wsc_conn_on_buffer_drain(conn, callback, userdata),
                7 => wsc_conn_on_error(conn, callback, userdata),
                8 => wsc_conn_on_close(conn, callback, userdata),
                _ => wsc_conn_on_reconnect(conn, callback, userdata),
            }
        }
    }

    /// Types of events are 1 to 10.
    fn on_event(&self, conn: *mut wsc_conn_t, event_type: u8, on: bool) -> wsc_status_t {
        let callback: wsc_event_fn = if on { Some(callback) } else { None };
        self.lent.fetch_add(1, Ordering::SeqCst);
        let (event_type, release) = (i32::from(event_type), Some(count_release as _));
        // SAFETY: a good handle or NULL; the userdata is there until all are released.
        unsafe { wsc_conn_on_event(conn, event_type, callback, self.userdata(), release) }
    }

    fn call(&self, call: &Call, inside: bool) {
        // One more than there are, for calls with NULL.
        let at = usize::from(call.conn) % (CONNS + 1);
        let status = match self.slots.get(at) {
            // While no other call is under way, this one's included.
            Some(slot) if matches!(call.what, What::Free) => {
                slot.free(0, wsc_conn_free);
                return;
            }
            Some(_) if matches!(call.what, What::LoopFree) => {
                let own = usize::from(inside && !self.on_thread);
                self.event_loop.free(own, wsc_loop_free);
                return;
            }
            Some(slot) => {
                if matches!(call.what, What::New) {
                    slot.fill(|| self.new_conn());
                }
                // SAFETY: a good handle, and pointers that are readable for their lengths.
                slot.with(|conn| unsafe { self.status_of(&call.what, at, conn, inside) })
            }
            // SAFETY: every function takes NULL.
            None => unsafe { self.status_of(&call.what, at, null_mut(), inside) },
        };
        assert_ne!(status, wsc_status_t::WSC_ERR_PANIC, "{call:?}");
    }

    unsafe fn status_of(
        &self,
        what: &What,
        at: usize,
        conn: *mut wsc_conn_t,
        inside: bool,
    ) -> wsc_status_t {
        let data = |bytes: &Vec<u8>| match bytes.is_empty() {
            true => null(),
            false => bytes.as_ptr().cast::<c_void>(),
        };
        let text = |bytes: &Vec<u8>| {
            let end = bytes.iter().position(|byte| *byte == 0);
            CString::new(&bytes[..end.unwrap_or(bytes.len())]).unwrap()
        };
        let on_loop = |call: &dyn Fn(*mut wsc_loop_t) -> wsc_status_t| match at < CONNS {
            true => self.event_loop.with(call),
            false => call(null_mut()),
        };
        // SAFETY: the caller's promise.
        unsafe {
            match what {
                What::Connect => wsc_conn_connect(conn),
                What::Reconnect(delay) => wsc_conn_reconnect(conn, i32::from(*delay)),
                What::CancelReconnect => wsc_conn_cancel_reconnect(conn),
                What::Close(code, reason) => {
                    wsc_conn_close(conn, *code, data(reason), reason.len())
                }
                What::Abort => wsc_conn_abort(conn),
                What::Free => {
                    wsc_conn_free(conn); // NULL: `call` does the others
                    wsc_status_t::WSC_OK
                }
                What::New => {
                    on_loop(&|event_loop| wsc_conn_new(event_loop, null(), &mut null_mut()))
                }
                What::Dispatch => on_loop(&|event_loop| wsc_loop_dispatch(event_loop, 0)),
                What::Poll(max) => {
                    let max = usize::from(*max).min(16);
                    on_loop(&|event_loop| {
                        // SAFETY: numbers and a pointer, which may be 0.
                        let mut events: [wsc_event_t; 16] = std::mem::zeroed();
                        let mut count = 0;
                        wsc_loop_poll(event_loop, events.as_mut_ptr(), max, 0, &mut count)
                    })
                }
                // Elsewhere it might wait for long.
                What::RunInside if inside => {
                    let status = on_loop(&|event_loop| wsc_loop_run(event_loop));
                    assert_ne!(status, wsc_status_t::WSC_OK);
                    status
                }
                What::RunInside => wsc_loop_run(null_mut()),
                What::Stop => on_loop(&|event_loop| wsc_loop_stop(event_loop)),
                What::Wake => on_loop(&|event_loop| wsc_loop_wake(event_loop)),
                What::LoopFlush => on_loop(&|event_loop| wsc_loop_flush(event_loop)),
                What::StandbyGrace(grace) => {
                    let grace = i32::from(*grace);
                    on_loop(&|event_loop| wsc_loop_set_standby_grace(event_loop, grace))
                }
                What::BusyPoll(time) => {
                    let time = u32::from(*time);
                    on_loop(&|event_loop| wsc_loop_set_busy_poll(event_loop, time))
                }
                What::LoopFd => on_loop(&|event_loop| {
                    wsc_loop_fd(event_loop);
                    wsc_status_t::WSC_OK
                }),
                What::LoopFree => {
                    wsc_loop_free(null_mut());
                    wsc_status_t::WSC_OK
                }
                What::Send(how, bytes) => match how % 3 {
                    0 => wsc_conn_send(conn, data(bytes), bytes.len()),
                    1 => wsc_conn_send_text(conn, data(bytes), bytes.len()),
                    _ => wsc_conn_send_binary(conn, data(bytes), bytes.len()),
                },
                What::SendMessage(kind, part, flags, bytes) => wsc_conn_send_message(
                    conn,
                    i32::from(*kind),
                    i32::from(*part),
                    i32::from(*flags),
                    data(bytes),
                    bytes.len(),
                ),
                What::SendMuch => {
                    let much = vec![b'm'; 300_000];
                    wsc_conn_send_binary(conn, much.as_ptr().cast(), much.len())
                }
                What::Ping(bytes) => wsc_conn_ping(conn, data(bytes), bytes.len()),
                What::Pong(bytes) => wsc_conn_pong(conn, data(bytes), bytes.len()),
                What::Flush => wsc_conn_flush(conn),
                What::Pause => wsc_conn_pause_recv(conn),
                What::Resume => wsc_conn_resume_recv(conn),
                What::SetText(which, bytes) => {
                    let text = text(bytes);
                    match which % 8 {
                        // No name is looked up: a thread that waits for an answer outlives the run.
                        0 => wsc_conn_set_origin(conn, text.as_ptr()),
                        1 => wsc_conn_set_subprotocols(conn, text.as_ptr()),
                        2 => wsc_conn_set_local_address(conn, text.as_ptr()),
                        3 => wsc_conn_set_interface(conn, text.as_ptr()),
                        4 => wsc_conn_set_tls_alpn(conn, text.as_ptr()),
                        5 => wsc_conn_set_tls_server_name(conn, text.as_ptr()),
                        6 => wsc_conn_set_tls_verify_name(conn, text.as_ptr()),
                        _ => wsc_conn_set_url(conn, null()),
                    }
                }
                What::SetPair(which, name, value) => {
                    let (name, value) = (text(name), text(value));
                    match which % 3 {
                        0 => wsc_conn_set_header(conn, name.as_ptr(), value.as_ptr()),
                        1 => wsc_conn_add_header(conn, name.as_ptr(), value.as_ptr()),
                        _ => wsc_conn_add_proxy_header(conn, name.as_ptr(), value.as_ptr()),
                    }
                }
                What::SetNumber(which, number) => set_number(conn, *which, *number),
                What::SetSize(which, size) => set_size(conn, *which, *size as usize),
                What::SetFlag(which, on) => set_flag(conn, *which, *on),
                What::AddPrologue(kind, bytes) => {
                    wsc_conn_add_prologue(conn, i32::from(*kind), data(bytes), bytes.len())
                }
                What::Pem(which, bytes) => {
                    let (bytes, len) = (data(bytes), bytes.len());
                    match which % 5 {
                        0 => wsc_conn_add_tls_ca(conn, bytes, len),
                        1 => wsc_conn_add_tls_crl(conn, bytes, len),
                        2 => wsc_conn_set_tls_pkcs12(conn, bytes, len, null()),
                        3 => wsc_conn_set_tls_identity(conn, bytes, len, bytes, len, null()),
                        _ => wsc_conn_add_tls_pin(conn, i32::from(*which), bytes, len),
                    }
                }
                What::File(which, exists) => {
                    let path = match exists {
                        true => c"/dev/null".as_ptr(),
                        false => c"/dev/null/none".as_ptr(),
                    };
                    match which % 3 {
                        0 => wsc_conn_add_tls_ca_file(conn, path),
                        1 => wsc_conn_add_tls_crl_file(conn, path),
                        _ => wsc_conn_set_tls_identity_files(conn, path, path, null()),
                    }
                }
                // Nobody listens there.
                What::Proxy(which) => match which % 6 {
                    0 => wsc_conn_set_proxy(conn, c"http://127.0.0.1:1".as_ptr()),
                    1 => wsc_conn_set_proxy(conn, c"socks5://user:password@[::1]:1".as_ptr()),
                    2 => wsc_conn_set_proxy(conn, c"ftp://127.0.0.1:1".as_ptr()),
                    3 => wsc_conn_set_proxy(conn, null()),
                    4 if *HAS_NO_PROXY => wsc_conn_set_proxy_from_environment(conn),
                    _ => wsc_conn_clear_proxy_headers(conn),
                },
                What::Socket(Socket::None) => wsc_conn_set_socket(conn, -1),
                What::Socket(Socket::Pair) => self.hand_socket(at, conn),
                What::Ask(which, number, size) => {
                    ask(conn, *which, i32::from(*number), usize::from(*size))
                }
                What::On(event, on) => self.on(conn, *event % EVENTS, *on),
                What::OnEvent(event, on) => self.on_event(conn, *event % (EVENTS + 2), *on),
                What::Head(head, name, index) => {
                    let (mut value, mut len) = (null(), 0);
                    let (mut field, mut field_len) = (null(), 0);
                    let index = usize::from(*index);
                    let name = text(name);
                    let (head, size) = (data(head), head.len());
                    let statuses = [
                        wsc_http_status_line(head, size, &mut value, &mut len),
                        wsc_http_header_at(
                            head,
                            size,
                            index,
                            &mut field,
                            &mut field_len,
                            &mut value,
                            &mut len,
                        ),
                        wsc_http_header(head, size, name.as_ptr(), index, &mut value, &mut len),
                    ];
                    statuses[usize::from(index) % 3]
                }
                What::Peer(peer) => {
                    if let Some(stream) = self.peers.get(at) {
                        act(peer, &mut stream.lock().unwrap());
                    }
                    wsc_status_t::WSC_OK
                }
                What::Wait => {
                    // Nothing else goes on by itself.
                    if self.on_thread && !inside {
                        self.wait_for_callback();
                    }
                    wsc_status_t::WSC_OK
                }
            }
        }
    }

    fn wait_for_callback(&self) {
        let (called, begun) = (self.called.load(Ordering::Relaxed), Instant::now());
        while self.called.load(Ordering::Relaxed) == called && begun.elapsed() < MOMENT {
            thread::yield_now();
        }
    }

    unsafe fn hand_socket(&self, at: usize, conn: *mut wsc_conn_t) -> wsc_status_t {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        if let Some(peer) = self.peers.get(at) {
            *peer.lock().unwrap() = Some(theirs);
        }
        // SAFETY: a good handle or NULL; the descriptor is nobody else's, and duplicated.
        unsafe { wsc_conn_set_socket(conn, ours.as_raw_fd()) }
    }
}

fn act(what: &Peer, peer: &mut Option<UnixStream>) {
    let Some(stream) = peer else { return };
    match what {
        Peer::Answer(deflate) => {
            let mut request = vec![0; 1 << 16];
            let count = stream.read(&mut request).unwrap_or(0);
            let lines = match deflate {
                true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                false => "",
            };
            if accept_key(&request[..count]).is_some() {
                let _gone = stream.write(&accepting(&request[..count], lines));
            }
        }
        Peer::Write(bytes) => {
            let _gone = stream.write(bytes);
        }
        Peer::Messages(count) => {
            let frames = [0x82, 3, 1, 2, 3, 0x81, 0].repeat(usize::from(*count));
            let _gone = stream.write(&frames);
        }
        Peer::EndOutput => {
            let _gone = stream.shutdown(std::net::Shutdown::Write);
        }
        Peer::Go => *peer = None,
    }
}

unsafe fn set_number(conn: *mut wsc_conn_t, which: u8, number: i32) -> wsc_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        match which % 20 {
            0 => wsc_conn_set_ping_interval(conn, number),
            1 => wsc_conn_set_pong_timeout(conn, number),
            2 => wsc_conn_set_binary_type(conn, number),
            3 => wsc_conn_set_connect_timeout(conn, number),
            4 => wsc_conn_set_handshake_timeout(conn, number),
            5 => wsc_conn_set_close_timeout(conn, number),
            6 => wsc_conn_set_deflate_level(conn, number),
            7 => wsc_conn_set_deflate_window_bits(conn, number & 31, number >> 5),
            8 => wsc_conn_set_tls_versions(conn, number & 7, number >> 3),
            9 => wsc_conn_set_phase_timeout(conn, number & 7, number >> 3),
            10 => wsc_conn_set_idle_timeout(conn, number),
            11 => wsc_conn_set_keepalive(conn, number),
            12 => wsc_conn_set_tcp_user_timeout(conn, number),
            13 => wsc_conn_set_reconnect_delay(conn, number & 0xff, number >> 8),
            14 => wsc_conn_set_reconnect_limit(conn, number),
            15 => wsc_conn_set_reconnect_stable_after(conn, number),
            16 => wsc_conn_set_queue_policy(conn, number & 7, number >> 3),
            17 => wsc_conn_clear_prologue(conn),
            18 => wsc_conn_clear_headers(conn),
            _ => wsc_conn_reset_tls(conn),
        }
    }
}

unsafe fn set_size(conn: *mut wsc_conn_t, which: u8, size: usize) -> wsc_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        match which % 10 {
            0 => wsc_conn_set_max_message_size(conn, size),
            1 => wsc_conn_set_max_frame_size(conn, size),
            2 => wsc_conn_set_max_header_size(conn, size),
            3 => wsc_conn_set_send_queue_limit(conn, size),
            4 => wsc_conn_set_receive_queue_limit(conn, size),
            5 => wsc_conn_set_max_fragments(conn, size),
            6 => wsc_conn_set_deflate_threshold(conn, size),
            7 => wsc_conn_set_deflate_max_ratio(conn, size),
            8 => wsc_conn_set_max_receive_size(conn, size),
            _ => wsc_conn_set_max_redirects(conn, size as u32),
        }
    }
}

unsafe fn set_flag(conn: *mut wsc_conn_t, which: u8, on: bool) -> wsc_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        match which % 9 {
            0 => wsc_conn_set_auto_pong(conn, on),
            1 => wsc_conn_set_streaming(conn, on),
            2 => wsc_conn_set_deflate(conn, on),
            3 => wsc_conn_set_deflate_no_context_takeover(conn, on, !on),
            4 => wsc_conn_set_auto_reconnect(conn, on),
            5 => wsc_conn_set_reconnect_after_fatal(conn, on),
            6 => wsc_conn_set_tls_system_roots(conn, on),
            7 => wsc_conn_set_tcp_nodelay(conn, on),
            _ => wsc_conn_set_tls_danger_accept_anything(conn, on),
        }
    }
}

unsafe fn ask(conn: *mut wsc_conn_t, which: u8, number: i32, size: usize) -> wsc_status_t {
    let mut buffer = vec![0_u8; size];
    let (text, mut value, mut len) = (buffer.as_mut_ptr(), 0_u64, 0_usize);
    // SAFETY: the caller's promise; the buffer is as long as it says.
    unsafe {
        match which % 9 {
            0 => wsc_conn_counter(conn, number, &mut value),
            1 => wsc_conn_report_number(conn, number, &mut value),
            2 => wsc_conn_report_data(conn, number, text.cast(), size, &mut len),
            3 => wsc_conn_peer_address(conn, text.cast(), size),
            4 => wsc_conn_local_address(conn, text.cast(), size),
            5 => wsc_conn_subprotocol(conn, text.cast(), size),
            6 => wsc_conn_extensions(conn, text.cast(), size),
            7 => {
                wsc_conn_buffered_amount(conn);
                wsc_conn_id(conn);
                wsc_conn_state(conn);
                wsc_status_t::WSC_OK
            }
            _ => {
                assert!(!wsc_status_str(number).is_null());
                wsc_status_t::WSC_OK
            }
        }
    }
}
