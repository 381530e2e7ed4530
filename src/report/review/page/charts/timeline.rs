//! Errors and endings on one time axis.

use crate::report::review::{
    page::{
        scale::{TimeScale, time_ticks},
        svg::{Anchor, Svg},
    },
    pictures::{TimeBins, merged, timeline::Timeline},
    text::{clock, grouped, period},
};

use super::{Bars, Figure, NumberTable, Size, nothing};

/// Three panels over one axis.
pub(super) fn figure(timeline: Option<&Timeline>) -> Figure {
    let (id, title) = ("timeline", "Errors and endings on one time axis");
    let Some(timeline) = timeline else { return nothing(id, title, "No call failed: there is nothing to show.") };
    let errors: u64 = timeline.errors.iter().sum();
    let most = timeline.errors.iter().enumerate().max_by_key(|(bin, count)| (**count, std::cmp::Reverse(*bin)));
    let peak = most.map_or_else(String::new, |(bin, count)| {
        format!(
            " Most of them, {}, fall into the {:.1} s from {}.",
            grouped(*count),
            width_s(&timeline.bins),
            clock(timeline.bins.start(bin))
        )
    });
    let says = format!(
        "{} log lines, the clock offset taken out, above the endings that the captures saw: {} connections ended by a RST and {} by a \
         FIN of the peer. Where the panels rise together, the endings explain the errors.{peak}",
        grouped(errors),
        grouped(timeline.resets.iter().sum()),
        grouped(timeline.fins.iter().sum()),
    );
    let [wide, narrow] = Size::BOTH.map(|size| draw(timeline, size, &says));
    let rows =
        (0..timeline.bins.count).filter(|bin| timeline.errors[*bin] + timeline.resets[*bin] + timeline.fins[*bin] > 0);
    let table = NumberTable {
        head: ["From (UTC)", "Failed calls", "RST", "FIN of the peer"].map(str::to_owned).to_vec(),
        rows: rows
            .map(|bin| {
                let mut row = vec![crate::report::review::text::instant(timeline.bins.start(bin))];
                row.extend([timeline.errors[bin], timeline.resets[bin], timeline.fins[bin]].map(grouped));
                row
            })
            .collect(),
    };
    Figure { id, title, says, legend: Vec::new(), wide, narrow, table }
}

fn width_s(bins: &TimeBins) -> f64 {
    bins.last.since(bins.first) as f64 / 1e9 / bins.count as f64
}

fn draw(timeline: &Timeline, size: Size, says: &str) -> String {
    let (left, right) = (36.0, size.width() - 8.0);
    let by = if size.is_wide() { 1 } else { 3 };
    let panels = [
        ("failed calls in the log", "bar bad", &timeline.errors),
        ("connections ended by a RST", "bar rst", &timeline.resets),
        ("connections ended by a FIN of the peer", "bar fin", &timeline.fins),
    ];
    let height = panels.len() as f64 * (PANEL + LABEL) + AXIS;
    let mut svg = Svg::new(size.width(), height);
    let scale = TimeScale::new(timeline.bins.first, timeline.bins.last, (left, right));
    let bottom = height - AXIS;
    for (time, label) in time_ticks(timeline.bins.first, timeline.bins.last, if size.is_wide() { 9 } else { 4 }) {
        let x = scale.at(time);
        svg.line("grid", [x, LABEL], [x, bottom]);
        svg.text("ax", [x.clamp(left + 14.0, right - 22.0), bottom + 16.0], Anchor::Middle, &label);
    }
    for (index, (label, class, counts)) in panels.into_iter().enumerate() {
        let counts = merged(counts, by);
        let step = (right - left) / counts.len() as f64;
        let edges: Vec<f64> = (0..=counts.len()).map(|edge| left + edge as f64 * step).collect();
        let top = index as f64 * (PANEL + LABEL);
        svg.text("lb", [left, top + 20.0], Anchor::Start, label);
        Bars { edges: &edges, counts: &counts, class, top: top + LABEL, height: PANEL, left, right }.draw(&mut svg);
    }
    let description = format!("{says} The axis runs {}.", period(timeline.bins.first, timeline.bins.last));
    svg.finish(&size.id("timeline"), size.class(), "Errors and endings over time", &description)
}

const PANEL: f64 = 62.0;
const LABEL: f64 = 30.0;
const AXIS: f64 = 24.0;
