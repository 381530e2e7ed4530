//! Histograms over axes that run through decades: idle times, waits, lags.

use crate::report::{review::Material, rows::ErrorRow, visible::visible};

/// Values in bins, in one or more panels over one axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Edges of the bins in the axis' own unit, ascending; one more than there are bins. Empty without values.
    pub edges: Vec<f64>,
    /// Counts by bin, each kind of value for itself.
    pub panels: Vec<Panel>,
    /// Timeouts that the findings learned.
    pub brackets: Vec<Bracket>,
}

/// Values of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What they are.
    pub label: &'static str,
    /// The class that colours them.
    pub class: &'static str,
    /// Counts by bin.
    pub counts: Vec<u64>,
}

/// A learned timeout.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    /// Whose.
    pub label: String,
    /// Lower end, in the axis' unit.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Panel {
    /// All its values.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Idle time before a connection was used again, in s: where it went well, and where the call failed.
pub fn idle(material: &Material<'_>) -> Histogram {
    let failed: Vec<f64> = material.errors.iter().filter_map(|row| row.idle_before_s).collect();
    let survived = &material.facts.idle_survived;
    let brackets = brackets(material, "idle-timeout");
    let edges = log_edges(failed.iter().chain(survived).copied().chain(ends(&brackets)), SHORTEST_IDLE);
    let panels = vec![
        panel("requests that were answered", "good", &edges, survived.iter().copied()),
        panel("calls that failed", "bad", &edges, failed.iter().copied()),
    ];
    Histogram { edges, panels, brackets }
}

/// Waits from the last byte of the request to the ending, in s, of calls that a peer or a device ended.
pub fn waits(material: &Material<'_>) -> Histogram {
    let ended = |word: &'static str| {
        let cut = move |row: &&ErrorRow| row.ending == Some(word) && row.ended_by != Some("gateway");
        material.errors.iter().filter(cut).filter_map(|row| row.wait_s).filter(|wait| *wait > 0.0)
    };
    let brackets = brackets(material, "response-timeout");
    let edges = log_edges(ended("rst").chain(ended("fin")).chain(ends(&brackets)), SHORTEST_WAIT);
    let panels = vec![
        panel("ended by a RST", "bad", &edges, ended("rst")),
        panel("ended by a FIN", "fin", &edges, ended("fin")),
    ];
    Histogram { edges, panels, brackets }
}

/// From the event on the wire to the log line, in ms, of calls that were joined.
pub fn lag(material: &Material<'_>) -> Histogram {
    let lags = || material.errors.iter().filter(|row| row.r#match != "none").filter_map(|row| row.lag_ms);
    let bounds = lags().map(bent).fold(None, |held: Option<(f64, f64)>, value| {
        Some(held.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    let edges = bounds.map_or_else(Vec::new, |(low, high)| {
        let first = (low * LAG_BINS).floor().min(-LAG_BINS.mul_add(0.5, 0.0)) as i64;
        let last = ((high * LAG_BINS).floor() as i64 + 1).max((LAG_BINS * 2.0) as i64);
        (first..=last).map(|step| unbent(step as f64 / LAG_BINS)).collect()
    });
    let panels = vec![panel("joined calls", "line", &edges, lags())];
    Histogram { edges, panels, brackets: Vec::new() }
}

/// An axis that is even around 0 and runs through decades further out, for values in ms of either sign.
pub fn bent(ms: f64) -> f64 {
    ms.signum() * ms.abs().ln_1p() / std::f64::consts::LN_10
}

/// The inverse of [`bent`].
fn unbent(bent: f64) -> f64 {
    bent.signum() * (10_f64.powf(bent.abs()) - 1.0)
}

/// Edges in equal steps of the logarithm, over whole steps; values below `least` fall into the first bin.
fn log_edges(values: impl Iterator<Item = f64>, shortest: f64) -> Vec<f64> {
    let bounds = values.filter(|value| *value > 0.0).map(|value| value.max(shortest)).fold(None, |held, value| {
        Some(held.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    });
    let Some((low, high)) = bounds else { return Vec::new() };
    let first = (low.log10() * PER_DECADE).floor() as i64;
    let last = (high.log10() * PER_DECADE).floor() as i64 + 1;
    (first..=last.max(first + PER_DECADE as i64)).map(|step| 10_f64.powf(step as f64 / PER_DECADE)).collect()
}

fn panel(label: &'static str, class: &'static str, edges: &[f64], values: impl Iterator<Item = f64>) -> Panel {
    let mut counts = vec![0; edges.len().saturating_sub(1)];
    let last = counts.len().saturating_sub(1);
    for value in values {
        let bin = edges.partition_point(|edge| *edge <= value).saturating_sub(1).min(last);
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    Panel { label, class, counts }
}

fn brackets(material: &Material<'_>, kind: &str) -> Vec<Bracket> {
    let of_kind = material.findings.iter().filter(|finding| finding.finding == kind);
    let learned = of_kind.filter_map(|finding| {
        let (low, high) = finding.value_low.zip(finding.value_high)?;
        let label = finding.host.as_deref().unwrap_or_default();
        (low > 0.0).then(|| Bracket { label: visible(label).into_owned(), low, high })
    });
    learned.take(MOST_BRACKETS).collect()
}

fn ends(brackets: &[Bracket]) -> impl Iterator<Item = f64> {
    brackets.iter().flat_map(|bracket| [bracket.low, bracket.high])
}

/// Bins per decade: a bin's end is a quarter above its beginning, so that a timeout stands out and noise does not.
const PER_DECADE: f64 = 10.0;
/// Bins per unit of the bent axis.
const LAG_BINS: f64 = 8.0;
/// Shorter idle times are pauses within a caller's work, s.
pub const SHORTEST_IDLE: f64 = 1e-3;
/// Shorter waits are no waits, s.
const SHORTEST_WAIT: f64 = 1e-3;
/// Brackets drawn; the findings that concern most calls come first.
const MOST_BRACKETS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_bins_hold_every_value() {
        let values = [0.000_2, 0.5, 2.0, 2.1, 30.0];
        let edges = log_edges(values.into_iter(), 1e-3);
        let panel = panel("", "", &edges, values.into_iter());
        assert_eq!(panel.total(), 5);
        assert_eq!(panel.counts[0], 1, "what is shorter than the axis is in its first bin");
        assert!(edges.windows(2).all(|pair| pair[0] < pair[1]) && edges[0] <= 1.001e-3);
        let bin = edges.partition_point(|edge| *edge <= 2.0) - 1;
        assert_eq!(panel.counts[bin], 2, "2.0 and 2.1 are a tenth of a decade or less apart");
    }

    #[test]
    fn nothing_to_show_is_empty() {
        assert_eq!(log_edges(std::iter::empty(), 1e-3), Vec::<f64>::new());
        assert_eq!(panel("", "", &[], [1.0].into_iter()).total(), 0);
    }

    #[test]
    fn the_bent_axis_is_even_around_zero_and_comes_back() {
        for ms in [-250.0, -1.0, 0.0, 0.4, 9.0, 5_000.0] {
            assert!((unbent(bent(ms)) - ms).abs() < 1e-9 * ms.abs().max(1.0), "{ms}");
        }
        assert!((bent(9.0) - 1.0).abs() < 1e-12 && (bent(-9.0) + 1.0).abs() < 1e-12);
    }
}
