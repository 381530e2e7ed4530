//! What an end sends, and when it sends it again.

use super::{Endpoint, Out, State};
use crate::wire::{Seg, flag};
use crate::{MS, Ns, SEC};

impl Endpoint {
    pub(super) fn tsval(&self, now: Ns) -> u32 {
        self.clock.wrapping_add((now / MS) as u32)
    }

    pub(super) fn base(&self, now: Ns, position: u64, flags: u8) -> Seg {
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

    pub(super) fn syn(&self, now: Ns, flags: u8) -> Seg {
        let mut s = self.base(now, 0, flags);
        s.mss = Some(self.stack.mss);
        s.sack_ok = self.sack;
        s.scale = if flags & flag::ACK != 0 && self.own_scale == 0 { None } else { self.stack.scale };
        s
    }

    pub(super) fn rto(&self) -> Ns {
        let base = if self.una == 0 { SEC } else { (self.srtt * 2).max(self.srtt + self.stack.min_rto) };
        base << self.backoff.min(9)
    }

    pub(super) fn pump(&mut self, now: Ns, out: &mut Out) {
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

    pub(super) fn stalled(&self) -> bool {
        self.peer_window == 0 && self.nxt == self.una && self.fin_pos() > self.nxt
    }

    pub(super) fn arm(&mut self, now: Ns) {
        // A lone tail segment is probed for a little sooner than its timeout.
        self.rto_at = Some(now + self.rto());
    }

    pub(super) fn sent_ack(&mut self) {
        self.ack_at = None;
        self.unacked_segs = 0;
    }

    pub(super) fn emit(&mut self, now: Ns, position: u64, n: usize, out: &mut Out) {
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

    pub(super) fn resend(&mut self, now: Ns, out: &mut Out) {
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

    pub(super) fn ack(&mut self, now: Ns, out: &mut Out) {
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
}
