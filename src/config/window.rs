//! `--from` and `--to`: the time asked for, absolute or counted back from the end of the input.

use std::fmt;

use chrono::DateTime;
use wirecause_parsers::time::{NANOS_PER_SECOND, Timestamp};

use super::Error;

/// The time asked for: from the first bound on, and before the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Where it begins; `None`: with the input.
    pub from: Option<Bound>,
    /// Where it ends, itself left out; `None`: with the input.
    pub to: Option<Bound>,
}

/// One end of the time asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// An instant.
    At(Timestamp),
    /// So many nanoseconds before the last record of the input.
    BeforeEnd(i64),
}

impl Window {
    /// The window between two options as typed.
    pub(super) fn new(from: Option<&str>, to: Option<&str>) -> Result<Self, Error> {
        let window = Self {
            from: from.map(|text| bound("--from", text)).transpose()?,
            to: to.map(|text| bound("--to", text)).transpose()?,
        };
        let is_empty = match (window.from, window.to) {
            (Some(Bound::At(from)), Some(Bound::At(to))) => to <= from,
            (Some(Bound::BeforeEnd(from)), Some(Bound::BeforeEnd(to))) => to >= from,
            _ => false,
        };
        if is_empty {
            let found = to.unwrap_or_default().to_owned();
            return Err(Error::Value { option: "--to", found, expected: "a time later than that of --from" });
        }
        Ok(window)
    }
}

impl fmt::Display for Bound {
    /// As the option takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => time.fmt(f),
            Self::BeforeEnd(nanos) => write!(f, "-{}s", nanos / NANOS_PER_SECOND),
        }
    }
}

fn bound(option: &'static str, text: &str) -> Result<Bound, Error> {
    let absolute = || DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt();
    let found = match text.strip_prefix('-') {
        Some(span) => seconds(span).map(|seconds| Bound::BeforeEnd(seconds * NANOS_PER_SECOND)),
        None => absolute().map(|nanos| Bound::At(Timestamp::from_nanos(nanos))),
    };
    found.ok_or_else(|| Error::Value {
        option,
        found: text.to_owned(),
        expected: "a time such as 2026-11-20T23:54:31Z, or one counted back from the end such as -2h, -30m or -1d12h",
    })
}

/// `1d12h`, `30m`, `45s`: numbers with their units.
fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let unit = behind.chars().next()?;
        let of_unit = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total = number.parse::<i64>().ok()?.checked_mul(of_unit)?.checked_add(total)?;
        rest = behind.get(1..)?;
    }
    (1..=LONGEST_S).contains(&total).then_some(total)
}

const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// A hundred years: what lies before that is no log's time, and nanoseconds of it still fit.
const LONGEST_S: i64 = 36_525 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_an_instant_in_any_zone_or_a_time_before_the_end() {
        // date -u -d 2026-11-20T23:54:31Z +%s
        let at = Bound::At(Timestamp::from_parts(1_795_218_871, 500_000_000));
        assert_eq!(bound("--from", "2026-11-20T23:54:31.5Z").unwrap(), at);
        assert_eq!(bound("--from", "2026-11-20T20:54:31.5-03:00").unwrap(), at);
        for (text, seconds) in [("-2h", 7_200), ("-30m", 1_800), ("-1d", 86_400), ("-1d12h", 129_600), ("-5s", 5)] {
            assert_eq!(bound("--to", text).unwrap(), Bound::BeforeEnd(seconds * NANOS_PER_SECOND), "{text}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        for text in ["2026-11-20T23:54:31.500000Z", "-129600s"] {
            assert_eq!(bound("--from", text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_its_option() {
        for text in ["", "-", "-h", "2h", "-2", "-2y", "-0s", "yesterday", "2026-11-20", "-99999999999999999d", "-2é"]
        {
            let told = bound("--from", text).unwrap_err().to_string();
            assert!(told.contains("--from") && told.contains("such as"), "{told}");
        }
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_refused() {
        for (from, to) in [("2026-11-20T02:00:00Z", "2026-11-20T01:00:00Z"), ("-1h", "-2h"), ("-1h", "-1h")] {
            assert!(Window::new(Some(from), Some(to)).is_err(), "{from} {to}");
        }
        assert!(Window::new(Some("-2h"), Some("-1h")).is_ok());
        assert_eq!(Window::new(None, None).unwrap(), Window::default());
    }
}
