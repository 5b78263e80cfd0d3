//! What RFC 6455 and RFC 7692 demand of a client, through the C ABI, against a
//! scripted server. Each case bears the section that it is about, and runs with
//! its bytes whole, split at every position, and one at a time.
//!
//! SAFETY of the calls in all these files: handles are those of a `Client` that
//! lives, buffers and texts are there for the length of the call.

#[path = "../support/mod.rs"]
mod support;

mod compression;
mod frames;
mod handshake;
mod sending;

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};
use std::time::Instant;

use support::{DEADLINE, Frame, Peer, Server, op};
use wsc::ffi::wsc_callbacks_t::WSC_CALLBACKS_ON_DISPATCH;
use wsc::ffi::wsc_event_type_t::*;
use wsc::ffi::wsc_status_t::WSC_OK;
use wsc::ffi::*;

/// One thing that a server does, and what must come of it.
struct Case {
    /// Begins with the RFC and the section.
    name: &'static str,
    set_up: fn(*mut wsc_conn_t),
    /// The answer to the request, if the case is about that; else a good one with
    /// these header lines.
    answer: Answer,
    /// What follows the answer.
    wire: Vec<u8>,
    /// The events, and behind `>` the frames that the server gets.
    expected: String,
}

enum Answer {
    Good(&'static str),
    /// Made from the request.
    Own(Box<dyn Fn(&str) -> String>),
}

impl Case {
    /// Frames after a good answer.
    fn frames(name: &'static str, frames: &[Frame], expected: &str) -> Case {
        Case {
            name,
            set_up: |_| {},
            answer: Answer::Good(""),
            wire: frames.iter().flat_map(Frame::bytes).collect(),
            expected: expected.to_owned(),
        }
    }

    /// The same, ended in order by the server: nothing is wrong with them.
    fn good(name: &'static str, frames: &[Frame], expected: &str) -> Case {
        let close = Frame::close(1000, "");
        let frames = [frames, &[close]].concat();
        Case::frames(name, &frames, expected).ending("close 1000 clean by peer", "close 1000")
    }

    /// The same, that the client must fail with this close code.
    fn bad(name: &'static str, frames: &[Frame], code: u16) -> Case {
        Case::frames(name, frames, "").failing(code)
    }

    fn failing(self, code: u16) -> Case {
        let events = format!("error, close {code} unclean");
        self.ending(&events, &format!("close {code}"))
    }

    fn ending(mut self, event: &str, frame: &str) -> Case {
        let (events, frames) = match self.expected.split_once(" > ") {
            Some((events, frames)) => (events, format!("{frames}, {frame}")),
            None => (self.expected.as_str(), frame.to_owned()),
        };
        let separator = if events.is_empty() { "" } else { ", " };
        self.expected = format!("{events}{separator}{event} > {frames}");
        self
    }

    fn with(self, set_up: fn(*mut wsc_conn_t), header_lines: &'static str) -> Case {
        Case {
            set_up,
            answer: Answer::Good(header_lines),
            ..self
        }
    }
}

/// A client on a loop of its own, driven by polling.
struct Client {
    event_loop: *mut wsc_loop_t,
    conn: *mut wsc_conn_t,
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

impl Client {
    fn new(server: &Server) -> Client {
        let (mut event_loop, mut conn) = (null_mut(), null_mut());
        let url = CString::new(server.url()).unwrap();
        // SAFETY: good arguments.
        unsafe {
            assert_eq!(
                wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH as i32, &mut event_loop),
                WSC_OK
            );
            assert_eq!(wsc_conn_new(event_loop, url.as_ptr(), &mut conn), WSC_OK);
        }
        Client { event_loop, conn }
    }

    /// Connects; the request is there when this returns.
    fn connect(&self, server: &Server) -> (Peer, String) {
        // SAFETY: a good handle.
        assert_eq!(unsafe { wsc_conn_connect(self.conn) }, WSC_OK);
        self.until("connect");
        let mut peer = server.accept();
        let request = peer.read_request();
        (peer, request)
    }

    /// The next events as words, without waiting longer than that.
    fn poll(&self, timeout_ms: i32) -> Vec<String> {
        let (mut events, mut count) = ([NO_EVENT; 16], 0);
        // SAFETY: room for 16 events.
        let status = unsafe {
            wsc_loop_poll(
                self.event_loop,
                events.as_mut_ptr(),
                16,
                timeout_ms,
                &mut count,
            )
        };
        assert_eq!(status, WSC_OK);
        events[..count].iter().map(describe).collect()
    }

    /// The events up to one that begins so.
    fn until(&self, last: &str) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        let mut events: Vec<String> = Vec::new();
        while !events.last().is_some_and(|event| event.starts_with(last)) {
            assert!(Instant::now() < deadline, "no {last} after {events:?}");
            events.extend(self.poll(1000));
        }
        events
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: good handles, not used again.
        unsafe {
            wsc_conn_free(self.conn);
            wsc_loop_free(self.event_loop);
        }
    }
}

fn payload(data: &[u8]) -> String {
    match data.len() {
        ..=20 => String::from_utf8_lossy(data).into_owned(),
        len => format!("{len} bytes"),
    }
}

fn describe(event: &wsc_event_t) -> String {
    // SAFETY: it was just polled.
    let data = match event.data.is_null() {
        true => &[],
        false => unsafe { std::slice::from_raw_parts(event.data.cast::<u8>(), event.len) },
    };
    let is = |event_type: wsc_event_type_t| event.r#type == event_type as i32;
    if is(WSC_EVENT_CONNECT) {
        "connect".into()
    } else if is(WSC_EVENT_HANDSHAKE) {
        "handshake".into()
    } else if is(WSC_EVENT_MESSAGE) {
        let kind = ["", "text", "binary"][event.message_type as usize];
        assert_eq!(event.part, 0);
        format!("{kind} {}", payload(data))
    } else if is(WSC_EVENT_PING) {
        format!("ping {}", payload(data))
    } else if is(WSC_EVENT_PONG) {
        format!("pong {}", payload(data))
    } else if is(WSC_EVENT_ERROR) {
        assert!(!data.is_empty(), "an error without a text");
        "error".into()
    } else {
        assert!(is(WSC_EVENT_CLOSE), "event {}", event.r#type);
        let clean = ["unclean", "clean"][event.clean as usize];
        let by_peer = ["", " by peer"][event.by_peer as usize];
        format!("close {} {clean}{by_peer}", event.code)
    }
}

fn describe_frame(frame: &Frame) -> String {
    assert!(frame.mask.is_some(), "a client masks all frames");
    let payload = payload(&frame.payload);
    match frame.opcode {
        op::TEXT => format!("text {payload}"),
        op::PING => format!("ping {payload}"),
        op::PONG => format!("pong {payload}"),
        op::CLOSE => match frame.close_code() {
            Some((code, _)) => format!("close {code}"),
            None => "close".into(),
        },
        opcode => format!("opcode {opcode} {payload}"),
    }
}

/// What comes of a case when its bytes arrive cut at these places.
fn run(server: &Server, case: &Case, cuts: &dyn Fn(usize) -> Vec<usize>) -> String {
    let client = Client::new(server);
    (case.set_up)(client.conn);
    let (mut peer, request) = client.connect(server);
    let mut events = Vec::new();
    let wire = match &case.answer {
        Answer::Good(header_lines) => {
            peer.write(Peer::answer(&request, header_lines));
            client.until("handshake");
            case.wire.clone()
        }
        Answer::Own(answer) => [answer(&request).as_bytes(), &case.wire].concat(),
    };
    let mut start = 0;
    for end in cuts(wire.len()).into_iter().chain([wire.len()]) {
        if !peer.try_write(&wire[start..end]) {
            break;
        }
        start = end;
        while let more @ [_, ..] = &client.poll(0)[..] {
            events.extend_from_slice(more);
        }
    }
    peer.half_close();
    if !events.iter().any(|event| event.starts_with("close")) {
        events.extend(client.until("close"));
    }
    let frames: Vec<_> = std::iter::from_fn(|| peer.try_frame())
        .map(|frame| describe_frame(&frame))
        .collect();
    let transcript = format!("{} > {}", events.join(", "), frames.join(", "));
    transcript.trim_end_matches(" > ").to_owned()
}

/// Longer cases are cut only near their ends.
const ALL_CUTS: usize = 200;
const NEAR: usize = 30;
/// Longer cases do not run byte by byte.
const BYTE_BY_BYTE: usize = 1000;

fn check(cases: Vec<Case>) -> Vec<&'static str> {
    let server = Server::listen();
    for case in &cases {
        let began = Instant::now();
        let mut runs = 1;
        let assert = |how: &str, cuts: &dyn Fn(usize) -> Vec<usize>| {
            assert_eq!(
                run(&server, case, cuts),
                case.expected,
                "{} ({how})",
                case.name
            );
        };
        assert("whole", &|_| Vec::new());
        let sample = "GET / HTTP/1.1\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n";
        let size = case.wire.len()
            + match &case.answer {
                Answer::Good(_) => 0,
                Answer::Own(answer) => answer(sample).len(),
            };
        for cut in (1..size).filter(|cut| size <= ALL_CUTS || *cut < NEAR || size - cut < NEAR) {
            assert(&format!("cut at {cut}"), &|size| vec![cut.min(size)]);
            runs += 1;
        }
        if size <= BYTE_BY_BYTE {
            assert("byte by byte", &|size| (1..size).collect());
            runs += 1;
        }
        println!("{}: {runs} runs, {:?}", case.name, began.elapsed());
    }
    cases.iter().map(|case| case.name).collect()
}

/// Asserts that every section with a demand on clients has a case. Sections with
/// one that is not tested here are named with the reason.
fn assert_covers(names: &[&str], sections: &[&str]) {
    for section in sections {
        let has_case = |name: &&str| name.split(':').next() == Some(section);
        assert!(names.iter().any(has_case), "no case is about {section}");
    }
    for name in names {
        let section = name.split(':').next().unwrap();
        assert!(
            sections.contains(&section),
            "{name}: {section} is not on the list"
        );
    }
}

/// Lets a test call a setter in one expression.
fn must(status: wsc_status_t) {
    assert_eq!(status, WSC_OK);
}

fn c_string(write: impl FnOnce(*mut c_char, usize) -> wsc_status_t) -> String {
    let mut buffer = [0_u8; 200];
    must(write(buffer.as_mut_ptr().cast(), buffer.len()));
    let text = std::ffi::CStr::from_bytes_until_nul(&buffer).unwrap();
    text.to_str().unwrap().to_owned()
}
