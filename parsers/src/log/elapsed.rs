//! Lines that state how long a call took: `routing finished in 515 ms`, `latency=515`, `took 0.5s`.

use std::sync::LazyLock;

use regex::Regex;

use super::facts::number;

/// The duration that a message states, in milliseconds. `None` where it states none, or two that differ.
pub(super) fn elapsed_ms(message: &str) -> Option<u64> {
    if let Some(ms) = of_routing(message) {
        return Some(ms);
    }
    let mut durations = DURATION.captures_iter(message).filter_map(|found| {
        let unit = found.get(3).map_or("", |unit| unit.as_str());
        milliseconds(found.get(1)?.as_str(), found.get(2).map(|part| part.as_str()), unit)
    });
    let first = durations.next()?;
    durations.all(|other| other == first).then_some(first)
}

/// The duration of `… finished in 515 ms`, where nothing else stands behind it and nothing before it could be one: what nearly all lines
/// are that state one, and quickly told.
fn of_routing(message: &str) -> Option<u64> {
    let text = message.strip_suffix(" ms")?;
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (before, figure) = text.split_at_checked(text.len() - digits)?;
    let before = before.strip_suffix("finished in ")?;
    let alone = digits <= MOST_DIGITS && !NAMES.iter().any(|name| before.contains(name));
    figure.parse().ok().filter(|_| alone)
}

/// Without a unit a figure is in milliseconds, as the gateway's own variables are. A comma before three digits separates
/// thousands there, and decimals in seconds.
fn milliseconds(whole: &str, part: Option<&str>, unit: &str) -> Option<u64> {
    let seconds = unit.starts_with(['s', 'S']);
    match part {
        None => number(whole)?.checked_mul(if seconds { 1000 } else { 1 }),
        Some(part) if !seconds && part.len() == 4 && part.starts_with(',') => number(&format!("{whole}{part}")),
        Some(part) if !seconds => number(whole).filter(|_| part.len() > 1),
        Some(part) => {
            let digits: String = part.chars().skip(1).chain("000".chars()).take(3).collect();
            number(whole)?.checked_mul(1000)?.checked_add(digits.parse().ok()?)
        }
    }
}

/// Digits of a figure that no sum of milliseconds exceeds.
const MOST_DIGITS: usize = 15;
/// The ends of the words that name a duration.
const NAMES: [&str; 6] = ["inished in", "ompleted in", "ook", "atency", "lapsed", "uration"];
static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    let named =
        r#"(?:(?:[Ff]inished|[Cc]ompleted) in|\b[Tt]ook|(?:[Ll]atency|[Ee]lapsed|[Dd]uration)[\w.]*"?)(?: time)?"#;
    let figure = r#" ?[:=]? ?"?(\d{1,15})([.,]\d{1,9})? ?(ms|msec|millis|milliseconds|s|sec|seconds)?\b"#;
    Regex::new(&format!("{named}{figure}")).expect("a constant pattern")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for (message, expected) in [
            ("routing finished in 515 ms", Some(515)),
            ("latency=515", Some(515)),
            ("httpRouting.latency=515 ms", Some(515)),
            ("\"latency\":515", Some(515)),
            ("elapsed 515 ms", Some(515)),
            ("elapsedTime: 515ms", Some(515)),
            ("took 515ms", Some(515)),
            ("finished in 0.515 s", Some(515)),
            ("finished in 2 seconds", Some(2000)),
            ("finished in 1,071 ms", Some(1071)),
            ("finished in 1,5 s", Some(1500)),
            ("finished in 51.7 ms", Some(51)),
            ("took 10 ms, elapsed 15 ms", None),
            ("took 10 ms (latency=10)", Some(10)),
            ("took 10 ms, finished in 15 ms", None),
            ("Latency 15, finished in 15 ms", Some(15)),
            ("finished in 1234567890123456 ms", None),
            ("took place at noon", None),
            ("finished in time", None),
        ] {
            assert_eq!(elapsed_ms(message), expected, "{message}");
        }
    }
}
