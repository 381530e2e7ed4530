//! The clock of a pcapng interface: what its time stamps count, and from when.

use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Resolution and offset of an interface's time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    offset_seconds: i64,
}

/// What a time stamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// This many nanoseconds.
    Nanos(u64),
    /// A nanosecond divided by this.
    NanosOver(u64),
    /// 2⁻ⁿ seconds.
    Binary(u8),
}

impl Clock {
    /// From the options `if_tsresol` and `if_tsoffset`, where the interface has them.
    pub(super) fn new(resolution: Option<u8>, offset_seconds: Option<i64>) -> Self {
        Self { unit: Unit::new(resolution.unwrap_or(MICROSECONDS)), offset_seconds: offset_seconds.unwrap_or(0) }
    }

    /// The instant of a 64-bit time stamp; clamped to what [`Timestamp`] holds.
    pub(super) fn time(self, stamp: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(factor) => i128::from(stamp) * i128::from(factor),
            Unit::NanosOver(divisor) => i128::from(stamp / divisor),
            Unit::Binary(shift) => (i128::from(stamp) * i128::from(NANOS_PER_SECOND)) >> shift,
        };
        let nanos = nanos + i128::from(self.offset_seconds) * i128::from(NANOS_PER_SECOND);
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl Unit {
    /// From `if_tsresol`: 10⁻ⁿ seconds, or 2⁻ⁿ seconds when the highest bit is set.
    fn new(resolution: u8) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            Self::Binary(exponent as u8)
        } else if exponent <= 9 {
            Self::Nanos(10_u64.pow(9 - exponent))
        } else {
            Self::NanosOver(10_u64.saturating_pow(exponent - 9))
        }
    }
}

/// `if_tsresol` of an interface that states none.
pub(super) const MICROSECONDS: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(resolution: Option<u8>, offset: Option<i64>, stamp: u64) -> i64 {
        Clock::new(resolution, offset).time(stamp).nanos()
    }

    #[test]
    fn decimal_resolutions() {
        assert_eq!(nanos(None, None, 1_500_000), 1_500_000_000);
        assert_eq!(nanos(Some(0), None, 3), 3_000_000_000);
        assert_eq!(nanos(Some(3), None, 1_500), 1_500_000_000);
        assert_eq!(nanos(Some(9), None, 1_700_000_000_123_456_789), 1_700_000_000_123_456_789);
        assert_eq!(nanos(Some(12), None, 1_234_567), 1_234);
        assert_eq!(nanos(Some(127), None, u64::MAX - 1), 0);
    }

    #[test]
    fn binary_resolutions() {
        assert_eq!(nanos(Some(0x80), None, 3), 3_000_000_000);
        assert_eq!(nanos(Some(0x8a), None, 1_536), 1_500_000_000);
        assert_eq!(nanos(Some(0x94), None, 1 << 19), 500_000_000);
        assert_eq!(nanos(Some(0xff), None, u64::MAX), 0);
    }

    #[test]
    fn offsets_are_seconds_of_either_sign() {
        assert_eq!(nanos(Some(9), Some(-2), 500_000_000), -1_500_000_000);
        assert_eq!(nanos(Some(6), Some(1_700_000_000), 1), 1_700_000_000_000_001_000);
    }

    #[test]
    fn seconds_beyond_32_bits_survive() {
        // 2200-01-01T00:00:00Z, past 2³² s (date -u -d 2200-01-01 +%s).
        assert_eq!(nanos(Some(6), None, 7_258_118_400_000_000), 7_258_118_400_000_000_000);
    }

    #[test]
    fn out_of_range_is_clamped() {
        assert_eq!(nanos(Some(0), None, u64::MAX), i64::MAX);
        // The earliest instant that the type holds.
        assert_eq!(nanos(Some(6), Some(i64::MIN), 0), -i64::MAX);
    }
}
