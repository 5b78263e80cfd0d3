//! RFC 6455 once more, as plainly as can be: frames one after the other in memory.

use wsc::config::is_wire_close_code;

use crate::reader::LIMIT;

#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// A message of which not all frames have come.
struct Open {
    is_text: bool,
    size: usize,
    bytes: Vec<u8>,
}

/// What comes of `wire`, and whether that ends with a violation.
pub fn model(wire: &[u8]) -> (Vec<Told>, bool) {
    let mut told = Vec::new();
    let violation = frames(wire, &mut told).is_none();
    (told, violation)
}

/// `None` for a violation.
fn frames(mut wire: &[u8], told: &mut Vec<Told>) -> Option<()> {
    let mut open: Option<Open> = None;
    while let Some((first, masked, length, header)) = header(wire) {
        let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
        let is_minimal = match header {
            2 => true,
            4 => length > 125,
            _ => length > 0xffff && length >> 63 == 0,
        };
        let is_known = matches!(opcode, 0..=2 | 8..=10);
        require(is_known && first & 0x70 == 0 && !masked && is_minimal)?;
        let is_control = opcode >= 8;
        require(!is_control || (is_final && length <= 125))?;
        let rest = &wire[header..];
        let (payload, is_whole) = match usize::try_from(length) {
            Ok(length) if length <= rest.len() => (&rest[..length], true),
            _ => (rest, false),
        };
        if is_control {
            if !is_whole {
                return Some(());
            }
            match opcode {
                8 => return close(payload),
                9 => told.push(Told::Ping(payload.to_vec())),
                _ => told.push(Told::Pong(payload.to_vec())),
            }
            wire = &rest[payload.len()..];
            continue;
        }
        require((opcode == 0) == open.is_some())?;
        let mut message = open.take().unwrap_or(Open {
            is_text: opcode == 1,
            size: 0,
            bytes: Vec::new(),
        });
        require(length <= LIMIT as u64)?;
        message.size += length as usize;
        require(message.size <= LIMIT)?;
        message.bytes.extend_from_slice(payload);
        if message.is_text {
            let is_over = is_final && is_whole;
            require(match std::str::from_utf8(&message.bytes) {
                Ok(_) => true,
                Err(error) => error.error_len().is_none() && !is_over,
            })?;
        }
        if !is_whole {
            return Some(());
        }
        wire = &rest[payload.len()..];
        match is_final {
            true if message.is_text => told.push(Told::Text(message.bytes)),
            true => told.push(Told::Binary(message.bytes)),
            false => open = Some(message),
        }
    }
    Some(())
}

fn require(holds: bool) -> Option<()> {
    holds.then_some(())
}

/// The first byte, whether the frame is masked, its length, and the header's.
fn header(wire: &[u8]) -> Option<(u8, bool, u64, usize)> {
    let (first, second) = (*wire.first()?, *wire.get(1)?);
    let (length, size) = match second & 0x7f {
        126 => (
            u64::from(u16::from_be_bytes(*wire.get(2..)?.first_chunk()?)),
            4,
        ),
        127 => (u64::from_be_bytes(*wire.get(2..)?.first_chunk()?), 10),
        short => (u64::from(short), 2),
    };
    Some((first, second & 0x80 != 0, length, size))
}

/// Nothing counts after a close frame, whose own payload may be at fault.
fn close(payload: &[u8]) -> Option<()> {
    match payload {
        [] => Some(()),
        [_] => None,
        [high, low, reason @ ..] => {
            let is_valid = is_wire_close_code(u16::from_be_bytes([*high, *low]))
                && std::str::from_utf8(reason).is_ok();
            require(is_valid)
        }
    }
}
