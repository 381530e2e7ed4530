//! The backend's side: accepting, serving, idling, and ending as a fault wants it.

use crate::backend::IdleEnd;
use crate::scenario::{Action, Fault, TlsFault};
use crate::tcp::Msg;
use crate::tls;
use crate::wire::{Seg, flag};
use crate::world::{Ending, Event, SRV, World};
use crate::{MS, Ns};

impl World {
    fn server_call(&self, c: usize) -> Option<usize> {
        let [gateway, server] = &self.conns[c].ends;
        match gateway.message_after(server.rcv.saturating_sub(1)) {
            Some((_, Msg::Request(k))) => Some(k),
            _ => self.conns[c].call,
        }
    }

    /// The server has a new connection.
    pub fn server_accepted(&mut self, c: usize) {
        let Some(k) = self.conns[c].call else { return };
        match self.calls[k].fault {
            Fault::RejectFin(after) => self.after(after, Event::Server(c, k, Action::Close)),
            Fault::RejectRst(after) => self.after(after, Event::Server(c, k, Action::Abort)),
            Fault::RejectOverflow => {
                self.mark_end(c, Ending::Fault);
                let gateway = &self.conns[c].ends[crate::world::GW];
                let trigger = Seg {
                    seq: gateway.forged(flag::ACK).ack,
                    ack: gateway.forged(flag::ACK).seq,
                    flags: flag::ACK,
                    window: 501,
                    ..Seg::default()
                };
                self.conns[c].ends[SRV].die();
                self.passive(c, SRV, &trigger);
            }
            _ => {}
        }
    }

    /// Bytes arrived at the server.
    pub fn server_data(&mut self, c: usize) {
        self.conns[c].idle_gen += 1;
        let Some(k) = self.server_call(c) else { return };
        let got = self.conns[c].ends[SRV].rcv.saturating_sub(self.calls[k].wrote_from);
        if let Fault::AbortUpload { at, fin } = self.calls[k].fault {
            let due = (self.calls[k].body as f64 * at) as u64;
            if got >= due && self.conns[c].secure && self.conns[c].ended.is_none() && self.conns[c].ends[SRV].reading {
                if fin {
                    self.server_act(c, k, Action::Close);
                } else {
                    self.with(c, SRV, |e, now, out| e.set_reading(now, false, out));
                    let pause = self.d.time(MS / 2, 6 * MS);
                    self.after(pause, Event::Server(c, k, Action::Close));
                }
            }
        }
        if let Fault::Stalled { end } = self.calls[k].fault
            && self.conns[c].secure
            && self.conns[c].ends[SRV].reading
            && got > 0
        {
            self.with(c, SRV, |e, now, out| e.set_reading(now, false, out));
            if let Some(after) = end {
                self.after(after, Event::Server(c, k, Action::Close));
            }
        }
    }

    /// A whole message arrived at the server.
    pub fn server_message(&mut self, c: usize, msg: Msg) {
        let version = self.backends[self.conns[c].backend].tls.unwrap_or(tls::Version::V12);
        match msg {
            Msg::Flight(0) => {
                let pause = self.d.time(100_000, 3 * MS);
                self.after(pause, Event::Hello(c));
            }
            Msg::Flight(2) => {
                if version == tls::Version::V13 {
                    for _ in 0..self.d.between(1, 2) {
                        let t = tls::ticket(&mut self.d);
                        self.with(c, SRV, |e, now, out| e.write(now, &t, Some(Msg::Noise), out));
                    }
                } else {
                    let f = tls::server_finish(&mut self.d);
                    self.with(c, SRV, |e, now, out| e.write(now, &f, Some(Msg::Flight(3)), out));
                }
            }
            Msg::Request(k) => self.serve(c, k),
            Msg::Tunnel => {
                let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
                self.with(c, SRV, |e, now, out| e.write(now, answer, Some(Msg::Tunnel), out));
            }
            _ => {}
        }
    }

    /// The server answers a `ClientHello`.
    pub fn hello(&mut self, c: usize) {
        if !self.alive(c, SRV) {
            return;
        }
        let version = self.backends[self.conns[c].backend].tls.unwrap_or(tls::Version::V12);
        let Some(k) = self.conns[c].call else { return };
        if let Fault::Tls(fault) = self.calls[k].fault {
            let pause = self.moment();
            match fault {
                TlsFault::Alert(a) => {
                    let alert = tls::plain_alert(a);
                    self.with(c, SRV, |e, now, out| e.write(now, &alert, Some(Msg::Alert(a)), out));
                    return self.after(pause, Event::Server(c, k, Action::Close));
                }
                TlsFault::Rst => return self.after(pause, Event::Server(c, k, Action::Abort)),
                TlsFault::Fin => return self.after(pause, Event::Server(c, k, Action::Close)),
                TlsFault::Untrusted => {}
            }
        }
        let name = self.backends[self.conns[c].backend].host.clone();
        let flight = tls::server_flight(&mut self.d, &name, &self.conns[c].session, version);
        self.with(c, SRV, |e, now, out| e.write(now, &flight, Some(Msg::Flight(1)), out));
    }

    fn serve(&mut self, c: usize, k: usize) {
        self.conns[c].idle_gen += 1;
        let backend = self.conns[c].backend;
        self.conns[c].busy = true;
        self.calls[k].pieces = self.response(k);
        let service = self.calls[k].service;
        let fault = self.calls[k].fault.clone();
        let whole = self.calls[k].answer;
        let part = |f: f64| Action::Part((whole as f64 * f) as usize);
        if self.conns[c].ended.is_some() {
            // The process has already said goodbye (TLS close_notify): the request is thrown away.
            return self.after(MS / 5, Event::Server(c, k, Action::Close));
        }
        match fault {
            Fault::CloseAwait(after) => self.after(after, Event::Server(c, k, Action::Close)),
            Fault::AbortAwait(after) => self.after(after, Event::Server(c, k, Action::Abort)),
            Fault::CloseMid(f, pause) => {
                self.after(service, Event::Server(c, k, part(f)));
                self.after(service + pause, Event::Server(c, k, Action::Close));
            }
            Fault::AbortMid(f, pause) => {
                self.after(service, Event::Server(c, k, part(f)));
                self.after(service + pause, Event::Server(c, k, Action::Abort));
            }
            Fault::Slow(more) => {
                let limit = self.backends[backend].read_timeout;
                self.after(limit + more, Event::Server(c, k, Action::Respond));
            }
            Fault::SlowMid(f) => self.after(service, Event::Server(c, k, part(f))),
            Fault::GatewayAbort(after) => {
                let half = service.min(after / 2);
                if self.d.chance(0.3) {
                    self.after(half, Event::Server(c, k, part(0.4)));
                }
            }
            Fault::LossyAnswer => {
                self.conns[c].lose_down = Some(self.conns[c].ends[SRV].written() + 1);
                self.after(service, Event::Server(c, k, Action::Respond));
            }
            Fault::RejectFin(_) | Fault::RejectRst(_) => {}
            Fault::PathLoss { end: Some((action, after)), .. } => self.after(after, Event::Server(c, k, action)),
            _ => self.after(service, Event::Server(c, k, Action::Respond)),
        }
    }

    /// The response in pieces; the first holds the head.
    fn response(&mut self, k: usize) -> Vec<(usize, Vec<u8>)> {
        let call = &self.calls[k];
        let version = self.backends[call.backend].tls;
        let length =
            if call.chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {}", call.answer) };
        let mut head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{length}\r\nServer: Apache\r\n");
        head += if call.last { "Connection: close\r\n\r\n" } else { "\r\n" };
        let body: Vec<u8> = b"[{\"ok\":true,\"n\":42}]".iter().copied().cycle().take(call.answer).collect();
        let step = if call.fault.cuts_response() { (call.answer / 5).clamp(64, 4000) } else { 16_000 };
        let mut pieces = vec![(0, head.into_bytes())];
        let chunked = call.chunked;
        let count = body.len().div_ceil(step);
        for (i, part) in body.chunks(step).enumerate() {
            let framed = if chunked {
                let mut f = format!("{:x}\r\n", part.len()).into_bytes();
                f.extend(part);
                f.extend(if i + 1 == count { &b"\r\n0\r\n\r\n"[..] } else { &b"\r\n"[..] });
                f
            } else {
                part.to_vec()
            };
            if i == 0 {
                pieces[0].1.extend(framed);
                pieces[0].0 = part.len();
            } else {
                pieces.push((part.len(), framed));
            }
        }
        if let Some(v) = version {
            for piece in &mut pieces {
                piece.1 = tls::data(&mut self.d, v, piece.1.len());
            }
        }
        pieces
    }

    /// The server does what was planned, if its socket still lives.
    pub fn server_act(&mut self, c: usize, k: usize, action: Action) {
        if !self.alive(c, SRV) || self.conns[c].ends[SRV].orphan {
            return;
        }
        match action {
            Action::Respond | Action::Part(_) => {
                // An attempt that the gateway has given up for another connection gets no answer.
                let moved = self.calls[k].conn != Some(c);
                if moved || self.conns[c].ended.is_some() || self.calls[k].pieces.is_empty() {
                    return;
                }
                if self.calls[k].sent == 0 {
                    self.calls[k].read_from = self.conns[c].ends[SRV].written();
                }
                let limit = if let Action::Part(n) = action { n } else { usize::MAX };
                let mut body: usize = self.calls[k].pieces[..self.calls[k].sent].iter().map(|p| p.0).sum();
                let total = self.calls[k].pieces.len();
                while self.calls[k].sent < total {
                    let i = self.calls[k].sent;
                    let (n, bytes) = self.calls[k].pieces[i].clone();
                    if limit != usize::MAX && i > 0 && (body + n > limit || i + 1 == total) {
                        break;
                    }
                    body += n;
                    self.calls[k].sent += 1;
                    let msg = (i + 1 == total).then_some(Msg::Response(k));
                    self.with(c, SRV, |e, now, out| e.write(now, &bytes, msg, out));
                }
                if self.calls[k].sent == total {
                    self.after_response(c, k);
                }
            }
            Action::Close => {
                self.mark_end(c, Ending::Fault);
                let clean = matches!(self.calls[k].fault, Fault::CloseAwait(_)) && self.d.chance(0.4);
                self.say_goodbye(c, clean);
                self.with(c, SRV, crate::tcp::Endpoint::close);
            }
            Action::Abort => {
                self.mark_end(c, Ending::Fault);
                self.with(c, SRV, crate::tcp::Endpoint::abort);
            }
        }
    }

    fn say_goodbye(&mut self, c: usize, clean: bool) {
        if clean
            && self.conns[c].secure
            && let Some(version) = self.backends[self.conns[c].backend].tls
        {
            let alert = tls::sealed_alert(&mut self.d, version);
            self.with(c, SRV, |e, now, out| e.write(now, &alert, Some(Msg::CloseNotify), out));
        }
    }

    fn after_response(&mut self, c: usize, k: usize) {
        self.conns[c].busy = false;
        let b = &self.backends[self.conns[c].backend];
        if self.calls[k].last || !b.keep {
            if self.d.chance(0.6) {
                self.mark_end(c, Ending::Tail);
                self.with(c, SRV, crate::tcp::Endpoint::close);
            }
            return;
        }
        let tick = self.d.time(0, 30 * MS);
        let idle = self.backends[self.conns[c].backend].idle + tick;
        self.conns[c].idle_gen += 1;
        let generation = self.conns[c].idle_gen;
        self.after(idle, Event::Idle(c, generation));
    }

    /// The server's idle timer.
    pub fn server_idle(&mut self, c: usize, generation: u32) {
        if self.conns[c].idle_gen != generation || !self.alive(c, SRV) || self.conns[c].ended.is_some() {
            return;
        }
        self.end_idle(c, Ending::Idle);
    }

    /// The server ends a connection that idles.
    pub fn end_idle(&mut self, c: usize, why: Ending) {
        self.mark_end(c, why);
        let b = &self.backends[self.conns[c].backend];
        let (tls, style) = (b.tls.is_some(), b.idle_end);
        match style {
            IdleEnd::Rst => self.with(c, SRV, crate::tcp::Endpoint::abort),
            IdleEnd::Notify if tls => self.say_goodbye(c, true),
            _ => {
                self.say_goodbye(c, tls && self.conns[c].served % 3 != 2);
                self.with(c, SRV, crate::tcp::Endpoint::close);
            }
        }
    }

    /// The gateway has closed: the server's process follows.
    pub fn server_fin(&mut self, c: usize) {
        self.conns[c].idle_gen += 1;
        if !self.conns[c].ends[SRV].reading || self.conns[c].ends[SRV].orphan {
            return;
        }
        if self.conns[c].busy && self.d.chance(0.6) {
            // The worker is at work and looks at its socket only when it writes.
            return;
        }
        self.mark_end(c, Ending::Tail);
        if self.d.chance(0.12) {
            self.with(c, SRV, crate::tcp::Endpoint::abort);
        } else {
            self.with(c, SRV, crate::tcp::Endpoint::close);
        }
    }

    /// All processes of a backend restart: idle connections end, running calls are cut, connects are refused for a while.
    pub fn restart(&mut self, backend: usize, hard: bool) {
        let began = self.now;
        self.down[backend] = self.now + self.d.time(20 * MS, 600 * MS);
        for c in 0..self.conns.len() {
            if self.conns[c].backend != backend || !self.alive(c, SRV) || self.conns[c].ends[SRV].orphan {
                continue;
            }
            self.conns[c].idle_gen += 1;
            self.mark_end(c, Ending::Restart);
            let spread: Ns = self.d.time(0, 40_000);
            self.now += spread / 8;
            if hard {
                self.with(c, SRV, crate::tcp::Endpoint::abort);
            } else {
                self.with(c, SRV, crate::tcp::Endpoint::close);
            }
        }
        self.now = began;
    }
}
