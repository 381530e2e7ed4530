//! The symmetric key by which both directions of a connection are found.

use std::{
    hash::{Hash, Hasher},
    net::IpAddr,
};

use wirecause_parsers::packet::{Endpoint, FlowEnds};

/// Both ends of a flow, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// The smaller end.
    pub low: Endpoint,
    /// The larger end.
    pub high: Endpoint,
}

impl FlowKey {
    /// The key of a segment's ends.
    #[inline]
    pub fn new(ends: FlowEnds) -> Self {
        // The usual case in two comparisons of numbers, which order IPv4 ends as their fields do.
        let in_order = match (ends.source.address, ends.destination.address) {
            (IpAddr::V4(_), IpAddr::V4(_)) => number(ends.source) <= number(ends.destination),
            _ => ends.source <= ends.destination,
        };
        if in_order {
            Self { low: ends.source, high: ends.destination }
        } else {
            Self { low: ends.destination, high: ends.source }
        }
    }

    /// Which of `shards` holds this flow; the same on every run and machine.
    #[inline]
    pub fn shard(&self, shards: usize) -> usize {
        let [low, high] = [self.low, self.high].map(|end| mixed(number(end)));
        // The upper bits of a product depend on all of its factors' bits.
        ((u128::from(low.wrapping_add(high)) * shards.max(1) as u128) >> 64) as usize
    }
}

impl Hash for FlowKey {
    /// Two numbers for each end at most, where the derived way has a dozen.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for end in [self.low, self.high] {
            match end.address {
                IpAddr::V4(_) => state.write_u64(number(end)),
                IpAddr::V6(address) => {
                    state.write_u128(address.to_bits());
                    state.write_u16(end.port);
                }
            }
        }
    }
}

/// An end as one number; of IPv6 addresses both halves count.
#[inline]
fn number(end: Endpoint) -> u64 {
    match end.address {
        IpAddr::V4(address) => u64::from(address.to_bits()) << 16 | u64::from(end.port),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            mixed((bits >> 64) as u64) ^ (bits as u64).rotate_left(16) ^ u64::from(end.port)
        }
    }
}

/// The finaliser of `MurmurHash3`, which spreads every bit over all.
#[inline]
const fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let number = (number ^ number >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ number >> 33
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
