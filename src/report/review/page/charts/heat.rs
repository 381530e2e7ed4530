//! Failed calls by endpoint and time. Each cell holds its number where it fits, so that shades only help.

use crate::report::review::{
    page::{
        scale::{TimeScale, time_ticks},
        svg::{Anchor, Svg, fitted},
    },
    pictures::{heat::Heat, merged},
    text::{grouped, instant},
};

use super::{Figure, NumberTable, Size, nothing};

/// The map.
pub(super) fn figure(heat: Option<&Heat>) -> Figure {
    let (id, title) = ("heat", "Which endpoint failed when");
    let Some(heat) = heat else { return nothing(id, title, "No call failed: there is nothing to show.") };
    let says = format!(
        "Failed calls by endpoint, most calls first, in steps of {:.1} s. A column that is filled from top to bottom is trouble that all \
         backends share; a row that is filled is a backend's own.",
        heat.bins.last.since(heat.bins.first) as f64 / 1e9 / heat.bins.count as f64
    );
    let [wide, narrow] = Size::BOTH.map(|size| draw(heat, size, &says));
    let mut columns = vec!["Endpoint".to_owned()];
    columns.extend(
        (0..heat.bins.count).step_by(TABLE_STEP).map(|bin| format!("from {}", &instant(heat.bins.start(bin))[11..19])),
    );
    let rows = heat
        .rows
        .iter()
        .map(|(name, counts)| {
            std::iter::once(name.clone()).chain(merged(counts, TABLE_STEP).into_iter().map(grouped)).collect()
        })
        .collect();
    Figure { id, title, says, legend: Vec::new(), wide, narrow, table: NumberTable { head: columns, rows } }
}

fn draw(heat: &Heat, size: Size, says: &str) -> String {
    let wide = size.is_wide();
    let (left, right) = if wide { (196.0, size.width() - 4.0) } else { (0.0, size.width()) };
    let by = if wide { 1 } else { 3 };
    let (row_height, label_height) = if wide { (22.0, 0.0) } else { (22.0, 17.0) };
    let height = heat.rows.len() as f64 * (row_height + label_height) + AXIS;
    let mut svg = Svg::new(size.width(), height);
    let most = heat.rows.iter().flat_map(|(_, counts)| merged(counts, by)).max().unwrap_or(1).max(1);
    for (index, (name, counts)) in heat.rows.iter().enumerate() {
        let counts = merged(counts, by);
        let step = (right - left) / counts.len() as f64;
        let top = index as f64 * (row_height + label_height);
        if wide {
            svg.text("lb", [left - 8.0, top + 15.0], Anchor::End, &fitted(name, left - 12.0, 6.4));
        } else {
            svg.text("lb", [0.0, top + 13.0], Anchor::Start, &fitted(name, right, 6.4));
        }
        svg.rect("track", [left, top + label_height + 1.0, right - left, row_height - 2.0]);
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let x = left + bin as f64 * step;
            let shade = shade(*count, most);
            svg.rect(&format!("heat{shade}"), [x + 0.5, top + label_height + 1.0, step - 1.0, row_height - 2.0]);
            let class = if shade >= DARK { "in dark" } else { "in" };
            svg.text(class, [x + step / 2.0, top + label_height + 15.0], Anchor::Middle, &count.to_string());
        }
    }
    let scale = TimeScale::new(heat.bins.first, heat.bins.last, (left, right));
    for (time, label) in time_ticks(heat.bins.first, heat.bins.last, if wide { 8 } else { 4 }) {
        let x = scale.at(time);
        svg.line("tick", [x, height - AXIS + 1.0], [x, height - AXIS + 5.0]);
        svg.text("ax", [x.clamp(left + 24.0, right - 24.0), height - 5.0], Anchor::Middle, &label);
    }
    svg.finish(&size.id("heat"), size.class(), "Failed calls by endpoint and time", says)
}

/// One of five shades.
fn shade(count: u64, most: u64) -> u64 {
    (count * 5).div_ceil(most).clamp(1, 5)
}

const AXIS: f64 = 24.0;
/// From this shade on a number stands in the page's own colour.
const DARK: u64 = 4;
/// Bins of the picture in one of the table.
const TABLE_STEP: usize = 6;
