//! Failures that the way causes: silence, loss, black holes, injected resets.

use super::{Fault, Reset};
use crate::tcp::Out;
use crate::wire::flag;
use crate::world::{Ending, Event, GW, SRV, World};

impl World {
    /// Sets the way up before a request is written.
    pub fn prepare_exchange(&mut self, c: usize, k: usize) {
        let fault = self.calls[k].fault.clone();
        let conn = &mut self.conns[c];
        match fault {
            Fault::SilentDrop { both, server_ends } => {
                conn.drop_up = true;
                conn.drop_down = both;
                if let Some((action, after)) = server_ends {
                    self.after(after, Event::Server(c, k, action));
                }
            }
            Fault::PathLoss { lost, before, .. } => {
                conn.lose_up = lost;
                if let Some((action, after)) = before {
                    self.after(after, Event::Server(c, k, action));
                }
            }
            Fault::Hole(limit) => conn.hole = Some(limit),
            _ => {}
        }
    }

    /// The whole request has been handed to the kernel.
    pub fn request_written(&mut self, c: usize, k: usize) {
        match self.calls[k].fault {
            Fault::Injected(reset) if self.alive(c, SRV) => {
                let delay = self.backends[self.conns[c].backend].rtt / 1000 * u64::from(reset.delay);
                let noise = self.d.time(20_000, 60_000);
                self.after(delay + noise, Event::Inject(c, reset));
            }
            Fault::GatewayAbort(after) => self.after(after, Event::GatewayAbort(k)),
            _ => {}
        }
    }

    /// A device on the way resets the gateway, and perhaps the server.
    pub fn inject(&mut self, c: usize, reset: &Reset) {
        if !self.alive(c, GW) || self.conns[c].call.is_none() {
            return;
        }
        self.conns[c].injected = true;
        let flags = flag::RST | if reset.acked { flag::ACK } else { 0 };
        let mut forged = self.conns[c].ends[GW].forged(flags);
        forged.ttl = reset.ttl.unwrap_or(self.conns[c].ends[SRV].stack.ttl);
        forged.window = reset.window;
        forged.df = reset.ttl.is_none();
        for n in 0..reset.copies {
            forged.id = self.d.word() as u16;
            let mut copy = forged.clone();
            copy.seq = forged.seq.wrapping_add(u32::from(n) * 1460);
            self.now += u64::from(n) * 15_000;
            self.capture(c, &copy, true);
            if n == 0 {
                self.obey(c, &copy);
            }
        }
        if reset.both {
            self.mark_end(c, Ending::Fault);
            self.conns[c].ends[SRV].die();
            self.conns[c].drop_down = true;
        }
    }

    /// The gateway's end takes a segment that was captured already.
    pub fn obey(&mut self, c: usize, seg: &crate::wire::Seg) {
        let mut out = Out::default();
        let (left, right) = self.conns[c].ends.split_at_mut(1);
        left[0].on_segment(self.now, seg, &right[0], &mut out);
        let news = std::mem::take(&mut out.news);
        self.with(c, GW, |_, _, o| o.segs = out.segs);
        for n in news {
            self.gateway_news(c, n);
        }
    }
}
