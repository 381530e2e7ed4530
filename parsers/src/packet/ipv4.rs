//! The IPv4 header.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    Decoded, IpFacts, Skip,
    ip::{self, Network},
    layer::Layer,
};

/// An IPv4 header, and what lies behind its options.
pub(super) struct Header<'a> {
    pub(super) network: Network,
    pub(super) protocol: u8,
    /// Not the first fragment of its packet.
    pub(super) later_fragment: bool,
    /// Bytes of the header with its options.
    length: u32,
    /// From the end of the options to the end of the layer, not yet bounded by the packet's length.
    pub(super) rest: Layer<'a>,
}

/// Takes the header off and goes on with the packet's payload.
pub(super) fn decode(packet: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let Header { network, protocol, later_fragment, length, rest } = read(packet)?;
    let payload = network.facts.length.checked_sub(length).ok_or(Skip::Malformed)?;
    if later_fragment {
        return Err(Skip::LaterFragment);
    }
    ip::payload(protocol, &network, rest.limit(payload))
}

/// Reads the header. A total length of 0 is what segmentation offload leaves; the frame's length then stands for it.
pub(super) fn read(packet: Layer<'_>) -> Result<Header<'_>, Skip> {
    let (&[version, tos, t0, t1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3], _) =
        packet.header::<20>()?;
    let length = u32::from(version & 0x0f) * 4;
    if version >> 4 != 4 || length < 20 {
        return Err(Skip::Malformed);
    }
    let total = u32::from(u16::from_be_bytes([t0, t1]));
    let fragment = u16::from_be_bytes([f0, f1]);
    let facts = IpFacts {
        ttl,
        id: Some(u16::from_be_bytes([i0, i1])),
        dont_fragment: fragment & DONT_FRAGMENT != 0,
        tos,
        vlan: packet.vlan,
        outer: packet.outer,
        length: if total == 0 { packet.wire } else { total },
    };
    let source = IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3));
    let destination = IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3));
    Ok(Header {
        network: Network { source, destination, facts },
        protocol,
        later_fragment: fragment & FRAGMENT_OFFSET != 0,
        length,
        rest: packet.skip(length as usize)?,
    })
}

const DONT_FRAGMENT: u16 = 0x4000;
const FRAGMENT_OFFSET: u16 = 0x1fff;
