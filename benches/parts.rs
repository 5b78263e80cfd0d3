//! What the library itself does to the bytes of a message, without sockets, each
//! beside a copy of as many bytes: `cargo bench`, or `make bench-micro`.

use std::fmt;
use std::hint::black_box;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, bench};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use wsc::config::{Config, Deflate};
use wsc::parts::{Agreement, Deflater, Input, Reader, append_frame};

const SIZES: [usize; 4] = [64, 1024, 64 * 1024, 1024 * 1024];

/// Frames are parsed as the socket gives them: so many bytes at a time.
const READ: usize = 64 * 1024;

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

fn main() {
    divan::main();
}

#[bench(args = SIZES)]
fn memcpy(bencher: Bencher, size: usize) {
    let from = vec![b'x'; size];
    let mut to = vec![0; size];
    bencher
        .counter(BytesCount::new(size))
        .bench_local(|| black_box(&mut to).copy_from_slice(black_box(&from)));
}

/// Framing and masking, into memory that is there.
#[bench(args = SIZES)]
fn frame(bencher: Bencher, size: usize) {
    let payload = vec![b'x'; size];
    let mut target = Vec::with_capacity(size + 64);
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        target.clear();
        append_frame(&mut target, header(), black_box(&payload), MASK);
    });
}

fn header() -> FrameHeader {
    FrameHeader {
        opcode: OpCode::Data(Data::Binary),
        ..FrameHeader::default()
    }
}

#[derive(Clone, Copy)]
enum Text {
    Ascii,
    Mixed,
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Text::Ascii => "ASCII",
            Text::Mixed => "mixed",
        })
    }
}

impl Text {
    fn of_len(self, len: usize) -> String {
        let pattern = match self {
            Text::Ascii => "The price of a message is what it keeps from the others. ",
            Text::Mixed => "Der Preis einer Nachricht – 價格 – ist, was sie den übrigen nimmt. ",
        };
        let mut text = pattern.repeat(len / pattern.len() + 1);
        while text.len() > len {
            text.pop();
        }
        text
    }
}

/// The check of the standard library, which the library uses.
#[bench(args = [Text::Ascii, Text::Mixed], consts = SIZES)]
fn utf8<const SIZE: usize>(bencher: Bencher, text: Text) {
    let text = text.of_len(SIZE);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| std::str::from_utf8(black_box(text.as_bytes())).is_ok());
}

/// From frames to the events that are delivered, in reads of 64 KiB.
#[bench(args = SIZES)]
fn parse_binary(bencher: Bencher, size: usize) {
    parse(bencher, 0x82, &vec![b'x'; size]);
}

#[bench(args = SIZES)]
fn parse_text(bencher: Bencher, size: usize) {
    parse(bencher, 0x81, Text::Ascii.of_len(size).as_bytes());
}

fn parse(bencher: Bencher, first: u8, payload: &[u8]) {
    let config = Config::new("ws://127.0.0.1/").expect("a URL");
    let frame = unmasked_frame(first, payload);
    let count = (READ / frame.len()).max(1);
    let wire = frame.repeat(count);
    let mut reader = Reader::new(&config, None);
    bencher
        .counter(ItemsCount::new(count))
        .counter(BytesCount::new(count * payload.len()))
        .bench_local(|| {
            for read in wire.chunks(READ) {
                receive(&mut reader, read);
            }
        });
}

/// Compressed at the default level, with one context for all messages.
#[bench(args = [64, 512, 4096])]
fn deflate(bencher: Bencher, size: usize) {
    let (settings, agreement) = compression();
    let messages = messages(size);
    let mut deflater = Deflater::new(&settings, &agreement);
    bencher
        .counter(ItemsCount::new(messages.len()))
        .counter(BytesCount::new(messages.len() * size))
        .bench_local(|| {
            for message in &messages {
                black_box(deflater.deflate(message.as_bytes(), true).unwrap());
            }
        });
}

#[bench(args = [64, 512, 4096])]
fn inflate(bencher: Bencher, size: usize) {
    let (settings, agreement) = compression();
    let config = Config::new("ws://127.0.0.1/").expect("a URL");
    let messages = messages(size);
    let mut deflater = Deflater::new(&settings, &agreement);
    let wire: Vec<u8> = messages
        .iter()
        .map(|message| deflater.deflate(message.as_bytes(), true).unwrap())
        .flat_map(|payload| unmasked_frame(0xC1, &payload))
        .collect();
    let mut reader = Reader::new(&config, Some(&agreement));
    bencher
        .counter(ItemsCount::new(messages.len()))
        .counter(BytesCount::new(messages.len() * size))
        .bench_local(|| {
            for read in wire.chunks(READ) {
                receive(&mut reader, read);
            }
        });
}

/// Takes all that comes of the bytes, as the session does turn after turn.
fn receive(reader: &mut Reader, bytes: &[u8]) {
    let mut take = |event| drop(black_box(event));
    let mut result = reader.receive(Input::Borrowed(bytes), &mut take);
    while result.is_ok() && reader.is_held() {
        result = reader.receive(Input::Borrowed(&[]), &mut take);
    }
    assert!(result.is_ok(), "the frames are right");
}

fn compression() -> (Deflate, Agreement) {
    let settings = Deflate {
        enabled: true,
        ..Deflate::default()
    };
    let agreement = Agreement::read("permessage-deflate", &settings).expect("an answer");
    (settings, agreement)
}

/// Messages like those of a market's feed, cut to one length.
fn messages(size: usize) -> Vec<String> {
    (0..64)
        .map(|number: usize| {
            let mut text = format!("{{\"channel\":\"trades\",\"sequence\":{number},\"trades\":[");
            for trade in 0.. {
                if text.len() >= size {
                    break;
                }
                let noise = (number * 7919 + trade * 104_729) % 100_003;
                text += &format!(
                    "{{\"id\":{},\"price\":\"4{noise:05}.{:02}\",\"side\":\"buy\"}},",
                    4_503_599_000 + noise,
                    noise % 97
                );
            }
            text.truncate(size);
            text
        })
        .collect()
}

/// As servers send them.
fn unmasked_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len @ 126..=0xFFFF => {
            frame.push(126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}
