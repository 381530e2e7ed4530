//! The symmetric key by which both directions of a connection are found.

use std::{
    hash::{Hash, Hasher},
    net::IpAddr,
};

use wirecause_parsers::packet::{Endpoint, FlowEnds};

/// Both ends of a flow, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    low: End,
    high: End,
}

/// An end in numbers, which are compared, ordered and hashed as they are, where an [`Endpoint`] goes byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    /// The upper half of an IPv6 address.
    network: u64,
    /// The lower half of an IPv6 address; an IPv4 address and its port.
    host: u64,
    /// The port beside an IPv6 address, with a bit that tells it from IPv4.
    port: u32,
}

impl FlowKey {
    /// The key of a segment's ends.
    #[inline]
    pub fn new(ends: FlowEnds) -> Self {
        let [source, destination] = [End::new(ends.source), End::new(ends.destination)];
        if source <= destination {
            Self { low: source, high: destination }
        } else {
            Self { low: destination, high: source }
        }
    }

    /// Whether this is the smaller end.
    pub fn is_low(&self, end: Endpoint) -> bool {
        self.low == End::new(end)
    }

    /// Which of `shards` holds this flow; the same on every run and machine.
    #[inline]
    pub fn shard(&self, shards: usize) -> usize {
        self.low.shard(self.high, shards)
    }
}

/// Which of `shards` holds the flow between two ends, as [`FlowKey::shard`] says, without a look at which is the smaller.
#[inline]
pub fn shard_of(ends: FlowEnds, shards: usize) -> usize {
    End::new(ends.source).shard(End::new(ends.destination), shards)
}

impl Hash for FlowKey {
    /// One number for both ends of IPv4, where the derived way has half a dozen.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from(self.low.host) << 64 | u128::from(self.high.host));
        if self.low.port != 0 {
            state.write_u128(u128::from(self.low.network) << 64 | u128::from(self.high.network));
            state.write_u64(u64::from(self.low.port) << 32 | u64::from(self.high.port));
        }
    }
}

impl End {
    #[inline]
    fn new(end: Endpoint) -> Self {
        match end.address {
            IpAddr::V4(address) => {
                Self { network: 0, host: u64::from(address.to_bits()) << 16 | u64::from(end.port), port: 0 }
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                Self { network: (bits >> 64) as u64, host: bits as u64, port: IPV6 | u32::from(end.port) }
            }
        }
    }

    /// The shard of the flow to another end; either way round it is the same.
    #[inline]
    fn shard(self, other: Self, shards: usize) -> usize {
        let [own, other] = [self, other].map(|end| mixed(end.number()));
        // The upper bits of a product depend on all of its factors' bits.
        ((u128::from(own.wrapping_add(other)) * shards.max(1) as u128) >> 64) as usize
    }

    /// The end as one number; of IPv6 addresses both halves count.
    #[inline]
    const fn number(self) -> u64 {
        if self.port == 0 {
            self.host
        } else {
            mixed(self.network) ^ self.host.rotate_left(16) ^ (self.port & PORT) as u64
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

/// What tells the port of an IPv6 end from none.
const IPV6: u32 = 1 << 16;
/// The port itself.
const PORT: u32 = IPV6 - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn end(last: u8, port: u16) -> Endpoint {
        Endpoint { address: [10, 0, 0, last].into(), port }
    }

    #[test]
    fn both_directions_have_one_key() {
        let v6 = |last| Endpoint { address: [0xfd77, 0, 0, 0, 0, 0, 0, last].into(), port: 443 };
        for (one, other) in [(end(1, 40000), end(2, 443)), (end(2, 443), end(2, 444)), (v6(1), v6(2))] {
            let there = FlowEnds { source: one, destination: other };
            let back = FlowEnds { source: other, destination: one };
            let key = FlowKey::new(there);
            assert_eq!(key, FlowKey::new(back));
            assert_eq!((shard_of(there, 64), shard_of(back, 64)), (key.shard(64), key.shard(64)));
            assert!(key.is_low(one) && !key.is_low(other));
        }
    }

    #[test]
    fn an_address_of_either_version_is_its_own() {
        let [v4, mapped, plain] = ["10.0.0.1", "::ffff:10.0.0.1", "::a00:1"].map(|address| {
            let source = Endpoint { address: address.parse().unwrap(), port: 80 };
            FlowKey::new(FlowEnds { source, destination: source })
        });
        assert!(v4 != mapped && v4 != plain && mapped != plain);
    }

    #[test]
    fn flows_spread_over_the_shards() {
        let mut load = [0_u32; 64];
        for port in 1024..9216 {
            load[shard_of(FlowEnds { source: end(1, port), destination: end(2, 443) }, 64)] += 1;
        }
        // 8192 flows over 64 shards: 128 each on average; a shard off by more than half would make one worker wait.
        assert!(load.iter().all(|flows| (64..=192).contains(flows)), "{load:?}");
    }
}
