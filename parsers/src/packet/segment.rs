//! What decoding a frame yields.

use std::{fmt, net::IpAddr};

/// What one frame holds, as far as wirecause cares. Payloads borrow from the frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded<'a> {
    /// A TCP segment and the payload bytes that were captured of it.
    Tcp(Segment, &'a [u8]),
    /// A UDP datagram from or to port 53 (or 5353).
    Dns(Datagram<'a>),
    /// An ICMP or `ICMPv6` error that quotes a TCP segment.
    Icmp(IcmpError),
    /// Everything else, by reason.
    Skipped(Skip),
}

/// A TCP segment's header facts; no payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Sender and receiver.
    pub ends: FlowEnds,
    /// Facts of the IP header.
    pub ip: IpFacts,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number as it stands in the header, even without the ACK flag.
    pub ack: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Window as it stands in the header, not scaled.
    pub window: u16,
    /// Payload length on the wire by the IP length, captured or not. Larger than an MTU with offloads.
    pub payload: u32,
    /// Window scale shift of a SYN.
    pub window_scale: Option<u8>,
    /// Maximum segment size of a SYN.
    pub mss: Option<u16>,
    /// Timestamps option: value and echo.
    pub timestamps: Option<(u32, u32)>,
    /// Whether the SYN permits selective acknowledgements, or the segment carries any.
    pub sack: bool,
    /// Whether the TCP header was cut by the snap length before its options ended.
    pub options_cut: bool,
}

/// Source and destination of a segment or datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowEnds {
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Address; IPv4-mapped IPv6 addresses stay as they are on the wire.
    pub address: IpAddr,
    /// TCP or UDP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    /// `10.0.0.1:80` or `[2001:db8::1]:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// Facts of the (innermost) IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpFacts {
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Identification of IPv4; `None` for IPv6.
    pub id: Option<u16>,
    /// The don't-fragment flag of IPv4; `false` for IPv6.
    pub dont_fragment: bool,
    /// Traffic class / type of service byte.
    pub tos: u8,
    /// Outermost VLAN id, where the frame carries one.
    pub vlan: Option<u16>,
    /// What the frame's tags, labels and tunnels say of themselves, in one number, by which the same packet inside and outside of them differs; 0 where
    /// there are none.
    pub outer: u32,
    /// Length of the IP packet on the wire, header included.
    pub length: u32,
}

/// TCP flags as in the header's thirteenth byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// FIN is set.
    pub const fn fin(self) -> bool {
        self.has(Self::FIN)
    }

    /// SYN is set.
    pub const fn syn(self) -> bool {
        self.has(Self::SYN)
    }

    /// RST is set.
    pub const fn rst(self) -> bool {
        self.has(Self::RST)
    }

    /// ACK is set.
    pub const fn ack(self) -> bool {
        self.has(Self::ACK)
    }
}

impl fmt::Debug for TcpFlags {
    /// tcpdump's letters: `S`, `F`, `R`, `P`, `U`, and `.` for ACK.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(TcpFlags, char); 6] = [
            (TcpFlags::SYN, 'S'),
            (TcpFlags::FIN, 'F'),
            (TcpFlags::RST, 'R'),
            (TcpFlags::PSH, 'P'),
            (TcpFlags::URG, 'U'),
            (TcpFlags::ACK, '.'),
        ];
        LETTERS.iter().filter(|(flag, _)| self.has(*flag)).try_for_each(|(_, letter)| write!(f, "{letter}"))
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datagram<'a> {
    /// Sender and receiver.
    pub ends: FlowEnds,
    /// Captured payload bytes.
    pub payload: &'a [u8],
    /// Whether the payload was cut by the snap length.
    pub cut: bool,
}

/// An ICMP error about a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcmpError {
    /// Who sent the error.
    pub sender: IpAddr,
    /// Its kind.
    pub kind: IcmpKind,
    /// Source and destination of the quoted segment, as quoted.
    pub quoted: FlowEnds,
    /// Sequence number of the quoted segment.
    pub quoted_seq: u32,
}

/// Kinds of ICMP error, over both IP versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IcmpKind {
    /// Network, host or address unreachable, no route.
    Unreachable,
    /// Protocol or port unreachable.
    PortUnreachable,
    /// Administratively prohibited, or rejected by policy.
    Prohibited,
    /// Fragmentation needed / packet too big, with the next hop's MTU (0 = not said).
    TooBig(u32),
    /// Time to live or hop limit exceeded.
    TimeExceeded,
}

/// Why a frame holds nothing for wirecause. Each is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// A link type that is not known.
    UnknownLink(u16),
    /// An ether type that is neither IP nor a known encapsulation (ARP among them).
    EtherType(u16),
    /// An IP protocol that is neither TCP, UDP nor ICMP.
    Protocol(u8),
    /// UDP that is not DNS.
    Udp,
    /// ICMP that is no error about a TCP segment.
    Icmp,
    /// A fragment that is not the first one.
    LaterFragment,
    /// Cut by the snap length before the ports, sequence and flags were complete.
    Cut,
    /// A header whose fields contradict each other.
    Malformed,
}
