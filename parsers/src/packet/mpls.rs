//! MPLS labels (RFC 3032), and Ethernet in a pseudowire behind them (RFC 4448).

use super::{Decoded, Skip, ether_type, ip, layer::Layer, link, outer::Outer};

/// Takes the labels off; nothing says what follows the last one but its first half-byte.
pub(super) fn decode(labels: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[l0, l1, bottom, _], rest) = labels.deeper()?.header::<4>()?;
    let rest = rest.inside(Outer::Mpls(u32::from_be_bytes([0, l0, l1, bottom]) >> CLASS_BITS));
    if bottom & BOTTOM_OF_STACK == 0 {
        return decode(rest);
    }
    match rest.header::<1>()?.0[0] >> 4 {
        4 | 6 => ip::by_version(rest),
        CONTROL_WORD => link::ethernet(rest.header::<4>()?.1),
        _ => Err(Skip::EtherType(ether_type::MPLS)),
    }
}

/// Behind the label's last bits are a class of traffic and the mark of the last one.
const CLASS_BITS: u32 = 4;
const BOTTOM_OF_STACK: u8 = 0x01;
/// A pseudowire's control word begins with zeros, so as not to look like IP.
const CONTROL_WORD: u8 = 0;
