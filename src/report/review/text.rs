//! Words with emphasis, and how numbers and times are written in the review.

use chrono::{DateTime, Utc};
use wirecause_parsers::time::Timestamp;

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// As it stands.
    Plain(String),
    /// Emphasised: what a reader who skims should see.
    Strong(String),
    /// A name out of a log or a packet.
    Name(String),
}

/// A sentence or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prose(pub Vec<Span>);

impl Prose {
    /// Adds plain words.
    #[must_use]
    pub fn plain(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Plain(text.into()));
        self
    }

    /// Adds emphasised words.
    #[must_use]
    pub fn strong(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Strong(text.into()));
        self
    }

    /// Adds a name.
    #[must_use]
    pub fn name(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Name(text.into()));
        self
    }

    /// The words alone.
    pub fn words(&self) -> String {
        self.0
            .iter()
            .map(|span| match span {
                Span::Plain(text) | Span::Strong(text) | Span::Name(text) => text.as_str(),
            })
            .collect()
    }
}

/// A count with its digits grouped, such as `12,034`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun, such as `1 call` or `3 calls`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A share in percent, which does not break: whole, but for what would round to nothing or to all.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 {
        "<\u{a0}1\u{a0}%".to_owned()
    } else if percent > 99.0 && percent < 100.0 {
        ">\u{a0}99\u{a0}%".to_owned()
    } else {
        format!("{percent:.0}\u{a0}%")
    }
}

/// A part of a whole as a share; nothing of nothing is 0.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Seconds with a unit that suits their size: three significant digits or better.
pub fn span(seconds: f64) -> String {
    let size = seconds.abs();
    if size < 1e-3 {
        format!("{:.0} µs", seconds * 1e6)
    } else if size < 0.1 {
        format!("{:.1} ms", seconds * 1e3)
    } else if size < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else if size < 120.0 {
        format!("{seconds:.3} s")
    } else if size < 7_200.0 {
        format!("{:.1} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3_600.0)
    }
}

/// The time of day in UTC, such as `23:54:31`.
pub fn clock(time: Timestamp) -> String {
    format(time, "%H:%M:%S")
}

/// The day in UTC, such as `20 November 2026`.
pub fn day(time: Timestamp) -> String {
    format(time, "%-d %B %Y")
}

/// Date and time in UTC to the millisecond.
pub fn instant(time: Timestamp) -> String {
    format(time, "%Y-%m-%d %H:%M:%S%.3f")
}

/// A time in UTC by a pattern of chrono's.
pub fn format(time: Timestamp, pattern: &str) -> String {
    let time: DateTime<Utc> = DateTime::from_timestamp_nanos(time.nanos());
    time.format(pattern).to_string()
}

/// From when to when, in words; the day is said once if it is one.
pub fn period(first: Timestamp, last: Timestamp) -> String {
    if clock(first) == clock(last) && day(first) == day(last) {
        format!("at {} UTC on {}", clock(first), day(first))
    } else if day(first) == day(last) {
        format!("between {} and {} UTC on {}", clock(first), clock(last), day(first))
    } else {
        format!("between {} on {} and {} on {} (UTC)", clock(first), day(first), clock(last), day(last))
    }
}

/// Items as English lists them: `a, b and c`.
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_readers() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.0, 0.004, 0.5, 0.999, 1.0].map(percent),
            ["0\u{a0}%", "<\u{a0}1\u{a0}%", "50\u{a0}%", ">\u{a0}99\u{a0}%", "100\u{a0}%"]
        );
        assert_eq!(
            [0.000_4, 0.012, 0.3, 2.5, 600.0, 9_000.0].map(span),
            ["400 µs", "12.0 ms", "300 ms", "2.500 s", "10.0 min", "2.5 h"]
        );
        assert_eq!(counted(1, "call") + &counted(2, "call"), "1 call2 calls");
    }

    #[test]
    fn a_period_says_a_day_once() {
        // 1 763 682 871 s is 2025-11-20T23:54:31Z (date -u -d @1763682871).
        let first = Timestamp::from_parts(1_763_682_871, 0);
        assert_eq!(period(first, first), "at 23:54:31 UTC on 20 November 2025");
        assert_eq!(period(first, first.plus(60_000_000_000)), "between 23:54:31 and 23:55:31 UTC on 20 November 2025");
        assert_eq!(
            period(first, first.plus(600_000_000_000)),
            "between 23:54:31 on 20 November 2025 and 00:04:31 on 21 November 2025 (UTC)"
        );
    }

    #[test]
    fn lists_read_as_english() {
        let items = |names: &[&str]| listed(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            [items(&[]), items(&["a"]), items(&["a", "b", "c"])],
            ["", "a", "a and b and c".replacen(" and", ",", 1).as_str()]
        );
    }
}
