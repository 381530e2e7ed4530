//! Netfilter log messages (link type 239), as `tcpdump -i nflog` writes them: attributes, one of which is an IP packet.

use super::{Decoded, Skip, ip, layer::Layer};
use crate::capture::LinkType;

/// Goes through the attributes up to the packet.
pub(super) fn decode(message: Layer<'_>) -> Result<Decoded<'_>, Skip> {
    let (&[_family, version, _, _], mut rest) = message.header::<4>()?;
    if version != 0 {
        return Err(Skip::UnknownLink(LinkType::NFLOG.0));
    }
    while rest.wire > 0 {
        let (&[l0, l1, k0, k1], value) = rest.header::<4>()?;
        // Length and kind are in the byte order of the capturing host. Kinds are below 256, so the order shows.
        let (length, kind) =
            if k1 == 0 { (u16::from_le_bytes([l0, l1]), k0) } else { (u16::from_be_bytes([l0, l1]), k1) };
        let length = u32::from(length).checked_sub(4).ok_or(Skip::Malformed)?;
        if kind == PAYLOAD {
            return ip::by_version(value.limit(length));
        }
        // The last attribute need not be padded.
        rest = value.skip(length.next_multiple_of(4).min(value.wire) as usize)?;
    }
    Err(Skip::UnknownLink(LinkType::NFLOG.0))
}

const PAYLOAD: u8 = 9;
