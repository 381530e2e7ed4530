//! Frames: from a link type and bytes to TCP segments, datagrams that may carry DNS, and ICMP errors.
//!
//! [`decode`] is the whole of it: a fast path for the usual frame, and beside it one file for each header that a frame may
//! hold, each handing the rest of the frame to the next. Checksums are not looked at: captures taken on the sending host
//! hold wrong ones. Nothing is put together again: neither fragments nor streams.

mod ether_type;
mod fast;
mod geneve;
mod gre;
mod icmp;
mod ip;
mod ipv4;
mod ipv6;
mod layer;
mod link;
mod mpls;
mod nflog;
mod outer;
mod pppoe;
pub mod segment;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod vxlan;

pub use outer::{Outer, outer_headers};
pub use segment::{Datagram, Decoded, Endpoint, FlowEnds, IcmpError, IcmpKind, IpFacts, Segment, Skip, TcpFlags};

use crate::capture::LinkType;
use layer::Layer;

/// Decodes one frame: its link type, the bytes captured of it, and its length on the wire.
///
/// Whatever holds no TCP segment, DNS datagram or ICMP error about TCP is [`Decoded::Skipped`] with the reason.
#[inline]
pub fn decode(link: LinkType, data: &[u8], original: u32) -> Decoded<'_> {
    usual_segment(link, data)
        .map_or_else(|| general(link, data, original), |(segment, payload)| Decoded::Tcp(segment, payload))
}

/// The segment in a frame of the usual shape and what [`decode`] gives with it, where they are wanted without the rest: what may be one of
/// several is put together in memory and read back from there. `None`: [`decode`] says what the frame holds, if anything.
#[inline]
pub fn usual_segment(link: LinkType, data: &[u8]) -> Option<(Segment, &[u8])> {
    fast::segment(link, data)
}

/// The ends of the TCP segment in a frame of the usual shape, of either IP version, at the cost of a look at its headers; `None`: [`decode`]
/// says what the frame holds, if anything.
#[inline]
pub fn usual_ends(link: LinkType, data: &[u8]) -> Option<FlowEnds> {
    fast::ends(link, data)
}

/// Decodes any frame, header by header.
fn general(link: LinkType, data: &[u8], original: u32) -> Decoded<'_> {
    link::decode(link, Layer::new(data, original)).unwrap_or_else(Decoded::Skipped)
}
