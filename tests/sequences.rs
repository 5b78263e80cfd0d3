//! Calls in any sequence, whether they make sense or not, while the server does what it
//! likes: attempts are told from beginning to end, and nobody waits for ever.
//!
//! `WSC_SEQUENCES=N` tries N sequences for each way to drive the loop; they come from
//! `WSC_TEST_SEED`.

mod support;

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, DEADLINE, Drive, Frame, Peer, Random, Server, bounded, op};
use wsc::connection::{Connection, State};
use wsc::error::Status;
use wsc::event::{Event, EventKind, EventType, MessageType, Part};
use wsc::reconnect::QueuePolicy;

fn for_each_sequence(play: fn(Drive, &mut Random)) {
    let count = match std::env::var("WSC_SEQUENCES") {
        Ok(count) => count.parse().expect("WSC_SEQUENCES is a number"),
        Err(_) => 15,
    };
    let mut random = Random::new();
    for _ in 0..count {
        for drive in Drive::ALL {
            play(drive, &mut random.fork());
        }
    }
}

/// What was called and told, for the case that something fails.
#[derive(Default)]
struct Trace(Vec<String>);

impl Trace {
    fn note(&mut self, call: String) {
        self.0.push(call);
    }

    fn note_event(&mut self, event: &Event) {
        self.0.push(format!("{event:.100?}"));
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{:#?}", self.0);
        }
    }
}

fn reconnects(client: &Client, random: &mut Random, is_enabled: bool) {
    let keeps = random.below(2) == 0;
    client
        .set_reconnect(|policy| {
            policy.enabled = is_enabled;
            policy.queue = if keeps {
                QueuePolicy::Keep
            } else {
                QueuePolicy::Drop
            };
            policy.set_delays(Duration::from_millis(1), Duration::from_millis(3))
        })
        .unwrap();
}

/// A server that hangs up, leaves, closes or breaks the protocol, or is a good one.
fn moody(mut peer: Peer, mood: u64) {
    if mood == 0 || !peer.try_accept("") {
        return;
    }
    let frames = [Frame::text("a"), Frame::binary("b"), Frame::ping("")];
    peer.try_write(frames.iter().flat_map(Frame::bytes).collect::<Vec<_>>());
    match mood {
        1 => return,
        2 => drop(peer.try_write(Frame::close(1012, "restart").bytes())),
        3 => drop(peer.try_write(Frame::close(1008, "").bytes())),
        4 => drop(peer.try_write(Frame::text("reserved").rsv(4).bytes())),
        _ => {}
    }
    while let Some(frame) = peer.take_frame() {
        if frame.opcode == op::CLOSE {
            peer.try_write(Frame::new(op::CLOSE, frame.payload).bytes());
            return;
        }
    }
}

/// Any call, with whatever it returns.
fn call_anything(client: &Client, random: &mut Random) -> String {
    let connection: &Connection = &client.connection;
    let size = random.below(3000) as usize;
    let (what, result) = match random.below(15) {
        0 => ("connect", connection.connect()),
        1 => ("close", connection.close(1000, b"")),
        2 => ("abort", connection.abort()),
        3 => ("reconnect", connection.reconnect(Duration::ZERO)),
        4 => ("reconnect", connection.reconnect(Duration::from_millis(2))),
        5 => ("cancel", connection.cancel_reconnect()),
        6 => ("pause", connection.pause_recv()),
        7 => ("resume", connection.resume_recv()),
        8 => ("send limit", connection.set_send_queue_limit(1 + size)),
        9 => (
            "receive limit",
            connection.set_receive_queue_limit(1 + size),
        ),
        10 => ("send", connection.send_binary(&vec![1; size])),
        11 => ("ping", connection.ping(b"p")),
        12 if client.host.drive == Drive::Poll => {
            client.host.poll(1, Duration::ZERO);
            ("poll one", Ok(()))
        }
        13 => {
            // The host is busy, and another thread stands in for it.
            thread::sleep(Duration::from_millis(random.below(10)));
            ("be away", Ok(()))
        }
        _ => {
            client.host.turn(Duration::from_millis(random.below(4)));
            ("turn", Ok(()))
        }
    };
    format!("{what}: {result:?}, {:?}", client.state())
}

/// What is promised of the order in which attempts are told.
#[derive(Default)]
struct Order {
    attempt: u32,
    is_closed: bool,
}

impl Order {
    fn check(&mut self, event: &Event) {
        if event.attempt != self.attempt {
            assert_eq!(event.attempt, self.attempt + 1, "{event:?}");
            assert!(
                self.attempt == 0 || self.is_closed,
                "no close before {event:?}"
            );
            (self.attempt, self.is_closed) = (event.attempt, false);
        }
        match event.event_type() {
            // Of what waits for the next attempt, which may be asked for already.
            EventType::BufferFull | EventType::Reconnect => {}
            event_type => {
                assert!(!self.is_closed, "after the close: {event:?}");
                self.is_closed = event_type == EventType::Close;
            }
        }
    }
}

#[test]
fn attempts_are_told_from_beginning_to_end() {
    bounded(|| for_each_sequence(play_with_a_moody_server));
}

fn play_with_a_moody_server(drive: Drive, random: &mut Random) {
    let moods = Mutex::new(random.fork());
    let server = Server::listen().serve(move |peer| {
        let mood = moods.lock().unwrap().below(8);
        moody(peer, mood);
    });
    let client = Client::new(drive, &server.url());
    client
        .set_close_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let is_enabled = random.below(2) == 0;
    reconnects(&client, random, is_enabled);
    let (mut trace, mut order) = (Trace::default(), Order::default());
    for _ in 0..30 {
        trace.note(call_anything(&client, random));
    }
    let mut take = |trace: &mut Trace| {
        let event = client.host.arrived()?;
        trace.note_event(&event);
        order.check(&event);
        Some(event)
    };

    // Whatever it was doing, it can be brought to rest,
    reconnects(&client, random, false);
    client.resume_recv().unwrap();
    let _nothing_to_end = match random.below(2) {
        0 => client.close(1000, b""),
        _ => client.abort(),
    };
    client.cancel_reconnect().unwrap();
    let begun = Instant::now();
    let mut quiet_turns = 0;
    while quiet_turns < 3 || !matches!(client.state(), State::Initial | State::Closed) {
        assert!(begun.elapsed() < DEADLINE, "{:?} for ever", client.state());
        client.host.turn(Duration::from_millis(2));
        quiet_turns += 1;
        while take(&mut trace).is_some() {
            quiet_turns = 0;
        }
    }

    // and connects again.
    client.set_send_queue_limit(1 << 20).unwrap();
    client.connect().unwrap();
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < DEADLINE, "it neither opens nor ends");
        client.host.turn(Duration::from_millis(2));
        let kind = take(&mut trace).map(|event| event.kind);
        match kind {
            Some(EventKind::Handshake { .. }) => {
                let _lost_already = client.close(1000, b"");
            }
            Some(EventKind::Close { .. }) => break,
            _ => {}
        }
    }
    client.free();
    // Nothing is left that a run would wait for.
    client.host.event_loop.run().unwrap();
}

/// A server that reads slowly, and may leave in the middle.
fn slow(mut peer: Peer, mut random: Random, header_lines: &str) {
    if !peer.try_accept(header_lines) {
        return;
    }
    peer.try_write(
        [Frame::ping(""), Frame::ping("x")]
            .iter()
            .flat_map(Frame::bytes)
            .collect::<Vec<_>>(),
    );
    let stays = random.below(3) > 0;
    let mut reads = 5 + random.below(60);
    while (stays || reads > 0) && peer.says_more() {
        peer.forget_input();
        thread::sleep(Duration::from_millis(random.below(4)));
        reads = reads.saturating_sub(1);
    }
}

/// What a writer knows that waits when it is refused.
#[derive(Default)]
struct Writer {
    /// The last word on the queue; nothing, where a close came between.
    is_full: Option<bool>,
    /// It was refused, and has not heard that it may go on.
    waits: bool,
    /// A message has begun that lacks its end.
    is_within: bool,
}

impl Writer {
    fn hear(&mut self, event: &Event) {
        match event.event_type() {
            EventType::BufferFull => {
                assert_ne!(self.is_full, Some(true), "told twice");
                self.is_full = Some(true);
            }
            EventType::BufferDrain => {
                assert_ne!(self.is_full, Some(false), "it was not full");
                (self.is_full, self.waits) = (Some(false), false);
            }
            EventType::Close => (self.is_full, self.waits) = (None, false),
            _ => {}
        }
    }

    fn send(&mut self, client: &Client, random: &mut Random, data: &[u8]) -> String {
        let part = match (self.is_within, random.below(3)) {
            (true, 0) => Part::Last,
            (true, _) => Part::More,
            (false, 0) => Part::First,
            (false, _) => Part::Whole,
        };
        let size = random.below(60_000) as usize;
        let result = client.send_message(MessageType::Binary, part, true, &data[..size]);
        match result {
            Ok(()) => self.is_within = matches!(part, Part::First | Part::More),
            // What had begun may have been lost with its connection.
            Err(Status::State) => self.is_within = false,
            Err(status) => {
                assert_eq!(status, Status::QueueFull);
                self.waits = true;
            }
        }
        format!("send {part:?} of {size}: {result:?}")
    }
}

#[test]
fn whoever_is_refused_hears_of_room() {
    bounded(|| for_each_sequence(play_with_a_slow_server));
}

fn play_with_a_slow_server(drive: Drive, random: &mut Random) {
    let deflates = random.below(2) == 0;
    let header_lines = match deflates {
        true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        false => "",
    };
    let listener = Server::listen();
    listener.shrink_receive_buffer();
    let seeds = Mutex::new(random.fork());
    let server = listener.serve(move |peer| {
        let random = seeds.lock().unwrap().fork();
        slow(peer, random, header_lines);
    });
    let client = Client::new(drive, &server.url());
    client.set_deflate(deflates).unwrap();
    client.set_send_queue_limit(1 << 18).unwrap();
    reconnects(&client, random, true);
    let data: Vec<u8> = (0..600_000_u32)
        .map(|i| (i.wrapping_mul(i) >> 9) as u8)
        .collect();
    for _ in 0..random.below(3) {
        let size = random.below(100_000) as usize;
        client
            .add_prologue(MessageType::Binary, &data[..size])
            .unwrap();
    }
    client.connect().unwrap();
    let (mut trace, mut writer) = (Trace::default(), Writer::default());
    for _ in 0..100 {
        let what = match random.below(11) {
            0..=4 => writer.send(&client, random, &data),
            5 => format!("ping: {:?}", client.ping(&[0; 125])),
            6 => {
                let limit = 1 + random.below(300_000) as usize;
                client.set_send_queue_limit(limit).unwrap();
                format!("limit {limit}")
            }
            7 => format!("flush: {:?}", client.flush()),
            _ => {
                client.host.turn(Duration::from_millis(random.below(5)));
                "turn".into()
            }
        };
        trace.note(what);
        while let Some(event) = client.host.arrived() {
            trace.note_event(&event);
            writer.hear(&event);
        }
    }
    let begun = Instant::now();
    while writer.waits {
        assert!(begun.elapsed() < DEADLINE, "no word of room");
        client.host.turn(Duration::from_millis(2));
        while let Some(event) = client.host.arrived() {
            trace.note_event(&event);
            writer.hear(&event);
        }
        // With a thread of its own the loop may have told it before the refusal was noted.
        if drive == Drive::Thread && client.buffered_amount() == 0 {
            writer.waits = false;
        }
    }
    // There is room, then: what has begun can be ended.
    let begun = Instant::now();
    while writer.is_within && client.state() == State::Open {
        assert!(begun.elapsed() < DEADLINE, "there is never room");
        trace.note(writer.send(&client, random, &data));
        client.host.turn(Duration::from_millis(2));
        while let Some(event) = client.host.arrived() {
            writer.hear(&event);
        }
    }
}
