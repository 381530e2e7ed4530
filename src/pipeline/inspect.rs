//! `inspect`: what is in the files, before anything is joined.

use std::{collections::BTreeMap, io::Write};

use super::{
    Error, Outcome, in_threads, nodes::Plan, outcome, progress::Progress, readable, sort_inputs, window::Span,
};
use crate::{
    config::{InspectConfig, InspectForm},
    input::InputReport,
    inspect::{self, Facts, Overlap, Survey},
    read::first_packet,
    report::inspect::{Inspected, write_json, write_text},
};

/// Prints what is in the files to `out`.
pub fn inspect(config: &InspectConfig, mut out: impl Write, mut messages: impl Write) -> Result<Outcome, Error> {
    let progress = Progress::start(config.inputs.progress, "inputs");
    let (mut surveys, mut others, plan) = in_threads(&config.inputs, || survey(config, &progress))?;
    progress.finish();
    let mut reports = others.clone();
    reports.extend(surveys.iter().map(|survey| survey.report.clone()));
    readable(&reports, &mut messages)?;
    clip(config, &mut surveys);

    let nodes: BTreeMap<&str, &str> = plan
        .nodes
        .iter()
        .flat_map(|node| node.logs.iter().chain(&node.captures).map(|input| (input.name.as_str(), node.name.as_str())))
        .collect();
    let mut files: Vec<(Survey, Option<String>)> = surveys
        .into_iter()
        .map(|survey| {
            let node = nodes.get(survey.report.path.as_str()).map(|node| (*node).to_owned());
            (survey, node)
        })
        .collect();
    files.sort_by(|(a, _), (b, _)| a.report.path.cmp(&b.report.path));
    others.sort_by(|a, b| a.path.cmp(&b.path));
    let overlap = Overlap::new(files.iter().map(|(survey, _)| survey));
    let inspected = Inspected { files: &files, others: &others, several: plan.nodes.len() > 1, overlap };
    match config.format {
        InspectForm::Text => write_text(&inspected, &mut out)?,
        InspectForm::Json => write_json(&inspected, &mut out)?,
    }
    super::terminal::write_faults(&reports, &mut messages)?;
    Ok(outcome(&reports))
}

/// Surveys of all logs and captures, what was left, and whose everything is.
fn survey(config: &InspectConfig, progress: &Progress) -> (Vec<Survey>, Vec<InputReport>, Plan) {
    let inputs = sort_inputs(&config.inputs, None);
    let (log_bytes, capture_bytes) = (inputs.log_bytes, inputs.capture_bytes);
    let (mut others, plan) = inputs.plan(&config.inputs);
    progress.phase("logs", Some(log_bytes));
    let mut found = Vec::new();
    for node in &plan.nodes {
        let captured = || first_packet(node.captures.iter().chain(&plan.shared));
        found.extend(inspect::logs(&node.logs, node.log_options(&config.inputs), captured));
    }
    progress.phase("captures", Some(capture_bytes));
    for node in &plan.nodes {
        found.extend(inspect::captures(&node.captures));
    }
    found.extend(inspect::captures(&plan.shared));
    let mut surveys = Vec::new();
    for found in found {
        match found {
            Ok(survey) => surveys.push(survey),
            Err(report) => others.push(report),
        }
    }
    (surveys, others, plan)
}

/// Leaves out what lies beside the time asked for: files, and errors of a log.
fn clip(config: &InspectConfig, surveys: &mut Vec<Survey>) {
    let is_log = |survey: &&Survey| matches!(survey.facts, Facts::Log(_));
    let latest = |of: &mut dyn Iterator<Item = &Survey>| of.filter_map(|survey| Some(survey.span?.1)).max();
    let end = latest(&mut surveys.iter().filter(is_log)).or_else(|| latest(&mut surveys.iter()));
    let span = Span::new(config.inputs.window, end);
    surveys.retain(|survey| span.is_all() || survey.span.is_some_and(|(first, last)| span.overlaps(first, last)));
    for survey in surveys {
        if let Facts::Log(log) = &mut survey.facts {
            log.clip(|time| span.holds(time));
        }
    }
}
