//! Frames: from a link type and bytes to TCP segments, datagrams that may carry DNS, and ICMP errors.

pub mod segment;

pub use segment::{Datagram, Decoded, Endpoint, FlowEnds, IcmpError, IcmpKind, IpFacts, Segment, Skip, TcpFlags};
