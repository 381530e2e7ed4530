//! The IPv6 header and its extension headers.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    Decoded, IpFacts, Skip,
    ip::{self, Network},
    layer::Layer,
};

/// Takes the headers off and goes on with the packet's payload.
pub(super) fn decode(packet: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (network, next, rest) = read(packet)?;
    let rest = rest.limit(network.facts.length - HEADER_LENGTH);
    let (protocol, rest) = extensions(next, rest)?;
    ip::payload(protocol, &network, rest)
}

/// Reads the fixed header: its facts, the next header's number, and what follows, not yet bounded by the packet's length.
///
/// A payload length of 0 is what jumbograms and segmentation offload leave; the frame's length then stands for it.
pub(super) fn read(packet: Layer<'_>) -> Result<(Network, u8, Layer<'_>), Skip> {
    let (header, rest) = packet.header::<40>()?;
    let (&[class0, class1, _, _, l0, l1, next, hop_limit], addresses) = header.split_first_chunk().ok_or(Skip::Cut)?;
    if class0 >> 4 != 6 {
        return Err(Skip::Malformed);
    }
    let payload = u32::from(u16::from_be_bytes([l0, l1]));
    let facts = IpFacts {
        ttl: hop_limit,
        id: None,
        dont_fragment: false,
        tos: class0 << 4 | class1 >> 4,
        vlan: packet.vlan,
        outer: packet.outer,
        length: HEADER_LENGTH + if payload == 0 { rest.wire } else { payload },
    };
    let source = address(addresses.first_chunk());
    let destination = address(addresses.last_chunk());
    Ok((Network { source, destination, facts }, next, rest))
}

/// Skips extension headers: the number of the protocol behind them, and its bytes.
pub(super) fn extensions(mut next: u8, mut rest: Layer<'_>) -> Result<(u8, Layer<'_>), Skip> {
    for _ in 0..MAX_EXTENSIONS {
        let length = match next {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY => 8 + 8 * usize::from(rest.header::<2>()?.0[1]),
            AUTHENTICATION => 8 + 4 * usize::from(rest.header::<2>()?.0[1]),
            FRAGMENT => {
                let (&[_, _, high, low], _) = rest.header::<4>()?;
                if u16::from_be_bytes([high, low]) & FRAGMENT_OFFSET != 0 {
                    return Err(Skip::LaterFragment);
                }
                8
            }
            protocol => return Ok((protocol, rest)),
        };
        next = rest.header::<1>()?.0[0];
        rest = rest.skip(length)?;
    }
    Err(Skip::Malformed)
}

fn address(bytes: Option<&[u8; 16]>) -> IpAddr {
    IpAddr::V6(bytes.map_or(Ipv6Addr::UNSPECIFIED, |&bytes| Ipv6Addr::from(bytes)))
}

const HEADER_LENGTH: u32 = 40;
/// Each kind is allowed once, destination options twice; anything beyond is made to waste time.
const MAX_EXTENSIONS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const FRAGMENT_OFFSET: u16 = 0xfff8;
