//! The way from inputs to tables: the list of stages.

mod apart;
mod counters;
mod explain;
mod inspect;
mod judge;
mod listing;
mod logged;
mod nodes;
mod options;
mod progress;
mod read;
mod record;
mod review;
mod stopwatch;
mod stories;
mod verdicts;
mod window;

use std::{
    io::{self, Write},
    path::Path,
};

use rayon::ThreadPoolBuilder;

use crate::{
    config::{self, AnalyzeConfig, InputConfig, TableConfig},
    input::{Input, InputReport, Kind, Seen, expand, survey::look_into},
    report::{
        self,
        csv::Cells,
        examples::Selection,
        format::{Format, write_table},
        output::OutputDir,
        parts::Rows,
        rows::FindingRow,
        schema::{CALLS, CONNECTIONS},
        tables, terminal,
    },
};

use self::{
    counters::Counters,
    judge::{finding_rows, judge},
    listing::Listing,
    logged::Logged,
    nodes::Plan,
    options::Options,
    progress::Progress,
    read::Read,
    stories::Told,
    verdicts::Verdicts,
};
pub use self::{explain::explain, inspect::inspect};

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
    /// What was put away of the connections could not be read again.
    #[error("cannot read again what is kept of the connections in a temporary file")]
    Store(#[source] io::Error),
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
            Self::NothingReadable | Self::Threads(_) | Self::Store(_) | Self::Explain(_) => false,
            Self::Report(error) => error.is_broken_pipe(),
            Self::Terminal(error) => error.kind() == io::ErrorKind::BrokenPipe,
        }
    }
}

/// The main job: the summary goes to `out`, messages to `messages`.
pub fn analyze(config: &AnalyzeConfig, mut out: impl Write, mut messages: impl Write) -> Result<Outcome, Error> {
    let progress = Progress::start(config.inputs.progress, "inputs");
    let mut read = in_threads(&config.inputs, || {
        sort_inputs(&config.inputs, Some(&config.output)).read(&config.inputs, &progress)
    })?;
    progress.phase("join", None);
    let (mut shown, mut verdicts, listing) = in_threads(&config.inputs, || judge(config, &read))?;
    readable(&read.reports, &mut messages)?;

    progress.phase("tables", None);
    let mut output = OutputDir::open(&config.output, config.force)?;
    let formats: Vec<Format> = config.formats.iter().map(|format| file_format(*format, config.csv_safe)).collect();
    let (counts, findings) = in_threads(&config.inputs, || {
        if config.stories.is_some() {
            verdicts.make();
        }
        let counts = tables::write_errors(&mut output, &verdicts, &formats)?;
        // All calls are judged now.
        let findings = finding_rows(&verdicts, &read);
        tables::write_connections(&mut output, &listing, &formats)?;
        tables::write_findings(&mut output, &findings, &formats)?;
        Ok::<_, report::Error>((counts, findings))
    })??;
    let told =
        config.stories.map(|evidence| in_threads(&config.inputs, || tell(&verdicts, &read, &findings, evidence)));
    let told = told.transpose()?;
    let connections = listing.count() as u64;
    // The page shows them again.
    let rows = if told.is_some() { listing.part(0..listing.count()).into_owned() } else { Vec::new() };
    drop(listing);
    let errors = verdicts.into_made();
    let mut not_again = Vec::new();
    if let Some(mut told) = told {
        progress.phase("evidence", None);
        let redactor = shown.redactor.as_deref();
        let written = in_threads(&config.inputs, || told.write(&read, redactor, &mut output))??;
        shown.counters.add_evidence(&written);
        not_again.clone_from(&written.faults);
        read.note_faults(written.faults);
        progress.phase("page", None);
        in_threads(&config.inputs, || {
            review::write(&mut output, &config.inputs, &read, (&shown, &findings), (&errors, &rows), &told.stories)
        })??;
    }
    read.whole()?;
    let laps = progress.finish();
    record::write(&mut output, &config.inputs, &read, &shown, config.timings.then_some(&laps[..]))?;
    output.commit()?;
    let crossed = read.counters.crossed();
    if config.verbose {
        terminal::write_details(&read.reports, &shown.counters, &mut messages)?;
    }
    if config.quiet {
        terminal::write_faults(&read.reports, &mut messages)?;
        terminal::write_crossed(&crossed, &mut messages)?;
    } else {
        let summary = terminal::Summary {
            counts: &counts,
            connections,
            findings: &findings,
            nodes_by: read.told.words(),
            nodes: &record::nodes(&read, &shown),
            inputs: &read.reports,
            crossed: &crossed,
            output: Some(&config.output),
        };
        terminal::write_not_again(&not_again, &mut messages)?;
        terminal::write(&summary, &mut out)?;
    }
    Ok(if crossed.is_empty() { outcome(&read.reports) } else { Outcome::WithFaults })
}

/// The stories of all calls, whose rows were made.
fn tell(verdicts: &Verdicts<'_>, read: &Read, findings: &[FindingRow], evidence: config::Evidence) -> Told {
    let selection = match evidence {
        config::Evidence::Examples => Selection::Examples,
        config::Evidence::All => Selection::All,
    };
    let Verdicts { judged, places, redactor, .. } = verdicts;
    let (rows, redacted) = (verdicts.made(), redactor.is_some());
    stories::Material { read, judged, places, rows, redacted }.tell(findings, selection)
}

/// A text as it is to `out`.
pub fn print(text: &[u8], mut out: impl Write) -> Result<Outcome, Error> {
    out.write_all(text)?;
    out.flush()?;
    Ok(Outcome::Complete)
}

/// The failed calls of the logs as a table to `out`.
pub fn errors(config: &TableConfig, out: impl Write + Send, mut messages: impl Write) -> Result<Outcome, Error> {
    let progress = Progress::start(config.inputs.progress, "inputs");
    let read = in_threads(&config.inputs, || {
        let inputs = sort_inputs(&config.inputs, None);
        progress.phase("logs", Some(inputs.log_bytes));
        let (reports, plan) = inputs.plan(&config.inputs);
        Read::logs(reports, plan, &config.inputs)
    })?;
    progress.finish();
    readable(&read.reports, &mut messages)?;
    let format = table_format(config.format, config.csv_safe);
    // Rows are made when they are written: in the threads asked for.
    in_threads(&config.inputs, || write_table(&CALLS, &Logged::new(&read), format, out))??;
    read.whole()?;
    terminal::write_faults(&read.reports, &mut messages)?;
    let crossed = read.counters.crossed();
    terminal::write_crossed(&crossed, &mut messages)?;
    Ok(if crossed.is_empty() { outcome(&read.reports) } else { Outcome::WithFaults })
}

/// The connections of the captures as a table to `out`.
pub fn connections(config: &TableConfig, out: impl Write + Send, mut messages: impl Write) -> Result<Outcome, Error> {
    let progress = Progress::start(config.inputs.progress, "inputs");
    let read = in_threads(&config.inputs, || {
        let inputs = sort_inputs(&config.inputs, None);
        let bytes = inputs.capture_bytes;
        let (reports, plan) = inputs.plan(&config.inputs);
        Read::all(reports, plan.without_logs(), &config.inputs, || progress.phase("captures", Some(bytes)))
    })?;
    progress.finish();
    readable(&read.reports, &mut messages)?;
    let format = table_format(config.format, config.csv_safe);
    in_threads(&config.inputs, || write_table(&CONNECTIONS, &Listing::alone(&read, &config.inputs), format, out))??;
    read.whole()?;
    terminal::write_faults(&read.reports, &mut messages)?;
    let crossed = read.counters.crossed();
    terminal::write_crossed(&crossed, &mut messages)?;
    Ok(if crossed.is_empty() { outcome(&read.reports) } else { Outcome::WithFaults })
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
#[derive(Default)]
struct Inputs {
    logs: Vec<Input>,
    captures: Vec<Input>,
    /// Their sizes as they lie.
    log_bytes: u64,
    capture_bytes: u64,
    reports: Vec<InputReport>,
}

fn sort_inputs(config: &InputConfig, output: Option<&Path>) -> Inputs {
    let (inputs, reports) = expand(&config.paths, output);
    let mut sorted = Inputs::default();
    for Seen { input, report } in look_into(inputs, reports) {
        match (input, report.kind) {
            (Some(input), Kind::Log) => {
                sorted.log_bytes += report.bytes;
                sorted.logs.push(input);
            }
            (Some(input), Kind::Capture) => {
                sorted.capture_bytes += report.bytes;
                sorted.captures.push(input);
            }
            _ => sorted.reports.push(report),
        }
    }
    sorted
}

impl Inputs {
    fn plan(self, config: &InputConfig) -> (Vec<InputReport>, Plan) {
        (self.reports, nodes::plan(config, self.logs, self.captures))
    }

    fn read(self, config: &InputConfig, progress: &Progress) -> Read {
        progress.phase("logs", Some(self.log_bytes));
        let bytes = self.capture_bytes;
        let (reports, plan) = self.plan(config);
        Read::all(reports, plan, config, || progress.phase("captures", Some(bytes)))
    }
}
