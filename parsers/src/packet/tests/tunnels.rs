//! Tunnels: in each, the innermost addresses count.

use super::{ETHERNET, SYN, SYN6, cut_everywhere, frame, hex, segment, whole};
use crate::{
    capture::LinkType,
    packet::{Decoded, Segment, Skip},
};

/// An IPv4 header for this protocol around `inner`.
fn ipv4(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let mut header = hex("45000000 00000000 40000000 c0000201 c0000202");
    let length = header.len() + inner.len();
    header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    header[9] = protocol;
    [header, inner.to_vec()].concat()
}

/// A datagram to this port around `inner`.
fn udp(port: u16, inner: &[u8]) -> Vec<u8> {
    let head = [0xc000, port, inner.len() as u16 + 8, 0].map(u16::to_be_bytes).concat();
    ipv4(17, &[head, inner.to_vec()].concat())
}

fn bridged() -> Vec<u8> {
    frame(&[ETHERNET, "0800", SYN])
}

fn around(header: &str, inner: Vec<u8>) -> Vec<u8> {
    [hex(header), inner].concat()
}

fn holds_the_syn(link: LinkType, data: &[u8]) {
    assert_eq!(carried(link, data).0, segment(whole(LinkType::RAW, &hex(SYN))));
    cut_everywhere(link, data);
}

/// The segment in a frame, as if it came without what is around it; and what tells that.
fn carried(link: LinkType, data: &[u8]) -> (Segment, u32) {
    let mut segment = segment(whole(link, data));
    let outer = std::mem::take(&mut segment.ip.outer);
    assert_ne!(outer, 0);
    (segment, outer)
}

#[test]
fn mpls() {
    for (labels, inner) in [("8847 00010140", SYN), ("8847 00010040 0002013f", SYN), ("8848 00010140", SYN)] {
        holds_the_syn(LinkType::ETHERNET, &frame(&[ETHERNET, labels, inner]));
    }
    let pseudowire = [frame(&[ETHERNET, "8847 00010140 00000000"]), bridged()].concat();
    holds_the_syn(LinkType::ETHERNET, &pseudowire);
    let (six, _) = carried(LinkType::ETHERNET, &frame(&[ETHERNET, "8847 00010140", SYN6]));
    assert_eq!(six, segment(whole(LinkType::RAW, &hex(SYN6))));
}

#[test]
fn pppoe() {
    holds_the_syn(LinkType::ETHERNET, &frame(&[ETHERNET, "8864 1100 0001 003e 0021", SYN]));
    let lcp = frame(&[ETHERNET, "8864 1100 0001 0006 c021 09000004"]);
    assert_eq!(whole(LinkType::ETHERNET, &lcp), Decoded::Skipped(Skip::EtherType(0x8864)));
}

#[test]
fn vxlan() {
    for port in [4789, 8472] {
        holds_the_syn(LinkType::RAW, &udp(port, &around("08000000 00002a00", bridged())));
    }
    let other = udp(4789, &around("00000000 00002a00", bridged()));
    assert_eq!(whole(LinkType::RAW, &other), Decoded::Skipped(Skip::Udp));
}

#[test]
fn geneve() {
    holds_the_syn(LinkType::RAW, &udp(6081, &around("0000 6558 00002a00", bridged())));
    holds_the_syn(LinkType::RAW, &udp(6081, &around("0200 0800 00002a00 0102030400000000", hex(SYN))));
}

#[test]
fn gre() {
    for header in ["0000 0800", "8000 0800 00000000", "2000 0800 00000007", "b000 0800 00000000 00000007 00000001"] {
        holds_the_syn(LinkType::RAW, &ipv4(47, &around(header, hex(SYN))));
    }
    // NVGRE, then ERSPAN I, II, III, and III with a subheader and with IP.
    for header in [
        "2000 6558 00002a00",
        "0000 88be",
        "1000 88be 00000001 1000 0001 00000000",
        "1000 22eb 00000001 20000001 00000000 00000000",
        "1000 22eb 00000001 20000001 00000000 00000001 0000000000000000",
    ] {
        holds_the_syn(LinkType::RAW, &ipv4(47, &around(header, bridged())));
    }
    let ip = "1000 22eb 00000001 20000001 00000000 00000800";
    holds_the_syn(LinkType::RAW, &ipv4(47, &around(ip, hex(SYN))));
    for header in ["4000 0800 00000000", "3001 880b 00000000 00000000"] {
        let data = ipv4(47, &around(header, hex(SYN)));
        assert_eq!(whole(LinkType::RAW, &data), Decoded::Skipped(Skip::Protocol(47)));
    }
}

#[test]
fn ip_in_ip() {
    holds_the_syn(LinkType::RAW, &ipv4(4, &hex(SYN)));
    let (six, _) = carried(LinkType::RAW, &ipv4(41, &hex(SYN6)));
    assert_eq!(six, segment(whole(LinkType::RAW, &hex(SYN6))));
}

#[test]
fn an_outer_vlan_is_kept() {
    let data = [frame(&[ETHERNET, "8100 0064 0800"]), udp(4789, &around("08000000 00002a00", bridged()))].concat();
    assert_eq!(segment(whole(LinkType::ETHERNET, &data)).ip.vlan, Some(100));
}

#[test]
fn tags_labels_and_tunnels_are_told_apart() {
    let around_syn = |labels: &str| carried(LinkType::ETHERNET, &frame(&[ETHERNET, labels, SYN])).1;
    let in_vxlan = |network: &str, address: u8| {
        let mut data = udp(4789, &around(&format!("08000000 {network}00"), bridged()));
        data[15] = address;
        carried(LinkType::RAW, &data).1
    };
    let gre = |header: &str| carried(LinkType::RAW, &ipv4(47, &around(header, hex(SYN)))).1;
    let others = [
        around_syn("8100 0064 0800"),
        around_syn("8100 0065 0800"),
        around_syn("8847 00010140"),
        around_syn("8847 00020140"),
        in_vxlan("00002a", 1),
        in_vxlan("00002b", 1),
        in_vxlan("00002a", 9),
        gre("00000800"),
        gre("20000800 00000001"),
        gre("20000800 00000002"),
    ];
    let distinct: std::collections::BTreeSet<u32> = others.into_iter().collect();
    assert_eq!(distinct.len(), others.len(), "{others:?}");
    // A label's class of traffic and its time to live change on the way; a checksum does not stand for a key.
    assert_eq!(around_syn("8847 00010140"), around_syn("8847 00010b3f"));
    assert_eq!(gre("b0000800 12340000 00000001 00000007"), gre("20000800 00000001"));
}

#[test]
fn nesting_is_bounded() {
    let mut data = hex(SYN);
    for depth in 1..40 {
        data = ipv4(4, &data);
        let decoded = whole(LinkType::RAW, &data);
        assert_eq!(matches!(decoded, Decoded::Tcp(..)), depth <= 16, "{depth}: {decoded:?}");
    }
}
