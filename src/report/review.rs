//! The root-cause review: what a reviewer reads, as plain values first, then as a page and as Markdown.
//!
//! [`Review::new`] gathers everything from rows, stories and [`facts`]; nothing in it knows of HTML. Every text from a log or a packet
//! is made visible ([`super::visible`]) when it enters, so that no writer can forget it; escaping for its own syntax is each writer's
//! affair. [`page`] writes `report.html`, [`markdown`] writes `review.md`.

pub mod endpoints;
pub mod facts;
pub mod findings;
pub mod markdown;
pub mod page;
pub mod pictures;
pub mod provenance;
pub mod shares;
pub mod text;
pub mod verdict;
pub mod words;

use crate::input::InputReport;

use self::{
    endpoints::EndpointView, facts::Facts, findings::FindingView, pictures::Pictures, provenance::Provenance,
    shares::Shares, verdict::Verdict,
};
use super::{
    rows::{ConnectionRow, ErrorRow, FindingRow},
    story::{Disclosure, Story},
};

/// What a review is made from.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// Every failed call, in the order of the table.
    pub errors: &'a [ErrorRow],
    /// Every connection, in the order of the table.
    pub connections: &'a [ConnectionRow],
    /// Every finding, most calls first.
    pub findings: &'a [FindingRow],
    /// The stories of the failed calls, in the order of the table; empty where none were made.
    pub stories: &'a [Story],
    /// Facts about the run.
    pub facts: &'a Facts,
    /// Every input.
    pub inputs: &'a [InputReport],
    /// Everything counted on the way, as in `run.json`.
    pub counters: &'a serde_json::Value,
    /// Options that shape the result, as the command line has them, such as `--clock-offset 1.7`.
    pub options: &'a [String],
    /// Whether URLs and addresses are shown in full.
    pub disclosure: Disclosure,
}

/// A review, ready to be written.
#[derive(Clone, Debug)]
pub struct Review<'a> {
    /// What it was made from: the list of calls is written from its rows.
    pub material: Material<'a>,
    /// The verdict.
    pub verdict: Verdict,
    /// Calls by cause and by doubt.
    pub shares: Shares,
    /// Patterns over many calls.
    pub findings: Vec<FindingView>,
    /// Series for the pictures.
    pub pictures: Pictures,
    /// The failing endpoints, most calls first.
    pub endpoints: Vec<EndpointView>,
    /// How it was made.
    pub provenance: Provenance,
}

impl<'a> Review<'a> {
    /// Gathers a review.
    pub fn new(material: Material<'a>) -> Self {
        let shares = Shares::new(material.errors);
        let endpoints = endpoints::endpoints(&material);
        let findings = findings::views(&material);
        Self {
            verdict: Verdict::new(&material, &shares, &endpoints),
            pictures: Pictures::new(&material, &endpoints),
            provenance: Provenance::new(&material),
            shares,
            findings,
            endpoints,
            material,
        }
    }
}

/// Host and port as the review writes an endpoint; an IPv6 address gets its brackets.
pub fn endpoint_name(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
