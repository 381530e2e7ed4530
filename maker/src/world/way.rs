//! The way between the ends: what is lost, how long it takes, and what the gateway's interface sees of it.

use super::{Event, GW, SRV, World};
use crate::pcap::Frame;
use crate::stack::{IdPolicy, Kind};
use crate::tcp::Out;
use crate::wire::{Ip, Seg, flag, tcp_packet};

impl World {
    pub(super) fn number(&mut self, c: usize, side: usize, seg: &Seg) -> u16 {
        let backend = self.conns[c].backend;
        let stack = &self.conns[c].ends[side].stack;
        if stack.kind == Kind::Linux && seg.has(flag::SYN | flag::ACK) {
            return 0;
        }
        match stack.ids {
            IdPolicy::Zero => 0,
            IdPolicy::Random => self.d.word() as u16,
            IdPolicy::PerSocket => {
                self.conns[c].ids[side] = self.conns[c].ids[side].wrapping_add(1);
                self.conns[c].ids[side]
            }
            IdPolicy::Global => {
                let step = self.d.between(1, 9) as u16;
                self.global_ids[backend] = self.global_ids[backend].wrapping_add(step);
                self.global_ids[backend]
            }
        }
    }

    /// Records a segment at the gateway's interface.
    pub fn capture(&mut self, c: usize, seg: &Seg, inbound: bool) {
        let conn = &self.conns[c];
        let backend = &self.backends[conn.backend];
        let own = self.own_addr(conn.addr);
        let (src, dst) = if inbound { (conn.addr, own) } else { (own, conn.addr) };
        let (sport, dport) = if inbound { (backend.wire_port(), conn.port) } else { (conn.port, backend.wire_port()) };
        let ip = Ip { src, dst, ttl: seg.ttl, id: seg.id, df: seg.df };
        let bytes = tcp_packet(&ip, sport, dport, seg);
        let mac = backend.mac;
        let mut time = self.now.max(self.conns[c].stamped + 200);
        if !inbound {
            time += self.d.time(1500, 14_000);
        }
        self.conns[c].stamped = time;
        self.frames.push(Frame { time, bytes, inbound, conn: Some(c), mac });
    }

    /// Sends a segment on its way. `made` segments keep their identification.
    pub fn transmit(&mut self, c: usize, side: usize, mut seg: Seg, made: bool) {
        if !made {
            seg.id = self.number(c, side, &seg);
        }
        if side == GW {
            self.capture(c, &seg, false);
        } else if seg.has(flag::SYN | flag::ACK) {
            self.conns[c].syn_acks += 1;
        }
        let lost = if side == GW { self.lost_up(c, &seg) } else { self.lost_down(c, &seg) };
        if lost {
            return;
        }
        let (rtt, jitter) = (self.backends[self.conns[c].backend].rtt, self.backends[self.conns[c].backend].jitter);
        let way = rtt / 2 + self.d.time(0, jitter);
        let arrival = (self.now + way).max(self.conns[c].last[1 - side] + self.d.time(200, 9000));
        self.conns[c].last[1 - side] = arrival;
        self.at(arrival, Event::Arrive(c, 1 - side, Box::new(seg)));
    }

    pub(super) fn lost_up(&mut self, c: usize, seg: &Seg) -> bool {
        let loss = self.backends[self.conns[c].backend].loss;
        if self.d.chance(loss) || self.conns[c].drop_up {
            return true;
        }
        let conn = &mut self.conns[c];
        if seg.has(flag::SYN) {
            if conn.syn_lost {
                return true;
            }
            if conn.icmp.is_some() {
                self.icmp_back(c, seg);
                return true;
            }
        }
        if !seg.payload.is_empty() {
            if conn.lose_up > 0 {
                conn.lose_up -= 1;
                return true;
            }
            if conn.hole.is_some_and(|h| seg.payload.len() > h) {
                return true;
            }
        }
        self.device_up(c, seg)
    }

    pub(super) fn lost_down(&mut self, c: usize, seg: &Seg) -> bool {
        let loss = self.backends[self.conns[c].backend].loss;
        if self.d.chance(loss) || self.conns[c].drop_down {
            return true;
        }
        let now = self.now;
        let middle = self.backends[self.conns[c].backend].middle.clone();
        let conn = &mut self.conns[c];
        if let Some(at) = conn.lose_down.filter(|_| !seg.payload.is_empty()) {
            let start = conn.ends[SRV].position_of(seg);
            if start <= at && at < start + seg.payload.len() as u64 {
                return true;
            }
        }
        if let Some(m) = middle {
            conn.forgotten |= now.saturating_sub(conn.seen) > m.idle;
            if conn.forgotten {
                return true;
            }
            conn.seen = now;
        }
        false
    }

    pub(super) fn arrive(&mut self, c: usize, side: usize, seg: &Seg) {
        if side == GW {
            self.capture(c, seg, true);
        }
        if side == SRV && seg.has(flag::SYN) && self.conns[c].refused {
            self.passive(c, SRV, seg);
            return;
        }
        let mut out = Out::default();
        let (left, right) = self.conns[c].ends.split_at_mut(1);
        let (end, writer) = if side == GW { (&mut left[0], &right[0]) } else { (&mut right[0], &left[0]) };
        let taken = end.on_segment(self.now, seg, writer, &mut out);
        self.settle(c, side, out);
        if !taken && !seg.has(flag::RST) {
            self.passive(c, side, seg);
        }
    }

    /// A host without a socket answers a segment.
    pub fn passive(&mut self, c: usize, side: usize, trigger: &Seg) {
        let id = match self.conns[c].ends[side].stack.ids {
            IdPolicy::Zero => 0,
            _ => self.number(c, side, &Seg::default()),
        };
        let reset = self.conns[c].ends[side].stack.passive_reset(trigger, id);
        self.transmit(c, side, reset, true);
    }
}
