//! The gateway's side: leasing, connecting, sending, waiting, failing, retrying.

mod ending;

use crate::backend::Naming;
use crate::call::{Call, Phase, Symptom};
use crate::scenario::{Fault, TlsFault};
use crate::tcp::{Msg, News};
use crate::tls;
use crate::world::{Event, GW, World};
use crate::{MS, Ns};
use std::fmt::Write as _;

impl World {
    /// Adds a call that begins at `time`.
    pub fn add_call(&mut self, time: Ns, call: Call) -> usize {
        let k = self.register(call);
        self.at(time, Event::Begin(k));
        k
    }

    fn register(&mut self, mut call: Call) -> usize {
        let k = self.calls.len();
        let b = &self.backends[call.backend];
        call.url = format!("{}/api/v1/{}", b.origin(), b.word);
        if self.settings.unique {
            call.url = format!("{}/{}", call.url, call.number);
        }
        self.calls.push(call);
        k
    }

    /// A call begins.
    pub fn begin(&mut self, k: usize) {
        self.calls[k].thread = self.take_thread();
        self.calls[k].begun = self.now;
        if let Some(delay) = self.local_fault(k) {
            self.after(delay, Event::Local(k));
            return;
        }
        if self.calls[k].fresh {
            self.drain(self.calls[k].backend);
        }
        self.attempt(k);
    }

    /// Companions lease what lies idle, so that the next call must connect.
    fn drain(&mut self, backend: usize) {
        for _ in 0..self.pool[backend].len() {
            let call = self.healthy(backend);
            let k = self.register(call);
            self.happen_now(k);
        }
    }

    fn happen_now(&mut self, k: usize) {
        self.calls[k].thread = self.take_thread();
        self.calls[k].begun = self.now;
        self.calls[k].phase = Phase::Connecting;
        self.attempt(k);
    }

    /// Leases or opens a connection.
    pub fn attempt(&mut self, k: usize) {
        let backend = self.calls[k].backend;
        self.calls[k].notified = false;
        while let Some(c) = self.pool[backend].pop() {
            self.conns[c].pooled = false;
            let idle = self.now - self.conns[c].returned;
            let end = &self.conns[c].ends[GW];
            let dirty = end.peer_fin || end.was_reset || end.received_since(end.read) > 0;
            if dirty && self.settings.validate_after.is_some_and(|v| idle > v) {
                self.with(c, GW, |e, now, out| e.set_reading(now, true, out));
                self.hang_up(c);
                continue;
            }
            self.calls[k].reused = true;
            self.calls[k].idle_before = idle;
            self.calls[k].conn = Some(c);
            self.conns[c].call = Some(k);
            self.start_request(k);
            return;
        }
        self.calls[k].phase = Phase::Connecting;
        self.calls[k].addr = 0;
        let b = &self.backends[backend];
        if b.naming == Naming::Dns && self.names.get(&b.host).is_none_or(|t| *t < self.now) {
            self.look_up(k);
        } else {
            self.connect(k, 0);
        }
    }

    /// Opens a connection to one of the backend's addresses.
    pub fn connect(&mut self, k: usize, addr: usize) {
        let backend = self.calls[k].backend;
        let to = self.backends[backend].addrs[addr];
        let c = self.new_conn(backend, to);
        self.calls[k].addr = addr;
        self.calls[k].conn = Some(c);
        self.calls[k].reused = false;
        self.calls[k].idle_before = 0;
        self.conns[c].call = Some(k);
        self.prepare_connect(c, k);
        let limit = self.backends[backend].connect_timeout;
        self.with(c, GW, crate::tcp::Endpoint::connect);
        self.after(limit, Event::ConnectTimeout(k, c));
    }

    /// The connect timer.
    pub fn connect_timeout(&mut self, k: usize, c: usize) {
        if self.calls[k].phase == Phase::Connecting && self.calls[k].conn == Some(c) {
            self.conns[c].ends[GW].die();
            self.not_connected(k, Symptom::ConnectTimeout);
        }
    }

    /// An address did not answer well: the next one, or failure.
    pub fn not_connected(&mut self, k: usize, symptom: Symptom) {
        let next = self.calls[k].addr + 1;
        if next < self.backends[self.calls[k].backend].addrs.len() {
            self.connect(k, next);
        } else {
            self.fail(k, symptom);
        }
    }

    fn start_request(&mut self, k: usize) {
        let Some(c) = self.calls[k].conn else { return };
        self.calls[k].phase = Phase::Writing;
        self.calls[k].blocked = false;
        self.calls[k].sent = 0;
        self.calls[k].pieces.clear();
        self.calls[k].unwritten = self.request_bytes(k);
        self.calls[k].read_from = u64::MAX;
        self.calls[k].wrote_from = self.conns[c].ends[GW].written();
        self.conns[c].ends[GW].resent = 0;
        self.conns[c].exchange = self.now;
        self.prepare_exchange(c, k);
        let pause = self.moment();
        self.after(pause, Event::Chunk(k));
    }

    fn request_bytes(&mut self, k: usize) -> Vec<Vec<u8>> {
        let call = &self.calls[k];
        let b = &self.backends[call.backend];
        let verb = if call.body > 0 { "POST" } else { "GET" };
        let path = call.url.splitn(4, '/').nth(3).unwrap_or_default();
        // A proxy gets the whole URL.
        let target = if b.via.is_some() && b.tls.is_none() { call.url.clone() } else { format!("/{path}") };
        let standard = b.port == if b.tls.is_some() { 443 } else { 80 };
        let host = if standard && !b.port_shown { b.host.clone() } else { format!("{}:{}", b.host, b.port) };
        let mut head = format!("{verb} {target} HTTP/1.1\r\n");
        if call.body > 0 {
            let _ = write!(head, "Content-Length: {}\r\nContent-Type: application/json\r\n", call.body);
        }
        let _ = write!(
            head,
            "Host: {host}\r\nConnection: Keep-Alive\r\nUser-Agent: Layer7-SecureSpan-Gateway/v10.1\r\n\r\n"
        );
        let (version, size) = (b.tls, call.body);
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let body = b"{\"id\":0123456789,\"text\":\"lorem ipsum\"},".iter().copied().cycle().take(size);
        let mut all = head.into_bytes();
        all.extend(body);
        for part in all.chunks(8192) {
            parts.push(version.map_or_else(|| part.to_vec(), |v| tls::data(&mut self.d, v, part.len())));
        }
        parts.reverse();
        parts
    }

    /// Writes the next part of what the call has to write.
    pub fn chunk(&mut self, k: usize) {
        let Some(c) = self.calls[k].conn.filter(|c| self.conns[*c].call == Some(k)) else { return };
        if self.calls[k].phase == Phase::Tunnel {
            let b = &self.backends[self.conns[c].backend];
            let to = format!("{}:{}", b.host, b.port);
            let head =
                format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: Layer7-SecureSpan-Gateway/v10.1\r\n\r\n");
            self.with(c, GW, |e, now, out| e.write(now, head.as_bytes(), Some(Msg::Tunnel), out));
            self.arm_read(k);
            return;
        }
        if self.calls[k].phase == Phase::Handshake {
            let b = &self.backends[self.conns[c].backend];
            let version = b.tls.unwrap_or(tls::Version::V12);
            let name = if b.sni { b.host.clone() } else { "localhost".into() };
            let hello = tls::client_hello(&mut self.d, &name, &self.conns[c].session, version);
            self.with(c, GW, |e, now, out| e.write(now, &hello, Some(Msg::Flight(0)), out));
            self.arm_read(k);
            return;
        }
        if self.calls[k].phase != Phase::Writing {
            return;
        }
        let end = &self.conns[c].ends[GW];
        if end.was_reset {
            let symptom = if end.peer_fin { Symptom::BrokenPipe } else { Symptom::ResetByPeer };
            self.fail(k, symptom);
            return;
        }
        if end.backlog() > self.settings.sndbuf {
            self.calls[k].blocked = true;
            return;
        }
        self.calls[k].blocked = false;
        let Some(part) = self.calls[k].unwritten.pop() else { return };
        let last = self.calls[k].unwritten.is_empty();
        self.with(c, GW, |e, now, out| e.write(now, &part, last.then_some(Msg::Request(k)), out));
        if last {
            self.calls[k].phase = Phase::Waiting;
            self.request_written(c, k);
            self.arm_read(k);
            self.read_on(c, k);
        } else {
            let pause = self.calls[k].chunk_pause + self.d.time(5_000, 60_000);
            self.after(pause, Event::Chunk(k));
        }
    }

    /// The thread reads: what has already come counts now.
    fn read_on(&mut self, c: usize, k: usize) {
        let mut out = crate::tcp::Out::default();
        let (left, right) = self.conns[c].ends.split_at_mut(1);
        left[0].set_reading(self.now, true, &mut out);
        left[0].catch_up(&right[0], &mut out);
        let news = std::mem::take(&mut out.news);
        self.with(c, GW, |_, _, o| o.segs = out.segs);
        for n in news {
            self.gateway_news(c, n);
        }
        if self.calls[k].phase == Phase::Waiting {
            let end = &self.conns[c].ends[GW];
            if end.peer_fin || self.calls[k].notified {
                let reset = end.was_reset && !end.peer_fin;
                self.fail(k, if reset { Symptom::Reset } else { Symptom::NoResponse });
            } else if end.was_reset {
                self.fail(k, Symptom::Reset);
            }
        }
    }

    fn arm_read(&mut self, k: usize) {
        self.calls[k].timer += 1;
        let limit = self.backends[self.calls[k].backend].read_timeout;
        let late = self.d.time(100_000, 2 * MS);
        self.after(limit + late, Event::ReadTimeout(k, self.calls[k].timer));
    }

    /// The read timer.
    pub fn read_timeout(&mut self, k: usize, generation: u32) {
        let call = &self.calls[k];
        if call.timer == generation
            && matches!(call.phase, Phase::Waiting | Phase::Reading | Phase::Handshake | Phase::Tunnel)
        {
            self.fail(k, Symptom::ReadTimeout);
        }
    }

    /// What the gateway's kernel tells.
    pub fn gateway_news(&mut self, c: usize, news: News) {
        let Some(k) = self.conns[c].call else {
            return;
        };
        let phase = self.calls[k].phase;
        match news {
            News::Connected => {
                let tls = self.backends[self.conns[c].backend].tls.is_some();
                let tunnel = tls && self.backends[self.conns[c].backend].via.is_some();
                self.conns[c].secure = !tls;
                if tunnel {
                    self.calls[k].phase = Phase::Tunnel;
                    self.calls[k].wrote_from = 1;
                    let pause = self.d.time(100_000, MS);
                    self.after(pause, Event::Chunk(k));
                } else if tls {
                    self.calls[k].phase = Phase::Handshake;
                    self.calls[k].wrote_from = 1;
                    let pause = self.d.time(200_000, 4 * MS);
                    self.after(pause, Event::Chunk(k));
                } else {
                    self.start_request(k);
                }
            }
            News::Refused => self.not_connected(k, Symptom::Refused),
            News::Data => match phase {
                Phase::Waiting | Phase::Reading if self.conns[c].secure => {
                    if self.answered(c, k) {
                        self.calls[k].phase = Phase::Reading;
                    }
                    self.arm_read(k);
                }
                Phase::Handshake | Phase::Tunnel => self.arm_read(k),
                _ => {}
            },
            News::Message(msg) => self.gateway_message(c, k, msg),
            News::PeerFin => match phase {
                Phase::Handshake => self.fail(k, Symptom::HandshakeEnd),
                Phase::Waiting | Phase::Tunnel => self.fail(k, Symptom::NoResponse),
                Phase::Reading => {
                    self.cut_short(c, k);
                }
                _ => {}
            },
            News::Reset { after_fin } => match phase {
                Phase::Handshake | Phase::Tunnel | Phase::Waiting | Phase::Reading => self.fail(k, Symptom::Reset),
                Phase::Writing if self.calls[k].blocked => {
                    self.fail(k, if after_fin { Symptom::BrokenPipe } else { Symptom::ResetByPeer });
                }
                _ => {}
            },
            News::Room => {
                if phase == Phase::Writing && self.calls[k].blocked {
                    self.calls[k].blocked = false;
                    self.after(20_000, Event::Chunk(k));
                }
            }
        }
    }

    fn gateway_message(&mut self, c: usize, k: usize, msg: Msg) {
        match msg {
            Msg::Tunnel => {
                self.calls[k].phase = Phase::Handshake;
                self.calls[k].wrote_from = self.conns[c].ends[GW].written();
                let pause = self.d.time(200_000, 4 * MS);
                self.after(pause, Event::Chunk(k));
            }
            Msg::Flight(1) => {
                if self.calls[k].fault == Fault::Tls(TlsFault::Untrusted) {
                    let alert = tls::plain_alert(46);
                    self.with(c, GW, |e, now, out| e.write(now, &alert, Some(Msg::Alert(46)), out));
                    self.fail(k, Symptom::BadCertificate);
                    return;
                }
                let pause = self.d.time(300_000, 3 * MS);
                self.after(pause, Event::Finish(c, k));
            }
            Msg::Flight(3) => {
                self.conns[c].secure = true;
                self.start_request(k);
            }
            Msg::Alert(a) => self.fail(k, Symptom::Alert(a)),
            Msg::CloseNotify => {
                self.calls[k].notified = true;
                match self.calls[k].phase {
                    Phase::Waiting => self.fail(k, Symptom::NoResponse),
                    Phase::Reading => {
                        self.cut_short(c, k);
                    }
                    _ => {}
                }
            }
            Msg::Response(of) if of == k => self.complete(c, k),
            _ => {}
        }
    }

    /// The gateway's second handshake flight.
    pub fn finish_handshake(&mut self, c: usize, k: usize) {
        if self.conns[c].call != Some(k) || self.calls[k].phase != Phase::Handshake || !self.alive(c, GW) {
            return;
        }
        let version = self.backends[self.conns[c].backend].tls.unwrap_or(tls::Version::V12);
        let finish = tls::client_finish(&mut self.d, version);
        self.with(c, GW, |e, now, out| e.write(now, &finish, Some(Msg::Flight(2)), out));
        if version == tls::Version::V13 {
            self.conns[c].secure = true;
            self.start_request(k);
        }
    }
}
