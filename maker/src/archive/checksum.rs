//! The Internet checksum, kept right while bytes below it change (RFC 1624, equation 3).

/// A checksum that covers the bytes in question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    /// Where it stands.
    pub(super) field: usize,
    /// Whether zero says that there is none (UDP, RFC 768).
    pub(super) optional: bool,
    /// How many packets quote the one that it belongs to: it lies within the sums of a lower depth.
    pub(super) depth: u8,
}

/// Writes `new` at `at` and brings `sums` up to date, which stand in the order of falling depth.
///
/// `origin` is any place where a 16-bit word of all of them begins. A sum that was wrong, as those of packets are that their sender left
/// to its interface, stays wrong by as much. Whatever lies outside of `bytes` was not captured and is left.
pub(super) fn put(bytes: &mut [u8], origin: usize, at: usize, new: &[u8], sums: &[Sum]) {
    let Some(place) = bytes.get_mut(at..at + new.len()) else { return };
    let weighted = |bytes: &[u8]| -> u32 {
        let byte = |(i, &b): (usize, &u8)| u32::from(b) << if (at + i - origin).is_multiple_of(2) { 8 } else { 0 };
        bytes.iter().enumerate().map(byte).sum()
    };
    // ~m + m' of every word, as one number of the same residue.
    let change = weighted(new) + 0xffff * WORDS - weighted(place);
    place.copy_from_slice(new);
    for (i, sum) in sums.iter().enumerate() {
        let Some(held) = bytes.get(sum.field..sum.field + 2) else { continue };
        let held = u16::from_be_bytes([held[0], held[1]]);
        if sum.optional && held == 0 {
            continue;
        }
        let mut changed = !fold(u32::from(!held) + change);
        if sum.optional && changed == 0 {
            changed = 0xffff;
        }
        let around = sums[i..].iter().position(|outer| outer.depth < sum.depth).map_or(sums.len(), |n| i + n);
        put(bytes, origin, sum.field, &changed.to_be_bytes(), &sums[around..]);
    }
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// At least the words that one change can touch: an IPv6 address at an odd place touches nine.
const WORDS: u32 = 9;

#[cfg(test)]
mod tests {
    use super::{Sum, put};

    /// The checksum from nothing, by RFC 1071.
    fn whole(bytes: &[u8]) -> u16 {
        let word = |w: &[u8]| u32::from(w[0]) << 8 | w.get(1).map_or(0, |&b| u32::from(b));
        let mut sum: u32 = bytes.chunks(2).map(word).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn a_change_at_any_place_keeps_the_sum_right() {
        let mut bytes: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(97)).collect();
        bytes[0..2].fill(0);
        let right = whole(&bytes).to_be_bytes();
        bytes[0..2].copy_from_slice(&right);
        for at in 2..24 {
            let new: Vec<u8> = (0..16u8).map(|i| (i + at as u8).wrapping_mul(151)).collect();
            put(&mut bytes, 0, at, &new, &[Sum { field: 0, optional: false, depth: 0 }]);
            assert_eq!(bytes[at..at + 16], new);
            assert_eq!(whole(&bytes), 0, "at {at}");
        }
    }

    /// RFC 1624, section 4: 0xDD2F, and 0x5555 becomes 0x3285. The sum is 0x0000, where RFC 1141's way gives 0xFFFF.
    #[test]
    fn the_example_of_the_specification() {
        let mut bytes = [0xdd, 0x2f, 0x55, 0x55];
        put(&mut bytes, 0, 2, &[0x32, 0x85], &[Sum { field: 0, optional: false, depth: 0 }]);
        assert_eq!(bytes, [0x00, 0x00, 0x32, 0x85]);
    }

    #[test]
    fn an_absent_udp_sum_stays_absent_and_none_becomes_absent() {
        let sum = [Sum { field: 0, optional: true, depth: 0 }];
        let mut absent = [0, 0, 0x55, 0x55];
        put(&mut absent, 0, 2, &[0x32, 0x85], &sum);
        assert_eq!(absent, [0, 0, 0x32, 0x85]);
        let mut zero = [0xdd, 0x2f, 0x55, 0x55];
        put(&mut zero, 0, 2, &[0x32, 0x85], &sum);
        assert_eq!(zero, [0xff, 0xff, 0x32, 0x85]);
    }
}
