//! Stories and evidence of the main job: what each call's story is told from, and one sweep back over the captures.

use std::{collections::BTreeMap, io::Write, path::Path};

use rayon::prelude::*;
use wirecause_parsers::log::FailedCall;

use super::{Error, Read};
use crate::{
    join::Joined,
    read::{
        LogFile,
        entries::{EntryText, read_entries},
        packets::{Swept, Wanted, WantedFlow, fitting, sweep},
    },
    report::{
        self,
        evidence::Evidence,
        examples::{Selection, chosen},
        output::{EVIDENCE, OutputDir},
        redact::{Redactor, packets},
        rows::{ErrorRow, FindingRow},
        story::{STORIES, Story},
        tell::Sources,
    },
    track::Connection,
};

/// What stories are told from: all calls with their rows and matches, in the order of the table.
pub(super) struct Material<'a> {
    pub(super) read: &'a Read,
    pub(super) calls: &'a [(&'a LogFile, &'a FailedCall)],
    pub(super) joined: &'a Joined,
    /// The run's connections as they may be shown.
    pub(super) connections: &'a [Connection],
    pub(super) rows: &'a [ErrorRow],
    pub(super) redactor: Option<Redactor>,
}

/// Stories of all calls, and what it takes to read their packets back.
pub(super) struct Told {
    pub(super) stories: Vec<Story>,
    /// One for each call that is to have evidence, by its index.
    wanted: Vec<(usize, Wanted)>,
    /// Logs that could not be read again, with the reason.
    faults: Vec<(String, String)>,
}

/// What was written beside the tables.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) files: u64,
    pub(super) packets: u64,
    pub(super) left_out: u64,
    /// Inputs that could not be read again, with the reason.
    pub(super) faults: Vec<(String, String)>,
}

impl Material<'_> {
    /// Tells every story; calls that `selection` chooses get evidence.
    pub(super) fn tell(&self, findings: &[FindingRow], selection: Selection) -> Told {
        let (texts, faults) = self.entries();
        let captures = self.read.capture_names();
        let sources: Vec<Sources<'_>> = (0..self.rows.len()).map(|index| self.sources(index, &captures)).collect();
        let stories = sources.par_iter().zip(texts).map(|(sources, text)| sources.story(text)).collect();
        let wanted =
            chosen(selection, self.rows, findings).into_iter().map(|index| (index, self.wanted(&sources[index])));
        Told { stories, wanted: wanted.collect(), faults }
    }

    fn sources<'s>(&'s self, index: usize, captures: &'s [String]) -> Sources<'s> {
        let (_, call) = self.calls[index];
        let found = &self.joined.matches[index];
        Sources {
            call,
            row: &self.rows[index],
            found,
            connection: found.connection.map(|connection| &self.connections[connection]),
            line: self.joined.clock.to_capture(call.time),
            queries: self.read.names.queries(&call.target.host),
            captures,
        }
    }

    fn wanted(&self, sources: &Sources<'_>) -> Wanted {
        let connections = &self.read.connections;
        let flow =
            sources.found.connection.and_then(|index| WantedFlow::new(connections, index, &self.read.capture_files));
        Wanted { flow, host: sources.call.target.host.clone(), asked: sources.asked() }
    }

    /// The text of every call's entry, each log read once.
    fn entries(&self) -> (Vec<EntryText>, Vec<(String, String)>) {
        if self.redactor.is_some() {
            // Nobody knows what a log's text tells of hosts and people.
            let lines = |(_, call): &(&LogFile, &FailedCall)| call.entry.last_line - call.entry.first_line + 1;
            let left_out = self.calls.iter().map(|call| EntryText { lines: Vec::new(), left_out: lines(call) });
            return (left_out.collect(), Vec::new());
        }
        let mut of_log: BTreeMap<&str, (&LogFile, Vec<usize>)> = BTreeMap::new();
        for (index, (log, _)) in self.calls.iter().enumerate() {
            of_log.entry(&log.name).or_insert_with(|| (log, Vec::new())).1.push(index);
        }
        let of_log: Vec<_> = of_log.into_values().collect();
        let read: Vec<_> = of_log
            .par_iter()
            .map(|(log, calls)| {
                let spans: Vec<_> = calls.iter().map(|index| self.calls[*index].1.entry).collect();
                read_entries(&log.input, &spans)
            })
            .collect();
        let (mut texts, mut faults) = (vec![EntryText::default(); self.calls.len()], Vec::new());
        for ((log, calls), (found, fault)) in of_log.into_iter().zip(read) {
            for (index, text) in calls.into_iter().zip(found) {
                texts[index] = text;
            }
            faults.extend(fault.map(|fault| (log.name.clone(), fault)));
        }
        (texts, faults)
    }
}

impl Told {
    /// Reads the packets back, writes the evidence, and then the stories, which name it.
    pub(super) fn write(
        &mut self,
        read: &Read,
        redactor: Option<&Redactor>,
        output: &mut OutputDir,
    ) -> Result<Written, Error> {
        let mut written = Written { faults: std::mem::take(&mut self.faults), ..Written::default() };
        let captures = read.capture_names();
        let (calls, wanted): (Vec<usize>, Vec<Wanted>) = std::mem::take(&mut self.wanted).into_iter().unzip();
        let mut done = 0;
        while done < wanted.len() {
            let next = done + fitting(&wanted[done..]);
            let swept = sweep(&read.capture_files, &wanted[done..next]);
            let swept = Redactor::optionally(redactor, swept, redacted);
            for (call, taken) in calls[done..next].iter().zip(&swept.taken) {
                if taken.frames.is_empty() {
                    continue;
                }
                let story = &mut self.stories[*call];
                let evidence = Evidence { story, taken, interfaces: &swept.interfaces, captures: &captures };
                let name = evidence.name();
                output.write_evidence(name.clone(), |file| evidence.write(file))?;
                story.evidence = Some(format!("{EVIDENCE}/{name}"));
                written.files += 1;
                written.packets += taken.frames.len() as u64;
                written.left_out += taken.left_out;
            }
            let named = swept.faults.into_iter().map(|(file, reason)| (captures[file as usize].clone(), reason));
            written.faults.extend(named.filter(|fault| !written.faults.contains(fault)).collect::<Vec<_>>());
            done = next;
        }
        let path = output.path().join(STORIES);
        output.write(STORIES, |file| write_stories(&self.stories, file, &path))?;
        Ok(written)
    }
}

fn redacted(redactor: &Redactor, mut swept: Swept) -> Swept {
    for taken in &mut swept.taken {
        let frames = std::mem::take(&mut taken.frames).into_iter().filter_map(|frame| {
            let interface = swept.interfaces.get(&frame.id.file)?.get(frame.interface as usize)?;
            packets::frame(&frame, interface, redactor)
        });
        taken.frames = frames.collect();
    }
    for interface in swept.interfaces.values_mut().flatten() {
        *interface = packets::interface(interface);
    }
    swept
}

fn write_stories(stories: &[Story], out: &mut impl Write, path: &Path) -> Result<(), report::Error> {
    for story in stories {
        let json = |source| report::Error::Json { path: path.to_owned(), source };
        serde_json::to_writer(&mut *out, story).map_err(json)?;
        out.write_all(b"\n").map_err(|source| report::Error::Io { path: path.to_owned(), source })?;
    }
    Ok(())
}
