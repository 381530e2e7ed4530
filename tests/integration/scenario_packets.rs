//! Packets of one connection in a compact notation, one line each:
//!
//! ```text
//! 0.000 > S                    a SYN of the gateway; seconds since the connection's start
//! 0.010 < S. ttl=57            tcpdump's letters; `.` is ACK, `E` and `W` are ECN's
//! 0.011 > P. GET /a body=300   a whole request; a three-digit status makes a response
//! 3.000 < R ttl=250            a bare RST, made as Linux makes it unless said otherwise
//! 0.005 ! prohibited from=10.0.0.1
//! ```
//!
//! Sequence and acknowledgement numbers, IP-ID, timestamps and windows are kept here; `seq=`, `ack=`, `ttl=`, `id=`, `ts=`,
//! `win=`, `mss=`, `iface=` overrule them. Numbers are relative (the SYN has 0), or `next`, `next-1`. Words:
//!
//! - `lost`: captured at the gateway, and never arrives at the other end; `unseen`: arrives, and the capture missed it;
//! - `crossing`: sent before the other end's last segment arrived;
//! - `again`, `again=2`: the payload of the last segment but so many sent once more; `twin`: the same packet captured again;
//! - `stray`: of another connection of the same ends: the sender's state stays as it was;
//! - `probe`: a keep-alive probe of no byte, `probe=1` of one;
//! - `take=100`: only that much of the payload, the `rest` later (`rest=100`: that much of it); `more=100`: bytes of no meaning;
//! - `preface`: HTTP/2's; `text=no_route`: these words, with blanks;
//! - `snap=64`: no more of the payload was captured;
//! - TLS: `hello`, `server-hello` (1.3), `server-hello-1.2`, `ccs`, `app=100`, `handshake=40`, `alert=2/40`.

use std::{net::IpAddr, str::FromStr};

use wirecause::track::{Arrival, FrameId, Tracker};
use wirecause_parsers::{
    packet::{Endpoint, FlowEnds, IcmpError, IcmpKind, IpFacts, Segment, TcpFlags},
    time::{NANOS_PER_SECOND, Timestamp},
};

/// The instant that times of a scenario count from: 2026-11-20T20:54:00Z (`date -u -d @1795208040`).
pub(crate) const EPOCH: Timestamp = Timestamp::from_parts(1_795_208_040, 0);

/// A time of a scenario in seconds.
pub(crate) fn at(seconds: f64) -> Timestamp {
    EPOCH.plus((seconds * NANOS_PER_SECOND as f64).round() as i64)
}

/// Who talks, and how their stacks look.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    pub(crate) gateway: Endpoint,
    pub(crate) peer: Endpoint,
    /// TTL of the peer's segments at the capture.
    pub(crate) peer_ttl: u8,
    /// Initial sequence numbers of gateway and peer.
    pub(crate) isn: [u32; 2],
    /// What requests have as Host and a `ClientHello` as server name.
    pub(crate) host: String,
    pub(crate) timestamps: bool,
}

impl Parties {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            gateway: Endpoint { address: IpAddr::from([10, 0, 0, 5]), port },
            peer: Endpoint { address: IpAddr::from([10, 0, 0, 9]), port: 8080 },
            peer_ttl: 57,
            isn: [1_000_000, 7_000_000],
            host: "api.example".into(),
            timestamps: true,
        }
    }
}

/// One captured packet.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) time: Timestamp,
    pub(crate) interface: u32,
    pub(crate) content: Content,
}

/// What a packet is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Tcp(Segment, Vec<u8>),
    Icmp(IcmpError),
}

/// Feeds packets in order of time to a tracker; frames are numbered from 1 as they come.
pub(crate) fn track(mut packets: Vec<Packet>) -> Tracker {
    packets.sort_by_key(|packet| packet.time);
    track_in_order(&packets)
}

/// The same in the order given.
pub(crate) fn track_in_order(packets: &[Packet]) -> Tracker {
    let mut tracker = Tracker::default();
    for (number, packet) in (1..).zip(packets) {
        let frame = FrameId::new(0, number);
        match &packet.content {
            Content::Tcp(segment, payload) => {
                let (time, interface) = (packet.time, packet.interface);
                tracker.segment(&Arrival { time, frame, interface, segment, payload, outer: None });
            }
            Content::Icmp(error) => tracker.icmp(packet.time, frame, error),
        }
    }
    tracker
}

/// Draws the packets of one connection that starts at `start`.
pub(crate) fn draw<S: AsRef<str>>(parties: &Parties, start: f64, lines: &[S]) -> Vec<Packet> {
    let mut drawing = Drawing::new(parties, start);
    for line in lines {
        drawing.line(line.as_ref());
    }
    drawing.packets
}

/// A connection being drawn: what each end has sent and what arrived there.
struct Drawing<'a> {
    parties: &'a Parties,
    start: f64,
    ends: [End; 2],
    packets: Vec<Packet>,
}

/// One end's state.
#[derive(Clone, Debug)]
struct End {
    /// Offset of the next byte to send.
    next: i64,
    /// Offset up to which the other stream arrived, now and before its last segment.
    received: i64,
    received_before: i64,
    /// What this end acknowledged last.
    acknowledged: i64,
    opened: bool,
    fin: Option<i64>,
    ip_id: u16,
    /// Payloads sent, with their offsets.
    sent: Vec<(i64, Vec<u8>)>,
    /// What is left of a message that was begun.
    rest: Vec<u8>,
    last: Option<Packet>,
}

impl<'a> Drawing<'a> {
    fn new(parties: &'a Parties, start: f64) -> Self {
        // A stream that is joined in the middle begins at offset 1, as if its SYN had been there.
        let end = |ip_id| End {
            next: 1,
            received: 1,
            received_before: 1,
            acknowledged: 1,
            opened: false,
            fin: None,
            ip_id,
            sent: Vec::new(),
            rest: Vec::new(),
            last: None,
        };
        Self { parties, start, ends: [end(100), end(20_000)], packets: Vec::new() }
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [time, direction, kind, words @ ..] = words.as_slice() else { panic!("too short: {line:?}") };
        let time = at(self.start + parse::<f64>(time, line));
        match *direction {
            ">" => self.segment(line, time, 0, kind, words),
            "<" => self.segment(line, time, 1, kind, words),
            "!" => self.icmp(line, time, kind, words),
            _ => panic!("neither > nor < nor !: {line:?}"),
        }
    }

    fn segment(&mut self, line: &str, time: Timestamp, from: usize, letters: &str, words: &[&str]) {
        let (to, words) = (1 - from, Words(words, line));
        if words.has("twin") {
            let mut packet = self.ends[from].last.clone().unwrap_or_else(|| panic!("nothing to repeat: {line:?}"));
            packet.time = time;
            packet.interface = words.number("iface").unwrap_or(packet.interface);
            if let (Content::Tcp(segment, _), Some(ttl)) = (&mut packet.content, words.number("ttl")) {
                segment.ip.ttl = ttl;
            }
            self.packets.push(packet);
            return;
        }
        let flags = flags(letters, line);
        let mut seq = self.default_seq(from, flags);
        let payload = match words.again() {
            Some(back) => {
                let sent = &self.ends[from].sent;
                let (offset, payload) = sent[sent.len() - back].clone();
                seq = offset;
                payload
            }
            None => self.payload(from, &words),
        };
        if words.has("probe") || words.get("probe").is_some() {
            seq = self.ends[from].next - 1;
        }
        let seq = words.offset("seq", self.ends[from].next).unwrap_or(seq);
        let received = if words.has("crossing") { self.ends[from].received_before } else { self.ends[from].received };
        let ack = words.offset("ack", received).or(flags.ack().then_some(received));
        let segment = self.header(from, flags, (seq, ack), payload.len(), &words);
        let end = seq + i64::from(flags.syn()) + payload.len() as i64 + i64::from(flags.fin());
        if !words.has("stray") {
            self.sent(from, flags, (seq, end), ack, &payload);
        }
        if !words.has("lost") && !words.has("stray") && !flags.rst() {
            let peer = &mut self.ends[to];
            peer.received_before = peer.received;
            if flags.syn() || seq <= peer.received {
                peer.received = peer.received.max(end);
            }
        }
        let captured = words.number::<usize>("snap").unwrap_or(usize::MAX).min(payload.len());
        let content = Content::Tcp(segment, payload[..captured].to_vec());
        let packet = Packet { time, interface: words.number("iface").unwrap_or(0), content };
        self.ends[from].last = Some(packet.clone());
        if !words.has("unseen") {
            self.packets.push(packet);
        }
    }

    /// A bare RST is numbered as the segment that it answers asks for; a SYN and a FIN sent again keep their numbers.
    fn default_seq(&self, from: usize, flags: TcpFlags) -> i64 {
        let end = &self.ends[from];
        if flags.syn() {
            0
        } else if flags.rst() && !flags.ack() {
            self.ends[1 - from].acknowledged
        } else if flags.fin() {
            end.fin.unwrap_or(end.next)
        } else {
            end.next
        }
    }

    fn sent(&mut self, from: usize, flags: TcpFlags, (seq, end): (i64, i64), ack: Option<i64>, payload: &[u8]) {
        let sender = &mut self.ends[from];
        if !flags.rst() {
            sender.next = sender.next.max(end);
        }
        sender.opened |= !flags.rst();
        if flags.fin() {
            sender.fin = Some(end - 1);
        }
        if let Some(ack) = ack {
            sender.acknowledged = ack;
        }
        if !payload.is_empty() && !sender.sent.iter().any(|(offset, _)| *offset == seq) {
            sender.sent.push((seq, payload.to_vec()));
        }
    }

    fn header(
        &mut self,
        from: usize,
        flags: TcpFlags,
        (seq, ack): (i64, Option<i64>),
        payload: usize,
        words: &Words<'_>,
    ) -> Segment {
        let (parties, to) = (self.parties, 1 - from);
        let ends = [parties.gateway, parties.peer];
        // Nobody who sent anything before: the RST with number 0 that refuses a SYN.
        let refusal = flags.rst() && flags.ack() && !self.ends[from].opened;
        let made_without_socket = refusal || flags.rst() && !flags.ack();
        let ipv4 = parties.peer.address.is_ipv4();
        let id = match words.number("id") {
            Some(id) => id,
            None if made_without_socket => 0,
            None => {
                self.ends[from].ip_id = self.ends[from].ip_id.wrapping_add(1);
                self.ends[from].ip_id
            }
        };
        let has_timestamps = match words.get("ts") {
            Some("no") => false,
            Some("yes") => true,
            Some(_) => panic!("ts is yes or no: {:?}", words.1),
            None => parties.timestamps && !made_without_socket,
        };
        let ticks = (self.start * 1000.0) as i64 as u32;
        let window = if made_without_socket { 0 } else { 502 };
        Segment {
            ends: FlowEnds { source: ends[from], destination: ends[to] },
            ip: IpFacts {
                ttl: words.number("ttl").unwrap_or(if from == 0 { 64 } else { parties.peer_ttl }),
                id: ipv4.then_some(id),
                dont_fragment: ipv4,
                tos: 0,
                vlan: None,
                outer: 0,
                length: 52 + payload as u32,
            },
            seq: if refusal && words.get("seq").is_none() { 0 } else { number(parties.isn[from], seq) },
            ack: ack.map_or(0, |ack| number(parties.isn[to], ack)),
            flags,
            window: words.number("win").unwrap_or(if flags.syn() { 64_240 } else { window }),
            payload: payload as u32,
            window_scale: flags.syn().then_some(7),
            mss: flags.syn().then(|| words.number("mss").unwrap_or(1460)),
            timestamps: has_timestamps.then_some((ticks, ticks)),
            sack: flags.syn(),
            options_cut: false,
        }
    }

    fn payload(&mut self, from: usize, words: &Words<'_>) -> Vec<u8> {
        let rest = &mut self.ends[from].rest;
        let mut bytes = Vec::new();
        if words.has("rest") || words.get("rest").is_some() {
            let take = words.number("rest").unwrap_or(rest.len());
            bytes.extend(rest.drain(..take.min(rest.len())));
        }
        bytes.extend(message(words, &self.parties.host));
        if let Some(take) = words.number::<usize>("take") {
            assert!(take <= bytes.len(), "only {} bytes to take: {:?}", bytes.len(), words.1);
            *rest = bytes.split_off(take);
        }
        bytes
    }

    fn icmp(&mut self, line: &str, time: Timestamp, kind: &str, words: &[&str]) {
        let words = Words(words, line);
        let kind = match kind {
            "unreachable" => IcmpKind::Unreachable,
            "port" => IcmpKind::PortUnreachable,
            "prohibited" => IcmpKind::Prohibited,
            "too-big" => IcmpKind::TooBig(words.number("mtu").unwrap_or(1400)),
            _ => panic!("no such ICMP error: {line:?}"),
        };
        let error = IcmpError {
            sender: words.get("from").map_or(self.parties.peer.address, |from| parse(from, line)),
            kind,
            quoted: FlowEnds { source: self.parties.gateway, destination: self.parties.peer },
            quoted_seq: self.parties.isn[0],
        };
        self.packets.push(Packet { time, interface: 0, content: Content::Icmp(error) });
    }
}

/// The words behind the flags, and the line for messages.
struct Words<'a>(&'a [&'a str], &'a str);

impl<'a> Words<'a> {
    fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.get(key).map(|value| parse(value, self.1))
    }

    /// A relative number: digits, `next`, `next-1`.
    fn offset(&self, key: &str, next: i64) -> Option<i64> {
        let value = self.get(key)?;
        Some(match value.strip_prefix("next") {
            Some("") => next,
            Some(distance) => next + parse::<i64>(distance.trim_start_matches('+'), self.1),
            None => parse(value, self.1),
        })
    }

    fn again(&self) -> Option<usize> {
        if self.has("again") { Some(1) } else { self.number("again") }
    }
}

/// The payload that the words describe.
fn message(words: &Words<'_>, host: &str) -> Vec<u8> {
    let body: usize = words.number("body").unwrap_or(0);
    let mut bytes = Vec::new();
    let mut iter = words.0.iter().peekable();
    while let Some(word) = iter.next() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "GET" | "POST" | "PUT" | "CONNECT" => {
                let target = iter.next().unwrap_or_else(|| panic!("no target: {:?}", words.1));
                let expect = if words.has("expect") { "Expect: 100-continue\r\n" } else { "" };
                let length = if key == "GET" { String::new() } else { format!("Content-Length: {body}\r\n") };
                bytes.extend(format!("{key} {target} HTTP/1.1\r\nHost: {host}\r\n{length}{expect}\r\n").bytes());
                bytes.resize(bytes.len() + body, b'x');
            }
            "100" => bytes.extend(b"HTTP/1.1 100 Continue\r\n\r\n"),
            status if status.len() == 3 && status.bytes().all(|digit| digit.is_ascii_digit()) => {
                let length = if words.has("chunked") {
                    "Transfer-Encoding: chunked".to_owned()
                } else {
                    format!("Content-Length: {body}")
                };
                let close = if words.has("close") { "Connection: close\r\n" } else { "" };
                bytes.extend(format!("HTTP/1.1 {status} Status\r\n{length}\r\n{close}\r\n").bytes());
                bytes.resize(bytes.len() + body, b'x');
            }
            "text" => bytes.extend(value.replace('_', " ").bytes()),
            "preface" => bytes.extend(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            "more" => bytes.resize(bytes.len() + parse::<usize>(value, words.1), b'x'),
            "probe" if !value.is_empty() => bytes.resize(bytes.len() + parse::<usize>(value, words.1), 0),
            "hello" => bytes.extend(record(22, &client_hello(host))),
            "server-hello" => bytes.extend(record(22, &server_hello(true))),
            "server-hello-1.2" => bytes.extend(record(22, &server_hello(false))),
            "ccs" => bytes.extend(record(20, &[1])),
            "app" => bytes.extend(record(23, &vec![0xaa; parse(value, words.1)])),
            "handshake" => bytes.extend(record(22, &vec![0xbb; parse(value, words.1)])),
            "sealed-alert" => bytes.extend(record(21, &[0xcc; 26])),
            "alert" => {
                let (level, description) = value.split_once('/').unwrap_or(("2", value));
                bytes.extend(record(21, &[parse(level, words.1), parse(description, words.1)]));
            }
            "body" | "expect" | "chunked" | "close" | "take" | "rest" | "seq" | "ack" | "ttl" | "id" | "ts" | "win"
            | "mss" | "iface" | "snap" | "lost" | "unseen" | "crossing" | "again" | "twin" | "probe" | "stray" => {}
            _ => panic!("{word:?} says nothing: {:?}", words.1),
        }
    }
    bytes
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 3, 3];
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A `ClientHello` with a server name (RFC 8446, section 4.1.2; RFC 6066, section 3).
fn client_hello(host: &str) -> Vec<u8> {
    let name = host.as_bytes();
    let mut sni = vec![0, 0];
    sni.extend((name.len() as u16 + 5).to_be_bytes());
    sni.extend((name.len() as u16 + 3).to_be_bytes());
    sni.push(0);
    sni.extend((name.len() as u16).to_be_bytes());
    sni.extend(name);
    let ciphers = [0, 2, 0x13, 0x01, 1, 0];
    hello(1, &ciphers, &sni)
}

/// A `ServerHello`; TLS 1.3 is chosen in an extension.
fn server_hello(tls13: bool) -> Vec<u8> {
    let chosen: &[u8] = if tls13 { &[0, 43, 0, 2, 3, 4] } else { &[] };
    hello(2, &[0x13, 0x01, 0], chosen)
}

/// Version, random, an empty session id, `middle`, extensions.
fn hello(kind: u8, middle: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(middle);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut message = vec![kind, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    message
}

fn flags(letters: &str, line: &str) -> TcpFlags {
    TcpFlags(letters.chars().fold(0, |flags, letter| {
        flags
            | match letter {
                'S' => TcpFlags::SYN.0,
                'F' => TcpFlags::FIN.0,
                'R' => TcpFlags::RST.0,
                'P' => TcpFlags::PSH.0,
                'U' => TcpFlags::URG.0,
                'E' => 0x40,
                'W' => 0x80,
                '.' => TcpFlags::ACK.0,
                _ => panic!("no flag {letter:?}: {line:?}"),
            }
    }))
}

fn number(isn: u32, offset: i64) -> u32 {
    isn.wrapping_add(offset as u32)
}

fn parse<T: FromStr>(text: &str, line: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("cannot read {text:?}: {line:?}"))
}
