//! Where in a frame the headers lie.

use std::net::IpAddr;

/// Link types of the captures that can be copied (`LINKTYPE_*` of libpcap).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    Cooked,
    Cooked2,
    Raw,
}

impl Link {
    pub(super) const fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Ethernet),
            113 => Some(Self::Cooked),
            276 => Some(Self::Cooked2),
            101 | 228 | 229 => Some(Self::Raw),
            _ => None,
        }
    }
}

/// What a frame holds, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Ip(usize),
    Arp(usize),
}

/// An IP packet's parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    /// Where its header begins.
    pub(super) at: usize,
    pub(super) version6: bool,
    pub(super) protocol: u8,
    /// Where the transport header begins; `None` in a fragment that is not the first, or where it was not captured.
    pub(super) transport: Option<usize>,
}

/// The network layer of a frame.
pub(super) fn network(link: Link, bytes: &[u8]) -> Option<Network> {
    let (mut kind, mut at) = match link {
        Link::Raw => return Some(Network::Ip(0)),
        Link::Ethernet => (word(bytes, 12)?, 14),
        Link::Cooked => (word(bytes, 14)?, 16),
        Link::Cooked2 => (word(bytes, 0)?, 20),
    };
    while matches!(kind, VLAN | SERVICE_VLAN) {
        kind = word(bytes, at + 2)?;
        at += 4;
    }
    match kind {
        IPV4 | IPV6 => Some(Network::Ip(at)),
        ARP => Some(Network::Arp(at)),
        _ => None,
    }
}

/// The IP packet that begins at `at`.
pub(super) fn packet(bytes: &[u8], at: usize) -> Option<Packet> {
    match bytes.get(at)? >> 4 {
        4 => {
            let begin = at + usize::from(bytes[at] & 0xf) * 4;
            let fragment = word(bytes, at + 6)? & 0x1fff;
            let transport = (fragment == 0 && begin < bytes.len()).then_some(begin);
            bytes.get(at..at + 20)?;
            Some(Packet { at, version6: false, protocol: bytes[at + 9], transport })
        }
        6 => {
            let (mut protocol, mut begin, mut first) = (*bytes.get(at + 6)?, at + 40, true);
            while let Some(&next) =
                bytes.get(begin).filter(|_| matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | OPTIONS))
            {
                first &= protocol != FRAGMENT || word(bytes, begin + 2)? & 0xfff8 == 0;
                begin += if protocol == FRAGMENT { 8 } else { (usize::from(*bytes.get(begin + 1)?) + 1) * 8 };
                protocol = next;
            }
            let transport = (first && begin < bytes.len()).then_some(begin);
            bytes.get(at..at + 40)?;
            Some(Packet { at, version6: true, protocol, transport })
        }
        _ => None,
    }
}

impl Packet {
    /// Where source and destination stand.
    pub(super) const fn addresses(&self) -> [usize; 2] {
        if self.version6 { [self.at + 8, self.at + 24] } else { [self.at + 12, self.at + 16] }
    }

    /// Source and destination.
    pub(super) fn ends(&self, bytes: &[u8]) -> Option<[IpAddr; 2]> {
        let address = |at: usize| -> Option<IpAddr> {
            if self.version6 {
                Some(IpAddr::from(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?))
            } else {
                Some(IpAddr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?))
            }
        };
        let [source, destination] = self.addresses();
        Some([address(source)?, address(destination)?])
    }
}

/// A big-endian word, where it was captured.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]))
}

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMP6: u8 = 58;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const OPTIONS: u8 = 60;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const VLAN: u16 = 0x8100;
const IPV6: u16 = 0x86dd;
const SERVICE_VLAN: u16 = 0x88a8;
