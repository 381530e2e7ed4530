//! GRE (RFC 2784, 2890), and what Cisco and Microsoft put into it: ERSPAN types I to III and NVGRE.

use super::{Decoded, Skip, ether_type, ip, layer::Layer, link, outer::Outer};

/// Takes the header with its optional words off. NVGRE is plain GRE with Ethernet in it.
pub(super) fn decode(packet: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[flags, version, high, low], rest) = packet.deeper()?.header::<4>()?;
    // Source routes are long gone, and PPTP's version 1 carries PPP.
    if flags & HAS_ROUTES != 0 || version & 0x07 != 0 {
        return Err(Skip::Protocol(PROTOCOL));
    }
    // The key is the second of the words that may be there.
    let before = if flags & HAS_CHECKSUM == 0 { 0 } else { 4 };
    let key = rest.bytes.get(before..).and_then(<[u8]>::first_chunk).filter(|_| flags & HAS_KEY != 0);
    let tunnel = key.map_or(Outer::Gre, |key| Outer::GreKey(u32::from_be_bytes(*key)));
    let words = [HAS_CHECKSUM, HAS_KEY, HAS_SEQUENCE].into_iter().filter(|flag| flags & flag != 0).count();
    let rest = rest.skip(words * 4)?.inside(tunnel);
    match u16::from_be_bytes([high, low]) {
        ERSPAN if flags & HAS_SEQUENCE == 0 => link::ethernet(rest),
        ERSPAN => {
            let (&[_, _, s0, s1, ..], rest) = rest.header::<8>()?;
            link::ethernet(rest.inside(session(s0, s1)))
        }
        ERSPAN_3 => erspan_3(rest),
        other => ether_type::decode(other, rest),
    }
}

/// ERSPAN type III says itself what it carries, and whether a subheader is there.
fn erspan_3(header: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[_, _, s0, s1, .., kind, last], rest) = header.header::<12>()?;
    let rest = rest.inside(session(s0, s1));
    let rest = if last & HAS_SUBHEADER == 0 { rest } else { rest.skip(8)? };
    match kind >> 2 & 0x1f {
        CARRIES_ETHERNET => link::ethernet(rest),
        CARRIES_IP => ip::by_version(rest),
        _ => Err(Skip::EtherType(ERSPAN_3)),
    }
}

/// The session that the second half of ERSPAN's first word holds in its last ten bits.
fn session(high: u8, low: u8) -> Outer {
    Outer::Erspan(u16::from_be_bytes([high, low]) & 0x03ff)
}

/// GRE's IP protocol number.
pub(super) const PROTOCOL: u8 = 47;

const HAS_CHECKSUM: u8 = 0x80;
const HAS_ROUTES: u8 = 0x40;
const HAS_KEY: u8 = 0x20;
const HAS_SEQUENCE: u8 = 0x10;

/// Type I has no header and no sequence number, type II has both.
const ERSPAN: u16 = 0x88be;
const ERSPAN_3: u16 = 0x22eb;
const HAS_SUBHEADER: u8 = 0x01;
const CARRIES_ETHERNET: u8 = 0;
const CARRIES_IP: u8 = 2;
