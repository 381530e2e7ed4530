//! Join, verdicts and findings of each gateway by itself, and the tables of all of them together.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use rayon::prelude::*;
use wirecause_parsers::{
    log::{FailedCall, Retry},
    time::Timestamp,
};

use super::{
    Counters, Told,
    listing::Listing,
    read::{Node, Read},
    review, stories,
    verdicts::Verdicts,
};
use crate::{
    attribute::{
        Attribution, Population, attribute,
        coverage::Covered,
        decide::Background,
        findings::{Finding, Material, findings},
    },
    config::{self, AnalyzeConfig, InputConfig},
    join::{JoinConfig, Joined, NameTable, join, timeouts::Timeouts},
    read::LogFile,
    report::{
        assemble::{Places, call_row, finding_row},
        examples::Selection,
        redact::Redactor,
        review::facts::{Facts, NodeFacts},
        rows::{ErrorRow, FindingRow},
    },
    track::Connection,
};

/// The tables of the main job.
pub(super) struct Tables {
    pub(super) findings: Vec<FindingRow>,
    pub(super) facts: Facts,
    pub(super) counters: Counters,
    pub(super) redactor: Option<Arc<Redactor>>,
}

/// What was found about one gateway.
pub(super) struct Judged<'a> {
    pub(super) node: &'a Node,
    /// What it is called in the output.
    pub(super) name: String,
    /// Its failed calls with the logs they stand in, in order of time.
    pub(super) calls: Vec<(&'a LogFile, &'a FailedCall)>,
    pub(super) joined: Joined,
    /// One for each call.
    pub(super) attributions: Vec<Attribution>,
    findings: Vec<Finding>,
    redactor: Option<Arc<Redactor>>,
}

/// Where a row of the table of errors comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Index of the gateway.
    pub(super) node: usize,
    /// Index among its calls.
    pub(super) call: usize,
}

/// Judges every gateway, and puts the tables together; those of errors and connections are made when they are written.
pub(super) fn judge<'a>(config: &AnalyzeConfig, read: &'a Read) -> (Tables, Verdicts<'a>, Listing<'a>, Option<Told>) {
    let mut judged: Vec<Judged<'_>> = read.nodes.iter().map(|node| Judged::new(node, read, &config.inputs)).collect();
    let redactor = config.redact.then(|| Arc::new(redactor(read, &judged, &config.inputs)));
    if let Some(redactor) = &redactor {
        for judged in &mut judged {
            judged.redact(redactor);
        }
    }
    let captures = read.capture_names();
    let mut verdicts = Verdicts::new(judged, captures.clone(), redactor.clone());
    let findings = finding_rows(&mut verdicts.judged, &verdicts.places, &captures, redactor.as_deref());
    let mut counters = read.counters.clone();
    let listing = Listing::judged(&verdicts.judged, read, &config.inputs, redactor.clone());
    counters.connections_beside_time = listing.beside_time;
    let mut facts = facts(&verdicts.judged, &verdicts.places, read, config.stories.is_some());
    if let Some(redactor) = &redactor {
        facts.endpoints.iter_mut().for_each(|endpoint| endpoint.host = redactor.host(&endpoint.host));
    }
    let told = config.stories.map(|evidence| {
        let selection = match evidence {
            config::Evidence::Examples => Selection::Examples,
            config::Evidence::All => Selection::All,
        };
        verdicts.make();
        let Verdicts { judged, places, .. } = &verdicts;
        let (rows, redacted) = (verdicts.made(), redactor.is_some());
        stories::Material { read, judged, places, rows, redacted }.tell(&findings, selection)
    });
    (Tables { findings, facts, counters, redactor }, verdicts, listing, told)
}

/// All failed calls as rows, without anything that a capture says.
pub(super) fn calls_alone(read: &Read) -> Vec<ErrorRow> {
    let of_node = |node: &Node| {
        let place = Places { node: &node.name, captures: &[] };
        let row = |(log, call): (&LogFile, &FailedCall)| call_row(place, call, &log.name, &log.digest);
        node.calls().into_par_iter().map(row).collect::<Vec<_>>()
    };
    let mut rows: Vec<ErrorRow> = read.nodes.iter().flat_map(of_node).collect();
    rows.par_sort_by(|a, b| order(a).cmp(&order(b)));
    rows
}

impl<'a> Judged<'a> {
    fn new(node: &'a Node, read: &Read, config: &InputConfig) -> Self {
        let logged = node.calls();
        let calls: Vec<&FailedCall> = logged.iter().map(|(_, call)| *call).collect();
        let spans = read.capture_spans(node);
        let span = spans.first().zip(spans.last()).map(|(first, last)| (first.0, last.1));
        let retries: Vec<&Retry> = node.logs.iter().flat_map(|log| &log.scan.retries).collect();
        let cut = read.counters.frames_skipped.get("Cut").copied().unwrap_or(0);
        let (joined, population) = rayon::join(
            || join(&calls, &node.connections, &node.names, &join_config(config, node.clock_offset, &retries)),
            || {
                let covered = Covered::new(read.busy_seconds(node), span, &node.connections);
                Population::new(&node.connections, covered).with_frames_cut(cut)
            },
        );
        let background = Background {
            calls: &calls,
            connections: &node.connections,
            joined: &joined,
            names: &node.names,
            population: &population,
        };
        let attributions = attribute(&background);
        let retries: Vec<Timestamp> = retries.iter().map(|retry| retry.time).collect();
        let findings = findings(&Material {
            background,
            attributions: &attributions,
            log_span: node.log_span().and_then(|span| read.span.clip(span)),
            capture_spans: &spans,
            silent_retries: &retries,
        });
        Self { node, name: node.name.clone(), calls: logged, joined, attributions, findings, redactor: None }
    }

    fn redact(&mut self, redactor: &Arc<Redactor>) {
        self.redactor = Some(Arc::clone(redactor));
        // A gateway that was told apart by its address is called so.
        if self.name.parse::<IpAddr>().is_ok() {
            self.name = redactor.host(&self.name);
        }
    }

    /// A connection as it may be shown.
    pub(super) fn shown(&self, index: usize) -> Connection {
        Redactor::optionally(self.redactor.as_deref(), self.node.connections[index].open(), Redactor::connection)
    }

    /// Connections that carried a call, or an earlier attempt of one.
    pub(super) fn used(&self) -> BTreeSet<usize> {
        let matches = self.joined.matches.iter();
        matches.flat_map(|found| found.connection.into_iter().chain(found.earlier.iter().copied())).collect()
    }
}

/// What the join is told of a gateway.
pub(super) fn join_config<'a>(
    config: &InputConfig,
    clock_offset: Option<i64>,
    silent_retries: &'a [&'a Retry],
) -> JoinConfig<'a> {
    let nanos = |ms: Option<u64>| ms.map(|ms| ms as i64 * 1_000_000);
    let timeouts = config
        .timeouts
        .iter()
        .map(|known| (known.host.clone(), Timeouts { read: nanos(known.read_ms), connect: nanos(known.connect_ms) }));
    JoinConfig { clock_offset, timeouts: timeouts.collect(), silent_retries }
}

fn order(row: &ErrorRow) -> (Timestamp, &str, &str, u64) {
    (row.log_time, &row.node, &row.log_file, row.log_line)
}

/// The findings, gateway by gateway. Takes them.
fn finding_rows(
    judged: &mut [Judged<'_>],
    places: &[Place],
    captures: &[String],
    redactor: Option<&Redactor>,
) -> Vec<FindingRow> {
    let mut rows = Vec::new();
    for (node, judged) in judged.iter_mut().enumerate() {
        // The rows of a gateway stand in the order of its calls.
        let own: Vec<usize> = (0..places.len()).filter(|row| places[*row].node == node).collect();
        let places = Places { node: &judged.name, captures };
        rows.extend(std::mem::take(&mut judged.findings).into_iter().map(|finding| {
            let mut row = finding_row(places, finding);
            row.members.iter_mut().for_each(|member| *member = own[*member]);
            Redactor::optionally(redactor, row, Redactor::finding)
        }));
    }
    rows
}

/// What the page shows besides rows and stories; without a page, what connections survived is not gathered.
fn facts(judged: &[Judged<'_>], places: &[Place], read: &Read, page: bool) -> Facts {
    let nodes: Vec<NodeFacts<'_>> = judged
        .iter()
        .map(|judged| NodeFacts {
            name: &judged.name,
            joined: &judged.joined,
            connections: if page { &judged.node.connections } else { &[] },
            lanes: review::log_lanes(judged.node),
        })
        .collect();
    let calls = places.iter().map(|place| (place.node, judged[place.node].calls[place.call].1.time));
    Facts::new(nodes, calls, review::capture_lanes(&read.capture_files))
}

/// Names for every host and address that may come into the output.
fn redactor(read: &Read, judged: &[Judged<'_>], config: &InputConfig) -> Redactor {
    let calls = || judged.iter().flat_map(|judged| judged.calls.iter().map(|(_, call)| *call));
    let connections = || {
        let own = judged.iter().flat_map(|judged| &judged.node.connections);
        own.chain(&read.others.connections)
    };
    let mut by_address: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
    let tables = judged.iter().map(|judged| &judged.node.names).chain([&read.others.names]);
    for (address, names) in tables.flat_map(NameTable::by_address) {
        by_address.entry(address).or_default().extend(names);
    }
    let shown = connections().flat_map(|connection| {
        let names = connection.names();
        let connect = names.connect.as_ref().map(|(host, _)| host);
        [names.sni.as_ref(), names.host.as_ref(), connect].into_iter().flatten().map(ToString::to_string)
    });
    let hosts = calls()
        .map(|call| call.target.host.clone())
        .chain(by_address.values().flatten().cloned())
        .chain(config.hosts.iter().map(|(name, _)| name.clone()))
        .chain(config.timeouts.iter().map(|known| known.host.clone()))
        .chain(shown);
    let ends = connections().flat_map(|connection| {
        let head = connection.head();
        let errors = if connection.met_icmp() { connection.open().icmp } else { Vec::new() };
        let senders = errors.into_iter().map(|icmp| icmp.sender);
        senders.chain([head.originator.address, head.responder.address])
    });
    let given = config.nodes.iter().flat_map(|node| node.addresses.iter().copied());
    let addresses = calls()
        .flat_map(|call| call.target.host.parse().ok().into_iter().chain(call.remote))
        .chain(by_address.keys().copied())
        .chain(config.hosts.iter().map(|(_, address)| *address))
        .chain(given)
        .chain(ends);
    Redactor::new(hosts, addresses)
}
