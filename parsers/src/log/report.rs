//! From the text of one record to the failure that it reports: URL, reason and exceptions.

use std::sync::{Arc, LazyLock};

use memchr::{memchr, memmem::Finder, memrchr, memrchr_iter};

use super::{
    call::{EntrySpan, FailedCall, Failure},
    facts,
    failures::{Failures, Source, key},
    head::Head,
    symptom, tails,
    texts::Texts,
    trace::{Trace, before_frames, endings_in, exception},
    url,
    words::{Known, Names, around},
};

/// Why a record with a phrase of a failure reports none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoReport {
    /// The phrase stands in text that the gateway quotes, such as the body of a response that arrived.
    Quoted,
    /// No URL, or one without a host.
    NoUrl,
}

/// What a record says, whoever says it at which time.
#[derive(Debug)]
pub(super) struct Said {
    /// Bytes of the head line's part.
    message: usize,
    url: Box<str>,
    /// How the call failed, by the head that it was last read with.
    failure: Arc<Failure>,
}

impl Said {
    /// Whether it is what a record with this head says.
    fn is_below(&self, head: &Head<'_>) -> bool {
        let Failure { zone, resolution, source, .. } = &*self.failure;
        (self.message, *zone, *resolution, source.logger.as_deref())
            == (head.message.len(), head.stamp.zone, head.stamp.resolution, head.logger)
    }
}

/// Reads a record: its head, and what it `said`, which begins with the head's message. Gives the call that this record alone tells of; whose thread it is
/// stands in [`super::events::Events`].
pub(super) fn report(
    head: &Head<'_>,
    said: &[u8],
    entry: EntrySpan,
    known: &mut Known,
) -> Result<FailedCall, NoReport> {
    let read = if let Some(read) = known.said.get(said).filter(|read| read.is_below(head)) {
        read
    } else {
        let read = Arc::new(read(head, said, known)?);
        known.said.keep(said, &read);
        read
    };
    Ok(FailedCall {
        time: head.stamp.time,
        entry,
        also: None,
        thread: None,
        service: None,
        url: read.url.to_string(),
        failure: Arc::clone(&read.failure),
        retries: Vec::new(),
        processing: None,
        elapsed_ms: None,
        elapsed_line: None,
        request_before: None,
    })
}

fn read(head: &Head<'_>, said: &[u8], known: &mut Known) -> Result<Said, NoReport> {
    let continuation = said.get(head.message.len() + 1..).unwrap_or_default();
    // The head and the line below it say the URL, which differs; the trace below comes again and again.
    let end = memchr(b'\n', continuation).map_or(continuation.len(), |end| end + 1);
    let (first, tail) = continuation.split_at_checked(end).unwrap_or((continuation, &[]));
    let texts = Texts::new(head.message, first);
    if let Ok(found) = find(&texts) {
        return failed(head, &texts, found, tail, known);
    }
    let texts = Texts::new(head.message, continuation);
    failed(head, &texts, find(&texts)?, &[], known)
}

/// What a record says whose line `at` reports a failure. `tail` stands below the texts.
fn failed(
    head: &Head<'_>,
    texts: &Texts<'_>,
    (at, reported): (usize, Reported<'_>),
    tail: &[u8],
    known: &mut Known,
) -> Result<Said, NoReport> {
    let Known { names, failures, tails, .. } = known;
    let tail = tails::tail(tail, tails);
    let mut trace = Trace::default();
    texts.lines().enumerate().for_each(|(number, line)| {
        trace.line(if number == at || number == 0 { from_exception(line) } else { line });
    });
    tail.take_into(&mut trace);
    let failure = failure(head, &reported, &trace, (names, failures))?;
    Ok(Said { message: head.message.len(), url: reported.url.into(), failure })
}

/// How the call failed.
fn failure(
    head: &Head<'_>,
    reported: &Reported<'_>,
    trace: &Trace<'_>,
    (names, failures): (&mut Names, &mut Failures),
) -> Result<Arc<Failure>, NoReport> {
    let parts = url::parts(reported.url).ok_or(NoReport::NoUrl)?;
    let key = key(head, reported.audit, parts, reported.reason, trace);
    Ok(failures.of(key, || {
        let target = url::named(parts);
        let facts = || std::iter::once(reported.reason).chain(trace.texts.iter().copied());
        Failure {
            zone: head.stamp.zone,
            resolution: head.stamp.resolution,
            symptom: symptom::symptom(reported.reason, &target.host, &trace.texts, &trace.classes, trace.phase),
            target,
            message: reported.reason.to_owned(),
            exceptions: trace.classes.iter().map(|class| names.of(class)).collect(),
            phase: trace.phase,
            remotes: facts().map(facts::remotes).find(|remotes| !remotes.is_empty()).unwrap_or_default(),
            timeout_ms: facts().find_map(facts::timeout_ms),
            premature_end: facts().find_map(facts::premature_end),
            source: Source { logger: head.logger.map(|logger| names.of(logger)), audit: reported.audit },
            key,
        }
    }))
}

/// URL and reason as they stand in a text.
#[derive(Debug, PartialEq)]
struct Reported<'a> {
    url: &'a str,
    reason: &'a str,
    audit: bool,
}

/// The first line that reports a failure. A continuation line counts only where it is an exception's own line: anything
/// else below a head is text from elsewhere.
fn find<'a>(texts: &'a Texts<'_>) -> Result<(usize, Reported<'a>), NoReport> {
    let mut refused = NoReport::NoUrl;
    for (number, line) in texts.lines().enumerate() {
        if number > 0 && exception(line.trim_start().trim_start_matches("Caused by: "), false).is_none() {
            continue;
        }
        match reported(line) {
            Ok(found) => return Ok((number, found)),
            Err(NoReport::Quoted) => refused = NoReport::Quoted,
            Err(NoReport::NoUrl) => {}
        }
    }
    Err(refused)
}

fn reported(text: &str) -> Result<Reported<'_>, NoReport> {
    let routing = around(text, &ROUTING);
    let (before, after) = routing.or_else(|| around(text, &UNABLE)).ok_or(NoReport::NoUrl)?;
    if QUOTES.iter().any(|mark| before.contains(mark)) {
        return Err(NoReport::Quoted);
    }
    let audit = routing.map(|(_, rest)| around(rest, &ERROR_MSG).unwrap_or((rest, "")));
    let (url, reason) = match audit {
        // The audit detail says the URL twice: once up to its `. Error msg: `, so it is known whatever it holds.
        Some((url, rest)) => {
            after_last_copy(url, rest).unwrap_or_else(|| unable(rest).map_or((url, rest), |(_, reason)| (url, reason)))
        }
        None => url_and_reason(after),
    };
    if url.is_empty() {
        return Err(NoReport::NoUrl);
    }
    Ok(Reported { url, reason: before_frames(reason).trim(), audit: audit.is_some() })
}

/// `Unable to obtain HTTP response from {URL}: {reason}`. A URL that holds `: ` is told by the reason behind it.
fn unable(text: &str) -> Option<(&str, &str)> {
    around(text, &UNABLE).map(|(_, rest)| url_and_reason(rest))
}

/// The same, of what stands behind the opening words.
fn url_and_reason(text: &str) -> (&str, &str) {
    let rest = before_frames(text);
    let splits = || {
        let colons = COLON.find_iter(rest.as_bytes());
        colons.filter_map(|at| Some((rest.get(..at)?, rest.get(at + 2..)?))).take(MOST_COLONS)
    };
    let known = splits().find(|(url, reason)| symptom::starts_reason(reason, url::host(url)));
    let (url, reason) = known.or_else(|| splits().next()).unwrap_or((rest, ""));
    after_last_copy(url, reason).unwrap_or((url, reason))
}

/// What follows the last `{url}: `.
fn after_last_copy<'a>(url: &'a str, text: &'a str) -> Option<(&'a str, &'a str)> {
    if url.is_empty() {
        return None;
    }
    // From the back: every copy that counts ends at a colon with a blank behind it.
    let ends = memrchr_iter(b':', text.as_bytes()).filter_map(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    let reason = |(before, after): (&str, &'a str)| after.strip_prefix(' ').filter(|_| before.ends_with(url));
    Some((url, ends.into_iter().find_map(reason)?))
}

/// A line from the name of its first exception on: `Error occurred. com.l7tech….GenericHttpException: …`.
fn from_exception(line: &str) -> &str {
    let mut words = endings_in(line).filter_map(|ending| {
        let (before, _) = line.split_at_checked(ending)?;
        let start = memrchr(b' ', before.as_bytes()).map_or(0, |blank| blank + 1);
        line.get(start..).filter(|rest| exception(rest, false).is_some()).map(|rest| (start, rest))
    });
    let Some((start, rest)) = words.next() else { return "" };
    let words_before = line.bytes().take(start).filter(|byte| *byte == b' ').count();
    if words_before < MOST_WORDS_BEFORE_EXCEPTION { rest } else { "" }
}

static ROUTING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Problem routing to "));
static UNABLE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Unable to obtain HTTP response from "));
static ERROR_MSG: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(". Error msg: "));
static COLON: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(": "));
/// What stands before a phrase that is quoted: the body of an answer, written to the log by an audit detail.
const QUOTES: [&str; 6] = ["body=", "<?xml", ":Envelope", "{\"", "<html", "<!DOCTYPE"];
/// Places in one line where a URL may end; a URL with more colons is cut at the first.
const MOST_COLONS: usize = 32;
/// Words that may stand between a head and its exception's name.
const MOST_WORDS_BEFORE_EXCEPTION: usize = 64;

#[cfg(test)]
mod tests {
    use super::{super::head::head, *};

    fn read(text: &str) -> (&str, &str) {
        let found = reported(text).unwrap();
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
    fn what_a_record_says_is_told_from_who_says_it() {
        let said =
            b"Problem routing to http://h/. Error msg: Connection reset\nx.AException: y\nCaused by: x.BException: z\n";
        let mut known = Known::default();
        for (stamp, zone) in [("2021-05-17T15:19:00.041-0300", -10_800), ("2021-05-17T15:19:00.041+0100", 3_600)] {
            for logger in ["a.b", "a.c", "a.b"] {
                let line =
                    format!("{stamp} WARNING 7 {logger}: Problem routing to http://h/. Error msg: Connection reset");
                let head = head(line.as_bytes(), 0).unwrap();
                let span = EntrySpan { first_line: 1, last_line: 3, offset: 0, length: 0 };
                let call = report(&head, said, span, &mut known).unwrap();
                let Failure { zone: read, source, exceptions, .. } = &*call.failure;
                assert_eq!((*read, source.logger.as_deref()), (Some(zone), Some(logger)));
                assert_eq!((call.time, exceptions.len()), (head.stamp.time, 2));
            }
        }
    }

    #[test]
    fn text_of_a_body_is_no_failure() {
        let text = "responseCode=500,body=<soap:Fault>Unable to obtain HTTP response from http://h/: Connection reset";
        assert_eq!(reported(text), Err(NoReport::Quoted));
        assert_eq!(reported("Problem routing to "), Err(NoReport::NoUrl));
        assert_eq!(reported("a.GenericHttpException: x"), Err(NoReport::NoUrl));
    }
}
