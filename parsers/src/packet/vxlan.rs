//! VXLAN (RFC 7348): Ethernet in UDP.

use super::{Decoded, Skip, layer::Layer, link, outer::Outer};

/// Takes the header off, where it is one: the flag that a network id is there must be set.
pub(super) fn decode(datagram: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[flags, _, _, _, n0, n1, n2, _], rest) = datagram.deeper()?.header::<8>()?;
    if flags & HAS_NETWORK == 0 {
        return Err(Skip::Udp);
    }
    link::ethernet(rest.inside(Outer::Vxlan(u32::from_be_bytes([0, n0, n1, n2]))))
}

const HAS_NETWORK: u8 = 0x08;
/// The registered port.
pub(super) const PORT: u16 = 4789;
/// What the Linux kernel uses unless told otherwise, and flannel with it.
pub(super) const LINUX_PORT: u16 = 8472;
