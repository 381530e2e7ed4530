//! Failures that leave no connection: names, the pool, local resources; and the names that do resolve.

use super::Fault;
use crate::call::Symptom;
use crate::dns;
use crate::pcap::Frame;
use crate::wire::{Ip, udp_packet};
use crate::world::{Event, World};
use crate::{MS, Ns, SEC};
use std::net::IpAddr;

impl World {
    /// If the call fails without a connection: after how long.
    pub fn local_fault(&mut self, k: usize) -> Option<Ns> {
        let backend = &self.backends[self.calls[k].backend];
        match self.calls[k].fault {
            Fault::NoName(missing) => Some(self.unknown_name(k, missing)),
            Fault::PoolEmpty(as_read) => {
                Some(if as_read { backend.read_timeout } else { backend.connect_timeout } + self.d.time(0, 2 * MS))
            }
            Fault::NoResource(_) => Some(self.moment()),
            _ => None,
        }
    }

    /// Reports such a failure.
    pub fn fail_locally(&mut self, k: usize) {
        let symptom = match self.calls[k].fault {
            Fault::NoName(missing) => Symptom::UnknownHost(missing),
            Fault::PoolEmpty(true) => Symptom::ReadTimeout,
            Fault::PoolEmpty(false) => Symptom::PoolTimeout,
            Fault::NoResource(true) => Symptom::NoLocalPort,
            _ => Symptom::TooManyFiles,
        };
        self.fail(k, symptom);
    }

    fn dns_packet(&mut self, time: Ns, port: u16, inbound: bool, payload: &[u8]) {
        let (own, resolver) = (self.settings.v4, self.settings.resolver);
        let (src, dst) = if inbound { (resolver, own) } else { (own, resolver) };
        let ip = Ip { src, dst, ttl: if inbound { 61 } else { 64 }, id: self.d.word() as u16, df: !inbound };
        let (sport, dport) = if inbound { (53, port) } else { (port, 53) };
        let bytes = udp_packet(&ip, sport, dport, payload);
        let frame = Frame { time, bytes, inbound, conn: None, mac: 1 };
        self.at(time, Event::Packet(Box::new(frame)));
    }

    fn ask(&mut self, name: &str, alias: Option<&str>, addrs: &[IpAddr], missing: bool, answered: bool) -> Ns {
        let port = self.d.between(1024, 65_000) as u16;
        let start = self.now;
        let mut end = start;
        for v6 in [false, true] {
            let id = self.d.word() as u16;
            let sent = start + if v6 { 20_000 } else { 0 };
            self.dns_packet(sent, port, false, &dns::query(id, name, v6));
            if answered {
                let back = sent + self.d.time(200_000, 8 * MS);
                self.dns_packet(back, port, true, &dns::answer(id, name, v6, alias, addrs, missing));
                end = end.max(back);
            }
        }
        end
    }

    /// Resolves the name of a call's backend on the wire.
    pub fn look_up(&mut self, k: usize) {
        let b = self.backends[self.calls[k].backend].clone();
        let done = self.ask(&b.host, b.alias.as_deref(), &b.addrs, false, true);
        self.names.insert(b.host, self.now + 30 * SEC);
        let pause = self.d.time(50_000, 400_000);
        self.at(done + pause, Event::Resolved(k));
    }

    fn unknown_name(&mut self, k: usize, missing: bool) -> Ns {
        let host = self.host_of(k);
        if missing {
            return self.ask(&host, None, &[], true, true) - self.now + self.d.time(100_000, MS);
        }
        let port = self.d.between(1024, 65_000) as u16;
        let start = self.now;
        for n in 0..2 {
            for v6 in [false, true] {
                let id = (k as u16).wrapping_mul(7) ^ u16::from(v6);
                self.dns_packet(
                    start + n * 1500 * MS + u64::from(v6) * 20_000,
                    port,
                    false,
                    &dns::query(id, &host, v6),
                );
            }
        }
        3000 * MS + self.d.time(0, 3 * MS)
    }

    /// Host in a call's URL.
    pub fn host_of(&self, k: usize) -> String {
        let url = &self.calls[k].url;
        let host = url.split('/').nth(2).unwrap_or_default();
        host.split(':').next().unwrap_or_default().to_owned()
    }
}
