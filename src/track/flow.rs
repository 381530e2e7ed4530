//! The symmetric key by which both directions of a connection are found.

use std::hash::{Hash, Hasher};

use wirecause_parsers::packet::{Endpoint, FlowEnds};

/// Both ends of a flow, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowKey {
    /// The smaller end.
    pub low: Endpoint,
    /// The larger end.
    pub high: Endpoint,
}

impl FlowKey {
    /// The key of a segment's ends.
    pub fn new(ends: FlowEnds) -> Self {
        if ends.source <= ends.destination {
            Self { low: ends.source, high: ends.destination }
        } else {
            Self { low: ends.destination, high: ends.source }
        }
    }

    /// Which of `shards` holds this flow; the same on every run.
    pub fn shard(&self, shards: usize) -> usize {
        let mut hasher = Fnv::default();
        self.hash(&mut hasher);
        // The low bits of FNV mix least: fold the halves before the remainder.
        let hash = hasher.finish();
        ((hash ^ (hash >> 32)) % shards.max(1) as u64) as usize
    }
}

/// FNV-1a, 64 bits: a fixed function, so that shards are the same on every run and machine.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(last: u8, port: u16) -> Endpoint {
        Endpoint { address: [10, 0, 0, last].into(), port }
    }

    #[test]
    fn both_directions_have_one_key() {
        let there = FlowEnds { source: end(1, 40000), destination: end(2, 443) };
        let back = FlowEnds { source: there.destination, destination: there.source };
        assert_eq!(FlowKey::new(there), FlowKey::new(back));
    }

    #[test]
    fn flows_spread_over_the_shards() {
        let mut load = [0_u32; 64];
        for port in 1024..9216 {
            load[FlowKey::new(FlowEnds { source: end(1, port), destination: end(2, 443) }).shard(64)] += 1;
        }
        // 8192 flows over 64 shards: 128 each on average; a shard off by more than half would make one worker wait.
        assert!(load.iter().all(|flows| (64..=192).contains(flows)), "{load:?}");
    }
}
