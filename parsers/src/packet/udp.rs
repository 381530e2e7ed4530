//! The UDP header; of what it carries, DNS and tunnels count.

use super::{Datagram, Decoded, Skip, geneve, ip::Network, layer::Layer, vxlan};

/// Goes on with the datagram if its ports say that it carries something of use.
pub(super) fn decode<'a>(network: &Network, datagram: Layer<'a>) -> Result<Decoded<'a>, Skip> {
    let (&[s0, s1, d0, d1, l0, l1, _, _], rest) = datagram.header::<8>()?;
    let ends = network.ends([s0, s1], [d0, d1]);
    let rest = match u16::from_be_bytes([l0, l1]) {
        // A jumbogram's length; what the IP header left stands for it.
        0 => rest,
        length => rest.limit(u32::from(length).checked_sub(HEADER_LENGTH).ok_or(Skip::Malformed)?),
    };
    if is_dns(ends.source.port) || is_dns(ends.destination.port) {
        return Ok(Decoded::Dns(Datagram { ends, payload: rest.bytes, cut: rest.bytes.len() < rest.wire as usize }));
    }
    match ends.destination.port {
        vxlan::PORT | vxlan::LINUX_PORT => vxlan::decode(rest),
        geneve::PORT => geneve::decode(rest),
        _ => Err(Skip::Udp),
    }
}

fn is_dns(port: u16) -> bool {
    port == DNS || port == MULTICAST_DNS
}

const HEADER_LENGTH: u32 = 8;
const DNS: u16 = 53;
const MULTICAST_DNS: u16 = 5353;
