//! Stories and evidence of the main job: what each call's story is told from, and one sweep back over the captures.

use std::{collections::BTreeMap, io::Write, path::Path};

use super::{
    Error, Read,
    judge::{Judged, Place},
};
use crate::{
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
};
use rayon::prelude::*;
use wirecause_parsers::log::EntrySpan;

/// What stories are told from.
pub(super) struct Material<'a> {
    pub(super) read: &'a Read,
    pub(super) judged: &'a [Judged<'a>],
    /// Where each row comes from.
    pub(super) places: &'a [Place],
    /// The table of errors.
    pub(super) rows: &'a [ErrorRow],
    pub(super) redacted: bool,
}

/// Stories of all calls, and what it takes to read their packets back.
pub(super) struct Told {
    pub(super) stories: Vec<Story>,
    /// By gateway: one for each call that is to have evidence, by its row.
    wanted: Vec<Vec<(usize, Wanted)>>,
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
        let mut wanted: Vec<Vec<(usize, Wanted)>> = self.judged.iter().map(|_| Vec::new()).collect();
        for row in chosen(selection, self.rows, findings) {
            wanted[self.places[row].node as usize].push((row, self.wanted(row, &sources[row])));
        }
        Told { stories, wanted, faults }
    }

    fn sources<'s>(&'s self, row: usize, captures: &'s [String]) -> Sources<'s> {
        let (judged, index) = self.judged(row);
        let call = judged.calls[index].open();
        let found = &judged.joined.matches[index];
        let connection = found.connection().map(|connection| judged.shown(connection));
        let spot = found.chosen().zip(connection.as_ref());
        Sources {
            row: &self.rows[row],
            anchor: spot.and_then(|(spot, opened)| judged.joined.anchor(found, &call.failure, spot, opened)),
            connection,
            line: judged.joined.clock.to_capture(call.time),
            queries: judged.node.names.queries(&call.failure.target.host),
            captures,
            call,
        }
    }

    /// The log of a row, and its entry's place in it.
    fn logged(&self, row: usize) -> (&LogFile, EntrySpan) {
        let (judged, call) = self.judged(row);
        (judged.log(call), judged.calls[call].open().entry)
    }

    /// The gateway of a row, and the index among its calls.
    fn judged(&self, row: usize) -> (&Judged<'_>, usize) {
        let Place { node, call } = self.places[row];
        (&self.judged[node as usize], call as usize)
    }

    fn wanted(&self, row: usize, sources: &Sources<'_>) -> Wanted {
        let (Judged { node, joined, .. }, call) = self.judged(row);
        let connection = joined.matches[call].connection();
        let flow = connection.and_then(|index| WantedFlow::new(&node.connections, index, &self.read.capture_files));
        Wanted { flow, host: sources.call.failure.target.host.clone(), asked: sources.asked() }
    }

    /// The text of every call's entry, each log read once.
    fn entries(&self) -> (Vec<EntryText>, Vec<(String, String)>) {
        let logged: Vec<(&LogFile, EntrySpan)> = (0..self.rows.len()).map(|row| self.logged(row)).collect();
        if self.redacted {
            // Nobody knows what a log's text tells of hosts and people.
            let lines = |(_, entry): &(&LogFile, EntrySpan)| entry.last_line - entry.first_line + 1;
            let left_out = logged.iter().map(|entry| EntryText { lines: Vec::new(), left_out: lines(entry) });
            return (left_out.collect(), Vec::new());
        }
        let mut of_log: BTreeMap<&str, (&LogFile, Vec<usize>)> = BTreeMap::new();
        for (row, (log, _)) in logged.iter().enumerate() {
            of_log.entry(&log.name).or_insert_with(|| (log, Vec::new())).1.push(row);
        }
        let of_log: Vec<_> = of_log.into_values().collect();
        let read: Vec<_> = of_log
            .par_iter()
            .map(|(log, calls)| {
                let spans: Vec<_> = calls.iter().map(|row| logged[*row].1).collect();
                read_entries(&log.input, &spans)
            })
            .collect();
        let (mut texts, mut faults) = (vec![EntryText::default(); self.rows.len()], Vec::new());
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
        for (node, wanted) in read.nodes.iter().zip(std::mem::take(&mut self.wanted)) {
            self.write_evidence(read, &node.captures, wanted, redactor, output, &mut written)?;
        }
        let path = output.path().join(STORIES);
        output.write(STORIES, |file| write_stories(&self.stories, file, &path))?;
        Ok(written)
    }

    /// Reads back what is wanted of one gateway's captures, and writes it.
    fn write_evidence(
        &mut self,
        read: &Read,
        of: &[usize],
        wanted: Vec<(usize, Wanted)>,
        redactor: Option<&Redactor>,
        output: &mut OutputDir,
        written: &mut Written,
    ) -> Result<(), Error> {
        let captures = read.capture_names();
        let (calls, wanted): (Vec<usize>, Vec<Wanted>) = wanted.into_iter().unzip();
        let mut done = 0;
        while done < wanted.len() {
            let next = done + fitting(&wanted[done..]);
            let swept = sweep(&read.capture_files, of, &wanted[done..next]);
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
        Ok(())
    }
}

fn redacted(redactor: &Redactor, mut swept: Swept) -> Swept {
    for taken in &mut swept.taken {
        let frames = std::mem::take(&mut taken.frames).into_iter().filter_map(|frame| {
            let interface = swept.interfaces.get(&frame.id.file())?.get(frame.interface as usize)?;
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
