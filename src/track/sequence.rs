//! Sequence numbers modulo 2³² and the unwrapped offsets that the rest of the program uses.

/// A sequence or acknowledgement number as it stands in a header. All arithmetic modulo 2³² is in this type (RFC 9293,
/// section 3.4); everywhere else a position in a stream is an `i64` offset, as Wireshark's relative sequence numbers are: the
/// SYN has offset 0, the first data byte 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seq(pub u32);

impl Seq {
    /// The offset of this number in a stream whose offset 0 is `base`, taken as the one nearest to the offset `near`.
    pub const fn offset(self, base: Self, near: i64) -> i64 {
        let near_number = base.0.wrapping_add(near as u32);
        near + (self.0.wrapping_sub(near_number) as i32) as i64
    }

    /// The number `count` before this one.
    #[must_use]
    pub const fn minus(self, count: u32) -> Self {
        Self(self.0.wrapping_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_run_on_over_the_wrap() {
        let base = Seq(0xffff_fff0);
        assert_eq!(Seq(0xffff_fff1).offset(base, 0), 1);
        assert_eq!(Seq(0x0000_0010).offset(base, 20), 32);
        // A retransmission from before the wrap, seen after it.
        assert_eq!(Seq(0xffff_fff8).offset(base, 1000), 8);
    }

    #[test]
    fn offsets_run_on_over_several_wraps() {
        let base = Seq(100);
        let near = 3 * (1_i64 << 32) + 50;
        assert_eq!(Seq(160).offset(base, near), 3 * (1_i64 << 32) + 60);
    }

    #[test]
    fn numbers_before_the_base_are_negative() {
        assert_eq!(Seq(99).offset(Seq(100), 0), -1);
    }
}
