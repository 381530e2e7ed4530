//! Histograms with the timeouts that were learned.

use crate::report::{
    review::{
        page::{
            scale::{Linear, log_ticks, round_span},
            svg::{Anchor, Svg, fitted},
        },
        pictures::histogram::{Bracket, Histogram, SHORTEST_IDLE, bent},
        text::{counted, grouped, listed, span},
    },
    rows::ErrorRow,
};

use super::{Bars, Figure, NumberTable, Size, nothing};

/// Idle time before a connection was used again.
pub(super) fn idle(histogram: &Histogram) -> Figure {
    let (id, title) = ("idle", "How long connections lay idle before they were used again");
    if histogram.edges.is_empty() {
        return nothing(id, title, "No connection was used again after a pause: there is nothing to show.");
    }
    let learned = learned(&histogram.brackets);
    let says = format!(
        "Pauses before requests that were answered ({}, of the last exchanges of each connection) and before calls that failed ({}). \
         Failures that begin at one value, where answers end, are an idle timeout.{learned}",
        grouped(histogram.panels[0].total()),
        grouped(histogram.panels[1].total()),
    );
    seconds(id, title, says, histogram)
}

/// Waits before an abort.
pub(super) fn waits(histogram: &Histogram) -> Figure {
    let (id, title) = ("waits", "How long calls waited before they were cut");
    if histogram.edges.is_empty() {
        return nothing(id, title, "No call was cut after its request: there is nothing to show.");
    }
    let learned = learned(&histogram.brackets);
    let says = format!(
        "From the last byte of the request to the ending, of calls that a peer or a device on the way cut. A peak far to the right is a \
         timeout that somebody set; near one round trip it is a refusal.{learned}"
    );
    seconds(id, title, says, histogram)
}

/// Lag between packet and log line.
pub(super) fn lag(histogram: &Histogram, errors: &[ErrorRow]) -> Figure {
    let (id, title) = ("lag", "From the packet to the log line");
    let mut lags: Vec<f64> = errors.iter().filter(|row| row.r#match != "none").filter_map(|row| row.lag_ms).collect();
    if histogram.edges.is_empty() || lags.is_empty() {
        return nothing(id, title, "No call was joined to a connection: there is nothing to show.");
    }
    lags.sort_by(f64::total_cmp);
    let at = |share: f64| span(lags[((lags.len() - 1) as f64 * share) as usize] / 1e3);
    let says = format!(
        "How late the log line is against the event on the wire, clock offset taken out: half of {} between {} and {}, nine tenths below \
         {}. One narrow peak near 0 is a good join; a tail of seconds is a log that is written when the whole request is done.",
        counted(lags.len() as u64, "joined call"),
        at(0.25),
        at(0.75),
        at(0.9)
    );
    let ticks: Vec<(f64, String)> =
        [-10_000.0, -1_000.0, -100.0, -10.0, -1.0, 0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0]
            .into_iter()
            .map(|ms: f64| (ms, round_span(ms / 1e3)))
            .collect();
    let axis = Axis { place: bent, ticks };
    build(id, title, says, histogram, &axis, |edge| round_span((edge * 1e3).round() / 1e6))
}

fn seconds(id: &'static str, title: &'static str, says: String, histogram: &Histogram) -> Figure {
    let (low, high) = (histogram.edges[0], histogram.edges[histogram.edges.len() - 1]);
    let mut ticks: Vec<(f64, String)> = log_ticks(low, high).into_iter().map(|tick| (tick, round_span(tick))).collect();
    // The first bin holds what is shorter, too.
    if let Some((tick, label)) = ticks.first_mut()
        && (*tick - SHORTEST_IDLE).abs() < SHORTEST_IDLE / 2.0
    {
        label.insert_str(0, "≤ ");
    }
    build(id, title, says, histogram, &Axis { place: f64::log10, ticks }, span)
}

/// An axis: where a value lies before it is scaled, and the labelled values.
struct Axis {
    place: fn(f64) -> f64,
    ticks: Vec<(f64, String)>,
}

fn build(
    id: &'static str,
    title: &'static str,
    says: String,
    histogram: &Histogram,
    axis: &Axis,
    name: impl Fn(f64) -> String,
) -> Figure {
    let [wide, narrow] = Size::BOTH.map(|size| draw(id, title, &says, histogram, axis, size));
    let mut head = vec!["From".to_owned(), "to".to_owned()];
    head.extend(histogram.panels.iter().map(|panel| panel.label.to_owned()));
    let bins = (0..histogram.edges.len() - 1).filter(|bin| histogram.panels.iter().any(|panel| panel.counts[*bin] > 0));
    let rows = bins
        .map(|bin| {
            let mut row = vec![name(histogram.edges[bin]), name(histogram.edges[bin + 1])];
            row.extend(histogram.panels.iter().map(|panel| grouped(panel.counts[bin])));
            row
        })
        .collect();
    Figure { id, title, says, legend: Vec::new(), wide, narrow, table: NumberTable { head, rows } }
}

fn draw(id: &str, title: &str, says: &str, histogram: &Histogram, axis: &Axis, size: Size) -> String {
    let (left, right) = (36.0, size.width() - 10.0);
    let panels = histogram.panels.len() as f64 * (PANEL + LABEL);
    let height = panels + AXIS + histogram.brackets.len() as f64 * BRACKET;
    let mut svg = Svg::new(size.width(), height);
    let bounds = ((axis.place)(histogram.edges[0]), (axis.place)(histogram.edges[histogram.edges.len() - 1]));
    let scale = Linear::new(bounds, (left, right));
    let at = |value: f64| scale.at((axis.place)(value)).clamp(left, right);
    for bracket in &histogram.brackets {
        let (from, to) = (at(bracket.low), at(bracket.high));
        svg.rect("band", [from - 1.0, LABEL, (to - from).max(0.0) + 2.0, panels - LABEL]);
    }
    let inside = axis.ticks.iter().filter(|(value, _)| (bounds.0..=bounds.1).contains(&(axis.place)(*value)));
    let mut last = f64::NEG_INFINITY;
    for (value, label) in inside {
        let x = at(*value);
        svg.line("grid", [x, LABEL], [x, panels]);
        let room = label.chars().count() as f64 * 6.5 + 6.0;
        if x - last >= room {
            svg.text("ax", [x.clamp(left, right - 8.0), panels + 15.0], Anchor::Middle, label);
            last = x;
        }
    }
    let edges: Vec<f64> = histogram.edges.iter().map(|edge| at(*edge)).collect();
    for (index, panel) in histogram.panels.iter().enumerate() {
        let top = index as f64 * (PANEL + LABEL);
        svg.text("lb", [left, top + 20.0], Anchor::Start, &format!("{} ({})", panel.label, grouped(panel.total())));
        let class = format!("bar {}", panel.class);
        Bars { edges: &edges, counts: &panel.counts, class: &class, top: top + LABEL, height: PANEL, left, right }
            .draw(&mut svg);
    }
    for (index, bracket) in histogram.brackets.iter().enumerate() {
        draw_bracket(
            &mut svg,
            bracket,
            (at(bracket.low), at(bracket.high)),
            (left, right),
            panels + AXIS + index as f64 * BRACKET,
        );
    }
    svg.finish(&size.id(id), size.class(), title, says)
}

/// A bar from the lower to the upper end with its name on the side that has room.
fn draw_bracket(svg: &mut Svg, bracket: &Bracket, (from, to): (f64, f64), (left, right): (f64, f64), y: f64) {
    let to = to.max(from + 3.0);
    svg.line("brace", [from, y + 8.0], [to, y + 8.0]);
    svg.line("brace", [from, y + 3.0], [from, y + 13.0]);
    svg.line("brace", [to, y + 3.0], [to, y + 13.0]);
    let label = format!("{}  {}", bracket.label, bracket_words(bracket));
    if from - left > right - to {
        svg.text("ax", [from - 6.0, y + 12.0], Anchor::End, &fitted(&label, from - left - 8.0, 6.2));
    } else {
        svg.text("ax", [to + 6.0, y + 12.0], Anchor::Start, &fitted(&label, right - to - 8.0, 6.2));
    }
}

fn bracket_words(bracket: &Bracket) -> String {
    let (low, high) = (span(bracket.low), span(bracket.high));
    if low == high { low } else { format!("{low} to {high}") }
}

fn learned(brackets: &[Bracket]) -> String {
    if brackets.is_empty() {
        return String::new();
    }
    let told: Vec<String> =
        brackets.iter().map(|bracket| format!("{} {}", bracket.label, bracket_words(bracket))).collect();
    format!(" Learned: {}.", listed(&told))
}

const PANEL: f64 = 64.0;
const LABEL: f64 = 30.0;
const AXIS: f64 = 26.0;
const BRACKET: f64 = 19.0;
