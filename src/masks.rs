//! The keys that mask frames. They must not be foreseen (RFC 6455 §5.3, §10.3), so they
//! come from a cryptographic generator; a loop has one for all its connections.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

/// How many keys a connection takes at once, so that senders seldom meet at the lock.
const BLOCK: usize = 8;

/// The generator of a loop, seeded from the system.
pub struct MaskSource(Mutex<StdRng>);

impl MaskSource {
    pub fn new() -> io::Result<Self> {
        let generator = StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)?;
        Ok(MaskSource(Mutex::new(generator)))
    }

    fn fill(&self, block: &mut [[u8; 4]; BLOCK]) {
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        block
            .iter_mut()
            .for_each(|mask| *mask = generator.next_u32().to_ne_bytes());
    }
}

/// The keys of one connection.
pub struct Masks {
    source: Arc<MaskSource>,
    block: [[u8; 4]; BLOCK],
    used: usize,
}

impl Masks {
    pub fn new(source: Arc<MaskSource>) -> Self {
        Masks {
            source,
            block: [[0; 4]; BLOCK],
            used: BLOCK,
        }
    }

    /// The key of the next frame.
    pub fn next(&mut self) -> [u8; 4] {
        if self.used == BLOCK {
            self.source.fill(&mut self.block);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn connections_of_one_loop_share_no_key() {
        const KEYS: usize = 1000;
        let source = Arc::new(MaskSource::new().unwrap());
        let [mut one, mut other] = [Masks::new(Arc::clone(&source)), Masks::new(source)];
        let keys: HashSet<_> = (0..KEYS).flat_map(|_| [one.next(), other.next()]).collect();
        // Of 2,000 random keys two are the same once in two thousand times.
        assert!(keys.len() >= 2 * KEYS - 2, "{} different keys", keys.len());
    }
}
