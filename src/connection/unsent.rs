//! Messages that were given to the session, until they have left whole: what the
//! session queues is framed, masked and perhaps compressed for its own connection, so
//! that another one has to be given the original.

use std::collections::VecDeque;

use crate::event::Part;

use super::sending::Pending;

#[derive(Default)]
pub(super) struct Unsent {
    /// What the connection had sent before this session.
    sent_before: u64,
    /// Messages of which the session was given the last part.
    given: u64,
    /// Of those, the ones of the prologue, which were first.
    prologue: u64,
    /// Parts in order, each with the number of its message.
    kept: VecDeque<(u64, Pending)>,
    bytes: usize,
    /// Of those, the ones of the message that lacks its last part.
    unfinished: usize,
}

impl Unsent {
    /// For a new session of a connection that has sent so many messages.
    pub(super) fn new(sent: u64) -> Self {
        Unsent {
            sent_before: sent,
            ..Unsent::default()
        }
    }

    /// Counts what the session was given; returns the number of its message.
    pub(super) fn count(&mut self, part: Part) -> u64 {
        let number = self.given + 1;
        if part.ends() {
            self.given = number;
            self.unfinished = 0;
        }
        number
    }

    /// Counts messages of the prologue, which every session is given anew.
    pub(super) fn count_prologue(&mut self, messages: usize) {
        self.prologue = messages as u64;
        self.given = self.prologue;
    }

    /// How many of the prologue's messages have not left.
    pub(super) fn prologue_left(&self, sent: u64) -> u64 {
        self.prologue.saturating_sub(sent - self.sent_before)
    }

    /// Whether the message has left.
    pub(super) fn is_sent(&self, number: u64, sent: u64) -> bool {
        number <= sent - self.sent_before
    }

    /// Keeps a message or a part of one, if the parts before it were kept.
    pub(super) fn keep(&mut self, number: u64, message: Pending) {
        let continues = self.kept.back().is_some_and(|(last, _)| *last == number);
        if continues || message.outgoing.part.begins() {
            self.bytes += message.payload.len();
            if !message.outgoing.part.ends() {
                self.unfinished += message.payload.len();
            }
            self.kept.push_back((number, message));
        }
    }

    /// Forgets a message of which a part could not be kept, and keeps none that follows.
    pub(super) fn give_up(&mut self, number: u64) {
        self.unfinished = 0;
        while let Some((last, _)) = self.kept.back()
            && *last == number
            && let Some((_, message)) = self.kept.pop_back()
        {
            self.bytes -= message.payload.len();
        }
    }

    /// Forgets messages that have left.
    pub(super) fn forget_sent(&mut self, sent: u64) {
        while let Some((number, _)) = self.kept.front()
            && self.is_sent(*number, sent)
            && let Some((_, message)) = self.kept.pop_front()
        {
            self.bytes -= message.payload.len();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same without a message that lacks its last part: it stays when all that was
    /// given has left, and nobody can wait for that.
    pub(super) fn bytes_of_whole(&self) -> usize {
        self.bytes - self.unfinished
    }

    pub(super) fn into_messages(self) -> Vec<Pending> {
        self.kept.into_iter().map(|(_, message)| message).collect()
    }
}
