//! The series behind the pictures: counts and spans, no drawing.

pub mod burst;
pub mod coverage;
pub mod heat;
pub mod histogram;
pub mod timeline;

use wirecause_parsers::time::Timestamp;

use self::{burst::Burst, coverage::Coverage, heat::Heat, histogram::Histogram, timeline::Timeline};
use super::{Material, endpoints::EndpointView};

/// All series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pictures {
    /// Errors and endings on one time axis.
    pub timeline: Option<Timeline>,
    /// Failed calls by endpoint and time.
    pub heat: Option<Heat>,
    /// Idle time before a connection was used again.
    pub idle: Histogram,
    /// Waits before an abort.
    pub waits: Histogram,
    /// Lag between packet and log line.
    pub lag: Histogram,
    /// The connections of one burst.
    pub burst: Option<Burst>,
    /// What logs and captures cover.
    pub coverage: Option<Coverage>,
}

impl Pictures {
    /// Gathers all series; `endpoints` come most calls first.
    pub fn new(material: &Material<'_>, endpoints: &[EndpointView]) -> Self {
        Self {
            timeline: Timeline::new(material),
            heat: Heat::new(material, endpoints),
            idle: histogram::idle(material),
            waits: histogram::waits(material),
            lag: histogram::lag(material),
            burst: Burst::new(material),
            coverage: Coverage::new(material),
        }
    }
}

/// Equal bins over a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBins {
    /// Beginning of the first bin.
    pub first: Timestamp,
    /// End of the last bin.
    pub last: Timestamp,
    /// How many.
    pub count: usize,
}

impl TimeBins {
    /// Bins that hold all of `times`; `None` without any. A single instant gets a second.
    pub fn over(times: impl Iterator<Item = Timestamp> + Clone, count: usize) -> Option<Self> {
        let (first, last) = (times.clone().min()?, times.max()?);
        let last = if last.since(first) < LEAST_SPAN { first.plus(LEAST_SPAN) } else { last };
        Some(Self { first, last, count })
    }

    /// The bin of an instant; `None` outside.
    pub fn index(&self, time: Timestamp) -> Option<usize> {
        if time < self.first || time > self.last {
            return None;
        }
        let at = time.since(self.first) as f64 / self.last.since(self.first) as f64;
        Some(((at * self.count as f64) as usize).min(self.count - 1))
    }

    /// When a bin begins.
    pub fn start(&self, index: usize) -> Timestamp {
        self.first.plus((self.last.since(self.first) as f64 * index as f64 / self.count as f64) as i64)
    }

    /// Counts of instants by bin.
    pub fn counts(&self, times: impl Iterator<Item = Timestamp>) -> Vec<u64> {
        let mut counts = vec![0; self.count];
        for index in times.filter_map(|time| self.index(time)) {
            counts[index] += 1;
        }
        counts
    }
}

/// Sums of `by` neighbours each, for a narrower picture.
pub fn merged(counts: &[u64], by: usize) -> Vec<u64> {
    counts.chunks(by).map(|part| part.iter().sum()).collect()
}

/// When a call's line was written, on the capture's clock as far as that is known.
fn line_time(material: &Material<'_>, call: usize) -> Timestamp {
    material.facts.call_times.get(call).copied().unwrap_or_else(|| material.errors[call].log_time)
}

/// The shortest span of a time axis, ns.
const LEAST_SPAN: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_both_ends_and_nothing_outside() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let bins = TimeBins::over([at(10), at(20), at(15)].into_iter(), 5).unwrap();
        assert_eq!(
            [at(9), at(10), at(15), at(20), at(21)].map(|time| bins.index(time)),
            [None, Some(0), Some(2), Some(4), None]
        );
        assert_eq!(bins.counts([at(10), at(11), at(20), at(30)].into_iter()), [2, 0, 0, 0, 1]);
        assert_eq!((bins.start(0), bins.start(5)), (at(10), at(20)));
        assert_eq!(TimeBins::over(std::iter::empty(), 5), None);
        assert_eq!(merged(&[1, 2, 3, 4, 5], 2), [3, 7, 5]);
    }
}
