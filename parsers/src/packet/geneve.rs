//! Geneve (RFC 8926): anything with an ether type in UDP.

use super::{Decoded, Skip, ether_type, layer::Layer, outer::Outer};

/// Takes the header with its options off.
pub(super) fn decode(datagram: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[version_and_options, _, high, low, n0, n1, n2, _], rest) = datagram.deeper()?.header::<8>()?;
    if version_and_options >> 6 != 0 {
        return Err(Skip::Udp);
    }
    let options = usize::from(version_and_options & 0x3f) * 4;
    let network = Outer::Geneve(u32::from_be_bytes([0, n0, n1, n2]));
    ether_type::decode(u16::from_be_bytes([high, low]), rest.skip(options)?.inside(network))
}

/// The registered port.
pub(super) const PORT: u16 = 6081;
