//! What befalls connections that lie idle: servers that end them, devices and hosts that forget them.

use super::IdlePlan;
use crate::tcp::Endpoint;
use crate::wire::{Seg, flag};
use crate::world::{Ending, Event, GW, SRV, World};
use crate::{MS, Ns};

impl World {
    /// A connection returned to the pool: its plan's next steps.
    pub fn plan_idle(&mut self, c: usize) {
        let since = self.now;
        if let Some(every) = self.settings.keepalive {
            self.after(every, Event::Probe(c, since));
        }
        let b = &self.backends[self.conns[c].backend];
        let at = |base: Ns, offset: i64| base.saturating_add_signed(offset * 1000);
        match self.conns[c].plan {
            Some(IdlePlan::Server(offset)) => {
                let when = at(since + b.idle + b.rtt / 2, offset);
                self.at(when, Event::Dig(c, since));
            }
            Some(IdlePlan::Device(offset)) => {
                let idle = b.middle.as_ref().map_or(b.idle, |m| m.idle);
                let when = at(since + idle, offset);
                self.at(when, Event::Dig(c, since));
            }
            Some(IdlePlan::HostForgets) => {
                let early = self.d.time(50 * MS, b.idle.clamp(60 * MS, 1500 * MS));
                let late = self.d.time(10 * MS, 600 * MS);
                self.after(early, Event::Forget(c, since, false));
                self.after(early + late, Event::Dig(c, since));
            }
            Some(IdlePlan::ResetWhileIdle) => {
                let early = self.d.time(50 * MS, b.idle.clamp(60 * MS, 1500 * MS));
                let late = b.rtt + self.d.time(MS, 500 * MS);
                self.after(early, Event::Forget(c, since, true));
                self.after(early + late, Event::Dig(c, since));
            }
            None => {}
        }
    }

    /// A keep-alive probe of the gateway's kernel.
    pub fn probe(&mut self, c: usize, since: Ns) {
        let Some(every) = self.settings.keepalive else { return };
        if self.still_idle(c, since) && self.alive(c, GW) && !self.conns[c].ends[GW].peer_fin {
            self.with(c, GW, Endpoint::probe);
            self.after(every, Event::Probe(c, since));
        }
    }

    fn still_idle(&self, c: usize, since: Ns) -> bool {
        self.conns[c].pooled && self.conns[c].returned == since
    }

    /// As many calls at once as lie above a connection, and one more: the last one leases it.
    pub fn dig(&mut self, c: usize, since: Ns) {
        if !self.still_idle(c, since) {
            return;
        }
        self.conns[c].plan = None;
        let backend = self.conns[c].backend;
        let above = self.pool[backend].iter().rev().take_while(|x| **x != c).count();
        let b = &self.backends[backend];
        let apart = self.settings.apart.min(b.read_timeout / 8 / (above as Ns + 1));
        let mut when = self.now;
        for _ in 0..=above {
            let mut call = self.healthy(backend);
            // The first is not answered before the last begins.
            call.service += 2 * apart * (above as Ns + 1);
            self.add_call(when, call);
            when += self.d.time(1000, 40_000 + 2 * apart);
        }
    }

    /// The server's host forgets a connection, or its process resets it.
    pub fn forget(&mut self, c: usize, since: Ns, reset: bool) {
        if !self.still_idle(c, since) || !self.alive(c, SRV) {
            return;
        }
        self.conns[c].idle_gen += 1;
        if reset {
            self.mark_end(c, Ending::Idle);
            self.with(c, SRV, crate::tcp::Endpoint::abort);
        } else {
            self.mark_end(c, Ending::Forgot);
            self.conns[c].ends[SRV].die();
        }
    }

    /// The device between looks at a segment that goes up; true where it does not pass.
    pub fn device_up(&mut self, c: usize, seg: &Seg) -> bool {
        let now = self.now;
        let Some(m) = self.backends[self.conns[c].backend].middle.clone() else { return false };
        let conn = &mut self.conns[c];
        conn.forgotten |= now.saturating_sub(conn.seen) > m.idle;
        if !conn.forgotten {
            conn.seen = now;
            return false;
        }
        if m.resets && !seg.has(flag::RST) && seg.has(flag::ACK) {
            conn.device_reset = true;
            let reset = Seg { seq: seg.ack, flags: flag::RST, ttl: m.ttl, df: true, ..Seg::default() };
            let way = (self.backends[self.conns[c].backend].rtt as f64 * m.place) as Ns + self.d.time(10_000, 40_000);
            self.after(way, Event::Arrive(c, GW, Box::new(reset)));
        }
        true
    }
}
