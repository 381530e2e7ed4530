//! What is around a packet: tags, labels and tunnels.

use std::{cell::RefCell, fmt, net::IpAddr};

use super::{layer::Layer, link};
use crate::capture::LinkType;

/// A tag, label or tunnel around a packet. Printed as Wireshark's users call it, such as `VXLAN 42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outer {
    /// An 802.1Q or 802.1ad tag with its id; 0 marks a priority alone.
    Vlan(u16),
    /// An MPLS label.
    Mpls(u32),
    /// A session of `PPPoE`.
    Pppoe(u16),
    /// A network of VXLAN (VNI).
    Vxlan(u32),
    /// A network of Geneve (VNI).
    Geneve(u32),
    /// GRE without a key.
    Gre,
    /// GRE with this key; of NVGRE it holds network and flow.
    GreKey(u32),
    /// A session of ERSPAN.
    Erspan(u16),
    /// The packet of a tunnel, from one of its ends to the other.
    Ip(IpAddr, IpAddr),
}

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vlan(id) => write!(f, "VLAN {id}"),
            Self::Mpls(label) => write!(f, "MPLS label {label}"),
            Self::Pppoe(session) => write!(f, "PPPoE session {session}"),
            Self::Vxlan(network) => write!(f, "VXLAN {network}"),
            Self::Geneve(network) => write!(f, "Geneve {network}"),
            Self::Gre => write!(f, "GRE"),
            Self::GreKey(key) => write!(f, "GRE key {key}"),
            Self::Erspan(session) => write!(f, "ERSPAN session {session}"),
            Self::Ip(source, destination) => write!(f, "IP from {source} to {destination}"),
        }
    }
}

impl Outer {
    /// The addresses that it names.
    pub const fn ends(self) -> Option<[IpAddr; 2]> {
        match self {
            Self::Ip(source, destination) => Some([source, destination]),
            _ => None,
        }
    }

    /// Goes on with a hash (FNV-1a) of all that it says.
    pub(super) fn hashed(self, start: u32) -> u32 {
        let add = |hash: u32, bytes: &[u8]| {
            bytes.iter().fold(hash, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
        };
        let (kind, number) = match self {
            Self::Vlan(id) => (0, id.into()),
            Self::Mpls(label) => (1, label),
            Self::Pppoe(session) => (2, session.into()),
            Self::Vxlan(network) => (3, network),
            Self::Geneve(network) => (4, network),
            Self::Gre => (5, 0),
            Self::GreKey(key) => (6, key),
            Self::Erspan(session) => (7, session.into()),
            Self::Ip(source, destination) => {
                return [source, destination].into_iter().fold(start, |hash, address| match address {
                    IpAddr::V4(address) => add(hash, &address.octets()),
                    IpAddr::V6(address) => add(hash, &address.octets()),
                });
            }
        };
        add(add(start, &[kind]), &number.to_be_bytes())
    }
}

/// Where what is around a packet is noted, by those who ask for it.
pub(super) type Trail = RefCell<Vec<Outer>>;

/// What is around the packet in a frame, the outermost first; [`decode`](super::decode) tells by one number whether anything is.
pub fn outer_headers(link: LinkType, data: &[u8], original: u32) -> Vec<Outer> {
    let trail = Trail::default();
    // What the packet itself holds is another question.
    let _ = link::decode(link, Layer::new(data, original).traced(&trail));
    trail.into_inner()
}
