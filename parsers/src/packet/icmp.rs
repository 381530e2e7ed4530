//! ICMP and `ICMPv6` errors about a TCP segment.

use super::{
    Decoded, FlowEnds, IcmpError, IcmpKind, Skip,
    ip::{self, Network},
    ipv4, ipv6,
    layer::Layer,
};

/// Reads an error of ICMP for IPv4 (RFC 792, 1122, 1191, 1812).
pub(super) fn decode_v4<'a>(network: &Network, message: Layer<'a>) -> Result<Decoded<'a>, Skip> {
    let (&[kind, code, _, _, _, _, mtu_high, mtu_low], quote) = message.header::<8>()?;
    let kind = match (kind, code) {
        (3, 2 | 3) => IcmpKind::PortUnreachable,
        (3, 4) => IcmpKind::TooBig(u16::from_be_bytes([mtu_high, mtu_low]).into()),
        (3, 9 | 10 | 13..=15) => IcmpKind::Prohibited,
        (3, _) => IcmpKind::Unreachable,
        (11, _) => IcmpKind::TimeExceeded,
        _ => return Err(Skip::Icmp),
    };
    let header = ipv4::read(quote)?;
    if header.later_fragment {
        return Err(Skip::Icmp);
    }
    error(network, kind, &header.network, header.protocol, header.rest)
}

/// Reads an error of `ICMPv6` (RFC 4443).
pub(super) fn decode_v6<'a>(network: &Network, message: Layer<'a>) -> Result<Decoded<'a>, Skip> {
    let (&[kind, code, _, _, m0, m1, m2, m3], quote) = message.header::<8>()?;
    let kind = match (kind, code) {
        (1, 4) => IcmpKind::PortUnreachable,
        (1, 1 | 5 | 6) => IcmpKind::Prohibited,
        (1, _) => IcmpKind::Unreachable,
        (2, _) => IcmpKind::TooBig(u32::from_be_bytes([m0, m1, m2, m3])),
        (3, _) => IcmpKind::TimeExceeded,
        _ => return Err(Skip::Icmp),
    };
    let (quoted, next, rest) = ipv6::read(quote)?;
    let (protocol, rest) = ipv6::extensions(next, rest)?;
    error(network, kind, &quoted, protocol, rest)
}

/// The quote holds at least eight bytes behind the quoted IP header: of TCP, ports and sequence number.
fn error<'a>(
    network: &Network,
    kind: IcmpKind,
    quoted: &Network,
    protocol: u8,
    rest: Layer<'a>,
) -> Result<Decoded<'a>, Skip> {
    if protocol != ip::TCP {
        return Err(Skip::Icmp);
    }
    let (&[s0, s1, d0, d1, seq @ ..], _) = rest.header::<8>()?;
    let quoted: FlowEnds = quoted.ends([s0, s1], [d0, d1]);
    let quoted_seq = u32::from_be_bytes(seq);
    Ok(Decoded::Icmp(IcmpError { sender: network.source, kind, quoted, quoted_seq }))
}
