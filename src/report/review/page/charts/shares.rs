//! The stacked bar of causes: sides keep together, each with a pattern of its own, and the three doubts are always there.

use crate::report::review::{shares::Shares, text::percent};

use super::{Size, Svg};
use crate::report::review::page::svg::Anchor;

/// The bar in both variants.
pub fn bar(shares: &Shares) -> String {
    Size::BOTH.into_iter().map(|size| draw(shares, size)).collect()
}

/// A swatch for the list beside the bar.
pub fn swatch(class: &str) -> String {
    format!(
        r#"<svg class="swatch" viewBox="0 0 18 12" aria-hidden="true" focusable="false"><rect class="fill {class}" width="18" height="12" rx="2"/><rect class="tex {class}" width="18" height="12" rx="2"/></svg>"#
    )
}

fn draw(shares: &Shares, size: Size) -> String {
    let width = size.width();
    // A doubt that is empty keeps a stub, so that a reader sees that it was looked for.
    let stub = |count: u64, is_doubt: bool| if is_doubt && count == 0 { STUB } else { LEAST };
    let reserved: f64 = shares.parts.iter().map(|part| stub(part.count, part.is_doubt)).sum();
    let scale = (width - reserved).max(0.0);
    let mut svg = Svg::new(width, HEIGHT + LABELS);
    let mut x = 0.0;
    for (index, part) in shares.parts.iter().enumerate() {
        let length = stub(part.count, part.is_doubt) + part.share * scale;
        let class = if part.count == 0 { "none".to_owned() } else { format!("{} {}", part.side, part.word) };
        svg.rect(&format!("fill {class}"), [x, 0.0, length - 1.5, HEIGHT]);
        svg.rect(&format!("tex {class}"), [x, 0.0, length - 1.5, HEIGHT]);
        let middle = x + (length - 1.5) / 2.0;
        let full = format!("{} · {}", index + 1, percent(part.share));
        let labels = [full, (index + 1).to_string()];
        let fits = |label: &&String| part.count > 0 && length > label.chars().count() as f64 * CHARACTER + 10.0;
        if let Some(label) = labels.iter().find(fits) {
            let room = label.chars().count() as f64 * CHARACTER + 6.0;
            svg.rect("plate", [middle - room / 2.0, HEIGHT / 2.0 - 9.0, room, 18.0]);
            svg.text("in", [middle, HEIGHT / 2.0 + 4.0], Anchor::Middle, label);
        }
        x += length;
    }
    let mut from = 0.0;
    for group in shares.parts.chunk_by(|a, b| a.side == b.side) {
        let length: f64 = group.iter().map(|part| stub(part.count, part.is_doubt) + part.share * scale).sum();
        let name = if group[0].is_doubt { "in doubt" } else { group[0].side };
        svg.line("brace", [from + 1.0, HEIGHT + 6.0], [(from + length - 2.5).max(from + 2.0), HEIGHT + 6.0]);
        if length > name.len() as f64 * 6.4 {
            svg.text("ax", [from + 1.0, HEIGHT + 20.0], Anchor::Start, name);
        } else if from + length > width - 1.0 {
            svg.text("ax", [width, HEIGHT + 20.0], Anchor::End, name);
        }
        from += length;
    }
    let told: Vec<String> =
        shares.parts.iter().map(|part| format!("{}: {}, {}", part.title, part.count, percent(part.share))).collect();
    svg.finish(&size.id("causes-bar"), size.class(), "Failed calls by cause", &told.join("; "))
}

/// Width of a character of a label.
const CHARACTER: f64 = 6.6;
/// Height of the bar.
const HEIGHT: f64 = 44.0;
/// Room for the sides' names below.
const LABELS: f64 = 26.0;
/// The least length of a cause, so that a single call of thousands is seen.
const LEAST: f64 = 4.0;
/// The length of a doubt that is empty.
const STUB: f64 = 9.0;
