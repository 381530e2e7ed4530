//! The usual frame, a whole IPv4 TCP header behind Ethernet or cooked v2, read at fixed offsets.
//!
//! It yields what the general path yields, or nothing; tests hold the two against each other.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    Decoded, IpFacts, Segment, TcpFlags,
    ip::{self, Network},
    tcp::Options,
};
use crate::capture::LinkType;

/// Decodes the frame if it is of the usual shape.
#[inline]
pub(super) fn decode(link: LinkType, frame: &[u8]) -> Option<Decoded<'_>> {
    let (ether_type, packet) = match link {
        LinkType::ETHERNET => {
            let (&[.., high, low], packet) = frame.split_first_chunk::<14>()?;
            ([high, low], packet)
        }
        LinkType::LINUX_SLL2 => {
            let (&[high, low, ..], packet) = frame.split_first_chunk::<20>()?;
            ([high, low], packet)
        }
        _ => return None,
    };
    if ether_type == IPV4 { segment(packet) } else { None }
}

/// A packet of which the plain IPv4 header and the whole TCP header were captured.
#[inline]
fn segment(packet: &[u8]) -> Option<Decoded<'_>> {
    let (ip, rest) = packet.split_first_chunk::<20>()?;
    let &[version, tos, t0, t1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = ip;
    let (tcp, _) = rest.split_first_chunk::<20>()?;
    let &[p0, p1, r0, r1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, ..] = tcp;
    let total = u16::from_be_bytes([t0, t1]);
    let fragment = u16::from_be_bytes([f0, f1]);
    let header = usize::from(offset >> 4) * 4;
    let payload = usize::from(total).checked_sub(20 + header)?;
    if version != PLAIN_HEADER || protocol != ip::TCP || fragment & FRAGMENTED != 0 || header < 20 {
        return None;
    }
    let options = rest.get(20..header)?;
    let captured = rest.get(header..)?;
    let flags = TcpFlags(flags);
    let options = Options::read(options, flags);
    let network = Network {
        source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        facts: IpFacts {
            ttl,
            id: Some(u16::from_be_bytes([i0, i1])),
            dont_fragment: fragment & DONT_FRAGMENT != 0,
            tos,
            vlan: None,
            length: total.into(),
        },
    };
    let segment = Segment {
        ends: network.ends([p0, p1], [r0, r1]),
        ip: network.facts,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: u16::from_be_bytes([w0, w1]),
        payload: payload as u32,
        window_scale: options.window_scale,
        mss: options.mss,
        timestamps: options.timestamps,
        sack: options.sack,
        options_cut: false,
    };
    Some(Decoded::Tcp(segment, captured.get(..payload).unwrap_or(captured)))
}

const IPV4: [u8; 2] = [0x08, 0x00];
/// Version 4, five words.
const PLAIN_HEADER: u8 = 0x45;
const DONT_FRAGMENT: u16 = 0x4000;
/// More fragments, or an offset.
const FRAGMENTED: u16 = 0x3fff;
