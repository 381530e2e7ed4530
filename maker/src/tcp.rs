//! One end of a TCP connection, as a pure state machine: segments and application wishes in, segments and news out.
//!
//! Positions count the stream from 0 (the SYN) so that arithmetic is plain; the wire's numbers are `iss + position`.

use crate::stack::{Kind, Stack};
use crate::wire::{Seg, flag};
use crate::{MS, Ns, SEC};

/// A message of the application, known by where it ends in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Msg {
    /// TLS handshake flight, by its number (0 client's first, 1 server's first, 2 client's second, 3 server's second).
    Flight(u8),
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

    fn fin_pos(&self) -> u64 {
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

    /// Where message `msg` of this end's stream ends, and where the one before it ended.
    pub fn span_of(&self, msg: Msg) -> Option<(u64, u64)> {
        let i = self.marks.iter().rposition(|m| m.1 == msg)?;
        Some((if i == 0 { 1 } else { self.marks[i - 1].0 }, self.marks[i].0))
    }

    /// Peer's next message that is not whole yet (to be asked of the writer with the reader's position).
    pub fn message_after(&self, position: u64) -> Option<(u64, Msg)> {
        self.marks.iter().find(|m| m.0 > position).copied()
    }

    fn tsval(&self, now: Ns) -> u32 {
        self.clock.wrapping_add((now / MS) as u32)
    }

    fn window(&self) -> u64 {
        let held = self.rcv.saturating_sub(self.read.max(1));
        u64::from(self.stack.rcvbuf).saturating_sub(held)
    }

    fn base(&self, now: Ns, position: u64, flags: u8) -> Seg {
        let scaled = if flags & flag::SYN != 0 { self.window() } else { self.window() >> self.own_scale };
        Seg {
            seq: self.iss.wrapping_add(position as u32),
            ack: if flags & flag::ACK == 0 { 0 } else { self.peer_iss.wrapping_add(self.rcv as u32) },
            flags,
            window: scaled.min(65_535) as u16,
            ts: self.ts.then(|| (self.tsval(now), self.echo)),
            ttl: self.stack.ttl,
            df: true,
            ..Seg::default()
        }
    }

    fn syn(&self, now: Ns, flags: u8) -> Seg {
        let mut s = self.base(now, 0, flags);
        s.mss = Some(self.stack.mss);
        s.sack_ok = self.sack;
        s.scale = if flags & flag::ACK != 0 && self.own_scale == 0 { None } else { self.stack.scale };
        s
    }

    fn rto(&self) -> Ns {
        let base = if self.una == 0 { SEC } else { (self.srtt * 2).max(self.srtt + self.stack.min_rto) };
        base << self.backoff.min(9)
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

    fn pump(&mut self, now: Ns, out: &mut Out) {
        if self.state != State::Open {
            return;
        }
        let per_segment = self.mss - if self.ts { 12 } else { 0 };
        loop {
            let room = (self.una + self.peer_window.min(self.cwnd)).saturating_sub(self.nxt);
            let left = self.fin_pos().saturating_sub(self.nxt);
            if left == 0 || room == 0 || (room < left && room < per_segment as u64 && self.nxt > self.una) {
                break;
            }
            let most = if self.stack.offload { 12 * per_segment } else { per_segment } as u64;
            let mut n = left.min(room).min(most);
            if n > per_segment as u64 {
                n -= n % per_segment as u64;
            }
            self.emit(now, self.nxt, n as usize, out);
            self.nxt += n;
        }
        if self.fin_wanted && self.nxt == self.fin_pos() {
            let s = self.base(now, self.nxt, flag::FIN | flag::ACK);
            out.segs.push(s);
            self.sent_ack();
            self.nxt += 1;
        }
        self.high = self.high.max(self.nxt);
        if self.rto_at.is_none() && (self.nxt > self.una || self.stalled()) {
            self.arm(now);
        }
    }

    fn stalled(&self) -> bool {
        self.peer_window == 0 && self.nxt == self.una && self.fin_pos() > self.nxt
    }

    fn arm(&mut self, now: Ns) {
        // A lone tail segment is probed for a little sooner than its timeout.
        self.rto_at = Some(now + self.rto());
    }

    fn sent_ack(&mut self) {
        self.ack_at = None;
        self.unacked_segs = 0;
    }

    fn emit(&mut self, now: Ns, position: u64, n: usize, out: &mut Out) {
        let start = (position - 1) as usize;
        let mut s = self.base(now, position, flag::ACK);
        s.payload = self.bytes[start..start + n].to_vec();
        if position + n as u64 == self.fin_pos() || n < self.mss - 12 {
            s.flags |= flag::PSH;
        }
        if position < self.high {
            self.resent += 1;
            self.timed = None;
        } else if self.timed.is_none() {
            self.timed = Some((position + n as u64, now));
        }
        out.segs.push(s);
        self.sent_ack();
    }

    fn resend(&mut self, now: Ns, out: &mut Out) {
        let per_segment = (self.mss - if self.ts { 12 } else { 0 }) as u64;
        if self.una < self.fin_pos() {
            let n = per_segment.min(self.fin_pos() - self.una).min(self.high.saturating_sub(self.una).max(1));
            self.emit(now, self.una, n as usize, out);
            if self.una + n == self.fin_pos()
                && self.fin_wanted
                && self.high > self.fin_pos()
                && let Some(last) = out.segs.last_mut()
            {
                last.flags |= flag::FIN;
            }
        } else if self.fin_wanted && self.high > self.fin_pos() {
            out.segs.push(self.base(now, self.fin_pos(), flag::FIN | flag::ACK));
        }
    }

    /// The retransmission timer fired.
    pub fn on_rto(&mut self, now: Ns, out: &mut Out) {
        self.rto_at = None;
        match self.state {
            State::SynSent => out.segs.push(self.syn(now, flag::SYN)),
            State::SynRcvd => out.segs.push(self.syn(now, flag::SYN | flag::ACK)),
            State::Open if self.stalled() => {
                let s = self.base(now, self.una - 1, flag::ACK);
                out.segs.push(s);
            }
            State::Open if self.high > self.una => {
                if self.backoff > 0 || self.high - self.una > 3 * self.mss as u64 {
                    self.cwnd = self.mss as u64;
                }
                self.resend(now, out);
            }
            _ => return,
        }
        let most = match self.state {
            State::SynRcvd => 5,
            State::SynSent => 6,
            _ => 12,
        };
        if self.backoff >= most {
            if self.state == State::SynRcvd {
                self.die();
            }
            return;
        }
        self.backoff += 1;
        self.rto_at = Some(now + self.rto());
    }

    /// The delayed-acknowledgement timer fired.
    pub fn on_ack_timer(&mut self, now: Ns, out: &mut Out) {
        self.ack_at = None;
        if matches!(self.state, State::Open | State::TimeWait) {
            self.ack(now, out);
        }
    }

    fn ack(&mut self, now: Ns, out: &mut Out) {
        let mut s = self.base(now, self.nxt, flag::ACK);
        if let Some(&(mut from, mut to)) = self.ooo.last().filter(|_| self.sack) {
            // The block around the latest arrival.
            while let Some(o) = self.ooo.iter().find(|o| o.0 < from && o.1 >= from || o.1 > to && o.0 <= to) {
                (from, to) = (from.min(o.0), to.max(o.1));
            }
            to += u64::from(self.ooo_fin == Some(to));
            let at = |p: u64| self.peer_iss.wrapping_add(p as u32);
            s.sack = Some((at(from), at(to)));
        }
        out.segs.push(s);
        self.sent_ack();
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

    fn settle(&mut self) {
        if self.peer_fin && self.fin_wanted && self.una > self.fin_pos() {
            // Whoever closed last is done; the first to close waits.
            self.state = State::TimeWait;
            self.rto_at = None;
        }
    }

    /// A segment arrived. Returns false where no socket answers it.
    pub fn on_segment(&mut self, now: Ns, s: &Seg, writer: &Endpoint, out: &mut Out) -> bool {
        match self.state {
            State::Dead => return false,
            State::SynSent => self.in_syn_sent(now, s, out),
            State::SynRcvd => return self.in_syn_rcvd(now, s, writer, out),
            State::TimeWait => {
                if s.has(flag::RST) {
                    return true;
                }
                if s.space() > 0 && s.has(flag::FIN) {
                    self.ack(now, out);
                } else if !s.payload.is_empty() {
                    return false;
                }
            }
            State::Open => return self.in_open(now, s, writer, out),
        }
        true
    }

    fn negotiate(&mut self, s: &Seg) {
        self.peer_iss = s.seq;
        self.rcv = 1;
        self.ts = self.ts && s.ts.is_some();
        self.sack = self.sack && s.sack_ok;
        if let Some(mss) = s.mss {
            self.mss = self.mss.min(usize::from(mss));
        }
        if let (Some(own), Some(peer)) = (self.stack.scale, s.scale) {
            self.own_scale = own;
            self.peer_scale = peer;
        }
        self.cwnd = 10 * self.mss as u64;
        self.peer_window = u64::from(s.window);
        if let Some((value, _)) = s.ts {
            self.echo = if self.ts { value } else { 0 };
        }
    }

    fn in_syn_sent(&mut self, now: Ns, s: &Seg, out: &mut Out) {
        if s.has(flag::RST) {
            self.die();
            out.news.push(News::Refused);
        } else if s.has(flag::SYN | flag::ACK) {
            self.negotiate(s);
            self.una = 1;
            if let Some((_, at)) = self.timed.take().filter(|_| self.backoff == 0) {
                self.srtt = now - at;
            }
            self.backoff = 0;
            self.rto_at = None;
            self.state = State::Open;
            self.ack(now, out);
            out.news.push(News::Connected);
        }
    }

    fn in_syn_rcvd(&mut self, now: Ns, s: &Seg, writer: &Endpoint, out: &mut Out) -> bool {
        if s.has(flag::RST) {
            self.die();
        } else if s.has(flag::SYN) {
            if self.nxt == 0 {
                self.negotiate(s);
                self.nxt = 1;
                self.high = 1;
                self.timed = Some((1, now));
            }
            out.segs.push(self.syn(now, flag::SYN | flag::ACK));
            self.rto_at = Some(now + self.rto());
        } else if self.nxt == 0 {
            return false;
        } else if !self.overflow {
            self.state = State::Open;
            self.una = 1;
            if let Some((_, at)) = self.timed.take().filter(|_| self.backoff == 0) {
                self.srtt = now - at;
            }
            self.backoff = 0;
            self.rto_at = None;
            out.news.push(News::Connected);
            return self.in_open(now, s, writer, out);
        }
        true
    }

    fn in_open(&mut self, now: Ns, s: &Seg, writer: &Endpoint, out: &mut Out) -> bool {
        let at = u64::from(s.seq.wrapping_sub(self.peer_iss));
        if s.has(flag::RST) {
            if at == self.rcv {
                let after_fin = self.peer_fin;
                self.was_reset = true;
                self.die();
                out.news.push(News::Reset { after_fin });
            } else if at > self.rcv && at < self.rcv + self.window().max(1) {
                self.ack(now, out);
            }
            return true;
        }
        if s.has(flag::SYN) {
            self.ack(now, out);
            return true;
        }
        self.take_ack(now, s, out);
        let end = at + s.payload.len() as u64;
        if self.orphan && end > self.rcv && !s.payload.is_empty() {
            // Data for a socket that its process has closed.
            self.die();
            return false;
        }
        if let Some((value, _)) = s.ts.filter(|_| self.ts && at <= self.rcv) {
            self.echo = value;
        }
        if s.space() > 0 || at + 1 == self.rcv {
            self.take_data(now, at, end, s.has(flag::FIN), writer, out);
        }
        self.pump(now, out);
        self.settle();
        true
    }

    fn take_ack(&mut self, now: Ns, s: &Seg, out: &mut Out) {
        let acked = u64::from(s.ack.wrapping_sub(self.iss));
        let before = self.peer_window;
        self.peer_window = u64::from(s.window) << self.peer_scale;
        if acked > self.una && acked <= self.high {
            if let Some((_, at)) = self.timed.take_if(|t| t.0 <= acked) {
                let sample = now - at;
                self.srtt = if self.srtt == 0 { sample } else { (self.srtt * 7 + sample) / 8 };
            }
            self.cwnd = (self.cwnd + (acked - self.una)).min(4_000_000);
            self.una = acked;
            self.nxt = self.nxt.max(acked);
            self.dup_acks = 0;
            let recovering = self.backoff > 0;
            self.backoff = 0;
            self.rto_at = None;
            if self.high > self.una {
                if recovering {
                    self.nxt = self.una;
                    if self.fin_wanted && self.una > self.fin_pos() {
                        self.nxt = self.high;
                    }
                }
                self.arm(now);
            }
            out.news.push(News::Room);
        } else if acked == self.una && self.high > self.una && s.space() == 0 && self.peer_window == before {
            self.dup_acks += 1;
            if self.dup_acks == 3 && self.backoff == 0 {
                self.cwnd = (self.cwnd / 2).max(2 * self.mss as u64);
                self.resend(now, out);
            }
        }
        if before == 0 && self.peer_window > 0 {
            self.backoff = 0;
            self.rto_at = None;
        }
    }

    fn take_data(&mut self, now: Ns, at: u64, end: u64, fin: bool, writer: &Endpoint, out: &mut Out) {
        let fits = end <= self.rcv + self.window();
        if end + u64::from(fin) <= self.rcv || at > self.rcv || !fits || self.peer_fin {
            if at > self.rcv && fits {
                self.ooo.push((at, end));
                if fin {
                    self.ooo_fin = Some(end);
                }
            }
            self.ack(now, out);
            return;
        }
        let mut rcv = self.rcv.max(end);
        let filled = !self.ooo.is_empty();
        while let Some(i) = self.ooo.iter().position(|o| o.0 <= rcv) {
            rcv = rcv.max(self.ooo.swap_remove(i).1);
        }
        let fin = fin && end == rcv || self.ooo_fin == Some(rcv);
        let grew = rcv > self.rcv;
        self.rcv = rcv;
        if self.reading {
            self.read = rcv;
        }
        if fin {
            self.rcv += 1;
            self.peer_fin = true;
        }
        self.unacked_segs += 1;
        let lone_fin = fin && !grew;
        if lone_fin && self.stack.kind == Kind::Linux {
            self.ack_at = Some(now + 40 * MS);
        } else if self.stack.delack == 0 || fin || filled || self.unacked_segs >= 2 || self.window() == 0 {
            self.ack(now, out);
        } else {
            self.ack_at = Some(now + self.stack.delack);
        }
        if grew {
            self.tell(writer, out);
        }
        if fin {
            out.news.push(News::PeerFin);
        }
    }

    fn tell(&mut self, writer: &Endpoint, out: &mut Out) {
        out.news.push(News::Data);
        if !self.reading {
            return;
        }
        while let Some(&(end, msg)) = writer.marks.get(self.told) {
            if end > self.read {
                break;
            }
            self.told += 1;
            out.news.push(News::Message(msg));
        }
    }

    /// After reading was switched on again: the messages now whole.
    pub fn catch_up(&mut self, writer: &Endpoint, out: &mut Out) {
        self.tell(writer, out);
    }

    /// Bytes received since position `from`, the FIN not counted.
    pub fn received_since(&self, from: u64) -> u64 {
        (self.rcv - u64::from(self.peer_fin)).saturating_sub(from)
    }

    /// Whether a challenge or reset of this stack leaves the window out.
    pub fn is_windows(&self) -> bool {
        self.stack.kind == Kind::Windows
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
