//! A captured frame by reference, and the interface it was captured on.

use super::record::Origin;
use crate::time::Timestamp;

/// Where one captured frame lies in a buffer, and what the file's record says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef {
    /// Capture time. A record without a time (pcapng simple packet) repeats the time of the frame before it.
    pub time: Timestamp,
    /// Number in the file, from 1, as Wireshark's `frame.number`.
    pub number: u64,
    /// Offset of the first captured byte in the buffer that was walked.
    pub offset: usize,
    /// Bytes captured.
    pub captured: u32,
    /// Bytes on the wire.
    pub original: u32,
    /// Index into the walker's interface table, counted over all sections of the file.
    pub interface: u32,
    /// Bytes of the frame's record that stand before its data.
    pub header: u8,
}

/// One interface of a capture file; a classic pcap file has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What a frame begins with.
    pub link: LinkType,
    /// Most bytes kept of a frame; 0 = no limit.
    pub snap_length: u32,
    /// The interface's name, where the file holds one.
    pub name: Option<String>,
    /// Frames that the interface dropped, by the last statistics block of it.
    pub dropped: Option<u64>,
    /// How the file describes it, as far as its frames are to be written again.
    pub origin: Origin,
}

/// A link-layer header type by its registered number (tcpdump's `LINKTYPE_` list).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback, four-byte family in host order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, some BSDs' number for it.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP.
    pub const RAW: Self = Self(101);
    /// `OpenBSD` loopback, four-byte family in network order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture v1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Netfilter log messages.
    pub const NFLOG: Self = Self(239);
    /// Linux cooked capture v2.
    pub const LINUX_SLL2: Self = Self(276);
}
