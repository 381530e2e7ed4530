//! Lines that state how long a call took: `routing finished in 515 ms`, `latency=515`, `took 0.5s`.

use std::sync::LazyLock;

use regex::Regex;

use super::facts::number;

/// The duration that a message states, in milliseconds. `None` where it states none, or two that differ.
pub(super) fn elapsed_ms(message: &str) -> Option<u64> {
    let mut durations = DURATION.captures_iter(message).filter_map(|found| {
        let unit = found.get(3).map_or("", |unit| unit.as_str());
        milliseconds(found.get(1)?.as_str(), found.get(2).map(|part| part.as_str()), unit)
    });
    let first = durations.next()?;
    durations.all(|other| other == first).then_some(first)
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
            ("took place at noon", None),
            ("finished in time", None),
        ] {
            assert_eq!(elapsed_ms(message), expected, "{message}");
        }
    }
}
