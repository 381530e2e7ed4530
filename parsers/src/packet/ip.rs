//! What both IP versions share: the protocol number and what follows it.

use std::net::IpAddr;

use super::{Decoded, Endpoint, FlowEnds, IpFacts, Skip, gre, icmp, ipv4, ipv6, layer::Layer, outer::Outer, tcp, udp};

/// What an IP header says to the header behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) facts: IpFacts,
}

impl Network {
    /// What a tunnel between these addresses carries.
    fn around<'a>(&self, rest: Layer<'a>) -> Layer<'a> {
        rest.inside(Outer::Ip(self.source, self.destination))
    }

    /// Adds the ports, which stand first in TCP and UDP headers.
    pub(super) fn ends(&self, source_port: [u8; 2], destination_port: [u8; 2]) -> FlowEnds {
        FlowEnds {
            source: Endpoint { address: self.source, port: u16::from_be_bytes(source_port) },
            destination: Endpoint { address: self.destination, port: u16::from_be_bytes(destination_port) },
        }
    }
}

/// Goes on with an IP packet whose version only the packet tells.
pub(super) fn by_version(packet: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    match packet.header::<1>()?.0[0] >> 4 {
        4 => ipv4::decode(packet),
        6 => ipv6::decode(packet),
        _ => Err(Skip::Malformed),
    }
}

/// Goes on with what follows the IP header.
pub(super) fn payload<'a>(protocol: u8, network: &Network, rest: Layer<'a>) -> Result<Decoded<'a>, Skip> {
    match protocol {
        TCP => tcp::decode(network, rest),
        UDP => udp::decode(network, network.around(rest)),
        ICMP => icmp::decode_v4(network, rest),
        IPV4_IN_IP => ipv4::decode(network.around(rest).deeper()?),
        IPV6_IN_IP => ipv6::decode(network.around(rest).deeper()?),
        gre::PROTOCOL => gre::decode(network.around(rest)),
        ICMPV6 => icmp::decode_v6(network, rest),
        other => Err(Skip::Protocol(other)),
    }
}

const ICMP: u8 = 1;
/// Transmission Control Protocol.
pub(super) const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const ICMPV6: u8 = 58;
