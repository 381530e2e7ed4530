//! Files that begin with what an earlier file of the same capture point holds: a capture that was started before the one before it was
//! stopped, a part that was cut out of a whole, one file in two forms.
//!
//! Each packet counts once, and connections run on from the earlier file to the later one. Where files merely overlap in time they were taken at
//! different points, so that the packets themselves are compared: by when they came, how long they were, and their first bytes.

use std::{collections::HashSet, hash::BuildHasher};

use foldhash::fast::FixedState;
use wirecause_parsers::{capture::FrameRef, time::Timestamp};

use super::{
    capture::CaptureFile,
    source::{Slab, Source},
};
use crate::input;

/// What tells a frame from the others of its point, whatever the form of its file: one form has times in ns where another cuts them to µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    micros: i64,
    original: u32,
    headers: u64,
}

impl Mark {
    pub(super) fn of(slab: &Slab, frame: &FrameRef) -> Self {
        let (link, data) = slab.data(frame);
        let headers = FixedState::default().hash_one((link, data.get(..HEADERS).unwrap_or(data)));
        Self { micros: micros(frame.time), original: frame.original, headers }
    }
}

fn micros(time: Timestamp) -> i64 {
    time.nanos().div_euclid(1_000)
}

/// Whether `files`, which are of one point, hold what a file begins with, of which `beginning` are the first frames.
pub(super) fn hold<'a>(files: impl Iterator<Item = &'a CaptureFile>, beginning: &Slab) -> bool {
    let asked = beginning.frames().get(..LOOKED_AT).unwrap_or(beginning.frames());
    let times = || asked.iter().map(|frame| frame.time);
    let (Some(from), Some(until)) = (times().min(), times().max()) else { return false };
    let mut held = HashSet::new();
    // What an earlier file does not reach any more is what the new one adds.
    let mut reached = None;
    for file in files.filter(|file| file.first <= Some(until) && Some(from) <= file.last) {
        collect(file, from, until, &mut held);
        reached = reached.max(file.last.map(micros));
    }
    let due = asked.iter().filter(|frame| Some(micros(frame.time)) <= reached).map(|frame| Mark::of(beginning, frame));
    let (count, found) =
        due.fold((0, 0), |(count, found), mark| (count + 1, found + usize::from(held.contains(&mark))));
    // A busy capture misses packets.
    found > 0 && found * 20 >= count * 19
}

/// The marks of a file's frames from one time until another.
fn collect(file: &CaptureFile, from: Timestamp, until: Timestamp, held: &mut HashSet<Mark>) {
    if matches!(file.input.source, input::Source::Stream(_)) {
        return;
    }
    // What cannot be read again shows nothing; that it was damaged was said when it was read.
    let Ok(mut source) = Source::open(&file.input) else { return };
    let mut slab = Slab::default();
    while source.fill(&mut slab, READ_AT_ONCE) {
        if slab.frames().first().is_some_and(|frame| frame.time > until.plus(STEPS_BACK)) {
            return;
        }
        let within = |frame: &&FrameRef| micros(from) <= micros(frame.time) && frame.time <= until.plus(MICROSECOND);
        held.extend(slab.frames().iter().filter(within).map(|frame| Mark::of(&slab, frame)));
    }
}

/// Leaves out what an earlier file holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    /// The latest time of the earlier files.
    until: i64,
    /// Their last frame.
    last: Mark,
}

impl Repeat {
    pub(super) fn new(latest: Timestamp, last: Mark) -> Self {
        Self { until: micros(latest), last }
    }

    /// How many of the frames of `slab`, which is the next one, were there before; whether those behind it may be as well.
    pub(super) fn of(&self, slab: &Slab) -> (usize, bool) {
        let is_last = |frame: &FrameRef| micros(frame.time) == self.last.micros && Mark::of(slab, frame) == self.last;
        // Where the last one is missing from this file, time tells.
        let last = slab.frames().iter().rposition(is_last).map(|last| last + 1);
        let later = || slab.frames().iter().position(|frame| micros(frame.time) > self.until);
        match last.or_else(later) {
            Some(first_new) => (first_new, false),
            None => (slab.frames().len(), true),
        }
    }
}

/// First bytes of a frame that are compared: Ethernet with a VLAN, IPv6 and TCP without options, so that a capture that keeps little more can be compared
/// with a whole one.
const HEADERS: usize = 78;
/// Frames of a beginning that are compared.
const LOOKED_AT: usize = 64;
/// Bytes of an earlier file read at a time.
const READ_AT_ONCE: usize = 512 << 10;
/// Frames that stand behind later ones do so by no more than this, ns.
const STEPS_BACK: i64 = 1_000_000_000;
const MICROSECOND: i64 = 1_000;
