//! Everything that was read, by gateway.

use std::{collections::BTreeSet, io, net::IpAddr, ops::RangeInclusive, sync::Arc};

use wirecause_parsers::{log::Retry, time::Timestamp};

use super::{
    Counters, Error,
    apart::{self, Owners},
    nodes::{Plan, Planned, Told},
    window::Span,
};
use crate::{
    config::InputConfig,
    input::{Input, InputReport},
    join::{NameTable, clock::WIDEST},
    read::{CaptureFile, Heard, KeptCall, LogFile, capture::Point, first_packet, points, read_logs, read_needed},
    track::{Finished, store::Store},
};

/// Everything that was read.
#[derive(Default)]
pub(super) struct Read {
    /// The gateways, in order of their names.
    pub(super) nodes: Vec<Node>,
    /// By what they are told apart.
    pub(super) told: Told,
    /// What shared captures hold that is of no gateway.
    pub(super) others: Others,
    /// All captures: frames name their file by its index here.
    pub(super) capture_files: Vec<CaptureFile>,
    /// The time asked for, by the logs' clocks.
    pub(super) span: Span,
    pub(super) reports: Vec<InputReport>,
    pub(super) counters: Counters,
    /// Where the failed calls lie.
    pub(super) call_store: Arc<Store>,
    /// Where the connections lie.
    pub(super) store: Arc<Store>,
}

/// One gateway with what is its own.
#[derive(Default)]
pub(super) struct Node {
    /// What it is called in the tables.
    pub(super) name: String,
    /// Whether its logs are those that the settings leave open.
    pub(super) open: bool,
    /// Addresses that settings give it, or by which it was told apart.
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) logs: Vec<LogFile>,
    /// Indices of the captures that can hold its packets.
    pub(super) captures: Vec<usize>,
    pub(super) connections: Vec<Finished>,
    pub(super) names: NameTable,
    /// The log's clock less the capture's, if given.
    pub(super) clock_offset: Option<i64>,
}

/// Connections that no gateway opened, as far as is known.
#[derive(Default)]
pub(super) struct Others {
    pub(super) connections: Vec<Finished>,
    pub(super) names: NameTable,
}

/// What the captures of one gateway, or the shared ones, hold.
#[derive(Default)]
pub(super) struct Group {
    pub(super) points: Vec<Point>,
    /// DNS messages in order of time.
    pub(super) dns: Vec<Heard>,
    /// Indices of the captures.
    pub(super) files: Vec<usize>,
}

impl Read {
    /// Reads the logs alone.
    pub(super) fn logs(reports: Vec<InputReport>, plan: Plan, config: &InputConfig) -> Self {
        let Plan { nodes, shared, told } = plan;
        let mut read = Self { told, reports, ..Self::default() };
        read.nodes = nodes.into_iter().map(|planned| read.node(planned, &shared, config)).collect();
        read.clip_calls(config);
        read
    }

    /// Reads logs and captures; `logs_done` is called between them.
    pub(super) fn all(reports: Vec<InputReport>, plan: Plan, config: &InputConfig, logs_done: impl FnOnce()) -> Self {
        let captures: Vec<Vec<Input>> = plan.nodes.iter().map(|planned| planned.captures.clone()).collect();
        let shared = plan.shared.clone();
        let mut read = Self::logs(reports, plan, config);
        logs_done();
        let mut nodes = std::mem::take(&mut read.nodes);
        let mut groups: Vec<Group> = captures
            .iter()
            .zip(&nodes)
            .map(|(captures, node)| read.captures(captures, needed(std::slice::from_ref(node)).as_ref()))
            .collect();
        let shared = read.captures(&shared, needed(&nodes).as_ref());
        if nodes.len() > 1 {
            for (node, group) in nodes.iter_mut().zip(&groups) {
                node.names = names(config, group.dns.iter().chain(&shared.dns));
            }
            apart::settle_logs(&mut nodes, &shared, config);
            // Nothing is left of a gateway whose logs have all found their own.
            let is_left = |node: &Node| !node.open || !node.logs.is_empty();
            (nodes, groups) = nodes.into_iter().zip(groups).filter(|(node, _)| is_left(node)).unzip();
            let rest = Owners::new(&nodes, &groups, &shared, config).share(&mut groups, shared);
            let names = names(config, rest.dns.iter());
            read.others = Others { connections: read.merged(rest.points), names };
        }
        for (node, group) in nodes.iter_mut().zip(groups) {
            node.names = names(config, group.dns.iter());
            node.connections = read.merged(group.points);
            node.captures = group.files;
        }
        nodes.retain(|node| !node.logs.is_empty() || !node.connections.is_empty() || !node.captures.is_empty());
        if read.told == Told::One
            && let Some((told, others)) = apart::by_endings(&mut nodes, config)
        {
            (read.told, read.others) = (told, others);
        }
        read.nodes = nodes;
        read.reports.sort_by(|a, b| a.path.cmp(&b.path));
        read
    }

    /// Reads a gateway's logs.
    fn node(&mut self, planned: Planned, shared: &[Input], config: &InputConfig) -> Node {
        let clock_offset = planned.clock_offset.or(config.clock_offset);
        let options = planned.log_options(config);
        let Planned { name, open, addresses, logs, captures, .. } = planned;
        let mut node = Node { name, open, addresses, clock_offset, ..Node::default() };
        let captured = || first_packet(captures.iter().chain(shared));
        for log in read_logs(&logs, options, captured, &self.call_store) {
            match log {
                Ok(log) => {
                    self.reports.push(log.report.clone());
                    self.counters.add_log(&log);
                    node.logs.push(log);
                }
                Err(report) => self.reports.push(report),
            }
        }
        node
    }

    /// Leaves out the calls beside the time asked for.
    fn clip_calls(&mut self, config: &InputConfig) {
        let mut logs: Vec<&mut LogFile> = self.nodes.iter_mut().flat_map(|node| &mut node.logs).collect();
        let span = Span::new(config.window, logs.iter().filter_map(|log| log.scan.last).max());
        for log in &mut logs {
            let before = log.scan.calls.len();
            log.scan.calls.retain(|call| span.holds(call.time));
            log.scan.retries.retain(|retry| span.holds(retry.time));
            self.counters.calls_beside_time += (before - log.scan.calls.len()) as u64;
        }
        self.span = span;
    }

    /// Reads captures, as far as they may lie in the time that is needed.
    fn captures(&mut self, inputs: &[Input], needed: Option<&RangeInclusive<Timestamp>>) -> Group {
        let first = self.capture_files.len();
        let points = self.capture_files.iter().map(|file| file.point + 1).max().unwrap_or(0);
        let (mut captures, beside) = read_needed(inputs, first, needed, &self.store);
        self.reports.extend(beside);
        self.reports.extend(captures.files.iter().map(|file| file.report.clone()));
        self.counters.add_captures(&captures);
        for file in &mut captures.files {
            file.point += points;
        }
        self.capture_files.append(&mut captures.files);
        Group { points: captures.points, dns: captures.dns, files: (first..self.capture_files.len()).collect() }
    }

    fn merged(&mut self, points: Vec<Point>) -> Vec<Finished> {
        let (connections, twins) = points::merge(points, &self.store);
        self.counters.connections_seen_at_several_points += twins;
        connections
    }

    /// Fails where calls or connections could not be read again: what was made of them is wrong then.
    pub(super) fn whole(&self) -> Result<(), Error> {
        let fault = self.call_store.fault().or(self.store.fault());
        fault.map_or(Ok(()), |fault| Err(Error::Store(io::Error::new(fault.kind(), fault.to_string()))))
    }

    /// The time asked for, by the captures' clock, where there is no log to say when the input ends.
    pub(super) fn capture_span(&self, config: &InputConfig) -> Span {
        Span::new(config.window, self.capture_files.iter().filter_map(|file| file.last).max())
    }

    /// Names what could not be read again in the report of its input. Standard input never can, which is no fault of a run.
    pub(super) fn note_faults(&mut self, faults: Vec<(String, String)>) {
        for (name, reason) in faults {
            let report = self.reports.iter_mut().find(|report| report.path == name);
            if let Some(report) = report.filter(|report| report.path != "-" && report.damage.is_none()) {
                report.damage = Some(reason);
            }
        }
    }

    pub(super) fn capture_names(&self) -> Vec<String> {
        self.capture_files.iter().map(|file| file.name.clone()).collect()
    }

    /// Times that a gateway's captures cover, overlapping ones joined, in order.
    pub(super) fn capture_spans(&self, node: &Node) -> Vec<(Timestamp, Timestamp)> {
        let files = node.captures.iter().map(|file| &self.capture_files[*file]);
        let mut spans: Vec<(Timestamp, Timestamp)> = files.filter_map(|file| Some((file.first?, file.last?))).collect();
        spans.sort_unstable();
        spans.dedup_by(|next, held| {
            let joins = next.0.since(held.1) <= ROTATION_GAP;
            if joins {
                held.1 = held.1.max(next.1);
            }
            joins
        });
        spans
    }

    /// Runs of seconds in which a gateway's captures have a frame: the first and the last of each, since the epoch.
    pub(super) fn busy_seconds(&self, node: &Node) -> impl Iterator<Item = (i64, i64)> {
        node.captures.iter().flat_map(|file| self.capture_files[*file].busy.iter().copied())
    }
}

impl Node {
    /// All failed calls with the indices of the logs they stand in, in order of time.
    pub(super) fn calls(&self) -> Vec<(u32, &KeptCall)> {
        let mut calls: Vec<_> = (0..)
            .zip(&self.logs)
            .flat_map(|(index, log)| log.scan.calls.iter().map(move |call| (index, call)))
            .collect();
        let name = |log: &u32| &self.logs[*log as usize].name;
        // Stable: the calls of a log stay in the order of their lines.
        calls.sort_by(|(a, x), (b, y)| (x.time, name(a)).cmp(&(y.time, name(b))));
        calls
    }

    /// Attempts that `HttpClient` repeated and that succeeded in the end.
    pub(super) fn retries(&self) -> impl Iterator<Item = &Retry> {
        self.logs.iter().flat_map(|log| &log.scan.retries)
    }

    /// First and last stamp of its logs.
    pub(super) fn log_span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.logs.iter().filter_map(|log| log.scan.first).min()?;
        let last = self.logs.iter().filter_map(|log| log.scan.last).max()?;
        Some((first, last))
    }
}

/// The time, on the captures' clock, in which the failed calls of some gateways can have met anything; `None` where there is none.
fn needed(nodes: &[Node]) -> Option<RangeInclusive<Timestamp>> {
    let of_node = |node: &Node| {
        let calls = || node.logs.iter().flat_map(|log| &log.scan.calls).map(|call| call.time);
        let (first, last) = (calls().min()?, calls().max()?);
        // A clock may be wrong by as much as the join looks for, unless it is known.
        let (offset, unsure) = node.clock_offset.map_or((0, WIDEST), |offset| (offset, 0));
        Some((first.plus(-offset - unsure - BEFORE), last.plus(unsure - offset + BEHIND)))
    };
    let spans: Vec<(Timestamp, Timestamp)> = nodes.iter().filter_map(of_node).collect();
    let from = spans.iter().map(|(from, _)| *from).min()?;
    let to = spans.iter().map(|(_, to)| *to).max()?;
    Some(from..=to)
}

fn names<'a>(config: &InputConfig, dns: impl Iterator<Item = &'a Heard>) -> NameTable {
    let mut names = NameTable::default();
    names.add_hosts(config.hosts.iter().cloned());
    for Heard { time, id, message } in dns {
        names.add_message(*time, *id, message);
    }
    names
}

/// A call may have met a connection that had lain idle for long, ns: RFC 5382 has devices keep one for two hours and four minutes at least, and
/// servers close sooner. The double of it shows how long others lay.
const BEFORE: i64 = 5 * 3_600 * 1_000_000_000;
/// What a peer does after a failed call tells whose its ending was, ns.
const BEHIND: i64 = 600_000_000_000;
/// Captures this close follow each other, ns.
const ROTATION_GAP: i64 = 2_000_000_000;
