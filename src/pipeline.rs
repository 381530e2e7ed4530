//! The way from inputs to tables: the list of stages.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
};

use rayon::ThreadPoolBuilder;
use serde::Serialize;
use wirecause_parsers::{
    log::{FailedCall, LogOptions},
    time::Timestamp,
};

use crate::{
    attribute::{
        Population, attribute,
        decide::Background,
        findings::{Material, findings},
    },
    config::{AnalyzeConfig, InputConfig, TableConfig},
    input::{Input, InputReport, Kind, expand, open},
    join::{JoinConfig, NameTable, join},
    read::{CaptureFile, LogFile, points, read_captures, read_logs},
    report::{
        self,
        assemble::{Places, call_row, connection_row, finding_row, verdict_row},
        csv::write_table,
        output::{MARKDOWN, OutputDir, PAGE, RUN_RECORD},
        review::{
            Material as ReviewMaterial, Review,
            facts::{Facts, Lane},
            markdown, page,
        },
        rows::{ConnectionRow, ErrorRow, FindingRow},
        run::RunRecord,
        schema::{CALLS, CONNECTIONS},
        story::Disclosure,
        tables, terminal,
    },
    track::Connection,
};

/// How a job that was done went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was asked for was read.
    Complete,
    /// Some inputs were damaged or skipped; each was named.
    WithFaults,
}

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No input is a readable log or capture.
    #[error("nothing readable: no input is a log or a capture")]
    NothingReadable,
    /// The threads could not be started.
    #[error("cannot start threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The result could not be written.
    #[error("cannot write the result")]
    Report(#[from] report::Error),
    /// Standard output or standard error failed.
    #[error("cannot write to the terminal")]
    Terminal(#[from] io::Error),
}

impl Error {
    /// Whether the reader of standard output went away.
    pub fn is_broken_pipe(&self) -> bool {
        match self {
            Self::NothingReadable | Self::Threads(_) => false,
            Self::Report(error) => error.is_broken_pipe(),
            Self::Terminal(error) => error.kind() == io::ErrorKind::BrokenPipe,
        }
    }
}

/// The main job: the summary goes to `out`, messages to `messages`.
pub fn analyze(config: &AnalyzeConfig, mut out: impl Write, mut messages: impl Write) -> Result<Outcome, Error> {
    let result = in_threads(&config.inputs, || {
        let inputs = sort_inputs(&config.inputs, Some(&config.output));
        let read = read(&config.inputs, inputs);
        let tables = attribute_all(&config.inputs, &read);
        (read, tables)
    })?;
    let (read, tables) = result;
    readable(&read.reports, &mut messages)?;

    let mut output = OutputDir::open(&config.output, config.force)?;
    let counts = tables::write_errors(&mut output, &tables.errors)?;
    tables::write_connections(&mut output, &tables.connections)?;
    tables::write_findings(&mut output, &tables.findings)?;
    write_review(&mut output, &config.inputs, &read.reports, &tables)?;
    let path = output.path().join(RUN_RECORD);
    let options = Options::new(&config.inputs);
    output.write(RUN_RECORD, |file| RunRecord::new(&read.reports, &options, &tables.counters).write(file, &path))?;
    output.commit()?;
    if config.quiet {
        terminal::write_faults(&read.reports, &mut messages)?;
    } else {
        let summary = terminal::Summary {
            counts: &counts,
            connections: tables.connections.len() as u64,
            findings: &tables.findings,
            inputs: &read.reports,
            output: Some(&config.output),
        };
        terminal::write(&summary, &mut out)?;
    }
    Ok(outcome(&read.reports))
}

/// The review as a page and as Markdown.
fn write_review(
    output: &mut OutputDir,
    config: &InputConfig,
    reports: &[InputReport],
    tables: &Tables,
) -> Result<(), Error> {
    let (page_path, markdown_path) = (output.path().join(PAGE), output.path().join(MARKDOWN));
    let counters = serde_json::to_value(&tables.counters)
        .map_err(|source| report::Error::Json { path: page_path.clone(), source })?;
    let options = Options::new(config).words();
    let review = Review::new(ReviewMaterial {
        errors: &tables.errors,
        connections: &tables.connections,
        findings: &tables.findings,
        stories: &[],
        facts: &tables.facts,
        inputs: reports,
        counters: &counters,
        options: &options,
        disclosure: Disclosure::Full,
    });
    output.write(PAGE, |file| page::write(&review, file, &page_path))?;
    output.write(MARKDOWN, |file| markdown::write(&review, file, &markdown_path))?;
    Ok(())
}

/// The failed calls of the logs as a table to `out`.
pub fn errors(config: &TableConfig, out: impl Write, mut messages: impl Write) -> Result<Outcome, Error> {
    let (rows, reports) = in_threads(&config.inputs, || {
        let inputs = sort_inputs(&config.inputs, None);
        let mut read = Read { reports: inputs.reports, ..Read::default() };
        read.logs(&inputs.logs, &config.inputs);
        (read.call_rows(), read.reports)
    })?;
    readable(&reports, &mut messages)?;
    write_table(&CALLS, &rows, out)?;
    terminal::write_faults(&reports, &mut messages)?;
    Ok(outcome(&reports))
}

/// The connections of the captures as a table to `out`.
pub fn connections(config: &TableConfig, out: impl Write, mut messages: impl Write) -> Result<Outcome, Error> {
    let (rows, reports) = in_threads(&config.inputs, || {
        let inputs = sort_inputs(&config.inputs, None);
        let mut read = Read { reports: inputs.reports, ..Read::default() };
        read.captures(&inputs.captures, &config.inputs);
        (read.connection_rows(), read.reports)
    })?;
    readable(&reports, &mut messages)?;
    write_table(&CONNECTIONS, &rows, out)?;
    terminal::write_faults(&reports, &mut messages)?;
    Ok(outcome(&reports))
}

fn in_threads<T: Send>(config: &InputConfig, job: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let threads = config.threads.map_or(0, std::num::NonZeroUsize::get);
    Ok(ThreadPoolBuilder::new().num_threads(threads).build()?.install(job))
}

fn readable(reports: &[InputReport], messages: &mut impl Write) -> Result<(), Error> {
    if reports.iter().any(|report| matches!(report.kind, Kind::Capture | Kind::Log)) {
        return Ok(());
    }
    terminal::write_faults(reports, messages)?;
    Err(Error::NothingReadable)
}

fn outcome(reports: &[InputReport]) -> Outcome {
    if reports.iter().any(InputReport::is_fault) { Outcome::WithFaults } else { Outcome::Complete }
}

/// Inputs by kind.
struct Inputs {
    logs: Vec<Input>,
    captures: Vec<Input>,
    reports: Vec<InputReport>,
}

fn sort_inputs(config: &InputConfig, output: Option<&std::path::Path>) -> Inputs {
    let (inputs, reports) = expand(&config.paths, output);
    let mut sorted = Inputs { logs: Vec::new(), captures: Vec::new(), reports };
    for input in inputs {
        match open(&input) {
            Ok(opened) => match opened.kind {
                Kind::Log => sorted.logs.push(input),
                Kind::Capture => sorted.captures.push(input),
                Kind::Other | Kind::Unreadable => sorted.reports.push(InputReport::of(&input, &opened)),
            },
            Err(error) => sorted.reports.push(InputReport::unreadable(&input, error.to_string())),
        }
    }
    sorted
}

/// Everything that was read.
#[derive(Default)]
struct Read {
    logs: Vec<LogFile>,
    capture_files: Vec<CaptureFile>,
    connections: Vec<Connection>,
    names: NameTable,
    reports: Vec<InputReport>,
    counters: Counters,
}

fn read(config: &InputConfig, inputs: Inputs) -> Read {
    let mut read = Read { reports: inputs.reports, ..Read::default() };
    read.logs(&inputs.logs, config);
    read.captures(&inputs.captures, config);
    read.reports.sort_by(|a, b| a.path.cmp(&b.path));
    read
}

impl Read {
    fn logs(&mut self, inputs: &[Input], config: &InputConfig) {
        for log in read_logs(inputs, LogOptions { default_zone: config.log_zone }) {
            match log {
                Ok(log) => {
                    self.reports.push(log.report.clone());
                    self.counters.add_log(&log);
                    self.logs.push(log);
                }
                Err(report) => self.reports.push(report),
            }
        }
    }

    fn captures(&mut self, inputs: &[Input], config: &InputConfig) {
        let (mut captures, unreadable) = read_captures(inputs);
        self.reports.extend(unreadable);
        self.reports.extend(captures.files.iter().map(|file| file.report.clone()));
        self.names.add_hosts(config.hosts.iter().cloned());
        for (time, message) in &captures.dns {
            self.names.add_message(*time, message);
        }
        self.counters.add_captures(&captures);
        let (connections, twins) = points::merge(std::mem::take(&mut captures.points));
        self.counters.connections_seen_at_several_points = twins;
        self.connections = connections;
        self.capture_files = captures.files;
    }

    /// All failed calls with the logs they stand in, in the order of the table.
    fn calls(&self) -> Vec<(&LogFile, &FailedCall)> {
        let mut calls: Vec<_> =
            self.logs.iter().flat_map(|log| log.scan.calls.iter().map(move |call| (log, call))).collect();
        calls.sort_by(|(a, x), (b, y)| {
            (x.time, &a.name, x.entry.first_line).cmp(&(y.time, &b.name, y.entry.first_line))
        });
        calls
    }

    fn call_rows(&self) -> Vec<ErrorRow> {
        let names = self.capture_names();
        self.calls().into_iter().map(|(log, call)| call_row(places(&names), call, &log.name, &log.digest)).collect()
    }

    fn connection_rows(&self) -> Vec<ConnectionRow> {
        let (names, by_address) = (self.capture_names(), self.names.by_address());
        let mut rows: Vec<_> =
            self.connections.iter().map(|connection| connection_row(places(&names), connection, &by_address)).collect();
        rows.sort_by(|a, b| (a.start_time, &a.connection_id).cmp(&(b.start_time, &b.connection_id)));
        rows
    }

    fn capture_names(&self) -> Vec<String> {
        self.capture_files.iter().map(|file| file.name.clone()).collect()
    }

    /// Every file with the time that it covers, by its own clock.
    fn lanes(&self) -> Vec<Lane> {
        let logs = self.logs.iter().map(|log| Lane {
            name: log.name.clone(),
            is_log: true,
            span: log.scan.first.zip(log.scan.last),
            count: log.scan.counts.records,
            silences: Vec::new(),
            dropped: None,
        });
        let captures = self.capture_files.iter().map(|file| Lane {
            name: file.name.clone(),
            is_log: false,
            span: file.first.zip(file.last),
            count: file.frames,
            silences: file.silences.clone(),
            dropped: file.interfaces.iter().filter_map(|interface| interface.dropped).reduce(|a, b| a + b),
        });
        logs.chain(captures).collect()
    }

    /// Times that captures cover, overlapping ones joined, in order.
    fn capture_spans(&self) -> Vec<(Timestamp, Timestamp)> {
        let mut spans: Vec<(Timestamp, Timestamp)> =
            self.capture_files.iter().filter_map(|file| Some((file.first?, file.last?))).collect();
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
}

fn places(captures: &[String]) -> Places<'_> {
    Places { node: NODE, captures }
}

/// The tables of the main job.
struct Tables {
    errors: Vec<ErrorRow>,
    connections: Vec<ConnectionRow>,
    findings: Vec<FindingRow>,
    facts: Facts,
    counters: Counters,
}

fn attribute_all(config: &InputConfig, read: &Read) -> Tables {
    let logged = read.calls();
    let calls: Vec<&FailedCall> = logged.iter().map(|(_, call)| *call).collect();
    let spans = read.capture_spans();
    let span = spans.first().zip(spans.last()).map(|(first, last)| (first.0, last.1));

    let joined = join(&calls, &read.connections, &read.names, JoinConfig { clock_offset: config.clock_offset });
    let population = Population::new(&read.connections, span);
    let background = Background {
        calls: &calls,
        connections: &read.connections,
        joined: &joined,
        names: &read.names,
        population: &population,
    };
    let attributions = attribute(&background);
    let retries: Vec<Timestamp> =
        read.logs.iter().flat_map(|log| log.scan.retries.iter().map(|retry| retry.time)).collect();
    let found = findings(&Material {
        background,
        attributions: &attributions,
        log_span: log_span(&read.logs),
        capture_spans: &spans,
        silent_retries: &retries,
    });

    let names = read.capture_names();
    let errors = logged
        .iter()
        .zip(&joined.matches)
        .zip(attributions)
        .map(|(((log, call), found), attribution)| {
            let row = call_row(places(&names), call, &log.name, &log.digest);
            verdict_row(row, places(&names), found, &read.connections, attribution)
        })
        .collect();
    let times: Vec<Timestamp> = calls.iter().map(|call| call.time).collect();
    Tables {
        facts: Facts::new(&joined, &read.connections, &times, read.lanes()),
        errors,
        connections: read.connection_rows(),
        findings: found.into_iter().map(|finding| finding_row(places(&names), finding)).collect(),
        counters: read.counters.clone(),
    }
}

fn log_span(logs: &[LogFile]) -> Option<(Timestamp, Timestamp)> {
    let first = logs.iter().filter_map(|log| log.scan.first).min()?;
    let last = logs.iter().filter_map(|log| log.scan.last).max()?;
    Some((first, last))
}

/// Options that shape the result, for the run's record.
#[derive(Serialize)]
struct Options {
    hosts: Vec<(String, IpAddr)>,
    clock_offset_ns: Option<i64>,
    log_zone_s: Option<i32>,
}

impl Options {
    fn new(config: &InputConfig) -> Self {
        Self { hosts: config.hosts.clone(), clock_offset_ns: config.clock_offset, log_zone_s: config.log_zone }
    }

    /// As the command line has them.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if !self.hosts.is_empty() {
            words.push("--hosts FILE".to_owned());
        }
        if let Some(offset) = self.clock_offset_ns {
            words.push(format!("--clock-offset {}", offset as f64 / 1e9));
        }
        if let Some(zone) = self.log_zone_s {
            let sign = if zone < 0 { '-' } else { '+' };
            let minutes = zone.abs() / 60;
            words.push(format!("--log-timezone {sign}{:02}:{:02}", minutes / 60, minutes % 60));
        }
        words
    }
}

/// Everything counted on the way, for the run's record: frames = segments + each named skip.
#[derive(Clone, Debug, Default, Serialize)]
struct Counters {
    log_lines: u64,
    log_records: u64,
    log_bytes: u64,
    log_lines_not_read: BTreeMap<&'static str, u64>,
    failure_entries: u64,
    second_entries: u64,
    retry_lines: u64,
    frames: u64,
    segments: u64,
    dns_messages: u64,
    dns_messages_not_read: u64,
    icmp_errors: u64,
    frames_skipped: BTreeMap<String, u64>,
    duplicate_segments: u64,
    icmp_errors_of_unknown_flows: u64,
    connections_seen_at_several_points: u64,
}

impl Counters {
    fn add_log(&mut self, log: &LogFile) {
        let counts = &log.scan.counts;
        self.log_lines += counts.lines;
        self.log_records += counts.records;
        self.log_bytes += counts.bytes;
        self.failure_entries += counts.failure_entries;
        self.second_entries += counts.paired;
        self.retry_lines += counts.retry_lines;
        for (reason, count) in [
            ("before the first record", counts.orphan_lines),
            ("head that names no instant", counts.bad_heads),
            ("failure without a time", counts.without_time),
            ("failure without a URL", counts.without_url),
            ("phrase in quoted text", counts.quoted),
            ("longer than is kept", counts.oversize_lines),
            ("beyond an entry's bound", counts.lines_beyond_bound),
        ] {
            *self.log_lines_not_read.entry(reason).or_default() += count;
        }
    }

    fn add_captures(&mut self, captures: &crate::read::Captures) {
        self.frames = captures.files.iter().map(|file| file.frames).sum();
        self.segments = captures.segments;
        self.dns_messages = captures.dns.len() as u64;
        self.dns_messages_not_read = captures.bad_dns;
        self.icmp_errors = captures.icmp_errors;
        self.duplicate_segments = captures.track.duplicates;
        self.icmp_errors_of_unknown_flows = captures.track.foreign_icmp;
        self.frames_skipped = captures.skipped.iter().map(|(skip, count)| (format!("{skip:?}"), *count)).collect();
    }
}

/// The node of everything, while logs and captures of one gateway are given.
const NODE: &str = "gateway";
/// Captures this close follow each other, ns.
const ROTATION_GAP: i64 = 2_000_000_000;
