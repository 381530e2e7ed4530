//! Join, verdicts and findings of each gateway by itself, and what is shown of all of them together.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use rayon::prelude::*;
use wirecause_parsers::{
    log::{FailedCall, Retry},
    packet::Outer,
    time::Timestamp,
};

use super::{
    Counters,
    listing::Listing,
    read::{Node, Read},
    review,
    verdicts::Verdicts,
};
use crate::{
    attribute::{
        Attribution, Brief, Population,
        coverage::Covered,
        decide::Background,
        findings::{Finding, Material, findings},
    },
    config::{AnalyzeConfig, InputConfig},
    join::{JoinConfig, Joined, NameTable, join, timeouts::Timeouts},
    read::{KeptCall, LogFile},
    report::{
        assemble::{Places, finding_row},
        redact::Redactor,
        review::facts::{Facts, NodeFacts},
        rows::FindingRow,
    },
    track::Connection,
};

/// What the page and the record of the run show besides rows.
pub(super) struct Shown {
    pub(super) facts: Facts,
    pub(super) counters: Counters,
    pub(super) redactor: Option<Arc<Redactor>>,
}

/// What was found about one gateway.
pub(super) struct Judged<'a> {
    pub(super) node: &'a Node,
    /// What it is called in the output.
    pub(super) name: String,
    /// Its failed calls, in order of time.
    pub(super) calls: Vec<&'a KeptCall>,
    /// The index of the log that each of them stands in.
    logs: Vec<u32>,
    pub(super) joined: Joined,
    population: Population,
    /// Whether a call is surely joined to a connection, for each of them.
    taken: Vec<bool>,
    /// What findings ask of the verdict on each call, once its row was made.
    briefs: Vec<OnceLock<Brief>>,
    redactor: Option<Arc<Redactor>>,
}

/// Where a row of the table of errors comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Index of the gateway.
    pub(super) node: u32,
    /// Index among its calls.
    pub(super) call: u32,
}

/// Joins the calls of every gateway; the rows of errors and connections are made when they are written.
pub(super) fn judge<'a>(config: &AnalyzeConfig, read: &'a Read) -> (Shown, Verdicts<'a>, Listing<'a>) {
    let mut judged: Vec<Judged<'_>> = read.nodes.iter().map(|node| Judged::new(node, read, &config.inputs)).collect();
    let redactor = config.redact.then(|| Arc::new(redactor(read, &judged, &config.inputs)));
    if let Some(redactor) = &redactor {
        for judged in &mut judged {
            judged.redact(redactor);
        }
    }
    let verdicts = Verdicts::new(judged, read.capture_names(), redactor.clone());
    let mut counters = read.counters.clone();
    let listing = Listing::judged(&verdicts.judged, read, &config.inputs, redactor.clone());
    counters.connections_beside_time = listing.beside_time;
    let mut facts = facts(&verdicts.judged, &verdicts.places, read, config.stories.is_some());
    if let Some(redactor) = &redactor {
        facts.endpoints.iter_mut().for_each(|endpoint| endpoint.host = redactor.host(&endpoint.host));
    }
    (Shown { facts, counters, redactor }, verdicts, listing)
}

impl<'a> Judged<'a> {
    fn new(node: &'a Node, read: &Read, config: &InputConfig) -> Self {
        let (logs, calls): (Vec<u32>, Vec<&KeptCall>) = node.calls().into_iter().unzip();
        let spans = read.capture_spans(node);
        let span = spans.first().zip(spans.last()).map(|(first, last)| (first.0, last.1));
        let retries: Vec<&Retry> = node.retries().collect();
        let cut = read.counters.frames_skipped.get("Cut").copied().unwrap_or(0);
        let (joined, population) = rayon::join(
            || join(&calls, &node.connections, &node.names, &join_config(config, node.clock_offset, &retries)),
            || {
                let covered = Covered::new(read.busy_seconds(node), span, &node.connections);
                Population::new(&node.connections, covered).with_frames_cut(cut)
            },
        );
        let briefs = calls.iter().map(|_| OnceLock::new()).collect();
        let name = node.name.clone();
        let mut judged =
            Self { node, name, calls, logs, joined, population, taken: Vec::new(), briefs, redactor: None };
        judged.taken = judged.background().taken();
        judged
    }

    fn redact(&mut self, redactor: &Arc<Redactor>) {
        self.redactor = Some(Arc::clone(redactor));
        // A gateway that was told apart by its address is called so.
        if self.name.parse::<IpAddr>().is_ok() {
            self.name = redactor.host(&self.name);
        }
    }

    fn background(&self) -> Background<'_> {
        Background {
            calls: &self.calls,
            connections: &self.node.connections,
            joined: &self.joined,
            names: &self.node.names,
            population: &self.population,
        }
    }

    /// The log that a call stands in.
    pub(super) fn log(&self, call: usize) -> &'a LogFile {
        &self.node.logs[self.logs[call] as usize]
    }

    /// The connection that a call was joined to.
    pub(super) fn opened(&self, call: usize) -> Option<Connection> {
        self.background().opened(call)
    }

    /// The verdict on a call with its index, whose connection is opened.
    pub(super) fn attribute(&self, call: (usize, &FailedCall), opened: Option<&Connection>) -> Attribution {
        let attribution = self.background().attribute(call, opened, &self.taken);
        // A row that is made once more says the same.
        let _ = self.briefs[call.0].set(Brief::from(&attribution));
        attribution
    }

    /// A connection as it may be shown.
    pub(super) fn shown(&self, index: usize) -> Connection {
        self.redacted(self.node.connections[index].open())
    }

    /// A connection that was opened, as it may be shown.
    pub(super) fn redacted(&self, opened: Connection) -> Connection {
        Redactor::optionally(self.redactor.as_deref(), opened, Redactor::connection)
    }

    /// What the population shows.
    fn findings(&self, read: &Read) -> Vec<Finding> {
        let brief = |(index, brief): (usize, &OnceLock<Brief>)| {
            brief.get().copied().unwrap_or_else(|| {
                Brief::from(&self.attribute((index, &self.calls[index].open()), self.opened(index).as_ref()))
            })
        };
        let verdicts: Vec<Brief> = self.briefs.par_iter().enumerate().map(brief).collect();
        let retries: Vec<Timestamp> = self.node.retries().map(|retry| retry.time).collect();
        findings(&Material {
            background: self.background(),
            verdicts: &verdicts,
            log_span: self.node.log_span().and_then(|span| read.span.clip(span)),
            capture_spans: &read.capture_spans(self.node),
            silent_retries: &retries,
        })
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

/// The findings, gateway by gateway.
pub(super) fn finding_rows(verdicts: &Verdicts<'_>, read: &Read) -> Vec<FindingRow> {
    let mut rows = Vec::new();
    for (node, judged) in verdicts.judged.iter().enumerate() {
        // The rows of a gateway stand in the order of its calls.
        let of_node = |row: &usize| verdicts.places[*row].node as usize == node;
        let own: Vec<usize> = (0..verdicts.places.len()).filter(of_node).collect();
        let places = Places { node: &judged.name, captures: &verdicts.captures };
        rows.extend(judged.findings(read).into_iter().map(|finding| {
            let mut row = finding_row(places, finding);
            row.members.iter_mut().for_each(|member| *member = own[*member]);
            Redactor::optionally(verdicts.redactor.as_deref(), row, Redactor::finding)
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
    let time = |place: &Place| judged[place.node as usize].calls[place.call as usize].time;
    let calls = places.iter().map(|place| (place.node as usize, time(place)));
    Facts::new(nodes, calls, review::capture_lanes(&read.capture_files))
}

/// Names for every host and address that may come into the output.
fn redactor(read: &Read, judged: &[Judged<'_>], config: &InputConfig) -> Redactor {
    let calls = || judged.iter().flat_map(|judged| &judged.calls);
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
        .map(|call| call.failure.target.host.clone())
        .chain(by_address.values().flatten().cloned())
        .chain(config.hosts.iter().map(|(name, _)| name.clone()))
        .chain(config.timeouts.iter().map(|known| known.host.clone()))
        .chain(shown);
    let ends = connections().flat_map(|connection| {
        let head = connection.head();
        let opened = (connection.met_icmp() || connection.is_wrapped()).then(|| connection.open());
        let others = opened.into_iter().flat_map(|Connection { icmp, outer, .. }| {
            let senders = icmp.into_iter().map(|icmp| icmp.sender);
            senders.chain(outer.into_iter().filter_map(Outer::ends).flatten())
        });
        others.chain([head.originator.address, head.responder.address])
    });
    let given = config.nodes.iter().flat_map(|node| node.addresses.iter().copied());
    let addresses = calls()
        .flat_map(|call| call.failure.target.host.parse().ok().into_iter().chain(call.failure.remotes.iter().copied()))
        .chain(by_address.keys().copied())
        .chain(config.hosts.iter().map(|(_, address)| *address))
        .chain(given)
        .chain(ends);
    Redactor::new(hosts, addresses)
}
