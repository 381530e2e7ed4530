//! Frames in hexadecimal, from the link layer to TCP; in files of their own, what lies between, tunnels, and the real captures.

mod network;
mod real;
mod tunnels;

use std::net::IpAddr;

use super::{Decoded, Endpoint, Segment, Skip, TcpFlags, decode, general};
use crate::capture::LinkType;

/// Bytes from hexadecimal digits; white space between them is for the reader.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn frame(parts: &[&str]) -> Vec<u8> {
    hex(&parts.concat())
}

fn whole(link: LinkType, data: &[u8]) -> Decoded<'_> {
    decode(link, data, data.len() as u32)
}

fn segment(decoded: Decoded<'_>) -> Segment {
    match decoded {
        Decoded::Tcp(segment, _) => segment,
        other => panic!("no segment: {other:?}"),
    }
}

/// Every cut of a frame decodes without a panic, and to nothing that the whole frame does not hold.
fn cut_everywhere(link: LinkType, data: &[u8]) {
    let original = data.len() as u32;
    let Decoded::Tcp(full, payload) = decode(link, data, original) else {
        panic!("{:?}", decode(link, data, original))
    };
    for length in 0..data.len() {
        match decode(link, &data[..length], original) {
            Decoded::Tcp(cut, rest) => {
                assert!(payload.starts_with(rest), "cut at {length}");
                let options = if cut.options_cut {
                    Segment { mss: None, window_scale: None, timestamps: None, sack: false, options_cut: true, ..full }
                } else {
                    full
                };
                let found = if cut.options_cut {
                    Segment { mss: None, window_scale: None, timestamps: None, sack: false, ..cut }
                } else {
                    cut
                };
                assert_eq!(found, options, "cut at {length}");
            }
            Decoded::Skipped(reason) => assert_eq!(reason, Skip::Cut, "cut at {length}"),
            other => panic!("cut at {length}: {other:?}"),
        }
        assert_eq!(decode(link, &data[..length], original), general(link, &data[..length], original));
    }
}

fn end(address: &str, port: u16) -> Endpoint {
    Endpoint { address: address.parse::<IpAddr>().unwrap(), port }
}

const ETHERNET: &str = "d2648047599f 4a0c39130364";
const SLL2: &str = "0800 0000 00000002 0001 00 06 d2648047599f0000";
/// A SYN from 10.77.1.2:47721 to 10.77.2.19:8080, as Linux sends it.
const SYN: &str = "4500003c 27164000 4006fbf7 0a4d0102 0a4d0213
    ba691f90 d4e364cd 00000000 a002faf0 bd570000 020405b4 0402080a 53d0108b 00000000 0103030a";
/// A fatal TLS alert from 10.77.2.20:8443, seven bytes.
const ALERT: &str = "4500003b e2944000 3f064179 0a4d0214 0a4d0102
    20fbcc21 be161e64 7de368d9 80180040 a2e00000 0101080a 80cde0e3 77eeefe4 15030300020228";
/// A RST to the SYN.
const RST: &str = "45000028 00004000 3f062422 0a4d0213 0a4d0102 1f90ba69 00000000 d4e364ce 50140000 84760000";
/// A SYN over IPv6.
const SYN6: &str = "600180e0 00280640 fd770001000000000000000000000002 fd770002000000000000000000000024
    80291f90 a9be55e6 00000000 a002fd20 886c0000 020405a0 0402080a 6af4bd18 00000000 0103030a";

#[test]
fn a_syn_with_all_its_options() {
    let data = frame(&[ETHERNET, "0800", SYN]);
    let syn = segment(whole(LinkType::ETHERNET, &data));
    assert_eq!(syn.ends.source, end("10.77.1.2", 47_721));
    assert_eq!(syn.ends.destination, end("10.77.2.19", 8080));
    assert_eq!((syn.seq, syn.ack, syn.window, syn.payload), (0xd4e3_64cd, 0, 64_240, 0));
    assert_eq!((syn.flags, format!("{:?}", syn.flags)), (TcpFlags::SYN, "S".to_owned()));
    assert_eq!((syn.mss, syn.window_scale, syn.sack), (Some(1460), Some(10), true));
    assert_eq!(syn.timestamps, Some((0x53d0_108b, 0)));
    assert_eq!((syn.ip.ttl, syn.ip.id, syn.ip.dont_fragment), (64, Some(0x2716), true));
    assert_eq!((syn.ip.tos, syn.ip.vlan, syn.ip.length), (0, None, 60));
}

#[test]
fn every_link_layer() {
    let cases = [
        (LinkType::ETHERNET, frame(&[ETHERNET, "0800", SYN])),
        (LinkType::LINUX_SLL, frame(&["0000 0001 0006 d2648047599f0000 0800", SYN])),
        (LinkType::LINUX_SLL2, frame(&[SLL2, SYN])),
        (LinkType::RAW, frame(&[SYN])),
        (LinkType::RAW_BSD, frame(&[SYN])),
        (LinkType::IPV4, frame(&[SYN])),
        (LinkType::NULL, frame(&["02000000", SYN])),
        (LinkType::NULL, frame(&["00000002", SYN])),
        (LinkType::LOOP, frame(&["00000002", SYN])),
        (LinkType::NFLOG, frame(&["02000000 0800 0100 08000300 0500 0a00 61000000 4000 0900", SYN])),
        (LinkType::NFLOG, frame(&["02000000 0008 0001 08000300 0005 000a 61000000 0040 0009", SYN])),
    ];
    let plain = segment(whole(LinkType::RAW, &hex(SYN)));
    for (link, data) in cases {
        assert_eq!(segment(whole(link, &data)), plain, "{link:?}");
        cut_everywhere(link, &data);
    }
    let plain = segment(whole(LinkType::IPV6, &hex(SYN6)));
    for (link, data) in [
        (LinkType::ETHERNET, frame(&[ETHERNET, "86dd", SYN6])),
        (LinkType::NULL, frame(&["1e000000", SYN6])),
        (LinkType::NULL, frame(&["0000001c", SYN6])),
        (LinkType::RAW, hex(SYN6)),
    ] {
        assert_eq!(segment(whole(link, &data)), plain, "{link:?}");
        cut_everywhere(link, &data);
    }
    assert_eq!(whole(LinkType(147), &hex(SYN)), Decoded::Skipped(Skip::UnknownLink(147)));
}

#[test]
fn vlan_tags() {
    for (tags, vlan) in
        [("8100 2064", Some(100)), ("88a8 0065 8100 0066", Some(101)), ("9100 0007", Some(7)), ("8100 e000", None)]
    {
        let data = frame(&[ETHERNET, tags, "0800", SYN]);
        assert_eq!(segment(whole(LinkType::ETHERNET, &data)).ip.vlan, vlan);
        cut_everywhere(LinkType::ETHERNET, &data);
    }
    let deep = frame(&[ETHERNET, &"81000001".repeat(17), "0800", SYN]);
    assert_eq!(whole(LinkType::ETHERNET, &deep), Decoded::Skipped(Skip::Malformed));
}

#[test]
fn the_ip_length_bounds_the_payload() {
    // Ethernet pads short frames; a padded RST carries nothing.
    let padded = frame(&[ETHERNET, "0800", RST, "000000000000"]);
    let Decoded::Tcp(rst, payload) = whole(LinkType::ETHERNET, &padded) else { panic!() };
    assert_eq!((rst.payload, payload), (0, &[][..]));
    // Snapped in the middle of the payload: its length is known all the same.
    let data = frame(&[ETHERNET, "0800", ALERT]);
    let Decoded::Tcp(alert, payload) = decode(LinkType::ETHERNET, &data[..data.len() - 3], data.len() as u32) else {
        panic!()
    };
    assert_eq!((alert.payload, payload), (7, &hex("15030300")[..]));
    assert_eq!(alert.timestamps, Some((0x80cd_e0e3, 0x77ee_efe4)));
}

#[test]
fn segmentation_offload_leaves_no_ip_length() {
    let mut data = frame(&[ETHERNET, "0800", ALERT]);
    data[16..18].fill(0);
    // 70 000 bytes left the host's stack; 73 of them were captured.
    let segment = segment(decode(LinkType::ETHERNET, &data, 70_000));
    assert_eq!((segment.payload, segment.ip.length), (70_000 - 14 - 20 - 32, 70_000 - 14));
    let mut data = frame(&[ETHERNET, "86dd", SYN6]);
    data[18..20].fill(0);
    assert_eq!(super::tests::segment(decode(LinkType::ETHERNET, &data, 70_094)).payload, 70_000);
}

#[test]
fn a_captured_length_beyond_the_original_counts() {
    let data = frame(&[ETHERNET, "0800", ALERT]);
    assert_eq!(decode(LinkType::ETHERNET, &data, 20), whole(LinkType::ETHERNET, &data));
}

#[test]
fn options_that_lie_are_left_out() {
    for (options, mss, timestamps) in [
        ("020405b4 01010000 00000000 00000000 00000000", Some(1460), false),
        ("0204 05b4 0800 00000000 00000000 00000000 0000", Some(1460), false),
        ("0201 05b4 080a 00000000 00000000 00000000 0000", None, false),
        ("080a 00000001 00000002 0228 0000 0000 0000 0000", None, true),
    ] {
        let found = segment(whole(LinkType::RAW, &frame(&[&SYN[..SYN.find("020405b4").unwrap()], options])));
        assert_eq!((found.mss, found.timestamps.is_some()), (mss, timestamps), "{options}");
    }
    // Only a SYN negotiates.
    let late = SYN.replacen("a002faf0", "a010faf0", 1);
    let found = segment(whole(LinkType::RAW, &hex(&late)));
    assert_eq!((found.mss, found.window_scale), (None, None));
}

#[test]
fn contradictions_are_malformed() {
    for (field, lie) in [
        ("45000028 0000", "45000013 0000"),
        ("45000028 0000", "44000028 0000"),
        ("45000028 0000", "55000028 0000"),
        ("50140000", "40140000"),
        ("50140000", "60140000"),
        ("45000028 0000", "45000020 0000"),
    ] {
        let lie = hex(&RST.replacen(field, lie, 1));
        assert_eq!(whole(LinkType::RAW, &lie), Decoded::Skipped(Skip::Malformed));
        let ethernet = [frame(&[ETHERNET, "0800"]), lie].concat();
        assert_eq!(whole(LinkType::ETHERNET, &ethernet), Decoded::Skipped(Skip::Malformed));
    }
}

#[test]
fn what_is_skipped_says_why() {
    for (ether_type, rest, skip) in [
        ("0806", "0001080006040001", Skip::EtherType(0x0806)),
        ("0800", "45000020 00000000 40320000 0a000001 0a000002 000000000000000000000000", Skip::Protocol(50)),
        ("0800", "4500001c 00000000 40110000 0a000001 0a000002 007b007b 00080000", Skip::Udp),
        ("0800", "4500001c 00000000 40010000 0a000001 0a000002 08000000 00000000", Skip::Icmp),
    ] {
        assert_eq!(whole(LinkType::ETHERNET, &frame(&[ETHERNET, ether_type, rest])), Decoded::Skipped(skip));
    }
    assert_eq!(decode(LinkType::ETHERNET, &[], 60), Decoded::Skipped(Skip::Cut));
    assert_eq!(decode(LinkType::ETHERNET, &[], 0), Decoded::Skipped(Skip::Malformed));
}

#[test]
fn dns_datagrams() {
    let data = frame(&[ETHERNET, "0800 45000020 00000000 40110000 0a000001 0a000002 00358fa4 000c0000 1dac8180 0000"]);
    let Decoded::Dns(datagram) = whole(LinkType::ETHERNET, &data) else { panic!() };
    assert_eq!((datagram.ends.source.port, datagram.payload, datagram.cut), (53, &hex("1dac8180")[..], false));
    let Decoded::Dns(datagram) = decode(LinkType::ETHERNET, &data[..44], 60) else { panic!() };
    assert_eq!((datagram.payload, datagram.cut), (&hex("1dac")[..], true));
}
