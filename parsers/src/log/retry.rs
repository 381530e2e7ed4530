//! `HttpClient`'s own lines about attempts that it repeats.
//!
//! `I/O exception (java.net.SocketException) caught when processing request to {s}->https://host:443: Connection reset`, in
//! older versions without the route, or `… caught when connecting to the target host: …`; then `Retrying request to …` or
//! `Retrying connect`, which says nothing more.

use std::sync::Arc;

use super::{
    call::{EntrySpan, Retry, Target},
    head::Head,
    symptom, url,
    words::text,
};

/// Reads an `I/O exception (` line; `None` where the text is another one.
pub(super) fn retry(head: &Head<'_>, entry: EntrySpan) -> Option<Retry> {
    let message = text(head.message);
    let rest = message.get(message.find(OPENING)? + OPENING.len()..)?;
    let (class, rest) = rest.split_once(") caught when ")?;
    let (target, reason) = match rest.split_once("->") {
        Some((_, route)) => {
            let (endpoint, reason) = route.split_once(": ").unwrap_or((route, ""));
            (endpoint_of(endpoint), reason)
        }
        None => (None, rest.split_once(": ").map_or("", |(_, reason)| reason)),
    };
    let host = target.as_ref().map_or("", |target| target.host.as_str());
    Some(Retry {
        time: head.stamp.time,
        line: entry.first_line,
        thread: head.thread.map(Arc::from),
        symptom: symptom::symptom(reason, host, &[], &[class], None),
        target,
    })
}

/// The last hop of a route such as `{tls}->http://proxy:3128->https://host:443`.
fn endpoint_of(route: &str) -> Option<Target> {
    url::target(route.rsplit("->").next()?.trim())
}

const OPENING: &str = "I/O exception (";

#[cfg(test)]
mod tests {
    use super::{super::call::Symptom, super::head::head, *};

    fn read(message: &str) -> Option<(Option<(String, u16)>, Symptom)> {
        let line = format!("2021-05-17T15:19:00.041-0300 INFO 174 org.apache.http.impl.execchain.RetryExec: {message}");
        let span = EntrySpan { first_line: 3, last_line: 3, offset: 0, length: 0 };
        let retry = retry(&head(line.as_bytes(), 0).unwrap(), span)?;
        assert_eq!((retry.line, retry.thread.as_deref()), (3, Some("174")));
        Some((retry.target.map(|target| (target.host, target.port)), retry.symptom))
    }

    #[test]
    fn forms_of_every_version() {
        for (message, target, symptom) in [
            (
                "I/O exception (java.net.SocketException) caught when processing request to {s}->https://host:443: \
                 Connection reset",
                Some(("host".to_owned(), 443)),
                Symptom::ConnectionReset,
            ),
            (
                "I/O exception (org.apache.http.NoHttpResponseException) caught when processing request to \
                 {}->http://h:8080: The target server failed to respond",
                Some(("h".to_owned(), 8080)),
                Symptom::NoResponse,
            ),
            (
                "I/O exception (java.net.SocketException) caught when processing request to \
                 {tls}->http://proxy:3128->https://host:443: Broken pipe (Write failed)",
                Some(("host".to_owned(), 443)),
                Symptom::BrokenPipe,
            ),
            (
                "I/O exception (java.net.SocketException) caught when connecting to the target host: Connection reset",
                None,
                Symptom::ConnectionReset,
            ),
            (
                "I/O exception (java.net.NoRouteToHostException) caught when connecting to the target host: No route to \
                 host: connect",
                None,
                Symptom::NoRoute,
            ),
            (
                "I/O exception (org.apache.http.NoHttpResponseException) caught when processing request: null",
                None,
                Symptom::NoResponse,
            ),
        ] {
            assert_eq!(read(message), Some((target, symptom)), "{message}");
        }
    }

    #[test]
    fn other_texts_are_no_retry() {
        assert_eq!(read("Retrying request to {}->http://h:8080"), None);
        assert_eq!(read("I/O exception (x"), None);
    }
}
