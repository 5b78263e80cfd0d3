//! A server's bytes straight into the reader, without a socket: in one piece that
//! the messages share, in others that they copy, and where nothing is compressed,
//! against a model.

use std::ops::ControlFlow;

use wsc::config::Config;
use wsc::event::{Bytes, Event, EventKind, KindRef, MessageType};
use wsc::parts::{Agreement, Input, Reader};

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
    let lent = Bytes::copy_from_slice(wire);
    let (whole, whole_ends) = read(*options, [Input::Lent(&lent)]);
    let (split, split_ends) = read(*options, Pieces(wire, sizes(*seed)).map(Input::Borrowed));
    assert_eq!(whole_ends, split_ends, "the pieces decide whether it fails");
    assert_eq!(whole, split, "the pieces make a difference");
    if options & DEFLATE == 0 {
        assert_eq!((whole, whole_ends), model(wire), "the model says otherwise");
    }
}

/// What came, and whether it ended with a violation.
fn read<'a>(options: u8, wire: impl IntoIterator<Item = Input<'a>>) -> (Vec<Told>, bool) {
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
    for input in wire {
        let mut result = reader.receive(input, &mut |kind| story.take(kind));
        while result.is_ok() && reader.is_held() {
            result = reader.receive(Input::Borrowed(&[]), &mut |kind| story.take(kind));
        }
        if result.is_err() {
            return (story.told, true);
        }
        reader.hand_out(&mut |kind| story.take(kind));
    }
    (story.told, false)
}

/// The rest of some bytes, in pieces of the sizes that the function says.
struct Pieces<'a, F>(&'a [u8], F);

impl<'a, F: FnMut() -> usize> Iterator for Pieces<'a, F> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Pieces(left, size) = self;
        (!left.is_empty()).then(|| {
            let (piece, rest) = left.split_at(size().clamp(1, left.len()));
            *left = rest;
            piece
        })
    }
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
