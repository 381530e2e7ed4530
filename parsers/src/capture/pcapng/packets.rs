//! The three kinds of block that hold a frame.

use pcap_parser::{EnhancedPacketBlock, SimplePacketBlock};

use super::{
    super::{CaptureError, Interface, Stored},
    Place, Section,
};

impl Section {
    /// An enhanced packet block; its time is 64 bits in units of its interface.
    pub(super) fn enhanced(
        &self,
        packet: &EnhancedPacketBlock<'_>,
        place: Place,
        interfaces: &[Interface],
    ) -> Result<Stored, CaptureError> {
        let (clock, interface, described) = self.interface(packet.if_id, place, interfaces)?;
        place.check(packet.caplen, described)?;
        Ok(Stored {
            length: place.length as usize,
            data: ENHANCED_HEADER,
            captured: packet.caplen,
            original: packet.origlen,
            time: Some(clock.time(stamp(packet.ts_high, packet.ts_low))),
            interface,
        })
    }

    /// A simple packet belongs to the section's first interface, whose snap length bounds it; it states no captured length.
    pub(super) fn simple(
        &self,
        packet: &SimplePacketBlock<'_>,
        place: Place,
        interfaces: &[Interface],
    ) -> Result<Stored, CaptureError> {
        let (_, interface, described) = self.interface(0, place, interfaces)?;
        let snap = if described.snap_length == 0 { u32::MAX } else { described.snap_length };
        let captured = packet.origlen.min(snap).min(packet.data.len() as u32);
        place.check(captured, described)?;
        let original = packet.origlen;
        Ok(Stored { length: place.length as usize, data: SIMPLE_HEADER, captured, original, time: None, interface })
    }

    /// The packet block of the format's first years, which the parser does not know.
    pub(super) fn obsolete(&self, body: &[u8], place: Place, interfaces: &[Interface]) -> Result<Stored, CaptureError> {
        let Some((head, data)) = body.split_first_chunk::<20>() else { return Err(place.content()) };
        let &[i0, i1, _, _, h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] = head;
        let id = if self.big_endian { u16::from_be_bytes([i0, i1]) } else { u16::from_le_bytes([i0, i1]) };
        let (clock, interface, described) = self.interface(id.into(), place, interfaces)?;
        let captured = self.u32([c0, c1, c2, c3]);
        place.check(captured, described)?;
        if captured as usize > data.len() {
            return Err(place.content());
        }
        Ok(Stored {
            length: place.length as usize,
            data: OBSOLETE_HEADER,
            captured,
            original: self.u32([o0, o1, o2, o3]),
            time: Some(clock.time(stamp(self.u32([h0, h1, h2, h3]), self.u32([l0, l1, l2, l3])))),
            interface,
        })
    }
}

const fn stamp(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// Type, length, interface, time (two words), captured, original.
const ENHANCED_HEADER: usize = 28;
/// Type, length, original.
const SIMPLE_HEADER: usize = 12;
/// Type, length, interface and drops, time (two words), captured, original.
const OBSOLETE_HEADER: usize = 28;
