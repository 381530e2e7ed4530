//! One end of a TCP connection, as a pure state machine: segments and application wishes in, segments and news out.
//!
//! Positions count the stream from 0 (the SYN) so that arithmetic is plain; the wire's numbers are `iss + position`.

mod receive;
mod send;

use crate::Ns;
use crate::stack::Stack;
use crate::wire::{Seg, flag};

/// A message of the application, known by where it ends in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Msg {
    /// TLS handshake flight, by its number (0 client's first, 1 server's first, 2 client's second, 3 server's second).
    Flight(u8),
    /// The request for a tunnel, or the answer to it.
    Tunnel,
    /// Something the reader ignores (session ticket).
    Noise,
    /// TLS `close_notify`.
    CloseNotify,
    /// Fatal TLS alert.
    Alert(u8),
    /// A whole request of a call.
    Request(usize),
    /// A whole response to a call.
    Response(usize),
}

/// News for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Handshake done.
    Connected,
    /// SYN answered by RST.
    Refused,
    /// New bytes in order.
    Data,
    /// A message is whole.
    Message(Msg),
    /// FIN in order.
    PeerFin,
    /// RST obeyed; whether a FIN came before.
    Reset {
        /// Whether the peer's FIN had been processed.
        after_fin: bool,
    },
    /// Send buffer has room again.
    Room,
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No socket.
    Dead,
    /// SYN sent.
    SynSent,
    /// SYN received, handshake not done.
    SynRcvd,
    /// Data may flow, or one side has closed.
    Open,
    /// Both have closed.
    TimeWait,
}

/// What came of an event.
#[derive(Debug, Default)]
pub struct Out {
    /// Segments to send, in order.
    pub segs: Vec<Seg>,
    /// News for the application.
    pub news: Vec<News>,
}

/// One end.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The host's stack.
    pub stack: Stack,
    /// State.
    pub state: State,
    iss: u32,
    peer_iss: u32,
    bytes: Vec<u8>,
    marks: Vec<(u64, Msg)>,
    told: usize,
    /// First position not acknowledged.
    pub una: u64,
    /// Next position to send.
    pub nxt: u64,
    high: u64,
    fin_wanted: bool,
    /// Next position expected.
    pub rcv: u64,
    ooo: Vec<(u64, u64)>,
    ooo_fin: Option<u64>,
    /// Peer's FIN processed.
    pub peer_fin: bool,
    /// Position up to which the application has read.
    pub read: u64,
    /// Whether the application reads.
    pub reading: bool,
    /// The application has closed the socket altogether.
    pub orphan: bool,
    /// RST obeyed.
    pub was_reset: bool,
    /// Handshake ACKs and data are dropped: the accept queue is full.
    pub overflow: bool,
    peer_window: u64,
    peer_scale: u8,
    own_scale: u8,
    mss: usize,
    ts: bool,
    sack: bool,
    clock: u32,
    echo: u32,
    cwnd: u64,
    dup_acks: u32,
    srtt: Ns,
    timed: Option<(u64, Ns)>,
    /// Times the oldest segment was sent again.
    pub backoff: u32,
    /// Retransmissions of data since the last reset of this counter.
    pub resent: u32,
    /// Deadline of the retransmission (or probe) timer.
    pub rto_at: Option<Ns>,
    /// Deadline of the delayed acknowledgement.
    pub ack_at: Option<Ns>,
    unacked_segs: u32,
}

impl Endpoint {
    /// A closed end.
    pub fn new(stack: Stack, iss: u32, clock: u32) -> Self {
        Self {
            mss: usize::from(stack.mss),
            ts: stack.ts,
            sack: stack.sack,
            stack,
            state: State::Dead,
            iss,
            peer_iss: 0,
            bytes: Vec::new(),
            marks: Vec::new(),
            told: 0,
            una: 0,
            nxt: 0,
            high: 0,
            fin_wanted: false,
            rcv: 0,
            ooo: Vec::new(),
            ooo_fin: None,
            peer_fin: false,
            read: 1,
            reading: true,
            orphan: false,
            was_reset: false,
            overflow: false,
            peer_window: 65_535,
            peer_scale: 0,
            own_scale: 0,
            clock,
            echo: 0,
            cwnd: 14_600,
            dup_acks: 0,
            srtt: 0,
            timed: None,
            backoff: 0,
            resent: 0,
            rto_at: None,
            ack_at: None,
            unacked_segs: 0,
        }
    }

    /// Position after the last byte of this end's stream.
    pub fn fin_pos(&self) -> u64 {
        1 + self.bytes.len() as u64
    }

    /// End of what the application has written.
    pub fn written(&self) -> u64 {
        self.fin_pos()
    }

    /// Bytes written and not acknowledged.
    pub fn backlog(&self) -> u64 {
        self.written().saturating_sub(self.una.max(1))
    }

    /// Peer's next message that is not whole yet (to be asked of the writer with the reader's position).
    pub fn message_after(&self, position: u64) -> Option<(u64, Msg)> {
        self.marks.iter().find(|m| m.0 > position).copied()
    }

    fn window(&self) -> u64 {
        let held = self.rcv.saturating_sub(self.read.max(1));
        u64::from(self.stack.rcvbuf).saturating_sub(held)
    }

    /// Opens: sends the SYN.
    pub fn connect(&mut self, now: Ns, out: &mut Out) {
        self.state = State::SynSent;
        self.nxt = 1;
        self.high = 1;
        self.timed = Some((1, now));
        out.segs.push(self.syn(now, flag::SYN));
        self.rto_at = Some(now + self.rto());
    }

    /// Listens.
    pub fn listen(&mut self) {
        self.state = State::SynRcvd;
    }

    /// Writes bytes that end message `msg`.
    pub fn write(&mut self, now: Ns, bytes: &[u8], msg: Option<Msg>, out: &mut Out) {
        if self.state == State::Dead || self.fin_wanted {
            return;
        }
        self.bytes.extend(bytes);
        if let Some(msg) = msg {
            self.marks.push((self.fin_pos(), msg));
        }
        self.pump(now, out);
    }

    /// The application closes: RST when it has unread bytes, else FIN.
    pub fn close(&mut self, now: Ns, out: &mut Out) {
        if self.state == State::Dead || self.orphan {
            return;
        }
        let unread = self.read < self.rcv - u64::from(self.peer_fin);
        if unread || self.state != State::Open {
            self.abort(now, out);
            return;
        }
        self.orphan = true;
        self.fin_wanted = true;
        self.pump(now, out);
        self.settle();
    }

    /// The application kills the socket: RST.
    pub fn abort(&mut self, now: Ns, out: &mut Out) {
        if matches!(self.state, State::Open | State::SynRcvd) {
            let mut r = self.base(now, self.high, flag::RST | flag::ACK);
            if !self.stack.active_reset_is_full() {
                r.window = 0;
                r.ts = None;
            }
            out.segs.push(r);
        }
        self.die();
    }

    /// The socket vanishes without a packet.
    pub fn die(&mut self) {
        self.state = State::Dead;
        self.orphan = true;
        self.rto_at = None;
        self.ack_at = None;
    }

    /// Lets the application read on (or stops it).
    pub fn set_reading(&mut self, now: Ns, on: bool, out: &mut Out) {
        let was = self.window();
        self.reading = on;
        if on {
            self.read = self.rcv - u64::from(self.peer_fin);
            if was == 0 && self.state == State::Open {
                self.ack(now, out);
            }
        }
    }

    /// Bytes received since position `from`, the FIN not counted.
    pub fn received_since(&self, from: u64) -> u64 {
        (self.rcv - u64::from(self.peer_fin)).saturating_sub(from)
    }

    /// Whether no byte from a position on has come, behind a gap either.
    pub fn nothing_since(&self, from: u64) -> bool {
        self.received_since(from) == 0 && self.ooo.iter().all(|range| range.1 <= from)
    }

    /// All written bytes are acknowledged.
    pub fn all_acked(&self) -> bool {
        self.una >= self.fin_pos()
    }
}

impl Endpoint {
    /// Position in this end's stream at which one of its own segments starts.
    pub fn position_of(&self, s: &Seg) -> u64 {
        u64::from(s.seq.wrapping_sub(self.iss))
    }

    /// A keep-alive probe: an empty segment one below the next number.
    pub fn probe(&mut self, now: Ns, out: &mut Out) {
        if self.state == State::Open {
            out.segs.push(self.base(now, self.una - 1, flag::ACK));
        }
    }

    /// A bare segment that this end's peer would take as in sequence, made by somebody else.
    pub fn forged(&self, flags: u8) -> Seg {
        Seg {
            seq: self.peer_iss.wrapping_add(self.rcv as u32),
            ack: if flags & flag::ACK == 0 { 0 } else { self.iss.wrapping_add(self.high as u32) },
            flags,
            ..Seg::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SEC;
    use crate::draw::Draw;

    /// Carries segments to and fro without delay until both are silent.
    fn carry(ends: &mut [Endpoint; 2], mut first: Out, from: usize) -> Vec<(usize, News)> {
        let mut news = Vec::new();
        let mut waiting: std::collections::VecDeque<(usize, Seg)> =
            first.segs.drain(..).map(|s| (1 - from, s)).collect();
        while let Some((to, seg)) = waiting.pop_front() {
            let mut out = Out::default();
            let (left, right) = ends.split_at_mut(1);
            let (end, writer) = if to == 0 { (&mut left[0], &right[0]) } else { (&mut right[0], &left[0]) };
            end.on_segment(SEC, &seg, writer, &mut out);
            waiting.extend(out.segs.into_iter().map(|s| (1 - to, s)));
            news.extend(out.news.into_iter().map(|n| (to, n)));
        }
        news
    }

    fn pair(iss: u32) -> [Endpoint; 2] {
        let mut d = Draw::new(1);
        let stack = Stack::gateway(&mut d, false);
        let mut ends = [Endpoint::new(stack.clone(), iss, 5), Endpoint::new(stack, iss ^ 7, 9)];
        ends[1].listen();
        let mut out = Out::default();
        ends[0].connect(0, &mut out);
        let news = carry(&mut ends, out, 0);
        assert!(news.contains(&(0, News::Connected)) && news.contains(&(1, News::Connected)));
        ends
    }

    #[test]
    fn a_request_arrives_whole_also_where_numbers_wrap() {
        let mut ends = pair(u32::MAX - 20_000);
        let mut out = Out::default();
        ends[0].write(SEC, &vec![7; 100_000], Some(Msg::Request(3)), &mut out);
        let news = carry(&mut ends, out, 0);
        assert!(news.contains(&(1, News::Message(Msg::Request(3)))));
        assert!(ends[0].all_acked());
    }

    #[test]
    fn closing_with_unread_bytes_resets() {
        let mut ends = pair(1000);
        let mut out = Out::default();
        ends[1].set_reading(SEC, false, &mut out);
        ends[0].write(SEC, b"unread", None, &mut out);
        carry(&mut ends, out, 0);
        let mut out = Out::default();
        ends[1].close(SEC, &mut out);
        assert!(out.segs[0].has(flag::RST | flag::ACK));
        let news = carry(&mut ends, out, 1);
        assert_eq!(news, [(0, News::Reset { after_fin: false })]);
    }
}
