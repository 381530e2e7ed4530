//! Exchanges: a request and its response as TCP shows them.

use wirecause_parsers::time::Timestamp;

use super::{note::FrameId, pack::pack_fields};

/// One request of the originator and what came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// Its number on the connection, from 1.
    pub number: u64,
    /// From the last payload byte before it (either side's) to its first byte, in nanoseconds; `None` for the first.
    pub idle_before: Option<i64>,
    /// First request byte.
    pub request_start: Timestamp,
    /// Frame of the first request byte.
    pub request_frame: FrameId,
    /// Last new request byte.
    pub request_end: Timestamp,
    /// Offset of the first request byte in the originator's stream.
    pub request_from: i64,
    /// Offset after the last request byte.
    pub request_to: i64,
    /// When the responder had acknowledged all of the request; `None` if it never did.
    pub request_acked: Option<Timestamp>,
    /// Distinct request bytes acknowledged so far.
    pub acked_bytes: u64,
    /// First response byte.
    pub response_start: Option<Timestamp>,
    /// Last new response byte.
    pub response_end: Option<Timestamp>,
    /// Distinct response bytes; TLS session tickets and handshake messages are none.
    pub response_bytes: u64,
    /// Retransmitted segments of the request.
    pub request_retransmissions: u32,
    /// Retransmitted segments of the response.
    pub response_retransmissions: u32,
    /// Method and target of a plain HTTP request, as far as captured.
    pub target: Option<Box<str>>,
    /// Whether the snap length cut the target short.
    pub target_cut: bool,
    /// Bytes of the whole request by its head: head and Content-Length.
    pub request_expected: Option<u64>,
    /// Bytes of the whole response by its head.
    pub response_expected: Option<u64>,
    /// Length of the response's head.
    pub response_head: Option<u64>,
    /// Status of the response.
    pub status: Option<u16>,
    /// Whether the response said that the connection would be closed after it.
    pub response_closes: bool,
    /// Whether the peer's FIN or RST had arrived before the first request byte was sent.
    pub after_peer_close: bool,
}

pack_fields!(Exchange {
    number,
    request_start,
    request_frame,
    request_end,
    idle_before,
    request_from,
    request_to,
    request_acked,
    acked_bytes,
    response_start,
    response_end,
    response_bytes,
    request_retransmissions,
    response_retransmissions,
    target,
    target_cut,
    request_expected,
    response_expected,
    response_head,
    status,
    response_closes,
    after_peer_close,
});

impl Exchange {
    /// Distinct request bytes sent.
    pub const fn request_bytes(&self) -> u64 {
        (self.request_to - self.request_from) as u64
    }

    /// Whether all response bytes that its head announced arrived; `None` where the head does not say or was not seen.
    pub fn complete(&self) -> Option<bool> {
        self.response_expected.map(|expected| self.response_bytes >= expected)
    }

    /// Body bytes received, as a gateway counts them in a premature end.
    pub fn body_received(&self) -> Option<u64> {
        self.response_head.map(|head| self.response_bytes.saturating_sub(head))
    }
}

/// The exchanges of one connection: the last ones whole, the earlier ones as statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchanges {
    /// The last exchanges, oldest first, at most [`MAX_WHOLE`].
    pub last: Vec<Exchange>,
    /// How many there were in all.
    pub count: u64,
    /// The longest idle time before a request that was answered, in nanoseconds.
    pub longest_idle_survived: Option<i64>,
    /// The longest time from a request's end to its first response byte, in nanoseconds.
    pub longest_wait_survived: Option<i64>,
}

pack_fields!(Exchanges { last, count, longest_idle_survived, longest_wait_survived });

impl Exchanges {
    /// The exchange under way, or the last one.
    pub fn current(&self) -> Option<&Exchange> {
        self.last.last()
    }

    /// The same, to be changed.
    pub fn current_mut(&mut self) -> Option<&mut Exchange> {
        self.last.last_mut()
    }

    /// Begins an exchange.
    pub fn begin(&mut self, exchange: Exchange) {
        self.settle();
        if self.last.len() == MAX_WHOLE {
            self.last.remove(0);
        }
        self.count += 1;
        // Most connections carry one, or many.
        self.last.reserve_exact(if self.last.is_empty() { 1 } else { MAX_WHOLE - self.last.len() });
        self.last.push(exchange);
    }

    /// Takes back the exchange under way: it was no request of a call's.
    pub(super) fn forget_current(&mut self) {
        if self.last.pop().is_some() {
            self.count -= 1;
        }
    }

    /// Gives up all but the last.
    pub(super) fn keep_last(&mut self) {
        self.last.drain(..self.last.len().saturating_sub(1));
    }

    /// Counts what the exchange under way survived; called when the next one begins and at the end.
    pub fn settle(&mut self) {
        let Some(exchange) = self.last.last() else { return };
        let Some(answered) = exchange.response_start else { return };
        self.longest_idle_survived = self.longest_idle_survived.max(exchange.idle_before);
        self.longest_wait_survived = self.longest_wait_survived.max(Some(answered.since(exchange.request_end)));
    }
}

/// Exchanges kept whole. An error ends its connection in HTTP/1, so that one would do; with HTTP/2 and with attempts that the
/// client repeats, a call may have failed a few exchanges earlier.
pub const MAX_WHOLE: usize = 8;
