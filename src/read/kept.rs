//! Failed calls as they are kept until the run ends: what passes over all of them ask is at hand, the rest is packed.
//!
//! A log of days has a million of them, of a few hundred bytes each, which are looked at one after the other; so what is packed need not be in memory
//! ([`crate::track::store`]).

use std::sync::Arc;

use wirecause_parsers::{
    log::{EntrySpan, FailedCall, Failure, Retry, Symptom, Target},
    time::Timestamp,
};

use crate::track::{
    pack::{Pack, Packer, Unpacker, pack_fields, pack_variants},
    store::{Store, Stretch, Writer},
};

/// A failed call.
#[derive(Clone, Debug)]
pub struct KeptCall {
    /// When the first entry that reports the call was written, by the log's clock, in UTC.
    pub time: Timestamp,
    /// How it failed.
    pub failure: Arc<Failure>,
    rest: Stretch,
}

impl KeptCall {
    /// All that the log says of it.
    pub fn open(&self) -> FailedCall {
        let bytes = self.rest.bytes();
        let mut from = Unpacker::new(&bytes);
        FailedCall {
            time: self.time,
            failure: Arc::clone(&self.failure),
            entry: Pack::unpack(&mut from),
            also: Pack::unpack(&mut from),
            thread: Pack::unpack(&mut from),
            service: Pack::unpack(&mut from),
            url: Pack::unpack(&mut from),
            retries: Pack::unpack(&mut from),
            processing: Pack::unpack(&mut from),
            elapsed_ms: Pack::unpack(&mut from),
            elapsed_line: Pack::unpack(&mut from),
            request_before: Pack::unpack(&mut from),
        }
    }

    /// Whether `HttpClient` made the call again by itself.
    pub const fn is_repeated(&self) -> bool {
        self.rest.marks & REPEATED > 0
    }
}

impl From<FailedCall> for KeptCall {
    fn from(call: FailedCall) -> Self {
        CallShelf::default().put(call)
    }
}

/// Packs failed calls. They can be opened once it is gone.
#[derive(Debug, Default)]
pub struct CallShelf {
    packer: Packer,
    writer: Writer,
}

impl CallShelf {
    /// A shelf whose calls lie in `store`.
    pub fn new(store: Arc<Store>) -> Self {
        Self { packer: Packer::default(), writer: Writer::new(store) }
    }

    /// Packs a call. Each field is named, so that one that is added does not compile.
    pub fn put(&mut self, call: FailedCall) -> KeptCall {
        let FailedCall {
            time,
            failure,
            entry,
            also,
            thread,
            service,
            url,
            retries,
            processing,
            elapsed_ms,
            elapsed_line,
            request_before,
        } = call;
        let to = &mut self.packer;
        entry.pack(to);
        also.pack(to);
        (thread, service).pack(to);
        url.pack(to);
        retries.pack(to);
        (processing, elapsed_ms).pack(to);
        (elapsed_line, request_before).pack(to);
        let marks = if retries.is_empty() { 0 } else { REPEATED };
        let rest = self.writer.put(marks, |bytes| self.packer.end(bytes));
        KeptCall { time, failure, rest }
    }
}

impl Pack for EntrySpan {
    fn pack(&self, to: &mut Packer) {
        (self.first_line, self.last_line.wrapping_sub(self.first_line)).pack(to);
        (self.offset, self.length).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let (first_line, more) = <(u64, u64)>::unpack(from);
        let (offset, length) = Pack::unpack(from);
        Self { first_line, last_line: first_line.wrapping_add(more), offset, length }
    }
}

pack_fields!(Target { scheme, host, port });
pack_fields!(Retry { time, line, thread, target, symptom });
pack_variants!(Symptom {
    ConnectionReset,
    BrokenPipe,
    NoResponse,
    PrematureEnd,
    ReadTimeout,
    ConnectTimeout,
    ConnectionRefused,
    NoRoute,
    UnknownHost,
    TlsHandshake,
    TlsClosed,
    PoolTimeout,
    NoLocalPort,
    SocketClosed,
    Other,
});

/// Mark of a call that was made again.
const REPEATED: u8 = 1;

#[cfg(test)]
mod tests {
    use wirecause_parsers::log::{LogOptions, LogScanner};

    use super::*;

    const LOG: &str = "\
        2026-11-20T20:54:30.100-0300 INFO 77 com.l7tech.server.message: Processing request for service: Orders [/orders]\n\
        2026-11-20T20:54:31.000-0300 INFO 77 com.l7tech.server.message: Processing request for service: Orders [/orders]\n\
        2026-11-20T20:54:31.020-0300 INFO 77 org.apache.http.impl.execchain.RetryExec: I/O exception \
        (java.net.SocketException) caught when processing request to {}->http://h:8080: Connection reset\n\
        2026-11-20T20:54:31.040-0300 WARNING 77 com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion: 4042: Problem routing \
        to http://h:8080/a?b=ü. Error msg: Unable to obtain HTTP response from http://h:8080/a?b=ü: Connection reset\n\
        2026-11-20T20:54:31.041-0300 SEVERE 77 com.l7tech.server.log: Error occurred. com.l7tech.common.http.GenericHttpException: \
        Unable to obtain HTTP response from http://h:8080/a?b=ü: Connection reset\n\
        \tat com.l7tech.common.http.prov.apache.components.f.getResponse(Unknown Source)\n\
        Caused by: java.net.SocketException: Connection reset\n\
        2026-11-20T20:54:31.045-0300 INFO 77 com.l7tech.server.policy.assertion.ServerAuditDetailAssertion: -4: routing finished in 51 ms\n\
        2026-11-20T20:54:35.000-0300 WARNING 78 com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion: 4042: Problem routing \
        to https://i/. Error msg: Unable to obtain HTTP response from https://i/: Read timed out\n";

    #[test]
    fn what_is_opened_is_what_was_kept() {
        let mut scanner = LogScanner::new(LogOptions::default());
        scanner.feed(LOG.as_bytes());
        let calls = scanner.finish().calls;
        let full = calls.first().unwrap();
        // Wherever they lie: in memory, in a file.
        let shelves = [CallShelf::default(), CallShelf::new(Arc::new(Store::with_room(0)))];
        assert!(
            full.also.is_some() && full.service.is_some() && full.processing.is_some() && full.request_before.is_some()
        );
        assert!(full.elapsed_ms.zip(full.elapsed_line).is_some() && full.retries.len() == 1 && full.thread.is_some());
        for mut shelf in shelves {
            let kept: Vec<KeptCall> = calls.iter().map(|call| shelf.put(call.clone())).collect();
            drop(shelf);
            assert_eq!(kept.iter().map(KeptCall::open).collect::<Vec<_>>(), calls);
            assert_eq!(kept.iter().map(KeptCall::is_repeated).collect::<Vec<_>>(), [true, false]);
        }
    }

    /// A million calls take 32 megabytes of memory.
    #[test]
    fn a_call_takes_little_memory() {
        assert_eq!(size_of::<KeptCall>(), 32);
    }
}
