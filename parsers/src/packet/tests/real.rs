//! Every frame of the real captures: the fast path against the general one, and both against etherparse.

use std::{fs, net::IpAddr, path::Path};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::{ETHERNET, SLL2, SYN, SYN6, frame};
use crate::{
    capture::{LinkType, Walker},
    packet::{Decoded, Segment, decode, fast, general, usual_ends},
};

/// Captures of the incidents that are not compressed; they stand beside the repository, and may be absent.
const FILES: [&str; 6] = [
    "harbor/gateway.pcap",
    "harbor/backend.pcap",
    "harbor/any.pcap000",
    "harbor/any.pcap001",
    "meadow/backend.pcap",
    "meadow/any.pcap000",
];

/// Hands each frame of each capture to `check`: link type, captured bytes, original length.
fn each_frame(mut check: impl FnMut(LinkType, &[u8], u32)) {
    let incidents = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/incidents"));
    for file in FILES {
        let Ok(bytes) = fs::read(incidents.join(file)) else {
            println!("{file} is not there: not compared");
            continue;
        };
        let (mut walker, mut frames) = (Walker::new(), Vec::new());
        assert_eq!(walker.walk(&bytes, true, &mut frames), Ok(bytes.len()), "{file}");
        assert!(!frames.is_empty(), "{file}");
        for found in frames {
            let link = walker.interfaces()[found.interface as usize].link;
            check(link, &bytes[found.offset..][..found.captured as usize], found.original);
        }
    }
}

#[test]
fn the_fast_path_is_the_general_one() {
    let mut fast_frames = 0;
    each_frame(|link, data, original| {
        check_ends(link, data, original);
        if let Some((segment, payload)) = fast::segment(link, data) {
            fast_frames += 1;
            assert_eq!(Decoded::Tcp(segment, payload), general(link, data, original));
        }
    });
    println!("{fast_frames} frames took the fast path");
}

/// Ends that are read alone are those of the frame's segment, and frames of the usual shape show theirs.
fn check_ends(link: LinkType, data: &[u8], original: u32) {
    let ends = match general(link, data, original) {
        Decoded::Tcp(segment, _) => Some(segment.ends),
        _ => None,
    };
    let found = usual_ends(link, data);
    assert!(found.is_none() || found == ends, "{found:?} of {ends:?}");
    assert!(found.is_some() || fast::segment(link, data).is_none(), "{ends:?}");
}

#[test]
fn the_ends_of_ipv6_are_those_of_the_general_path_whatever_the_bytes() {
    let mut found = 0;
    let whole = frame(&[ETHERNET, "86dd", SYN6]);
    for place in 0..whole.len() {
        for value in 0..=255 {
            let mut data = whole.clone();
            data[place] = value;
            for length in [data.len(), data.len() - 3, data.len() - 20, data.len() - 21] {
                let data = &data[..length];
                check_ends(LinkType::ETHERNET, data, whole.len() as u32);
                found += u32::from(usual_ends(LinkType::ETHERNET, data).is_some());
            }
        }
    }
    assert!(found > 10_000, "{found}");
}

#[test]
fn the_fast_path_is_the_general_one_whatever_the_bytes() {
    for (link, data) in [
        (LinkType::ETHERNET, frame(&[ETHERNET, "0800", SYN, "616263"])),
        (LinkType::LINUX_SLL2, frame(&[SLL2, SYN, "616263"])),
    ] {
        let mut fast_frames = 0;
        for place in 0..data.len() {
            for value in 0..=255 {
                let mut data = data.clone();
                data[place] = value;
                for length in [data.len(), data.len() - 3, data.len() - 20] {
                    let (data, original) = (&data[..length], data.len() as u32);
                    assert_eq!(decode(link, data, original), general(link, data, original), "byte {place} = {value}");
                    check_ends(link, data, original);
                    fast_frames += usize::from(fast::segment(link, data).is_some());
                }
            }
        }
        assert!(fast_frames > 10_000, "{fast_frames}");
    }
}

#[test]
fn etherparse_sees_the_same() {
    let mut compared = 0;
    each_frame(|link, data, original| {
        let sliced = match link {
            LinkType::ETHERNET => LaxSlicedPacket::from_ethernet(data).ok(),
            // Cooked v2 is not known there; what follows its header is.
            _ => data.get(20..).and_then(|packet| LaxSlicedPacket::from_ip(packet).ok()),
        };
        match decode(link, data, original) {
            Decoded::Tcp(segment, payload) => {
                compare(&sliced.unwrap(), &segment, payload);
                compared += 1;
            }
            _ => assert!(!matches!(sliced.map(|sliced| sliced.transport), Some(Some(TransportSlice::Tcp(_))))),
        }
    });
    println!("{compared} segments compared");
}

fn compare(sliced: &LaxSlicedPacket<'_>, segment: &Segment, payload: &[u8]) {
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("{sliced:?}") };
    let (source, destination, ttl, id, length) = match sliced.net.as_ref().unwrap() {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let (source, destination) = (header.source_addr().into(), header.destination_addr().into());
            (source, destination, header.ttl(), Some(header.identification()), u32::from(header.total_len()))
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let (source, destination): (IpAddr, IpAddr) =
                (header.source_addr().into(), header.destination_addr().into());
            (source, destination, header.hop_limit(), None, u32::from(header.payload_length()) + 40)
        }
        other @ LaxNetSlice::Arp(_) => panic!("{other:?}"),
    };
    let ip = segment.ip;
    assert_eq!((ip.ttl, ip.id, ip.length), (ttl, id, length));
    assert_eq!((segment.ends.source.address, segment.ends.source.port), (source, tcp.source_port()));
    assert_eq!(
        (segment.ends.destination.address, segment.ends.destination.port),
        (destination, tcp.destination_port())
    );
    assert_eq!((segment.seq, segment.ack), (tcp.sequence_number(), tcp.acknowledgment_number()));
    assert_eq!((segment.flags.0, segment.window), (tcp.slice()[13], tcp.window_size()));
    assert_eq!(payload, tcp.payload());
    assert!(segment.payload as usize >= payload.len());
}
