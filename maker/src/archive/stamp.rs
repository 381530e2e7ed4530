//! Stamps at the beginning of log lines: `2026-11-20T21:11:55.527-0300` and its kin.

use crate::Ns;

/// Length of the part that is read and shifted: date and time to the second.
pub(super) const LENGTH: usize = 19;

/// Seconds from 1970 on to the local time that a line begins with.
pub(super) fn local(line: &[u8]) -> Option<i64> {
    let text = line.get(..LENGTH)?;
    let shaped = text.iter().zip(b"9999-99-99T99:99:99").all(|(&byte, &shape)| match shape {
        b'9' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b' '),
        shape => byte == shape,
    });
    let number = |from: usize, to: usize| {
        text[from..to].iter().fold(0, |n, &digit| n * 10 + i64::from(digit.wrapping_sub(b'0')))
    };
    shaped.then(|| {
        let days = days_before(number(0, 4), number(5, 7), number(8, 10));
        days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19)
    })
}

/// The instant, by the zone behind the fraction; UTC where none is written.
pub(super) fn instant(line: &[u8]) -> Option<Ns> {
    let seconds = local(line)?;
    let rest = line.get(LENGTH..)?;
    let fraction = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")).unwrap_or_default();
    let digits = fraction.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let part = fraction.iter().take(digits).fold(0, |n, &digit| n * 10 + Ns::from(digit - b'0'))
        * 10u64.pow(9 - digits as u32);
    let zone = if digits == 0 { rest } else { &fraction[digits..] };
    let ahead = match *zone {
        [sign @ (b'+' | b'-'), a, b, b':', c, d, ..] | [sign @ (b'+' | b'-'), a, b, c, d, ..] => {
            let digit = |byte: u8| i64::from(byte.wrapping_sub(b'0'));
            let minutes = (digit(a) * 10 + digit(b)) * 60 + digit(c) * 10 + digit(d);
            if sign == b'-' { -minutes } else { minutes }
        }
        _ => 0,
    };
    Some(Ns::try_from(seconds - ahead * 60).ok()? * 1_000_000_000 + part)
}

/// Writes a local time over the stamp that `stamp` holds.
pub(super) fn write(stamp: &mut [u8], local: i64) {
    let (year, month, day) = date(local.div_euclid(86_400));
    let second = local.rem_euclid(86_400);
    let parts = [
        (0, 4, year),
        (5, 7, month),
        (8, 10, day),
        (11, 13, second / 3_600),
        (14, 16, second / 60 % 60),
        (17, 19, second % 60),
    ];
    for (from, to, mut number) in parts {
        for place in stamp[from..to].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

/// Days from 1970 on before a day of the Gregorian calendar, counted in years that begin in March, so that the leap day is the last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day
        - 1
        - MARCH_OF_YEAR_0
}

/// Its inverse: year, month, day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + MARCH_OF_YEAR_0;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_era_year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + of_era_year + i64::from(month <= 2), month, day)
}

/// Days from the first of March of the year 0 to the first of January 1970.
const MARCH_OF_YEAR_0: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::{instant, local, write};

    /// By `date -u -d @N`.
    #[test]
    fn stamps_are_read_and_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00", 0),
            ("2000-02-29T23:59:59", 951_868_799),
            ("2026-11-20T21:11:55", 1_795_209_115),
            ("2026-12-31T23:59:59", 1_798_761_599),
            ("2027-01-01T00:00:00", 1_798_761_600),
            ("2028-02-29T12:00:00", 1_835_438_400),
            ("2100-03-01T00:00:00", 4_107_542_400),
        ] {
            assert_eq!(local(text.as_bytes()), Some(seconds), "{text}");
            let mut over = *b"0000-00-00T00:00:00";
            write(&mut over, seconds);
            assert_eq!(over, text.as_bytes());
        }
    }

    #[test]
    fn zones_and_fractions_count() {
        for (text, instant_ns) in [
            ("2026-11-20T21:11:55.527-0300 INFO", 1_795_219_915_527_000_000),
            ("2026-11-21T05:41:55,527+05:30 INFO", 1_795_219_915_527_000_000),
            ("2026-11-21 00:11:55.5Z INFO", 1_795_219_915_500_000_000),
            ("2026-11-21T00:11:55 INFO", 1_795_219_915_000_000_000),
        ] {
            assert_eq!(instant(text.as_bytes()), Some(instant_ns), "{text}");
        }
        assert_eq!(instant(b"java.net.SocketTimeoutException: Read timed out"), None);
    }
}
