//! `PPPoE` sessions (RFC 2516).

use super::{Decoded, Skip, ether_type, ip, layer::Layer, mpls, outer::Outer};

/// Takes the session header and PPP's protocol number off.
pub(super) fn decode(session: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[version, _code, s0, s1, l0, l1], rest) = session.deeper()?.header::<6>()?;
    let rest = rest.inside(Outer::Pppoe(u16::from_be_bytes([s0, s1])));
    if version != VERSION_1_TYPE_1 {
        return Err(Skip::Malformed);
    }
    let (&protocol, rest) = rest.limit(u16::from_be_bytes([l0, l1]).into()).header()?;
    match u16::from_be_bytes(protocol) {
        PPP_IPV4 | PPP_IPV6 => ip::by_version(rest),
        PPP_MPLS => mpls::decode(rest),
        _ => Err(Skip::EtherType(ether_type::PPPOE)),
    }
}

const VERSION_1_TYPE_1: u8 = 0x11;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: u16 = 0x0281;
