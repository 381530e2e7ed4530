//! Packets without their payload, between the addresses that stand for their own.
//!
//! A packet is not painted over: it is built anew from what decoding read of it, as bare IP, so that nothing passes that is not known.
//! Lengths, times, numbers, flags, options of the handshake, TTL and identification are kept; link addresses, tunnels, selective
//! acknowledgements and comments are not. DNS messages are left out, since they are made of names.

use std::net::IpAddr;

use wirecause_parsers::{
    capture::{Interface, LinkType, Origin, Record},
    packet::{Decoded, FlowEnds, IcmpError, IcmpKind, Segment, decode},
};

use super::Redactor;
use crate::read::packets::RawFrame;

/// How redacted packets of an interface are described.
pub fn interface(interface: &Interface) -> Interface {
    let mut options = interface.origin.options.clone();
    options.retain(|option| matches!(option.code, IF_TSRESOL | IF_TSOFFSET));
    Interface {
        link: LinkType::RAW,
        snap_length: interface.snap_length,
        name: None,
        dropped: None,
        origin: Origin { options, ..interface.origin.clone() },
    }
}

/// A frame without what it must not tell; `None` where nothing of it may be told.
pub fn frame(frame: &RawFrame, interface: &Interface, redactor: &Redactor) -> Option<RawFrame> {
    let (data, missing) = match decode(interface.link, &frame.data, frame.original) {
        Decoded::Tcp(segment, payload) => tcp(&segment, payload.len(), redactor),
        Decoded::Icmp(error) => (icmp(&error, redactor), 0),
        Decoded::Dns(_) | Decoded::Skipped(_) => return None,
    };
    Some(RawFrame {
        record: Record { options: Vec::new(), ..frame.record.clone() },
        original: data.len() as u32 + missing,
        data,
        ..frame.clone()
    })
}

/// A segment with zeros for its payload, and how many bytes of it were not captured.
fn tcp(segment: &Segment, captured: usize, redactor: &Redactor) -> (Vec<u8>, u32) {
    let options = options(segment);
    let ends = FlowEnds {
        source: redacted(segment.ends.source, redactor),
        destination: redacted(segment.ends.destination, redactor),
    };
    let mut header = Vec::new();
    header.extend(ends.source.port.to_be_bytes());
    header.extend(ends.destination.port.to_be_bytes());
    header.extend(segment.seq.to_be_bytes());
    header.extend(segment.ack.to_be_bytes());
    header.push((((20 + options.len()) / 4) << 4) as u8);
    header.push(segment.flags.0);
    header.extend(segment.window.to_be_bytes());
    header.extend([0; 4]);
    header.extend(options);
    let length = header.len() as u32 + segment.payload;
    let sum = checksum(&[&pseudo(ends, TCP, length), &header]);
    if let Some(field) = header.get_mut(16..18) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    let facts =
        Facts { ttl: segment.ip.ttl, id: segment.ip.id, dont_fragment: segment.ip.dont_fragment, tos: segment.ip.tos };
    let mut data = ip(ends, TCP, length, facts);
    data.extend(header);
    let captured = captured.min(segment.payload as usize);
    data.resize(data.len() + captured, 0);
    (data, segment.payload - captured as u32)
}

/// The options that decoding reads, padded.
fn options(segment: &Segment) -> Vec<u8> {
    let mut options = Vec::new();
    if let Some(mss) = segment.mss {
        options.extend([2, 4]);
        options.extend(mss.to_be_bytes());
    }
    if let Some(scale) = segment.window_scale {
        options.extend([3, 3, scale, NO_OPERATION]);
    }
    if segment.sack && segment.flags.syn() {
        options.extend([4, 2, NO_OPERATION, NO_OPERATION]);
    }
    if let Some((value, echo)) = segment.timestamps {
        options.extend([NO_OPERATION, NO_OPERATION, 8, 10]);
        options.extend(value.to_be_bytes());
        options.extend(echo.to_be_bytes());
    }
    options
}

/// An ICMP error with the ports and the number of the segment that it quotes.
fn icmp(error: &IcmpError, redactor: &Redactor) -> Vec<u8> {
    let quoted = FlowEnds {
        source: redacted(error.quoted.source, redactor),
        destination: redacted(error.quoted.destination, redactor),
    };
    let facts = Facts { ttl: 64, id: Some(0), dont_fragment: false, tos: 0 };
    let v4 = quoted.source.address.is_ipv4();
    let (kind, code, rest) = kind(error.kind, v4);
    let mut message = vec![kind, code, 0, 0];
    message.extend(rest.to_be_bytes());
    message.extend(ip(quoted, TCP, 20, facts));
    message.extend(quoted.source.port.to_be_bytes());
    message.extend(quoted.destination.port.to_be_bytes());
    message.extend(error.quoted_seq.to_be_bytes());
    let mut ends = quoted;
    std::mem::swap(&mut ends.source, &mut ends.destination);
    ends.source.address = redactor.address(error.sender);
    let protocol = if v4 { ICMP } else { ICMP_V6 };
    let length = message.len() as u32;
    let sum = if v4 { checksum(&[&message]) } else { checksum(&[&pseudo(ends, protocol, length), &message]) };
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    let mut data = ip(ends, protocol, length, facts);
    data.extend(message);
    data
}

/// Type, code and second word of an error.
const fn kind(kind: IcmpKind, v4: bool) -> (u8, u8, u32) {
    match (kind, v4) {
        (IcmpKind::Unreachable, true) => (3, 1, 0),
        (IcmpKind::PortUnreachable, true) => (3, 3, 0),
        (IcmpKind::Prohibited, true) => (3, 13, 0),
        (IcmpKind::TooBig(mtu), true) => (3, 4, mtu),
        (IcmpKind::TimeExceeded, true) => (11, 0, 0),
        (IcmpKind::Unreachable, false) => (1, 0, 0),
        (IcmpKind::PortUnreachable, false) => (1, 4, 0),
        (IcmpKind::Prohibited, false) => (1, 1, 0),
        (IcmpKind::TooBig(mtu), false) => (2, 0, mtu),
        (IcmpKind::TimeExceeded, false) => (3, 0, 0),
    }
}

/// What an IP header says beside addresses and length.
#[derive(Clone, Copy)]
struct Facts {
    ttl: u8,
    id: Option<u16>,
    dont_fragment: bool,
    tos: u8,
}

/// An IP header before `length` bytes; a length beyond the field, as with offloads, is written as 0, which means the same.
fn ip(ends: FlowEnds, protocol: u8, length: u32, facts: Facts) -> Vec<u8> {
    if let (IpAddr::V4(source), IpAddr::V4(destination)) = (ends.source.address, ends.destination.address) {
        let total = u16::try_from(length + 20).unwrap_or(0);
        let fragment: u16 = if facts.dont_fragment { 0x4000 } else { 0 };
        let mut header = vec![0x45, facts.tos];
        header.extend(total.to_be_bytes());
        header.extend(facts.id.unwrap_or(0).to_be_bytes());
        header.extend(fragment.to_be_bytes());
        header.extend([facts.ttl, protocol, 0, 0]);
        header.extend(source.octets());
        header.extend(destination.octets());
        let sum = checksum(&[&header]);
        if let Some(field) = header.get_mut(10..12) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
        return header;
    }
    let mut header = (6_u32 << 28 | u32::from(facts.tos) << 20).to_be_bytes().to_vec();
    header.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
    header.extend([protocol, facts.ttl]);
    header.extend(octets(ends.source.address));
    header.extend(octets(ends.destination.address));
    header
}

/// What is summed before a segment (RFC 9293, section 3.1; RFC 8200, section 8.1).
fn pseudo(ends: FlowEnds, protocol: u8, length: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for address in [ends.source.address, ends.destination.address] {
        match address {
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    bytes
}

/// The Internet checksum (RFC 1071) of parts of even length; zeros behind them change nothing.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks_exact(2));
    let mut sum: u64 = words.map(|word| u64::from(word[0]) << 8 | u64::from(word[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn redacted(end: wirecause_parsers::packet::Endpoint, redactor: &Redactor) -> wirecause_parsers::packet::Endpoint {
    wirecause_parsers::packet::Endpoint { address: redactor.address(end.address), ..end }
}

const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMP_V6: u8 = 58;
const NO_OPERATION: u8 = 1;

#[cfg(test)]
mod tests {
    use wirecause_parsers::{
        packet::{Endpoint, IpFacts, TcpFlags},
        time::Timestamp,
    };

    use super::*;
    use crate::track::FrameId;

    fn raw() -> Interface {
        Interface { link: LinkType::RAW, snap_length: 0, name: None, dropped: None, origin: Origin::default() }
    }

    fn segment(source: &str, destination: &str) -> Segment {
        let end = |address: &str, port| Endpoint { address: address.parse().unwrap(), port };
        Segment {
            ends: FlowEnds { source: end(source, 40_000), destination: end(destination, 443) },
            ip: IpFacts {
                ttl: 57,
                id: source.contains('.').then_some(7),
                dont_fragment: source.contains('.'),
                tos: 0,
                vlan: None,
                outer: 0,
                length: 0,
            },
            seq: 5,
            ack: 9,
            flags: TcpFlags(0x12),
            window: 1_000,
            payload: 30,
            window_scale: Some(7),
            mss: Some(1_460),
            timestamps: Some((1, 2)),
            sack: true,
            options_cut: false,
        }
    }

    #[test]
    fn a_rebuilt_segment_reads_as_the_old_one_between_other_addresses() {
        for (source, destination) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
            let addresses = [source, destination].map(|address| address.parse().unwrap());
            let redactor = Redactor::new([], addresses);
            let old = segment(source, destination);
            let (data, missing) = tcp(&old, 12, &redactor);
            let Decoded::Tcp(new, payload) = decode(LinkType::RAW, &data, data.len() as u32 + missing) else {
                panic!("no segment")
            };
            assert_eq!((payload, missing), (&[0; 12][..], 18));
            let mut expected = old;
            expected.ends.source.address = redactor.address(addresses[0]);
            expected.ends.destination.address = redactor.address(addresses[1]);
            expected.ip.length = data.len() as u32 + missing;
            assert_eq!(new, expected);
            assert_ne!(new.ends.source.address, addresses[0]);
        }
    }

    #[test]
    fn checksums_are_right() {
        // The example of RFC 1071, section 3: the sum is ddf2.
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
    }

    #[test]
    fn an_error_quotes_the_redacted_flow() {
        for (one, other) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
            let addresses = [one, other].map(|address| address.parse::<IpAddr>().unwrap());
            let redactor = Redactor::new([], addresses);
            let quoted = segment(one, other).ends;
            let error = IcmpError { sender: addresses[1], kind: IcmpKind::Prohibited, quoted, quoted_seq: 77 };
            let data = icmp(&error, &redactor);
            let Decoded::Icmp(new) = decode(LinkType::RAW, &data, data.len() as u32) else { panic!("no error") };
            assert_eq!((new.kind, new.quoted_seq, new.sender), (error.kind, 77, redactor.address(addresses[1])));
            assert_eq!(new.quoted.source.address, redactor.address(addresses[0]));
        }
    }

    #[test]
    fn what_holds_names_is_left_out() {
        let data = vec![0; 60];
        let frame = RawFrame {
            id: FrameId::new(0, 1),
            time: Timestamp::from_nanos(0),
            interface: 0,
            record: Record::default(),
            original: 60,
            data,
        };
        assert_eq!(super::frame(&frame, &raw(), &Redactor::default()), None);
    }
}
