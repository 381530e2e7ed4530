//! The one notion of time: nanoseconds since the Unix epoch, UTC, as the capture or the log wrote it.

use std::{fmt, num::NonZeroU64};

use chrono::{DateTime, Datelike, Timelike, Utc};

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z. Holds years 1677 to 2262.
///
/// Kept as nanoseconds since the earliest instant, which is never zero: an `Option` of it takes no more room than itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// From nanoseconds since the epoch. The very first that an `i64` can hold is taken for the one after it.
    #[inline]
    pub const fn from_nanos(nanos: i64) -> Self {
        match NonZeroU64::new(nanos as u64 ^ SIGN) {
            Some(since_first) => Self(since_first),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From whole seconds and nanoseconds since the epoch; clamped to what the type holds.
    pub const fn from_parts(seconds: i64, nanos: i64) -> Self {
        Self::from_nanos(seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub const fn nanos(self) -> i64 {
        (self.0.get() ^ SIGN) as i64
    }

    /// `self - earlier` in nanoseconds; negative when `self` lies before `earlier`.
    #[inline]
    pub const fn since(self, earlier: Self) -> i64 {
        self.nanos().saturating_sub(earlier.nanos())
    }

    /// As text, in place: tables hold several instants a row, and chrono's own formatting is ten times as slow.
    pub fn text(self) -> TimeText {
        let time: DateTime<Utc> = DateTime::from_timestamp_nanos(self.nanos());
        let [y0, y1, y2, y3] = four_digits(time.year().unsigned_abs());
        let ([m0, m1], [d0, d1]) = (two_digits(time.month()), two_digits(time.day()));
        let [[h0, h1], [i0, i1], [s0, s1]] = [time.hour(), time.minute(), time.second()].map(two_digits);
        let micros = time.timestamp_subsec_micros();
        let ([f0, f1], [f2, f3, f4, f5]) = (two_digits(micros / 10_000), four_digits(micros % 10_000));
        TimeText([
            y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, b'.', f0, f1, f2, f3,
            f4, f5, b'Z',
        ])
    }

    /// This instant moved by `nanos` (negative: earlier).
    #[must_use]
    #[inline]
    pub const fn plus(self, nanos: i64) -> Self {
        Self::from_nanos(self.nanos().saturating_add(nanos))
    }
}

impl Default for Timestamp {
    /// The epoch.
    fn default() -> Self {
        Self::from_nanos(0)
    }
}

impl fmt::Debug for Timestamp {
    /// The nanoseconds since the epoch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.nanos()).finish()
    }
}

impl fmt::Display for Timestamp {
    /// As [`Self::text`] has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_ref())
    }
}

/// An instant as text: RFC 3339 in UTC with microseconds, such as `2026-11-20T23:54:31.378123Z`.
#[derive(Clone, Copy, Debug)]
pub struct TimeText([u8; 27]);

impl AsRef<str> for TimeText {
    fn as_ref(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The last two digits of a number.
const fn two_digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// The last four digits of a number.
const fn four_digits(number: u32) -> [u8; 4] {
    let ([a, b], [c, d]) = (two_digits(number / 100), two_digits(number));
    [a, b, c, d]
}

/// The sign of an `i64`: turned over, it makes the smallest number zero and keeps the order.
const SIGN: u64 = 1 << 63;
/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NANOS_PER_MILLI: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc3339_with_microseconds() {
        // 1 763 683 200 s is 2025-11-21T00:00:00Z (date -u -d @1763683200).
        assert_eq!(Timestamp::from_parts(1_763_683_200, 1_500).to_string(), "2025-11-21T00:00:00.000001Z");
    }

    #[test]
    fn prints_what_chrono_prints() {
        // Leap days, ends of years and of the type, and instants before the epoch.
        let seconds = [0, 951_782_399, 951_782_400, 4_107_542_400, -1, -2_208_988_801, 1_767_225_599];
        let nanos = seconds.map(|seconds| seconds * NANOS_PER_SECOND + 123_456_789);
        for nanos in nanos.into_iter().chain([-i64::MAX, i64::MAX]) {
            let expected = DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), expected);
        }
    }

    #[test]
    fn instants_before_the_epoch_and_at_the_ends_keep_their_order() {
        let instants = [i64::MIN + 1, -1, 0, 1, i64::MAX].map(Timestamp::from_nanos);
        assert!(instants.is_sorted());
        assert_eq!(instants.map(Timestamp::nanos), [i64::MIN + 1, -1, 0, 1, i64::MAX]);
        assert_eq!(Timestamp::from_nanos(i64::MIN), instants[0]);
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
    }

    #[test]
    fn differences_are_signed() {
        let a = Timestamp::from_nanos(10);
        assert_eq!(a.since(Timestamp::from_nanos(25)), -15);
        assert_eq!(a.plus(-15).nanos(), -5);
    }
}
