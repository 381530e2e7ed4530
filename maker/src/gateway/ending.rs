//! How calls end at the gateway: answers, failures, retries, and what becomes of the connection.

use crate::call::{Phase, Symptom};
use crate::scenario::Fault;
use crate::tcp::Msg;
use crate::tls;
use crate::truth::judge;
use crate::world::{Event, GW, World};
use crate::{MS, SEC};

impl World {
    /// The response ended too soon.
    pub(super) fn cut_short(&mut self, c: usize, k: usize) {
        let symptom = if self.calls[k].chunked {
            Symptom::PrematureChunk
        } else {
            Symptom::PrematureEnd(self.calls[k].answer, self.received(c, k))
        };
        self.fail(k, symptom);
    }

    /// Whether the thread has read of the response: any byte of a plain one, a whole record of a sealed one.
    pub(super) fn answered(&self, c: usize, k: usize) -> bool {
        let got = self.conns[c].ends[GW].received_since(self.calls[k].read_from) as usize;
        let sealed = self.backends[self.calls[k].backend].tls.is_some();
        self.calls[k].pieces.first().is_some_and(|p| got >= if sealed { p.1.len() } else { 1 })
    }

    /// Body bytes of the response that the gateway has.
    pub(super) fn received(&self, c: usize, k: usize) -> usize {
        let mut left = self.conns[c].ends[GW].received_since(self.calls[k].read_from) as usize;
        let mut body = 0;
        for (n, bytes) in &self.calls[k].pieces {
            if bytes.len() <= left {
                left -= bytes.len();
                body += n;
            } else {
                if self.backends[self.calls[k].backend].tls.is_none() {
                    body += left.saturating_sub(bytes.len() - n);
                }
                break;
            }
        }
        body
    }

    pub(super) fn complete(&mut self, c: usize, k: usize) {
        self.calls[k].phase = Phase::Done;
        self.calls[k].timer += 1;
        self.conns[c].call = None;
        self.conns[c].served += 1;
        self.calls[k].done = self.now;
        self.log_done(k);
        let now = self.now;
        if self.backends[self.conns[c].backend].keep && !self.calls[k].last {
            let backend = self.conns[c].backend;
            self.conns[c].returned = now;
            self.conns[c].pooled = true;
            self.pool[backend].push(c);
            self.with(c, GW, |e, now, out| e.set_reading(now, false, out));
            self.conns[c].plan = self.calls[k].then.take().or(self.conns[c].plan);
            self.plan_idle(c);
        } else {
            self.hang_up(c);
        }
    }

    /// The gateway closes a connection that serves no call.
    pub fn hang_up(&mut self, c: usize) {
        if self.conns[c].secure && self.backends[self.conns[c].backend].tls.is_some() {
            let version = self.backends[self.conns[c].backend].tls.unwrap_or(tls::Version::V12);
            let alert = tls::sealed_alert(&mut self.d, version);
            self.with(c, GW, |e, now, out| e.write(now, &alert, Some(Msg::CloseNotify), out));
        }
        self.with(c, GW, crate::tcp::Endpoint::close);
    }

    /// Empties the pool of what has idled too long, or of everything.
    pub fn sweep(&mut self, all: bool) {
        let limit = self.settings.evict_after;
        for backend in 0..self.pool.len() {
            let old: Vec<usize> = self.pool[backend]
                .iter()
                .copied()
                .filter(|c| all || limit.is_some_and(|l| self.now - self.conns[*c].returned > l))
                .collect();
            self.pool[backend].retain(|c| !old.contains(c));
            for c in old {
                self.conns[c].pooled = false;
                self.hang_up(c);
            }
        }
        if !all {
            self.after(SEC, Event::Sweep(false));
        }
    }

    /// The gateway kills a call.
    pub fn gateway_abort(&mut self, k: usize) {
        if !matches!(self.calls[k].phase, Phase::Done | Phase::Idle | Phase::Connecting) {
            self.fail(k, Symptom::SocketClosed);
        }
    }

    /// A call's attempt has failed: judge it, close, then retry or report.
    pub fn fail(&mut self, k: usize, symptom: Symptom) {
        let causes = judge(self, k, &symptom);
        let phase = self.calls[k].phase;
        self.calls[k].phase = Phase::Idle;
        self.calls[k].timer += 1;
        if let Some(c) = self.calls[k].conn {
            self.conns[c].call = None;
            if symptom == Symptom::SocketClosed {
                self.with(c, GW, crate::tcp::Endpoint::abort);
            } else if self.alive(c, GW) {
                let pause = self.d.time(40_000, 450_000);
                self.after(pause, Event::HangUp(c, phase == Phase::Reading));
            }
        }
        if self.may_retry(k, &symptom) {
            self.log_retry(k, &symptom);
            self.calls[k].attempt += 1;
            if self.d.chance(0.7) || self.calls[k].fault.connects() {
                self.calls[k].fault = Fault::None;
            }
            let pause = self.d.time(100_000, MS);
            self.after(pause, Event::Again(k));
            return;
        }
        self.calls[k].phase = Phase::Done;
        self.calls[k].failed = self.now;
        self.calls[k].failure = Some((symptom, causes));
        self.log_failure(k);
    }

    /// The socket of a failed call is closed, or killed where the response was cut.
    pub fn drop_socket(&mut self, c: usize, rude: bool) {
        if rude {
            self.with(c, GW, crate::tcp::Endpoint::abort);
        } else if self.alive(c, GW) {
            self.hang_up(c);
        }
    }

    pub(super) fn may_retry(&self, k: usize, symptom: &Symptom) -> bool {
        let call = &self.calls[k];
        call.attempt < self.settings.retries
            && call.body == 0
            && matches!(symptom, Symptom::Reset | Symptom::ResetByPeer | Symptom::BrokenPipe | Symptom::NoResponse)
            && self.conns.get(call.conn.unwrap_or(usize::MAX)).is_some_and(|c| c.secure)
    }
}
