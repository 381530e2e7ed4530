//! The connections of one burst: a bar each from first to last packet, a mark of its own shape for each kind of ending.

use crate::report::review::{
    page::{
        scale::{TimeScale, time_ticks},
        svg::{Anchor, Svg},
    },
    pictures::burst::{Bar, Burst, Ending},
    text::{counted, instant, span},
};

use super::{Figure, NumberTable, Size, nothing};

/// The bars.
pub(super) fn figure(burst: Option<&Burst>) -> Figure {
    let (id, title) = ("burst", "The connections of one burst");
    let Some(burst) = burst else {
        return nothing(id, title, "No call was joined to a connection: there is nothing to show.");
    };
    let width = span(burst.at.1.since(burst.at.0) as f64 / 1e9);
    let failed = burst.bars.iter().filter(|bar| bar.line.is_some()).count() as u64;
    let left_out = if burst.left_out == 0 {
        String::new()
    } else {
        format!(" {} of the same time are left out.", counted(burst.left_out as u64, "connection"))
    };
    let says = format!(
        "{} to {} around {} UTC, where most endings fall within {width}; {}. Connections of different age that end in one instant are \
         one event at the peer, not many.{left_out}",
        counted(burst.bars.len() as u64, "connection"),
        burst.peer,
        &instant(burst.at.0)[11..],
        counted(failed, "failed call"),
    );
    let [wide, narrow] = Size::BOTH.map(|size| draw(burst, size, &says));
    let mut legend: Vec<(String, String)> = Ending::ALL
        .into_iter()
        .filter(|ending| burst.bars.iter().any(|bar| bar.ending == *ending))
        .map(|ending| (class(ending).to_owned(), format!("{} {}", glyph(ending), ending.words())))
        .collect();
    legend.push(("log-mark".to_owned(), "▾ log line of the failed call".to_owned()));
    let rows = burst
        .bars
        .iter()
        .map(|bar| {
            vec![
                bar.port.to_string(),
                instant(bar.start),
                instant(bar.end),
                bar.ending.words().to_owned(),
                bar.ended.map(instant).unwrap_or_default(),
                bar.line.map(instant).unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["Gateway's port", "First packet (UTC)", "Last packet", "Ended by", "at", "Log line"]
        .map(str::to_owned)
        .to_vec();
    Figure { id, title, says, legend, wide, narrow, table: NumberTable { head, rows } }
}

fn draw(burst: &Burst, size: Size, says: &str) -> String {
    let (left, right) = (50.0, size.width() - 12.0);
    let height = burst.bars.len() as f64 * ROW + AXIS + TOP;
    let mut svg = Svg::new(size.width(), height);
    let scale = TimeScale::new(burst.span.0, burst.span.1, (left, right));
    let bottom = height - AXIS;
    svg.rect("band", [scale.at(burst.at.0) - 1.5, 0.0, scale.at(burst.at.1) - scale.at(burst.at.0) + 3.0, bottom]);
    let ticks = time_ticks(burst.span.0, burst.span.1, if size.is_wide() { 8 } else { 4 });
    let fine = ticks.iter().any(|(_, label)| label.contains('.'));
    let half = if fine { 34.0 } else { 24.0 };
    for (time, label) in ticks {
        let x = scale.at(time);
        svg.line("grid", [x, 0.0], [x, bottom]);
        svg.text("ax", [x.clamp(left + half, right - half + 10.0), bottom + 16.0], Anchor::Middle, &label);
    }
    for (index, bar) in burst.bars.iter().enumerate() {
        draw_bar(&mut svg, bar, &scale, TOP + index as f64 * ROW);
    }
    svg.finish(&size.id("burst"), size.class(), "The connections of one burst", says)
}

fn draw_bar(svg: &mut Svg, bar: &Bar, scale: &TimeScale, top: f64) {
    let middle = top + ROW / 2.0;
    svg.text("ax", [44.0, middle + 3.5], Anchor::End, &bar.port.to_string());
    let class = class(bar.ending);
    let (from, to) = (scale.at(bar.start), scale.at(bar.ended.unwrap_or(bar.end)));
    svg.rect(&format!("span {class}"), [from, middle - 3.0, (to - from).max(1.5), 6.0]);
    if let Some(line) = bar.line {
        let x = scale.at(line);
        svg.path("log-mark", &format!("M{:.1} {:.1}l4 -6h-8z", x, middle - 3.0));
    }
    match bar.ending {
        Ending::PeerReset | Ending::GatewayReset => {
            let path = format!("M{:.1} {:.1}l8 8m0 -8l-8 8", to - 4.0, middle - 4.0);
            svg.path(&format!("cross {class}"), &path);
        }
        Ending::PeerFin | Ending::GatewayFin => svg.circle(&format!("dot {class}"), [to, middle], 4.0),
        Ending::Open => svg.line(&format!("cross {class}"), [to, middle - 5.0], [to, middle + 5.0]),
    }
}

const fn class(ending: Ending) -> &'static str {
    match ending {
        Ending::PeerReset => "peer-rst",
        Ending::PeerFin => "peer-fin",
        Ending::GatewayReset => "gw-rst",
        Ending::GatewayFin => "gw-fin",
        Ending::Open => "open",
    }
}

const fn glyph(ending: Ending) -> &'static str {
    match ending {
        Ending::PeerReset | Ending::GatewayReset => "✕",
        Ending::PeerFin | Ending::GatewayFin => "●",
        Ending::Open => "|",
    }
}

const ROW: f64 = 16.0;
const TOP: f64 = 4.0;
const AXIS: f64 = 24.0;
