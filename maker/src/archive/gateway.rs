//! Which address is the gateway's: the one that opens connections.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Fault;
use super::capture::Capture;
use super::locate::{Link, Network, TCP, network, packet};

/// The gateway's addresses, at most one of each family: of those that send SYNs the one that sends them to most others, since clients of
/// the gateway know it alone.
pub(super) fn find(capture: &Capture) -> Result<Vec<IpAddr>, Fault> {
    let link = Link::of(capture.link).ok_or_else(|| format!("link type {} cannot be copied", capture.link))?;
    let mut opened: BTreeMap<IpAddr, (BTreeSet<IpAddr>, usize)> = BTreeMap::new();
    for frame in &capture.frames {
        let bytes = capture.bytes(frame);
        let Some(Network::Ip(at)) = network(link, bytes) else { continue };
        let Some((found, [source, destination])) = packet(bytes, at).and_then(|p| Some((p, p.ends(bytes)?))) else {
            continue;
        };
        if let Some(taken) = [source, destination].into_iter().find(|address| is_of_a_copy(*address)) {
            return Err(format!("{taken} is an address that copies get"));
        }
        let flags = found.transport.filter(|_| found.protocol == TCP).and_then(|begin| bytes.get(begin + 13));
        if flags.is_some_and(|flags| flags & (SYN | ACK | RST) == SYN) {
            let (peers, count) = opened.entry(source).or_default();
            peers.insert(destination);
            *count += 1;
        }
    }
    let most = |v6: bool| {
        let family = opened.iter().filter(|(address, _)| address.is_ipv6() == v6);
        family.max_by_key(|(_, (peers, count))| (peers.len(), *count)).map(|(address, _)| *address)
    };
    let gateways: Vec<IpAddr> = [most(false), most(true)].into_iter().flatten().collect();
    if gateways.is_empty() { Err("nobody opens a connection".into()) } else { Ok(gateways) }
}

/// What a gateway's address becomes in a copy.
pub(super) fn of_copy(address: IpAddr, copy: u32) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::from(COPIES_V4 + copy + 1).into(),
        IpAddr::V6(_) => Ipv6Addr::from(COPIES_V6 + u128::from(copy) + 1).into(),
    }
}

fn is_of_a_copy(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => u32::from(address) & !MOST_COPIES == COPIES_V4,
        IpAddr::V6(address) => u128::from(address) & !u128::from(MOST_COPIES) == COPIES_V6,
    }
}

/// 100.64.0.0/10, shared by all (RFC 6598): incidents have private addresses, and nobody's is in it.
const COPIES_V4: u32 = 0x6440_0000;
/// A unique local prefix (RFC 4193).
const COPIES_V6: u128 = 0xfd61_7263_6869_0000 << 64;
/// Addresses of the smaller of the two, less one.
pub(super) const MOST_COPIES: u32 = 0x003f_ffff;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
