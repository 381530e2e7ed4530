//! The gateway's other leg: clients that call it. Their connections stand in the capture too, and end in ways of their own.

use crate::pcap::Frame;
use crate::tls;
use crate::wire::{Ip, Seg, flag, tcp_packet};
use crate::world::World;
use crate::{MS, Ns, US};
use std::net::{IpAddr, Ipv4Addr};

/// One side's numbers.
struct Leg {
    client: IpAddr,
    port: u16,
    listen: u16,
    ttl: u8,
    next: [u32; 2],
}

impl World {
    fn north_packet(&mut self, leg: &mut Leg, time: Ns, inbound: bool, flags: u8, payload: &[u8]) {
        let (from, to) = if inbound { (0, 1) } else { (1, 0) };
        let mut seg = Seg {
            seq: leg.next[from],
            ack: if flags & flag::ACK == 0 { 0 } else { leg.next[to] },
            flags,
            window: if flags & flag::RST != 0 && flags & flag::ACK == 0 { 0 } else { 501 },
            payload: payload.to_vec(),
            ttl: if inbound { leg.ttl } else { 64 },
            id: self.d.word() as u16,
            df: true,
            ..Seg::default()
        };
        if flags & flag::SYN != 0 {
            seg.window = 64_240;
            seg.mss = Some(1460);
            seg.scale = Some(7);
            seg.sack_ok = true;
        }
        let own = self.settings.v4;
        let (src, dst) = if inbound { (leg.client, own) } else { (own, leg.client) };
        let (sport, dport) = if inbound { (leg.port, leg.listen) } else { (leg.listen, leg.port) };
        let bytes = tcp_packet(&Ip { src, dst, ttl: seg.ttl, id: seg.id, df: true }, sport, dport, &seg);
        leg.next[from] = leg.next[from].wrapping_add(seg.space());
        self.frames.push(Frame { time, bytes, inbound, conn: None, mac: 1 });
    }

    /// Adds a client's connection for a share of the calls.
    pub fn add_clients(&mut self, share: f64) {
        let listen = *self.d.pick(&[8443, 8080, 9443]);
        for k in 0..self.calls.len() {
            let (begun, end) = (self.calls[k].begun, self.calls[k].failed.max(self.calls[k].done));
            if end == 0 || begun < 20 * MS || !self.d.chance(share) {
                continue;
            }
            let leg = Leg {
                client: Ipv4Addr::new(192, 168, self.d.between(0, 7) as u8, self.d.between(2, 250) as u8).into(),
                port: self.d.between(49_152, 65_535) as u16,
                listen,
                ttl: *self.d.pick(&[128, 127, 63, 60, 57]),
                next: [self.d.word(), self.d.word()],
            };
            let failed = self.calls[k].failure.is_some();
            self.client(leg, begun, end, failed);
        }
    }

    fn north_text(&mut self, listen: u16, request: bool, n: usize) -> Vec<u8> {
        if listen != 8080 {
            return tls::record(23, &self.d.bytes(n));
        }
        let first = if request { "POST /orders HTTP/1.1\r\nHost: api.example:8080" } else { "HTTP/1.1 200 OK" };
        let mut text = format!("{first}\r\nContent-Length: {n}\r\n\r\n").into_bytes();
        text.resize(text.len() + n, b'x');
        text
    }

    fn client(&mut self, mut leg: Leg, begun: Ns, end: Ns, failed: bool) {
        const A: u8 = flag::ACK;
        let trip = self.d.time(200 * US, 6 * MS);
        let mut t = begun.saturating_sub(trip + 300 * US);
        self.north_packet(&mut leg, t, true, flag::SYN, &[]);
        self.north_packet(&mut leg, t + 20 * US, false, flag::SYN | A, &[]);
        t += trip;
        self.north_packet(&mut leg, t, true, A, &[]);
        let n = self.d.between(120, 900) as usize;
        let request = self.north_text(leg.listen, true, n);
        self.north_packet(&mut leg, t + 40 * US, true, A | flag::PSH, &request);
        self.north_packet(&mut leg, t + 50 * US, false, A, &[]);
        if self.d.chance(0.06) {
            // The client gives up.
            let early = begun + (end - begun) / 2 + 60 * US;
            self.north_packet(&mut leg, early, true, flag::RST | A, &[]);
            return;
        }
        let n = if failed { 180 } else { self.d.between(150, 1400) as usize };
        let response = self.north_text(leg.listen, false, n);
        let mut t = end + self.d.time(200 * US, 4 * MS);
        self.north_packet(&mut leg, t, false, A | flag::PSH, &response);
        t += trip;
        self.north_packet(&mut leg, t, true, A, &[]);
        t += self.d.time(MS, 900 * MS);
        match self.d.between(0, 3) {
            0 => self.north_packet(&mut leg, t, true, flag::RST | A, &[]),
            1 => {
                self.north_packet(&mut leg, t, false, flag::FIN | A, &[]);
                self.north_packet(&mut leg, t + trip, true, flag::RST, &[]);
            }
            _ => {
                self.north_packet(&mut leg, t, true, flag::FIN | A, &[]);
                self.north_packet(&mut leg, t + 60 * US, false, flag::FIN | A, &[]);
                self.north_packet(&mut leg, t + trip, true, A, &[]);
            }
        }
    }
}
