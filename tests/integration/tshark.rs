//! What tshark says of a capture, frame by frame; and tools that may not be installed.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::IpAddr,
    path::Path,
    process::{Command, Stdio},
};

use wirecause_parsers::packet::Endpoint;

/// Whether a tool is installed. Where the test command runs, it has installed them, and their absence is a failure.
pub(crate) fn installed(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        assert!(env::var_os("WIRECAUSE_TOOLS").is_none(), "{tool} is not installed");
        println!("note: {tool} is not installed, so this test shows nothing; ./test installs it");
    }
    found
}

/// A TCP segment as tshark dissects it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) number: u64,
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) stream: u64,
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) length: u32,
    pub(crate) window: u16,
    pub(crate) ip_id: Option<u32>,
    pub(crate) ttl: u32,
    /// Interface of the frame, and the device that a cooked capture names.
    pub(crate) device: (u32, Option<u32>),
    pub(crate) timestamps: Option<(u32, u32)>,
    pub(crate) said: BTreeSet<Said>,
    pub(crate) server_name: Option<String>,
    /// The snap length cut it.
    pub(crate) cut: bool,
    /// It stands in another place of its stream by its time than by its number: tshark goes by numbers.
    pub(crate) displaced: bool,
}

/// What tshark's analysis says of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    /// Any of its three kinds.
    Retransmission,
    OutOfOrder,
    KeepAlive,
    ZeroWindowProbe,
}

impl Packet {
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

pub(crate) const FIN: u16 = 1;
pub(crate) const SYN: u16 = 2;
pub(crate) const RST: u16 = 4;
pub(crate) const ACK: u16 = 16;

/// The TCP segments of a capture; of an ICMP error that quotes one, nothing.
pub(crate) fn packets(capture: &Path) -> Vec<Packet> {
    let rows = fields(capture, "tcp && !icmp && !icmpv6", &PACKET_FIELDS, "l");
    let mut packets: Vec<Packet> = rows.iter().map(|cells| packet(cells)).collect();
    let mut streams: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, packet) in packets.iter().enumerate() {
        streams.entry(packet.stream).or_default().push(index);
    }
    for by_number in streams.into_values() {
        let mut by_time = by_number.clone();
        by_time.sort_by_key(|index| packets[*index].time);
        for (number, time) in by_number.into_iter().zip(by_time) {
            packets[number].displaced = number != time;
        }
    }
    packets
}

/// A DNS message as tshark dissects it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dns {
    pub(crate) time: i64,
    pub(crate) id: u16,
    pub(crate) response: bool,
    pub(crate) rcode: u8,
    pub(crate) question: Option<String>,
    pub(crate) addresses: BTreeSet<IpAddr>,
    pub(crate) aliases: BTreeSet<String>,
}

/// The DNS messages over UDP, in order of their times.
pub(crate) fn dns(capture: &Path) -> Vec<Dns> {
    let rows = fields(capture, "udp && dns && !icmp && !icmpv6", &DNS_FIELDS, "a");
    let mut messages: Vec<Dns> = rows.iter().map(|cells| message(cells)).collect();
    messages.sort_by_key(|message| message.time);
    messages
}

fn packet(cells: &[String]) -> Packet {
    let cell = |name: &str| of(&PACKET_FIELDS, cells, name);
    let end = |v4: &str, v6: &str, port: &str| Endpoint {
        address: if cell(v4).is_empty() { address(cell(v6)) } else { address(cell(v4)) },
        port: number(cell(port)) as u16,
    };
    let said = [
        ("tcp.analysis.retransmission", Said::Retransmission),
        ("tcp.analysis.fast_retransmission", Said::Retransmission),
        ("tcp.analysis.spurious_retransmission", Said::Retransmission),
        ("tcp.analysis.out_of_order", Said::OutOfOrder),
        ("tcp.analysis.keep_alive", Said::KeepAlive),
        ("tcp.analysis.zero_window_probe", Said::ZeroWindowProbe),
    ];
    let optional = |name: &str| Some(cell(name)).filter(|text| !text.is_empty());
    Packet {
        number: number(cell("frame.number")),
        time: nanos(cell("frame.time_epoch")),
        stream: number(cell("tcp.stream")),
        source: end("ip.src", "ipv6.src", "tcp.srcport"),
        destination: end("ip.dst", "ipv6.dst", "tcp.dstport"),
        flags: number(cell("tcp.flags")) as u16,
        seq: number(cell("tcp.seq_raw")) as u32,
        ack: number(cell("tcp.ack_raw")) as u32,
        length: number(cell("tcp.len")) as u32,
        window: number(cell("tcp.window_size_value")) as u16,
        ip_id: optional("ip.id").map(|id| number(id) as u32),
        ttl: optional("ip.ttl").or_else(|| optional("ipv6.hlim")).map_or(0, |ttl| number(ttl) as u32),
        device: (
            optional("frame.interface_id").map_or(0, |id| number(id) as u32),
            optional("sll.ifindex").map(|id| number(id) as u32),
        ),
        timestamps: optional("tcp.options.timestamp.tsval")
            .map(|value| (number(value) as u32, number(cell("tcp.options.timestamp.tsecr")) as u32)),
        said: said.into_iter().filter(|(name, _)| !cell(name).is_empty()).map(|(_, said)| said).collect(),
        server_name: optional("tls.handshake.extensions_server_name").map(str::to_ascii_lowercase),
        cut: number(cell("frame.cap_len")) < number(cell("frame.len")),
        displaced: false,
    }
}

fn message(cells: &[String]) -> Dns {
    let cell = |name: &str| of(&DNS_FIELDS, cells, name);
    let list = |name: &str| cell(name).split(',').filter(|text| !text.is_empty()).collect::<Vec<_>>();
    Dns {
        time: nanos(cell("frame.time_epoch")),
        id: number(cell("dns.id")) as u16,
        response: matches!(cell("dns.flags.response"), "1" | "True"),
        rcode: if cell("dns.flags.rcode").is_empty() { 0 } else { number(cell("dns.flags.rcode")) as u8 },
        question: list("dns.qry.name").first().map(|name| name.to_ascii_lowercase()),
        addresses: list("dns.a").into_iter().chain(list("dns.aaaa")).map(address).collect(),
        aliases: list("dns.cname").into_iter().map(str::to_ascii_lowercase).collect(),
    }
}

/// tshark's fields of the frames that pass a filter, one row per frame.
fn fields(capture: &Path, filter: &str, names: &[&str], occurrence: &str) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    // By what the payload is, not by its port: TLS is spoken on any.
    command.args(["-o", "tcp.try_heuristic_first:TRUE"]);
    command.args(["-n", "-r"]).arg(capture).args(["-Y", filter, "-T", "fields", "-E", "separator=/t"]);
    command.args(["-E", &format!("occurrence={occurrence}")]).args(names.iter().flat_map(|name| ["-e", name]));
    // Names and times as they are written, whatever the user has set.
    let output = command.env("LC_ALL", "C").env("TZ", "UTC").env("WIRESHARK_CONFIG_DIR", env!("CARGO_TARGET_TMPDIR"));
    let output = output.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    // 1: a capture that is cut.
    assert!(output.status.success() || output.status.code() == Some(2), "{}: {errors}", capture.display());
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Vec<String>> = text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    assert!(rows.iter().all(|row| row.len() == names.len()), "{}: rows of another length", capture.display());
    rows
}

fn of<'a>(names: &[&str], cells: &'a [String], name: &str) -> &'a str {
    let at = names.iter().position(|known| *known == name).unwrap_or_else(|| panic!("{name} was not asked for"));
    &cells[at]
}

fn number(text: &str) -> u64 {
    let read = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    read.unwrap_or_else(|| panic!("no number: {text:?}"))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("no address: {text:?}"))
}

/// Seconds with nine decimals.
fn nanos(text: &str) -> i64 {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    number(seconds) as i64 * 1_000_000_000 + number(&format!("{fraction:0<9}")[..9]) as i64
}

const PACKET_FIELDS: [&str; 30] = [
    "frame.number",
    "frame.len",
    "frame.cap_len",
    "frame.time_epoch",
    "frame.interface_id",
    "tcp.stream",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "tcp.flags",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.window_size_value",
    "ip.id",
    "ip.ttl",
    "ipv6.hlim",
    "sll.ifindex",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.keep_alive",
    "tcp.analysis.zero_window_probe",
    "tls.handshake.extensions_server_name",
];

const DNS_FIELDS: [&str; 8] = [
    "frame.time_epoch",
    "dns.id",
    "dns.flags.response",
    "dns.flags.rcode",
    "dns.qry.name",
    "dns.a",
    "dns.aaaa",
    "dns.cname",
];
