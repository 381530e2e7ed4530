//! All failed calls, each counted once: by its cause, or by what keeps the cause in doubt.

use std::collections::BTreeMap;

use crate::{
    attribute::verdict::Cause,
    report::{rows::ErrorRow, words::rule},
};

use super::{text::share, words};

/// The parts of the whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares {
    /// All failed calls.
    pub total: u64,
    /// Causes that were found, grouped by side, most calls first in each; then the three doubts, which are there even when empty.
    pub parts: Vec<Share>,
}

/// One part.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The word of the cause, or `ambiguous`.
    pub word: &'static str,
    /// In plain words.
    pub title: &'static str,
    /// What the capture shows where it is given.
    pub meaning: &'static str,
    /// Whose side it is; `unknown` for doubts.
    pub side: &'static str,
    /// Failed calls.
    pub count: u64,
    /// Their part of all.
    pub share: f64,
    /// Whether it is one of the three doubts.
    pub is_doubt: bool,
}

impl Shares {
    /// Counts `errors`. A call on an ambiguous connection is a doubt, whatever its likeliest cause.
    pub fn new(errors: &[ErrorRow]) -> Self {
        let total = errors.len() as u64;
        let mut causes: BTreeMap<(&'static str, Cause), u64> = BTreeMap::new();
        let mut sides: BTreeMap<&'static str, u64> = BTreeMap::new();
        let (mut ambiguous, mut undetermined, mut missed) = (0, 0, 0);
        for row in errors {
            match row.cause {
                Cause::NoTrafficCaptured => missed += 1,
                Cause::Undetermined => undetermined += 1,
                _ if row.r#match == "ambiguous" => ambiguous += 1,
                cause => {
                    let side = row.responsible.map_or(UNKNOWN, crate::attribute::verdict::Responsible::word);
                    *causes.entry((side, cause)).or_default() += 1;
                    *sides.entry(side).or_default() += 1;
                }
            }
        }
        let mut found: Vec<_> = causes.into_iter().collect();
        found.sort_by_key(|((side, cause), count)| {
            (std::cmp::Reverse(sides[side]), *side, std::cmp::Reverse(*count), *cause)
        });
        let part = |side, cause: Cause, count| Share {
            word: cause.word(),
            title: words::title(cause),
            meaning: rule(cause),
            side,
            count,
            share: share(count, total),
            is_doubt: side == DOUBT,
        };
        let mut parts: Vec<Share> = found.into_iter().map(|((side, cause), count)| part(side, cause, count)).collect();
        parts.push(Share {
            word: "ambiguous",
            title: "Ambiguous",
            meaning: "several connections explain the log line about equally well, so that the cause is a weighed guess",
            side: DOUBT,
            count: ambiguous,
            share: share(ambiguous, total),
            is_doubt: true,
        });
        parts.push(part(DOUBT, Cause::Undetermined, undetermined));
        parts.push(part(DOUBT, Cause::NoTrafficCaptured, missed));
        Self { total, parts }
    }

    /// Calls that are in doubt, by word.
    pub fn doubt(&self, word: &str) -> u64 {
        self.parts.iter().find(|part| part.is_doubt && part.word == word).map_or(0, |part| part.count)
    }

    /// Calls by side, the most first; doubts left out.
    pub fn by_side(&self) -> Vec<(&'static str, u64)> {
        let mut sides: BTreeMap<&'static str, u64> = BTreeMap::new();
        for part in self.parts.iter().filter(|part| !part.is_doubt) {
            *sides.entry(part.side).or_default() += part.count;
        }
        let mut sides: Vec<_> = sides.into_iter().collect();
        sides.sort_by_key(|(side, count)| (std::cmp::Reverse(*count), *side));
        sides
    }
}

/// The side of a cause whose side nobody can name.
pub const UNKNOWN: &str = "unknown";
/// The side of a doubt.
pub const DOUBT: &str = "doubt";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attribute::verdict::Responsible, report::rows::tests::error_row};

    fn row(cause: Cause, side: Option<Responsible>, sure: &'static str) -> ErrorRow {
        ErrorRow { cause, responsible: side, r#match: sure, ..error_row() }
    }

    #[test]
    fn every_call_counts_once_and_doubts_are_always_there() {
        let backend = Some(Responsible::Backend);
        let rows = [
            row(Cause::SlowResponse, backend, "certain"),
            row(Cause::ConnectionRefused, backend, "likely"),
            row(Cause::ConnectionRefused, backend, "certain"),
            row(Cause::InjectedReset, Some(Responsible::Path), "certain"),
            row(Cause::SlowResponse, backend, "ambiguous"),
            row(Cause::NoTrafficCaptured, None, "none"),
        ];
        let shares = Shares::new(&rows);
        let parts: Vec<_> = shares.parts.iter().map(|part| (part.word, part.side, part.count)).collect();
        assert_eq!(
            parts,
            [
                ("connection-refused", "backend", 2),
                ("slow-response", "backend", 1),
                ("injected-reset", "path", 1),
                ("ambiguous", "doubt", 1),
                ("undetermined", "doubt", 0),
                ("no-traffic-captured", "doubt", 1),
            ]
        );
        assert_eq!(shares.parts.iter().map(|part| part.count).sum::<u64>(), shares.total);
        assert_eq!(shares.by_side(), [("backend", 3), ("path", 1)]);
    }
}
