//! IP options, fragments and extension headers, and ICMP.

use std::net::IpAddr;

use super::{ALERT, SYN, SYN6, cut_everywhere, end, frame, hex, segment, whole};
use crate::{
    capture::LinkType,
    packet::{Decoded, IcmpKind, IpFacts, Segment, Skip, decode},
};

#[test]
fn ipv4_options_and_fragments() {
    let with_options = SYN.replacen("4500003c", "46000040", 1).replacen("0a4d0213", "0a4d0213 94040000", 1);
    assert_eq!(segment(whole(LinkType::RAW, &hex(&with_options))).mss, Some(1460));
    cut_everywhere(LinkType::RAW, &hex(&with_options));
    let first = ALERT.replacen("e2944000", "e2942000", 1);
    assert_eq!(segment(whole(LinkType::RAW, &hex(&first))).payload, 7);
    let later = ALERT.replacen("e2944000", "e2940003", 1);
    assert_eq!(whole(LinkType::RAW, &hex(&later)), Decoded::Skipped(Skip::LaterFragment));
}

#[test]
fn ipv6_extension_headers() {
    let plain = segment(whole(LinkType::RAW, &hex(SYN6)));
    // Hop-by-hop, destination options, routing, authentication, fragment (the first).
    for (kind, header) in [
        ("00", "06 00 050200000100"),
        ("3c", "06 01 0104 00000000 0106 000000000000"),
        ("2b", "06 00 000000000000"),
        ("33", "06 01 0000 00000001 00000002"),
        ("2c", "06 00 0001 00000007"),
    ] {
        let header = hex(header);
        let mut data = hex(SYN6);
        data[6] = hex(kind)[0];
        data[5] += header.len() as u8;
        let ip_length = plain.ip.length + header.len() as u32;
        data.splice(40..40, header);
        let found = segment(whole(LinkType::RAW, &data));
        assert_eq!(found, Segment { ip: IpFacts { length: ip_length, ..plain.ip }, ..plain }, "header {kind}");
        cut_everywhere(LinkType::RAW, &data);
    }
    let later = SYN6.replacen("00280640", "00282c40", 1).replacen("80291f90 a9be", "06000009 0000", 1);
    assert_eq!(whole(LinkType::RAW, &hex(&later)), Decoded::Skipped(Skip::LaterFragment));
    let endless = SYN6.replacen("00280640", "01000040", 1);
    let endless = [hex(&endless)[..40].to_vec(), vec![0; 256]].concat();
    assert_eq!(whole(LinkType::RAW, &endless), Decoded::Skipped(Skip::Malformed));
}

#[test]
fn icmp_errors_about_tcp() {
    let quote = &SYN[..SYN.find("00000000 a002").unwrap()];
    for (head, kind) in [
        ("03000000 00000000", IcmpKind::Unreachable),
        ("03010000 00000000", IcmpKind::Unreachable),
        ("03020000 00000000", IcmpKind::PortUnreachable),
        ("03030000 00000000", IcmpKind::PortUnreachable),
        ("03040000 00000578", IcmpKind::TooBig(1400)),
        ("030a0000 00000000", IcmpKind::Prohibited),
        ("030d0000 00000000", IcmpKind::Prohibited),
        ("0b000000 00000000", IcmpKind::TimeExceeded),
    ] {
        let data = frame(&["45000038 00000000 40010000 0a4d01fe 0a4d0102", head, quote]);
        let Decoded::Icmp(error) = whole(LinkType::RAW, &data) else { panic!("{head}") };
        assert_eq!((error.kind, error.sender), (kind, "10.77.1.254".parse::<IpAddr>().unwrap()));
        assert_eq!(error.quoted.source, end("10.77.1.2", 47_721));
        assert_eq!((error.quoted.destination, error.quoted_seq), (end("10.77.2.19", 8080), 0xd4e3_64cd));
        for length in 0..data.len() {
            assert_eq!(decode(LinkType::RAW, &data[..length], 56), Decoded::Skipped(Skip::Cut));
        }
    }
    let quote = &SYN6[..SYN6.find("00000000 a002").unwrap()];
    for (head, kind) in [
        ("01000000 00000000", IcmpKind::Unreachable),
        ("01030000 00000000", IcmpKind::Unreachable),
        ("01040000 00000000", IcmpKind::PortUnreachable),
        ("01010000 00000000", IcmpKind::Prohibited),
        ("02000000 00000500", IcmpKind::TooBig(1280)),
        ("03000000 00000000", IcmpKind::TimeExceeded),
    ] {
        let outer = "60000000 00383a40 fd770001000000000000000000000001 fd770001000000000000000000000002";
        let data = frame(&[outer, head, quote]);
        let Decoded::Icmp(error) = whole(LinkType::RAW, &data) else { panic!("{head}") };
        assert_eq!((error.kind, error.quoted_seq), (kind, 0xa9be_55e6));
    }
}
