//! The figures of an `errors.csv` against a `truth.csv`: what the incidents' `score.py` defines, here again so that a few hundred
//! incidents can be added up. Where that script is at hand, [`crate::score`] compares the two.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use crate::harness::Row;

/// A failed call as its incident recorded it.
#[derive(Clone, Debug)]
pub(crate) struct True {
    /// First and last line of its one or two entries, from 1.
    pub(crate) entries: Vec<(usize, usize)>,
    /// The gateway's port of the connection that carried it; empty where none is in the capture.
    pub(crate) port: String,
    /// The causes that the capture supports, the main one first.
    pub(crate) causes: Vec<String>,
}

impl True {
    /// A row of `truth.csv`.
    pub(crate) fn of(row: &Row) -> Self {
        let entries = [("first_line", "last_line"), ("also_first", "also_last")].map(|(first, last)| {
            let line = |column: &str| row.number(column).unwrap_or(0.0) as usize;
            (line(first), line(last))
        });
        Self {
            entries: entries.into_iter().filter(|(first, _)| *first > 0).collect(),
            port: row.get("local_port").to_owned(),
            causes: row.get("causes").split('|').map(str::to_owned).collect(),
        }
    }

    /// Whether a row reports this call.
    pub(crate) fn is_told_by(&self, row: &Row) -> bool {
        let line = row.number("log_line").unwrap_or(0.0) as usize;
        self.entries.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }
}

/// Counts of one or many incidents, from which the figures are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    calls: u64,
    rows: u64,
    used: u64,
    found: u64,
    joined: u64,
    misjoined: u64,
    connected: u64,
    ambiguous: u64,
    right: u64,
    wrong: u64,
    confident: u64,
    sure: u64,
    set: u64,
    hedge: u64,
    /// Per main true cause: right verdicts, and calls.
    per_cause: BTreeMap<String, (u64, u64)>,
    /// True causes and the verdict that is none of them.
    confused: BTreeMap<(String, String), u64>,
    /// Per band of confidence: right verdicts, and rows.
    bands: [(u64, u64); BANDS.len()],
}

impl Tally {
    /// Counts one incident.
    pub(crate) fn of(truth: &[True], rows: &[Row]) -> Self {
        let mut tally = Self { rows: rows.len() as u64, ..Self::default() };
        let mut by_line: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            by_line.entry(row.number("log_line").unwrap() as usize).or_default().push(index);
        }
        let mut used = vec![false; rows.len()];
        for call in truth {
            let lines = call.entries.iter().flat_map(|(first, last)| *first..=*last);
            let hits: Vec<usize> = lines.filter_map(|line| by_line.get(&line)).flatten().copied().collect();
            for hit in &hits {
                used[*hit] = true;
            }
            tally.calls += 1;
            let main = tally.per_cause.entry(call.causes[0].clone()).or_default();
            main.1 += 1;
            if let [hit] = hits[..] {
                tally.count(call, &rows[hit]);
            }
        }
        tally.used = used.iter().filter(|used| **used).count() as u64;
        tally
    }

    fn count(&mut self, call: &True, row: &Row) {
        self.found += 1;
        let (port, vague) = (row.get("gateway_port"), row.get("match") == "ambiguous");
        let connected = !port.is_empty() && !vague;
        self.ambiguous += u64::from(vague);
        self.joined += u64::from(port == call.port && !vague);
        self.misjoined += u64::from(connected && port != call.port);
        self.connected += u64::from(connected);

        let is_true = |cause: &str| call.causes.iter().any(|supported| supported == cause);
        let (cause, also) = (row.get("cause"), row.get("also_possible"));
        let also: Vec<&str> = also.split(';').filter(|cause| !cause.is_empty()).collect();
        let right = is_true(cause);
        self.hedge += also.len() as u64;
        self.set += u64::from(right || also.iter().any(|cause| is_true(cause)));
        if let Some(confidence) = row.number("confidence") {
            self.confident += u64::from(confidence >= CONFIDENT);
            self.sure += u64::from(confidence >= CONFIDENT && right);
            let band = &mut self.bands[BANDS.iter().rposition(|low| confidence >= *low).unwrap_or(0)];
            band.0 += u64::from(right);
            band.1 += 1;
        }
        if right {
            self.right += 1;
            self.per_cause.entry(call.causes[0].clone()).or_default().0 += 1;
        } else {
            *self.confused.entry((call.causes.join("|"), cause.to_owned())).or_default() += 1;
            self.wrong += u64::from(!matches!(cause, "undetermined" | "no-traffic-captured"));
        }
    }

    /// Adds another incident's counts.
    pub(crate) fn add(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.calls, other.calls),
            (&mut self.rows, other.rows),
            (&mut self.used, other.used),
            (&mut self.found, other.found),
            (&mut self.joined, other.joined),
            (&mut self.misjoined, other.misjoined),
            (&mut self.connected, other.connected),
            (&mut self.ambiguous, other.ambiguous),
            (&mut self.right, other.right),
            (&mut self.wrong, other.wrong),
            (&mut self.confident, other.confident),
            (&mut self.sure, other.sure),
            (&mut self.set, other.set),
            (&mut self.hedge, other.hedge),
        ] {
            *own += other;
        }
        for (cause, (right, calls)) in &other.per_cause {
            let own = self.per_cause.entry(cause.clone()).or_default();
            *own = (own.0 + right, own.1 + calls);
        }
        for (pair, count) in &other.confused {
            *self.confused.entry(pair.clone()).or_default() += count;
        }
        for (own, other) in self.bands.iter_mut().zip(other.bands) {
            *own = (own.0 + other.0, own.1 + other.1);
        }
    }

    /// A figure by its name.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        match name {
            "found" => share(self.found, self.calls),
            "spurious" => share(self.rows - self.used, self.rows),
            "joined" => share(self.joined, self.found),
            "misjoined" => share(self.misjoined, self.connected),
            "ambiguous" => share(self.ambiguous, self.found),
            "cause" => share(self.right, self.calls),
            "wrong" => share(self.wrong, self.calls),
            "macro" => {
                let sum: f64 = self.per_cause.values().map(|(right, calls)| share(*right, *calls)).sum();
                sum / self.per_cause.len().max(1) as f64
            }
            "sure" => share(self.sure, self.confident),
            "confident" => share(self.confident, self.found),
            "set" => share(self.set, self.calls),
            "hedge" => share(self.hedge, self.found),
            _ => panic!("no figure {name}"),
        }
    }

    /// Failed calls of the truth.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Shares right by band of confidence, rising: lower end of the band, share, rows.
    pub(crate) fn bands(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        BANDS.iter().zip(&self.bands).map(|(low, (right, rows))| (*low, *right as f64 / (*rows).max(1) as f64, *rows))
    }

    /// Per cause, what was right of how many; and what was taken for what, the most frequent first.
    pub(crate) fn details(&self) -> String {
        let mut text = String::new();
        for (cause, (right, calls)) in &self.per_cause {
            let _ = writeln!(text, "    {cause:<28} {right}/{calls}");
        }
        let mut confused: Vec<_> = self.confused.iter().collect();
        confused.sort_by_key(|(pair, count)| (std::cmp::Reverse(**count), *pair));
        for ((causes, called), count) in confused.into_iter().take(MOST_PAIRS) {
            let _ = writeln!(text, "    {count} x {causes} called {called}");
        }
        text
    }
}

/// All figures, in the order of the script.
pub(crate) const FIGURES: [&str; 12] = [
    "found",
    "spurious",
    "joined",
    "misjoined",
    "cause",
    "wrong",
    "macro",
    "ambiguous",
    "sure",
    "confident",
    "set",
    "hedge",
];

/// Whether a figure is better the lower it is.
pub(crate) fn low_is_good(figure: &str) -> bool {
    matches!(figure, "spurious" | "misjoined" | "wrong" | "ambiguous" | "hedge")
}

/// Figures with their bounds: ceilings where [`low_is_good`], else floors.
pub(crate) type Bounds = &'static [(&'static str, f64)];

/// What is wanted of every incident, those that nobody tuned for too, where every call has a URL of its own.
pub(crate) const URLS_DIFFER: Bounds = &[
    ("found", 0.995),
    ("spurious", 0.005),
    ("joined", 0.98),
    ("misjoined", 0.01),
    ("ambiguous", 0.02),
    ("cause", 0.96),
    ("wrong", 0.02),
    ("macro", 0.94),
    ("sure", 0.98),
    ("set", 0.99),
    ("hedge", 1.0),
];

/// The same where all calls of a backend share one URL, auditing is batched, and bursts fail within milliseconds.
pub(crate) const URLS_ARE_EQUAL: Bounds = &[
    ("found", 0.995),
    ("spurious", 0.005),
    ("joined", 0.85),
    ("misjoined", 0.03),
    ("ambiguous", 0.12),
    ("cause", 0.96),
    ("wrong", 0.02),
    ("macro", 0.94),
    ("sure", 0.98),
    ("set", 0.99),
    ("hedge", 1.0),
];

/// Rows this confident are counted by `sure`.
const CONFIDENT: f64 = 0.9;
/// Lower ends of the bands of confidence.
const BANDS: [f64; 8] = [0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97];
/// Confusions that are shown.
const MOST_PAIRS: usize = 20;
