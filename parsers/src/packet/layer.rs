//! The rest of a frame from some header on, and how headers are taken off it.

use super::{
    Skip,
    outer::{Outer, Trail},
};

/// The bytes of a frame from some header on, captured and on the wire, with what the outer headers said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer<'a> {
    /// What was captured.
    pub(super) bytes: &'a [u8],
    /// Length on the wire; at least the captured one.
    pub(super) wire: u32,
    /// Outermost VLAN id.
    pub(super) vlan: Option<u16>,
    /// What the tags, labels and tunnels so far say of themselves, in one number; 0 where there were none.
    pub(super) outer: u32,
    /// Where they are noted.
    trail: Option<&'a Trail>,
    /// Tags, labels and tunnels entered so far.
    depth: u8,
}

/// Headers may be nested this deep; real stacks of tags and tunnels stay below half of it. Bounds the recursion.
const MAX_DEPTH: u8 = 16;

impl<'a> Layer<'a> {
    /// A whole frame. Some writers store an original length below the captured one; it counts as the captured one.
    pub(super) fn new(bytes: &'a [u8], original: u32) -> Self {
        let wire = original.max(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        Self { bytes, wire, vlan: None, outer: 0, trail: None, depth: 0 }
    }

    /// The same, with a note of what is around the packet.
    pub(super) fn traced(self, trail: &'a Trail) -> Self {
        Self { trail: Some(trail), ..self }
    }

    /// Takes a header of `N` bytes off.
    pub(super) fn header<const N: usize>(self) -> Result<(&'a [u8; N], Self), Skip> {
        let Some((header, bytes)) = self.bytes.split_first_chunk() else { return Err(self.missing(N)) };
        if (self.wire as usize) < N {
            return Err(Skip::Malformed);
        }
        Ok((header, Self { bytes, wire: self.wire - N as u32, ..self }))
    }

    /// Takes `length` bytes off, unread. What was not captured of them is no error: the rest is then empty.
    pub(super) fn skip(self, length: usize) -> Result<Self, Skip> {
        let wire = (self.wire as usize).checked_sub(length).ok_or(Skip::Malformed)? as u32;
        Ok(Self { bytes: self.bytes.get(length..).unwrap_or_default(), wire, ..self })
    }

    /// Ends the layer `length` bytes from here, by a length field: cuts padding off, or says what was snapped.
    pub(super) fn limit(self, length: u32) -> Self {
        let bytes = self.bytes.get(..length as usize).unwrap_or(self.bytes);
        Self { bytes, wire: length, ..self }
    }

    /// Enters a tag, label or tunnel.
    pub(super) fn deeper(self) -> Result<Self, Skip> {
        if self.depth == MAX_DEPTH {
            return Err(Skip::Malformed);
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    /// Notes a VLAN id; an outer one wins. Id 0 marks a priority, no VLAN.
    pub(super) fn tagged(self, vlan: u16) -> Self {
        Self { vlan: self.vlan.or((vlan != 0).then_some(vlan)), ..self.inside(Outer::Vlan(vlan)) }
    }

    /// Notes a tag, label or tunnel, with the others as one number: nearly all who ask want to know no more than whether two packets came inside of the same.
    pub(super) fn inside(self, what: Outer) -> Self {
        if let Some(trail) = self.trail {
            trail.borrow_mut().push(what);
        }
        let start = if self.outer == 0 { 0x811c_9dc5 } else { self.outer };
        Self { outer: what.hashed(start).max(1), ..self }
    }

    /// Why a header of `length` bytes is not there.
    fn missing(self, length: usize) -> Skip {
        if (self.wire as usize) < length { Skip::Malformed } else { Skip::Cut }
    }
}
