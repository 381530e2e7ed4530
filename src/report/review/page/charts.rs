//! The pictures, drawn: each as a wide and a narrow variant, with words that say what it shows and a table of its numbers.
//!
//! Colours come from the style sheet by class. Nothing is told by colour alone: kinds have panels, patterns, marks or labels of their own.

mod burst;
mod coverage;
mod heat;
mod histogram;
mod shares;
mod timeline;

use crate::report::review::{Review, pictures::Pictures, text::grouped};

pub use shares::{bar, swatch};

use super::svg::{Anchor, Svg};

/// A picture on the page.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its anchor.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it shows here, in a sentence or two.
    pub says: String,
    /// Classes and words of what is not labelled in the picture.
    pub legend: Vec<(String, String)>,
    /// For screens of a laptop and for paper; empty where there is nothing to draw.
    pub wide: String,
    /// For phones.
    pub narrow: String,
    /// The numbers.
    pub table: NumberTable,
}

/// The numbers of a picture.
#[derive(Clone, Debug, Default)]
pub struct NumberTable {
    /// Its columns.
    pub head: Vec<String>,
    /// Its rows; the first cell names the row.
    pub rows: Vec<Vec<String>>,
}

/// All pictures in the order of the page.
pub fn figures(review: &Review<'_>) -> Vec<Figure> {
    let Pictures { timeline, heat, idle, waits, lag, burst, coverage } = &review.pictures;
    vec![
        timeline::figure(timeline.as_ref()),
        heat::figure(heat.as_ref()),
        histogram::idle(idle),
        histogram::waits(waits),
        histogram::lag(lag, review.material.errors),
        burst::figure(burst.as_ref()),
        coverage::figure(coverage.as_ref()),
    ]
}

/// The two variants of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Wide,
    Narrow,
}

impl Size {
    const BOTH: [Self; 2] = [Self::Wide, Self::Narrow];

    const fn width(self) -> f64 {
        match self {
            Self::Wide => 880.0,
            Self::Narrow => 340.0,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Wide => "chart wide",
            Self::Narrow => "chart narrow",
        }
    }

    const fn is_wide(self) -> bool {
        matches!(self, Self::Wide)
    }

    fn id(self, name: &str) -> String {
        format!("{name}-{}", if self.is_wide() { "w" } else { "n" })
    }
}

/// A figure that says why there is nothing to see.
fn nothing(id: &'static str, title: &'static str, says: &str) -> Figure {
    Figure {
        id,
        title,
        says: says.to_owned(),
        legend: Vec::new(),
        wide: String::new(),
        narrow: String::new(),
        table: NumberTable::default(),
    }
}

/// A panel of bars over a common axis.
struct Bars<'a> {
    /// Left and right edge of each bar.
    edges: &'a [f64],
    counts: &'a [u64],
    class: &'a str,
    /// Top of the panel and its height.
    top: f64,
    height: f64,
    left: f64,
    right: f64,
}

impl Bars<'_> {
    /// Draws grid, bars and the axis of counts.
    fn draw(&self, svg: &mut Svg) {
        let ticks = super::scale::count_ticks(self.counts.iter().copied().max().unwrap_or(0), 2);
        let most = ticks.last().copied().unwrap_or(1) as f64;
        let base = self.top + self.height;
        for tick in &ticks {
            let y = base - *tick as f64 / most * self.height;
            svg.line(if *tick == 0 { "base" } else { "grid" }, [self.left, y], [self.right, y]);
            svg.text("ax", [self.left - 6.0, y + 3.5], Anchor::End, &grouped(*tick));
        }
        for (index, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (from, to) = (self.edges[index], self.edges[index + 1]);
            let gap = if to - from > 4.0 { 1.0 } else { 0.3 };
            let height = (*count as f64 / most * self.height).max(1.5);
            svg.rect(self.class, [from + gap / 2.0, base - height, to - from - gap, height]);
        }
    }
}
