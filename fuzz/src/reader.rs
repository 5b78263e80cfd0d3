//! A server's bytes straight into the reader, without a socket: in one piece, in
//! others, and where nothing is compressed, against a model.

use std::ops::ControlFlow;

use wsc::config::Config;
use wsc::event::{Event, EventKind, KindRef, MessageType};
use wsc::parts::{Agreement, Reader};

use crate::client::sizes;
use crate::model::{Told, model};

const DEFLATE: u8 = 1;
const STREAMING: u8 = 2;
const NO_CONTEXT: u8 = 4;
const SMALL_WINDOW: u8 = 8;

/// Of messages and frames. More can be announced than an input has.
pub const LIMIT: usize = 1 << 16;

pub fn run(input: &[u8]) {
    let [options, seed, wire @ ..] = input else {
        return;
    };
    let (whole, whole_ends) = read(*options, wire, || usize::MAX);
    let (split, split_ends) = read(*options, wire, sizes(*seed));
    assert_eq!(whole_ends, split_ends, "the pieces decide whether it fails");
    assert_eq!(whole, split, "the pieces make a difference");
    if options & DEFLATE == 0 {
        assert_eq!((whole, whole_ends), model(wire), "the model says otherwise");
    }
}

/// What came, and whether it ended with a violation.
fn read(options: u8, wire: &[u8], mut sizes: impl FnMut() -> usize) -> (Vec<Told>, bool) {
    let has = |option| options & option != 0;
    let mut config = Config::new("ws://host.test/").unwrap();
    config.streaming = has(STREAMING);
    config.max_message_size = LIMIT;
    config.max_frame_size = LIMIT;
    let agreement = has(DEFLATE).then_some(Agreement {
        client_no_context_takeover: false,
        server_no_context_takeover: has(NO_CONTEXT),
        client_window_bits: 15,
        server_window_bits: if has(SMALL_WINDOW) { 9 } else { 15 },
    });
    let mut reader = Reader::new(&config, agreement.as_ref());
    let mut story = Story::default();
    let mut left = wire;
    let mut fails = false;
    while !left.is_empty() && !fails {
        let (piece, rest) = left.split_at(sizes().clamp(1, left.len()));
        left = rest;
        fails = reader.receive(piece, &mut |kind| story.take(kind)).is_err();
        while reader.is_held() && !fails {
            fails = reader.receive(&[], &mut |kind| story.take(kind)).is_err();
        }
    }
    (story.told, fails)
}

/// Events, with the parts of a message put together.
#[derive(Default)]
struct Story {
    told: Vec<Told>,
    message: Vec<u8>,
}

impl Story {
    fn take(&mut self, kind: EventKind) {
        let event = Event {
            conn_id: 1,
            attempt: 1,
            kind,
        };
        let _all = event.tell(|event| {
            match event.kind {
                KindRef::Message { kind, part, data } => {
                    self.message.extend_from_slice(data);
                    if part.ends() {
                        let message = std::mem::take(&mut self.message);
                        self.told.push(match kind {
                            MessageType::Text => Told::Text(message),
                            MessageType::Binary => Told::Binary(message),
                        });
                    }
                }
                KindRef::Other(EventKind::Ping(data)) => self.told.push(Told::Ping(data.to_vec())),
                KindRef::Other(EventKind::Pong(data)) => self.told.push(Told::Pong(data.to_vec())),
                other => panic!("{other:?}"),
            }
            ControlFlow::Continue(())
        });
    }
}
