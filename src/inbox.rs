//! The events of one connection that wait for the user.

use std::collections::VecDeque;

use crate::event::{Event, EventKind};

pub struct Inbox {
    conn_id: u64,
    /// The number of the present or last attempt, 0 before the first.
    pub attempt: u32,
    events: VecDeque<Event>,
    /// What the events count against the receive queue limit.
    bytes: usize,
    /// How many of the events were not received from the peer.
    own: usize,
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
            own: 0,
            paused: false,
            listed: false,
        }
    }

    pub fn conn_id(&self) -> u64 {
        self.conn_id
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

    #[inline(always)] // or each message is copied twice more on its way
    pub fn push(&mut self, kind: EventKind) {
        self.count(&kind);
        self.events.push_back(Event {
            conn_id: self.conn_id,
            attempt: self.attempt,
            kind,
        });
    }

    /// Whether an event may be delivered.
    pub fn has_next(&self) -> bool {
        self.next_place().is_some()
    }

    /// Takes the received events that may be delivered next, `max` at most; tells how
    /// many they are.
    pub fn take_received(&mut self, max: usize, target: &mut impl Extend<Event>) -> usize {
        let mut room = if self.paused { 0 } else { max };
        while room > 0 {
            let taken = match self.events.front_mut() {
                Some(event) if !event.kind.is_received() => None,
                Some(event) if event.count() > room => event.split_to(room),
                _ => self.events.pop_front(),
            };
            let Some(event) = taken else { break };
            self.bytes -= event.kind.cost();
            room -= event.count();
            target.extend([event]);
        }
        if self.paused { 0 } else { max - room }
    }

    /// Takes the next event that may be delivered.
    pub fn pop(&mut self) -> Option<Event> {
        let event = self.events.remove(self.next_place()?)?;
        self.bytes -= event.kind.cost();
        self.own -= usize::from(!event.kind.is_received());
        Some(event)
    }

    /// Whether the queue must allocate for its next event.
    pub fn lacks_room(&self) -> bool {
        self.events.capacity() == 0
    }

    /// Takes the place of events over, in which a queue that is empty keeps none:
    /// a burst must not leave its memory with an idle connection.
    pub fn set_room(&mut self, room: VecDeque<Event>) {
        self.events = room;
    }

    pub fn take_room(&mut self) -> VecDeque<Event> {
        std::mem::take(&mut self.events)
    }

    /// Exchanges all events for the empty `target` if they may be delivered one after
    /// the other and count no more than `max` bytes; tells whether it did.
    pub fn swap_received(&mut self, max: usize, target: &mut VecDeque<Event>) -> bool {
        if self.paused || self.own > 0 || self.bytes > max {
            return false;
        }
        std::mem::swap(&mut self.events, target);
        self.bytes = 0;
        true
    }

    /// Takes back events that were received and not delivered after all.
    pub fn put_back(&mut self, events: &mut VecDeque<Event>) {
        self.bytes += events.iter().map(|event| event.kind.cost()).sum::<usize>();
        if self.events.is_empty() {
            std::mem::swap(&mut self.events, events);
        }
        while let Some(event) = events.pop_back() {
            self.events.push_front(event);
        }
    }

    /// Drops what was received.
    pub fn drop_received(&mut self) {
        let events = std::mem::take(&mut self.events);
        self.clear();
        for event in events.into_iter().filter(|event| !event.kind.is_received()) {
            self.count(&event.kind);
            self.events.push_back(event);
        }
    }

    /// Takes back that a reconnect was announced.
    pub fn drop_reconnect(&mut self) {
        let before = self.events.len();
        self.events
            .retain(|event| !matches!(event.kind, EventKind::Reconnect));
        self.own -= before - self.events.len();
    }

    pub fn clear(&mut self) {
        self.events = VecDeque::new();
        self.bytes = 0;
        self.own = 0;
    }

    fn count(&mut self, kind: &EventKind) {
        self.bytes += kind.cost();
        self.own += usize::from(!kind.is_received());
    }

    /// Where the next deliverable event stands. A pause does not hold what is
    /// told about sending: a user may wait for it to end the pause.
    fn next_place(&self) -> Option<usize> {
        match self.events.front() {
            Some(event) if self.paused && event.kind.is_received() => {
                let mut events = self.events.iter();
                events.position(|event| event.kind.is_about_sending())
            }
            first => first.map(|_| 0),
        }
    }
}
