//! The record of the main job.

use std::{collections::BTreeMap, path::Path};

use wirecause_parsers::time::Timestamp;

use super::{Error, Options, Read, judge::Shown, progress::Lap};
use crate::{
    config::InputConfig,
    report::{
        output::{OutputDir, RUN_RECORD},
        run::{InputRecord, NodeRecord, PROGRAM, RunRecord},
    },
};

/// Writes `run.json`.
pub(super) fn write(
    output: &mut OutputDir,
    config: &InputConfig,
    read: &Read,
    shown: &Shown,
    timings: Option<&[Lap]>,
) -> Result<(), Error> {
    let spans = spans(read);
    let options = Options::new(config, shown.redactor.as_deref());
    let (program, version) = PROGRAM;
    let record = RunRecord {
        program,
        version,
        inputs: read
            .reports
            .iter()
            .map(|report| InputRecord::new(report, spans.get(report.path.as_str()).copied()))
            .collect(),
        options: &options,
        nodes_by: read.told.word(),
        nodes: nodes(read, shown),
        counters: &shown.counters,
        timings: timings.as_ref(),
    };
    let path = output.path().join(RUN_RECORD);
    output.write(RUN_RECORD, |file| record.write(file, Path::new(&path)))?;
    Ok(())
}

/// First and last time of every input that has one, by its name.
fn spans(read: &Read) -> BTreeMap<&str, (Timestamp, Timestamp)> {
    let logs = read.nodes.iter().flat_map(|node| &node.logs);
    let logs = logs.filter_map(|log| Some((log.name.as_str(), log.scan.first.zip(log.scan.last)?)));
    let captures = read.capture_files.iter();
    let captures = captures.filter_map(|file| Some((file.name.as_str(), file.first.zip(file.last)?)));
    logs.chain(captures).collect()
}

/// The gateways, in order of their names.
pub(super) fn nodes<'a>(read: &'a Read, shown: &'a Shown) -> Vec<NodeRecord<'a>> {
    let of = read.nodes.iter().zip(&shown.facts.clocks);
    of.map(|(node, clock)| NodeRecord {
        name: &clock.node,
        logs: node.logs.len() as u64,
        captures: node.captures.len() as u64,
        failed_calls: node.logs.iter().map(|log| log.scan.calls.len() as u64).sum(),
        connections: node.connections.len() as u64,
        clock,
    })
    .collect()
}
