//! Tunnels: in each, the innermost addresses count.

use super::{ETHERNET, SYN, SYN6, cut_everywhere, frame, hex, segment, whole};
use crate::{
    capture::LinkType,
    packet::{Decoded, Segment, Skip, outer_headers},
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

/// What is around the packet in a frame, as it is printed.
fn around_it(link: LinkType, data: &[u8]) -> String {
    let headers = outer_headers(link, data, data.len() as u32);
    headers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
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

#[test]
fn what_is_around_a_packet_is_told_from_the_outside_in() {
    let ends = "IP from 192.0.2.1 to 192.0.2.2";
    let ethernet = |labels: &str| around_it(LinkType::ETHERNET, &frame(&[ETHERNET, labels, SYN]));
    assert_eq!(ethernet("0800"), "");
    assert_eq!(ethernet("88a8 0007 8100 6064 0800"), "VLAN 7, VLAN 100");
    // Label 16 with class 3, then label 1,048,575, the last.
    assert_eq!(ethernet("8847 00010640 fffff13f"), "MPLS label 16, MPLS label 1048575");
    assert_eq!(ethernet("8864 1100 0102 003e 0021"), "PPPoE session 258");
    let vxlan = udp(4789, &around("08000000 01002a00", bridged()));
    assert_eq!(around_it(LinkType::RAW, &vxlan), format!("{ends}, VXLAN 65578"));
    let tagged = [frame(&[ETHERNET, "8100 0064 0800"]), udp(6081, &around("0000 6558 00002a00", bridged()))].concat();
    assert_eq!(around_it(LinkType::ETHERNET, &tagged), format!("VLAN 100, {ends}, Geneve 42"));
    let gre = |header: &str, inner: Vec<u8>| around_it(LinkType::RAW, &ipv4(47, &around(header, inner)));
    assert_eq!(gre("0000 0800", hex(SYN)), format!("{ends}, GRE"));
    assert_eq!(gre("b000 0800 00000000 00000107 00000001", hex(SYN)), format!("{ends}, GRE key 263"));
    // The session is the last ten bits of the header's first word: 0x3ff of 0xffff, 1 of 0x0401.
    assert_eq!(gre("1000 88be 00000001 1000 ffff 00000000", bridged()), format!("{ends}, GRE, ERSPAN session 1023"));
    let three = "1000 22eb 00000001 2000 0401 00000000 00000000";
    assert_eq!(gre(three, bridged()), format!("{ends}, GRE, ERSPAN session 1"));
    assert_eq!(around_it(LinkType::RAW, &ipv4(4, &hex(SYN))), ends);
    // Cut behind the tunnel's header, as a snap length may: what is around is there still.
    assert_eq!(around_it(LinkType::RAW, &vxlan[..36]), format!("{ends}, VXLAN 65578"));
}
