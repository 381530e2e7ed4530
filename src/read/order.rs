//! The order of one capture point's frames: that of its files, with small steps back in time put right.
//!
//! Frames wait until nothing that may still come belongs before them. Within a file, file order is the truth: what steps back by more than
//! [`TOLERANCE`] keeps its place, and is counted.

use std::{mem, ops::Range, sync::Arc};

use wirecause_parsers::time::Timestamp;

use super::source::Slab;

/// The frames of a capture point on their way to its shards.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Piece>,
    latest: Option<Timestamp>,
    /// Frames that stood behind later ones by more than the tolerance.
    pub(super) steps_back: u64,
}

/// A slab of one file, and which of its frames are meant.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) slab: Arc<Slab>,
    /// Index of its file.
    pub(super) file: u32,
    pub(super) frames: Range<usize>,
    /// Where each frame of the slab stands in time; empty where that is the frame's own time.
    keys: Arc<[Timestamp]>,
}

/// Pieces whose frames are due, in the order of their files.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) pieces: Vec<Piece>,
    /// Whether the frames stand in order of time as they are.
    pub(super) sorted: bool,
}

impl Piece {
    /// Where a frame of the slab stands in time.
    pub(super) fn key(&self, index: usize) -> Timestamp {
        let own = || self.slab.frames().get(index).map(|frame| frame.time);
        self.keys.get(index).copied().or_else(own).unwrap_or_default()
    }
}

impl Queue {
    /// Takes the next slab of the point; the frames that are due by now are given out.
    pub(super) fn push(&mut self, slab: Slab, file: u32) -> Due {
        let frames = 0..slab.frames().len();
        let keys = self.keys(&slab).into();
        self.waiting.push(Piece { slab: Arc::new(slab), file, frames, keys });
        let limit = self.latest.map_or(EARLIEST, |latest| latest.plus(-TOLERANCE));
        self.due(limit)
    }

    /// Gives out all that waits.
    pub(super) fn finish(&mut self) -> Due {
        self.due(Timestamp::from_nanos(i64::MAX))
    }

    /// The place in time of each frame, as seen from all before it; empty where time does not step back.
    fn keys(&mut self, slab: &Slab) -> Vec<Timestamp> {
        let before = self.latest.unwrap_or(EARLIEST);
        let (mut latest, mut forward) = (before, true);
        for frame in slab.frames() {
            forward &= latest <= frame.time;
            latest = latest.max(frame.time);
        }
        self.latest = Some(latest).filter(|latest| *latest > EARLIEST);
        if forward {
            return Vec::new();
        }
        latest = before;
        let keys = slab.frames().iter().map(|frame| {
            latest = latest.max(frame.time);
            let late = latest.since(frame.time) > TOLERANCE;
            self.steps_back += u64::from(late);
            if late { latest } else { frame.time }
        });
        keys.collect()
    }

    /// What stands up to `limit`, and the oldest of what there is no room for.
    fn due(&mut self, limit: Timestamp) -> Due {
        let mut size: usize = self.waiting.iter().map(|piece| piece.slab.size()).sum();
        let mut due = Due { pieces: Vec::new(), sorted: true };
        let mut last = EARLIEST;
        for mut piece in mem::take(&mut self.waiting) {
            let crowded = size > MOST_WAITING;
            size -= piece.slab.size();
            let Range { start, end } = piece.frames;
            let mut next = start;
            while next < end {
                let key = piece.key(next);
                if key > limit && !crowded {
                    break;
                }
                due.sorted &= last <= key;
                last = last.max(key);
                next += 1;
            }
            if next < end {
                self.waiting.push(Piece { frames: next..end, ..piece.clone() });
            }
            piece.frames = start..next;
            due.pieces.push(piece);
        }
        due
    }
}

const EARLIEST: Timestamp = Timestamp::from_nanos(i64::MIN);
/// Frames are sorted that stand behind later ones by no more than this, ns: queues of one interface, and files cut at one instant.
const TOLERANCE: i64 = 1_000_000_000;
/// Bytes that may wait. A tenth of a second of 10 Gbit/s takes twice as much; queues of an interface are apart by milliseconds.
const MOST_WAITING: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn times(due: &Due) -> Vec<i64> {
        let keys = due.pieces.iter().flat_map(|piece| piece.frames.clone().map(|index| piece.key(index).nanos()));
        keys.collect()
    }

    const MS: i64 = 1_000_000;

    #[test]
    fn frames_wait_for_what_may_come_before_them() {
        let mut queue = Queue::default();
        let due = queue.push(Slab::of_times(&[0, 400 * MS, 1_500 * MS]), 0);
        assert_eq!((times(&due), due.sorted), (vec![0, 400 * MS], true));
        let due = queue.push(Slab::of_times(&[1_400 * MS, 3_000 * MS]), 1);
        assert_eq!((times(&due), due.sorted), (vec![1_500 * MS, 1_400 * MS], false));
        let due = queue.finish();
        assert_eq!((times(&due), queue.steps_back), (vec![3_000 * MS], 0));
    }

    #[test]
    fn a_large_step_back_keeps_its_place_and_is_counted() {
        let mut queue = Queue::default();
        let due = queue.push(Slab::of_times(&[5_000 * MS, 1_000 * MS, 9_000 * MS]), 0);
        assert_eq!((times(&due), due.sorted), (vec![5_000 * MS, 5_000 * MS], true));
        assert_eq!((times(&queue.finish()), queue.steps_back), (vec![9_000 * MS], 1));
    }

    #[test]
    fn slabs_make_no_difference() {
        let all = [0, 700 * MS, 300 * MS, 2_000 * MS, 1_100 * MS, 5_000 * MS, 4_900 * MS, 1_000 * MS, 6_000 * MS];
        let order = |size: usize| {
            let (mut queue, mut out) = (Queue::default(), Vec::new());
            let mut take = |due: Due| {
                let mut keys = times(&due);
                keys.sort_unstable();
                out.extend(keys);
            };
            for slab in all.chunks(size) {
                take(queue.push(Slab::of_times(slab), 0));
            }
            take(queue.finish());
            (out, queue.steps_back)
        };
        for size in 1..all.len() {
            assert_eq!(order(size), order(all.len()), "{size} frames a slab");
        }
    }
}
