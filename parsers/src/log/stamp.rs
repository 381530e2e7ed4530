//! The time stamp at the start of a log line: `2021-05-17T15:19:00.041-0300` and its relatives.

use crate::time::{NANOS_PER_SECOND, Timestamp};
use chrono::{Datelike, NaiveDate};

/// A stamp as written: its instant in UTC, its zone and its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The instant, in UTC.
    pub time: Timestamp,
    /// Seconds east of UTC, where the stamp names a zone.
    pub zone: Option<i32>,
    /// Nanoseconds between two values that the stamp's digits can tell apart.
    pub resolution: i64,
}

/// Whether a line starts with the shape of a stamp. Cheap: asked of every line of a log.
pub(super) fn starts_stamp(line: &[u8]) -> bool {
    let Some(start) = line.first_chunk::<19>() else { return false };
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b' ', h0, h1, b':', n0, n1, b':', s0, s1] = start else {
        return false;
    };
    [y0, y1, y2, y3, m0, m1, d0, d1, h0, h1, n0, n1, s0, s1].iter().all(|digit| digit.is_ascii_digit())
}

/// Reads date, `T` or a blank, time, `.` or `,` with up to nine digits, and a zone that may be missing. `default_zone` (seconds
/// east) applies where it is.
pub(super) fn stamp(input: &[u8], default_zone: i32) -> Option<(&[u8], Stamp)> {
    let (input, seconds) = second(input)?;
    let (input, (nanos, resolution)) = fraction(input);
    let (input, zone) = zone(input).map_or((input, None), |(rest, zone)| (rest, Some(zone)));
    let time = Timestamp::from_parts(seconds - i64::from(zone.unwrap_or(default_zone)), nanos);
    Some((input, Stamp { time, zone, resolution }))
}

/// `2021-05-17T15:19:00`, as seconds since the epoch. A leap second is the second after.
fn second(input: &[u8]) -> Option<(&[u8], i64)> {
    let (start, rest) = input.split_first_chunk::<19>()?;
    if !starts_stamp(start) {
        return None;
    }
    let [y0, y1, y2, y3, _, m0, m1, _, d0, d1, _, h0, h1, _, n0, n1, _, s0, s1] =
        start.map(|byte| u32::from(byte & 0xf));
    let (year, month, day) = (y0 * 1000 + y1 * 100 + y2 * 10 + y3, m0 * 10 + m1, d0 * 10 + d1);
    let (hour, minute, second) = (h0 * 10 + h1, n0 * 10 + n1, s0 * 10 + s1);
    let date = NaiveDate::from_ymd_opt(year as i32, month, day)?;
    if hour >= 24 || minute >= 60 || second > 60 {
        return None;
    }
    let days = i64::from(date.num_days_from_ce()) - DAYS_TO_EPOCH;
    Some((rest, days * SECONDS_PER_DAY + i64::from(hour * 3600 + minute * 60 + second)))
}

/// `.041` or `,041`, as nanoseconds and the step of its last digit. No fraction: a step of one second.
fn fraction(input: &[u8]) -> (&[u8], (i64, i64)) {
    let (mut nanos, mut step) = (0, NANOS_PER_SECOND);
    let [b'.' | b',', digits @ ..] = input else { return (input, (nanos, step)) };
    let mut rest = digits;
    while let [digit @ b'0'..=b'9', after @ ..] = rest
        && step > 1
    {
        step /= 10;
        nanos += i64::from(digit - b'0') * step;
        rest = after;
    }
    (rest, (nanos, step))
}

/// `Z`, `-0300`, `-03:00` or `-03`, in seconds east of UTC.
fn zone(input: &[u8]) -> Option<(&[u8], i32)> {
    let (sign, digits) = match input {
        [b'Z', rest @ ..] => return Some((rest, 0)),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, rest) = two_digits(digits)?;
    let (minutes, rest) = two_digits(rest.strip_prefix(b":").unwrap_or(rest)).unwrap_or((0, rest));
    (hours <= 18 && minutes < 60).then_some((rest, sign * (hours * 3600 + minutes * 60)))
}

fn two_digits(input: &[u8]) -> Option<(i32, &[u8])> {
    match input {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((i32::from(tens - b'0') * 10 + i32::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0000-12-31, chrono's day 0 of the common era, to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_163;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Stamp, String) {
        let (rest, stamp) = stamp(text.as_bytes(), 0).unwrap();
        assert!(starts_stamp(text.as_bytes()), "{text}");
        (stamp, String::from_utf8_lossy(rest).into_owned())
    }

    #[test]
    fn forms_of_one_instant() {
        // date -u -d 2021-05-17T18:19:00Z +%s
        let instant = Timestamp::from_parts(1_621_275_540, 41_000_000);
        for (text, zone) in [
            ("2021-05-17T15:19:00.041-0300", Some(-10_800)),
            ("2021-05-17T15:19:00.041-03:00", Some(-10_800)),
            ("2021-05-17T15:19:00,041-03", Some(-10_800)),
            ("2021-05-17T18:19:00.041Z", Some(0)),
            ("2021-05-17T18:19:00.041", None),
            ("2021-05-17 18:19:00,041", None),
            ("2021-05-17T23:49:00.041+0530", Some(19_800)),
        ] {
            let (stamp, rest) = read(text);
            assert_eq!((stamp.time, stamp.zone, stamp.resolution, &*rest), (instant, zone, 1_000_000, ""), "{text}");
        }
    }

    #[test]
    fn the_last_digit_is_the_resolution() {
        for (text, nanos, resolution) in [
            ("1970-01-01T00:00:00Z", 0, 1_000_000_000),
            ("1970-01-01T00:00:00.Z", 0, 1_000_000_000),
            ("1970-01-01T00:00:00.5Z", 500_000_000, 100_000_000),
            ("1970-01-01T00:00:00.123456Z", 123_456_000, 1_000),
            ("1970-01-01T00:00:00.123456789Z", 123_456_789, 1),
        ] {
            let (stamp, _) = read(text);
            assert_eq!((stamp.time.nanos(), stamp.resolution), (nanos, resolution), "{text}");
        }
    }

    #[test]
    fn a_default_zone_applies_only_where_none_is_written() {
        let (_, bare) = stamp(b"1970-01-01T02:00:00.000", 7_200).unwrap();
        let (_, own) = stamp(b"1970-01-01T02:00:00.000Z", 7_200).unwrap();
        assert_eq!((bare.time.nanos(), bare.zone), (0, None));
        assert_eq!((own.time.nanos(), own.zone), (7_200 * NANOS_PER_SECOND, Some(0)));
    }

    #[test]
    fn what_follows_a_stamp_is_no_part_of_it() {
        for (text, zone, rest) in [
            ("1970-01-01T00:00:00.0000000001", None, "1"),
            ("1970-01-01T00:00:00.000-0", None, "-0"),
            ("1970-01-01T00:00:00.000-03:x", Some(-10_800), ":x"),
            ("1970-01-01T00:00:00.000+03005", Some(10_800), "5"),
            ("1970-01-01T00:00:00.000+1900", None, "+1900"),
            ("1970-01-01T00:00:00.000+0160", None, "+0160"),
        ] {
            let (stamp, left) = read(text);
            assert_eq!((stamp.zone, &*left), (zone, rest), "{text}");
        }
    }

    #[test]
    fn impossible_dates_and_times_are_refused() {
        for text in ["2021-13-01T00:00:00.000", "2021-02-30T00:00:00", "2021-02-03T24:00:00", "2021-02-03T10:60:00"] {
            assert!(stamp(text.as_bytes(), 0).is_none(), "{text}");
        }
        for text in ["", "2021", "2021-02-03", "2021-02-03_10:00:00", "x021-02-03T10:00:00"] {
            assert!(!starts_stamp(text.as_bytes()), "{text}");
        }
    }
}
