//! Link layers: Ethernet, Linux cooked capture v1 and v2, BSD loopback, raw IP, and by way of its own file, netfilter's log.

use super::{Decoded, Skip, ether_type, ip, layer::Layer, nflog};
use crate::capture::LinkType;

/// Takes the link layer's header off and goes on with what it carries.
pub(super) fn decode(link: LinkType, frame: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    match link {
        LinkType::ETHERNET => ethernet(frame),
        LinkType::LINUX_SLL => cooked(frame),
        LinkType::LINUX_SLL2 => cooked_v2(frame),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::IPV4 | LinkType::IPV6 => ip::by_version(frame),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::NFLOG => nflog::decode(frame),
        LinkType(number) => Err(Skip::UnknownLink(number)),
    }
}

/// Two addresses and the ether type.
pub(super) fn ethernet(frame: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[.., high, low], rest) = frame.header::<14>()?;
    ether_type::decode(u16::from_be_bytes([high, low]), rest)
}

/// Packet type, hardware type, address length, address, protocol.
fn cooked(frame: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[.., high, low], rest) = frame.header::<16>()?;
    ether_type::decode(u16::from_be_bytes([high, low]), rest)
}

/// Protocol, reserved, interface index, hardware type, packet type, address length, address.
fn cooked_v2(frame: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[high, low, ..], rest) = frame.header::<20>()?;
    ether_type::decode(u16::from_be_bytes([high, low]), rest)
}

/// An address family in the byte order of the capturing host (NULL) or of the network (LOOP). Families are small numbers,
/// so the order shows. They differ between systems for IPv6; the version in the packet itself decides.
fn loopback(frame: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&family, rest) = frame.header::<4>()?;
    match u32::from_be_bytes(family).min(u32::from_le_bytes(family)) {
        AF_INET | AF_INET6_BSD | AF_INET6_FREEBSD | AF_INET6_DARWIN | AF_INET6_LINUX => ip::by_version(rest),
        other => Err(Skip::EtherType(other as u16)),
    }
}

const AF_INET: u32 = 2;
const AF_INET6_LINUX: u32 = 10;
const AF_INET6_BSD: u32 = 24;
const AF_INET6_FREEBSD: u32 = 28;
const AF_INET6_DARWIN: u32 = 30;
