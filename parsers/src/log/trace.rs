//! Stack traces: the exceptions they name, the texts of these, and what the gateway was doing.
//!
//! The product's own frames are obfuscated and differ per build. Only frames of the JDK and of Apache `HttpClient`, which
//! are public, are read.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::{memchr, memmem::Finder};

use super::call::Phase;

/// What a trace says, gathered line by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trace<'a> {
    /// Exception classes, outermost first.
    pub classes: Vec<&'a str>,
    /// Their texts, where they have one.
    pub texts: Vec<&'a str>,
    /// The innermost activity that a frame shows.
    pub phase: Option<Phase>,
    suppressed: bool,
}

/// What a line of a trace says by itself, or a part of a line that is flattened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// What follows was suppressed, up to the next cause.
    Suppressed,
    /// Text that begins a cause, or names an exception by its class and says something of it.
    Text { caused: bool, exception: Option<(T, T)> },
    /// A frame that shows what the gateway was doing.
    Frame(Phase),
}

impl<'a> Trace<'a> {
    /// Takes one line of a record: of its continuation, or the part of its head line from an exception's name on.
    pub(super) fn line(&mut self, line: &'a str) {
        steps(line, |step| self.take(step));
    }

    /// Takes what a line says.
    pub(super) fn take(&mut self, step: Step<&'a str>) {
        match step {
            Step::Suppressed => self.suppressed = true,
            Step::Text { caused, exception } => {
                self.suppressed &= !caused;
                if let Some((class, text)) = exception {
                    self.exception(class, text, caused);
                }
            }
            Step::Frame(phase) if !self.suppressed && rank(Some(phase)) > rank(self.phase) => self.phase = Some(phase),
            Step::Frame(_) => {}
        }
    }

    fn exception(&mut self, class: &'a str, text: &'a str, caused: bool) {
        if self.suppressed || self.classes.len() == MOST_EXCEPTIONS {
            return;
        }
        // The head line and the trace's first line name the same exception.
        if self.classes.last().is_none_or(|last| *last != class) || caused {
            self.classes.push(class);
        }
        if !text.is_empty() {
            self.texts.push(text);
        }
    }
}

/// What a line says, in its order. One that is flattened is taken apart at its frames.
pub(super) fn steps<'a>(line: &'a str, mut take: impl FnMut(Step<&'a str>)) {
    let mut rest = line;
    if let Some(frame) = frame_alone(line) {
        frame_step(frame).into_iter().for_each(take);
        return;
    }
    while let Some((before, frame, after)) = split_frame(rest) {
        text_step(before).into_iter().chain(frame_step(frame)).for_each(&mut take);
        rest = after;
    }
    text_step(rest).into_iter().for_each(take);
}

/// An exception's line: `Caused by: class: text` or `class: text`.
fn text_step(text: &str) -> Option<Step<&str>> {
    let text = text.trim();
    if text.starts_with("Suppressed: ") {
        return Some(Step::Suppressed);
    }
    let cause = text.strip_prefix("Caused by: ");
    let exception = exception(cause.unwrap_or(text), cause.is_some());
    (cause.is_some() || exception.is_some()).then_some(Step::Text { caused: cause.is_some(), exception })
}

fn frame_step(frame: &str) -> Option<Step<&str>> {
    class_and_method(frame).and_then(|(class, method)| shown(class, method)).map(Step::Frame)
}

/// The method with its class of a line that is one frame and nothing else, as the lines of a trace are.
fn frame_alone(line: &str) -> Option<&str> {
    let frame = line.strip_prefix("\tat ").or_else(|| line.trim_start().strip_prefix("at "))?;
    let close = memchr(b')', frame.as_bytes())?;
    let is_alone = close + 1 == frame.len() || (frame.ends_with(')') && !frame.contains(") "));
    let end = memchr(b'(', frame.as_bytes()).unwrap_or(frame.len());
    frame.get(..end).filter(|_| is_alone)
}

/// `java.base/sun.nio.ch.NioSocketImpl.implRead` → class `NioSocketImpl`, method `implRead`.
fn class_and_method(frame: &str) -> Option<(&str, &str)> {
    let is_mark = |byte: u8| matches!(byte, b'.' | b'/');
    let dot = frame.bytes().rposition(is_mark)?;
    let owner = frame.get(..dot).filter(|_| frame.as_bytes().get(dot) == Some(&b'.'))?;
    let class = owner.bytes().rposition(is_mark).map_or(Some(owner), |mark| owner.get(mark + 1..))?;
    Some((class, frame.get(dot + 1..)?))
}

/// What the gateway was doing in a method.
fn shown(class: &str, method: &str) -> Option<Phase> {
    let initial = class.as_bytes().first().filter(|initial| INITIALS.contains(initial))?;
    let is_known = |known: &str| known.as_bytes().first() == Some(initial) && class.starts_with(known);
    let rows = FRAMES.iter().filter(|(classes, ..)| classes.iter().any(|known| is_known(known)));
    let mut shown = rows.filter(|(_, methods, _)| methods.iter().any(|known| method.starts_with(known)));
    shown.next().map(|(_, _, phase)| *phase)
}

/// Class and text of `class: text`, `class` or `class invoking URL: text` (CXF). A name counts by its ending and its
/// package; behind `Caused by: ` it needs no package.
pub(super) fn exception(line: &str, caused: bool) -> Option<(&str, &str)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'/');
    let end = line.bytes().position(|byte| !is_name(byte)).unwrap_or(line.len());
    let (class, rest) = line.split_at_checked(end)?;
    let class = class.rsplit('/').next()?;
    let named = ENDINGS.iter().any(|ending| class.ends_with(ending)) && (caused || class.contains('.'));
    if !named {
        return None;
    }
    let text = match rest.strip_prefix(": ") {
        Some(text) => text,
        None if rest.starts_with(" invoking ") => rest.split_once(": ").map_or("", |(_, text)| text),
        None => "",
    };
    Some((class, text.trim()))
}

/// Where a text has words that end the names of throwables.
pub(super) fn endings_in(text: &str) -> impl Iterator<Item = usize> {
    ENDING.find_iter(text).map(|found| found.start())
}

/// The text before the first frame of a flattened trace.
pub(super) fn before_frames(text: &str) -> &str {
    split_frame(text).map_or(text, |(before, _, _)| before).trim_end()
}

/// Splits at the first ` at package.Class.method(`: what stands before it, the method with its class, what follows the
/// closing parenthesis.
fn split_frame(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = AT.find(text.as_bytes().get(from..)?).map(|at| at + from) {
        let name = text.get(at + 3..)?;
        let is_name = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'/' | b'@' | b'<' | b'>' | b'-')
        };
        let end = name.bytes().position(|byte| !is_name(byte));
        let before = text.get(..at)?;
        let (frame, rest) = name.split_at_checked(end.unwrap_or(name.len()))?;
        if rest.starts_with('(') && frame.contains('.') && (before.is_empty() || before.ends_with([' ', '\t'])) {
            let after = rest.find(')').and_then(|close| rest.get(close + 1..)).unwrap_or_default();
            return Some((before, frame, after));
        }
        from = at + 3;
    }
    None
}

/// Of two activities that frames of one trace show, the one lower in the stack.
const fn rank(phase: Option<Phase>) -> u8 {
    match phase {
        None => 0,
        Some(Phase::AwaitResponse) => 1,
        Some(Phase::SendRequest) => 2,
        Some(Phase::ReadBody) => 3,
        Some(Phase::Connect) => 4,
        Some(Phase::TlsHandshake) => 5,
    }
}

/// Starts of class names, starts of method names, and what the frame shows.
const FRAMES: [(&[&str], &[&str], Phase); 8] = [
    (
        &["SSLSocketImpl", "HandshakeContext"],
        &["startHandshake", "performInitialHandshake", "readHandshakeRecord"],
        Phase::TlsHandshake,
    ),
    (
        &["NioSocketImpl", "PlainSocketImpl", "AbstractPlainSocketImpl", "DualStackPlainSocketImpl"],
        &["implConnect", "connect", "timedFinishConnect", "socketConnect", "doConnect"],
        Phase::Connect,
    ),
    (
        &["DefaultHttpClientConnectionOperator", "DefaultClientConnectionOperator", "PlainConnectionSocketFactory"],
        &["connect", "openConnection"],
        Phase::Connect,
    ),
    (&["ContentLengthInputStream", "ChunkedInputStream", "IdentityInputStream"], &["read", "close"], Phase::ReadBody),
    (&["NioSocketImpl", "SocketOutputStream"], &["implWrite", "socketWrite"], Phase::SendRequest),
    (&["HttpRequestExecutor"], &["doSendRequest"], Phase::SendRequest),
    (&["HttpRequestExecutor"], &["doReceiveResponse"], Phase::AwaitResponse),
    (
        &["DefaultBHttpClientConnection", "AbstractHttpClientConnection", "CPoolProxy", "DefaultHttpResponseParser"],
        &["receiveResponseHeader", "parseHead"],
        Phase::AwaitResponse,
    ),
];
/// What the names of these classes start with.
const INITIALS: &[u8] = b"ACDHINPS";
static AT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("at "));
/// How the names of throwables end.
const ENDINGS: [&str; 3] = ["Exception", "Error", "Throwable"];
static ENDING: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::builder().build(ENDINGS).expect("a handful of constant words"));
/// A chain of causes is a handful long; more is no trace.
const MOST_EXCEPTIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Trace<'_> {
        let mut trace = Trace::default();
        lines.lines().for_each(|line| trace.line(line));
        trace
    }

    #[test]
    fn a_chain_with_frames() {
        let trace = read(
            "com.l7tech.common.http.GenericHttpException: Unable to obtain HTTP response from http://h/: Connection reset\n\
             \tat com.l7tech.common.http.prov.apache.components.f.getResponse(Unknown Source)\n\
             \tat java.base/java.lang.Thread.run(Thread.java:840)\n\
             Caused by: java.net.SocketException: Connection reset\n\
             \tat java.base/sun.nio.ch.NioSocketImpl.implRead(NioSocketImpl.java:328)\n\
             \tat org.apache.http.protocol.HttpRequestExecutor.doReceiveResponse(HttpRequestExecutor.java:272)\n\
             \t... 6 more",
        );
        assert_eq!(trace.classes, ["com.l7tech.common.http.GenericHttpException", "java.net.SocketException"]);
        assert_eq!(trace.texts.last(), Some(&"Connection reset"));
        assert_eq!(trace.phase, Some(Phase::AwaitResponse));
    }

    #[test]
    fn a_flattened_trace() {
        let trace = read(
            "a.b.GenericHttpException: x: Connection reset at a.b.f.getResponse(Unknown Source) at c.D.<init>(D.java:1) \
             Caused by: java.net.SocketException: Connection reset at java.base/sun.nio.ch.NioSocketImpl.implWrite(N.java:1)",
        );
        assert_eq!(trace.classes, ["a.b.GenericHttpException", "java.net.SocketException"]);
        assert_eq!(trace.phase, Some(Phase::SendRequest));
    }

    #[test]
    fn what_was_suppressed_is_no_cause() {
        let trace = read(
            "a.b.MainException: x\n\tat a.b.C.d(Unknown Source)\n\tSuppressed: a.b.CloseException: y\n\
             \t\tat java.base/sun.nio.ch.NioSocketImpl.implWrite(N.java:1)\nCaused by: a.b.DeepError",
        );
        assert_eq!(trace.classes, ["a.b.MainException", "a.b.DeepError"]);
        assert_eq!(trace.phase, None);
    }

    #[test]
    fn phases_of_the_public_frames() {
        for (frame, phase) in [
            ("java.base/sun.nio.ch.NioSocketImpl.implRead", None),
            ("java.base/sun.nio.ch.NioSocketImpl.implConnect", Some(Phase::Connect)),
            ("java.base/sun.nio.ch.NioSocketImpl.timedFinishConnect", Some(Phase::Connect)),
            ("java.net.PlainSocketImpl.socketConnect", Some(Phase::Connect)),
            ("java.net.SocketOutputStream.socketWrite0", Some(Phase::SendRequest)),
            ("java.base/sun.nio.ch.NioSocketImpl.implWrite", Some(Phase::SendRequest)),
            ("org.apache.http.protocol.HttpRequestExecutor.doSendRequest", Some(Phase::SendRequest)),
            ("org.apache.http.protocol.HttpRequestExecutor.doReceiveResponse", Some(Phase::AwaitResponse)),
            ("org.apache.http.impl.DefaultBHttpClientConnection.receiveResponseHeader", Some(Phase::AwaitResponse)),
            ("org.apache.http.impl.io.ContentLengthInputStream.read", Some(Phase::ReadBody)),
            ("org.apache.http.impl.io.ChunkedInputStream.getChunkSize", None),
            ("org.apache.http.impl.io.ChunkedInputStream.read", Some(Phase::ReadBody)),
            ("java.base/sun.security.ssl.SSLSocketImpl.startHandshake", Some(Phase::TlsHandshake)),
            ("org.apache.http.conn.socket.PlainConnectionSocketFactory.connectSocket", Some(Phase::Connect)),
        ] {
            assert_eq!(read(&format!("\tat {frame}(X.java:1)")).phase, phase, "{frame}");
        }
    }

    #[test]
    fn every_class_is_looked_for_by_its_initial() {
        let classes = FRAMES.iter().flat_map(|(classes, ..)| classes.iter());
        let mut initials: Vec<u8> = classes.filter_map(|class| class.bytes().next()).collect();
        initials.sort_unstable();
        initials.dedup();
        assert_eq!(initials, INITIALS);
    }

    #[test]
    fn names_that_are_no_exceptions() {
        for line in ["Error: x", "Exception", "{\"Error\": 1}", "some text: x", "at x"] {
            assert_eq!(exception(line, false), None, "{line}");
        }
        assert_eq!(
            exception("SSLProtocolException invoking https://localhost:2124/ssg: The size", true),
            Some(("SSLProtocolException", "The size"))
        );
    }
}
