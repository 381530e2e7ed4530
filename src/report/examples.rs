//! Which failed calls stand for many: the examples that get evidence of their own, and those that a finding is shown by.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{ErrorRow, FindingRow};
use crate::attribute::verdict::Cause;

/// How many calls get an evidence file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// A few for each cause at each endpoint, and for each finding.
    #[default]
    Examples,
    /// Every call that was joined to a connection, or whose name was asked for.
    All,
}

/// Indices of the rows that get evidence, in order.
///
/// Examples are, for each cause at each endpoint and for each finding, the first [`EXAMPLES`] of its calls: surely joined ones before
/// others, then those of the highest confidence, then the earliest. Causes with most calls come first, until [`MOST_EXAMPLES`] are chosen.
pub fn chosen(selection: Selection, rows: &[ErrorRow], findings: &[FindingRow]) -> BTreeSet<usize> {
    let mut order: Vec<usize> = (0..rows.len()).filter(|index| has_packets(&rows[*index])).collect();
    if selection == Selection::All {
        return order.into_iter().collect();
    }
    order.sort_by(|a, b| {
        let rank = |index: usize| (rows[index].r#match != "certain", index);
        let (sure_a, sure_b) = (rank(*a).0, rank(*b).0);
        sure_a.cmp(&sure_b).then(rows[*b].confidence.total_cmp(&rows[*a].confidence)).then(a.cmp(b))
    });
    let mut groups: BTreeMap<(Cause, &str, u16), Vec<usize>> = BTreeMap::new();
    for index in &order {
        let row = &rows[*index];
        groups.entry((row.cause, &row.host, row.port)).or_default().push(*index);
    }
    let mut groups: Vec<(usize, Vec<usize>)> = groups.into_values().map(|calls| (calls.len(), calls)).collect();
    // Stable, so that equal counts keep the order of cause and endpoint.
    groups.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let of_findings = findings.iter().flat_map(|finding| {
        order
            .iter()
            .copied()
            .filter(|index| finding.members.binary_search(index).is_ok())
            .take(EXAMPLES)
            .collect::<Vec<_>>()
    });
    let of_causes = groups.into_iter().flat_map(|(_, calls)| calls.into_iter().take(EXAMPLES));
    let mut chosen = BTreeSet::new();
    for index in of_findings.chain(of_causes) {
        if chosen.len() == MOST_EXAMPLES {
            break;
        }
        chosen.insert(index);
    }
    chosen
}

/// Whether there can be packets of a call: its connection's, or questions for its name.
fn has_packets(row: &ErrorRow) -> bool {
    row.connection_id.is_some() || row.cause == Cause::NameResolution
}

/// Examples for each cause at each endpoint, and for each finding: one may be odd, three show what they have in common.
pub const EXAMPLES: usize = 3;
/// Examples in all: more than anybody opens.
pub const MOST_EXAMPLES: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::rows::tests::error_row;

    fn row(host: &str, cause: Cause, confidence: f64, certain: bool) -> ErrorRow {
        let r#match = if certain { "certain" } else { "ambiguous" };
        ErrorRow {
            host: host.to_owned(),
            cause,
            confidence,
            r#match,
            connection_id: Some(String::new()),
            ..error_row()
        }
    }

    #[test]
    fn examples_are_the_surest_of_each_cause_at_each_endpoint() {
        let mut rows: Vec<ErrorRow> = (0..6).map(|_| row("a", Cause::SlowResponse, 0.5, true)).collect();
        rows[4].confidence = 0.9;
        rows[0].r#match = "ambiguous";
        rows.push(row("b", Cause::SlowResponse, 0.2, false));
        rows.push(ErrorRow { connection_id: None, ..row("b", Cause::PoolExhausted, 1.0, true) });
        assert_eq!(chosen(Selection::Examples, &rows, &[]), BTreeSet::from([1, 2, 4, 6]));
        assert_eq!(chosen(Selection::All, &rows, &[]), (0..7).collect());
    }

    #[test]
    fn a_finding_has_examples_among_its_calls() {
        let rows: Vec<ErrorRow> = (0..9).map(|_| row("a", Cause::SlowResponse, 0.5, true)).collect();
        let finding = FindingRow {
            finding: "periodic",
            node: String::new(),
            host: None,
            peer: None,
            count: 0,
            calls: 4,
            members: vec![4, 6, 7, 8],
            first_time: None,
            last_time: None,
            value_low: None,
            value_high: None,
            unit: None,
            statement: String::new(),
            advice: None,
        };
        assert_eq!(chosen(Selection::Examples, &rows, &[finding]), BTreeSet::from([0, 1, 2, 4, 6, 7]));
    }
}
