//! The strip of what logs and captures cover, with holes, missing segments and drops.

use crate::report::review::{
    page::{
        scale::{TimeScale, time_ticks},
        svg::{Anchor, Svg, fitted},
    },
    pictures::coverage::{Coverage, Strip},
    text::{counted, grouped, instant, span},
};

use super::{Figure, NumberTable, Size, nothing};

/// The strips.
pub(super) fn figure(coverage: Option<&Coverage>) -> Figure {
    let (id, title) = ("coverage", "What logs and captures cover");
    let Some(coverage) = coverage else { return nothing(id, title, "No input has a time: there is nothing to show.") };
    let holes: usize = coverage.lanes.iter().map(|lane| lane.holes.len()).sum();
    let gaps: u64 = coverage.lanes.iter().map(|lane| lane.gaps).sum();
    let dropped: u64 = coverage.lanes.iter().filter_map(|lane| lane.dropped).sum();
    let told = if coverage.lanes.iter().any(|lane| lane.dropped.is_some()) {
        counted(dropped, "frame")
    } else {
        "an unknown number of frames (no file says it)".to_owned()
    };
    let left_out = match coverage.left_out {
        0 => String::new(),
        more => format!(" {} are left out.", counted(more as u64, "file")),
    };
    let says = format!(
        "{} with the log's offset taken out: {} without any frame, {} of missing segments, {told} dropped by the capturing interfaces. \
         What lies outside of the captures cannot be judged.{left_out}",
        counted(coverage.lanes.len() as u64, "file"),
        counted(holes as u64, "long silence"),
        counted(gaps, "range"),
    );
    let [wide, narrow] = Size::BOTH.map(|size| draw(coverage, size, &says));
    let head = ["File", "First (UTC)", "Last", "Records or frames", "Silences", "Missing ranges", "Dropped"]
        .map(str::to_owned)
        .to_vec();
    let rows = coverage.lanes.iter().map(row).collect();
    let legend =
        [("strip-log", "log"), ("strip-cap", "capture"), ("strip-hole", "silence"), ("strip-miss", "segments missing")]
            .map(|(class, words)| (class.to_owned(), words.to_owned()))
            .to_vec();
    Figure { id, title, says, legend, wide, narrow, table: NumberTable { head, rows } }
}

fn row(lane: &Strip) -> Vec<String> {
    let silences: Vec<String> = lane
        .holes
        .iter()
        .map(|(from, to)| format!("{} for {}", &instant(*from)[11..], span(to.since(*from) as f64 / 1e9)))
        .collect();
    vec![
        lane.name.clone(),
        lane.span.map(|(first, _)| instant(first)).unwrap_or_default(),
        lane.span.map(|(_, last)| instant(last)).unwrap_or_default(),
        grouped(lane.count),
        silences.join("; "),
        if lane.is_log { String::new() } else { grouped(lane.gaps) },
        lane.dropped.map(grouped).unwrap_or_default(),
    ]
}

fn draw(coverage: &Coverage, size: Size, says: &str) -> String {
    let wide = size.is_wide();
    let (left, right) = if wide { (196.0, size.width() - 8.0) } else { (0.0, size.width()) };
    let row_height = if wide { 24.0 } else { 36.0 };
    let height = coverage.lanes.len() as f64 * row_height + AXIS;
    let mut svg = Svg::new(size.width(), height);
    let scale = TimeScale::new(coverage.span.0, coverage.span.1, (left, right));
    let bottom = height - AXIS;
    for (time, label) in time_ticks(coverage.span.0, coverage.span.1, if wide { 8 } else { 4 }) {
        let x = scale.at(time);
        svg.line("grid", [x, 0.0], [x, bottom]);
        svg.text("ax", [x.clamp(left + 24.0, right - 24.0), bottom + 16.0], Anchor::Middle, &label);
    }
    for (index, lane) in coverage.lanes.iter().enumerate() {
        let top = index as f64 * row_height;
        let bar = if wide { top + 5.0 } else { top + 18.0 };
        if wide {
            svg.text("lb", [left - 8.0, top + 16.0], Anchor::End, &fitted(&lane.name, left - 12.0, 6.4));
        } else {
            svg.text("lb", [left, top + 13.0], Anchor::Start, &fitted(&lane.name, right, 6.4));
        }
        svg.rect("track", [left, bar, right - left, 14.0]);
        let Some((first, last)) = lane.span else { continue };
        let (from, to) = (scale.at(first), scale.at(last));
        svg.rect(if lane.is_log { "strip-log" } else { "strip-cap" }, [from, bar, (to - from).max(1.5), 14.0]);
        for (begin, end) in &lane.holes {
            let (from, to) = (scale.at(*begin), scale.at(*end));
            svg.rect("strip-hole", [from, bar, (to - from).max(1.5), 14.0]);
        }
        for time in &lane.missed {
            let x = scale.at(*time);
            svg.line("strip-miss", [x, bar - 2.0], [x, bar + 16.0]);
        }
    }
    svg.finish(&size.id("coverage"), size.class(), "What logs and captures cover", says)
}

const AXIS: f64 = 24.0;
