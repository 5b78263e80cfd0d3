//! The message of which the frames or the bytes arrive one by one: inflated,
//! checked as text up to the last byte there is, and handed out in parts where
//! the application wants that.

use crate::config::Config;
use crate::deflate::{Agreement, Inflater, TAIL};
use crate::error::{Failure, Status};
use crate::event::{EventKind, MessageType, Part};

/// How much is taken in one step.
const STEP: usize = 16 << 10;
/// Room for the first bytes of a message of which more was announced.
const FIRST: usize = 64 << 10;
/// From this size on a part is handed out.
const PART: usize = 64 << 10;
/// Up to this size no ratio is too high: little data may well be very regular.
const RATIO_FREE: u64 = 1 << 20;

#[derive(Debug)]
pub struct Assembly {
    inflater: Option<Box<Inflater>>,
    in_parts: bool,
    max_message: usize,
    max_ratio: u64,
    kind: MessageType,
    is_compressed: bool,
    /// What is still to be inflated after the payload.
    tail: &'static [u8],
    /// The inflater may have more to give for what it was given.
    has_output: bool,
    body: Vec<u8>,
    /// Bytes of the body that may be handed out: of text, whole characters.
    checked: usize,
    /// Bytes of the message so far, on the wire and inflated.
    wire: u64,
    size: u64,
    /// Whether a part was handed out.
    is_begun: bool,
}

impl Assembly {
    pub fn new(config: &Config, agreement: Option<&Agreement>) -> Self {
        Assembly {
            inflater: agreement.map(|agreement| Box::new(Inflater::new(agreement))),
            in_parts: config.streaming,
            max_message: config.receive_limit(),
            max_ratio: config.deflate.max_ratio as u64,
            kind: MessageType::Binary,
            is_compressed: false,
            tail: &[],
            has_output: false,
            body: Vec::new(),
            checked: 0,
            wire: 0,
            size: 0,
            is_begun: false,
        }
    }

    pub fn set_max_message(&mut self, size: usize) {
        self.max_message = size;
    }

    /// Whether messages may be compressed.
    pub fn can_inflate(&self) -> bool {
        self.inflater.is_some()
    }

    pub fn begin(&mut self, kind: MessageType, is_compressed: bool) {
        self.kind = kind;
        self.is_compressed = is_compressed;
        self.tail = if is_compressed { TAIL } else { &[] };
        self.wire = 0;
        self.size = 0;
        self.is_begun = false;
    }

    /// Whether `take` can go on without input.
    pub fn has_output(&self) -> bool {
        self.has_output
    }

    /// Takes a step's worth of payload, of a frame that has `left` bytes to come.
    /// Tells how much the message grew by it, and whether the payload is used up.
    pub fn take(&mut self, payload: &mut &[u8], left: u64) -> Result<(usize, bool), Failure> {
        let (had, start) = (payload.len(), self.body.len());
        let is_done = match &mut self.inflater {
            Some(inflater) if self.is_compressed => {
                let room = (4 * had).clamp(256, STEP);
                inflater.inflate(payload, &mut self.body, room)?
            }
            _ => {
                let room = match self.in_parts {
                    true => PART.saturating_sub(start).clamp(1, STEP),
                    false => STEP,
                };
                let (step, rest) = payload.split_at(had.min(room));
                if self.body.capacity() - start < step.len() {
                    // Twice what has arrived, and never more than was announced.
                    let more = left.min(start.max(FIRST) as u64) as usize;
                    self.body.try_reserve_exact(more.max(step.len()))?;
                }
                self.body.extend_from_slice(step);
                *payload = rest;
                rest.is_empty()
            }
        };
        self.has_output = self.is_compressed && !is_done;
        let grown = self.body.len() - start;
        self.wire += (had - payload.len()) as u64;
        self.size += grown as u64;
        self.check_size()?;
        self.check_text()?;
        Ok((grown, is_done))
    }

    fn check_size(&self) -> Result<(), Failure> {
        if self.size > self.max_message as u64 {
            return Err(Failure::message_too_big(self.size, self.max_message));
        }
        let is_dense = self.size > RATIO_FREE
            && self.size / self.wire.max(1) > self.max_ratio
            && self.is_compressed;
        match is_dense {
            true => Err(Failure::violation(
                Status::MessageTooBig,
                1009,
                format!(
                    "a message inflates {} bytes to over {}",
                    self.wire, self.size
                ),
            )),
            false => Ok(()),
        }
    }

    fn check_text(&mut self) -> Result<(), Failure> {
        let unchecked = match self.kind {
            MessageType::Text => &self.body[self.checked..],
            MessageType::Binary => &[],
        };
        self.checked = match std::str::from_utf8(unchecked) {
            Ok(_) => self.body.len(),
            Err(error) if error.error_len().is_none() => self.checked + error.valid_up_to(),
            Err(_) => return Err(Failure::peer_utf8()),
        };
        Ok(())
    }

    /// Whether enough is there for a part.
    pub fn is_full(&self) -> bool {
        self.in_parts && self.checked >= PART
    }

    /// Hands out what has arrived, if the application wants parts.
    pub fn part(&mut self) -> Option<EventKind> {
        if !self.in_parts || self.checked == 0 {
            return None;
        }
        let rest = self.body.split_off(self.checked);
        let data = std::mem::replace(&mut self.body, rest);
        self.checked = 0;
        let part = match std::mem::replace(&mut self.is_begun, true) {
            false => Part::First,
            true => Part::More,
        };
        Some(EventKind::Message {
            kind: self.kind,
            part,
            data: data.into(),
        })
    }

    /// Ends the message, whose payload is used up; `None` while there is more to
    /// inflate.
    pub fn finish(&mut self) -> Result<Option<EventKind>, Failure> {
        if self.is_compressed {
            let mut tail = self.tail;
            let (_, is_done) = self.take(&mut tail, 0)?;
            self.tail = tail;
            if !is_done || self.is_full() {
                return Ok(None);
            }
        }
        if self.checked < self.body.len() {
            return Err(Failure::peer_utf8());
        }
        if let Some(inflater) = &mut self.inflater {
            inflater.message_done();
        }
        let mut data = std::mem::take(&mut self.body);
        data.shrink_to_fit();
        self.checked = 0;
        Ok(Some(EventKind::Message {
            kind: self.kind,
            part: match self.is_begun {
                false => Part::Whole,
                true => Part::Last,
            },
            data: data.into(),
        }))
    }

    /// Drops what was not handed out.
    pub fn clear(&mut self) {
        self.body = Vec::new();
        self.checked = 0;
    }

    /// About how many bytes are held.
    pub fn memory(&self) -> usize {
        self.body.capacity()
            + self
                .inflater
                .as_ref()
                .map_or(0, |inflater| inflater.memory())
    }
}
