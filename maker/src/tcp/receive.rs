//! What an end does with the segments that arrive.

use super::{Endpoint, News, Out, State};
use crate::stack::Kind;
use crate::wire::{Seg, flag};
use crate::{MS, Ns};

impl Endpoint {
    pub(super) fn settle(&mut self) {
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

    pub(super) fn negotiate(&mut self, s: &Seg) {
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

    pub(super) fn in_syn_sent(&mut self, now: Ns, s: &Seg, out: &mut Out) {
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

    pub(super) fn in_syn_rcvd(&mut self, now: Ns, s: &Seg, writer: &Endpoint, out: &mut Out) -> bool {
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

    pub(super) fn in_open(&mut self, now: Ns, s: &Seg, writer: &Endpoint, out: &mut Out) -> bool {
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

    pub(super) fn take_ack(&mut self, now: Ns, s: &Seg, out: &mut Out) {
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

    pub(super) fn take_data(&mut self, now: Ns, at: u64, end: u64, fin: bool, writer: &Endpoint, out: &mut Out) {
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

    pub(super) fn tell(&mut self, writer: &Endpoint, out: &mut Out) {
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
}
