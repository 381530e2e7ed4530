//! The way from inputs to tables: the list of stages.

mod counters;
mod explain;
mod options;
mod review;
mod stories;

use std::{
    borrow::Cow,
    io::{self, Write},
};

use rayon::ThreadPoolBuilder;
use wirecause_parsers::{
    log::{FailedCall, LogOptions, Retry},
    time::Timestamp,
};

use crate::{
    attribute::{
        Population, attribute,
        decide::Background,
        findings::{Material, findings},
    },
    config::{self, AnalyzeConfig, InputConfig, TableConfig},
    input::{Input, InputReport, Kind, Seen, survey},
    join::{JoinConfig, NameTable, join, timeouts::Timeouts},
    read::{CaptureFile, LogFile, points, read_captures, read_logs},
    report::{
        self,
        assemble::{Places, call_row, connection_row, finding_row, verdict_row},
        csv::Cells,
        examples::Selection,
        format::{Format, write_table},
        output::{OutputDir, RUN_RECORD},
        redact::Redactor,
        review::facts::Facts,
        rows::{ConnectionRow, ErrorRow, FindingRow},
        run::RunRecord,
        schema::{CALLS, CONNECTIONS},
        tables, terminal,
    },
    track::Connection,
};

pub use self::explain::explain;
use self::{counters::Counters, options::Options, stories::Told};

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
    /// The story could not be shown.
    #[error(transparent)]
    Explain(#[from] explain::Error),
    /// Standard output or standard error failed.
    #[error("cannot write to the terminal")]
    Terminal(#[from] io::Error),
}

impl Error {
    /// Whether the reader of standard output went away.
    pub fn is_broken_pipe(&self) -> bool {
        match self {
            Self::NothingReadable | Self::Threads(_) | Self::Explain(_) => false,
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
        let (tables, told) = attribute_all(config, &read);
        (read, tables, told)
    })?;
    let (mut read, mut tables, told) = result;
    readable(&read.reports, &mut messages)?;

    let mut output = OutputDir::open(&config.output, config.force)?;
    let formats: Vec<Format> = config.formats.iter().map(|format| file_format(*format, config.csv_safe)).collect();
    let counts = tables::write_errors(&mut output, &tables.errors, &formats)?;
    tables::write_connections(&mut output, &tables.connections, &formats)?;
    tables::write_findings(&mut output, &tables.findings, &formats)?;
    if let Some(mut told) = told {
        let redactor = tables.redactor.as_ref();
        let written = in_threads(&config.inputs, || told.write(&read, redactor, &mut output))??;
        tables.counters.add_evidence(&written);
        if !config.quiet {
            terminal::write_not_again(&written.faults, &mut messages)?;
        }
        read.note_faults(written.faults);
        in_threads(&config.inputs, || review::write(&mut output, &config.inputs, &read, &tables, &told.stories))??;
    }
    let path = output.path().join(RUN_RECORD);
    let options = Options::new(&config.inputs, tables.redactor.as_ref());
    output.write(RUN_RECORD, |file| RunRecord::new(&read.reports, &options, &tables.counters).write(file, &path))?;
    output.commit()?;
    let crossed = read.counters.crossed();
    if config.verbose {
        terminal::write_details(&read.reports, &tables.counters, &mut messages)?;
    }
    if config.quiet {
        terminal::write_faults(&read.reports, &mut messages)?;
        terminal::write_crossed(&crossed, &mut messages)?;
    } else {
        let summary = terminal::Summary {
            counts: &counts,
            connections: tables.connections.len() as u64,
            findings: &tables.findings,
            inputs: &read.reports,
            crossed: &crossed,
            output: Some(&config.output),
        };
        terminal::write(&summary, &mut out)?;
    }
    Ok(if crossed.is_empty() { outcome(&read.reports) } else { Outcome::WithFaults })
}

/// A text as it is to `out`.
pub fn print(text: &[u8], mut out: impl Write) -> Result<Outcome, Error> {
    out.write_all(text)?;
    out.flush()?;
    Ok(Outcome::Complete)
}

/// The failed calls of the logs as a table to `out`.
pub fn errors(config: &TableConfig, out: impl Write, mut messages: impl Write) -> Result<Outcome, Error> {
    let (rows, reports) = in_threads(&config.inputs, || {
        let inputs = sort_inputs(&config.inputs, None);
        let mut read = Read::new(inputs.reports, &config.inputs);
        read.logs(&inputs.logs, &config.inputs);
        (read.call_rows(), read.reports)
    })?;
    readable(&reports, &mut messages)?;
    write_table(&CALLS, &rows, table_format(config.format, config.csv_safe), out)?;
    terminal::write_faults(&reports, &mut messages)?;
    Ok(outcome(&reports))
}

/// The connections of the captures as a table to `out`.
pub fn connections(config: &TableConfig, out: impl Write, mut messages: impl Write) -> Result<Outcome, Error> {
    let (rows, reports, crossed) = in_threads(&config.inputs, || {
        let inputs = sort_inputs(&config.inputs, None);
        let mut read = Read::new(inputs.reports, &config.inputs);
        read.captures(&inputs.captures, &config.inputs);
        (read.connection_rows(&read.connections, None), read.reports, read.counters.crossed())
    })?;
    readable(&reports, &mut messages)?;
    write_table(&CONNECTIONS, &rows, table_format(config.format, config.csv_safe), out)?;
    terminal::write_faults(&reports, &mut messages)?;
    terminal::write_crossed(&crossed, &mut messages)?;
    Ok(if crossed.is_empty() { outcome(&reports) } else { Outcome::WithFaults })
}

const fn file_format(format: config::FileFormat, csv_safe: bool) -> Format {
    match format {
        config::FileFormat::Csv => Format::Csv(Cells::of(csv_safe)),
        config::FileFormat::Parquet => Format::Parquet,
        config::FileFormat::Json => Format::Json,
    }
}

const fn table_format(format: config::Format, csv_safe: bool) -> Format {
    match format {
        config::Format::Table => Format::Text,
        config::Format::Csv => Format::Csv(Cells::of(csv_safe)),
        config::Format::Json => Format::Json,
        config::Format::Parquet => Format::Parquet,
    }
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
    let mut sorted = Inputs { logs: Vec::new(), captures: Vec::new(), reports: Vec::new() };
    for Seen { input, report } in survey(&config.paths, output) {
        match (input, report.kind) {
            (Some(input), Kind::Log) => sorted.logs.push(input),
            (Some(input), Kind::Capture) => sorted.captures.push(input),
            _ => sorted.reports.push(report),
        }
    }
    sorted
}

/// Everything that was read.
#[derive(Default)]
struct Read {
    /// The gateway that everything is of.
    node: String,
    logs: Vec<LogFile>,
    capture_files: Vec<CaptureFile>,
    connections: Vec<Connection>,
    names: NameTable,
    reports: Vec<InputReport>,
    counters: Counters,
}

fn read(config: &InputConfig, inputs: Inputs) -> Read {
    let mut read = Read::new(inputs.reports, config);
    read.logs(&inputs.logs, config);
    read.captures(&inputs.captures, config);
    read.reports.sort_by(|a, b| a.path.cmp(&b.path));
    read
}

impl Read {
    fn new(reports: Vec<InputReport>, config: &InputConfig) -> Self {
        let node = config.node.clone().unwrap_or_else(|| NODE.to_owned());
        Self { node, reports, ..Self::default() }
    }

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

    /// Names what could not be read again in the report of its input. Standard input never can, which is no fault of a run.
    fn note_faults(&mut self, faults: Vec<(String, String)>) {
        for (name, reason) in faults {
            let report = self.reports.iter_mut().find(|report| report.path == name);
            if let Some(report) = report.filter(|report| report.path != "-" && report.damage.is_none()) {
                report.damage = Some(reason);
            }
        }
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
        self.calls()
            .into_iter()
            .map(|(log, call)| call_row(places(&self.node, &names), call, &log.name, &log.digest))
            .collect()
    }

    /// The rows of `connections`, which are the run's own, redacted or not.
    fn connection_rows(&self, connections: &[Connection], redactor: Option<&Redactor>) -> Vec<ConnectionRow> {
        let names = self.capture_names();
        let by_address = Redactor::optionally(redactor, self.names.by_address(), Redactor::names_by_address);
        let mut rows: Vec<_> = connections
            .iter()
            .map(|connection| connection_row(places(&self.node, &names), connection, &by_address))
            .collect();
        rows.sort_by(|a, b| (a.start_time, &a.connection_id).cmp(&(b.start_time, &b.connection_id)));
        rows
    }

    /// Names for every host and address that may come into the output.
    fn redactor(&self, calls: &[&FailedCall], config: &InputConfig) -> Redactor {
        let by_address = self.names.by_address();
        let shown = self.connections.iter().flat_map(|connection| {
            let names = &connection.names;
            let connect = names.connect.as_ref().map(|(host, _)| host);
            [names.sni.as_ref(), names.host.as_ref(), connect].into_iter().flatten().map(ToString::to_string)
        });
        let hosts = calls
            .iter()
            .map(|call| call.target.host.clone())
            .chain(by_address.values().flatten().cloned())
            .chain(config.hosts.iter().map(|(name, _)| name.clone()))
            .chain(config.timeouts.iter().map(|known| known.host.clone()))
            .chain(shown);
        let ends = self.connections.iter().flat_map(|connection| {
            let senders = connection.icmp.iter().map(|icmp| icmp.sender);
            senders.chain([connection.originator.address, connection.responder.address])
        });
        let addresses = calls
            .iter()
            .flat_map(|call| call.target.host.parse().ok().into_iter().chain(call.remote))
            .chain(by_address.keys().copied())
            .chain(config.hosts.iter().map(|(_, address)| *address))
            .chain(ends);
        Redactor::new(hosts, addresses)
    }

    fn capture_names(&self) -> Vec<String> {
        self.capture_files.iter().map(|file| file.name.clone()).collect()
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

fn places<'a>(node: &'a str, captures: &'a [String]) -> Places<'a> {
    Places { node, captures }
}

/// The tables of the main job.
struct Tables {
    errors: Vec<ErrorRow>,
    connections: Vec<ConnectionRow>,
    findings: Vec<FindingRow>,
    facts: Facts,
    counters: Counters,
    redactor: Option<Redactor>,
}

fn attribute_all(config: &AnalyzeConfig, read: &Read) -> (Tables, Option<Told>) {
    let logged = read.calls();
    let calls: Vec<&FailedCall> = logged.iter().map(|(_, call)| *call).collect();
    let spans = read.capture_spans();
    let span = spans.first().zip(spans.last()).map(|(first, last)| (first.0, last.1));

    let retries: Vec<&Retry> = read.logs.iter().flat_map(|log| &log.scan.retries).collect();
    let joined = join(&calls, &read.connections, &read.names, &join_config(&config.inputs, &retries));
    let population = Population::new(&read.connections, span);
    let background = Background {
        calls: &calls,
        connections: &read.connections,
        joined: &joined,
        names: &read.names,
        population: &population,
    };
    let attributions = attribute(&background);
    let retries: Vec<Timestamp> = retries.iter().map(|retry| retry.time).collect();
    let found = findings(&Material {
        background,
        attributions: &attributions,
        log_span: log_span(&read.logs),
        capture_spans: &spans,
        silent_retries: &retries,
    });

    let redactor = config.redact.then(|| read.redactor(&calls, &config.inputs));
    let connections = match &redactor {
        Some(redactor) => read.connections.iter().map(|connection| redactor.connection(connection)).collect(),
        None => Cow::Borrowed(&read.connections[..]),
    };
    let redacted = |row, how| Redactor::optionally(redactor.as_ref(), row, how);
    let names = read.capture_names();
    let errors: Vec<ErrorRow> = logged
        .iter()
        .zip(&joined.matches)
        .zip(attributions)
        .map(|(((log, call), found), attribution)| {
            let row = call_row(places(&read.node, &names), call, &log.name, &log.digest);
            redacted(verdict_row(row, places(&read.node, &names), found, &connections, attribution), Redactor::error)
        })
        .collect();
    let findings: Vec<FindingRow> = found
        .into_iter()
        .map(|finding| finding_row(places(&read.node, &names), finding))
        .map(|row| Redactor::optionally(redactor.as_ref(), row, Redactor::finding))
        .collect();
    let connection_rows = read.connection_rows(&connections, redactor.as_ref());
    let material =
        stories::Material { read, calls: &logged, joined: &joined, connections: &connections, rows: &errors, redactor };
    let told = config.stories.map(|evidence| {
        let selection = match evidence {
            config::Evidence::Examples => Selection::Examples,
            config::Evidence::All => Selection::All,
        };
        material.tell(&findings, selection)
    });
    let redactor = material.redactor;
    let times: Vec<Timestamp> = calls.iter().map(|call| call.time).collect();
    let mut facts = Facts::new(&joined, &read.connections, &times, review::lanes(read));
    if let Some(redactor) = &redactor {
        facts.endpoints.iter_mut().for_each(|endpoint| endpoint.host = redactor.host(&endpoint.host));
    }
    let counters = read.counters.clone();
    (Tables { errors, connections: connection_rows, findings, facts, counters, redactor }, told)
}

fn join_config<'a>(config: &InputConfig, silent_retries: &'a [&'a Retry]) -> JoinConfig<'a> {
    let nanos = |ms: Option<u64>| ms.map(|ms| ms as i64 * 1_000_000);
    let timeouts = config
        .timeouts
        .iter()
        .map(|known| (known.host.clone(), Timeouts { read: nanos(known.read_ms), connect: nanos(known.connect_ms) }));
    JoinConfig { clock_offset: config.clock_offset, timeouts: timeouts.collect(), silent_retries }
}

fn log_span(logs: &[LogFile]) -> Option<(Timestamp, Timestamp)> {
    let first = logs.iter().filter_map(|log| log.scan.first).min()?;
    let last = logs.iter().filter_map(|log| log.scan.last).max()?;
    Some((first, last))
}

/// What a gateway is called that the settings do not name.
const NODE: &str = "gateway";
/// Captures this close follow each other, ns.
const ROTATION_GAP: i64 = 2_000_000_000;
