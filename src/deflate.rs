//! permessage-deflate (RFC 7692): the offer, its answer, and the compression
//! of either direction. How much may come out of it is the reader's to limit.

use std::collections::TryReserveError;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::config::{Deflate, MAX_WINDOW_BITS, MIN_WINDOW_BITS};
use crate::error::{Failure, Status};

/// What a sender leaves off the end of a message (RFC 7692 §7.2.1).
pub const TAIL: &[u8] = &[0, 0, 0xff, 0xff];

/// The smallest window that zlib's raw format knows. It reads what was made with
/// a smaller one, and cannot write it.
const ZLIB_MIN_WINDOW_BITS: u8 = 9;

/// The value of `Sec-WebSocket-Extensions` in the request.
pub fn offer(settings: &Deflate) -> String {
    let mut offer = String::from("permessage-deflate");
    if settings.server_no_context_takeover {
        offer.push_str("; server_no_context_takeover");
    }
    if settings.client_no_context_takeover {
        offer.push_str("; client_no_context_takeover");
    }
    if settings.server_window_bits < MAX_WINDOW_BITS {
        offer.push_str(&format!(
            "; server_max_window_bits={}",
            settings.server_window_bits
        ));
    }
    // Always there: without it the server could not limit our window.
    offer.push_str("; client_max_window_bits");
    if settings.client_window_bits < MAX_WINDOW_BITS {
        offer.push_str(&format!("={}", settings.client_window_bits));
    }
    offer
}

/// What client and server have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    pub client_no_context_takeover: bool,
    pub server_no_context_takeover: bool,
    pub client_window_bits: u8,
    pub server_window_bits: u8,
}

impl Agreement {
    /// Reads the server's answer to the offer (RFC 7692 §7.1), or says what is
    /// wrong with it.
    pub fn read(answer: &str, settings: &Deflate) -> Result<Agreement, String> {
        let mut items = answer.split(';').map(|item| item.trim_matches([' ', '\t']));
        let name = items.next().unwrap_or_default();
        if name != "permessage-deflate" {
            return Err(format!("chose the extension {name}, which was not offered"));
        }
        let mut agreement = Agreement {
            client_no_context_takeover: settings.client_no_context_takeover,
            server_no_context_takeover: false,
            client_window_bits: settings.client_window_bits,
            server_window_bits: MAX_WINDOW_BITS,
        };
        let mut seen = Vec::new();
        for item in items {
            let (name, value) = match item.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
                None => (item, None),
            };
            if seen.contains(&name) {
                return Err(format!("gave {name} twice"));
            }
            seen.push(name);
            match (name, value) {
                ("client_no_context_takeover", None) => agreement.client_no_context_takeover = true,
                ("server_no_context_takeover", None) => agreement.server_no_context_takeover = true,
                ("client_max_window_bits", Some(value)) => {
                    agreement.client_window_bits =
                        window_bits(item, value, settings.client_window_bits)?;
                }
                ("server_max_window_bits", Some(value)) => {
                    agreement.server_window_bits =
                        window_bits(item, value, settings.server_window_bits)?;
                }
                _ => return Err(format!("gave {item}, which makes no sense")),
            }
        }
        // An accepted limit is repeated in the answer (RFC 7692 §7.1.1.1, §7.1.2.1).
        if settings.server_no_context_takeover && !agreement.server_no_context_takeover {
            return Err("did not take server_no_context_takeover".into());
        }
        if agreement.server_window_bits > settings.server_window_bits {
            return Err("did not take server_max_window_bits".into());
        }
        Ok(agreement)
    }
}

fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// A decimal number without leading zeros, at most the offered one.
fn window_bits(item: &str, value: &str, offered: u8) -> Result<u8, String> {
    (MIN_WINDOW_BITS..=offered)
        .find(|bits| bits.to_string() == value)
        .ok_or_else(|| format!("gave {item}, which was not offered"))
}

/// The outbound direction.
pub struct Deflater {
    level: Compression,
    window_bits: u8,
    keeps_context: bool,
    threshold: usize,
    /// Allocated when first needed.
    context: Option<Compress>,
}

impl Deflater {
    pub fn new(settings: &Deflate, agreement: &Agreement) -> Self {
        Deflater {
            level: Compression::new(settings.level),
            window_bits: agreement.client_window_bits,
            keeps_context: !agreement.client_no_context_takeover,
            threshold: settings.threshold,
            context: None,
        }
    }

    /// Whether compression is possible at all.
    pub fn is_able(&self) -> bool {
        self.window_bits >= ZLIB_MIN_WINDOW_BITS
    }

    /// Whether it is worth its while.
    pub fn is_worth(&self, size: usize) -> bool {
        size >= self.threshold
    }

    /// Compresses the next part of a message (RFC 7692 §7.2.1). Without memory for it the
    /// part may be tried again.
    pub fn deflate(&mut self, payload: &[u8], is_last: bool) -> Result<Vec<u8>, TryReserveError> {
        let result = self.compress(payload);
        if result.is_err() || (is_last && !self.keeps_context) {
            self.forget();
        }
        let mut out = result?;
        if is_last {
            out.truncate(out.len().saturating_sub(TAIL.len()));
            if out.is_empty() {
                // An empty block less its tail (RFC 7692 §7.2.3.6).
                out.push(0);
            }
        }
        Ok(out)
    }

    /// Makes the next part refer to nothing: the peer does not get what was compressed last.
    pub fn forget(&mut self) {
        self.context = None;
    }

    fn compress(&mut self, mut payload: &[u8]) -> Result<Vec<u8>, TryReserveError> {
        const ROOM: usize = 64;
        let context = self.context.get_or_insert_with(|| {
            Compress::new_with_window_bits(self.level, false, self.window_bits)
        });
        let mut out = Vec::new();
        out.try_reserve_exact(payload.len() / 2 + ROOM)?;
        loop {
            // One call takes less than 4 GiB.
            let before = context.total_in();
            context
                .compress_vec(payload, &mut out, FlushCompress::Sync)
                .expect("a sync flush fails only after the end of a stream, and ends none");
            payload = &payload[(context.total_in() - before) as usize..];
            if out.len() == out.capacity() {
                out.try_reserve(out.len().max(ROOM))?;
            } else if payload.is_empty() {
                return Ok(out);
            }
        }
    }

    /// About how many bytes the context holds.
    pub fn memory(&self) -> usize {
        match self.context {
            // zlib.h: the window twice and its links, the hash heads, the pending output.
            Some(_) => (1 << (self.window_bits + 2)) + (256 << 10),
            None => 0,
        }
    }
}

/// The inbound direction.
#[derive(Debug)]
pub struct Inflater {
    window_bits: u8,
    keeps_context: bool,
    /// Allocated when first needed.
    context: Option<Decompress>,
}

impl Inflater {
    pub fn new(agreement: &Agreement) -> Self {
        Inflater {
            window_bits: agreement.server_window_bits.max(ZLIB_MIN_WINDOW_BITS),
            keeps_context: !agreement.server_no_context_takeover,
            context: None,
        }
    }

    /// Appends to `out`: as much as it has room for, which is `room` bytes at least.
    /// Tells whether the input is used up and all that comes of it is out.
    pub fn inflate(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, Failure> {
        let window_bits = self.window_bits;
        let context = self
            .context
            .get_or_insert_with(|| Decompress::new_with_window_bits(false, window_bits));
        out.try_reserve(room)?;
        let (start, room) = (out.len(), out.capacity() - out.len());
        let total_in = context.total_in();
        let result = context.decompress_vec(input, out, FlushDecompress::Sync);
        let read = (context.total_in() - total_in) as usize;
        let written = out.len() - start;
        *input = &input[read..];
        match result {
            // A block with BFINAL set ends its stream, not the message (RFC 7692 §7.2.3.4).
            Ok(flate2::Status::StreamEnd) => {
                context.reset(false);
                Ok(input.is_empty())
            }
            Ok(_) if read > 0 || written > 0 || input.is_empty() => {
                Ok(input.is_empty() && written < room)
            }
            _ => Err(Failure::violation(
                Status::Protocol,
                1007,
                "a compressed message cannot be inflated (RFC 7692 7.2.2)",
            )),
        }
    }

    pub fn message_done(&mut self) {
        if !self.keeps_context {
            self.context = None;
        }
    }

    /// About how many bytes the context holds.
    pub fn memory(&self) -> usize {
        match self.context {
            // zlib.h: the window and the tables.
            Some(_) => (1 << self.window_bits) + (7 << 10),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str, settings: &Deflate) -> Result<Agreement, String> {
        Agreement::read(answer, settings)
    }

    fn settings() -> Deflate {
        Deflate::default()
    }

    fn limited() -> Deflate {
        Deflate {
            client_window_bits: 10,
            server_window_bits: 11,
            client_no_context_takeover: true,
            server_no_context_takeover: true,
            ..settings()
        }
    }

    #[test]
    fn what_follows_a_part_that_does_not_leave_refers_to_nothing_of_it() {
        let agreement = read("permessage-deflate", &settings()).unwrap();
        let mut deflater = Deflater::new(&settings(), &agreement);
        let mut inflater = Inflater::new(&agreement);
        let text = b"what comes again and again is told by its distance".repeat(9);
        deflater.deflate(&text, false).unwrap();
        deflater.forget();
        let compressed = deflater.deflate(&text, true).unwrap();
        let mut input = &[&compressed, TAIL].concat()[..];
        let mut out = Vec::new();
        while !inflater.inflate(&mut input, &mut out, 256).unwrap() {}
        assert_eq!(out, text);
    }

    #[test]
    fn the_offer_names_what_is_limited() {
        assert_eq!(
            offer(&settings()),
            "permessage-deflate; client_max_window_bits"
        );
        assert_eq!(
            offer(&limited()),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=11; client_max_window_bits=10"
        );
    }

    #[test]
    fn answers_within_the_offer_are_taken() {
        let plain = read("permessage-deflate", &settings()).unwrap();
        assert_eq!(
            (plain.client_window_bits, plain.server_window_bits),
            (15, 15)
        );
        let full = read(
            " permessage-deflate ;server_no_context_takeover;\tclient_no_context_takeover; \
             server_max_window_bits=\"8\" ; client_max_window_bits = 9",
            &settings(),
        )
        .unwrap();
        assert_eq!((full.client_window_bits, full.server_window_bits), (9, 8));
        assert!(full.client_no_context_takeover && full.server_no_context_takeover);
        let answer = "permessage-deflate; server_no_context_takeover; server_max_window_bits=11";
        let agreed = read(answer, &limited()).unwrap();
        assert_eq!(agreed.client_window_bits, 10);
        assert!(agreed.client_no_context_takeover);
    }

    #[test]
    fn answers_beyond_the_offer_are_refused() {
        for answer in [
            "",
            "permessage-bzip2",
            "x-webkit-deflate-frame",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate;",
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=010",
            "permessage-deflate; client_max_window_bits=+9",
            "permessage-deflate; client_max_window_bits=\"9",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
        ] {
            assert!(read(answer, &settings()).is_err(), "{answer}");
        }
        for answer in [
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits=11",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=11; \
             client_max_window_bits=11",
        ] {
            assert!(read(answer, &limited()).is_err(), "{answer}");
        }
    }

    fn pair(window_bits: u8, no_takeover: bool) -> (Deflater, Inflater) {
        let agreement = Agreement {
            client_no_context_takeover: no_takeover,
            server_no_context_takeover: no_takeover,
            client_window_bits: window_bits,
            server_window_bits: window_bits,
        };
        (
            Deflater::new(&settings(), &agreement),
            Inflater::new(&agreement),
        )
    }

    fn inflate(inflater: &mut Inflater, data: &[u8], room: usize) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        for mut input in [data, TAIL] {
            while !inflater.inflate(&mut input, &mut out, room)? {}
        }
        inflater.message_done();
        Ok(out)
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn what_is_deflated_is_inflated_again() {
        let text: Vec<u8> = (0..30_000_u32)
            .flat_map(|i| (i % 1000 * i / 7).to_string().into_bytes())
            .collect();
        for window_bits in ZLIB_MIN_WINDOW_BITS..=MAX_WINDOW_BITS {
            for no_takeover in [false, true] {
                let (mut deflater, mut inflater) = pair(window_bits, no_takeover);
                for size in [0, 1, 100, 0, 63, 64, 65, 128, 1000, 100_000, text.len()] {
                    let (start, end) = text[..size].split_at(size / 3);
                    let mut data = deflater.deflate(start, false).unwrap();
                    data.extend(deflater.deflate(end, true).unwrap());
                    assert_eq!(inflate(&mut inflater, &data, 1000).unwrap(), &text[..size]);
                    let whole = deflater.deflate(&text[..size], true).unwrap();
                    assert!(size < 1000 || whole.len() < size);
                    assert_eq!(inflate(&mut inflater, &whole, 77).unwrap(), &text[..size]);
                    assert_eq!(deflater.context.is_none(), no_takeover);
                    assert_eq!(inflater.context.is_none(), no_takeover);
                }
            }
        }
    }

    /// The examples of RFC 7692 §7.2.3.
    #[test]
    fn the_examples_of_the_rfc_are_understood() {
        let (_, mut inflater) = pair(15, false);
        let mut hello = |data: &[u8]| {
            assert_eq!(inflate(&mut inflater, data, 16).unwrap(), b"Hello");
        };
        hello(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        hello(&[0xf2, 0x00, 0x11, 0x00, 0x00]);
        hello(&[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ]);
        hello(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]);
        hello(&[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ]);
    }

    #[test]
    fn damaged_data_is_a_failure() {
        let (_, mut inflater) = pair(15, true);
        let failure = inflate(&mut inflater, &[0xff; 8], 64).unwrap_err();
        assert_eq!(failure.close_code, Some(1007));
    }
}
