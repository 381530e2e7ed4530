//! From the text of one record to the failure that it reports: URL, reason and exceptions.

use super::{
    call::{EntrySpan, FailedCall, Target},
    facts,
    head::Head,
    stamp::Stamp,
    symptom,
    trace::{Trace, before_frames, exception},
    url,
};

/// One record's report of a failed call. Two of them may be one call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Report {
    pub stamp: Stamp,
    pub entry: EntrySpan,
    pub thread: Option<String>,
    pub source: Source,
    pub url: String,
    pub target: Target,
    pub reason: String,
    pub trace: Trace,
}

/// Who wrote a record. The two records of one call come from different sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The logger, where the record names one.
    pub logger: Option<String>,
    /// Whether the text is the audit detail `Problem routing to …`.
    pub audit: bool,
}

impl Source {
    /// Whether two records come from different places of the gateway.
    pub(super) fn differs(&self, other: &Self) -> bool {
        match (&self.logger, &other.logger) {
            (Some(one), Some(two)) => one != two,
            _ => self.audit != other.audit,
        }
    }
}

/// Why a record with a phrase of a failure reports none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoReport {
    /// The phrase stands in text that the gateway quotes, such as the body of a response that arrived.
    Quoted,
    /// No URL, or one without a host.
    NoUrl,
}

impl Report {
    /// Reads a record: its head, and the lines that continue it.
    pub(super) fn read(head: &Head<'_>, continuation: &[u8], entry: EntrySpan) -> Result<Self, NoReport> {
        let message = String::from_utf8_lossy(head.message);
        let continuation = String::from_utf8_lossy(continuation);
        let lines: Vec<&str> = unescape(&message).chain(continuation.lines().flat_map(unescape)).collect();
        let (at, failure) = find(&lines)?;
        let target = url::target(failure.url).ok_or(NoReport::NoUrl)?;
        let mut trace = Trace::default();
        for (number, line) in lines.iter().enumerate() {
            trace.line(if number == at || number == 0 { from_exception(line) } else { line });
        }
        Ok(Self {
            stamp: head.stamp,
            entry,
            thread: head.thread.map(str::to_owned),
            source: Source { logger: head.logger.map(str::to_owned), audit: failure.audit },
            url: failure.url.to_owned(),
            target,
            reason: failure.reason.to_owned(),
            trace,
        })
    }

    /// The call that this record alone tells of.
    pub(super) fn into_call(self) -> FailedCall {
        let texts: Vec<&str> = self.trace.texts.iter().map(String::as_str).collect();
        let facts = || std::iter::once(self.reason.as_str()).chain(texts.iter().copied());
        FailedCall {
            time: self.stamp.time,
            zone: self.stamp.zone,
            resolution: self.stamp.resolution,
            entry: self.entry,
            also: None,
            symptom: symptom::symptom(&self.reason, &self.target.host, &texts, &self.trace.classes, self.trace.phase),
            remote: facts().find_map(facts::remote),
            timeout_ms: facts().find_map(facts::timeout_ms),
            premature_end: facts().find_map(facts::premature_end),
            thread: self.thread,
            service: None,
            url: self.url,
            target: self.target,
            message: self.reason,
            exceptions: self.trace.classes,
            phase: self.trace.phase,
            retries: Vec::new(),
            processing: None,
            elapsed_ms: None,
            elapsed_line: None,
            request_before: None,
        }
    }
}

/// URL and reason as they stand in a text.
#[derive(Debug, PartialEq)]
struct Failure<'a> {
    url: &'a str,
    reason: &'a str,
    audit: bool,
}

/// The first line that reports a failure. A continuation line counts only where it is an exception's own line: anything
/// else below a head is text from elsewhere.
fn find<'a>(lines: &[&'a str]) -> Result<(usize, Failure<'a>), NoReport> {
    let mut refused = NoReport::NoUrl;
    for (number, line) in lines.iter().enumerate() {
        if number > 0 && exception(line.trim_start().trim_start_matches("Caused by: "), false).is_none() {
            continue;
        }
        match failure(line) {
            Ok(failure) => return Ok((number, failure)),
            Err(NoReport::Quoted) => refused = NoReport::Quoted,
            Err(NoReport::NoUrl) => {}
        }
    }
    Err(refused)
}

fn failure(text: &str) -> Result<Failure<'_>, NoReport> {
    let at = text.find(ROUTING).or_else(|| text.find(UNABLE)).ok_or(NoReport::NoUrl)?;
    let (before, text) = text.split_at_checked(at).ok_or(NoReport::NoUrl)?;
    if QUOTES.iter().any(|mark| before.contains(mark)) {
        return Err(NoReport::Quoted);
    }
    let audit = text.strip_prefix(ROUTING).map(|rest| rest.split_once(ERROR_MSG).unwrap_or((rest, "")));
    let (url, reason) = match audit {
        // The audit detail says the URL twice: once up to its `. Error msg: `, so it is known whatever it holds.
        Some((url, rest)) => {
            after_last_copy(url, rest).unwrap_or_else(|| unable(rest).map_or((url, rest), |(_, reason)| (url, reason)))
        }
        None => unable(text).ok_or(NoReport::NoUrl)?,
    };
    if url.is_empty() {
        return Err(NoReport::NoUrl);
    }
    Ok(Failure { url, reason: before_frames(reason).trim(), audit: audit.is_some() })
}

/// `Unable to obtain HTTP response from {URL}: {reason}`. A URL that holds `: ` is told by the reason behind it.
fn unable(text: &str) -> Option<(&str, &str)> {
    let rest = text.get(text.find(UNABLE)? + UNABLE.len()..)?;
    let rest = before_frames(rest);
    let splits = || {
        rest.match_indices(": ").filter_map(|(at, _)| Some((rest.get(..at)?, rest.get(at + 2..)?))).take(MOST_COLONS)
    };
    let known = splits().find(|(url, reason)| {
        let host = url::target(url).map_or_else(String::new, |target| target.host);
        symptom::starts_reason(reason, &host)
    });
    let (url, reason) = known.or_else(|| splits().next()).unwrap_or((rest, ""));
    Some(after_last_copy(url, reason).unwrap_or((url, reason)))
}

/// What follows the last `{url}: `.
fn after_last_copy<'a>(url: &'a str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let at = text.rmatch_indices(url).find_map(|(at, _)| text.get(at + url.len()..)?.strip_prefix(": "));
    Some((url, at?)).filter(|_| !url.is_empty())
}

/// A line from the name of its first exception on: `Error occurred. com.l7tech….GenericHttpException: …`.
fn from_exception(line: &str) -> &str {
    let words = line.match_indices(' ').map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(words)
        .take(MOST_WORDS_BEFORE_EXCEPTION)
        .filter_map(|at| line.get(at..))
        .find(|rest| exception(rest, false).is_some())
        .unwrap_or_default()
}

/// The lines of a text whose line ends were escaped on the way: `#012` by rsyslog, `\n` by JSON writers.
fn unescape(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    let escaped = memchr::memchr2(b'#', b'\\', text.as_bytes()).is_some();
    std::iter::from_fn(move || {
        let text = rest?;
        let marks = if escaped { ESCAPES.as_slice() } else { &[] };
        let cut = marks.iter().filter_map(|mark| Some((text.find(mark)?, mark.len()))).min();
        let Some((at, length)) = cut else {
            rest = None;
            return Some(trim_tab(text));
        };
        rest = text.get(at + length..);
        text.get(..at).map(trim_tab)
    })
}

/// A line without an escaped tab at its start.
fn trim_tab(line: &str) -> &str {
    line.trim_start_matches("#011").trim_start_matches("\\t")
}

const ROUTING: &str = "Problem routing to ";
const UNABLE: &str = "Unable to obtain HTTP response from ";
const ERROR_MSG: &str = ". Error msg: ";
/// Line ends as escaped on the way.
const ESCAPES: [&str; 3] = ["#012", "\\r\\n", "\\n"];
/// What stands before a phrase that is quoted: the body of an answer, written to the log by an audit detail.
const QUOTES: [&str; 6] = ["body=", "<?xml", ":Envelope", "{\"", "<html", "<!DOCTYPE"];
/// Places in one line where a URL may end; a URL with more colons is cut at the first.
const MOST_COLONS: usize = 32;
/// Words that may stand between a head and its exception's name.
const MOST_WORDS_BEFORE_EXCEPTION: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (&str, &str) {
        let found = failure(text).unwrap();
        (found.url, found.reason)
    }

    #[test]
    fn url_and_reason() {
        for (text, url, reason) in [
            (
                "Problem routing to https://h/a. Error msg: Unable to obtain HTTP response from https://h/a: Connection reset",
                "https://h/a",
                "Connection reset",
            ),
            (
                "Problem routing to https://apiserver/service/auth.json. Error msg: Unable to obtain HTTP response from \
                 https://apiserver/service/auth.json: Certificate not verified. Caused by: Certificate path validation \
                 and/or revocation checking failed",
                "https://apiserver/service/auth.json",
                "Certificate not verified. Caused by: Certificate path validation and/or revocation checking failed",
            ),
            (
                "Error occurred. com.l7tech.common.http.GenericHttpException: Unable to obtain HTTP response from \
                 https://www.example.com: Connection reset at com.l7tech.common.http.prov.apache.components.f.getResponse(\
                 Unknown Source)",
                "https://www.example.com",
                "Connection reset",
            ),
            (
                "Problem routing to http://h/?q=a: b. Error msg: Unable to obtain HTTP response from http://h/?q=a: b: Read \
                 timed out. Timed out at 60000ms",
                "http://h/?q=a: b",
                "Read timed out. Timed out at 60000ms",
            ),
            (
                "Unable to obtain HTTP response from http://h/?q=a: b: Connection reset",
                "http://h/?q=a: b",
                "Connection reset",
            ),
            (
                "Unable to obtain HTTP response from http://gone.x:80/: gone.x: Name or service not known",
                "http://gone.x:80/",
                "gone.x: Name or service not known",
            ),
            ("Unable to obtain HTTP response from http://gone.x/: gone.x", "http://gone.x/", "gone.x"),
            ("Unable to obtain HTTP response from http://h/: strange: words", "http://h/", "strange: words"),
            ("Unable to obtain HTTP response from http://h/", "http://h/", ""),
            ("[req-1] Problem routing to http://h/. Error msg: Bad thing", "http://h/", "Bad thing"),
            ("Problem routing to http://h/", "http://h/", ""),
        ] {
            assert_eq!(read(text), (url, reason), "{text}");
        }
    }

    #[test]
    fn text_of_a_body_is_no_failure() {
        let text = "responseCode=500,body=<soap:Fault>Unable to obtain HTTP response from http://h/: Connection reset";
        assert_eq!(failure(text), Err(NoReport::Quoted));
        assert_eq!(failure("Problem routing to "), Err(NoReport::NoUrl));
        assert_eq!(failure("a.GenericHttpException: x"), Err(NoReport::NoUrl));
    }

    #[test]
    fn escaped_line_ends() {
        let lines: Vec<&str> = unescape("a#012#011at b.c(d)#012Caused by: e\\n\\tat f").collect();
        assert_eq!(lines, ["a", "at b.c(d)", "Caused by: e", "at f"]);
    }
}
