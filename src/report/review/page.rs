//! `report.html`: the review as one file that asks nothing of the network.
//!
//! Text is escaped by the template; pictures are drawn by [`charts`], which escapes for itself. Script and style stand in the page and
//! are allowed by their hashes alone, so that nothing else would run even if it got in. The same review makes the same bytes.

pub mod charts;
pub mod data;
mod facts_story;
pub mod scale;
pub mod svg;

use std::{fmt::Write as _, io::Write, path::Path};

use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    attribute::verdict::Cause,
    report::{Error, story::Disclosure, words::rule},
};

use self::{charts::Figure, data::CallList};
use super::{
    Review,
    endpoints::EndpointView,
    shares::Share,
    text::{self, Span},
    words,
};

/// Writes the page; `path` is named if that fails.
pub fn write(review: &Review<'_>, mut out: impl Write, path: &Path) -> Result<(), Error> {
    let list = CallList::new(review);
    let page = Page {
        review,
        title: title(review),
        redacted: review.material.disclosure == Disclosure::Redacted,
        causes: causes(&review.shares.parts),
        bar: charts::bar(&review.shares),
        figures: charts::figures(review),
        endpoints: endpoints(&review.endpoints),
        listed: text::grouped(list.listed),
        left_out: text::grouped(list.left_out),
        without_story: text::grouped(list.without_story),
        list,
        definitions: definitions(),
        style: STYLE,
        script: SCRIPT,
        style_hash: hash(STYLE),
        script_hash: hash(SCRIPT),
        patterns: PATTERNS,
    };
    page.write_into(&mut out).map_err(|source| Error::Io { path: path.to_owned(), source })
}

#[derive(Template)]
#[template(path = "review.html")]
struct Page<'a> {
    review: &'a Review<'a>,
    title: String,
    redacted: bool,
    causes: Vec<CauseLine<'a>>,
    bar: String,
    figures: Vec<Figure>,
    endpoints: Vec<EndpointLine<'a>>,
    list: CallList,
    listed: String,
    left_out: String,
    without_story: String,
    definitions: Vec<(&'static str, Vec<(&'static str, &'static str)>)>,
    style: &'static str,
    script: &'static str,
    style_hash: String,
    script_hash: String,
    patterns: &'static str,
}

/// A line of the list of causes; its number is the key in the bar.
struct CauseLine<'a> {
    number: usize,
    share: &'a Share,
    swatch: String,
    count: String,
    percent: String,
}

fn causes<'a>(parts: &'a [Share]) -> Vec<CauseLine<'a>> {
    let line = |(index, share): (usize, &'a Share)| CauseLine {
        number: index + 1,
        share,
        swatch: charts::swatch(&format!("{} {}", share.side, share.word)),
        count: text::grouped(share.count),
        percent: text::percent(share.share),
    };
    parts.iter().enumerate().map(line).collect()
}

/// A line of the table of endpoints.
struct EndpointLine<'a> {
    view: &'a EndpointView,
    link: String,
    calls: String,
    share: String,
    connections: Option<(String, String)>,
}

fn endpoints<'a>(views: &'a [EndpointView]) -> Vec<EndpointLine<'a>> {
    let line = |view: &'a EndpointView| EndpointLine {
        view,
        link: fragment(&view.name),
        calls: text::grouped(view.calls),
        share: text::percent(view.share),
        connections: view.connections.map(|count| (text::grouped(count), text::percent(view.connection_share))),
    };
    views.iter().map(line).collect()
}

fn title(review: &Review<'_>) -> String {
    let calls = review.material.errors.len() as u64;
    match (review.material.errors.iter().map(|row| row.log_time).min(), calls) {
        (Some(first), calls) => format!("{} on {}", text::counted(calls, "failed call"), text::day(first)),
        _ => "No failed call".to_owned(),
    }
}

fn definitions() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let terms = |terms: &[words::Term]| terms.iter().map(|term| (term.word, term.meaning)).collect();
    vec![
        ("Terms", terms(&words::OTHERS)),
        ("Causes: what the capture shows", Cause::ALL.iter().map(|cause| (cause.word(), rule(*cause))).collect()),
        ("Sides", terms(&words::SIDES)),
        ("Joins", terms(&words::JOINS)),
        ("Endings by the rules of TCP", terms(&words::HEALTH)),
    ]
}

/// A value in the page's fragment.
fn fragment(word: &str) -> String {
    let mut safe = String::with_capacity(word.len());
    for byte in word.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' => safe.push(char::from(byte)),
            byte => {
                let _ = write!(safe, "%{byte:02X}");
            }
        }
    }
    safe
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

const STYLE: &str = concat!(
    include_str!("page/style/base.css"),
    include_str!("page/style/sections.css"),
    include_str!("page/style/charts.css"),
    include_str!("page/style/calls.css"),
    include_str!("page/style/print.css"),
);

const SCRIPT: &str = concat!(
    include_str!("page/script/data.js"),
    include_str!("page/script/dom.js"),
    include_str!("page/script/view.js"),
    include_str!("page/script/ladder.js"),
    include_str!("page/script/story.js"),
    include_str!("page/script/table.js"),
    include_str!("page/script/main.js"),
);

const PATTERNS: &str = include_str!("page/patterns.svg");
