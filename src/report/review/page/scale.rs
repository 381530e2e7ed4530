//! Scales and their ticks: from values to places on an axis.

use wirecause_parsers::time::{NANOS_PER_SECOND, Timestamp};

use crate::report::review::text;

/// From a range of values to a range of places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    from: (f64, f64),
    to: (f64, f64),
}

impl Linear {
    /// Maps `from` onto `to`; an empty range maps to the beginning.
    pub const fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        Self { from, to }
    }

    /// Where a value lies.
    pub fn at(&self, value: f64) -> f64 {
        let width = self.from.1 - self.from.0;
        if width == 0.0 { self.to.0 } else { self.to.0 + (value - self.from.0) / width * (self.to.1 - self.to.0) }
    }
}

/// A scale of time: nanoseconds after the first instant, so that no digit is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeScale {
    first: Timestamp,
    linear: Linear,
}

impl TimeScale {
    /// Maps from the first to the last instant onto `to`.
    pub fn new(first: Timestamp, last: Timestamp, to: (f64, f64)) -> Self {
        Self { first, linear: Linear::new((0.0, last.since(first) as f64), to) }
    }

    /// Where an instant lies; what is outside is moved to the edge.
    pub fn at(&self, time: Timestamp) -> f64 {
        let (low, high) = self.linear.to;
        self.linear.at(time.since(self.first) as f64).clamp(low.min(high), low.max(high))
    }
}

/// Ticks of a count's axis: whole numbers at round steps from 0, the last at or above `most`.
pub fn count_ticks(most: u64, about: u64) -> Vec<u64> {
    let most = most.max(1);
    let rough = most.div_ceil(about.max(1)).max(1);
    let magnitude = 10_u64.pow(rough.ilog10());
    let step = [1, 2, 5, 10].into_iter().map(|factor| factor * magnitude).find(|step| *step >= rough).unwrap_or(rough);
    (0..=most.div_ceil(step)).map(|tick| tick * step).collect()
}

/// Ticks of a time axis at round instants, at most `about`, with labels that say as much as the step needs.
pub fn time_ticks(first: Timestamp, last: Timestamp, about: i64) -> Vec<(Timestamp, String)> {
    let span = last.since(first).max(1);
    let step = STEPS.into_iter().find(|step| span / step < about).unwrap_or(STEPS[STEPS.len() - 1]);
    let pattern = match step {
        step if step < NANOS_PER_SECOND => "%H:%M:%S%.3f",
        step if step < 60 * NANOS_PER_SECOND => "%H:%M:%S",
        step if step < DAY => "%H:%M",
        _ => "%-d %b",
    };
    let start = first.nanos().div_euclid(step) * step;
    (0..=span / step + 1)
        .map(|tick| Timestamp::from_nanos(start + tick * step))
        .filter(|time| *time >= first && *time <= last)
        .map(|time| (time, text::format(time, pattern)))
        .collect()
}

/// Ticks of an axis through decades, in the unit of its values: 1, 10, 100 …, and 2 and 5 between where few decades are shown.
pub fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let factors: &[f64] = if last - first <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    (first..=last)
        .flat_map(|decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)))
        .filter(|tick| *tick >= low * 0.999 && *tick <= high * 1.001)
        .collect()
}

/// A round number of seconds with its unit.
pub fn round_span(seconds: f64) -> String {
    let (value, unit) = match seconds.abs() {
        0.0 => (0.0, ""),
        size if size < 0.999e-3 => (seconds * 1e6, " µs"),
        size if size < 0.999 => (seconds * 1e3, " ms"),
        _ => (seconds, " s"),
    };
    format!("{}{unit}", (value * 1e3).round() / 1e3)
}

const DAY: i64 = 86_400 * NANOS_PER_SECOND;
/// Steps of a time axis, ns.
const STEPS: [i64; 25] = {
    const S: i64 = NANOS_PER_SECOND;
    [
        S / 1_000,
        S / 500,
        S / 200,
        S / 100,
        S / 20,
        S / 10,
        S / 4,
        S / 2,
        S,
        2 * S,
        5 * S,
        10 * S,
        20 * S,
        30 * S,
        60 * S,
        120 * S,
        300 * S,
        600 * S,
        1_800 * S,
        3_600 * S,
        3 * 3_600 * S,
        6 * 3_600 * S,
        DAY,
        2 * DAY,
        7 * DAY,
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_most() {
        assert_eq!(count_ticks(7, 3), [0, 5, 10]);
        assert_eq!(count_ticks(0, 3), [0, 1]);
        assert_eq!(count_ticks(42, 3), [0, 20, 40, 60]);
        assert_eq!(log_ticks(0.01, 10.0), [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]);
        assert_eq!(log_ticks(0.001, 100.0).len(), 6);
        assert_eq!([0.0002, 0.05, 2.0].map(round_span), ["200 µs", "50 ms", "2 s"]);
    }

    #[test]
    fn times_are_labelled_as_finely_as_they_are_apart() {
        // 1 763 682 871 s is 2025-11-20T23:54:31Z.
        let first = Timestamp::from_parts(1_763_682_871, 0);
        let labels = |seconds: i64| -> Vec<String> {
            time_ticks(first, first.plus(seconds * NANOS_PER_SECOND), 6).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(120), ["23:55:00", "23:55:30", "23:56:00", "23:56:30"]);
        let days = labels(7 * 86_400);
        assert!(days.len() >= 3 && days.iter().all(|day| day.ends_with(" Nov")), "{days:?}");
    }

    #[test]
    fn an_axis_without_width_does_not_divide_by_it() {
        assert!((Linear::new((1.0, 1.0), (5.0, 9.0)).at(1.0) - 5.0).abs() < f64::EPSILON);
    }
}
