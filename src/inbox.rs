//! The events of one connection that wait for the user.

use std::collections::VecDeque;

use crate::event::{Event, EventKind};

/// Capacity that an empty queue keeps: a burst must not leave its memory with
/// an idle connection.
const KEPT: usize = 64;

pub struct Inbox {
    conn_id: u64,
    /// The number of the present or last attempt, 0 before the first.
    pub attempt: u32,
    events: VecDeque<Event>,
    /// What the events count against the receive queue limit.
    bytes: usize,
    /// How many of the events tell about sending.
    about_sending: usize,
    /// The user holds back what is received, and what comes after it.
    pub paused: bool,
    /// The loop's list of connections with events has this one.
    pub listed: bool,
}

impl Inbox {
    pub fn new(conn_id: u64) -> Self {
        Inbox {
            conn_id,
            attempt: 0,
            events: VecDeque::new(),
            bytes: 0,
            about_sending: 0,
            paused: false,
            listed: false,
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub fn has_close(&self) -> bool {
        let is_close = |event: &Event| matches!(event.kind, EventKind::Close { .. });
        self.events.iter().any(is_close)
    }

    pub fn push(&mut self, kind: EventKind) {
        let event = Event {
            conn_id: self.conn_id,
            attempt: self.attempt,
            kind,
        };
        self.count(&event);
        self.events.push_back(event);
    }

    /// Whether an event may be delivered.
    pub fn has_next(&self) -> bool {
        self.next_place().is_some()
    }

    /// Whether the next event in order is one of those that a pause holds back.
    pub fn is_received_next(&self) -> bool {
        let next = self.events.front();
        next.is_some_and(|event| event.kind.is_received())
    }

    /// Takes the next event that may be delivered.
    pub fn pop(&mut self) -> Option<Event> {
        let event = self.events.remove(self.next_place()?)?;
        self.bytes -= event.kind.cost();
        self.about_sending -= usize::from(event.kind.is_about_sending());
        if self.events.is_empty() {
            self.events.shrink_to(KEPT);
        }
        Some(event)
    }

    /// Takes back an event that was not delivered after all.
    pub fn put_back(&mut self, event: Event) {
        self.count(&event);
        self.events.push_front(event);
    }

    /// Drops what was received.
    pub fn drop_received(&mut self) {
        let events = std::mem::take(&mut self.events);
        self.clear();
        for event in events.into_iter().filter(|event| !event.kind.is_received()) {
            self.count(&event);
            self.events.push_back(event);
        }
    }

    pub fn clear(&mut self) {
        self.events = VecDeque::new();
        self.bytes = 0;
        self.about_sending = 0;
    }

    fn count(&mut self, event: &Event) {
        self.bytes += event.kind.cost();
        self.about_sending += usize::from(event.kind.is_about_sending());
    }

    /// Where the next deliverable event stands. A pause does not hold what is
    /// told about sending: a user may wait for it to end the pause.
    fn next_place(&self) -> Option<usize> {
        match self.paused && self.is_received_next() {
            false => (!self.events.is_empty()).then_some(0),
            true if self.about_sending == 0 => None,
            true => {
                let mut events = self.events.iter();
                events.position(|event| event.kind.is_about_sending())
            }
        }
    }
}
