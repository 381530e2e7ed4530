//! From the words of a failure to its [`Symptom`].
//!
//! The words come from the JDK, from Apache `HttpClient` and from the gateway, and changed over their versions; the table
//! holds all that are known. Its order matters: what is more telling stands first, so that `Connect to h failed: Read timed
//! out` is a read that timed out, and `SSLException: Connection reset` a reset.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{
    call::{Phase, Symptom},
    words::starts_with,
};

/// Classifies a failure. The reason decides where the table knows its words, then the causes' texts from the outermost in,
/// then the exception classes from the innermost out.
pub(super) fn symptom(reason: &str, host: &str, causes: &[&str], classes: &[&str], phase: Option<Phase>) -> Symptom {
    let found = std::iter::once(reason)
        .chain(causes.iter().copied())
        .find_map(|text| by_text(text, host))
        .or_else(|| classes.iter().rev().find_map(|class| by_class(class)))
        .unwrap_or(Symptom::Other);
    settle(found, classes, phase)
}

/// Whether a text starts with words of a reason, as what stands behind a URL does.
pub(super) fn starts_reason(text: &str, host: &str) -> bool {
    let Some(first) = text.bytes().next().map(|byte| byte.to_ascii_lowercase()) else { return false };
    let words = TEXTS.iter().flat_map(|(_, words)| words.iter()).chain(&OPENINGS);
    words.filter(|word| word.as_bytes().first() == Some(&first)).any(|word| starts_with(text, word))
        || (!host.is_empty() && starts_with(text, host))
}

/// Corrects what words alone leave open by what the gateway was doing.
fn settle(symptom: Symptom, classes: &[&str], phase: Option<Phase>) -> Symptom {
    let in_handshake =
        phase == Some(Phase::TlsHandshake) || classes.iter().any(|class| class.ends_with("SSLHandshakeException"));
    match symptom {
        Symptom::TlsClosed if in_handshake => Symptom::TlsHandshake,
        // The kernel gave up sending again on an established connection: `Connection timed out` of a read or write.
        Symptom::ConnectTimeout
            if matches!(phase, Some(Phase::SendRequest | Phase::AwaitResponse | Phase::ReadBody)) =>
        {
            Symptom::ReadTimeout
        }
        Symptom::ReadTimeout if phase == Some(Phase::Connect) => Symptom::ConnectTimeout,
        other => other,
    }
}

fn by_text(text: &str, host: &str) -> Option<Symptom> {
    if let Some(row) = row(text) {
        return Some(row);
    }
    let lower = text.trim().to_ascii_lowercase();
    if lower.starts_with("connect to ") && lower.ends_with(" timed out") {
        return Some(Symptom::ConnectTimeout);
    }
    if lower.starts_with("connection to ") && lower.ends_with(" refused") {
        return Some(Symptom::ConnectionRefused);
    }
    // `UnknownHostException` has only the name for a text.
    (!host.is_empty() && lower == host).then_some(Symptom::UnknownHost)
}

/// The symptom of the table's first row that has words in the text.
fn row(text: &str) -> Option<Symptom> {
    // Words are numbered row by row, so the lowest number is the first row's.
    let first = WORDS.find_overlapping_iter(text).map(|found| found.pattern().as_usize()).min()?;
    TEXTS.iter().flat_map(|(symptom, words)| words.iter().map(|_| *symptom)).nth(first)
}

fn by_class(class: &str) -> Option<Symptom> {
    let name = class.rsplit('.').next()?;
    CLASSES.iter().find(|(known, _)| *known == name).map(|(_, symptom)| *symptom)
}

/// Words, in lower case, and what they say; the first row that fits wins.
const TEXTS: [(Symptom, &[&str]); 19] = [
    // What ended the connection earlier may follow; this call met a socket that was already given up.
    (Symptom::SocketClosed, &["connection has been shutdown"]),
    (Symptom::PoolTimeout, &["timeout waiting for connection"]),
    (
        Symptom::NoLocalPort,
        &[
            "cannot assign requested address",
            "too many open files",
            "address already in use",
            "no buffer space available",
        ],
    ),
    // JDK 8 to 12: a read or write whose retransmissions ran out, named by the system call.
    (Symptom::ReadTimeout, &["connection timed out (read failed)", "connection timed out (write failed)"]),
    (Symptom::PrematureEnd, &["premature end of", "truncated chunk", "closing chunk expected", "premature eof"]),
    (Symptom::NoResponse, &["failed to respond", "unexpected end of file from server"]),
    (Symptom::ReadTimeout, &["read timed out", "read timeout"]),
    (
        Symptom::ConnectTimeout,
        &["connect timed out", "connection timed out", "operation timed out", "connection timeout"],
    ),
    (Symptom::ConnectionRefused, &["connection refused"]),
    (Symptom::NoRoute, &["no route to host", "network is unreachable", "host is unreachable", "host is down"]),
    (
        Symptom::TlsHandshake,
        &[
            "during handshake",
            "terminated the handshake",
            "handshake_failure",
            "received fatal alert",
            "handshake message",
            "handshake failed",
            "certificate not verified",
            "certificate path",
            "certification path",
            "pkix path",
            "not trusted",
            "certificate for <",
            "hostname in certificate",
            "no subject alternative",
            "no name matching",
            "no appropriate protocol",
            "no available authentication scheme",
            "peer not authenticated",
            "unsupported or unrecognized ssl message",
            "unrecognized ssl message",
            "readhandshakerecord",
            "certificate_unknown",
            "unrecognized_name",
        ],
    ),
    (Symptom::ConnectionReset, &["connection reset", "forcibly closed by the remote host"]),
    (Symptom::BrokenPipe, &["broken pipe"]),
    (
        Symptom::TlsClosed,
        &[
            "bound has closed",
            "ssl peer shut down incorrectly",
            "before receiving peer's close_notify",
            "connection closed by remote host",
            "received close_notify during",
        ],
    ),
    (
        Symptom::SocketClosed,
        &[
            "socket closed",
            "socket is closed",
            "request aborted",
            "request already aborted",
            "connection is closed",
            "connection pool shut down",
            "closed by interrupt",
        ],
    ),
    (
        Symptom::UnknownHost,
        &[
            "name or service not known",
            "name resolution",
            "nodename nor servname",
            "no address associated with",
            "name does not resolve",
            "unknown host",
            "unknownhostexception",
        ],
    ),
    (Symptom::PoolTimeout, &["connectionpooltimeoutexception"]),
    (Symptom::NoResponse, &["nohttpresponseexception"]),
    (Symptom::ReadTimeout, &["timed out at "]),
];

/// All words of [`TEXTS`], searched for at once. Few texts are: an automaton that is quickly made serves them best.
static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = TEXTS.iter().flat_map(|(_, words)| words.iter());
    let kind = Some(AhoCorasickKind::NoncontiguousNFA);
    AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(words).expect("a handful of constant words")
});

/// Openings of reasons that are none of [`TEXTS`]'s words.
const OPENINGS: [&str; 4] = ["connect to ", "connection to ", "remote host ", "server cert"];

/// What an exception's class says where its text says nothing.
const CLASSES: [(&str, Symptom); 14] = [
    ("ConnectionPoolTimeoutException", Symptom::PoolTimeout),
    ("UnknownHostException", Symptom::UnknownHost),
    ("NoRouteToHostException", Symptom::NoRoute),
    ("ConnectTimeoutException", Symptom::ConnectTimeout),
    ("HttpHostConnectException", Symptom::ConnectionRefused),
    ("SocketTimeoutException", Symptom::ReadTimeout),
    ("NoHttpResponseException", Symptom::NoResponse),
    ("TruncatedChunkException", Symptom::PrematureEnd),
    ("ConnectionClosedException", Symptom::PrematureEnd),
    ("SSLHandshakeException", Symptom::TlsHandshake),
    ("SSLPeerUnverifiedException", Symptom::TlsHandshake),
    ("ConnectionShutdownException", Symptom::SocketClosed),
    ("RequestAbortedException", Symptom::SocketClosed),
    ("AsynchronousCloseException", Symptom::SocketClosed),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_reason() {
        for (reason, expected) in [
            ("Connection reset", Symptom::ConnectionReset),
            ("Connection reset by peer", Symptom::ConnectionReset),
            ("Connection reset by peer (Write failed)", Symptom::ConnectionReset),
            ("Broken pipe", Symptom::BrokenPipe),
            ("Broken pipe (Write failed)", Symptom::BrokenPipe),
            ("Read timed out. Timed out at 60000ms", Symptom::ReadTimeout),
            ("Read timed out", Symptom::ReadTimeout),
            ("connect timed out", Symptom::ConnectTimeout),
            ("Connect timed out", Symptom::ConnectTimeout),
            ("Connection timed out (Connection timed out)", Symptom::ConnectTimeout),
            ("Connection timed out", Symptom::ConnectTimeout),
            ("Connection timed out (Read failed)", Symptom::ReadTimeout),
            ("Connect to host:443 [host/1.2.3.4] failed: connect timed out", Symptom::ConnectTimeout),
            ("Connect to host:443 [host/1.2.3.4] failed: Read timed out", Symptom::ReadTimeout),
            ("Connect to /192.168.1.10:8080 timed out", Symptom::ConnectTimeout),
            ("Connection refused", Symptom::ConnectionRefused),
            ("Connection refused (Connection refused)", Symptom::ConnectionRefused),
            ("Connection to http://1.2.3.4:9001 refused", Symptom::ConnectionRefused),
            ("Connect to host:80 [host/1.2.3.4] failed: Connection refused", Symptom::ConnectionRefused),
            ("No route to host", Symptom::NoRoute),
            ("No route to host (Host unreachable)", Symptom::NoRoute),
            ("No route to host: connect", Symptom::NoRoute),
            ("Network is unreachable", Symptom::NoRoute),
            ("Connect to h:80 [h/1.2.3.4] failed: Host is unreachable", Symptom::NoRoute),
            ("The target server failed to respond", Symptom::NoResponse),
            ("bucket.s3.amazonaws.com:443 failed to respond", Symptom::NoResponse),
            ("Unexpected end of file from server", Symptom::NoResponse),
            ("Remote host closed connection during handshake", Symptom::TlsHandshake),
            ("Remote host terminated the handshake", Symptom::TlsHandshake),
            ("Received fatal alert: handshake_failure", Symptom::TlsHandshake),
            ("Received fatal alert: protocol_version", Symptom::TlsHandshake),
            (
                "Certificate not verified. Caused by: Certificate path validation and/or revocation checking failed",
                Symptom::TlsHandshake,
            ),
            ("Server cert cn=x found but not trusted for SSL", Symptom::TlsHandshake),
            (
                "The size of the handshake message (64559) exceeds the maximum allowed size (32768)",
                Symptom::TlsHandshake,
            ),
            ("Unsupported or unrecognized SSL message", Symptom::TlsHandshake),
            ("Connection or outbound has closed", Symptom::TlsClosed),
            ("Connection or inbound has closed", Symptom::TlsClosed),
            ("SSL peer shut down incorrectly", Symptom::TlsClosed),
            ("closing inbound before receiving peer's close_notify", Symptom::TlsClosed),
            ("Socket closed", Symptom::SocketClosed),
            ("Socket is closed", Symptom::SocketClosed),
            ("socket is closed", Symptom::SocketClosed),
            (
                "Connection has been shutdown: javax.net.ssl.SSLException: java.net.SocketException: Connection reset",
                Symptom::SocketClosed,
            ),
            ("Connect timed out. Timed out at 5000ms", Symptom::ConnectTimeout),
            ("Request aborted", Symptom::SocketClosed),
            ("Timeout waiting for connection from pool", Symptom::PoolTimeout),
            (
                "Premature end of Content-Length delimited message body (expected: 171012; received: 50250",
                Symptom::PrematureEnd,
            ),
            ("Premature end of chunk coded message body: closing chunk expected", Symptom::PrematureEnd),
            ("Truncated chunk ( expected size: 10; actual size: 2)", Symptom::PrematureEnd),
            ("gone.example", Symptom::UnknownHost),
            ("gone.example: Name or service not known", Symptom::UnknownHost),
            ("gone.example: Temporary failure in name resolution", Symptom::UnknownHost),
            ("Cannot assign requested address", Symptom::NoLocalPort),
            ("Cannot assign requested address (connect failed)", Symptom::NoLocalPort),
            ("Too many open files", Symptom::NoLocalPort),
            ("Something unheard of", Symptom::Other),
            ("null", Symptom::Other),
        ] {
            assert_eq!(symptom(reason, "gone.example", &[], &[], None), expected, "{reason}");
        }
    }

    #[test]
    fn causes_and_classes_speak_where_the_reason_does_not() {
        let chain = ["com.l7tech.common.http.GenericHttpException", "javax.net.ssl.SSLException"];
        assert_eq!(symptom("null", "h", &["null", "Connection reset"], &chain, None), Symptom::ConnectionReset);
        let chain = ["a.GenericHttpException", "org.apache.http.NoHttpResponseException"];
        assert_eq!(symptom("null", "h", &[], &chain, None), Symptom::NoResponse);
    }

    #[test]
    fn the_phase_settles_what_words_leave_open() {
        let by = |reason, phase| symptom(reason, "h", &[], &[], Some(phase));
        assert_eq!(by("Read timed out", Phase::Connect), Symptom::ConnectTimeout);
        assert_eq!(by("Read timed out", Phase::TlsHandshake), Symptom::ReadTimeout);
        assert_eq!(by("Connection timed out", Phase::AwaitResponse), Symptom::ReadTimeout);
        assert_eq!(by("SSL peer shut down incorrectly", Phase::TlsHandshake), Symptom::TlsHandshake);
        assert_eq!(by("Connection reset", Phase::TlsHandshake), Symptom::ConnectionReset);
    }
}
