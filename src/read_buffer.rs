//! The buffer that a loop reads sockets into. The messages of a large read keep it
//! and are not copied; the loop goes on with another one meanwhile.

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};

/// What one read asks the kernel for.
pub const READ_SIZE: usize = 128 << 10;
/// The smallest read that is worth a buffer of its own.
const MIN_LENT: usize = 16 << 10;
/// How many buffers may be lent. All others being kept by events that nobody takes,
/// messages are copied again: that bounds what a loop holds besides its queues.
const MAX_LENT: usize = 2;

/// Bytes that were read.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// What is kept of them must be copied.
    Borrowed(&'a [u8]),
    /// What is kept of them shares their owner.
    Lent(&'a Bytes),
}

impl<'a> Input<'a> {
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Input::Borrowed(bytes) => bytes,
            Input::Lent(bytes) => bytes,
        }
    }

    /// Bytes of the input to keep.
    pub fn keep(self, part: &'a [u8]) -> Bytes {
        match self {
            Input::Borrowed(_) => Bytes::copy_from_slice(part),
            Input::Lent(bytes) => bytes.slice_ref(part),
        }
    }
}

pub struct ReadBuffer {
    /// Empty while it is lent.
    bytes: Vec<u8>,
    /// What was lent and came back, by a queue that needs no lock: events may be dropped
    /// in a forked child.
    back: Receiver<Vec<u8>>,
    home: Sender<Vec<u8>>,
    /// How many more may be made in place of lent ones.
    may_make: usize,
}

impl ReadBuffer {
    pub fn new() -> Self {
        let (home, back) = bounded(MAX_LENT + 1);
        ReadBuffer {
            bytes: vec![0; READ_SIZE],
            back,
            home,
            may_make: MAX_LENT,
        }
    }

    /// The buffer, to be read into.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        if self.bytes.is_empty() {
            self.bytes = self.back.try_recv().unwrap_or_else(|_| {
                self.may_make = self.may_make.saturating_sub(1);
                vec![0; READ_SIZE]
            });
        }
        &mut self.bytes
    }

    /// Hands over the first `count` bytes, which were read: lent if they are many.
    pub fn feed<R>(&mut self, count: usize, feed: impl FnOnce(Input<'_>) -> R) -> R {
        if count < MIN_LENT || (self.may_make == 0 && self.back.is_empty()) {
            return feed(Input::Borrowed(&self.bytes[..count]));
        }
        let lent = Lent {
            bytes: std::mem::take(&mut self.bytes),
            home: self.home.clone(),
        };
        feed(Input::Lent(&Bytes::from_owner(lent).slice(..count)))
    }
}

/// A buffer that goes home when nothing of it is kept any more.
struct Lent {
    bytes: Vec<u8>,
    home: Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // There is room for all, unless the loop is gone.
        let _ = self.home.try_send(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `count` bytes, of the value `count` has, and keeps what it was handed.
    fn read(buffer: &mut ReadBuffer, count: usize) -> (Bytes, bool) {
        buffer.bytes_mut()[..count].fill(count as u8);
        buffer.feed(count, |input| {
            let is_lent = matches!(input, Input::Lent(_));
            (input.keep(input.bytes()), is_lent)
        })
    }

    #[test]
    fn buffers_are_lent_until_all_are_out_and_again_when_one_is_back() {
        let mut buffer = ReadBuffer::new();
        let mut kept = Vec::new();
        for round in 0..MAX_LENT {
            let (bytes, is_lent) = read(&mut buffer, MIN_LENT + 1 + round);
            assert!(is_lent);
            kept.push(bytes);
        }
        let (copied, is_lent) = read(&mut buffer, READ_SIZE - 1);
        assert!(!is_lent, "more would be held than MAX_LENT buffers");
        for (round, bytes) in kept.iter().enumerate() {
            let count = MIN_LENT + 1 + round;
            assert_eq!(bytes.as_ref(), vec![count as u8; count]);
        }
        assert_eq!(copied.as_ref(), vec![(READ_SIZE - 1) as u8; READ_SIZE - 1]);

        let place = kept.remove(0).as_ptr();
        let (_last, is_lent) = read(&mut buffer, MIN_LENT);
        assert!(is_lent);
        assert_eq!(buffer.bytes_mut().as_ptr(), place, "it came back");
        assert!(!read(&mut buffer, MIN_LENT).1);
    }

    #[test]
    fn one_buffer_serves_who_keeps_nothing() {
        let mut buffer = ReadBuffer::new();
        let place = buffer.bytes_mut().as_ptr();
        for _ in 0..3 {
            assert!(read(&mut buffer, READ_SIZE).1);
            assert_eq!(buffer.bytes_mut().as_ptr(), place);
        }
        assert_eq!(buffer.may_make, MAX_LENT);
    }

    #[test]
    fn few_bytes_are_copied_and_bytes_outlive_the_loop() {
        let mut buffer = ReadBuffer::new();
        assert!(!read(&mut buffer, MIN_LENT - 1).1);
        let (kept, _) = read(&mut buffer, READ_SIZE);
        drop(buffer);
        assert_eq!(kept.as_ref(), vec![READ_SIZE as u8; READ_SIZE]);
    }
}
