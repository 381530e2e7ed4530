//! How what a packet says is packed.

use std::net::IpAddr;

use wirecause_parsers::{
    packet::{Endpoint, IcmpKind, Outer, TcpFlags},
    time::Timestamp,
};

use super::{Pack, Packer, Unpacker};
use crate::track::note::{Direction, FrameId};

impl Pack for Timestamp {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        self.nanos().wrapping_sub(to.last.time).pack(to);
        to.last.time = self.nanos();
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.last.time = from.last.time.wrapping_add(i64::unpack(from));
        Self::from_nanos(from.last.time)
    }
}

impl Pack for FrameId {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        (self.word().wrapping_sub(to.last.frame) as i64).pack(to);
        to.last.frame = self.word();
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.last.frame = from.last.frame.wrapping_add(i64::unpack(from) as u64);
        Self::of_word(from.last.frame)
    }
}

impl Pack for Direction {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        (*self == Self::Responder).pack(to);
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        if bool::unpack(from) { Self::Responder } else { Self::Originator }
    }
}

impl Pack for TcpFlags {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        self.0.pack(to);
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self(Pack::unpack(from))
    }
}

impl Pack for IpAddr {
    fn pack(&self, to: &mut Packer) {
        self.is_ipv6().pack(to);
        match self {
            Self::V4(address) => to.bytes.extend_from_slice(&address.octets()),
            Self::V6(address) => to.bytes.extend_from_slice(&address.octets()),
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        if from.bit() { Self::from(from.array::<16>()) } else { Self::from(from.array::<4>()) }
    }
}

impl Pack for Endpoint {
    fn pack(&self, to: &mut Packer) {
        self.address.pack(to);
        to.bytes.extend_from_slice(&self.port.to_le_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self { address: Pack::unpack(from), port: u16::from_le_bytes(from.array()) }
    }
}

impl Pack for IcmpKind {
    fn pack(&self, to: &mut Packer) {
        let (place, mtu): (u8, u32) = match *self {
            Self::Unreachable => (0, 0),
            Self::PortUnreachable => (1, 0),
            Self::Prohibited => (2, 0),
            Self::TimeExceeded => (3, 0),
            Self::TooBig(mtu) => (4, mtu),
        };
        (place, mtu).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        match <(u8, u32)>::unpack(from) {
            (0, _) => Self::Unreachable,
            (1, _) => Self::PortUnreachable,
            (2, _) => Self::Prohibited,
            (3, _) => Self::TimeExceeded,
            (_, mtu) => Self::TooBig(mtu),
        }
    }
}

impl Pack for Outer {
    fn pack(&self, to: &mut Packer) {
        let (kind, number, ends): (u8, u32, Option<(IpAddr, IpAddr)>) = match *self {
            Self::Vlan(id) => (0, id.into(), None),
            Self::Mpls(label) => (1, label, None),
            Self::Pppoe(session) => (2, session.into(), None),
            Self::Vxlan(network) => (3, network, None),
            Self::Geneve(network) => (4, network, None),
            Self::Gre => (5, 0, None),
            Self::GreKey(key) => (6, key, None),
            Self::Erspan(session) => (7, session.into(), None),
            Self::Ip(source, destination) => (8, 0, Some((source, destination))),
        };
        (kind, (number, ends)).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let (kind, (number, ends)): (u8, (u32, Option<(IpAddr, IpAddr)>)) = Pack::unpack(from);
        match (kind, ends) {
            (_, Some((source, destination))) => Self::Ip(source, destination),
            (0, None) => Self::Vlan(number as u16),
            (1, None) => Self::Mpls(number),
            (2, None) => Self::Pppoe(number as u16),
            (3, None) => Self::Vxlan(number),
            (4, None) => Self::Geneve(number),
            (6, None) => Self::GreKey(number),
            (7, None) => Self::Erspan(number as u16),
            _ => Self::Gre,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_packet_comes_back() {
        let [four, six] = ["192.0.2.1", "2001:db8::1"].map(|address| address.parse::<IpAddr>().unwrap());
        let outer = vec![
            Outer::Vlan(4095),
            Outer::Mpls(0x000f_ffff),
            Outer::Pppoe(u16::MAX),
            Outer::Vxlan(0),
            Outer::Geneve(0x00ff_ffff),
            Outer::Gre,
            Outer::GreKey(u32::MAX),
            Outer::Erspan(1023),
            Outer::Ip(four, four),
            Outer::Ip(six, six),
        ];
        let mut packer = Packer::default();
        outer.pack(&mut packer);
        assert_eq!(Vec::<Outer>::unpack(&mut Unpacker::new(&packer.take())), outer);
    }
}
