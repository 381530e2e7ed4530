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
    /// Not told where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log_year: Option<i32>,
    /// As typed; not told where all time is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    pub(super) node: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) nodes: Vec<NodeOptions>,
    /// Host, read timeout and connect timeout in milliseconds.
    pub(super) timeouts: Vec<(String, Option<u64>, Option<u64>)>,
    pub(super) redacted: bool,
}

/// What the settings say of one gateway.
#[derive(Serialize)]
pub(super) struct NodeOptions {
    name: String,
    paths: Vec<String>,
    addresses: Vec<IpAddr>,
    clock_offset_ns: Option<i64>,
    log_zone_s: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_year: Option<i32>,
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
            log_year: config.log_year,
            from: config.window.from.map(|bound| bound.to_string()),
            to: config.window.to.map(|bound| bound.to_string()),
            node: config.node.clone(),
            nodes: config
                .nodes
                .iter()
                .map(|node| NodeOptions {
                    name: node.name.clone(),
                    paths: node.paths.iter().map(|path| path.as_str().to_owned()).collect(),
                    addresses: node.addresses.iter().map(|of| address(*of)).collect(),
                    clock_offset_ns: node.clock_offset,
                    log_zone_s: node.log_zone,
                    log_year: node.log_year,
                })
                .collect(),
            timeouts: known.map(|known| (host(&known.host), known.read_ms, known.connect_ms)).collect(),
            redacted: redactor.is_some(),
        }
    }
}
