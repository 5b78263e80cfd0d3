//! Every exported function, called as it should not be: with NULL, bad text,
//! nothing, too much, in each state, twice, from several threads, inside a
//! callback, after its loop was freed, and in a forked child.

mod support;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::{self, ManuallyDrop};
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};
use std::sync::LazyLock;
use std::thread;
use std::time::Instant;

use support::{DEADLINE, Scripts, Server, alone, bounded};
use wsc::ffi::wsc_callbacks_t::{WSC_CALLBACKS_ON_DISPATCH, WSC_CALLBACKS_ON_THREAD};
use wsc::ffi::wsc_state_t::*;
use wsc::ffi::wsc_status_t::*;
use wsc::ffi::*;

/// Nobody listens there; only what never connects uses it.
const URL: *const c_char = c"ws://127.0.0.1:9/".as_ptr();
const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nX: y\r\n\r\n";
const NOT_UTF8: &CStr = c"\xff\xfe";
const FOREVER: i32 = wsc_constant_t::WSC_FOREVER as i32;

/// A loop and a connection on it; either may be NULL.
struct Handles {
    event_loop: *mut wsc_loop_t,
    conn: *mut wsc_conn_t,
}

// SAFETY: the functions may be called from any thread; that is what is tested.
unsafe impl Send for Handles {}
// SAFETY: as above.
unsafe impl Sync for Handles {}

impl Handles {
    fn none() -> Handles {
        Handles {
            event_loop: null_mut(),
            conn: null_mut(),
        }
    }

    fn new(callbacks: wsc_callbacks_t, url: &str) -> Handles {
        let mut handles = Handles::none();
        let url = CString::new(url).unwrap();
        // SAFETY: good arguments.
        unsafe {
            let status = wsc_loop_new(callbacks as i32, &mut handles.event_loop);
            assert_eq!(status, WSC_OK);
            let status = wsc_conn_new(handles.event_loop, url.as_ptr(), &mut handles.conn);
            assert_eq!(status, WSC_OK);
        }
        handles
    }

    fn idle() -> Handles {
        // SAFETY: a constant with a NUL at its end.
        let url = unsafe { CStr::from_ptr(URL) };
        Handles::new(WSC_CALLBACKS_ON_DISPATCH, url.to_str().unwrap())
    }

    /// A second name for the handles, which does not free them.
    fn alias(&self) -> ManuallyDrop<Handles> {
        ManuallyDrop::new(Handles { ..*self })
    }

    fn state(&self) -> wsc_state_t {
        // SAFETY: the handle is NULL or good.
        unsafe { wsc_conn_state(self.conn) }
    }

    fn poll_until(&self, what: &str, condition: impl Fn(&wsc_event_t) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < deadline, "never happened: {what}");
            let (mut event, mut count) = (NO_EVENT, 0);
            // SAFETY: room for one event.
            let status = unsafe { wsc_loop_poll(self.event_loop, &mut event, 1, 1000, &mut count) };
            assert_eq!(status, WSC_OK);
            if count == 1 && condition(&event) {
                return;
            }
        }
    }

    fn poll_until_type(&self, event_type: wsc_event_type_t) {
        self.poll_until("an event", |event| event.r#type == event_type as i32);
    }

    /// A connection in that state, on a loop of its own.
    fn in_state(state: wsc_state_t, peers: &Peers) -> Handles {
        let handles = Handles::new(
            WSC_CALLBACKS_ON_DISPATCH,
            match state {
                WSC_STATE_CONNECTING => &peers.mute_url,
                _ => &peers.silent_url,
            },
        );
        let conn = handles.conn;
        let must = |status| assert_eq!(status, WSC_OK);
        // SAFETY: good handles, good arguments.
        unsafe {
            match state {
                WSC_STATE_INITIAL => {}
                WSC_STATE_CONNECTING => {
                    must(wsc_conn_connect(conn));
                    handles.poll_until_type(wsc_event_type_t::WSC_EVENT_CONNECT);
                }
                _ => {
                    must(wsc_conn_connect(conn));
                    handles.poll_until_type(wsc_event_type_t::WSC_EVENT_HANDSHAKE);
                }
            }
            match state {
                WSC_STATE_CLOSING => must(wsc_conn_close(conn, 1000, null(), 0)),
                WSC_STATE_CLOSED | WSC_STATE_WAITING => {
                    must(wsc_conn_abort(conn));
                    handles.poll_until_type(wsc_event_type_t::WSC_EVENT_CLOSE);
                }
                _ => {}
            }
            if state == WSC_STATE_WAITING {
                must(wsc_conn_reconnect(conn, i32::MAX));
            }
        }
        assert_eq!(handles.state(), state);
        handles
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        // SAFETY: NULL, or good and not used again.
        unsafe {
            wsc_conn_free(self.conn);
            wsc_loop_free(self.event_loop);
        }
    }
}

const NO_EVENT: wsc_event_t = wsc_event_t {
    conn_id: 0,
    data: null(),
    len: 0,
    unsent: 0,
    r#type: 0,
    attempt: 0,
    status: 0,
    phase: 0,
    message_type: 0,
    code: 0,
    clean: 0,
    part: 0,
    by_peer: 0,
    run: 0,
    reserved: [0; 3],
};

/// Servers for connections that are to stay in a state.
struct Peers {
    /// Accepts the upgrade and says nothing more, not even to a close frame.
    silent_url: String,
    /// Never answers the upgrade.
    mute_url: String,
    _silent: Scripts,
    _mute: Server,
}

impl Peers {
    fn new() -> Peers {
        let mute = Server::listen();
        let silent = Server::listen().serve(|mut peer| {
            peer.accept();
            peer.until_gone();
        });
        Peers {
            silent_url: silent.url(),
            mute_url: mute.url(),
            _silent: silent,
            _mute: mute,
        }
    }
}

/// What a function gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Status(wsc_status_t),
    /// A result that is no status: the one that stands for "nothing", or another.
    Nothing,
    Something,
}

use Answer::{Nothing, Something, Status};

impl From<wsc_status_t> for Answer {
    fn from(status: wsc_status_t) -> Self {
        Status(status)
    }
}

fn something(holds: bool) -> Answer {
    match holds {
        true => Something,
        false => Nothing,
    }
}

unsafe extern "C" fn on_event(_: *mut wsc_conn_t, _: *const wsc_event_t, _: *mut c_void) {}
unsafe extern "C" fn on_free(_: *mut c_void) {}

/// A certificate and its key, made once.
fn identity() -> &'static support::tls::Identity {
    static IDENTITY: LazyLock<support::tls::Identity> =
        LazyLock::new(support::tls::Identity::authority);
    &IDENTITY
}

/// A file for the tests.
fn file(name: &str, contents: &[u8]) -> CString {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, contents).unwrap();
    CString::new(path.into_os_string().into_encoded_bytes()).unwrap()
}

static CA: LazyLock<Vec<u8>> = LazyLock::new(|| identity().pem());

fn ca_file() -> &'static CStr {
    static FILE: LazyLock<CString> = LazyLock::new(|| file("ffi-ca.pem", &CA));
    &FILE
}

static CRL: LazyLock<Vec<u8>> = LazyLock::new(|| identity().revoke(&[&identity().certificate], 1));

fn crl_file() -> &'static CStr {
    static FILE: LazyLock<CString> = LazyLock::new(|| file("ffi-crl.pem", &CRL));
    &FILE
}

fn identity_file() -> &'static CStr {
    static FILE: LazyLock<CString> = LazyLock::new(|| {
        file(
            "ffi-identity.pem",
            &[&CA[..], &identity().key_pem()].concat(),
        )
    });
    &FILE
}

fn pkcs12() -> &'static [u8] {
    static DATA: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut builder = openssl::pkcs12::Pkcs12::builder();
        builder.cert(&identity().certificate).pkey(&identity().key);
        builder.build2("").unwrap().to_der().unwrap()
    });
    &DATA
}

type Call = fn(&mut Handles) -> Answer;

/// Every exported function, called with good arguments on the given handles.
/// Those that free a handle leave NULL in its place.
fn functions() -> BTreeMap<&'static str, Call> {
    const TEXT: *const c_void = c"text".as_ptr().cast();
    // SAFETY, for all of them: the handles are NULL or good, the other arguments good.
    let list: Vec<(&'static str, Call)> = vec![
        ("wsc_version", |_| something(!wsc_version().is_null())),
        ("wsc_abi_version", |_| something(wsc_abi_version() == 0)),
        ("wsc_status_str", |_| {
            something(!wsc_status_str(1).is_null())
        }),
        ("wsc_loop_new", |_| unsafe {
            let mut event_loop = null_mut();
            let status = wsc_loop_new(0, &mut event_loop);
            wsc_loop_free(event_loop);
            status.into()
        }),
        ("wsc_loop_free", |h| unsafe {
            wsc_loop_free(mem::replace(&mut h.event_loop, null_mut()));
            Nothing
        }),
        ("wsc_loop_fd", |h| unsafe {
            something(wsc_loop_fd(h.event_loop) != -1)
        }),
        ("wsc_loop_dispatch", |h| unsafe {
            wsc_loop_dispatch(h.event_loop, 0).into()
        }),
        ("wsc_loop_poll", |h| unsafe {
            let (mut events, mut count) = ([NO_EVENT; 4], 0);
            wsc_loop_poll(h.event_loop, events.as_mut_ptr(), 4, 0, &mut count).into()
        }),
        ("wsc_loop_run", |h| unsafe {
            wsc_loop_run(h.event_loop).into()
        }),
        ("wsc_loop_stop", |h| unsafe {
            wsc_loop_stop(h.event_loop).into()
        }),
        ("wsc_loop_wake", |h| unsafe {
            wsc_loop_wake(h.event_loop).into()
        }),
        ("wsc_loop_flush", |h| unsafe {
            wsc_loop_flush(h.event_loop).into()
        }),
        ("wsc_loop_set_standby_grace", |h| unsafe {
            wsc_loop_set_standby_grace(h.event_loop, 10).into()
        }),
        ("wsc_conn_new", |h| unsafe {
            let mut conn = null_mut();
            let status = wsc_conn_new(h.event_loop, URL, &mut conn);
            assert_eq!(conn.is_null(), status != WSC_OK);
            wsc_conn_free(conn);
            status.into()
        }),
        ("wsc_conn_free", |h| unsafe {
            wsc_conn_free(mem::replace(&mut h.conn, null_mut()));
            Nothing
        }),
        ("wsc_conn_id", |h| unsafe {
            something(wsc_conn_id(h.conn) != 0)
        }),
        ("wsc_conn_state", |h| unsafe {
            something(wsc_conn_state(h.conn) != WSC_STATE_CLOSED)
        }),
        ("wsc_conn_connect", |h| unsafe {
            wsc_conn_connect(h.conn).into()
        }),
        ("wsc_conn_reconnect", |h| unsafe {
            wsc_conn_reconnect(h.conn, 0).into()
        }),
        ("wsc_conn_cancel_reconnect", |h| unsafe {
            wsc_conn_cancel_reconnect(h.conn).into()
        }),
        ("wsc_conn_close", |h| unsafe {
            wsc_conn_close(h.conn, 1000, TEXT, 4).into()
        }),
        ("wsc_conn_abort", |h| unsafe {
            wsc_conn_abort(h.conn).into()
        }),
        ("wsc_conn_set_url", |h| unsafe {
            wsc_conn_set_url(h.conn, URL).into()
        }),
        ("wsc_conn_set_header", |h| unsafe {
            wsc_conn_set_header(h.conn, c"X".as_ptr(), c"y".as_ptr()).into()
        }),
        ("wsc_conn_add_header", |h| unsafe {
            wsc_conn_add_header(h.conn, c"X".as_ptr(), c"z".as_ptr()).into()
        }),
        ("wsc_conn_clear_headers", |h| unsafe {
            wsc_conn_clear_headers(h.conn).into()
        }),
        ("wsc_conn_set_subprotocols", |h| unsafe {
            wsc_conn_set_subprotocols(h.conn, c"a, b".as_ptr()).into()
        }),
        ("wsc_conn_set_origin", |h| unsafe {
            wsc_conn_set_origin(h.conn, c"https://example.org".as_ptr()).into()
        }),
        ("wsc_conn_set_ping_interval", |h| unsafe {
            wsc_conn_set_ping_interval(h.conn, 20_000).into()
        }),
        ("wsc_conn_set_pong_timeout", |h| unsafe {
            wsc_conn_set_pong_timeout(h.conn, FOREVER).into()
        }),
        ("wsc_conn_set_auto_pong", |h| unsafe {
            wsc_conn_set_auto_pong(h.conn, true).into()
        }),
        ("wsc_conn_set_binary_type", |h| unsafe {
            wsc_conn_set_binary_type(h.conn, 1).into()
        }),
        ("wsc_conn_set_connect_timeout", |h| unsafe {
            wsc_conn_set_connect_timeout(h.conn, FOREVER).into()
        }),
        ("wsc_conn_set_handshake_timeout", |h| unsafe {
            wsc_conn_set_handshake_timeout(h.conn, 10_000).into()
        }),
        ("wsc_conn_set_close_timeout", |h| unsafe {
            wsc_conn_set_close_timeout(h.conn, 5000).into()
        }),
        ("wsc_conn_set_max_receive_size", |h| unsafe {
            wsc_conn_set_max_receive_size(h.conn, 1 << 20).into()
        }),
        ("wsc_loop_set_busy_poll", |h| unsafe {
            wsc_loop_set_busy_poll(h.event_loop, 50).into()
        }),
        ("wsc_conn_set_max_message_size", |h| unsafe {
            wsc_conn_set_max_message_size(h.conn, 1 << 20).into()
        }),
        ("wsc_conn_set_max_frame_size", |h| unsafe {
            wsc_conn_set_max_frame_size(h.conn, 1 << 20).into()
        }),
        ("wsc_conn_set_max_fragments", |h| unsafe {
            wsc_conn_set_max_fragments(h.conn, 1000).into()
        }),
        ("wsc_conn_set_streaming", |h| unsafe {
            wsc_conn_set_streaming(h.conn, true).into()
        }),
        ("wsc_conn_set_deflate", |h| unsafe {
            wsc_conn_set_deflate(h.conn, true).into()
        }),
        ("wsc_conn_set_deflate_level", |h| unsafe {
            wsc_conn_set_deflate_level(h.conn, 9).into()
        }),
        ("wsc_conn_set_deflate_threshold", |h| unsafe {
            wsc_conn_set_deflate_threshold(h.conn, 0).into()
        }),
        ("wsc_conn_set_deflate_window_bits", |h| unsafe {
            wsc_conn_set_deflate_window_bits(h.conn, 9, 8).into()
        }),
        ("wsc_conn_set_deflate_no_context_takeover", |h| unsafe {
            wsc_conn_set_deflate_no_context_takeover(h.conn, true, false).into()
        }),
        ("wsc_conn_set_deflate_max_ratio", |h| unsafe {
            wsc_conn_set_deflate_max_ratio(h.conn, 1000).into()
        }),
        ("wsc_conn_set_max_header_size", |h| unsafe {
            wsc_conn_set_max_header_size(h.conn, 1 << 16).into()
        }),
        ("wsc_conn_set_send_queue_limit", |h| unsafe {
            wsc_conn_set_send_queue_limit(h.conn, 1 << 20).into()
        }),
        ("wsc_conn_set_receive_queue_limit", |h| unsafe {
            wsc_conn_set_receive_queue_limit(h.conn, 1 << 20).into()
        }),
        ("wsc_conn_add_tls_ca", |h| unsafe {
            wsc_conn_add_tls_ca(h.conn, CA.as_ptr().cast(), CA.len()).into()
        }),
        ("wsc_conn_add_tls_ca_file", |h| unsafe {
            wsc_conn_add_tls_ca_file(h.conn, ca_file().as_ptr()).into()
        }),
        ("wsc_conn_add_tls_crl", |h| unsafe {
            wsc_conn_add_tls_crl(h.conn, CRL.as_ptr().cast(), CRL.len()).into()
        }),
        ("wsc_conn_add_tls_crl_file", |h| unsafe {
            wsc_conn_add_tls_crl_file(h.conn, crl_file().as_ptr()).into()
        }),
        ("wsc_conn_set_tls_system_roots", |h| unsafe {
            wsc_conn_set_tls_system_roots(h.conn, false).into()
        }),
        ("wsc_conn_set_tls_identity", |h| unsafe {
            wsc_conn_set_tls_identity(h.conn, null(), 0, null(), 0, null()).into()
        }),
        ("wsc_conn_set_tls_identity_files", |h| unsafe {
            let path = identity_file();
            wsc_conn_set_tls_identity_files(h.conn, path.as_ptr(), null(), null()).into()
        }),
        ("wsc_conn_set_tls_pkcs12", |h| unsafe {
            let data = pkcs12();
            wsc_conn_set_tls_pkcs12(h.conn, data.as_ptr().cast(), data.len(), null()).into()
        }),
        ("wsc_conn_set_tls_versions", |h| unsafe {
            wsc_conn_set_tls_versions(h.conn, 0x0303, 0x0304).into()
        }),
        ("wsc_conn_set_tls_alpn", |h| unsafe {
            wsc_conn_set_tls_alpn(h.conn, c"http/1.1".as_ptr()).into()
        }),
        ("wsc_conn_set_tls_server_name", |h| unsafe {
            wsc_conn_set_tls_server_name(h.conn, c"example.org".as_ptr()).into()
        }),
        ("wsc_conn_set_tls_verify_name", |h| unsafe {
            wsc_conn_set_tls_verify_name(h.conn, c"example.org".as_ptr()).into()
        }),
        ("wsc_conn_add_tls_pin", |h| unsafe {
            wsc_conn_add_tls_pin(h.conn, 2, [0u8; 32].as_ptr().cast(), 32).into()
        }),
        ("wsc_conn_set_tls_danger_accept_anything", |h| unsafe {
            wsc_conn_set_tls_danger_accept_anything(h.conn, true).into()
        }),
        ("wsc_conn_reset_tls", |h| unsafe {
            wsc_conn_reset_tls(h.conn).into()
        }),
        ("wsc_conn_set_proxy", |h| unsafe {
            wsc_conn_set_proxy(h.conn, null()).into()
        }),
        ("wsc_conn_set_proxy_from_environment", |h| unsafe {
            wsc_conn_set_proxy_from_environment(h.conn).into()
        }),
        ("wsc_conn_add_proxy_header", |h| unsafe {
            wsc_conn_add_proxy_header(h.conn, c"X".as_ptr(), c"y".as_ptr()).into()
        }),
        ("wsc_conn_clear_proxy_headers", |h| unsafe {
            wsc_conn_clear_proxy_headers(h.conn).into()
        }),
        ("wsc_conn_set_phase_timeout", |h| unsafe {
            wsc_conn_set_phase_timeout(h.conn, wsc_phase_t::WSC_PHASE_TLS as i32, 1000).into()
        }),
        ("wsc_conn_set_idle_timeout", |h| unsafe {
            wsc_conn_set_idle_timeout(h.conn, FOREVER).into()
        }),
        ("wsc_conn_set_local_address", |h| unsafe {
            wsc_conn_set_local_address(h.conn, c"127.0.0.1".as_ptr()).into()
        }),
        ("wsc_conn_set_interface", |h| unsafe {
            wsc_conn_set_interface(h.conn, null()).into()
        }),
        ("wsc_conn_set_tcp_nodelay", |h| unsafe {
            wsc_conn_set_tcp_nodelay(h.conn, false).into()
        }),
        ("wsc_conn_set_keepalive", |h| unsafe {
            wsc_conn_set_keepalive(h.conn, 60_000).into()
        }),
        ("wsc_conn_set_tcp_user_timeout", |h| unsafe {
            wsc_conn_set_tcp_user_timeout(h.conn, 60_000).into()
        }),
        ("wsc_conn_set_max_redirects", |h| unsafe {
            wsc_conn_set_max_redirects(h.conn, 3).into()
        }),
        ("wsc_conn_set_socket", |h| unsafe {
            let (own, _other) = std::os::unix::net::UnixStream::pair().unwrap();
            wsc_conn_set_socket(h.conn, own.as_raw_fd()).into()
        }),
        ("wsc_conn_set_auto_reconnect", |h| unsafe {
            wsc_conn_set_auto_reconnect(h.conn, false).into()
        }),
        ("wsc_conn_set_reconnect_delay", |h| unsafe {
            wsc_conn_set_reconnect_delay(h.conn, 1000, 2000).into()
        }),
        ("wsc_conn_set_reconnect_limit", |h| unsafe {
            wsc_conn_set_reconnect_limit(h.conn, 3).into()
        }),
        ("wsc_conn_set_reconnect_stable_after", |h| unsafe {
            wsc_conn_set_reconnect_stable_after(h.conn, 1000).into()
        }),
        ("wsc_conn_set_reconnect_after_fatal", |h| unsafe {
            wsc_conn_set_reconnect_after_fatal(h.conn, false).into()
        }),
        ("wsc_conn_set_queue_policy", |h| unsafe {
            wsc_conn_set_queue_policy(h.conn, 3, 1000).into()
        }),
        ("wsc_conn_add_prologue", |h| unsafe {
            wsc_conn_add_prologue(h.conn, 1, TEXT, 4).into()
        }),
        ("wsc_conn_clear_prologue", |h| unsafe {
            wsc_conn_clear_prologue(h.conn).into()
        }),
        ("wsc_conn_on_reconnect", |h| unsafe {
            wsc_conn_on_reconnect(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_report_number", |h| unsafe {
            let mut value = 0;
            wsc_conn_report_number(h.conn, 2, &mut value).into()
        }),
        ("wsc_conn_report_data", |h| unsafe {
            let mut len = 0;
            wsc_conn_report_data(h.conn, 1, null_mut(), 0, &mut len).into()
        }),
        ("wsc_conn_on_connect", |h| unsafe {
            wsc_conn_on_connect(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_handshake", |h| unsafe {
            wsc_conn_on_handshake(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_message", |h| unsafe {
            wsc_conn_on_message(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_ping", |h| unsafe {
            wsc_conn_on_ping(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_pong", |h| unsafe {
            wsc_conn_on_pong(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_buffer_full", |h| unsafe {
            wsc_conn_on_buffer_full(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_buffer_drain", |h| unsafe {
            wsc_conn_on_buffer_drain(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_error", |h| unsafe {
            wsc_conn_on_error(h.conn, Some(on_event), null_mut()).into()
        }),
        ("wsc_conn_on_close", |h| unsafe {
            wsc_conn_on_close(h.conn, None, null_mut()).into()
        }),
        ("wsc_conn_on_event", |h| unsafe {
            wsc_conn_on_event(h.conn, 4, Some(on_event), null_mut(), Some(on_free)).into()
        }),
        ("wsc_conn_on_free", |h| unsafe {
            wsc_conn_on_free(h.conn, Some(on_free), null_mut()).into()
        }),
        ("wsc_conn_send", |h| unsafe {
            wsc_conn_send(h.conn, TEXT, 4).into()
        }),
        ("wsc_conn_send_text", |h| unsafe {
            wsc_conn_send_text(h.conn, TEXT, 4).into()
        }),
        ("wsc_conn_send_binary", |h| unsafe {
            wsc_conn_send_binary(h.conn, TEXT, 4).into()
        }),
        ("wsc_conn_send_message", |h| unsafe {
            wsc_conn_send_message(h.conn, 1, 0, 1, TEXT, 4).into()
        }),
        ("wsc_conn_ping", |h| unsafe {
            wsc_conn_ping(h.conn, TEXT, 4).into()
        }),
        ("wsc_conn_pong", |h| unsafe {
            wsc_conn_pong(h.conn, TEXT, 4).into()
        }),
        ("wsc_conn_flush", |h| unsafe {
            wsc_conn_flush(h.conn).into()
        }),
        ("wsc_conn_pause_recv", |h| unsafe {
            wsc_conn_pause_recv(h.conn).into()
        }),
        ("wsc_conn_resume_recv", |h| unsafe {
            wsc_conn_resume_recv(h.conn).into()
        }),
        ("wsc_conn_buffered_amount", |h| unsafe {
            something(wsc_conn_buffered_amount(h.conn) != 0)
        }),
        ("wsc_conn_counter", |h| unsafe {
            let mut value = 0;
            wsc_conn_counter(h.conn, 1, &mut value).into()
        }),
        ("wsc_conn_peer_address", |h| unsafe {
            let mut buffer = [0; 64];
            wsc_conn_peer_address(h.conn, buffer.as_mut_ptr(), 64).into()
        }),
        ("wsc_conn_local_address", |h| unsafe {
            let mut buffer = [0; 64];
            wsc_conn_local_address(h.conn, buffer.as_mut_ptr(), 64).into()
        }),
        ("wsc_conn_subprotocol", |h| unsafe {
            let mut buffer = [0; 64];
            wsc_conn_subprotocol(h.conn, buffer.as_mut_ptr(), 64).into()
        }),
        ("wsc_conn_extensions", |h| unsafe {
            let mut buffer = [0; 64];
            wsc_conn_extensions(h.conn, buffer.as_mut_ptr(), 64).into()
        }),
        ("wsc_http_header", |_| unsafe {
            let (mut value, mut len) = (null(), 0);
            wsc_http_header(
                HEAD.as_ptr().cast(),
                HEAD.len(),
                c"x".as_ptr(),
                0,
                &mut value,
                &mut len,
            )
            .into()
        }),
        ("wsc_http_header_at", |_| unsafe {
            let (mut name, mut name_len) = (null(), 0);
            let (mut value, mut len) = (null(), 0);
            wsc_http_header_at(
                HEAD.as_ptr().cast(),
                HEAD.len(),
                0,
                &mut name,
                &mut name_len,
                &mut value,
                &mut len,
            )
            .into()
        }),
        ("wsc_http_status_line", |_| unsafe {
            let (mut line, mut len) = (null(), 0);
            wsc_http_status_line(HEAD.as_ptr().cast(), HEAD.len(), &mut line, &mut len).into()
        }),
    ];
    list.into_iter().collect()
}

/// Whether a function takes a handle that must not be NULL.
fn needs_handle(name: &str) -> bool {
    let is_method = name.starts_with("wsc_loop_") || name.starts_with("wsc_conn_");
    is_method && name != "wsc_loop_new"
}

/// Calls a function in a connection's state. `run` would wait for its end.
fn call(name: &str, function: Call, handles: &mut Handles) -> Answer {
    if name == "wsc_loop_run" {
        // SAFETY: good handles.
        assert_eq!(unsafe { wsc_loop_stop(handles.event_loop) }, WSC_OK);
    }
    function(handles)
}

#[test]
fn the_table_has_every_function() {
    let symbols = include_str!("../include/wsc.symbols");
    let exported: Vec<_> = symbols
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(functions().into_keys().collect::<Vec<_>>(), exported);
}

#[test]
fn null_handles() {
    for (name, function) in functions() {
        let expected = match name {
            "wsc_loop_free" | "wsc_conn_free" | "wsc_loop_fd" => Nothing,
            "wsc_conn_id" | "wsc_conn_state" | "wsc_conn_buffered_amount" => Nothing,
            "wsc_version" | "wsc_abi_version" | "wsc_status_str" => Something,
            _ if needs_handle(name) => Status(WSC_ERR_NULL),
            _ => Status(WSC_OK),
        };
        assert_eq!(function(&mut Handles::none()), expected, "{name}");
    }
}

/// Each pointer that is not a handle.
#[test]
fn null_arguments() {
    let h = Handles::idle();
    let head = HEAD.as_ptr().cast();
    let (mut part, mut size, mut event) = (null(), 7, NO_EVENT);
    let (part, size) = (&raw mut part, &raw mut size);
    let (name, value) = (c"X".as_ptr(), c"y".as_ptr());
    let mut conn = null_mut();
    // SAFETY: everything else is good.
    let statuses = unsafe {
        [
            ("new out", wsc_loop_new(0, null_mut())),
            (
                "poll events",
                wsc_loop_poll(h.event_loop, null_mut(), 1, 0, size),
            ),
            (
                "poll count",
                wsc_loop_poll(h.event_loop, &mut event, 1, 0, null_mut()),
            ),
            ("conn loop", wsc_conn_new(null_mut(), URL, &mut conn)),
            ("conn url", wsc_conn_new(h.event_loop, null(), &mut conn)),
            ("conn out", wsc_conn_new(h.event_loop, URL, null_mut())),
            ("url", wsc_conn_set_url(h.conn, null())),
            ("set name", wsc_conn_set_header(h.conn, null(), value)),
            ("set value", wsc_conn_set_header(h.conn, name, null())),
            ("add name", wsc_conn_add_header(h.conn, null(), value)),
            ("add value", wsc_conn_add_header(h.conn, name, null())),
            ("ca", wsc_conn_add_tls_ca(h.conn, null(), 1)),
            ("ca path", wsc_conn_add_tls_ca_file(h.conn, null())),
            ("crl", wsc_conn_add_tls_crl(h.conn, null(), 1)),
            ("crl path", wsc_conn_add_tls_crl_file(h.conn, null())),
            (
                "chain",
                wsc_conn_set_tls_identity(h.conn, null(), 1, null(), 0, null()),
            ),
            (
                "key",
                wsc_conn_set_tls_identity(h.conn, head, 1, null(), 1, null()),
            ),
            (
                "chain path",
                wsc_conn_set_tls_identity_files(h.conn, null(), null(), null()),
            ),
            ("pkcs12", wsc_conn_set_tls_pkcs12(h.conn, null(), 1, null())),
            ("pin", wsc_conn_add_tls_pin(h.conn, 1, null(), 32)),
            (
                "proxy name",
                wsc_conn_add_proxy_header(h.conn, null(), value),
            ),
            (
                "proxy value",
                wsc_conn_add_proxy_header(h.conn, name, null()),
            ),
            ("prologue", wsc_conn_add_prologue(h.conn, 1, null(), 1)),
            (
                "report number",
                wsc_conn_report_number(h.conn, 1, null_mut()),
            ),
            (
                "report buffer",
                wsc_conn_report_data(h.conn, 1, null_mut(), 1, size),
            ),
            (
                "report len",
                wsc_conn_report_data(h.conn, 1, null_mut(), 0, null_mut()),
            ),
            ("send", wsc_conn_send(h.conn, null(), 1)),
            ("text", wsc_conn_send_text(h.conn, null(), 1)),
            ("binary", wsc_conn_send_binary(h.conn, null(), 1)),
            ("message", wsc_conn_send_message(h.conn, 2, 0, 0, null(), 1)),
            ("ping", wsc_conn_ping(h.conn, null(), 1)),
            ("pong", wsc_conn_pong(h.conn, null(), 1)),
            ("reason", wsc_conn_close(h.conn, 1000, null(), 1)),
            ("counter", wsc_conn_counter(h.conn, 1, null_mut())),
            ("peer", wsc_conn_peer_address(h.conn, null_mut(), 64)),
            ("local", wsc_conn_local_address(h.conn, null_mut(), 64)),
            ("subprotocol", wsc_conn_subprotocol(h.conn, null_mut(), 64)),
            ("extensions", wsc_conn_extensions(h.conn, null_mut(), 64)),
            (
                "header head",
                wsc_http_header(null(), 1, name, 0, part, size),
            ),
            (
                "header name",
                wsc_http_header(head, HEAD.len(), null(), 0, part, size),
            ),
            (
                "header value",
                wsc_http_header(head, HEAD.len(), name, 0, null_mut(), size),
            ),
            (
                "header len",
                wsc_http_header(head, HEAD.len(), name, 0, part, null_mut()),
            ),
            (
                "at head",
                wsc_http_header_at(null(), 1, 0, part, size, part, size),
            ),
            (
                "at name",
                wsc_http_header_at(head, HEAD.len(), 0, null_mut(), size, part, size),
            ),
            (
                "at name len",
                wsc_http_header_at(head, HEAD.len(), 0, part, null_mut(), part, size),
            ),
            (
                "at value",
                wsc_http_header_at(head, HEAD.len(), 0, part, size, null_mut(), size),
            ),
            (
                "at value len",
                wsc_http_header_at(head, HEAD.len(), 0, part, size, part, null_mut()),
            ),
            ("line head", wsc_http_status_line(null(), 1, part, size)),
            (
                "line",
                wsc_http_status_line(head, HEAD.len(), null_mut(), size),
            ),
            (
                "line len",
                wsc_http_status_line(head, HEAD.len(), part, null_mut()),
            ),
        ]
    };
    for (argument, status) in statuses {
        assert_eq!(status, WSC_ERR_NULL, "{argument}");
    }
    // SAFETY: both are still there.
    unsafe { assert_eq!((*part, *size), (null(), 7), "written without success") };

    // NULL that stands for something.
    // SAFETY: as above.
    unsafe {
        assert_eq!(wsc_conn_set_subprotocols(h.conn, null()), WSC_OK);
        assert_eq!(wsc_conn_set_origin(h.conn, null()), WSC_OK);
        assert_eq!(wsc_conn_on_message(h.conn, None, null_mut()), WSC_OK);
        assert_eq!(wsc_conn_on_free(h.conn, None, null_mut()), WSC_OK);
    }
}

/// A handle that is not made is NULL, whatever stood there.
#[test]
fn handles_are_null_after_a_failure() {
    let h = Handles::idle();
    let garbage = 8 as *mut u8;
    let (mut event_loop, mut conn) = (garbage.cast(), garbage.cast());
    // SAFETY: both places are writable, and what they hold is not read.
    unsafe {
        assert_eq!(wsc_loop_new(7, &mut event_loop), WSC_ERR_INVALID);
        assert!(event_loop.is_null());
        let url = c"http://127.0.0.1/".as_ptr();
        assert_eq!(
            wsc_conn_new(h.event_loop, url, &mut conn),
            WSC_ERR_URL_SCHEME
        );
        assert!(conn.is_null());
        conn = garbage.cast();
        assert_eq!(wsc_conn_new(null_mut(), URL, &mut conn), WSC_ERR_NULL);
        assert!(conn.is_null());
    }
}

#[test]
fn bad_utf8() {
    let h = Handles::idle();
    let bad = NOT_UTF8.as_ptr();
    let (data, len) = (bad.cast(), NOT_UTF8.count_bytes());
    let (mut conn, mut part, mut size) = (null_mut(), null(), 0);
    // SAFETY: good pointers to bad text.
    unsafe {
        assert_eq!(wsc_conn_new(h.event_loop, bad, &mut conn), WSC_ERR_UTF8);
        assert_eq!(wsc_conn_set_url(h.conn, bad), WSC_ERR_UTF8);
        assert_eq!(
            wsc_conn_set_header(h.conn, bad, c"y".as_ptr()),
            WSC_ERR_UTF8
        );
        assert_eq!(
            wsc_conn_add_header(h.conn, bad, c"y".as_ptr()),
            WSC_ERR_UTF8
        );
        assert_eq!(wsc_conn_set_subprotocols(h.conn, bad), WSC_ERR_UTF8);
        assert_eq!(wsc_conn_set_origin(h.conn, bad), WSC_ERR_UTF8);
        for set in TEXTS {
            assert_eq!(set(h.conn, bad), WSC_ERR_UTF8);
        }
        assert_eq!(
            wsc_conn_set_tls_identity(h.conn, null(), 0, null(), 0, bad),
            WSC_ERR_UTF8
        );
        assert_eq!(
            wsc_conn_set_tls_pkcs12(h.conn, null(), 0, bad),
            WSC_ERR_UTF8
        );
        assert_eq!(
            wsc_conn_set_tls_identity_files(h.conn, bad, null(), null()),
            WSC_ERR_UTF8
        );
        assert_eq!(
            wsc_conn_add_proxy_header(h.conn, bad, c"y".as_ptr()),
            WSC_ERR_UTF8
        );
        assert_eq!(wsc_conn_add_prologue(h.conn, 1, data, len), WSC_ERR_UTF8);
        assert_eq!(wsc_conn_send(h.conn, data, len), WSC_ERR_UTF8);
        assert_eq!(wsc_conn_send_text(h.conn, data, len), WSC_ERR_UTF8);
        assert_eq!(
            wsc_conn_send_message(h.conn, 1, 1, 0, data, len),
            WSC_ERR_UTF8
        );
        assert_eq!(
            wsc_conn_close(h.conn, 1000, data, len),
            WSC_ERR_CLOSE_REASON
        );
        let head = HEAD.as_ptr().cast();
        let status = wsc_http_header(head, HEAD.len(), bad, 0, &mut part, &mut size);
        assert_eq!(status, WSC_ERR_UTF8);
        assert_eq!(wsc_conn_buffered_amount(h.conn), 0);

        // Bytes, not text.
        assert_eq!(wsc_conn_set_header(h.conn, c"X".as_ptr(), bad), WSC_OK);
        assert_eq!(wsc_conn_add_header(h.conn, c"X".as_ptr(), bad), WSC_OK);
        assert_eq!(wsc_conn_send_binary(h.conn, data, len), WSC_OK);
        assert_eq!(wsc_conn_set_binary_type(h.conn, 2), WSC_OK);
        assert_eq!(wsc_conn_send(h.conn, data, len), WSC_OK);
        assert!(wsc_conn_buffered_amount(h.conn) > 0);
    }
}

#[test]
fn empty() {
    let h = Handles::idle();
    let none = c"".as_ptr();
    let (mut conn, mut part, mut size, mut event) = (null_mut(), null(), 0, NO_EVENT);
    let mut byte = 7;
    // SAFETY: good pointers to nothing, or NULL for 0 bytes.
    unsafe {
        assert_eq!(wsc_conn_new(h.event_loop, none, &mut conn), WSC_ERR_URL);
        assert_eq!(wsc_conn_set_url(h.conn, none), WSC_ERR_URL);
        assert_eq!(wsc_conn_set_header(h.conn, none, none), WSC_ERR_HEADER_NAME);
        assert_eq!(wsc_conn_add_header(h.conn, none, none), WSC_ERR_HEADER_NAME);
        assert_eq!(wsc_conn_set_header(h.conn, c"X".as_ptr(), none), WSC_OK);
        assert_eq!(wsc_conn_add_header(h.conn, c"X".as_ptr(), none), WSC_OK);
        assert_eq!(wsc_conn_set_subprotocols(h.conn, none), WSC_OK);
        assert_eq!(wsc_conn_set_origin(h.conn, none), WSC_OK);
        for send in [wsc_conn_send, wsc_conn_send_text, wsc_conn_send_binary] {
            assert_eq!(send(h.conn, null(), 0), WSC_OK);
        }
        for send in [wsc_conn_ping, wsc_conn_pong] {
            assert_eq!(send(h.conn, null(), 0), WSC_ERR_STATE);
        }
        assert_eq!(wsc_conn_close(h.conn, 0, null(), 0), WSC_ERR_STATE);
        let status = wsc_loop_poll(h.event_loop, &mut event, 0, 0, &mut size);
        assert_eq!(status, WSC_ERR_INVALID);
        for address in [wsc_conn_peer_address, wsc_conn_local_address] {
            assert_eq!(address(h.conn, &mut byte, 0), WSC_ERR_NOT_FOUND);
        }
        let name = c"X".as_ptr();
        let status = wsc_http_header(null(), 0, name, 0, &mut part, &mut size);
        assert_eq!(status, WSC_ERR_NOT_FOUND);
        let head = HEAD.as_ptr().cast();
        let status = wsc_http_header(head, HEAD.len(), none, 0, &mut part, &mut size);
        assert_eq!(status, WSC_ERR_NOT_FOUND);
        let (part, size) = (&raw mut part, &raw mut size);
        let status = wsc_http_header_at(null(), 0, 0, part, size, part, size);
        assert_eq!(status, WSC_ERR_NOT_FOUND);
        assert_eq!(
            wsc_http_status_line(null(), 0, part, size),
            WSC_ERR_NOT_FOUND
        );
    }
    assert_eq!(byte, 7);
}

/// A mistake in a setting is told by the call that sets it.
#[test]
fn transport_settings_tell_their_mistakes() {
    let h = Handles::idle();
    let garbage = c"garbage".as_ptr();
    let data = garbage.cast();
    let missing = c"/nonexistent".as_ptr();
    let number = |value| {
        let mut told = 0;
        // SAFETY: good pointers.
        unsafe { wsc_conn_report_number(h.conn, value, &mut told) }
    };
    let report = |value| {
        let mut len = 0;
        // SAFETY: good pointers.
        unsafe { wsc_conn_report_data(h.conn, value, null_mut(), 0, &mut len) }
    };
    // SAFETY: good pointers.
    unsafe {
        assert_eq!(wsc_conn_add_tls_ca(h.conn, data, 7), WSC_ERR_PEM);
        assert_eq!(wsc_conn_add_tls_ca_file(h.conn, missing), WSC_ERR_FILE);
        assert_eq!(wsc_conn_add_tls_crl(h.conn, data, 7), WSC_ERR_PEM);
        assert_eq!(wsc_conn_add_tls_crl(h.conn, data, 0), WSC_ERR_PEM);
        assert_eq!(wsc_conn_add_tls_crl_file(h.conn, missing), WSC_ERR_FILE);
        let identity = wsc_conn_set_tls_identity(h.conn, data, 7, data, 7, null());
        assert_eq!(identity, WSC_ERR_PEM);
        let pkcs12 = wsc_conn_set_tls_pkcs12(h.conn, data, 7, null());
        assert_eq!(pkcs12, WSC_ERR_PEM);
        let files = wsc_conn_set_tls_identity_files(h.conn, missing, null(), null());
        assert_eq!(files, WSC_ERR_FILE);
        for (min, max) in [(0, 0x0304), (0x0302, 0x0303), (0x0304, 0x0303)] {
            assert_eq!(wsc_conn_set_tls_versions(h.conn, min, max), WSC_ERR_INVALID);
        }
        let empty_name = wsc_conn_set_tls_verify_name(h.conn, c"".as_ptr());
        assert_eq!(empty_name, WSC_ERR_INVALID);
        assert_eq!(
            wsc_conn_set_tls_alpn(h.conn, c"a,,b".as_ptr()),
            WSC_ERR_INVALID
        );
        assert_eq!(wsc_conn_add_tls_pin(h.conn, 0, data, 32), WSC_ERR_INVALID);
        assert_eq!(wsc_conn_add_tls_pin(h.conn, 1, data, 7), WSC_ERR_INVALID);
        for (proxy, status) in [
            (c"ftp://proxy", WSC_ERR_URL_SCHEME),
            (c"http://proxy/path", WSC_ERR_URL),
            (c"http://proxy:0", WSC_ERR_URL_PORT),
        ] {
            assert_eq!(wsc_conn_set_proxy(h.conn, proxy.as_ptr()), status);
        }
        let host = wsc_conn_add_proxy_header(h.conn, c"Host".as_ptr(), garbage);
        assert_eq!(host, WSC_ERR_HEADER_NAME);
        for phase in [0, 5, 6, 7, 8, -1] {
            assert_eq!(
                wsc_conn_set_phase_timeout(h.conn, phase, 1),
                WSC_ERR_INVALID
            );
        }
        assert_eq!(wsc_conn_set_local_address(h.conn, garbage), WSC_ERR_INVALID);
        let interface = c"a-name-that-is-too-long".as_ptr();
        assert_eq!(wsc_conn_set_interface(h.conn, interface), WSC_ERR_INVALID);
        assert_eq!(wsc_conn_set_keepalive(h.conn, 999), WSC_ERR_INVALID);
        let file = std::fs::File::open("/dev/null").unwrap();
        for fd in [-1, i32::MAX, file.as_raw_fd()] {
            assert_eq!(wsc_conn_set_socket(h.conn, fd), WSC_ERR_INVALID);
        }
        for (min, max) in [(0, 1), (2, 1), (-1, 1)] {
            assert_eq!(
                wsc_conn_set_reconnect_delay(h.conn, min, max),
                WSC_ERR_INVALID
            );
        }
        assert_eq!(wsc_conn_set_reconnect_limit(h.conn, -2), WSC_ERR_INVALID);
        for (policy, expire) in [(0, 0), (4, 1), (3, 0), (3, -1)] {
            assert_eq!(
                wsc_conn_set_queue_policy(h.conn, policy, expire),
                WSC_ERR_INVALID
            );
        }
        assert_eq!(wsc_conn_add_prologue(h.conn, 3, data, 7), WSC_ERR_INVALID);
        for value in [-1, 0, 17, i32::MAX] {
            assert_eq!(number(value), WSC_ERR_INVALID);
        }
        for value in [-1, 0, 7, i32::MAX] {
            assert_eq!(report(value), WSC_ERR_INVALID);
        }
    }
    assert!((1..=16).all(|value| number(value) == WSC_OK));
    assert!((1..=6).all(|value| report(value) == WSC_OK));
}

type SetText = unsafe extern "C" fn(*mut wsc_conn_t, *const c_char) -> wsc_status_t;

const TEXTS: [SetText; 8] = [
    wsc_conn_add_tls_ca_file,
    wsc_conn_add_tls_crl_file,
    wsc_conn_set_tls_alpn,
    wsc_conn_set_tls_server_name,
    wsc_conn_set_tls_verify_name,
    wsc_conn_set_proxy,
    wsc_conn_set_local_address,
    wsc_conn_set_interface,
];

type SetNumber<T> = unsafe extern "C" fn(*mut wsc_conn_t, T) -> wsc_status_t;

const TIMES: [SetNumber<i32>; 7] = [
    wsc_conn_set_idle_timeout,
    wsc_conn_set_tcp_user_timeout,
    wsc_conn_set_ping_interval,
    wsc_conn_set_pong_timeout,
    wsc_conn_set_connect_timeout,
    wsc_conn_set_handshake_timeout,
    wsc_conn_set_close_timeout,
];

const SIZES: [SetNumber<usize>; 8] = [
    wsc_conn_set_max_message_size,
    wsc_conn_set_max_receive_size,
    wsc_conn_set_max_frame_size,
    wsc_conn_set_max_fragments,
    wsc_conn_set_deflate_max_ratio,
    wsc_conn_set_max_header_size,
    wsc_conn_set_send_queue_limit,
    wsc_conn_set_receive_queue_limit,
];

#[test]
fn numbers_out_of_range() {
    let h = Handles::idle();
    let (mut event_loop, mut value, mut event) = (null_mut(), 7, NO_EVENT);
    let mut count = 7;
    // SAFETY: good pointers.
    unsafe {
        for callbacks in [-1, 2, i32::MIN, i32::MAX] {
            assert_eq!(wsc_loop_new(callbacks, &mut event_loop), WSC_ERR_INVALID);
        }
        for binary_type in [-1, 0, 3, i32::MIN, i32::MAX] {
            assert_eq!(
                wsc_conn_set_binary_type(h.conn, binary_type),
                WSC_ERR_INVALID
            );
        }
        for counter in [-1, 0, 11, i32::MIN, i32::MAX] {
            assert_eq!(
                wsc_conn_counter(h.conn, counter, &mut value),
                WSC_ERR_INVALID
            );
        }
        for counter in 1..11 {
            assert_eq!(wsc_conn_counter(h.conn, counter, &mut value), WSC_OK);
            assert_eq!(value, 0);
        }
        for level in [-1, 0, 10, i32::MIN, i32::MAX] {
            assert_eq!(wsc_conn_set_deflate_level(h.conn, level), WSC_ERR_INVALID);
        }
        for (client, server) in [(8, 15), (16, 15), (15, 7), (15, 16), (-1, 9), (271, 9)] {
            assert_eq!(
                wsc_conn_set_deflate_window_bits(h.conn, client, server),
                WSC_ERR_INVALID
            );
        }
        for (message_type, part, flags) in [(0, 0, 0), (3, 0, 0), (1, -1, 0), (1, 4, 0), (1, 0, 2)]
        {
            assert_eq!(
                wsc_conn_send_message(h.conn, message_type, part, flags, null(), 0),
                WSC_ERR_INVALID
            );
        }
        for set in TIMES {
            for ms in [0, -2, i32::MIN] {
                assert_eq!(set(h.conn, ms), WSC_ERR_INVALID);
            }
            for ms in [1, i32::MAX, FOREVER] {
                assert_eq!(set(h.conn, ms), WSC_OK);
            }
        }
        for set in SIZES {
            assert_eq!(set(h.conn, 0), WSC_ERR_INVALID);
            for size in [1, usize::MAX] {
                assert_eq!(set(h.conn, size), WSC_OK);
            }
        }
        for ms in [0, -2, i32::MIN] {
            assert_eq!(
                wsc_loop_set_standby_grace(h.event_loop, ms),
                WSC_ERR_INVALID
            );
        }
        for ms in [1, i32::MAX, FOREVER] {
            assert_eq!(wsc_loop_set_standby_grace(h.event_loop, ms), WSC_OK);
        }
        for ms in [FOREVER, -2, i32::MIN] {
            assert_eq!(wsc_conn_reconnect(h.conn, ms), WSC_ERR_INVALID);
        }
        for ms in [-2, i32::MIN] {
            assert_eq!(wsc_loop_dispatch(h.event_loop, ms), WSC_ERR_INVALID);
            let status = wsc_loop_poll(h.event_loop, &mut event, 1, ms, &mut count);
            assert_eq!((status, count), (WSC_ERR_INVALID, 7));
        }
        for ms in [i32::MAX, FOREVER] {
            assert_eq!(wsc_loop_wake(h.event_loop), WSC_OK);
            assert_eq!(wsc_loop_dispatch(h.event_loop, ms), WSC_OK);
            assert_eq!(wsc_loop_wake(h.event_loop), WSC_OK);
            let status = wsc_loop_poll(h.event_loop, &mut event, usize::MAX, ms, &mut count);
            assert_eq!((status, mem::replace(&mut count, 7)), (WSC_OK, 0));
        }
        for code in [1, 999, 1001, 1005, 1006, 1015, 2999, 5000, u16::MAX] {
            assert_eq!(wsc_conn_close(h.conn, code, null(), 0), WSC_ERR_CLOSE_CODE);
        }
    }
    assert_eq!(h.state(), WSC_STATE_INITIAL);
}

#[test]
fn huge() {
    let h = Handles::idle();
    let mebibyte = CString::new(vec![b'a'; 1 << 20]).unwrap();
    let url = CString::new([b"ws://127.0.0.1/", mebibyte.as_bytes()].concat()).unwrap();
    let data = mebibyte.as_ptr().cast();
    let (mut conn, mut part, mut size) = (null_mut(), null(), 0);
    let (part, size) = (&raw mut part, &raw mut size);
    // SAFETY: good pointers; a length that no object has is refused unread.
    unsafe {
        for send in [
            wsc_conn_send,
            wsc_conn_send_text,
            wsc_conn_send_binary,
            wsc_conn_ping,
            wsc_conn_pong,
        ] {
            assert_eq!(send(h.conn, data, usize::MAX), WSC_ERR_INVALID);
        }
        assert_eq!(
            wsc_conn_close(h.conn, 1000, data, usize::MAX),
            WSC_ERR_INVALID
        );
        let name = c"X".as_ptr();
        assert_eq!(
            wsc_http_header(data, usize::MAX, name, 0, part, size),
            WSC_ERR_INVALID
        );
        let status = wsc_http_header_at(data, usize::MAX, 0, part, size, part, size);
        assert_eq!(status, WSC_ERR_INVALID);
        assert_eq!(
            wsc_http_status_line(data, usize::MAX, part, size),
            WSC_ERR_INVALID
        );

        // Just over each limit.
        assert_eq!(wsc_conn_ping(h.conn, data, 126), WSC_ERR_TOO_BIG);
        assert_eq!(wsc_conn_pong(h.conn, data, 126), WSC_ERR_TOO_BIG);
        assert_eq!(
            wsc_conn_close(h.conn, 1000, data, 124),
            WSC_ERR_CLOSE_REASON
        );
        assert_eq!(wsc_conn_close(h.conn, 0, data, 1), WSC_ERR_CLOSE_REASON);
        assert_eq!(wsc_conn_set_max_message_size(h.conn, 1000), WSC_OK);
        for send in [wsc_conn_send, wsc_conn_send_text, wsc_conn_send_binary] {
            assert_eq!(send(h.conn, data, 1001), WSC_ERR_TOO_BIG);
        }
        assert_eq!(wsc_conn_buffered_amount(h.conn), 0);
        assert_eq!(wsc_conn_set_send_queue_limit(h.conn, 500), WSC_OK);
        assert_eq!(wsc_conn_send(h.conn, data, 1000), WSC_OK);
        for send in [wsc_conn_send, wsc_conn_send_text, wsc_conn_send_binary] {
            assert_eq!(send(h.conn, data, 1), WSC_ERR_QUEUE_FULL);
        }

        // Long text is refused or taken, and nothing else.
        let long = mebibyte.as_ptr();
        for status in [
            wsc_conn_new(h.event_loop, url.as_ptr(), &mut conn),
            wsc_conn_set_url(h.conn, url.as_ptr()),
        ] {
            assert!([WSC_OK, WSC_ERR_URL].contains(&status), "{status:?}");
        }
        wsc_conn_free(conn);
        assert_eq!(wsc_conn_set_url(h.conn, long), WSC_ERR_URL);
        assert_eq!(wsc_conn_set_header(h.conn, long, long), WSC_OK);
        assert_eq!(wsc_conn_add_header(h.conn, long, long), WSC_OK);
        assert_eq!(wsc_conn_set_subprotocols(h.conn, long), WSC_OK);
        assert_eq!(wsc_conn_set_origin(h.conn, long), WSC_OK);
        let head = HEAD.as_ptr().cast();
        assert_eq!(
            wsc_http_header(head, HEAD.len(), long, 0, part, size),
            WSC_ERR_NOT_FOUND
        );
        assert_eq!(
            wsc_http_header(head, HEAD.len(), name, usize::MAX, part, size),
            WSC_ERR_NOT_FOUND
        );
        let status = wsc_http_header_at(head, HEAD.len(), usize::MAX, part, size, part, size);
        assert_eq!(status, WSC_ERR_NOT_FOUND);
        assert_eq!(
            wsc_http_header(data, 1 << 20, name, 0, part, size),
            WSC_ERR_NOT_FOUND
        );
    }
}

/// What each function answers on a connection in that state, where it is not OK.
fn expected(state: wsc_state_t, name: &str) -> Answer {
    let is_send = name.starts_with("wsc_conn_send");
    match (name, state) {
        ("wsc_conn_connect", WSC_STATE_CONNECTING | WSC_STATE_OPEN | WSC_STATE_CLOSING) => {
            Status(WSC_ERR_STATE)
        }
        (_, WSC_STATE_CLOSING | WSC_STATE_CLOSED) if is_send => Status(WSC_ERR_STATE),
        ("wsc_conn_ping" | "wsc_conn_pong", WSC_STATE_OPEN) => Status(WSC_OK),
        ("wsc_conn_ping" | "wsc_conn_pong", _) => Status(WSC_ERR_STATE),
        ("wsc_conn_close" | "wsc_conn_abort", WSC_STATE_INITIAL | WSC_STATE_CLOSED) => {
            Status(WSC_ERR_STATE)
        }
        ("wsc_conn_peer_address" | "wsc_conn_local_address", WSC_STATE_INITIAL) => {
            Status(WSC_ERR_NOT_FOUND)
        }
        // The silent server chose none.
        ("wsc_conn_subprotocol" | "wsc_conn_extensions", _) => Status(WSC_ERR_NOT_FOUND),
        ("wsc_conn_state", WSC_STATE_CLOSED) => Nothing,
        ("wsc_loop_free" | "wsc_conn_free" | "wsc_conn_buffered_amount", _) => Nothing,
        ("wsc_version" | "wsc_abi_version" | "wsc_status_str", _) => Something,
        ("wsc_loop_fd" | "wsc_conn_id" | "wsc_conn_state", _) => Something,
        _ => Status(WSC_OK),
    }
}

const STATES: [wsc_state_t; 6] = [
    WSC_STATE_INITIAL,
    WSC_STATE_CONNECTING,
    WSC_STATE_OPEN,
    WSC_STATE_CLOSING,
    WSC_STATE_CLOSED,
    WSC_STATE_WAITING,
];

/// The second answer tells that the first call did no harm.
#[test]
fn each_state_and_twice() {
    bounded(|| {
        let peers = Peers::new();
        for state in STATES {
            for (name, function) in functions() {
                let mut h = Handles::in_state(state, &peers);
                let answer = call(name, function, &mut h);
                // The close frame may still be on its way.
                if name != "wsc_conn_buffered_amount" {
                    assert_eq!(answer, expected(state, name), "{name} in {state:?}");
                }
                if !h.event_loop.is_null() {
                    let answer = call(name, function, &mut h);
                    assert_ne!(answer, Status(WSC_ERR_PANIC), "{name} twice in {state:?}");
                }
            }
        }
    });
}

#[test]
fn twice_is_as_once_or_says_why() {
    for (name, function) in functions() {
        let mut h = Handles::idle();
        let first = function(&mut h);
        let second = function(&mut h);
        let expected = match name {
            "wsc_conn_connect" => Status(WSC_ERR_STATE),
            // Freed by the first call, so these were NULL.
            "wsc_loop_free" | "wsc_conn_free" => Nothing,
            _ => first,
        };
        assert_eq!(second, expected, "{name}");
    }
}

#[test]
fn after_the_loop_was_freed() {
    bounded(|| {
        let peers = Peers::new();
        for state in STATES {
            for (name, function) in functions()
                .into_iter()
                .filter(|(name, _)| !name.starts_with("wsc_loop_"))
            {
                let mut h = Handles::in_state(state, &peers);
                // SAFETY: good, and not used again.
                unsafe { wsc_loop_free(mem::replace(&mut h.event_loop, null_mut())) };
                let expected = match name {
                    "wsc_conn_new" => Status(WSC_ERR_NULL),
                    "wsc_conn_counter" => Status(WSC_OK),
                    "wsc_conn_peer_address" | "wsc_conn_local_address" => Status(WSC_ERR_NOT_FOUND),
                    "wsc_conn_subprotocol" | "wsc_conn_extensions" => Status(WSC_ERR_NOT_FOUND),
                    "wsc_conn_state" => Nothing,
                    "wsc_conn_free" | "wsc_conn_buffered_amount" => Nothing,
                    "wsc_conn_id" => Something,
                    _ if needs_handle(name) => Status(WSC_ERR_STATE),
                    _ => function(&mut Handles::none()),
                };
                assert_eq!(function(&mut h), expected, "{name} after {state:?}");
            }
        }
    });
}

/// What a callback gets as its userdata.
struct Inside {
    handles: Handles,
    name: &'static str,
    function: Call,
    callbacks: wsc_callbacks_t,
    answer: Answer,
    again: Answer,
    done: std::sync::mpsc::Sender<()>,
}

unsafe extern "C" fn call_inside(
    conn: *mut wsc_conn_t,
    _: *const wsc_event_t,
    inside: *mut c_void,
) {
    // SAFETY: `inside_a_callback` gave it, and waits for the end of this.
    let inside = unsafe { &mut *inside.cast::<Inside>() };
    assert_eq!(conn, inside.handles.conn);
    inside.answer = (inside.function)(&mut inside.handles);
    if !inside.handles.event_loop.is_null() && !inside.handles.conn.is_null() {
        inside.again = (inside.function)(&mut inside.handles);
    }
    inside.done.send(()).unwrap();
}

#[test]
fn inside_a_callback() {
    bounded(|| {
        let peers = Peers::new();
        for callbacks in [WSC_CALLBACKS_ON_DISPATCH, WSC_CALLBACKS_ON_THREAD] {
            for (name, function) in functions() {
                let (done, is_done) = std::sync::mpsc::channel();
                let mut inside = Inside {
                    handles: Handles::new(callbacks, &peers.silent_url),
                    name,
                    function,
                    callbacks,
                    answer: Nothing,
                    again: Nothing,
                    done,
                };
                run_inside(&raw mut inside, &is_done);
                let expected = match (name, callbacks) {
                    ("wsc_loop_run", _) => Status(WSC_ERR_BUSY),
                    ("wsc_loop_dispatch" | "wsc_loop_poll", WSC_CALLBACKS_ON_DISPATCH) => {
                        Status(WSC_ERR_BUSY)
                    }
                    ("wsc_loop_dispatch" | "wsc_loop_poll", WSC_CALLBACKS_ON_THREAD) => {
                        Status(WSC_ERR_MODE)
                    }
                    _ => expected(WSC_STATE_OPEN, name),
                };
                assert_eq!(inside.answer, expected, "{name} with {callbacks:?}");
                assert_ne!(
                    inside.again,
                    Status(WSC_ERR_PANIC),
                    "{name} twice with {callbacks:?}"
                );
            }
        }
    });
}

/// Connects, and lets the handshake's callback make the call.
fn run_inside(inside: *mut Inside, is_done: &std::sync::mpsc::Receiver<()>) {
    // SAFETY: the callback uses `inside` while this only waits; both handles are
    // read before it can run.
    unsafe {
        let (event_loop, conn) = ((*inside).handles.event_loop, (*inside).handles.conn);
        let callbacks = (*inside).callbacks;
        assert_eq!(
            wsc_conn_on_handshake(conn, Some(call_inside), inside.cast()),
            WSC_OK
        );
        assert_eq!(wsc_conn_connect(conn), WSC_OK);
        match callbacks {
            WSC_CALLBACKS_ON_THREAD => is_done.recv_timeout(DEADLINE).unwrap(),
            WSC_CALLBACKS_ON_DISPATCH => {
                while is_done.try_recv().is_err() {
                    assert_eq!(
                        wsc_loop_dispatch(event_loop, 1000),
                        WSC_OK,
                        "{}",
                        (*inside).name
                    );
                }
            }
        }
    }
}

#[test]
fn from_several_threads() {
    bounded(|| {
        let peers = Peers::new();
        for callbacks in [WSC_CALLBACKS_ON_DISPATCH, WSC_CALLBACKS_ON_THREAD] {
            let h = Handles::new(callbacks, &peers.silent_url);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for (name, function) in (0..25).flat_map(|_| functions()) {
                            let mut h = h.alias();
                            if !["wsc_loop_run", "wsc_loop_free", "wsc_conn_free"].contains(&name) {
                                assert_ne!(function(&mut h), Status(WSC_ERR_PANIC), "{name}");
                            }
                        }
                    });
                }
            });
        }
    });
}

/// A child that does not end in time is a deadlock.
fn in_child(test: impl FnOnce() -> Result<(), &'static str>) {
    let mut ends = [0; 2];
    // SAFETY: an array of two, as `pipe` wants.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the child calls the library, which promises to work there, and
    // neither returns nor unwinds into the test.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
        let text = match result {
            Ok(Ok(())) => "ok",
            Ok(Err(name)) => name,
            Err(_) => "panic",
        };
        // SAFETY: `text` has that many bytes.
        unsafe {
            libc::write(ends[1], text.as_ptr().cast(), text.len());
            libc::_exit(0);
        }
    }
    assert!(support::readable(ends[0], DEADLINE), "the child hangs");
    let mut text = [0; 64];
    // SAFETY: the buffer has that many bytes; the child and the ends are ours.
    let text = unsafe {
        let len = libc::read(ends[0], text.as_mut_ptr().cast(), text.len());
        libc::waitpid(child, null_mut(), 0);
        libc::close(ends[0]);
        libc::close(ends[1]);
        &text[..usize::try_from(len).unwrap()]
    };
    assert_eq!(String::from_utf8_lossy(text), "ok");
}

#[test]
fn after_a_fork() {
    alone("after_a_fork", || {
        let peers = Peers::new();
        for state in STATES {
            let h = Handles::in_state(state, &peers);
            in_child(|| {
                let mut h = h.alias();
                let (frees, others): (Vec<_>, Vec<_>) = functions()
                    .into_iter()
                    .partition(|(name, _)| name.ends_with("_free"));
                for (name, function) in others {
                    let expected = match name {
                        "wsc_loop_fd" | "wsc_conn_buffered_amount" => Nothing,
                        "wsc_conn_on_free" => Status(WSC_ERR_FORKED),
                        _ if !needs_handle(name) || name == "wsc_conn_id" => continue,
                        "wsc_conn_state" => expected(state, name),
                        _ => Status(WSC_ERR_FORKED),
                    };
                    if function(&mut h) != expected {
                        return Err(name);
                    }
                }
                for (_, free) in frees {
                    free(&mut h);
                }
                Ok(())
            });
            // The parent's loop and connection did not notice.
            assert_eq!(h.state(), state);
            let all = functions();
            for name in ["wsc_conn_send", "wsc_loop_flush", "wsc_conn_abort"] {
                let answer = all[name](&mut h.alias());
                assert_eq!(answer, self::expected(state, name), "{name} in {state:?}");
            }
            if [WSC_STATE_CONNECTING, WSC_STATE_OPEN, WSC_STATE_CLOSING].contains(&state) {
                h.poll_until_type(wsc_event_type_t::WSC_EVENT_CLOSE);
            }
        }
    });
}
