//! Rounds of messages to many connections.

use std::time::{Duration, Instant};

use crate::connection::Connection;

#[derive(Clone, Copy)]
pub struct Plan {
    rounds: u32,
    period: Duration,
    /// Over how long the messages of one round are spread.
    spread: Duration,
}

impl Plan {
    pub fn new(number: impl Fn(&str) -> usize) -> Plan {
        Plan {
            rounds: number("rounds") as u32,
            period: Duration::from_millis(number("period") as u64),
            spread: Duration::from_millis(number("spread") as u64),
        }
    }
}

#[derive(Default)]
pub struct Fan(Option<Running>);

struct Running {
    plan: Plan,
    slots: Vec<usize>,
    started: Instant,
    round: u32,
    /// Which of the slots is the next in this round.
    next: usize,
}

impl Fan {
    pub fn start(&mut self, plan: Plan, connections: &[Option<Connection>], now: Instant) {
        let is_fan =
            |connection: &Option<Connection>| connection.as_ref().is_some_and(Connection::is_fan);
        let slots = (0..connections.len())
            .filter(|slot| is_fan(&connections[*slot]))
            .collect();
        self.0 = Some(Running {
            plan,
            slots,
            started: now,
            round: 0,
            next: 0,
        });
    }

    /// How long until the next message is due; `None` if there is none.
    pub fn due_in(&self, now: Instant) -> Option<Duration> {
        self.0
            .as_ref()
            .map(|running| running.due().saturating_duration_since(now))
    }

    /// The connections whose message is due.
    pub fn take_due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some(running) = &mut self.0 {
            if running.due() > now {
                break;
            }
            due.push(running.slots[running.next]);
            running.next += 1;
            if running.next == running.slots.len() {
                running.next = 0;
                running.round += 1;
            }
            if running.round == running.plan.rounds {
                self.0 = None;
            }
        }
        due
    }
}

impl Running {
    fn due(&self) -> Instant {
        let within_round = self.plan.spread * self.next as u32 / self.slots.len() as u32;
        self.started + self.plan.period * self.round + within_round
    }
}
