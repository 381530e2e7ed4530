//! The gateway's log: entries of healthy, retried and failed calls in the vendor's text forms.

use crate::call::Symptom;
use crate::world::World;
use crate::{MS, Ns, US};
use std::fmt::Write as _;

/// One entry, before it has a stamp.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it is written, on the true clock.
    pub time: Ns,
    /// Level.
    pub level: &'static str,
    /// Thread.
    pub thread: u32,
    /// Logger and message; may hold more lines.
    pub text: String,
    /// The failed call it reports, and whether it is the second entry.
    pub call: Option<(usize, bool)>,
}

/// How the log is written.
#[derive(Debug, Clone)]
pub struct Style {
    /// Minutes east of UTC that the stamps claim.
    pub zone: i32,
    /// Clock error: what is added to the true time.
    pub error: i64,
    /// Least and most lag of a line.
    pub lag: (Ns, Ns),
    /// Mean delay of batched auditing.
    pub batched: Option<Ns>,
    /// Share of batched lines that come within milliseconds all the same.
    pub prompt: f64,
    /// Whether a stated duration ends when its line is written, as the whole request's does, or when the call fails, as the routing's does.
    pub took_whole: bool,
}

/// Text of a failure as the wrapper tells it, class of the exception, and its own text.
pub fn words(w: &World, k: usize, symptom: &Symptom) -> (String, &'static str, String) {
    let old = w.settings.old_jdk;
    let call = &w.calls[k];
    let b = &w.backends[call.backend];
    let socket = "java.net.SocketException";
    let twice = |s: &str, inner: &str| if old { format!("{s} ({inner})") } else { s.to_owned() };
    let (class, text) = match symptom {
        Symptom::Reset => (socket, "Connection reset".to_owned()),
        Symptom::ResetByPeer => (socket, twice("Connection reset by peer", "Write failed")),
        Symptom::BrokenPipe => (socket, twice("Broken pipe", "Write failed")),
        Symptom::NoResponse if w.settings.retries > 0 => {
            let (host, port) = b.via.as_ref().map_or((&b.host, b.port), |via| (&via.host, via.port));
            ("org.apache.http.NoHttpResponseException", format!("{host}:{port} failed to respond"))
        }
        Symptom::NoResponse => {
            ("org.apache.http.NoHttpResponseException", "The target server failed to respond".to_owned())
        }
        Symptom::PrematureEnd(expected, got) => (
            "org.apache.http.ConnectionClosedException",
            format!(
                "Premature end of Content-Length delimited message body (expected: {}; received: {})",
                thousands(*expected),
                thousands(*got)
            ),
        ),
        Symptom::PrematureChunk => (
            "org.apache.http.ConnectionClosedException",
            "Premature end of chunk coded message body: closing chunk expected".to_owned(),
        ),
        Symptom::ReadTimeout => {
            let text = "Read timed out".to_owned();
            let told = if w.settings.limit_shown {
                format!("{text}. Timed out at {}ms", b.read_timeout / MS)
            } else {
                text.clone()
            };
            return (told, "java.net.SocketTimeoutException", text);
        }
        Symptom::ConnectTimeout => (
            "org.apache.http.conn.ConnectTimeoutException",
            format!("Connect to {} failed: {}onnect timed out", b.bracket(), if old { "c" } else { "C" }),
        ),
        Symptom::Refused => (
            "org.apache.http.conn.HttpHostConnectException",
            format!("Connect to {} failed: {}", b.bracket(), twice("Connection refused", "Connection refused")),
        ),
        Symptom::NoRoute => ("java.net.NoRouteToHostException", twice("No route to host", "Host unreachable")),
        Symptom::NetUnreachable => (socket, twice("Network is unreachable", "connect failed")),
        Symptom::UnknownHost(missing) => {
            let host = w.host_of(k);
            let why = if *missing { "Name or service not known" } else { "Temporary failure in name resolution" };
            ("java.net.UnknownHostException", format!("{host}: {why}"))
        }
        Symptom::Alert(a) => {
            ("javax.net.ssl.SSLHandshakeException", format!("Received fatal alert: {}", crate::tls::alert_name(*a)))
        }
        Symptom::HandshakeEnd => (
            "javax.net.ssl.SSLHandshakeException",
            if old { "Remote host closed connection during handshake" } else { "Remote host terminated the handshake" }
                .to_owned(),
        ),
        Symptom::BadCertificate => (
            "javax.net.ssl.SSLHandshakeException",
            "Certificate not verified. Caused by: Certificate path validation and/or revocation checking failed"
                .to_owned(),
        ),
        Symptom::PoolTimeout => (
            "org.apache.http.conn.ConnectionPoolTimeoutException",
            "Timeout waiting for connection from pool".to_owned(),
        ),
        Symptom::NoLocalPort if old => {
            ("java.net.NoRouteToHostException", "Cannot assign requested address (Address not available)".to_owned())
        }
        Symptom::NoLocalPort => ("java.net.BindException", "Cannot assign requested address".to_owned()),
        Symptom::TooManyFiles => (socket, "Too many open files".to_owned()),
        Symptom::SocketClosed => (socket, "Socket closed".to_owned()),
    };
    (text.clone(), class, text)
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

const ROUTING: &str = "com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion";
const ALL: &str = "com.l7tech.server.policy.assertion.composite.ServerAllAssertion";
const WRAPPER: &str = "com.l7tech.common.http.GenericHttpException";
const FRAME: &str = "com.l7tech.common.http.prov.apache.components.f.getResponse(Unknown Source)";

fn flattened(logger: &str, told: &str, class: &str, text: &str) -> String {
    format!("{logger}: Error occurred. {WRAPPER}: {told} at {FRAME}\n\n{class}: {text}")
}

const READING: [&str; 4] = [
    "java.base/sun.nio.ch.NioSocketImpl.read(NioSocketImpl.java:355)",
    "java.base/java.net.Socket$SocketInputStream.read(Socket.java:966)",
    "org.apache.http.impl.io.SessionInputBufferImpl.fillBuffer(SessionInputBufferImpl.java:153)",
    "org.apache.http.impl.conn.DefaultHttpResponseParser.parseHead(DefaultHttpResponseParser.java:138)",
];

const WRITING: [&str; 4] = [
    "java.base/sun.nio.ch.NioSocketImpl.implWrite(NioSocketImpl.java:425)",
    "java.base/java.net.Socket$SocketOutputStream.write(Socket.java:1035)",
    "org.apache.http.impl.io.SessionOutputBufferImpl.streamWrite(SessionOutputBufferImpl.java:124)",
    "org.apache.http.impl.io.ContentLengthOutputStream.write(ContentLengthOutputStream.java:113)",
];

const CONNECTING: [&str; 3] = [
    "org.apache.http.impl.conn.DefaultHttpClientConnectionOperator.connect(DefaultHttpClientConnectionOperator.java:156)",
    "org.apache.http.impl.conn.PoolingHttpClientConnectionManager.connect(PoolingHttpClientConnectionManager.java:376)",
    "org.apache.http.impl.execchain.MainClientExec.establishRoute(MainClientExec.java:393)",
];

/// Frames of JDK 8 where JDK 17's stand.
fn older(frame: &str) -> String {
    frame
        .replace(
            "java.base/sun.nio.ch.NioSocketImpl.read(NioSocketImpl.java:355)",
            "java.net.SocketInputStream.socketRead0(Native Method)",
        )
        .replace(
            "java.base/java.net.Socket$SocketInputStream.read(Socket.java:966)",
            "java.net.SocketInputStream.read(SocketInputStream.java:171)",
        )
        .replace(
            "java.base/sun.nio.ch.NioSocketImpl.implWrite(NioSocketImpl.java:425)",
            "java.net.SocketOutputStream.socketWrite0(Native Method)",
        )
        .replace(
            "java.base/java.net.Socket$SocketOutputStream.write(Socket.java:1035)",
            "java.net.SocketOutputStream.write(SocketOutputStream.java:155)",
        )
        .replace("java.base/java.lang.Thread.run(Thread.java:840)", "java.lang.Thread.run(Thread.java:750)")
}

fn trace(w: &mut World, symptom: &Symptom, told: &str, class: &str, text: &str) -> String {
    let old = w.settings.old_jdk;
    let frame = |f: &str| if old { older(f) } else { f.to_owned() };
    let policy = "com.l7tech.server.policy.assertion";
    let mut t = format!("{WRAPPER}: {told}\n\tat {FRAME}\n");
    let _ = writeln!(t, "\tat {policy}.ServerHttpRoutingAssertion.a(Unknown Source)");
    let _ = writeln!(t, "\tat {policy}.ServerHttpRoutingAssertion.checkRequest(Unknown Source)");
    let _ = writeln!(t, "\tat {policy}.composite.ServerAllAssertion.checkRequest(Unknown Source)");
    let _ = writeln!(t, "\tat {}", frame("java.base/java.lang.Thread.run(Thread.java:840)"));
    let _ = writeln!(t, "Caused by: {class}: {text}");
    let (frames, deeper): (&[&str], Option<&str>) = match symptom {
        Symptom::ResetByPeer | Symptom::BrokenPipe => (&WRITING, None),
        Symptom::ConnectTimeout => (&CONNECTING, Some("java.net.SocketTimeoutException")),
        Symptom::Refused => (&CONNECTING, Some("java.net.ConnectException")),
        Symptom::NoRoute
        | Symptom::NetUnreachable
        | Symptom::UnknownHost(_)
        | Symptom::NoLocalPort
        | Symptom::TooManyFiles
        | Symptom::PoolTimeout => (&CONNECTING, None),
        _ => (&READING, None),
    };
    for f in frames {
        let _ = writeln!(t, "\tat {}", frame(f));
    }
    t += "\tat org.apache.http.impl.execchain.MainClientExec.execute(MainClientExec.java:272)\n";
    t += "\tat org.apache.http.impl.client.CloseableHttpClient.execute(CloseableHttpClient.java:83)\n";
    let _ = write!(t, "\t... {} more", w.d.between(5, 40));
    if let (Some(class), Some((_, why))) = (deeper, text.split_once(" failed: ")) {
        let _ = write!(t, "\nCaused by: {class}: {why}\n\t... {} more", w.d.between(10, 40));
    }
    t
}

/// How a failed call is reported.
#[derive(Debug, Clone, Copy)]
enum Form {
    Line,
    Trace,
    Flattened,
}

impl World {
    fn service_of(&self, k: usize) -> String {
        let word = &self.backends[self.calls[k].backend].word;
        let mut name = word.clone();
        if let Some(first) = name.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        format!("com.l7tech.server.message: Processing request for service: {name} [/{word}]")
    }

    fn push(&mut self, time: Ns, level: &'static str, k: usize, text: String, call: Option<(usize, bool)>) {
        let thread = self.calls[k].thread;
        self.lines.push(Line { time, level, thread, text, call });
    }

    /// Entries of a call that succeeded.
    pub fn log_done(&mut self, k: usize) {
        let (low, high) = self.style.lag;
        let mut end = self.now + self.d.time(low, high);
        let mut begin = self.calls[k].begun + self.d.time(0, 900 * US);
        if let Some(mean) = self.style.batched {
            end += self.d.wait(mean / 6).min(8 * mean);
            begin = end;
        }
        let service = self.service_of(k);
        self.push(begin, "INFO   ", k, service, None);
        if self.d.chance(0.45) {
            let took = (self.now - self.calls[k].begun) / MS;
            let text = format!(
                "com.l7tech.server.policy.assertion.ServerAuditDetailAssertion: -4: routing finished in {took} ms"
            );
            self.push(end + US, "INFO   ", k, text, None);
        }
        self.release(k, end);
    }

    fn release(&mut self, k: usize, end: Ns) {
        let thread = self.calls[k].thread;
        self.at(end + 2 * US, crate::world::Event::Free(thread));
    }

    /// Entries of a retry.
    pub fn log_retry(&mut self, k: usize, symptom: &Symptom) {
        let (_, class, mut text) = words(self, k, symptom);
        let b = &self.backends[self.calls[k].backend];
        let target = format!("{}->{}://{}:{}", if b.tls.is_some() { "{s}" } else { "{}" }, b.scheme(), b.host, b.port);
        if *symptom == Symptom::NoResponse {
            "The target server failed to respond".clone_into(&mut text);
        }
        let logger = "org.apache.http.impl.execchain.RetryExec";
        let at = self.now + self.d.time(50 * US, 800 * US);
        let caught = format!("{logger}: I/O exception ({class}) caught when processing request to {target}: {text}");
        self.push(at, "INFO   ", k, caught, None);
        self.push(at + US, "INFO   ", k, format!("{logger}: Retrying request to {target}"), None);
    }

    /// Entries of a failed call.
    pub fn log_failure(&mut self, k: usize) {
        let Some((symptom, _)) = self.calls[k].failure.clone() else { return };
        let (reason, class, text) = words(self, k, &symptom);
        let url = self.calls[k].url.clone();
        let told = format!("Unable to obtain HTTP response from {url}: {reason}");
        let (low, high) = self.style.lag;
        let mut at = self.now + self.d.log_range(low as f64, high as f64) as Ns;
        let mut begin = self.calls[k].begun + self.d.time(0, 900 * US);
        let mut later = self.d.time(10 * US, 900 * US);
        if let Some(mean) = self.style.batched {
            at += if self.d.chance(self.style.prompt) { self.d.time(MS, 20 * MS) } else { self.d.wait(mean) }
                .min(10_000 * MS);
            begin = at - self.d.time(0, 400 * US).min(at);
            later += self.d.time(0, 700 * MS);
        }
        let service = self.service_of(k);
        self.push(begin, "INFO   ", k, service, None);
        let form = *self.d.pick(&[Form::Line, Form::Line, Form::Trace, Form::Flattened]);
        let head = format!("{ROUTING}: 4042: Problem routing to {url}. Error msg: {told}");
        let first = match form {
            Form::Line => head,
            Form::Trace => format!("{head}\n{}", trace(self, &symptom, &told, class, &text)),
            Form::Flattened => flattened(ROUTING, &told, class, &text),
        };
        self.push(at, "WARNING", k, first, Some((k, false)));
        let mut end = at;
        if !matches!(form, Form::Flattened) && self.d.chance(0.35) {
            end = at + later;
            self.push(end, "SEVERE ", k, flattened(ALL, &told, class, &text), Some((k, true)));
        }
        if self.d.chance(0.5) {
            let until = if self.style.took_whole { end } else { self.now };
            let took = (until - self.calls[k].begun) / MS;
            let text = format!(
                "com.l7tech.server.policy.assertion.ServerAuditDetailAssertion: -4: routing finished in {took} ms"
            );
            self.push(end + US, "INFO   ", k, text, None);
        }
        self.release(k, end);
    }
}

/// A stamp such as `2026-11-20T20:54:31.378-0300` of an epoch time.
pub fn stamp(epoch: i128, zone: i32) -> String {
    let ms = epoch.div_euclid(1_000_000) + i128::from(zone) * 60_000;
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days as i64);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, millis) = (of_day / 1000 % 60, of_day % 1000);
    let sign = if zone < 0 { '-' } else { '+' };
    let (east, rest) = (zone.abs() / 60, zone.abs() % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}{sign}{east:02}{rest:02}")
}

/// Date of a day since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_the_zone_they_claim() {
        assert_eq!(stamp(1_763_682_871_378_000_000, -180), "2025-11-20T20:54:31.378-0300");
        assert_eq!(stamp(0, 330), "1970-01-01T05:30:00.000+0530");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
