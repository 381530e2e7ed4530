//! Failures on connecting: refusals, silence, ICMP, full accept queues.

use super::Fault;
use crate::call::{Phase, Symptom};
use crate::pcap::Frame;
use crate::wire::{Ip, Seg, tcp_packet, unreachable_packet};
use crate::world::{Event, GW, SRV, World};

impl World {
    /// Sets the way and the server up before the SYN leaves.
    pub fn prepare_connect(&mut self, c: usize, k: usize) {
        let b = &self.backends[self.conns[c].backend];
        let down = self.down[self.conns[c].backend] > self.now || b.no_v6 && self.conns[c].addr.is_ipv6();
        let conn = &mut self.conns[c];
        match self.calls[k].fault {
            Fault::Refused => conn.refused = true,
            Fault::SynLost => conn.syn_lost = true,
            Fault::Icmp(code) => conn.icmp = Some(code),
            Fault::Overflow => conn.ends[SRV].overflow = true,
            _ => conn.refused = down,
        }
    }

    /// A router answers a SYN by an ICMP error.
    pub fn icmp_back(&mut self, c: usize, syn: &Seg) {
        let conn = &self.conns[c];
        let (Some(code), Some(k)) = (conn.icmp, conn.call) else { return };
        let backend = &self.backends[conn.backend];
        let own = self.own_addr(conn.addr);
        let ip = Ip { src: own, dst: conn.addr, ttl: syn.ttl.saturating_sub(1), id: syn.id, df: true };
        let quoted = tcp_packet(&ip, conn.port, backend.wire_port(), syn);
        let router = match conn.addr {
            std::net::IpAddr::V4(a) => {
                let [a, b, c, _] = a.octets();
                std::net::IpAddr::from([a, b, c, 1])
            }
            std::net::IpAddr::V6(a) => {
                let mut s = a.segments();
                s[7] = 1;
                std::net::IpAddr::from(s)
            }
        };
        let back = Ip { src: router, dst: own, ttl: 63, id: self.d.word() as u16, df: false };
        let bytes = unreachable_packet(&back, code, &quoted);
        let at = self.now + backend.rtt / 3 + self.d.time(50_000, 500_000);
        let frame = Frame { time: at, bytes, inbound: true, conn: Some(c), mac: backend.mac };
        self.at(at, Event::Packet(Box::new(frame)));
        self.at(at, Event::Icmp(c, k));
    }

    /// The gateway's kernel got the ICMP error.
    pub fn icmp(&mut self, c: usize, k: usize) {
        if self.calls[k].phase != Phase::Connecting || self.calls[k].conn != Some(c) {
            return;
        }
        self.conns[c].ends[GW].die();
        let v6 = self.conns[c].addr.is_ipv6();
        let symptom = match self.conns[c].icmp {
            Some(3) => Symptom::Refused,
            Some(0 | 9) if !v6 => Symptom::NetUnreachable,
            Some(0) => Symptom::NetUnreachable,
            _ => Symptom::NoRoute,
        };
        self.not_connected(k, symptom);
    }
}
