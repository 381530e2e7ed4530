//! Every number that tshark also knows: conversations, packets, bytes, flags, retransmissions, DNS, server names.
//!
//! Frames are compared one by one, and connections with what [`crate::oracle`] counts from tshark's rows. The definitions of a
//! retransmission differ; each difference has a name there and is counted, and what no name explains fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use wirecause::{
    input::{expand, open},
    read::{Captures, Heard, read_captures},
    track::Connection,
};
use wirecause_maker::{Profile, draw};
use wirecause_parsers::{
    capture::Walker,
    packet::{Decoded, decode},
};

use crate::{
    harness::{Scratch, root},
    incidents, loopback,
    oracle::{Conversation, conversations, without_duplicates},
    tshark::{self, ACK, FIN, Packet, RST, SYN},
};

#[test]
fn of_the_samples() {
    let captures = captures_below(&root().join("samples"));
    assert!(!captures.is_empty());
    compare_all("samples", &captures);
}

#[test]
fn of_the_incidents() {
    let Some(folder) = incidents::folder() else { return };
    compare_all("incidents", &captures_below(&folder));
}

#[test]
fn of_drawn_incidents() {
    let scratch = Scratch::new("tshark-drawn");
    let mut captures = Vec::new();
    for seed in FIRST_SEED..FIRST_SEED + SEEDS {
        for profile in [Profile::Immediate, Profile::Batched, Profile::Cut96, Profile::Mixed] {
            captures.push(scratch.write(&format!("{profile:?}-{seed}.pcap"), draw(seed, profile).capture));
        }
    }
    compare_all("drawn", &captures);
}

/// What this machine's own stack does, captured by tcpdump on one interface and on all.
#[test]
fn of_traffic_on_loopback() {
    if !tshark::installed("tcpdump") {
        return;
    }
    let scratch = Scratch::new("tshark-loopback");
    let Some(captures) = loopback::capture(&scratch) else { return };
    let total = compare_all("loopback", &captures);
    assert!(total.resets > 0 && total.fins > 0 && total.conversations > 4, "{total:?}");
}

fn captures_below(folder: &Path) -> Vec<PathBuf> {
    let (inputs, _) = expand(&[folder.to_owned()], None);
    let captures = inputs.iter().filter(|input| open(input).unwrap().kind == wirecause::input::Kind::Capture);
    captures.map(|input| folder.join(&input.name)).collect()
}

/// What was compared.
#[derive(Clone, Debug, Default)]
struct Total {
    files: u64,
    frames: u64,
    conversations: u64,
    fins: u64,
    resets: u64,
    dns: u64,
    names: u64,
    names_in_cut_hellos: u64,
    duplicates: u64,
    retransmissions: u64,
    said_by_tshark: u64,
    differences: BTreeMap<&'static str, u64>,
}

fn compare_all(what: &str, captures: &[PathBuf]) -> Total {
    if !tshark::installed("tshark") {
        return Total { conversations: u64::MAX, fins: 1, resets: 1, ..Total::default() };
    }
    let (total, faults) = (Mutex::new(Total::default()), Mutex::new(String::new()));
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get) {
            scope.spawn(|| {
                while let Some(capture) = captures.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let (of_file, found) = compare(capture);
                    total.lock().unwrap().add(&of_file);
                    faults.lock().unwrap().push_str(&found);
                }
            });
        }
    });
    let (total, faults) = (total.into_inner().unwrap(), faults.into_inner().unwrap());
    println!("{what}: {total:#?}");
    assert!(faults.is_empty(), "\n{}", faults.chars().take(20_000).collect::<String>());
    total
}

fn compare(capture: &Path) -> (Total, String) {
    let mut faults = Faults(capture.display().to_string(), String::new());
    let packets = tshark::packets(capture);
    let mut total = Total { files: 1, frames: packets.len() as u64, ..Total::default() };
    let bytes = unpacked(capture);
    frames(&bytes, &packets, &mut faults);

    let (inputs, _) = expand(&[capture.to_owned()], None);
    let (captures, unreadable) = read_captures(&inputs, 0);
    faults.check(unreadable.is_empty(), || format!("{unreadable:?}"));
    total.dns = dns(capture, &captures, &mut faults);

    let (kept, duplicates) = without_duplicates(&packets);
    total.duplicates = duplicates;
    faults.equal("segments captured twice", captures.track.duplicates, duplicates);
    let expected = conversations(&kept);
    let connections: Vec<Connection> =
        captures.points.into_iter().flat_map(|point| point.connections).map(|finished| finished.open()).collect();
    let mut by_frame: BTreeMap<u64, &Connection> =
        connections.iter().map(|connection| (connection.first_frame.number(), connection)).collect();
    faults.equal("conversations", connections.len(), expected.len());
    for conversation in &expected {
        total.conversations += 1;
        let Some(connection) = by_frame.remove(&conversation.first_frame) else {
            faults.add(&format!("no connection begins at frame {}: {conversation:?}", conversation.first_frame));
            continue;
        };
        compare_one(conversation, connection, &mut total, &mut faults);
        server_name(conversation, connection, &bytes, &mut total, &mut faults);
    }
    for connection in by_frame.values() {
        faults.add(&format!("a connection that tshark does not have: {:?}", connection.first_frame));
    }
    (total, faults.1)
}

/// Each TCP segment's header, as decoded here and there.
fn frames(bytes: &[u8], packets: &[Packet], faults: &mut Faults) {
    let (mut walker, mut frames) = (Walker::new(), Vec::new());
    let _ = walker.walk(bytes, true, &mut frames);
    let mut theirs = packets.iter();
    for frame in frames {
        let data = &bytes[frame.offset..][..frame.captured as usize];
        let link = walker.interfaces()[frame.interface as usize].link;
        let Decoded::Tcp(segment, _) = decode(link, data, frame.original) else { continue };
        let Some(packet) = theirs.next() else {
            faults.add(&format!("frame {} is no TCP for tshark", frame.number));
            return;
        };
        let own = (frame.number, frame.time.nanos(), segment.ends.source, segment.ends.destination);
        faults.equal("frame", own, (packet.number, packet.time, packet.source, packet.destination));
        let ack = if packet.has(ACK) { segment.ack } else { packet.ack };
        let own = (segment.seq, ack, u16::from(segment.flags.0), segment.payload, segment.window);
        let flags = packet.flags & 0xff;
        faults.equal("header", own, (packet.seq, packet.ack, flags, packet.length, packet.window));
    }
    if let Some(packet) = theirs.next() {
        faults.add(&format!("frame {} is TCP for tshark alone", packet.number));
    }
}

fn unpacked(capture: &Path) -> Vec<u8> {
    let (inputs, _) = expand(&[capture.to_owned()], None);
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut open(&inputs[0]).unwrap().stream, &mut bytes).unwrap();
    bytes
}

fn compare_one(expected: &Conversation<'_>, found: &Connection, total: &mut Total, faults: &mut Faults) {
    let at = expected.first_frame;
    let sides = [(found.originator, &found.orig), (found.responder, &found.resp)];
    for (end, side) in sides {
        let own = expected.side(end);
        let mut equal = |what: &str, ours: u64, theirs: u64| {
            faults.equal(&format!("{what} from {end} on the conversation of frame {at}"), ours, theirs);
        };
        equal("packets", side.packets, own.packets);
        equal("distinct bytes", side.bytes, own.distinct_bytes);
        equal("retransmissions", side.retransmissions, own.retransmissions());
        equal("first FIN at frame", side.fin.map_or(0, |fin| fin.frame.number()), own.first(FIN));
        total.fins += own.count(FIN);
        total.resets += own.count(RST);
        total.retransmissions += side.retransmissions;
        total.said_by_tshark += own.said_by_tshark();
        for (name, count) in &own.differences {
            *total.differences.entry(name).or_default() += count;
        }
        for fault in &own.unexplained {
            faults.add(fault);
        }
        let direction = usize::from(end == found.responder);
        let resets = found.resets.iter().filter(|(by, _)| *by as usize == direction);
        let frames: Vec<u64> = resets.map(|(_, reset)| reset.frame.number()).collect();
        faults.equal("resets at frames", frames, own.frames(RST).into_iter().take(4).collect());
        faults.equal("resets", u64::from(found.reset_count[direction]), own.count(RST));
    }
    let handshake = (u64::from(found.handshake.syns), u64::from(found.handshake.syn_acks));
    faults.equal(&format!("SYNs on the conversation of frame {at}"), handshake, expected.syns());
    faults.equal("last frame", found.last_frame.number(), expected.last_frame);
    faults.equal("times", (found.start.nanos(), found.end.nanos()), expected.times);
}

/// tshark names no server where the snap length cut the hello; a name that is told all the same stands in the frames.
fn server_name(expected: &Conversation<'_>, found: &Connection, bytes: &[u8], total: &mut Total, faults: &mut Faults) {
    let name = found.names.sni.as_deref();
    let cut = expected.packets.iter().any(|packet| packet.cut);
    if let (Some(name), None, true) = (name, &expected.server_name, cut) {
        total.names_in_cut_hellos += 1;
        faults.check(bytes.windows(name.len()).any(|window| window == name.as_bytes()), || {
            format!("{name} stands nowhere")
        });
        return;
    }
    faults.equal("server name", name.map(str::to_owned), expected.server_name.clone());
    total.names += u64::from(expected.server_name.is_some());
}

/// DNS messages in order; how many.
fn dns(capture: &Path, captures: &Captures, faults: &mut Faults) -> u64 {
    let theirs = tshark::dns(capture);
    let ours: Vec<tshark::Dns> = captures.dns.iter().map(of_message).collect();
    faults.equal("DNS messages", ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        faults.equal("DNS message", ours, theirs);
    }
    theirs.len() as u64
}

fn of_message(Heard { time, id, message }: &Heard) -> tshark::Dns {
    tshark::Dns {
        time: time.nanos(),
        id: *id,
        response: message.response,
        rcode: message.rcode,
        question: message.question.as_ref().map(|(name, _)| name.clone()),
        addresses: message.addresses.iter().map(|(_, address, _)| *address).collect(),
        aliases: message.aliases.iter().map(|(_, name)| name.clone()).collect::<BTreeSet<_>>(),
    }
}

/// What differs, and in which file.
struct Faults(String, String);

impl Faults {
    fn add(&mut self, fault: &str) {
        let _ = writeln!(self.1, "{}: {fault}", self.0);
    }

    fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.add(&fault());
        }
    }

    // By value, so that what is made for the comparison needs no name.
    #[allow(clippy::needless_pass_by_value)]
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T) {
        self.check(ours == theirs, || format!("{what}: {ours:?}, by tshark {theirs:?}"));
    }
}

impl Total {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.frames += other.frames;
        self.conversations += other.conversations;
        self.fins += other.fins;
        self.resets += other.resets;
        self.dns += other.dns;
        self.names += other.names;
        self.names_in_cut_hellos += other.names_in_cut_hellos;
        self.duplicates += other.duplicates;
        self.retransmissions += other.retransmissions;
        self.said_by_tshark += other.said_by_tshark;
        for (name, count) in &other.differences {
            *self.differences.entry(name).or_default() += count;
        }
    }
}

/// A definition that only this file's tests would need is no test: the oracle is held against a life written by hand.
#[test]
fn the_oracle_counts_what_a_hand_counts() {
    if !tshark::installed("tshark") {
        return;
    }
    let scratch = Scratch::new("tshark-by-hand");
    let lines = [
        "0 > S",
        "0.01 < S.",
        "0.01 > .",
        "0.02 > P. GET /a",
        "0.23 > P. again",
        "0.24 < .",
        "0.3 < P. 200 body=3000 take=1448",
        "0.3001 < P. rest=1448",
        "0.31 < P. again=2",
        "0.32 > F.",
        "0.33 < R.",
    ];
    let path = scratch.write("hand.pcap", crate::wire_file::pcap(&lines));
    let packets = tshark::packets(&path);
    let (kept, duplicates) = without_duplicates(&packets);
    let conversations = conversations(&kept);
    assert_eq!((conversations.len(), duplicates), (1, 0));
    let (gateway, peer) = (conversations[0].side(packets[0].source), conversations[0].side(packets[0].destination));
    assert_eq!((gateway.packets, gateway.retransmissions(), gateway.count(FIN), gateway.count(SYN)), (5, 1, 1, 1));
    assert_eq!((peer.packets, peer.retransmissions(), peer.count(RST)), (6, 1, 1));
    assert_eq!(
        (gateway.distinct_bytes, peer.distinct_bytes),
        ("GET /a HTTP/1.1\r\nHost: api.example\r\n\r\n".len() as u64, 2896)
    );
    assert!(fs::metadata(&path).is_ok());
}

/// Incidents drawn of each profile.
const SEEDS: u64 = 4;
/// Others than the drawn ones that are scored.
const FIRST_SEED: u64 = 9_001;
