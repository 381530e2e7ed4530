//! The review of the main job: facts for it, and its files.

use super::{Error, Options, Read, judge::Shown, read::Node};
use crate::{
    config::InputConfig,
    read::{CaptureFile, LogFile},
    report::{
        self,
        output::{MARKDOWN, OutputDir, PAGE},
        review::{Material, Review, facts::Lane, markdown, page},
        rows::{ConnectionRow, ErrorRow, FindingRow},
        story::{Disclosure, Story},
    },
};

/// Writes the page and the Markdown.
pub(super) fn write(
    output: &mut OutputDir,
    config: &InputConfig,
    read: &Read,
    (shown, findings): (&Shown, &[FindingRow]),
    (errors, connections): (&[ErrorRow], &[ConnectionRow]),
    stories: &[Story],
) -> Result<(), Error> {
    let (page_path, markdown_path) = (output.path().join(PAGE), output.path().join(MARKDOWN));
    let counters = serde_json::to_value(&shown.counters)
        .map_err(|source| report::Error::Json { path: page_path.clone(), source })?;
    let options = words(&Options::new(config, shown.redactor.as_deref()));
    let review = Review::new(Material {
        errors,
        connections,
        findings,
        stories,
        facts: &shown.facts,
        inputs: &read.reports,
        counters: &counters,
        options: &options,
        disclosure: if shown.redactor.is_some() { Disclosure::Redacted } else { Disclosure::Full },
    });
    output.write(PAGE, |file| page::write(&review, file, &page_path))?;
    output.write(MARKDOWN, |file| markdown::write(&review, file, &markdown_path))?;
    Ok(())
}

/// A gateway's logs with the time that they cover, by their own clock.
pub(super) fn log_lanes(node: &Node) -> Vec<Lane> {
    let lane = |log: &LogFile| Lane {
        name: log.name.clone(),
        is_log: true,
        span: log.scan.first.zip(log.scan.last),
        count: log.scan.counts.records,
        silences: Vec::new(),
        dropped: None,
    };
    node.logs.iter().map(lane).collect()
}

/// The captures with the time that they cover.
pub(super) fn capture_lanes(files: &[CaptureFile]) -> Vec<Lane> {
    let lane = |file: &CaptureFile| Lane {
        name: file.name.clone(),
        is_log: false,
        span: file.first.zip(file.last),
        count: file.frames,
        silences: file.silences.clone(),
        dropped: file.interfaces.iter().filter_map(|interface| interface.dropped).reduce(|a, b| a + b),
    };
    files.iter().map(lane).collect()
}

/// Options that shape the result, as the command line has them.
fn words(options: &Options) -> Vec<String> {
    let mut words = Vec::new();
    if !options.hosts.is_empty() {
        words.push("--hosts FILE".to_owned());
    }
    if let Some(offset) = options.clock_offset_ns {
        words.push(format!("--clock-offset {}", offset as f64 / 1e9));
    }
    if let Some(zone) = options.log_zone_s {
        let sign = if zone < 0 { '-' } else { '+' };
        let minutes = zone.abs() / 60;
        words.push(format!("--log-timezone {sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    words.extend(options.log_year.map(|year| format!("--log-year {year}")));
    let bounds = [("--from", &options.from), ("--to", &options.to), ("--node", &options.node)];
    for (option, value) in bounds {
        words.extend(value.iter().map(|value| format!("{option} {value}")));
    }
    if options.redacted {
        words.push("--redact".to_owned());
    }
    words
}
