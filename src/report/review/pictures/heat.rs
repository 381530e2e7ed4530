//! Failed calls by endpoint and time.

use std::collections::BTreeMap;

use crate::report::{
    review::{Material, endpoint_name, endpoints::EndpointView},
    visible::visible,
};

use super::{TimeBins, line_time};

/// The series.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// The time axis, by the capture's clock.
    pub bins: TimeBins,
    /// Endpoints with their counts by bin, most calls first; the last one may stand for all others.
    pub rows: Vec<(String, Vec<u64>)>,
    /// The greatest count of a cell.
    pub most: u64,
}

impl Heat {
    /// Gathers the series; `None` without calls.
    pub fn new(material: &Material<'_>, endpoints: &[EndpointView]) -> Option<Self> {
        let lines = (0..material.errors.len()).map(|call| line_time(material, call));
        let bins = TimeBins::over(lines.clone(), BINS)?;
        let place: BTreeMap<&str, usize> =
            endpoints.iter().enumerate().map(|(index, view)| (view.name.as_str(), index.min(MOST_ROWS))).collect();
        let mut rows: Vec<(String, Vec<u64>)> =
            endpoints.iter().take(MOST_ROWS).map(|view| (view.name.clone(), vec![0; BINS])).collect();
        if endpoints.len() > MOST_ROWS {
            rows.push((format!("{} others", endpoints.len() - MOST_ROWS), vec![0; BINS]));
        }
        for (row, time) in material.errors.iter().zip(lines) {
            let name = endpoint_name(&row.host, row.port);
            let cell = place.get(visible(&name).as_ref()).and_then(|place| rows.get_mut(*place)).zip(bins.index(time));
            if let Some(((_, counts), bin)) = cell {
                counts[bin] += 1;
            }
        }
        let most = rows.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(0);
        Some(Self { bins, rows, most })
    }
}

/// Bins of the wide picture; divisible by three for the narrow one.
const BINS: usize = 36;
/// Endpoints with a row of their own.
const MOST_ROWS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        review::{endpoints::endpoints, facts::Facts},
        rows::tests::error_row,
        story::Disclosure,
    };

    #[test]
    fn every_call_is_in_a_cell_even_where_rows_run_out() {
        let errors: Vec<_> = (0..50_i64)
            .map(|call| {
                let mut row = error_row();
                row.host = format!("host{:02}", call % 25);
                row.log_time = wirecause_parsers::time::Timestamp::from_parts(call, 0);
                row
            })
            .collect();
        let facts = Facts::default();
        let material = Material {
            errors: &errors,
            connections: &[],
            findings: &[],
            stories: &[],
            facts: &facts,
            inputs: &[],
            counters: &serde_json::Value::Null,
            options: &[],
            disclosure: Disclosure::Full,
        };
        let heat = Heat::new(&material, &endpoints(&material)).unwrap();
        assert_eq!(heat.rows.len(), MOST_ROWS + 1);
        assert_eq!(heat.rows.last().unwrap().0, "5 others");
        assert_eq!(heat.rows.iter().flat_map(|(_, counts)| counts).sum::<u64>(), 50);
    }
}
