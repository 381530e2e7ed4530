//! What a log says of one failed outbound call.

use std::{fmt, net::IpAddr, sync::Arc};

use super::failures::Source;
use crate::time::Timestamp;

/// One failed outbound call, however many entries of the log report it.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedCall {
    /// When the first entry that reports the call was written, by the log's clock, in UTC.
    pub time: Timestamp,
    /// The entry that reports the call first.
    pub entry: EntrySpan,
    /// The later entry that reports the same call, where there is one in the same file.
    pub also: Option<Box<EntrySpan>>,
    /// The thread that made the call, as written; the request's id where the log names no thread.
    pub thread: Option<Arc<str>>,
    /// The service, from the thread's last `Processing request for service` line, such as `Orders [/orders]`.
    pub service: Option<Arc<str>>,
    /// The URL as logged.
    pub url: String,
    /// What it has in common with the calls that failed in the same way.
    pub failure: Arc<Failure>,
    /// `HttpClient`'s own earlier attempts of this call, in log order.
    pub retries: Vec<Retry>,
    /// Stamp of the thread's `Processing request` line. With batched auditing this is no begin time.
    pub processing: Option<Timestamp>,
    /// How long the call or its request took in milliseconds, where a line of the same thread and request says so.
    pub elapsed_ms: Option<u64>,
    /// Stamp of the line that says so. The duration may have ended with the call's failure or when that line was written.
    pub elapsed_line: Option<Timestamp>,
    /// Stamp of the thread's `Processing request` line before that of this call's request: the call began later.
    pub request_before: Option<Timestamp>,
}

/// How a call failed, whenever and of whatever request: kept once for all calls of which it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The zone the stamp was written in, seconds east of UTC; `None` where the log names none.
    pub zone: Option<i32>,
    /// Step of the log's clock in nanoseconds: the entry was written within `[time, time + resolution)`.
    pub resolution: i64,
    /// What the URL names.
    pub target: Target,
    /// The failure's kind.
    pub symptom: Symptom,
    /// The reason as logged: the text after the last copy of the URL, without stack frames.
    pub message: String,
    /// Exception classes with package, outermost first, as far as the log holds them.
    pub exceptions: Vec<Arc<str>>,
    /// What the gateway was doing, as told by the stack frames of the public libraries below it.
    pub phase: Option<Phase>,
    /// The host's addresses, where the text holds any, in the order in which they were tried.
    pub remotes: Vec<IpAddr>,
    /// The configured limit that a timeout text names, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The byte counts of a premature end of a body.
    pub premature_end: Option<PrematureEnd>,
    pub(super) source: Source,
    /// What tells it from all others.
    pub(super) key: u64,
}

/// Where an entry stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntrySpan {
    /// Number of the entry's first line, from 1.
    pub first_line: u64,
    /// Number of its last line, continuation included.
    pub last_line: u64,
    /// Byte offset of the first line in the (decompressed) file.
    pub offset: u64,
    /// Length in bytes, line ends included.
    pub length: u64,
}

/// Scheme, host and port that a URL names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// `http` or `https`, lower case.
    pub scheme: String,
    /// Host name in lower case without a trailing dot, or an address; IPv6 without brackets.
    pub host: String,
    /// The URL's port, or the scheme's default.
    pub port: u16,
}

/// The kinds of failure that a log tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Symptom {
    /// `Connection reset`, `Connection reset by peer`: a RST met on read or write.
    ConnectionReset,
    /// `Broken pipe`: a write after the peer's FIN or RST was processed.
    BrokenPipe,
    /// `failed to respond`, `Unexpected end of file from server`: a FIN before the status line.
    NoResponse,
    /// `Premature end of …`, `Truncated chunk`: a FIN inside the body.
    PrematureEnd,
    /// `Read timed out`.
    ReadTimeout,
    /// `connect timed out`.
    ConnectTimeout,
    /// `Connection refused`.
    ConnectionRefused,
    /// `No route to host`, `Network is unreachable`, `Host is unreachable`.
    NoRoute,
    /// The name did not resolve.
    UnknownHost,
    /// The TLS handshake failed: an alert, a refused certificate, the peer gone in mid-handshake.
    TlsHandshake,
    /// A TLS connection that had closed without or before `close_notify`.
    TlsClosed,
    /// The connection pool gave no connection in time.
    PoolTimeout,
    /// No local port or descriptor: `Cannot assign requested address`, `Too many open files`.
    NoLocalPort,
    /// The gateway itself had closed the socket.
    SocketClosed,
    /// A failure whose text is none of these.
    Other,
}

impl Symptom {
    /// The word of `errors.csv`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ConnectionReset => "connection-reset",
            Self::BrokenPipe => "broken-pipe",
            Self::NoResponse => "no-response",
            Self::PrematureEnd => "premature-end",
            Self::ReadTimeout => "read-timeout",
            Self::ConnectTimeout => "connect-timeout",
            Self::ConnectionRefused => "connection-refused",
            Self::NoRoute => "no-route",
            Self::UnknownHost => "unknown-host",
            Self::TlsHandshake => "tls-handshake",
            Self::TlsClosed => "tls-closed",
            Self::PoolTimeout => "pool-timeout",
            Self::NoLocalPort => "no-local-port",
            Self::SocketClosed => "socket-closed",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the gateway was doing when the call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Opening the TCP connection.
    Connect,
    /// In the TLS handshake.
    TlsHandshake,
    /// Sending the request: the failure met a write.
    SendRequest,
    /// Waiting for the status line.
    AwaitResponse,
    /// Reading the body.
    ReadBody,
}

/// Byte counts of a body that ended too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrematureEnd {
    /// Bytes announced; `None` for a chunked body without a size.
    pub expected: Option<u64>,
    /// Body bytes received.
    pub received: Option<u64>,
}

/// An attempt that `HttpClient` gave up and repeated by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Stamp of the line.
    pub time: Timestamp,
    /// Its line number, from 1.
    pub line: u64,
    /// The thread, as written.
    pub thread: Option<Arc<str>>,
    /// The endpoint that the line names, where it does.
    pub target: Option<Target>,
    /// The attempt's failure.
    pub symptom: Symptom,
}
