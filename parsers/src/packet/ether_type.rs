//! What an ether type announces: IP, or a tag, label or tunnel that holds it.

use super::{Decoded, Skip, ipv4, ipv6, layer::Layer, link, mpls, pppoe};

/// Goes on with what follows an ether type.
pub(super) fn decode(ether_type: u16, rest: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    match ether_type {
        IPV4 => ipv4::decode(rest),
        IPV6 => ipv6::decode(rest),
        VLAN | SERVICE_VLAN | OLD_SERVICE_VLAN => vlan(rest),
        MPLS | MPLS_MULTICAST => mpls::decode(rest),
        PPPOE => pppoe::decode(rest),
        BRIDGED_ETHERNET => link::ethernet(rest.deeper()?),
        other => Err(Skip::EtherType(other)),
    }
}

/// 802.1Q and 802.1ad tags: priority and id, then the ether type of what is tagged.
fn vlan(tag: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[id_high, id_low, high, low], rest) = tag.deeper()?.header::<4>()?;
    let id = u16::from_be_bytes([id_high, id_low]) & 0x0fff;
    decode(u16::from_be_bytes([high, low]), rest.tagged(id))
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const SERVICE_VLAN: u16 = 0x88a8;
const OLD_SERVICE_VLAN: u16 = 0x9100;
/// A whole Ethernet frame, in a tunnel.
const BRIDGED_ETHERNET: u16 = 0x6558;
/// Multiprotocol label switching.
pub(super) const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
/// A session of PPP over Ethernet.
pub(super) const PPPOE: u16 = 0x8864;
