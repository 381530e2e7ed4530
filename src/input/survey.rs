//! From paths to what they hold: every file is looked at, and archives are looked into.
//!
//! Files are seen in parallel, the members of an archive in their order, in one pass over it. An archive that holds neither log nor
//! capture is one thing that is left, whatever else it holds.

use std::{
    collections::HashSet,
    io::{self, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::{
    InputReport,
    archive::{Entry, Format, What, clean, tar, zip},
    compression::Compression,
    content::{Content, spooled},
    inflated::Inflated,
    kind::Kind,
    member::Member,
    paths::{Input, Source, expand},
    stream::{Opened, look, open},
};

/// An input that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The input, if it is to be read: a log or a capture.
    pub input: Option<Input>,
    /// What is known of it.
    pub report: InputReport,
}

/// All that the paths lead to, members of archives included, sorted by name.
///
/// `output` and what lies below it is left out of directories, so that a run does not read what an earlier one wrote.
pub fn survey(paths: &[PathBuf], output: Option<&Path>) -> Vec<Seen> {
    let (inputs, reports) = expand(paths, output);
    look_into(inputs, reports)
}

/// The same of inputs that were found already, and of reports of those that were not.
pub fn look_into(inputs: Vec<Input>, reports: Vec<InputReport>) -> Vec<Seen> {
    let looked: Vec<Vec<Seen>> = inputs.into_par_iter().map(seen).collect();
    let unreadable = reports.into_iter().map(|report| Seen { input: None, report });
    let mut all: Vec<Seen> = unreadable.chain(looked.into_iter().flatten()).collect();
    all.sort_by(|a, b| a.report.path.cmp(&b.report.path));
    all
}

/// What a file or stream is, or what it holds.
fn seen(input: Input) -> Vec<Seen> {
    match look(&input, |opened| InputReport::of(&input, opened)) {
        Ok(report) if report.kind == Kind::Archive => Archive::open(&input, report),
        Ok(report) => {
            let input = matches!(report.kind, Kind::Log | Kind::Capture).then_some(input);
            vec![Seen { input, report }]
        }
        Err(error) => vec![Seen { input: None, report: InputReport::unreadable(&input, error.to_string()) }],
    }
}

/// An archive that is being looked into, with those in it.
struct Archive {
    /// Members that may still come.
    room: u64,
    /// First bytes that may still be kept.
    prefixes: usize,
}

/// What was found in it or in one that it holds.
#[derive(Default)]
struct Level {
    seen: Vec<Seen>,
    names: HashSet<String>,
    /// Archives that are not opened.
    deeper: u64,
    /// Behind this place of what carries the members nothing is wanted.
    wanted_until: u64,
    faults: Vec<String>,
}

impl Archive {
    fn open(input: &Input, report: InputReport) -> Vec<Seen> {
        let mut faults = Vec::new();
        let content = match &input.source {
            Source::File(path) => Ok(unpacked(Content::of_path(path, report.bytes), report.compression)),
            Source::Member(member) => Ok(member.content().clone()),
            // It can be read once alone, so that members are read from a copy.
            Source::Stream(_) => open(input).and_then(|mut opened| kept(&mut opened.stream, &mut faults)),
        };
        match content {
            Ok(content) => {
                let mut archive = Self { room: MOST_MEMBERS, prefixes: MOST_PREFIXES };
                archive.list(report, &content, 0, faults).0
            }
            Err(error) => vec![Seen { input: None, report: InputReport::unreadable(input, error.to_string()) }],
        }
    }

    /// The archive and what is in it, and up to where its content is wanted.
    fn list(
        &mut self,
        mut report: InputReport,
        content: &Content,
        depth: usize,
        faults: Vec<String>,
    ) -> (Vec<Seen>, u64) {
        let mut level = Level { faults, ..Level::default() };
        content.keep_inflaters(u64::MAX);
        if let Err(fault) = self.walk(&report.path, content, depth, &mut level) {
            level.faults.push(fault);
        }
        content.keep_inflaters(level.wanted_until);
        if level.deeper > 0 {
            level.faults.push(format!("holds {} archives that are not opened: nested too deep", level.deeper));
        }
        if level.seen.iter().all(|seen| seen.input.is_none()) {
            report.kind = Kind::Other;
            level.seen.retain(|seen| seen.report.damage.is_some());
        }
        if report.damage.is_none() && !level.faults.is_empty() {
            report.damage = Some(level.faults.join("; "));
        }
        level.seen.push(Seen { input: None, report });
        (level.seen, level.wanted_until)
    }

    fn walk(&mut self, name: &str, content: &Content, depth: usize, level: &mut Level) -> Result<(), String> {
        let said = |error: io::Error| error.to_string();
        let mut head = Vec::new();
        content.read().map_err(said)?.take(HEAD_BYTES).read_to_end(&mut head).map_err(said)?;
        let format = Format::of(&head).ok_or("is an archive no longer")?;
        // A directory at the end has to be read first.
        let in_order = format == Format::Tar || content.is_plain();
        let content = if in_order {
            content.clone()
        } else {
            kept(&mut content.read().map_err(said)?, &mut level.faults).map_err(said)?
        };
        let mut crossed = false;
        let mut take = |entry| {
            if self.room == 0 {
                crossed = true;
                return ControlFlow::Break(());
            }
            self.room -= 1;
            self.entry(name, entry, depth, level);
            ControlFlow::Continue(())
        };
        let walked = match format {
            Format::Tar => tar::walk(&content, &mut take),
            Format::Zip => zip::walk(&content, &mut take),
        };
        if crossed {
            level
                .faults
                .push("holds more than 200,000 members, those of archives in it included: the rest is left".to_owned());
        }
        walked
    }

    fn entry(&mut self, archive: &str, entry: Entry, depth: usize, level: &mut Level) {
        let name = match clean(&entry.name) {
            Ok(name) => format!("{archive}/{}", level.unique(&name)),
            Err(shown) => return level.leave(format!("{archive}/{shown}"), Some(LEADS_OUT.to_owned())),
        };
        match entry.what {
            What::File { content, bytes, packing } => {
                self.member(name, Member::new(content, bytes, packing), depth, level);
            }
            What::NoFile => level.leave(name, None),
            What::Unreadable(reason) => level.leave(name, Some(reason)),
        }
    }

    fn member(&mut self, name: String, mut member: Member, depth: usize, level: &mut Level) {
        let content = member.content().clone();
        let input = Input { name, source: Source::Member(member.clone()), explicit: false };
        let opened = match open(&input).map(Opened::looked_on) {
            Ok(opened) => opened,
            Err(error) => return level.leave(input.name, Some(error.to_string())),
        };
        let (report, own) = (InputReport::of(&input, &opened), opened.own_compression());
        match report.kind {
            Kind::Archive if depth < DEEPEST => {
                drop(opened);
                let inner = unpacked(content.clone(), own);
                let (seen, wanted_until) = self.list(report, &inner, depth + 1, Vec::new());
                if seen.iter().any(|seen| seen.input.is_some()) {
                    // What the archive does not inflate by itself is inflated by this one.
                    let until = if inner.is_carried_with(&content) { wanted_until } else { content.start() + 1 };
                    level.wanted_until = level.wanted_until.max(until);
                }
                level.seen.extend(seen);
            }
            Kind::Archive => level.deeper += 1,
            Kind::Log | Kind::Capture => {
                level.wanted_until = level.wanted_until.max(content.start() + 1);
                let is_inflated = own == Compression::None && !content.is_plain();
                if report.kind == Kind::Capture && is_inflated && self.prefixes > 0 {
                    // Captures are put in order by their first packets before they are read.
                    self.prefixes -= 1;
                    member.hold(opened.prefix().to_vec());
                }
                level.seen.push(Seen { input: Some(Input { source: Source::Member(member), ..input }), report });
            }
            Kind::Other | Kind::Unreadable => level.seen.push(Seen { input: None, report }),
        }
    }
}

impl Level {
    /// Notes a member that is not read; with the reason where that is a fault.
    fn leave(&mut self, path: String, damage: Option<String>) {
        let kind = if damage.is_some() { Kind::Unreadable } else { Kind::Other };
        let report = InputReport {
            path,
            kind,
            compression: Compression::None,
            bytes: 0,
            explicit: false,
            damage,
            not_read: None,
            log_year: None,
            passed_over: false,
        };
        self.seen.push(Seen { input: None, report });
    }

    /// The name, or one made of it where another member has it: an archive may hold several states of a file.
    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 1;
        while !self.names.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}#{number}");
        }
        unique
    }
}

/// What comes of a stretch of bytes when its packing is taken off.
fn unpacked(content: Content, compression: Compression) -> Content {
    match compression {
        Compression::None => content,
        packed => Content::of_inflated(Inflated::new(content, packed, None)),
    }
}

/// A copy that can be read at any place.
fn kept(stream: &mut dyn Read, faults: &mut Vec<String>) -> io::Result<Content> {
    let (content, fault) = spooled(stream)?;
    faults.extend(fault.map(|error| error.to_string()));
    Ok(content)
}

/// Archives in archives that are opened.
const DEEPEST: usize = 1;
/// Members of one archive with those of the archives in it: a bundle has thousands; each takes some hundred bytes.
const MOST_MEMBERS: u64 = 200_000;
/// First bytes kept of captures in one archive, at 64 KiB each.
const MOST_PREFIXES: usize = 512;
/// What an archive is known by.
const HEAD_BYTES: u64 = 512;
const LEADS_OUT: &str = "left: its name leads out of the archive, or names nothing";

#[cfg(test)]
mod tests;
