//! Another address for the gateway, wherever a frame holds it.

use std::net::IpAddr;

use super::checksum::{Sum, put};
use super::dns;
use super::locate::{ICMP, ICMP6, Link, Network, Packet, TCP, UDP, network, packet, word};

/// Addresses and what each becomes.
#[derive(Debug, Clone, Default)]
pub struct Readdress {
    v4: Option<[[u8; 4]; 2]>,
    v6: Option<[[u8; 16]; 2]>,
}

impl Readdress {
    /// `pairs` hold an address and what it becomes, both of one family; of each family the last pair counts.
    pub fn new(pairs: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let mut made = Self::default();
        for pair in pairs {
            match pair {
                (IpAddr::V4(old), IpAddr::V4(new)) => made.v4 = Some([old.octets(), new.octets()]),
                (IpAddr::V6(old), IpAddr::V6(new)) => made.v6 = Some([old.octets(), new.octets()]),
                _ => {}
            }
        }
        made
    }

    /// Rewrites a frame of a capture of this link type (`LINKTYPE_*`): ends of IP packets, of those that ICMP quotes, targets of
    /// neighbour discovery, ARP, and answers of DNS. Checksums follow.
    pub fn frame(&self, link: u32, bytes: &mut [u8]) {
        match Link::of(link).and_then(|link| network(link, bytes)) {
            Some(Network::Ip(at)) => self.ip(bytes, at, at, &[]),
            // RFC 826, for IPv4 over Ethernet: the protocol addresses of sender and target.
            Some(Network::Arp(at)) => {
                for field in [14, 24] {
                    self.replace(bytes, at, at + field, 4, &[]);
                }
            }
            None => {}
        }
    }

    /// The packet at `at`; `around` are the sums that cover all of it, because ICMP quotes it.
    fn ip(&self, bytes: &mut [u8], origin: usize, at: usize, around: &[Sum]) {
        let Some(found) = packet(bytes, at) else { return };
        let depth = around.first().map_or(0, |sum| sum.depth + 1);
        let transport = transport_sum(&found, depth);
        let header = (!found.version6).then_some(Sum { field: at + 10, optional: false, depth });
        // That of ICMP for IPv4 covers no addresses.
        let covering = transport.filter(|_| found.protocol != ICMP);
        let sums: Vec<Sum> = covering.into_iter().chain(header).chain(around.iter().copied()).collect();
        for address in found.addresses() {
            self.replace(bytes, origin, address, if found.version6 { 16 } else { 4 }, &sums);
        }
        let Some(begin) = found.transport else { return };
        let sums: Vec<Sum> = transport.into_iter().chain(around.iter().copied()).collect();
        match (found.protocol, bytes[begin]) {
            // Quoting stops here: an error about an error is never sent (RFC 1122, section 3.2.2).
            (ICMP, 3 | 4 | 5 | 11 | 12) | (ICMP6, 1..=4) if depth == 0 => self.ip(bytes, origin, begin + 8, &sums),
            (ICMP6, 135 | 136) => self.replace(bytes, origin, begin + 8, 16, &sums),
            (UDP, _) if [0, 2].iter().any(|port| word(bytes, begin + port) == Some(53)) => {
                for (place, length) in dns::addresses(bytes, begin + 8) {
                    self.replace(bytes, origin, place, length, &sums);
                }
            }
            _ => {}
        }
    }

    fn replace(&self, bytes: &mut [u8], origin: usize, at: usize, length: usize, sums: &[Sum]) {
        let Some(held) = bytes.get(at..at + length) else { return };
        match (&self.v4, &self.v6) {
            (Some([old, new]), _) if held == old => put(bytes, origin, at, new, sums),
            (_, Some([old, new])) if held == old => put(bytes, origin, at, new, sums),
            _ => {}
        }
    }
}

fn transport_sum(found: &Packet, depth: u8) -> Option<Sum> {
    let begin = found.transport?;
    let (field, optional) = match found.protocol {
        TCP => (begin + 16, false),
        UDP => (begin + 6, true),
        ICMP | ICMP6 => (begin + 2, false),
        _ => return None,
    };
    Some(Sum { field, optional, depth })
}
