//! Capture files written by hand: the packets of a scenario as frames, and the records of a file in every form that a file may have.
//!
//! Knows the formats from their specifications and shares no code with the program's readers.

use std::net::IpAddr;

use wirecause_parsers::packet::{Endpoint, Segment};

use crate::scenario_packets::{Content, Packet, Parties, draw};

/// The records of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) link: u32,
    pub(crate) snap_length: u32,
    pub(crate) all: Vec<Record>,
}

/// One frame with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) original: u32,
    pub(crate) frame: Vec<u8>,
}

/// Byte order of a file's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// The packets of a life in the scenarios' notation as a pcap file.
pub(crate) fn pcap(lines: &[&str]) -> Vec<u8> {
    Records::of(&draw(&Parties::new(40_001), 0.0, lines)).pcap(Order::Little, false)
}

impl Records {
    /// The segments of drawn packets behind Ethernet headers.
    pub(crate) fn of(packets: &[Packet]) -> Self {
        let records = packets.iter().filter_map(|packet| match &packet.content {
            Content::Tcp(segment, payload) => {
                let frame = frame(segment, payload);
                let original = frame.len() as u32 + segment.payload - payload.len() as u32;
                Some(Record { time: packet.time.nanos(), original, frame })
            }
            Content::Icmp(_) => None,
        });
        Self { link: 1, snap_length: 262_144, all: records.collect() }
    }

    /// The records of a little-endian pcap file of either resolution.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let unit = match word(0) {
            0xa1b2_c3d4 => 1_000,
            0xa1b2_3c4d => 1,
            magic => panic!("no little-endian pcap: {magic:#x}"),
        };
        let mut file = Self { link: word(20), snap_length: word(16), all: Vec::new() };
        let mut at = 24;
        while at < bytes.len() {
            let length = word(at + 8) as usize;
            file.all.push(Record {
                time: i64::from(word(at)) * 1_000_000_000 + i64::from(word(at + 4)) * unit,
                original: word(at + 12),
                frame: bytes[at + 16..at + 16 + length].to_vec(),
            });
            at += 16 + length;
        }
        file
    }

    pub(crate) fn with(&self, records: impl IntoIterator<Item = Record>) -> Self {
        Self { all: records.into_iter().collect(), ..*self }
    }

    pub(crate) fn pcap(&self, order: Order, nanos: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        order.put(&mut out, &[magic]);
        order.put_short(&mut out, &[2, 4]);
        order.put(&mut out, &[0, 0, self.snap_length, self.link]);
        for record in &self.all {
            let fraction = record.time.rem_euclid(1_000_000_000) / if nanos { 1 } else { 1_000 };
            let second = record.time.div_euclid(1_000_000_000) as u32;
            order.put(&mut out, &[second, fraction as u32, record.frame.len() as u32, record.original]);
            out.extend(&record.frame);
        }
        out
    }

    /// One section with one interface whose times count nanoseconds.
    pub(crate) fn pcapng(&self, order: Order) -> Vec<u8> {
        let mut out = section(order);
        let mut options = Vec::new();
        order.put_short(&mut options, &[9, 1]);
        options.extend([9, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(interface(order, self.link as u16, self.snap_length, &options));
        for record in &self.all {
            out.extend(enhanced(order, 0, record));
        }
        out
    }
}

/// A section header.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = Vec::new();
    order.put(&mut body, &[0x1a2b_3c4d]);
    order.put_short(&mut body, &[1, 0]);
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, body)
}

/// An interface's description.
pub(crate) fn interface(order: Order, link: u16, snap_length: u32, options: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    order.put_short(&mut body, &[link, 0]);
    order.put(&mut body, &[snap_length]);
    body.extend(options);
    block(order, 1, body)
}

/// An enhanced packet block; its time in nanoseconds.
pub(crate) fn enhanced(order: Order, interface: u32, record: &Record) -> Vec<u8> {
    let stamp = record.time as u64;
    let mut body = Vec::new();
    order.put(&mut body, &[interface, (stamp >> 32) as u32, stamp as u32, record.frame.len() as u32, record.original]);
    body.extend(&record.frame);
    block(order, 6, body)
}

fn block(order: Order, kind: u32, mut body: Vec<u8>) -> Vec<u8> {
    body.resize(body.len().next_multiple_of(4), 0);
    let length = body.len() as u32 + 12;
    let mut out = Vec::new();
    order.put(&mut out, &[kind, length]);
    out.extend(body);
    order.put(&mut out, &[length]);
    out
}

impl Order {
    fn put(self, out: &mut Vec<u8>, words: &[u32]) {
        for word in words {
            out.extend(if self == Self::Little { word.to_le_bytes() } else { word.to_be_bytes() });
        }
    }

    fn put_short(self, out: &mut Vec<u8>, words: &[u16]) {
        for word in words {
            out.extend(if self == Self::Little { word.to_le_bytes() } else { word.to_be_bytes() });
        }
    }
}

/// A segment behind Ethernet and IP headers, with the options that it has.
pub(crate) fn frame(segment: &Segment, payload: &[u8]) -> Vec<u8> {
    let tcp = tcp(segment);
    let length = (tcp.len() + segment.payload as usize) as u32;
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    match (segment.ends.source.address, segment.ends.destination.address) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend([0x08, 0x00, 0x45, segment.ip.tos]);
            frame.extend(((length + 20) as u16).to_be_bytes());
            frame.extend(segment.ip.id.unwrap_or(0).to_be_bytes());
            frame.extend([if segment.ip.dont_fragment { 0x40 } else { 0 }, 0, segment.ip.ttl, 6, 0, 0]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend((length as u16).to_be_bytes());
            frame.extend([6, segment.ip.ttl]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        ends => panic!("ends of two families: {ends:?}"),
    }
    frame.extend(tcp);
    frame.extend(payload);
    frame
}

fn tcp(segment: &Segment) -> Vec<u8> {
    let mut options = Vec::new();
    if let Some(mss) = segment.mss {
        options.extend([2, 4]);
        options.extend(mss.to_be_bytes());
    }
    if segment.sack && segment.flags.syn() {
        options.extend([4, 2]);
    }
    if let Some((value, echo)) = segment.timestamps {
        options.extend([8, 10]);
        options.extend(value.to_be_bytes());
        options.extend(echo.to_be_bytes());
    }
    if let Some(shift) = segment.window_scale {
        options.extend([3, 3, shift]);
    }
    options.resize(options.len().next_multiple_of(4), 1);
    let Endpoint { port: source, .. } = segment.ends.source;
    let mut tcp = Vec::new();
    tcp.extend(source.to_be_bytes());
    tcp.extend(segment.ends.destination.port.to_be_bytes());
    tcp.extend(segment.seq.to_be_bytes());
    tcp.extend(segment.ack.to_be_bytes());
    tcp.extend([((20 + options.len()) as u8 / 4) << 4, segment.flags.0]);
    tcp.extend(segment.window.to_be_bytes());
    tcp.extend([0; 4]);
    tcp.extend(options);
    tcp
}
