//! The joint assignment of calls to connections.
//!
//! A connection of HTTP/1 ends one call, so that a call's best candidate may be another's. Calls and connections that touch each
//! other through candidates form a component; each is solved exactly, as a sparse assignment problem by shortest augmenting paths
//! (Jonker and Volgenant), with "no connection" as a column of each call's own. The margin of a call is what the best assignment
//! without its pair would cost more.

use std::{cmp::Ordering, collections::BinaryHeap};

/// A call's candidates: column and score, higher is better.
pub type Row = Vec<(usize, f64)>;

/// What a call was given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assigned {
    /// The column, or none.
    pub column: Option<usize>,
    /// By how much the whole assignment would score worse without this pair; infinite where there is no alternative.
    pub margin: f64,
}

/// Assigns `rows` to `columns` columns with the highest total score. `shared[c]` says that column `c` may take any number of rows;
/// `none` is the score of giving a row nothing.
pub fn assign(rows: &[Row], columns: usize, shared: &[bool], none: f64) -> Vec<Assigned> {
    let mut problem = Problem::new(rows, columns, shared, none);
    let mut search = Search::new(columns + rows.len());
    for row in 0..rows.len() {
        problem.augment(row, &mut search);
    }
    (0..rows.len()).map(|row| problem.result(row, &mut search)).collect()
}

struct Problem<'a> {
    rows: &'a [Row],
    shared: &'a [bool],
    columns: usize,
    none: f64,
    /// Dual prices of the columns; never positive, 0 for free ones.
    prices: Vec<f64>,
    owner: Vec<Option<usize>>,
    column_of: Vec<usize>,
}

/// A column on the way of a search, nearest first.
struct Step {
    distance: f64,
    column: usize,
}

impl<'a> Problem<'a> {
    fn new(rows: &'a [Row], columns: usize, shared: &'a [bool], none: f64) -> Self {
        let all = columns + rows.len();
        Self {
            rows,
            shared,
            columns,
            none,
            prices: vec![0.0; all],
            owner: vec![None; all],
            column_of: vec![usize::MAX; rows.len()],
        }
    }

    /// A row's edges: its candidates and its own column for "no connection", as costs.
    fn edges(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + use<'a> {
        let none = (self.columns + row, -self.none);
        self.rows[row].iter().map(|(column, score)| (*column, -score)).chain([none])
    }

    fn cost(&self, row: usize, column: usize) -> f64 {
        self.edges(row).find(|(candidate, _)| *candidate == column).map_or(f64::INFINITY, |(_, cost)| cost)
    }

    fn is_free(&self, column: usize) -> bool {
        self.owner[column].is_none() || self.shared.get(column).copied().unwrap_or(false)
    }

    /// Gives `row` a column by the shortest path to a free one, moving other rows on the way.
    fn augment(&mut self, row: usize, search: &mut Search) {
        search.clear();
        self.relax(search, row, 0.0, None);
        let end = loop {
            let Some(Step { distance, column }) = search.nearest() else { return };
            let owner = self.owner[column].filter(|_| !self.is_free(column));
            let Some(owner) = owner else { break column };
            let base = distance - (self.cost(owner, column) - self.prices[column]);
            self.relax(search, owner, base, Some(column));
        };
        for column in search.reached.iter().copied().filter(|column| search.closed[*column] && *column != end) {
            self.prices[column] += search.distance[column] - search.distance[end];
        }
        let mut column = end;
        loop {
            let mover = search.via[column];
            let before = self.column_of[mover];
            self.column_of[mover] = column;
            self.owner[column] = Some(mover);
            if mover == row {
                return;
            }
            column = before;
        }
    }

    fn relax(&self, search: &mut Search, row: usize, base: f64, except: Option<usize>) {
        for (column, cost) in self.edges(row) {
            let reached = base + cost - self.prices[column];
            if Some(column) != except && !search.closed[column] && reached < search.distance[column] {
                if search.distance[column].is_infinite() {
                    search.reached.push(column);
                }
                search.distance[column] = reached;
                search.via[column] = row;
                search.heap.push(Step { distance: reached, column });
            }
        }
    }

    /// A row's column and its margin: the cheapest way to give the row something else, its column being free for others then.
    fn result(&self, row: usize, search: &mut Search) -> Assigned {
        let own = self.column_of[row];
        search.clear();
        self.relax(search, row, 0.0, Some(own));
        let mut best = f64::INFINITY;
        while let Some(Step { distance, column }) = search.nearest() {
            if distance + self.prices[own].min(0.0) >= best {
                break;
            }
            let owner = self.owner[column].filter(|_| column != own && !self.is_free(column));
            let Some(owner) = owner else {
                best = best.min(distance + self.prices[column]);
                continue;
            };
            let base = distance - (self.cost(owner, column) - self.prices[column]);
            self.relax(search, owner, base, Some(column));
        }
        Assigned { column: (own < self.columns).then_some(own), margin: (best - self.cost(row, own)).max(0.0) }
    }
}

/// A search for the nearest columns (Dijkstra's), used again for each row: a component may have many columns, and a search reaches few.
struct Search {
    /// Columns that have a distance.
    reached: Vec<usize>,
    distance: Vec<f64>,
    via: Vec<usize>,
    closed: Vec<bool>,
    heap: BinaryHeap<Step>,
}

impl Search {
    fn new(columns: usize) -> Self {
        Self {
            reached: Vec::new(),
            distance: vec![f64::INFINITY; columns],
            via: vec![usize::MAX; columns],
            closed: vec![false; columns],
            heap: BinaryHeap::new(),
        }
    }

    fn clear(&mut self) {
        for column in self.reached.drain(..) {
            self.distance[column] = f64::INFINITY;
            self.closed[column] = false;
        }
        self.heap.clear();
    }

    /// The nearest column that was not handed out yet. Each is handed out once, also where rounding would make it nearer later.
    fn nearest(&mut self) -> Option<Step> {
        while let Some(step) = self.heap.pop() {
            if !self.closed[step.column] {
                self.closed[step.column] = true;
                return Some(step);
            }
        }
        None
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Step {}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Step {
    /// The nearest is the greatest; of equal ones the lower column, so that the result does not depend on the heap.
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then(other.column.cmp(&self.column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(rows: &[Row], count: usize, none: f64) -> Vec<Option<usize>> {
        assign(rows, count, &vec![false; count], none).iter().map(|assigned| assigned.column).collect()
    }

    #[test]
    fn a_call_gives_way_where_the_whole_gains() {
        // Both want column 0; the first loses little by taking column 1.
        let rows = [vec![(0, 10.0), (1, 9.0)], vec![(0, 8.0)]];
        assert_eq!(columns(&rows, 2, -2.0), [Some(1), Some(0)]);
    }

    #[test]
    fn nothing_is_better_than_a_bad_pair() {
        assert_eq!(columns(&[vec![(0, -5.0)]], 1, -2.0), [None]);
    }

    #[test]
    fn a_shared_column_takes_many() {
        let rows = [vec![(0, 3.0)], vec![(0, 3.0)]];
        let assigned = assign(&rows, 1, &[true], -2.0);
        assert_eq!(assigned.iter().map(|a| a.column).collect::<Vec<_>>(), [Some(0), Some(0)]);
    }

    #[test]
    fn the_margin_is_what_another_assignment_would_cost() {
        let rows = [vec![(0, 10.0), (1, 9.0)], vec![(0, 8.0), (1, 3.0)]];
        let assigned = assign(&rows, 2, &[false; 2], -2.0);
        // Best: 9 + 8 = 17; with the pairs exchanged: 10 + 3 = 13.
        assert!((assigned[0].margin - 4.0).abs() < 1e-9 && (assigned[1].margin - 4.0).abs() < 1e-9);
        // Two calls that fit two connections equally well cannot be told apart.
        let equal = [vec![(0, 5.0), (1, 5.0)], vec![(0, 5.0), (1, 5.0)]];
        assert!(assign(&equal, 2, &[false; 2], -2.0).iter().all(|a| a.margin.abs() < 1e-9));
    }

    /// Against all permutations, over small drawn problems.
    #[test]
    fn the_total_is_the_highest_possible() {
        let mut state = 7_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 20) - 4.0
        };
        for _ in 0..200 {
            let rows: Vec<Row> = (0..4).map(|_| (0..4).map(|column| (column, draw())).collect()).collect();
            let total: f64 = assign(&rows, 4, &[false; 4], -1.0)
                .iter()
                .enumerate()
                .map(|(row, assigned)| assigned.column.map_or(-1.0, |column| rows[row][column].1))
                .sum();
            assert!((total - best(&rows, &mut [false; 4])).abs() < 1e-9);
        }
    }

    fn best(rows: &[Row], used: &mut [bool; 4]) -> f64 {
        let Some((first, rest)) = rows.split_first() else { return 0.0 };
        let mut highest = -1.0 + best(rest, used);
        for (column, score) in first {
            if !used[*column] {
                used[*column] = true;
                highest = highest.max(score + best(rest, used));
                used[*column] = false;
            }
        }
        highest
    }
}
