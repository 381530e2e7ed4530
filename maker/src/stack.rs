//! TCP stacks: what hosts' kernels differ in, and the shapes of their resets.

use crate::Ns;
use crate::draw::Draw;
use crate::wire::{Seg, flag};

/// Kind of kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
    /// BSD and its descendants.
    Bsd,
    /// Appliances that answer an ACK by RST and ACK, copying the window.
    Cisco,
}

/// How the IP identification goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdPolicy {
    /// A counter per socket, from a random start.
    PerSocket,
    /// Zero, with DF.
    Zero,
    /// A counter per host.
    Global,
    /// Random.
    Random,
}

/// Parameters of one host's stack, seen from the gateway's interface.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Kernel.
    pub kind: Kind,
    /// TTL of its packets at the gateway.
    pub ttl: u8,
    /// TTL of its passive resets at the gateway.
    pub rst_ttl: u8,
    /// IP identification.
    pub ids: IdPolicy,
    /// MSS it announces.
    pub mss: u16,
    /// Window scale it announces.
    pub scale: Option<u8>,
    /// Whether it uses timestamps.
    pub ts: bool,
    /// Whether it uses SACK.
    pub sack: bool,
    /// Receive buffer.
    pub rcvbuf: u32,
    /// Delay of an acknowledgement; 0 acknowledges at once.
    pub delack: Ns,
    /// Smallest retransmission timeout.
    pub min_rto: Ns,
    /// Segments of several MSS in one packet, as offloading cards show them.
    pub offload: bool,
    /// Windows: a passive reset without ACK that leaves the number in the field.
    pub quirk: bool,
}

impl Stack {
    /// The gateway's own: Linux.
    pub fn gateway(d: &mut Draw, v6: bool) -> Self {
        Self {
            kind: Kind::Linux,
            ttl: 64,
            rst_ttl: 64,
            ids: IdPolicy::PerSocket,
            mss: if v6 { 1440 } else { 1460 },
            scale: Some(*d.pick(&[7, 7, 9, 10])),
            ts: true,
            sack: true,
            rcvbuf: 65_535,
            delack: 0,
            min_rto: 200 * crate::MS,
            offload: false,
            quirk: false,
        }
    }

    /// A backend's.
    pub fn draw(d: &mut Draw, v6: bool) -> Self {
        let kind = *d.pick(&[
            Kind::Linux,
            Kind::Linux,
            Kind::Linux,
            Kind::Linux,
            Kind::Windows,
            Kind::Windows,
            Kind::Bsd,
            Kind::Cisco,
        ]);
        let start: u8 = match kind {
            Kind::Linux | Kind::Bsd => 64,
            Kind::Windows => 128,
            Kind::Cisco => 255,
        };
        let hops = d.between(0, 25) as u8;
        let linux_ids = if d.chance(0.8) { IdPolicy::PerSocket } else { IdPolicy::Zero };
        let rst_start = if kind == Kind::Bsd && d.chance(0.3) { 255 } else { start };
        Self {
            kind,
            ttl: start - hops,
            rst_ttl: rst_start - hops,
            ids: match kind {
                Kind::Linux => linux_ids,
                Kind::Windows => IdPolicy::Global,
                Kind::Bsd => IdPolicy::Random,
                Kind::Cisco => *d.pick(&[IdPolicy::Random, IdPolicy::Global]),
            },
            mss: *d.pick(&[1460, 1460, 1460, 1440, 1400, 1380, 1360, 1220]) - if v6 { 20 } else { 0 },
            scale: match kind {
                Kind::Cisco => None,
                Kind::Windows => Some(8),
                _ => Some(*d.pick(&[6, 7, 7, 9, 10])),
            },
            ts: match kind {
                Kind::Linux | Kind::Bsd => d.chance(0.85),
                Kind::Windows | Kind::Cisco => false,
            },
            sack: kind != Kind::Cisco,
            rcvbuf: *d.pick(&[28_960, 64_240, 65_160, 65_535]),
            delack: match kind {
                Kind::Linux => *d.pick(&[0, 0, 0, 40 * crate::MS]),
                Kind::Windows => *d.pick(&[0, 50 * crate::MS, 200 * crate::MS]),
                _ => 100 * crate::MS,
            },
            min_rto: if kind == Kind::Linux { 200 * crate::MS } else { 300 * crate::MS },
            offload: false,
            quirk: d.chance(0.3),
        }
    }

    /// The reset of a host that has no socket for `trigger`. Its TTL and identification are filled in.
    pub fn passive_reset(&self, trigger: &Seg, global_id: u16) -> Seg {
        let end = trigger.seq.wrapping_add(trigger.space());
        let mut r = Seg { ttl: self.rst_ttl, df: true, id: global_id, ..Seg::default() };
        if self.kind == Kind::Linux || self.ids == IdPolicy::Zero {
            r.id = 0;
        }
        if !trigger.has(flag::ACK) {
            r.flags = flag::RST | flag::ACK;
            r.ack = end;
            return r;
        }
        r.seq = trigger.ack;
        r.flags = flag::RST;
        match self.kind {
            Kind::Linux => {}
            Kind::Bsd => r.df = false,
            Kind::Windows if self.quirk => r.ack = trigger.ack,
            Kind::Windows => {
                r.flags |= flag::ACK;
                r.ack = end;
            }
            Kind::Cisco => {
                r.flags |= flag::ACK;
                r.ack = end;
                r.window = trigger.window;
            }
        }
        r
    }

    /// Whether an owner's reset carries timestamps and a window.
    pub fn active_reset_is_full(&self) -> bool {
        matches!(self.kind, Kind::Linux | Kind::Bsd)
    }
}
