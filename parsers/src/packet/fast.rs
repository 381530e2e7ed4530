//! The usual frame, a whole IPv4 TCP header behind Ethernet or cooked v2, read at fixed offsets.
//!
//! It yields what the general path yields, or nothing; tests hold the two against each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Endpoint, FlowEnds, IpFacts, Segment, TcpFlags,
    ip::{self, Network},
    tcp::Options,
};
use crate::capture::LinkType;

/// Decodes the frame if it is of the usual shape: its segment and the payload bytes that were captured.
#[expect(clippy::inline_always, reason = "a segment that is handed back through memory is waited for")]
#[inline(always)]
pub(super) fn segment(link: LinkType, frame: &[u8]) -> Option<(Segment, &[u8])> {
    let Headers { ip, tcp, options, payload } = Headers::locate(link, frame)?;
    let &[_, tos, t0, t1, i0, i1, f0, f1, ttl, ..] = ip;
    let &[p0, p1, r0, r1, q0, q1, q2, q3, a0, a1, a2, a3, _, flags, w0, w1, ..] = tcp;
    let flags = TcpFlags(flags);
    let options = Options::read(options, flags);
    let (source, destination) = addresses(ip);
    let network = Network {
        source: IpAddr::V4(source),
        destination: IpAddr::V4(destination),
        facts: IpFacts {
            ttl,
            id: Some(u16::from_be_bytes([i0, i1])),
            dont_fragment: u16::from_be_bytes([f0, f1]) & DONT_FRAGMENT != 0,
            tos,
            vlan: None,
            outer: 0,
            length: u16::from_be_bytes([t0, t1]).into(),
        },
    };
    let (length, captured) = payload;
    let segment = Segment {
        ends: network.ends([p0, p1], [r0, r1]),
        ip: network.facts,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: u16::from_be_bytes([w0, w1]),
        payload: length as u32,
        window_scale: options.window_scale,
        mss: options.mss,
        timestamps: options.timestamps(),
        sack: options.sack,
        options_cut: false,
    };
    Some((segment, captured.get(..length).unwrap_or(captured)))
}

/// The ends of the segment in a frame of the usual shape, or of as plain a one of IPv6.
#[inline]
pub(super) fn ends(link: LinkType, frame: &[u8]) -> Option<FlowEnds> {
    let (ether_type, packet) = network_packet(link, frame)?;
    let (source, destination, ports) = if ether_type == IPV6 {
        let (source, destination, tcp) = plain_ipv6(packet)?;
        (IpAddr::V6(source), IpAddr::V6(destination), tcp)
    } else {
        let Headers { ip, tcp, .. } = Headers::locate(link, frame)?;
        let (source, destination) = addresses(ip);
        (IpAddr::V4(source), IpAddr::V4(destination), tcp)
    };
    let &[p0, p1, r0, r1, ..] = ports;
    Some(FlowEnds {
        source: Endpoint { address: source, port: u16::from_be_bytes([p0, p1]) },
        destination: Endpoint { address: destination, port: u16::from_be_bytes([r0, r1]) },
    })
}

/// Addresses and TCP header of an IPv6 packet without extension headers that holds the whole header.
#[inline]
fn plain_ipv6(packet: &[u8]) -> Option<(Ipv6Addr, Ipv6Addr, &[u8; 20])> {
    let (&[version, _, _, _, l0, l1, next, _], rest) = packet.split_first_chunk()?;
    let (&source, rest) = rest.split_first_chunk::<16>()?;
    let (&destination, rest) = rest.split_first_chunk::<16>()?;
    let (tcp, _) = rest.split_first_chunk::<20>()?;
    let &[.., offset, _, _, _, _, _, _, _] = tcp;
    let header = u16::from(offset >> 4) * 4;
    let whole = (20..=u16::from_be_bytes([l0, l1])).contains(&header);
    (version >> 4 == 6 && next == ip::TCP && whole).then(|| (source.into(), destination.into(), tcp))
}

/// The parts of a packet of which the plain IPv4 header and the whole TCP header were captured.
struct Headers<'a> {
    ip: &'a [u8; 20],
    tcp: &'a [u8; 20],
    options: &'a [u8],
    /// Length of the payload on the wire, and what was captured behind the header.
    payload: (usize, &'a [u8]),
}

impl<'a> Headers<'a> {
    #[inline]
    fn locate(link: LinkType, frame: &'a [u8]) -> Option<Self> {
        let (ether_type, packet) = network_packet(link, frame)?;
        let (ip, rest) = packet.split_first_chunk::<20>()?;
        let &[version, _, t0, t1, _, _, f0, f1, _, protocol, ..] = ip;
        let fragment = u16::from_be_bytes([f0, f1]);
        if ether_type != IPV4 || version != PLAIN_HEADER || protocol != ip::TCP || fragment & FRAGMENTED != 0 {
            return None;
        }
        let (tcp, _) = rest.split_first_chunk::<20>()?;
        let &[.., offset, _, _, _, _, _, _, _] = tcp;
        let header = usize::from(offset >> 4) * 4;
        let length = usize::from(u16::from_be_bytes([t0, t1])).checked_sub(20 + header)?;
        let options = rest.get(20..header)?;
        Some(Self { ip, tcp, options, payload: (length, rest.get(header..)?) })
    }
}

/// The ether type and what it names, behind an untagged Ethernet header or that of cooked v2.
#[inline]
fn network_packet(link: LinkType, frame: &[u8]) -> Option<([u8; 2], &[u8])> {
    match link {
        LinkType::ETHERNET => {
            let (&[.., high, low], packet) = frame.split_first_chunk::<14>()?;
            Some(([high, low], packet))
        }
        LinkType::LINUX_SLL2 => {
            let (&[high, low, ..], packet) = frame.split_first_chunk::<20>()?;
            Some(([high, low], packet))
        }
        _ => None,
    }
}

#[inline]
fn addresses(ip: &[u8; 20]) -> (Ipv4Addr, Ipv4Addr) {
    let &[.., s0, s1, s2, s3, d0, d1, d2, d3] = ip;
    (Ipv4Addr::new(s0, s1, s2, s3), Ipv4Addr::new(d0, d1, d2, d3))
}

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// Version 4, five words.
const PLAIN_HEADER: u8 = 0x45;
const DONT_FRAGMENT: u16 = 0x4000;
/// More fragments, or an offset.
const FRAGMENTED: u16 = 0x3fff;
