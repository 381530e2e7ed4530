//! Large archives: copies that differ from their source in times and in the gateway's address, and in nothing else.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use wirecause_maker::archive::{Copies, Made, Preset, Readdress, Source, make};
use wirecause_maker::wire::{Ip, Seg, flag, tcp_packet, udp_packet, unreachable_packet};
use wirecause_maker::{Profile, dns, draw};

const OLD4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 1, 2));
const NEW4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 128, 3, 4));
const PEER4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 2, 20));
const OLD6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd77, 1, 0, 0, 0, 0, 0, 2));
const NEW6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd61, 0x7263, 0x6869, 0, 0, 0, 0, 0x304));
const PEER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd77, 2, 0, 0, 0, 0, 0, 0x24));
const RAW: u32 = 101;
const ETHERNET: u32 = 1;

fn ip(src: IpAddr, dst: IpAddr) -> Ip {
    Ip { src, dst, ttl: 61, id: 4711, df: true }
}

/// A packet of each kind that holds the gateway's address, made whole with it, so that its sums are those of a sender.
fn packets(v4: IpAddr, v6: IpAddr) -> Vec<(&'static str, Vec<u8>)> {
    let seg = Seg {
        seq: 7,
        ack: 9,
        flags: flag::ACK,
        window: 63,
        ts: Some((5, 6)),
        payload: b"GET / H".to_vec(),
        ..Seg::default()
    };
    let both = [v4, v6];
    let syn = |ip: &Ip| tcp_packet(ip, 40_000, 8080, &Seg { flags: flag::SYN, mss: Some(1460), ..Seg::default() });
    let mut all = Vec::new();
    for (ours, peer) in [(v4, PEER4), (v6, PEER6)] {
        all.push(("sent", tcp_packet(&ip(ours, peer), 40_000, 8080, &seg)));
        all.push(("received", tcp_packet(&ip(peer, ours), 8080, 40_000, &seg)));
        // The name's length moves the address to even and to odd places.
        for name in ["gw.corp.example", "gate.corp.example", "gate2.corp.example"] {
            for aaaa in [false, true] {
                let answer = dns::answer(1, name, aaaa, Some("a.example"), &both, false);
                all.push(("answer", udp_packet(&ip(peer, ours), 53, 3333, &answer)));
                all.push(("answer to another", udp_packet(&ip(peer, peer), 53, 3333, &answer)));
            }
        }
        all.push(("quoted", unreachable_packet(&ip(peer, ours), 1, &syn(&ip(ours, peer)))));
        all.push((
            "quoted short",
            unreachable_packet(&ip(peer, ours), 1, &syn(&ip(ours, peer))[..if ours.is_ipv4() { 28 } else { 48 }]),
        ));
        all.push((
            "quoted to another",
            unreachable_packet(&ip(peer, peer), 3, &udp_packet(&ip(ours, peer), 3333, 53, b"x")),
        ));
    }
    all
}

#[test]
fn a_rewritten_packet_is_the_one_that_the_other_address_would_have_sent() {
    let change = Readdress::new([(OLD4, NEW4), (OLD6, NEW6)]);
    for ((what, mut old), (_, new)) in packets(OLD4, OLD6).into_iter().zip(packets(NEW4, NEW6)) {
        change.frame(RAW, &mut old);
        assert_eq!(old, new, "{what}");
    }
}

#[test]
fn link_headers_stay_and_arp_follows() {
    let change = Readdress::new([(OLD4, NEW4)]);
    let [(_, old), (_, new)] = [OLD4, NEW4].map(|address| packets(address, OLD6).remove(0));
    let links = [12u8; 12];
    for (link, header) in [
        (ETHERNET, [&links[..], &[0x08, 0x00]].concat()),
        (ETHERNET, [&links[..], &[0x88, 0xa8, 0, 1, 0x81, 0x00, 0, 7, 0x08, 0x00]].concat()),
        (113, [&[0; 14][..], &[0x08, 0x00]].concat()),
        (276, [&[0x08, 0x00][..], &[0; 18]].concat()),
    ] {
        let mut frame = [&header[..], &old].concat();
        change.frame(link, &mut frame);
        assert_eq!(frame, [&header[..], &new].concat(), "link type {link}");
    }
    let arp = |ours: [u8; 4]| {
        [&links[..], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[9; 6], &ours, &[0; 6], &[10, 77, 1, 1]].concat()
    };
    let mut frame = arp([10, 77, 1, 2]);
    change.frame(ETHERNET, &mut frame);
    assert_eq!(frame, arp([10, 128, 3, 4]));
}

/// A capture that was cut keeps what it holds, and loses nothing where a sum was cut off.
#[test]
fn a_packet_cut_at_any_length_is_rewritten_as_far_as_it_goes() {
    let change = Readdress::new([(OLD4, NEW4), (OLD6, NEW6)]);
    for ((what, whole), (_, new)) in packets(OLD4, OLD6).into_iter().zip(packets(NEW4, NEW6)) {
        let addresses = if whole[0] >> 4 == 4 { 20 } else { 40 };
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            change.frame(RAW, &mut cut);
            assert_eq!(cut.len(), length);
            // What is behind the cut could have changed a sum, and quotes hold sums of their own: addresses alone are compared.
            if length >= addresses {
                let from = if addresses == 20 { 12 } else { 8 };
                assert_eq!(cut[from..addresses], new[from..addresses], "{what} cut at {length}");
            }
        }
    }
}

/// An archive of a drawn incident among another, which stands for healthy traffic.
struct Archive {
    directory: PathBuf,
    made: Made,
    incident: (Vec<u8>, String),
    calm: (Vec<u8>, String),
}

fn archive(name: &str, files: u64) -> Archive {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    // Two of one link type and of stamps in microseconds.
    let mut drawn =
        (1..).map(|seed| draw(seed, Profile::Immediate)).filter(|i| i.capture[20] == 1 && i.capture[0] == 0xd4);
    let [incident, calm] = [(); 2].map(|()| drawn.next().unwrap()).map(|incident| (incident.capture, incident.log));
    let source = |from: &(Vec<u8>, String)| Source::new(from.0.clone(), from.1.clone().into_bytes()).unwrap();
    let copies = Copies { incident: 3, calm: 2 };
    let made = make(copies, &source(&incident), Some(&source(&calm)), files, &directory).unwrap();
    Archive { directory, made, incident, calm }
}

/// Records of a capture: time in microseconds, and all that stands behind the stamp.
fn records(file: &[u8]) -> Vec<(u64, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut found, mut at) = (Vec::new(), 24);
    while at < file.len() {
        let next = at + 16 + word(at + 8) as usize;
        found.push((u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4)), &file[at + 8..next]));
        at = next;
    }
    found
}

#[test]
fn copies_follow_each_other_and_hold_what_their_sources_hold() {
    let archive = archive("archive-copies", 1);
    let file = fs::read(archive.directory.join("gateway_0000.pcap")).unwrap();
    let log = fs::read_to_string(archive.directory.join("ssg_0_0.log")).unwrap();
    let table = fs::read_to_string(archive.directory.join("copies.csv")).unwrap();
    let (all, lines) = (records(&file), log.lines().collect::<Vec<_>>());
    assert_eq!((all.len() as u64, file.len() as u64), (archive.made.frames, archive.made.capture_bytes + 24));
    assert_eq!((lines.len() as u64, log.len() as u64), (archive.made.log_lines, archive.made.log_bytes));

    let (mut rest, mut kinds, mut gateways, mut line, mut end) = (&all[..], Vec::new(), Vec::new(), 1, 0);
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let [_, kind, shift, gateway, first, last] = cells[..] else { panic!("{row}") };
        kinds.push(kind);
        gateways.extend(gateway.split(';'));
        let (capture, text) = if kind == "incident" { &archive.incident } else { &archive.calm };
        let shift: i64 = shift.parse().unwrap();
        let source = records(capture);
        let (ours, others) = rest.split_at(source.len());
        rest = others;
        let mut changed = 0;
        for ((time, held), (before, original)) in ours.iter().zip(&source) {
            assert_eq!(*time, before.strict_add_signed(shift / 1000));
            assert_eq!((held.len(), &held[..8]), (original.len(), &original[..8]));
            changed += usize::from(held != original);
        }
        // Nearly everything is from or to the gateway.
        assert!(changed * 10 > source.len() * 9, "{changed} of {}", source.len());
        let (begin, latest) = (ours.iter().map(|r| r.0).min().unwrap(), ours.iter().map(|r| r.0).max().unwrap());
        assert!(begin > end, "{row}");
        end = latest;

        let [from, to] = [first, last].map(|n| n.parse::<usize>().unwrap());
        assert_eq!((from, to - from + 1), (line, text.lines().count()), "{row}");
        line = to + 1;
        for (copied, original) in lines[from - 1..to].iter().zip(text.lines()) {
            let stamped = original.len() > 19 && original.as_bytes()[10] == b'T' && original.starts_with("20");
            let from = if stamped { 19 } else { 0 };
            assert_eq!(copied[from..], original[from..]);
        }
    }
    assert_eq!(kinds, ["incident", "calm", "incident", "calm", "incident"]);
    assert!(rest.is_empty() && line == lines.len() + 1);
    gateways.sort_unstable();
    let all = gateways.len();
    gateways.dedup();
    assert_eq!(gateways.len(), all, "two copies have one gateway");
}

#[test]
fn cut_into_files_it_is_the_same_capture() {
    let [one, many] = [archive("archive-one", 1), archive("archive-many", 7)];
    assert_eq!((one.made.files, many.made.files), (1, 7));
    let whole = fs::read(one.directory.join("gateway_0000.pcap")).unwrap();
    let mut joined = whole[..24].to_vec();
    for number in 0..7 {
        let part = fs::read(many.directory.join(format!("gateway_{number:04}.pcap"))).unwrap();
        assert_eq!(part[..24], whole[..24]);
        let share = part.len() as f64 * 7.0 / whole.len() as f64;
        assert!((0.8..1.2).contains(&share), "file {number} has {share:.2} of its part");
        joined.extend(&part[24..]);
    }
    assert!(joined == whole, "the files are not the capture");
}

#[test]
fn presets_grow_with_their_scale() {
    assert_eq!(Preset::Realistic.copies(1.0), Copies { incident: 4, calm: 96 });
    assert_eq!(Preset::Dense.copies(1.0), Copies { incident: 320, calm: 0 });
    assert_eq!(Preset::Realistic.copies(10.0), Copies { incident: 40, calm: 960 });
    assert_eq!(Preset::Dense.copies(0.001), Copies { incident: 1, calm: 0 });
}

#[test]
fn what_cannot_be_copied_is_said() {
    let incident = draw(1, Profile::Immediate);
    let log = || incident.log.clone().into_bytes();
    let whole = incident.capture.clone();
    let fault = |capture: &[u8], log: Vec<u8>| Source::new(capture.to_vec(), log).unwrap_err();
    assert!(fault(&whole[..whole.len() - 1], log()).contains("cut short"));
    assert!(fault(&whole[..24], log()).contains("nobody opens a connection"));
    assert!(fault(b"no capture at all, but text", log()).contains("neither"));
    assert!(fault(&whole, b"no stamps\n".to_vec()).contains("stamp"));
    let source = Source::new(whole, log()).unwrap();
    let nowhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archive-nowhere");
    let lacking = make(Copies { incident: 1, calm: 1 }, &source, None, 1, &nowhere).unwrap_err();
    assert!(lacking.contains("healthy"));
}
