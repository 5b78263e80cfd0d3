//! Sequences of C calls, legal and illegal: in any state, with NULL and numbers of no
//! meaning, from one thread or three, and from inside callbacks.
//!
//! What the header forbids is left out: a handle that was freed, a pointer that is
//! not readable for its length.

#![no_main]

use std::ffi::{CString, c_void};
use std::io::{Read, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use libwsc_fuzz::accepting;
use wsc::ffi::*;

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
    Dispatch,
    Poll(u8),
    Stop,
    Wake,
    LoopFlush,
    StandbyGrace(i16),
    LoopFd,
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
    Socket(Socket),
    Ask(u8, i8, u8),
    On(u8, bool),
    Head(Vec<u8>, Vec<u8>, u8),
    Peer(Peer),
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

const CONNS: usize = 2;

/// The objects of one run, which outlive every call on them.
struct World {
    event_loop: *mut wsc_loop_t,
    conns: [AtomicPtr<wsc_conn_t>; CONNS],
    peers: [Mutex<Option<UnixStream>>; CONNS],
    inside: Vec<Call>,
    called: AtomicUsize,
    /// One thread calls, so that a free is the last call wherever it comes.
    is_single: bool,
    on_thread: bool,
    is_freed: [AtomicBool; CONNS],
}

// SAFETY: the functions may be called from any thread; the rest is atomic or locked.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

fuzz_target!(|script: Script| {
    let event_loop = {
        let mut event_loop = null_mut();
        let callbacks = i32::from(script.on_thread);
        // SAFETY: `event_loop` is writable.
        assert_eq!(
            unsafe { wsc_loop_new(callbacks, &mut event_loop) },
            wsc_status_t::WSC_OK
        );
        event_loop
    };
    let is_single = script.second.is_empty() && script.third.is_empty();
    let world = Arc::new(World {
        event_loop,
        conns: std::array::from_fn(|_| AtomicPtr::new(new_conn(event_loop))),
        peers: std::array::from_fn(|_| Mutex::new(None)),
        inside: script.inside,
        called: AtomicUsize::new(0),
        is_single,
        on_thread: script.on_thread,
        is_freed: std::array::from_fn(|_| AtomicBool::new(false)),
    });
    for at in 0..CONNS {
        for event in 0..10 {
            world.on(at, event, true);
        }
    }
    if is_single {
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
    for at in 0..CONNS {
        world.free(at);
    }
    // SAFETY: good, and not used again.
    unsafe { wsc_loop_free(world.event_loop) };
});

fn new_conn(event_loop: *mut wsc_loop_t) -> *mut wsc_conn_t {
    let mut conn = null_mut();
    // SAFETY: good arguments.
    let status = unsafe { wsc_conn_new(event_loop, c"ws://127.0.0.1:1/".as_ptr(), &mut conn) };
    assert_eq!(status, wsc_status_t::WSC_OK);
    conn
}

/// The userdata is the world, which is there until the loop was freed.
unsafe extern "C" fn callback(_: *mut wsc_conn_t, event: *const wsc_event_t, world: *mut c_void) {
    // SAFETY: the library calls with an event, and with what `on` gave.
    let (event, world) = unsafe { (&*event, &*world.cast::<World>()) };
    // SAFETY: the data of an event lives as long as the event.
    let data = unsafe { bytes(event.data, event.len) };
    let _read = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let next = world.called.fetch_add(1, Ordering::Relaxed);
    if let Some(call) = world.inside.get(next) {
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

    fn free(&self, at: usize) {
        if !self.is_freed[at].swap(true, Ordering::SeqCst) {
            let conn = self.conns[at].swap(null_mut(), Ordering::SeqCst);
            // SAFETY: good, and the last call on it.
            unsafe { wsc_conn_free(conn) };
        }
    }

    fn on(&self, at: usize, event: u8, on: bool) {
        let conn = self.conns[at].load(Ordering::SeqCst);
        let callback: wsc_event_fn = if on { Some(callback) } else { None };
        let userdata = (&raw const *self).cast_mut().cast();
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
        };
    }

    fn call(&self, call: &Call, inside: bool) {
        let at = usize::from(call.conn) % (CONNS + 1);
        let conn = self
            .conns
            .get(at)
            .map_or(null_mut(), |conn| conn.load(Ordering::SeqCst));
        let event_loop = if at < CONNS {
            self.event_loop
        } else {
            null_mut()
        };
        // SAFETY: handles are good or NULL, pointers are readable for their lengths.
        let status = unsafe { self.status_of(&call.what, at, conn, event_loop, inside) };
        assert_ne!(status, wsc_status_t::WSC_ERR_PANIC, "{call:?}");
    }

    unsafe fn status_of(
        &self,
        what: &What,
        at: usize,
        conn: *mut wsc_conn_t,
        event_loop: *mut wsc_loop_t,
        inside: bool,
    ) -> wsc_status_t {
        let data = |bytes: &Vec<u8>| match bytes.is_empty() {
            true => null(),
            false => bytes.as_ptr().cast::<c_void>(),
        };
        let text = |bytes: &Vec<u8>| {
            CString::new(
                bytes
                    .iter()
                    .copied()
                    .take_while(|byte| *byte != 0)
                    .collect::<Vec<u8>>(),
            )
            .unwrap()
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
                    // Elsewhere another thread may be inside a call on it.
                    if at < CONNS && self.is_single && (inside || !self.on_thread) {
                        self.free(at);
                    }
                    wsc_status_t::WSC_OK
                }
                What::Dispatch => wsc_loop_dispatch(event_loop, 0),
                What::Poll(max) => {
                    // SAFETY: numbers and a pointer, which may be 0.
                    let mut events: [wsc_event_t; 16] = std::mem::zeroed();
                    let max = usize::from(*max).min(events.len());
                    let mut count = 0;
                    wsc_loop_poll(event_loop, events.as_mut_ptr(), max, 0, &mut count)
                }
                What::Stop => wsc_loop_stop(event_loop),
                What::Wake => wsc_loop_wake(event_loop),
                What::LoopFlush => wsc_loop_flush(event_loop),
                What::StandbyGrace(grace) => {
                    wsc_loop_set_standby_grace(event_loop, i32::from(*grace))
                }
                What::LoopFd => {
                    wsc_loop_fd(event_loop);
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
                What::Pem(which, bytes) => match which % 3 {
                    0 => wsc_conn_add_tls_ca(conn, data(bytes), bytes.len()),
                    1 => wsc_conn_set_tls_pkcs12(conn, data(bytes), bytes.len(), null()),
                    _ => wsc_conn_add_tls_pin(conn, i32::from(*which), data(bytes), bytes.len()),
                },
                What::Socket(Socket::None) => wsc_conn_set_socket(conn, -1),
                What::Socket(Socket::Pair) => self.hand_socket(at, conn),
                What::Ask(which, number, size) => {
                    ask(conn, *which, i32::from(*number), usize::from(*size))
                }
                What::On(event, on) => {
                    if at < CONNS {
                        self.on(at, *event % 10, *on);
                    }
                    wsc_status_t::WSC_OK
                }
                What::Head(head, name, index) => {
                    let (mut value, mut len) = (null(), 0);
                    let (mut field, mut field_len) = (null(), 0);
                    let index = usize::from(*index);
                    let name = text(name);
                    wsc_http_status_line(data(head), head.len(), &mut value, &mut len);
                    wsc_http_header_at(
                        data(head),
                        head.len(),
                        index,
                        &mut field,
                        &mut field_len,
                        &mut value,
                        &mut len,
                    );
                    wsc_http_header(
                        data(head),
                        head.len(),
                        name.as_ptr(),
                        index,
                        &mut value,
                        &mut len,
                    )
                }
                What::Peer(peer) => {
                    if let Some(stream) = self.peers.get(at) {
                        act(peer, &mut stream.lock().unwrap());
                    }
                    wsc_status_t::WSC_OK
                }
            }
        }
    }

    unsafe fn hand_socket(&self, at: usize, conn: *mut wsc_conn_t) -> wsc_status_t {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        if let Some(peer) = self.peers.get(at) {
            *peer.lock().unwrap() = Some(theirs);
        }
        let fd = ours.into_raw_fd();
        // SAFETY: a good handle or NULL; the descriptor is nobody else's.
        let status = unsafe { wsc_conn_set_socket(conn, fd) };
        if status != wsc_status_t::WSC_OK {
            // SAFETY: it was not taken.
            unsafe { libc::close(fd) };
        }
        status
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
            if libwsc_fuzz::accept_key(&request[..count]).is_some() {
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
        match which % 9 {
            0 => wsc_conn_set_max_message_size(conn, size),
            1 => wsc_conn_set_max_frame_size(conn, size),
            2 => wsc_conn_set_max_header_size(conn, size),
            3 => wsc_conn_set_send_queue_limit(conn, size),
            4 => wsc_conn_set_receive_queue_limit(conn, size),
            5 => wsc_conn_set_max_fragments(conn, size),
            6 => wsc_conn_set_deflate_threshold(conn, size),
            7 => wsc_conn_set_deflate_max_ratio(conn, size),
            _ => wsc_conn_set_max_redirects(conn, size as u32),
        }
    }
}

unsafe fn set_flag(conn: *mut wsc_conn_t, which: u8, on: bool) -> wsc_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        match which % 7 {
            0 => wsc_conn_set_auto_pong(conn, on),
            1 => wsc_conn_set_streaming(conn, on),
            2 => wsc_conn_set_deflate(conn, on),
            3 => wsc_conn_set_deflate_no_context_takeover(conn, on, !on),
            4 => wsc_conn_set_auto_reconnect(conn, on),
            5 => wsc_conn_set_reconnect_after_fatal(conn, on),
            _ => wsc_conn_set_tls_system_roots(conn, on),
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
