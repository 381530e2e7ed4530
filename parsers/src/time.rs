//! The one notion of time: nanoseconds since the Unix epoch, UTC, as the capture or the log wrote it.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z. Holds years 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds and nanoseconds since the epoch; clamped to what the type holds.
    pub const fn from_parts(seconds: i64, nanos: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// `self - earlier` in nanoseconds; negative when `self` lies before `earlier`.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved by `nanos` (negative: earlier).
    #[must_use]
    pub const fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds, such as `2026-11-20T23:54:31.378123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time: DateTime<Utc> = DateTime::from_timestamp_nanos(self.0);
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

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
    fn differences_are_signed() {
        let a = Timestamp::from_nanos(10);
        assert_eq!(a.since(Timestamp::from_nanos(25)), -15);
        assert_eq!(a.plus(-15).nanos(), -5);
    }
}
