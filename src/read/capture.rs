//! Captures: files in order of their first packets, read ahead of the tracking of what was read before.
//!
//! Files that were rotated are one capture: their connections run on. Files whose times overlap hold the same packets (`repeat`), or
//! were taken at different points, and each point is tracked by itself, in shards whose number is fixed, so that the result does not depend on threads.

use std::{
    collections::{BTreeMap, HashSet},
    ops::RangeInclusive,
    sync::Arc,
};

use foldhash::fast::RandomState;
use rayon::prelude::*;
use wirecause_parsers::{
    capture::{FrameRef, Interface},
    packet::Skip,
    payload::dns,
    time::{NANOS_PER_SECOND, Timestamp},
};

use super::{
    order::{Due, Queue},
    repeat::{Mark, Repeat, hold},
    route::{Beside, SHARDS, route},
    source::{Slab, Source},
};
use crate::{
    input::{self, Input, InputReport, meter},
    track::{Finished, TrackCounts, Tracker, store::Store},
};

/// All captures of a run, read and tracked.
#[derive(Debug, Default)]
pub struct Captures {
    /// The files, in order of their first packets.
    pub files: Vec<CaptureFile>,
    /// The points at which they were taken, each with its connections.
    pub points: Vec<Point>,
    /// DNS messages in order of time.
    pub dns: Vec<Heard>,
    /// Frames that hold nothing for us, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// DNS messages that could not be read.
    pub bad_dns: u64,
    /// ICMP errors about flows.
    pub icmp_errors: u64,
    /// TCP segments decoded.
    pub segments: u64,
    /// Frames that stood behind later ones by more than a second; they keep their place.
    pub steps_back: u64,
    /// What tracking met.
    pub track: TrackCounts,
    /// DNS messages that were read and not kept because there were too many.
    pub dns_beyond_bound: u64,
}

/// A DNS message as it was captured.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When.
    pub time: Timestamp,
    /// Its transaction id.
    pub id: u16,
    /// What it says, id and times to live left out: resolvers say the same again and again, which is kept once.
    pub message: Arc<dns::Message>,
}

/// One capture file.
#[derive(Clone, Debug)]
pub struct CaptureFile {
    /// Its name in the output.
    pub name: String,
    /// Frames read.
    pub frames: u64,
    /// How many of them, from its beginning on, an earlier file of its point holds as well: they are not taken again.
    pub repeated: u64,
    /// Time of its first frame.
    pub first: Option<Timestamp>,
    /// Latest time of a frame.
    pub last: Option<Timestamp>,
    /// Long times without any frame, at most `MAX_SILENCES`.
    pub silences: Vec<(Timestamp, Timestamp)>,
    /// Runs of seconds, since the epoch, that each have a frame: first and last, at most `MAX_RUNS`.
    pub busy: Vec<(i64, i64)>,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// What became of the input.
    pub report: InputReport,
    /// The input, to read packets again.
    pub input: Input,
    /// Index of the point at which it was taken.
    pub point: usize,
}

impl CaptureFile {
    /// Notes the times of the next frames.
    fn note(&mut self, frames: &[FrameRef]) {
        self.first = self.first.or(frames.first().map(|frame| frame.time));
        let mut noted = end_of(&self.busy);
        for frame in frames {
            if let Some(before) = self.last
                && frame.time.since(before) >= LONG_SILENCE
                && self.silences.len() < MAX_SILENCES
            {
                self.silences.push((before, frame.time));
            }
            self.last = self.last.max(Some(frame.time));
            // Most frames are of the second of the one before.
            if frame.time >= noted {
                note_second(&mut self.busy, frame.time.nanos().div_euclid(NANOS_PER_SECOND));
                noted = end_of(&self.busy);
            }
        }
    }
}

/// One capture point: files that follow each other in time.
#[derive(Debug, Default)]
pub struct Point {
    /// Indices of its files.
    pub files: Vec<usize>,
    /// Its connections in order of their start.
    pub connections: Vec<Finished>,
}

/// Reads `inputs`, which are captures. Those that cannot be opened are reported beside. `base` is the index that frames know the first
/// file by: files that were read before have those below.
pub fn read_captures(inputs: &[Input], base: usize) -> (Captures, Vec<InputReport>) {
    read_needed(inputs, base, None, &Arc::default())
}

/// The same, without the files that lie wholly outside the time that is needed, as far as their ends show: they are passed over, and reported
/// so beside. Where that leaves none, all are read: what is wrong shows in them. What is kept of the connections lies in `store`.
pub fn read_needed(
    inputs: &[Input],
    base: usize,
    needed: Option<&RangeInclusive<Timestamp>>,
    store: &Arc<Store>,
) -> (Captures, Vec<InputReport>) {
    let mut reader = Reader::new(inputs, base, needed);
    let (mut captures, mut said) = (Captures::default(), Said::default());
    let mut points: Vec<LivePoint> = Vec::new();
    let mut spare = Vec::new();
    let mut next = reader.next(Slab::default());
    while let Some(Read { slab, file, point }) = next {
        if points.len() <= point {
            points.resize_with(point + 1, || LivePoint::new(store));
        }
        let Some(of_point) = points.get_mut(point) else { break };
        let due = of_point.queue.push(slab, file);
        // What follows is read while this is tracked.
        let fresh = spare.pop().unwrap_or_default();
        let (read, beside) = rayon::join(|| reader.next(fresh), || of_point.track(&due));
        next = read;
        captures.add(beside, &mut said);
        spare.extend(emptied(due));
    }
    for (index, point) in points.into_iter().enumerate() {
        let (point, counts) = point.finish(&mut captures, &mut said, reader.files_of(index));
        captures.track += counts;
        captures.points.push(point);
    }
    captures.dns.sort_by_key(|heard| heard.time);
    captures.files = reader.files;
    (captures, reader.unreadable)
}

/// DNS messages that were heard; many of them again and again.
type Said = HashSet<Arc<dns::Message>, RandomState>;

/// The slabs of which nothing waits any more, to be filled anew.
fn emptied(due: Due) -> impl Iterator<Item = Slab> {
    due.pieces.into_iter().filter_map(|piece| Arc::into_inner(piece.slab))
}

impl Captures {
    /// Adds what frames hold beside TCP; `said` are the DNS messages so far.
    fn add(&mut self, beside: Vec<Beside>, said: &mut Said) {
        for part in beside {
            let room = MAX_DNS.saturating_sub(self.dns.len());
            self.dns_beyond_bound += part.dns.len().saturating_sub(room) as u64;
            self.dns.extend(part.dns.into_iter().take(room).map(|(time, message)| heard(time, message, said)));
            for (skip, count) in part.skipped {
                *self.skipped.entry(skip).or_default() += count;
            }
            self.bad_dns += part.bad_dns;
            self.icmp_errors += part.icmp_errors;
            self.segments += part.segments;
        }
    }
}

/// A message that says what one of `said` does is kept as that.
fn heard(time: Timestamp, mut message: dns::Message, said: &mut Said) -> Heard {
    let id = std::mem::take(&mut message.id);
    message.addresses.iter_mut().for_each(|(_, _, time_to_live)| *time_to_live = 0);
    if let Some(known) = said.get(&message) {
        return Heard { time, id, message: Arc::clone(known) };
    }
    let message = Arc::new(message);
    if said.len() < MAX_SAID {
        said.insert(Arc::clone(&message));
    }
    Heard { time, id, message }
}

/// A capture point under way.
struct LivePoint {
    queue: Queue,
    shards: Vec<Tracker>,
    /// Those that have finished, in no order.
    connections: Vec<Finished>,
}

impl LivePoint {
    fn new(store: &Arc<Store>) -> Self {
        let shards = (0..SHARDS).map(|_| Tracker::keeping_in(Arc::clone(store))).collect();
        Self { queue: Queue::default(), shards, connections: Vec::new() }
    }

    fn finish(mut self, captures: &mut Captures, said: &mut Said, files: Vec<usize>) -> (Point, TrackCounts) {
        let due = self.queue.finish();
        captures.add(self.track(&due), said);
        captures.steps_back += self.queue.steps_back;
        let mut counts = TrackCounts::default();
        let finished: Vec<_> = self.shards.into_par_iter().map(Tracker::finish).collect();
        for (of_shard, of_counts) in finished {
            self.connections.extend(of_shard);
            counts += of_counts;
        }
        self.connections.par_sort_unstable_by_key(|connection| connection.head().place());
        (Point { files, connections: self.connections }, counts)
    }

    /// Tracks what is due, and takes what has finished out of the shards: their lists would be there twice when they are put together.
    fn track(&mut self, due: &Due) -> Vec<Beside> {
        let beside = route(due, &mut self.shards);
        self.connections.extend(self.shards.iter_mut().flat_map(Tracker::take_finished));
        beside
    }
}

/// All files, slab by slab.
struct Reader<'a> {
    /// What is still to be read, the next one last.
    found: Vec<Found<'a>>,
    open: Option<OpenFile>,
    /// The files read so far.
    files: Vec<CaptureFile>,
    /// Index of the first of them.
    base: usize,
    /// How far each point was read.
    reached: Vec<Reached>,
    /// What is not read.
    unreadable: Vec<InputReport>,
}

/// A capture file and the time of its first frame; standard input stays open, since it cannot be opened twice.
struct Found<'a> {
    input: &'a Input,
    first: Option<Timestamp>,
    held: Option<(Source, Option<Slab>)>,
    report: InputReport,
}

/// How far a point was read.
#[derive(Default)]
struct Reached {
    /// The latest time of a frame.
    latest: Option<Timestamp>,
    /// The last frame.
    last: Option<Mark>,
}

/// The file that is being read.
struct OpenFile {
    source: Source,
    /// A slab that was read when the file was looked at.
    ahead: Option<Slab>,
    file: CaptureFile,
    /// What it begins with that was read already.
    repeat: Option<Repeat>,
}

/// A slab, where it was taken and where it is from.
struct Read {
    slab: Slab,
    file: u32,
    point: usize,
}

impl<'a> Reader<'a> {
    fn new(inputs: &'a [Input], base: usize, needed: Option<&RangeInclusive<Timestamp>>) -> Self {
        let mut unreadable = Vec::new();
        let (mut found, mut outside): (Vec<Found<'a>>, Vec<Found<'a>>) = (Vec::new(), Vec::new());
        for input in inputs {
            match Source::open(input) {
                Ok(mut source) => {
                    let (first, slab) = source.first();
                    let is_outside = needed.zip(first).is_some_and(|(needed, first)| {
                        first > *needed.end()
                            || first < *needed.start()
                                && source.last(input, first).is_some_and(|last| last < *needed.start())
                    });
                    let report = source.report().clone();
                    // Files are closed again: a directory may hold more of them than a process may have open.
                    let held = matches!(input.source, input::Source::Stream(_)).then_some((source, Some(slab)));
                    let which = if is_outside { &mut outside } else { &mut found };
                    which.push(Found { input, first, held, report });
                }
                Err(error) => unreadable.push(InputReport::unreadable(input, error.to_string())),
            }
        }
        // A file without a packet is nothing that is left.
        if found.iter().all(|found| found.first.is_none()) {
            found.append(&mut outside);
        }
        for Found { report, .. } in outside {
            meter::leave_out(report.bytes);
            unreadable.push(InputReport { passed_over: true, ..report });
        }
        // Files without a packet come last; names break ties, so that the order of arguments does not matter.
        found.sort_by(|a, b| {
            a.first.is_none().cmp(&b.first.is_none()).then(a.first.cmp(&b.first)).then(a.input.name.cmp(&b.input.name))
        });
        found.reverse();
        Self { found, open: None, files: Vec::new(), base, reached: Vec::new(), unreadable }
    }

    /// The next slab that holds frames, in the room of `slab`.
    fn next(&mut self, mut slab: Slab) -> Option<Read> {
        loop {
            let Some(open) = &mut self.open else {
                let found = self.found.pop()?;
                self.begin(found);
                continue;
            };
            let ahead = open.ahead.take().map(|ahead| slab = ahead).is_some();
            if !ahead && !open.source.fill(&mut slab, SLAB_BYTES) {
                self.end();
            } else if !slab.frames().is_empty() {
                open.file.note(slab.frames());
                if let Some(repeat) = &open.repeat {
                    let (before, more) = repeat.of(&slab);
                    slab.leave_out(before);
                    open.file.repeated += before as u64;
                    if !more {
                        open.repeat = None;
                    }
                }
                let Some(last) = slab.frames().last() else { continue };
                if let Some(reached) = self.reached.get_mut(open.file.point) {
                    reached.latest = reached.latest.max(open.file.last);
                    reached.last = Some(Mark::of(&slab, last));
                }
                return Some(Read { slab, file: (self.base + self.files.len()) as u32, point: open.file.point });
            }
        }
    }

    /// Opens a file at the point whose files it follows, or at one of its own.
    fn begin(&mut self, found: Found<'a>) {
        let Found { input, first, held, .. } = found;
        let opened = held.map_or_else(|| Source::open(input).map(|source| (source.ahead(), None)), Ok);
        let (mut source, mut ahead) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.unreadable.push(InputReport::unreadable(input, error.to_string())),
        };
        let mut place = self.reached.iter().position(|reached| may_continue(reached.latest, first));
        let mut repeat = None;
        if place.is_none_or(|point| self.reached.get(point).is_some_and(|reached| overlaps(reached.latest, first))) {
            let beginning = ahead.get_or_insert_with(|| source.first().1);
            let holding = (0..self.reached.len()).find(|point| hold(self.files_at(*point), beginning));
            let reached = holding.and_then(|point| self.reached.get(point));
            repeat = reached.and_then(|reached| Some(Repeat::new(reached.latest?, reached.last?)));
            place = holding.or(place);
        }
        if place.is_none() && self.reached.len() >= MAX_POINTS {
            self.unreadable.push(InputReport::unreadable(input, TOO_MANY_POINTS.to_owned()));
            return;
        }
        let point = place.unwrap_or_else(|| {
            self.reached.push(Reached::default());
            self.reached.len() - 1
        });
        let file = CaptureFile {
            name: input.name.clone(),
            frames: 0,
            repeated: 0,
            first: None,
            last: None,
            silences: Vec::new(),
            busy: Vec::new(),
            interfaces: Vec::new(),
            report: source.report().clone(),
            input: input.clone(),
            point,
        };
        self.open = Some(OpenFile { source, ahead, file, repeat });
        // The next file is inflated while this one is tracked. What cannot be opened now is met again at its turn.
        if let Some(next) = self.found.last_mut().filter(|next| next.held.is_none()) {
            next.held = Source::open(next.input).ok().filter(Source::is_packed).map(|source| (source.ahead(), None));
        }
    }

    fn end(&mut self) {
        let Some(OpenFile { source, mut file, .. }) = self.open.take() else { return };
        file.frames = source.walked();
        file.interfaces = source.interfaces().to_vec();
        file.report = source.finish();
        self.files.push(file);
    }

    /// The files of a point.
    fn files_at(&self, point: usize) -> impl Iterator<Item = &CaptureFile> {
        self.files.iter().filter(move |file| file.point == point)
    }

    /// Indices of the files of a point.
    fn files_of(&self, point: usize) -> Vec<usize> {
        (self.base..).zip(&self.files).filter(|(_, file)| file.point == point).map(|(index, _)| index).collect()
    }
}

/// Adds a second to runs of such. One that steps back lies in the last run but for a few; beyond the bound all is one run.
fn note_second(runs: &mut Vec<(i64, i64)>, second: i64) {
    let full = runs.len() >= MAX_RUNS;
    match runs.last_mut() {
        Some((_, last)) if second <= *last => {}
        Some((_, last)) if full || second == *last + 1 => *last = second,
        _ => runs.push((second, second)),
    }
}

/// The end of the last run of seconds: what lies before it changes nothing.
fn end_of(runs: &[(i64, i64)]) -> Timestamp {
    Timestamp::from_parts(runs.last().map_or(i64::MIN, |(_, last)| last.saturating_add(1)), 0)
}

/// Whether a file that begins at `first` may follow what was read up to `latest`: rotated files overlap by a few packets at most.
fn may_continue(latest: Option<Timestamp>, first: Option<Timestamp>) -> bool {
    match (latest, first) {
        (Some(latest), Some(first)) => first.since(latest) >= -ROTATION_OVERLAP,
        _ => true,
    }
}

/// Whether a file that begins at `first` may hold again what was read up to `latest`.
fn overlaps(latest: Option<Timestamp>, first: Option<Timestamp>) -> bool {
    latest.zip(first).is_some_and(|(latest, first)| latest.since(first) > QUEUES)
}

/// Points told apart. Captures of one incident come from a handful of machines and interfaces; each point costs its shards.
const MAX_POINTS: usize = 64;
const TOO_MANY_POINTS: &str = "not read: captures of more than 64 points overlap in time";
/// DNS messages kept, at 24 bytes each and some two hundred for what none said before. A gateway caches what it resolved, so that days hold less.
const MAX_DNS: usize = 1 << 20;
/// Messages by which others are known that say the same: questions and answers of some thousand names.
const MAX_SAID: usize = 1 << 16;
/// Bytes of a capture read at a time and tracked while the next are read. The second-level cache should hold both: the
/// frames are looked at once more when they are tracked.
const SLAB_BYTES: usize = 512 << 10;
/// Rotated files may overlap by this much, ns: packets of one instant fall on either side of the cut.
const ROTATION_OVERLAP: i64 = 1_000_000_000;
/// Queues of an interface are apart by less than this, ns: rotated files that overlap by no more have no packet in common.
const QUEUES: i64 = 10_000_000;
/// A gateway at work sends something more often than this, if only keep-alives and health checks, ns.
const LONG_SILENCE: i64 = 10_000_000_000;
/// Runs kept of one file: with pauses every minute those of four months.
const MAX_RUNS: usize = 1 << 17;
/// Silences kept of one file.
const MAX_SILENCES: usize = 64;
