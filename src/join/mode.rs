//! Where most votes agree: the window of a given width that holds votes of the most calls.
//!
//! Wrong votes lie scattered, and there may be tens of millions of them, of which a few hundred agree. So votes are never put in one list: they
//! are looked at range by range, and of a range those alone are sorted that may lie in the best window.

use std::ops::{Range, RangeInclusive};

use super::{clock::WIDEST, votes::Votes};

/// Values that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spread {
    /// The smallest of them.
    pub(super) low: i64,
    /// From the smallest to the largest.
    pub(super) width: i64,
    /// How many calls they come from.
    pub(super) pairs: usize,
}

/// The window of width `within` that holds votes of the most calls; of equal ones the narrowest, then the first. Each call counts
/// once in a window, however many connections it could belong to.
pub(super) fn mode(votes: &[(usize, i64)], within: i64) -> Option<Spread> {
    let offsets = || votes.iter().map(|(_, vote)| *vote);
    let span = offsets().min()?..=offsets().max()?;
    Search::new(within, |range| votes.iter().copied().filter(move |(_, vote)| range.contains(vote))).of(&span)
}

impl Votes<'_> {
    /// The [`mode`] of all votes.
    pub(super) fn mode(self, within: i64) -> Option<Spread> {
        self.mode_in(&(-WIDEST..=WIDEST), within)
    }

    /// The [`mode`] of the votes in `span`.
    pub(super) fn mode_in(self, span: &RangeInclusive<i64>, within: i64) -> Option<Spread> {
        let first = self.0.first()?.call;
        let own = |range: RangeInclusive<i64>| {
            let range = *range.start().max(span.start())..=*range.end().min(span.end());
            self.within(range).map(move |(call, vote)| (call - first, vote))
        };
        Search::new(within, own).of(span)
    }

    /// How many calls agree by chance: on the best window further than `far` from an offset.
    pub(super) fn chance(self, offset: i64, far: i64, within: i64) -> usize {
        let sides = [-WIDEST..=offset - far - 1, offset + far + 1..=WIDEST];
        sides.iter().filter_map(|side| self.mode_in(side, within)).map(|spread| spread.pairs).max().unwrap_or(0)
    }
}

/// The search for the best window.
///
/// A window lies in two neighbouring cells of its own width. Windows are looked for by the cell in which they begin, some cells at a time.
struct Search<F> {
    /// The votes of a range.
    votes: F,
    within: i64,
    best: Option<Spread>,
    /// Votes of each call in what is looked at.
    inside: Vec<u32>,
}

impl<F, V> Search<F>
where
    F: Fn(RangeInclusive<i64>) -> V,
    V: Iterator<Item = (usize, i64)>,
{
    const fn new(within: i64, votes: F) -> Self {
        Self { votes, within, best: None, inside: Vec::new() }
    }

    /// The best of the windows that begin in `span`.
    fn of(mut self, span: &RangeInclusive<i64>) -> Option<Spread> {
        self.look(self.cell(*span.start())..self.cell(*span.end()) + 1);
        self.best
    }

    const fn cell(&self, vote: i64) -> i64 {
        vote.div_euclid(self.within)
    }

    fn votes_in(&self, cells: &Range<i64>) -> V {
        (self.votes)(cells.start.saturating_mul(self.within)..=cells.end.saturating_mul(self.within).saturating_sub(1))
    }

    /// Looks at the windows that begin in `cells`, in order.
    fn look(&mut self, cells: Range<i64>) {
        // A window ends in the next cell at the latest. One that begins in the cell before shows that those here are parts of it, and whether
        // a cell is full is asked of both of its neighbours.
        let reach = cells.start - 3..cells.end + 3;
        let count = self.votes_in(&reach).count();
        let wide = cells.end - cells.start;
        if count == 0 || self.best.is_some_and(|best| count < best.pairs) {
            return;
        }
        if count > FEW && wide > MOST_CELLS || count > MOST_VOTES && wide > LEAST_CELLS {
            let middle = cells.start.midpoint(cells.end);
            self.look(cells.start..middle);
            self.look(middle..cells.end);
            return;
        }
        let mut promising: Vec<(i64, usize)> =
            if count <= FEW { self.votes_in(&reach).map(swapped).collect() } else { self.promising(&reach) };
        promising.sort_unstable();
        self.sweep(&promising, &cells);
    }

    /// The votes that may lie in the best window. A cell of as many calls as have votes in it makes a window; so cells are left out that hold fewer
    /// votes together with either neighbour.
    fn promising(&mut self, reach: &Range<i64>) -> Vec<(i64, usize)> {
        let mut count = vec![0_u32; (reach.end - reach.start) as usize];
        let (mut most, mut fullest) = (0, reach.start);
        for (_, vote) in self.votes_in(reach) {
            let cell = self.cell(vote);
            let held = &mut count[(cell - reach.start) as usize];
            *held += 1;
            if *held > most {
                (most, fullest) = (*held, cell);
            }
        }
        let calls = self.calls_in(fullest).max(self.best.map_or(0, |best| best.pairs));
        let of = |cell: i64| count.get((cell - reach.start) as usize).copied().unwrap_or(0);
        let enough = |cell: i64| (of(cell) + of(cell - 1).max(of(cell + 1))) as usize >= calls;
        self.votes_in(reach).filter(|(_, vote)| enough(self.cell(*vote))).map(swapped).collect()
    }

    /// How many calls have a vote in a cell.
    fn calls_in(&mut self, cell: i64) -> usize {
        let own: Vec<usize> = self.votes_in(&(cell..cell + 1)).map(|(call, _)| call).collect();
        let distinct = own.iter().filter(|call| self.enters(**call)).count();
        for call in own {
            self.leaves(call);
        }
        distinct
    }

    /// Moves a window over votes in order, and keeps the best that begins in `cells`.
    fn sweep(&mut self, sorted: &[(i64, usize)], cells: &Range<i64>) {
        let (mut distinct, mut left) = (0, 0);
        for (vote, call) in sorted {
            distinct += usize::from(self.enters(*call));
            while vote - sorted[left].0 > self.within {
                distinct -= usize::from(self.leaves(sorted[left].1));
                left += 1;
            }
            let spread = Spread { low: sorted[left].0, width: vote - sorted[left].0, pairs: distinct };
            let better = self.best.is_none_or(|best| {
                spread.pairs > best.pairs || spread.pairs == best.pairs && spread.width < best.width
            });
            if better && cells.contains(&self.cell(spread.low)) {
                self.best = Some(spread);
            }
        }
        for (_, call) in &sorted[left..] {
            self.leaves(*call);
        }
    }

    /// Takes a vote of a call in; whether it is the call's first.
    fn enters(&mut self, call: usize) -> bool {
        if call >= self.inside.len() {
            self.inside.resize(call + 1, 0);
        }
        self.inside[call] += 1;
        self.inside[call] == 1
    }

    /// Leaves one out; whether it was the call's last.
    fn leaves(&mut self, call: usize) -> bool {
        self.inside[call] -= 1;
        self.inside[call] == 0
    }
}

const fn swapped((call, vote): (usize, i64)) -> (i64, usize) {
    (vote, call)
}

/// So many votes are sorted sooner than they are counted.
const FEW: usize = 256;
/// Cells that are looked at together at most: their counts take a quarter of a megabyte, which the caches hold.
const MOST_CELLS: i64 = 1 << 16;
/// Votes that are looked at together at most, where they do not lie in a handful of cells: to sort them takes two megabytes.
const MOST_VOTES: usize = 1 << 17;
/// Cells that are not parted: those around them, which are looked at too, would be most of the work.
const LEAST_CELLS: i64 = 16;

#[cfg(test)]
mod tests {
    use super::{super::votes::tests::Written, *};

    /// The calls of the votes in a window.
    fn calls(votes: &[(usize, i64)], low: i64, within: i64) -> usize {
        let inside = votes.iter().filter(|(_, vote)| (low..=low + within).contains(vote));
        inside.map(|(call, _)| *call).collect::<std::collections::BTreeSet<usize>>().len()
    }

    /// Looking at ranges, and leaving out votes before they are sorted, changes nothing: against the window at each vote.
    #[test]
    fn the_mode_is_that_of_all_votes() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let votes: Vec<(usize, i64)> =
                (0..random.usize(1..60)).map(|_| (random.usize(..12), random.i64(-400..400))).collect();
            let within = random.i64(1..60);
            let most = votes.iter().map(|(_, vote)| calls(&votes, *vote, within)).max();
            let found = mode(&votes, within).unwrap();
            assert_eq!(Some(found.pairs), most, "seed {seed}");
            assert!(found.width <= within && calls(&votes, found.low, within) == found.pairs, "seed {seed}: {found:?}");
        }
    }

    /// Many votes, in ranges that are parted by their cells, by their number, and not at all: as one sweep over all of them finds it.
    #[test]
    fn how_votes_are_parted_does_not_matter() {
        for (seed, (votes, widest, within)) in
            [(3 * MOST_VOTES, 1_i64 << 24, 1 << 6), (2 * MOST_VOTES, 1 << 20, 1 << 12), (2 * FEW, 1 << 40, 1 << 20)]
                .into_iter()
                .enumerate()
        {
            let mut random = fastrand::Rng::with_seed(seed as u64);
            let votes: Vec<(usize, i64)> =
                (0..votes).map(|_| (random.usize(..300), random.i64(-widest..widest))).collect();
            let mut all: Vec<(i64, usize)> = votes.iter().copied().map(swapped).collect();
            all.sort_unstable();
            let mut whole = Search::new(within, |_| std::iter::empty());
            whole.sweep(&all, &(i64::MIN / within..i64::MAX / within));
            let mut by_call = votes.clone();
            by_call.sort_by_key(|(call, _)| *call);
            let written = Written::new(&by_call);
            let found = Votes(&written.voters()).mode(within);
            assert_eq!((found, mode(&votes, within)), (whole.best, whole.best), "{widest} / {within}");
        }
    }
}
