//! Header bytes: IPv4, IPv6, TCP, UDP and ICMP, with right checksums.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// TCP flag bits.
pub mod flag {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronise.
    pub const SYN: u8 = 2;
    /// Reset.
    pub const RST: u8 = 4;
    /// Push.
    pub const PSH: u8 = 8;
    /// The acknowledgement field counts.
    pub const ACK: u8 = 16;
}

/// What the network layer of a packet says.
#[derive(Debug, Clone, Copy)]
pub struct Ip {
    /// Sender.
    pub src: IpAddr,
    /// Receiver.
    pub dst: IpAddr,
    /// Time to live or hop limit, as captured.
    pub ttl: u8,
    /// Identification (IPv4 only).
    pub id: u16,
    /// Don't fragment (IPv4 only).
    pub df: bool,
}

/// One TCP segment, before it has addresses.
#[derive(Debug, Clone, Default)]
pub struct Seg {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flag bits, see [`flag`].
    pub flags: u8,
    /// Raw window field.
    pub window: u16,
    /// Payload.
    pub payload: Vec<u8>,
    /// Timestamp option: value and echo.
    pub ts: Option<(u32, u32)>,
    /// MSS option (SYN only).
    pub mss: Option<u16>,
    /// Window scale option (SYN only).
    pub scale: Option<u8>,
    /// SACK permitted option (SYN only).
    pub sack_ok: bool,
    /// One SACK block.
    pub sack: Option<(u32, u32)>,
    /// Time to live as the gateway's interface sees it.
    pub ttl: u8,
    /// IP identification.
    pub id: u16,
    /// Don't fragment.
    pub df: bool,
}

impl Seg {
    /// Whether all bits of `flags` are set.
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Sequence space the segment takes.
    pub fn space(&self) -> u32 {
        self.payload.len() as u32 + u32::from(self.has(flag::SYN)) + u32::from(self.has(flag::FIN))
    }

    fn options(&self) -> Vec<u8> {
        let mut o = Vec::new();
        if let Some(mss) = self.mss {
            o.extend([2, 4]);
            o.extend(mss.to_be_bytes());
        }
        if self.sack_ok {
            if self.ts.is_none() {
                o.extend([1, 1]);
            }
            o.extend([4, 2]);
        }
        if let Some((value, echo)) = self.ts {
            if !self.sack_ok {
                o.extend([1, 1]);
            }
            o.extend([8, 10]);
            o.extend(value.to_be_bytes());
            o.extend(echo.to_be_bytes());
        }
        if let Some(scale) = self.scale {
            o.extend([1, 3, 3, scale]);
        }
        if let Some((left, right)) = self.sack {
            o.extend([1, 1, 5, 10]);
            o.extend(left.to_be_bytes());
            o.extend(right.to_be_bytes());
        }
        while o.len() % 4 != 0 {
            o.push(0);
        }
        o
    }
}

fn sum(mut acc: u32, bytes: &[u8]) -> u32 {
    let mut pairs = bytes.chunks_exact(2);
    for pair in &mut pairs {
        acc += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    if let [last] = pairs.remainder() {
        acc += u32::from(*last) << 8;
    }
    acc
}

fn fold(mut acc: u32) -> u16 {
    while acc > 0xffff {
        acc = (acc & 0xffff) + (acc >> 16);
    }
    !(acc as u16)
}

fn pseudo(ip: &Ip, protocol: u8, len: usize) -> u32 {
    let acc = match (ip.src, ip.dst) {
        (IpAddr::V4(a), IpAddr::V4(b)) => sum(sum(0, &a.octets()), &b.octets()),
        (IpAddr::V6(a), IpAddr::V6(b)) => sum(sum(0, &a.octets()), &b.octets()),
        _ => 0,
    };
    acc + u32::from(protocol) + len as u32
}

fn with_ip(ip: &Ip, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(40 + body.len());
    match (ip.src, ip.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => v4_header(&mut packet, ip, src, dst, protocol, body.len()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => v6_header(&mut packet, ip, src, dst, protocol, body.len()),
        _ => {}
    }
    packet.extend(body);
    packet
}

fn v4_header(p: &mut Vec<u8>, ip: &Ip, src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, len: usize) {
    p.extend([0x45, 0]);
    p.extend((20 + len as u16).to_be_bytes());
    p.extend(ip.id.to_be_bytes());
    p.extend([if ip.df { 0x40 } else { 0 }, 0, ip.ttl, protocol, 0, 0]);
    p.extend(src.octets());
    p.extend(dst.octets());
    let check = fold(sum(0, p)).to_be_bytes();
    p[10..12].copy_from_slice(&check);
}

fn v6_header(p: &mut Vec<u8>, ip: &Ip, src: Ipv6Addr, dst: Ipv6Addr, protocol: u8, len: usize) {
    p.extend([0x60, 0, 0, 0]);
    p.extend((len as u16).to_be_bytes());
    p.extend([protocol, ip.ttl]);
    p.extend(src.octets());
    p.extend(dst.octets());
}

/// A whole IP packet with a TCP segment.
pub fn tcp_packet(ip: &Ip, sport: u16, dport: u16, seg: &Seg) -> Vec<u8> {
    let options = seg.options();
    let mut t = Vec::with_capacity(20 + options.len() + seg.payload.len());
    t.extend(sport.to_be_bytes());
    t.extend(dport.to_be_bytes());
    t.extend(seg.seq.to_be_bytes());
    t.extend(seg.ack.to_be_bytes());
    t.extend([((20 + options.len()) as u8 / 4) << 4, seg.flags]);
    t.extend(seg.window.to_be_bytes());
    t.extend([0, 0, 0, 0]);
    t.extend(options);
    t.extend(&seg.payload);
    let check = fold(sum(pseudo(ip, 6, t.len()), &t)).to_be_bytes();
    t[16..18].copy_from_slice(&check);
    with_ip(ip, 6, &t)
}

/// A whole IP packet with a UDP datagram.
pub fn udp_packet(ip: &Ip, sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    let mut u = Vec::with_capacity(8 + payload.len());
    u.extend(sport.to_be_bytes());
    u.extend(dport.to_be_bytes());
    u.extend((8 + payload.len() as u16).to_be_bytes());
    u.extend([0, 0]);
    u.extend(payload);
    let check = fold(sum(pseudo(ip, 17, u.len()), &u)).to_be_bytes();
    u[6..8].copy_from_slice(&check);
    with_ip(ip, 17, &u)
}

/// An ICMP destination unreachable that quotes the start of `quoted`. `code` is `ICMPv4`'s; IPv6 gets the matching one.
pub fn unreachable_packet(ip: &Ip, code: u8, quoted: &[u8]) -> Vec<u8> {
    let v6 = ip.src.is_ipv6();
    let quote = &quoted[..quoted.len().min(if v6 { 1000 } else { 548 })];
    let mut m = Vec::with_capacity(8 + quote.len());
    if v6 {
        let code = match code {
            0 => 0,
            13 | 10 | 9 => 1,
            3 => 4,
            _ => 3,
        };
        m.extend([1, code]);
    } else {
        m.extend([3, code]);
    }
    m.extend([0; 6]);
    m.extend(quote);
    let start = if v6 { pseudo(ip, 58, m.len()) } else { 0 };
    let check = fold(sum(start, &m)).to_be_bytes();
    m[2..4].copy_from_slice(&check);
    with_ip(ip, if v6 { 58 } else { 1 }, &m)
}

/// The flag bits of an IP packet that holds a TCP segment.
pub fn tcp_flags(packet: &[u8]) -> Option<u8> {
    let (protocol, header) = match packet.first()? >> 4 {
        4 => (*packet.get(9)?, usize::from(packet.first()? & 15) * 4),
        _ => (*packet.get(6)?, 40),
    };
    packet.get(header + 13).copied().filter(|_| protocol == 6)
}

/// The packet after one more router: TTL lower by one.
pub fn after_hop(packet: &[u8]) -> Vec<u8> {
    let mut p = packet.to_vec();
    if p[0] >> 4 == 6 {
        p[7] = p[7].saturating_sub(1);
        return p;
    }
    p[8] = p[8].saturating_sub(1);
    p[10..12].copy_from_slice(&[0, 0]);
    let check = fold(sum(0, &p[..20])).to_be_bytes();
    p[10..12].copy_from_slice(&check);
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_a_packet_sums_to_zero() {
        let ip = Ip {
            src: Ipv4Addr::new(10, 0, 0, 1).into(),
            dst: Ipv4Addr::new(10, 0, 0, 2).into(),
            ttl: 64,
            id: 7,
            df: true,
        };
        let seg = Seg {
            seq: 1,
            flags: flag::SYN,
            mss: Some(1460),
            sack_ok: true,
            ts: Some((1, 0)),
            scale: Some(7),
            ..Seg::default()
        };
        let packet = tcp_packet(&ip, 40000, 443, &seg);
        assert_eq!(packet.len(), 60);
        assert_eq!(fold(sum(0, &packet[..20])), 0);
        assert_eq!(fold(sum(pseudo(&ip, 6, 40), &packet[20..])), 0);
    }
}
