//! The options of a run, for its record.

use std::net::IpAddr;

use serde::Serialize;

use crate::{config::InputConfig, report::redact::Redactor};

/// Options that shape the result, for the run's record.
#[derive(Serialize)]
pub(super) struct Options {
    pub(super) hosts: Vec<(String, IpAddr)>,
    pub(super) clock_offset_ns: Option<i64>,
    pub(super) log_zone_s: Option<i32>,
    pub(super) node: Option<String>,
    /// Host, read timeout and connect timeout in milliseconds.
    pub(super) timeouts: Vec<(String, Option<u64>, Option<u64>)>,
    pub(super) redacted: bool,
}

impl Options {
    pub(super) fn new(config: &InputConfig, redactor: Option<&Redactor>) -> Self {
        let host = |host: &str| redactor.map_or_else(|| host.to_owned(), |redactor| redactor.host(host));
        let address = |address: IpAddr| redactor.map_or(address, |redactor| redactor.address(address));
        let known = config.timeouts.iter();
        Self {
            hosts: config.hosts.iter().map(|(name, of)| (host(name), address(*of))).collect(),
            clock_offset_ns: config.clock_offset,
            log_zone_s: config.log_zone,
            node: config.node.clone(),
            timeouts: known.map(|known| (host(&known.host), known.read_ms, known.connect_ms)).collect(),
            redacted: redactor.is_some(),
        }
    }
}
