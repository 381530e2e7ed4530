//! The capture: frames as the gateway's interface saw them, and the forms in which a capture tool may have left them.

use crate::draw::Draw;
use crate::wire::after_hop;
use crate::{MS, Ns, US};

/// One packet at the gateway's interface.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When, on the capture's clock, since the world began.
    pub time: Ns,
    /// IP bytes.
    pub bytes: Vec<u8>,
    /// Whether it arrived (else it left).
    pub inbound: bool,
    /// The connection it belongs to.
    pub conn: Option<usize>,
    /// Link address of the other end.
    pub mac: u8,
}

/// Link layer of the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `tcpdump -i eth0`.
    Ethernet,
    /// `tcpdump -i any`.
    Sll2,
    /// A tunnel's bare IP.
    Raw,
}

/// How the capture was taken.
#[derive(Debug, Clone)]
pub struct Form {
    /// Link layer.
    pub link: Link,
    /// Nanosecond stamps.
    pub nanos: bool,
    /// Bytes kept of each frame.
    pub snaplen: usize,
    /// Share of frames whose stamps are swapped with a neighbour's place.
    pub reorder: f64,
    /// Whether each packet is seen on two interfaces (cooked captures only).
    pub doubled: bool,
    /// Whether a router lies between the two interfaces.
    pub hop: bool,
    /// Share of frames that the capture missed.
    pub missed: f64,
    /// Whether short frames from the wire are padded to 60 bytes.
    pub padded: bool,
}

impl Form {
    /// Draws a form, with one of the snap lengths.
    pub fn draw(d: &mut Draw, snap_lengths: &[usize]) -> Self {
        let link = *d.pick(&[Link::Ethernet, Link::Ethernet, Link::Sll2, Link::Raw]);
        Self {
            link,
            nanos: d.chance(0.4),
            snaplen: *d.pick(snap_lengths),
            reorder: if d.chance(0.3) { d.range(0.0005, 0.004) } else { 0.0 },
            doubled: link == Link::Sll2 && d.chance(0.5),
            hop: d.chance(0.4),
            missed: if d.chance(0.2) { d.range(0.0005, 0.004) } else { 0.0 },
            padded: d.chance(0.7),
        }
    }

    /// Whether the frame is kept up to the end of its fixed TCP header: what is cut before belongs to no flow.
    pub(crate) fn holds_header(&self, frame: &Frame) -> bool {
        let link = match self.link {
            Link::Ethernet => 14,
            Link::Sll2 => 20,
            Link::Raw => 0,
        };
        let network = if frame.bytes.first().is_some_and(|b| b >> 4 == 6) { 40 } else { 20 };
        link + network + 20 <= self.snaplen
    }

    fn link_header(&self, frame: &Frame, twin: bool) -> Vec<u8> {
        let v6 = frame.bytes.first().is_some_and(|b| b >> 4 == 6);
        let ether: u16 = if v6 { 0x86dd } else { 0x0800 };
        let own = [0x02, 0x42, 0x0a, 0, 0, 1];
        let peer = [0x02, 0x42, 0x0a, 0, 1, frame.mac];
        let mut h = Vec::with_capacity(20);
        match self.link {
            Link::Ethernet => {
                h.extend(if frame.inbound { own } else { peer });
                h.extend(if frame.inbound { peer } else { own });
                h.extend(ether.to_be_bytes());
            }
            Link::Sll2 => {
                h.extend(ether.to_be_bytes());
                h.extend([0, 0]);
                h.extend(if twin { 3u32 } else { 2u32 }.to_be_bytes());
                h.extend([0, 1, if frame.inbound { 0 } else { 4 }, 6]);
                h.extend(if frame.inbound { peer } else { own });
                h.extend([0, 0]);
            }
            Link::Raw => {}
        }
        h
    }

    /// The capture file. `base` is the epoch time of the world's beginning.
    pub fn write(&self, frames: &[Frame], base: Ns, d: &mut Draw) -> Vec<u8> {
        let mut order: Vec<(usize, Ns, bool, bool)> = Vec::with_capacity(frames.len());
        let apart = d.between(1, 20) * US;
        for (i, frame) in frames.iter().enumerate() {
            if self.doubled {
                // A bond and its member: the member sees an arriving packet first, a leaving one last.
                order.push((i, frame.time, frame.inbound, false));
                order.push((i, frame.time + apart, !frame.inbound, true));
            } else {
                order.push((i, frame.time, false, false));
            }
        }
        order.sort_by_key(|o| (o.1, o.0));
        for i in 1..order.len() {
            let near = order[i].1 - order[i - 1].1 < 2 * MS;
            if self.reorder > 0.0 && near && d.chance(self.reorder) {
                order.swap(i - 1, i);
            }
        }
        let mut out = Vec::new();
        out.extend(if self.nanos { 0xa1b2_3c4d_u32 } else { 0xa1b2_c3d4 }.to_le_bytes());
        out.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend((self.snaplen as u32).to_le_bytes());
        let kind: u32 = match self.link {
            Link::Ethernet => 1,
            Link::Sll2 => 276,
            Link::Raw => 101,
        };
        out.extend(kind.to_le_bytes());
        for (i, time, twin, second) in order {
            let frame = &frames[i];
            let mut bytes = self.link_header(frame, twin);
            if second && self.hop {
                bytes.extend(after_hop(&frame.bytes));
            } else {
                bytes.extend(&frame.bytes);
            }
            if self.padded && frame.inbound && self.link == Link::Ethernet && bytes.len() < 60 {
                bytes.resize(60, 0);
            }
            let at = base + time;
            out.extend(((at / 1_000_000_000) as u32).to_le_bytes());
            let fraction = at % 1_000_000_000;
            out.extend((if self.nanos { fraction } else { fraction / 1000 } as u32).to_le_bytes());
            let kept = bytes.len().min(self.snaplen);
            out.extend((kept as u32).to_le_bytes());
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(&bytes[..kept]);
        }
        out
    }
}
