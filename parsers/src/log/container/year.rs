//! Stamps of RFC 3164, `Nov 20 20:54:31`, which name neither year nor zone.
//!
//! The first of a file gets the year that the options say or let follow; each further one gets the year that brings it nearest to the one
//! before, so that a log runs on over New Year.

use chrono::{Datelike, NaiveDate};

use crate::{
    log::scan::Year,
    time::{NANOS_PER_SECOND, Timestamp},
};

/// A stamp without its year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Yearless<'a> {
    pub month: u32,
    pub day: u32,
    /// `20:54:31`, with a fraction or without.
    pub time: &'a str,
}

/// Gives such stamps their years.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Years {
    rule: Option<Year>,
    /// The day of the last stamp, of which the next one is not far.
    last: Option<NaiveDate>,
    /// The year of the first one.
    first: Option<i32>,
}

impl Years {
    pub(super) const fn new(rule: Option<Year>) -> Self {
        Self { rule, last: None, first: None }
    }

    /// The year of the first stamp that got one.
    pub(super) const fn first(&self) -> Option<i32> {
        self.first
    }

    /// The stamp as a log of the plain layout has it, without a zone; `None` where nothing says the year, or the day is in none.
    pub(super) fn complete(&mut self, stamp: Yearless<'_>) -> Option<String> {
        let day = self.day(stamp)?;
        self.last = Some(day);
        self.first = self.first.or(Some(day.year()));
        Some(format!("{day}T{}", stamp.time))
    }

    fn day(&self, stamp: Yearless<'_>) -> Option<NaiveDate> {
        let in_year = |year| NaiveDate::from_ymd_opt(year, stamp.month, stamp.day);
        let nearest = |to: NaiveDate| {
            let days = (to.year() - 1..=to.year() + 1).filter_map(in_year);
            days.min_by_key(|day| day.signed_duration_since(to).num_days().abs())
        };
        if let Some(last) = self.last {
            return nearest(last);
        }
        match self.rule? {
            Year::Of(year) => in_year(year),
            Year::Near(time) => nearest(date(time)?),
            Year::Before(time) => {
                // The zone of the stamps may be ahead.
                let latest = date(time.plus(DAY))?;
                (latest.year() - 1..=latest.year()).rev().filter_map(in_year).find(|day| *day <= latest)
            }
        }
    }
}

fn date(time: Timestamp) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(i32::try_from(time.nanos().div_euclid(DAY)).ok()?)
}

const DAY: i64 = 86_400 * NANOS_PER_SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rule: Year, stamps: &[(u32, u32)]) -> Vec<String> {
        let mut years = Years::new(Some(rule));
        let complete = |(month, day): &(u32, u32)| {
            years.complete(Yearless { month: *month, day: *day, time: "20:54:31" }).unwrap_or_default()
        };
        stamps.iter().map(complete).map(|stamp| stamp.get(..10).unwrap_or_default().to_owned()).collect()
    }

    /// Noon of a day.
    fn at(year: i32, month: u32, day: u32) -> Timestamp {
        let noon = NaiveDate::from_ymd_opt(year, month, day).unwrap().and_hms_opt(12, 0, 0).unwrap();
        Timestamp::from_parts(noon.and_utc().timestamp(), 0)
    }

    #[test]
    fn a_log_runs_on_over_new_year() {
        let stamps = [(12, 30), (12, 31), (1, 1), (12, 31), (1, 2)];
        assert_eq!(
            read(Year::Of(2026), &stamps),
            ["2026-12-30", "2026-12-31", "2027-01-01", "2026-12-31", "2027-01-02"]
        );
    }

    #[test]
    fn the_year_that_another_time_says() {
        for (rule, stamp, day) in [
            (Year::Near(at(2026, 11, 21)), (11, 20), "2026-11-20"),
            (Year::Near(at(2027, 1, 1)), (12, 31), "2026-12-31"),
            (Year::Near(at(2026, 12, 31)), (1, 1), "2027-01-01"),
            (Year::Before(at(2027, 1, 1)), (12, 31), "2026-12-31"),
            (Year::Before(at(2027, 6, 1)), (11, 20), "2026-11-20"),
            (Year::Before(at(2026, 12, 31)), (1, 1), "2027-01-01"),
            (Year::Before(at(2026, 12, 30)), (1, 1), "2026-01-01"),
            (Year::Near(at(2025, 2, 28)), (2, 29), "2024-02-29"),
            (Year::Of(2026), (2, 29), ""),
            (Year::Of(2026), (13, 1), ""),
        ] {
            assert_eq!(read(rule, &[stamp]), [day], "{rule:?}");
        }
        assert_eq!(Years::default().complete(Yearless { month: 1, day: 1, time: "00:00:00" }), None);
    }
}
