//! Figures that the text of a failure states: an address, a limit, byte counts.

use std::{net::IpAddr, sync::LazyLock};

use memchr::{
    memchr2_iter,
    memmem::{self, Finder},
};
use regex::Regex;

use super::{call::PrematureEnd, words::starts_with};

/// The addresses that a connect error names: all that the host has, in the order in which they were tried, in
/// `Connect to host:443 [host/1.2.3.4, host/1.2.3.5] failed`, or the one in `Connect to /1.2.3.4:80 timed out` and
/// `Connection to http://1.2.3.4:80 refused`.
pub(super) fn remotes(text: &str) -> Vec<IpAddr> {
    if CONNECT.iter().all(|word| word.find(text.as_bytes()).is_none()) {
        return Vec::new();
    }
    if let Some(list) = BRACKET.captures(text).and_then(|found| found.get(1)) {
        return list.as_str().split(',').filter_map(|entry| address(entry.rsplit('/').next()?)).collect();
    }
    let endpoint = ENDPOINT.captures(text).and_then(|found| found.get(1)?.as_str().rsplit('/').next());
    let remote = endpoint.and_then(|endpoint| address(endpoint).or_else(|| address(endpoint.rsplit_once(':')?.0)));
    remote.into_iter().collect()
}

/// The limit in `Read timed out. Timed out at 60000ms`, in milliseconds.
pub(super) fn timeout_ms(text: &str) -> Option<u64> {
    TIMED_OUT.find(text.as_bytes())?;
    number(LIMIT.captures(text)?.get(1)?.as_str())
}

/// The byte counts in `Premature end of … (expected: 10,360,240; received: 122,064)` and
/// `Truncated chunk ( expected size: 10; actual size: 2)`; both unknown where a chunked body ended between chunks.
pub(super) fn premature_end(text: &str) -> Option<PrematureEnd> {
    if EXPECTED.find(text.as_bytes()).is_some()
        && let Some(found) = COUNTS.captures(text)
    {
        let count = |group| found.get(group).and_then(|text| number(text.as_str()));
        return Some(PrematureEnd { expected: count(1), received: count(2) });
    }
    is_cut_short(text).then_some(PrematureEnd { expected: None, received: None })
}

/// Whether a body ended too early, as words say in whatever case. All of the words have an `u`, which is rarer than what they begin with.
fn is_cut_short(text: &str) -> bool {
    memchr2_iter(b'u', b'U', text.as_bytes()).any(|at| {
        CUT_SHORT.iter().any(|(start, words)| {
            at.checked_sub(start.len()).and_then(|at| text.get(at..)).is_some_and(|rest| starts_with(rest, words))
        })
    })
}

/// A number with or without thousands separators of any locale.
pub(super) fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    text.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// An address as Java prints it: IPv6 uncompressed, with or without brackets and zone.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    text.split('%').next()?.parse().ok()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// Words about a body that ended too early, and what of them stands before the first `u`.
const CUT_SHORT: [(&str, &str); 3] =
    [("premat", "premature end of"), ("tr", "truncated chunk"), ("closing ch", "closing chunk expected")];
/// Words that a text must have for the patterns below, which take longer to look for.
static CONNECT: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["onnect to ", "onnection to "].map(|word| Finder::new(word.as_bytes())));
static TIMED_OUT: LazyLock<Finder<'static>> = LazyLock::new(|| memmem::Finder::new("imed out a"));
static EXPECTED: LazyLock<Finder<'static>> = LazyLock::new(|| memmem::Finder::new("expected"));
static BRACKET: LazyLock<Regex> = LazyLock::new(|| pattern(r"[Cc]onnect to \S+ \[([^\[\]]*/[^\[\]]+)\]"));
static ENDPOINT: LazyLock<Regex> = LazyLock::new(|| pattern(r"[Cc]onnect(?:ion)? to (\S+)"));
static LIMIT: LazyLock<Regex> = LazyLock::new(|| pattern(r"[Tt]imed out (?:at|after) (\d[\d,.]*) ?ms\b"));
/// Digits in groups; the separator may be a byte that is no UTF-8 (a Latin-1 no-break space).
static COUNTS: LazyLock<Regex> = LazyLock::new(|| {
    let number = "([0-9]{1,3}(?:[,.'’ \u{a0}\u{202f}\u{fffd}][0-9]{3})+|[0-9]+)";
    pattern(&format!("expected(?: size)?: ?{number}; (?:received|actual size): ?{number}"))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("Connect to host:443 [host/1.2.3.4] failed: connect timed out", &["1.2.3.4"][..]),
            ("Connect to host:443 [host/1.2.3.4, host/1.2.3.5] failed: Connection refused", &["1.2.3.4", "1.2.3.5"]),
            ("Connect to 10.0.0.9:80 [/10.0.0.9] failed: Connection refused", &["10.0.0.9"]),
            ("Connect to h:80 [h/fd77:2:0:0:0:0:0:24] failed: Connection refused", &["fd77:2::24"]),
            ("Connect to h:80 [h/fe80:0:0:0:0:0:0:1%eth0] failed: x", &["fe80::1"]),
            ("Connect to /192.168.1.10:8080 timed out", &["192.168.1.10"]),
            ("Connection to http://1.2.3.4:9001 refused", &["1.2.3.4"]),
            ("Connection to http://host:9001 refused", &[]),
            ("Connect to host:443 failed: connect timed out", &[]),
            ("Connection reset", &[]),
        ] {
            let expected: Vec<IpAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(remotes(text), expected, "{text}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(timeout_ms("Read timed out. Timed out at 60000ms"), Some(60_000));
        assert_eq!(timeout_ms("Read timed out. Timed out at 60,000 ms"), Some(60_000));
        assert_eq!(timeout_ms("Read timed out"), None);
    }

    #[test]
    fn byte_counts() {
        let counts = |expected, received| Some(PrematureEnd { expected, received });
        for (text, expected) in [
            (
                "Premature end of Content-Length delimited message body (expected: 171012; received: 50250",
                counts(Some(171_012), Some(50_250)),
            ),
            (
                "Premature end of Content-Length delimited message body (expected: 10,360,240; received: 122,064)",
                counts(Some(10_360_240), Some(122_064)),
            ),
            (
                "Premature end of Content-Length delimited message body (expected: 10.360.240; received: 0)",
                counts(Some(10_360_240), Some(0)),
            ),
            ("Premature end of x (expected: 1\u{fffd}024; received: 5)", counts(Some(1_024), Some(5))),
            ("Truncated chunk ( expected size: 10,000; actual size: 2,000)", counts(Some(10_000), Some(2_000))),
            ("Premature end of chunk coded message body: closing chunk expected", counts(None, None)),
            ("Connection reset", None),
        ] {
            assert_eq!(premature_end(text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_too_large_is_none() {
        assert_eq!(number("99999999999999999999999"), None);
    }
}
