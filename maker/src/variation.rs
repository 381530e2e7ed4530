//! Ways in which an incident's files can be worse than the profiles draw them: what a real log or capture lacks, and what its clock does.
//!
//! The world is played as its seed has it; a variation says how it is written down, or by which way the gateway reaches its backends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::backend::{Backend, Naming, Via};
use crate::draw::Draw;
use crate::pcap::Frame;
use crate::wire::{flag, tcp_flags};
use crate::{MS, Ns, SEC};

/// What is other than drawn; nothing by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variation {
    /// How long traffic flows.
    pub duration: Option<Ns>,
    /// The log's stamps have no zone.
    pub zoneless: bool,
    /// By how many millionths the log's clock is too fast.
    pub drift_ppm: i64,
    /// At this share of the traffic's time the log's clock is set forward by so many nanoseconds, or back.
    pub set: Option<(f64, i64)>,
    /// Bytes kept of each frame.
    pub snaplen: Option<usize>,
    /// The capture begins at this share of the traffic's time.
    pub from: Option<f64>,
    /// It ends at this share.
    pub until: Option<f64>,
    /// From this share of the traffic's time on nothing was captured for so long.
    pub hole: Option<(f64, Ns)>,
    /// Share of frames of any connection that the capture missed.
    pub missed: f64,
    /// Share of SYNs and SYN-ACKs that it missed.
    pub missed_syns: f64,
    /// Only one direction was captured.
    pub only: Option<Way>,
    /// The gateway reaches its TLS backends, and some plain ones, through a forward proxy.
    pub proxied: bool,
    /// Names have IPv6 and IPv4 addresses, and some of the former refuse.
    pub both_families: bool,
}

/// A direction at the gateway's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What arrived.
    In,
    /// What left.
    Out,
}

impl Variation {
    /// Ways in which incidents are tried, by their names.
    pub fn named(name: &str) -> Option<Self> {
        let none = Self::default();
        Some(match name {
            "none" => none,
            "zoneless" => Self { zoneless: true, ..none },
            "drift" => Self { drift_ppm: 100, duration: Some(7200 * SEC), ..none },
            "drift-back" => Self { drift_ppm: -100, duration: Some(7200 * SEC), ..none },
            "set" => Self { set: Some((0.5, 2500 * MS as i64)), ..none },
            "set-back" => Self { set: Some((0.5, -2500 * MS as i64)), ..none },
            "nudged" => Self { set: Some((0.5, 45 * MS as i64)), ..none },
            "nudged-back" => Self { set: Some((0.5, -300 * MS as i64)), ..none },
            "cut-54" => Self { snaplen: Some(54), ..none },
            "cut-64" => Self { snaplen: Some(64), ..none },
            "late" => Self { from: Some(0.3), ..none },
            "early" => Self { until: Some(0.7), ..none },
            "hole" => Self { hole: Some((0.45, 20 * SEC)), ..none },
            "dropped" => Self { missed: 0.01, ..none },
            "synless" => Self { missed_syns: 0.5, ..none },
            "inward" => Self { only: Some(Way::In), ..none },
            "outward" => Self { only: Some(Way::Out), ..none },
            "proxied" => Self { proxied: true, snaplen: Some(262_144), ..none },
            "proxied-cut" => Self { proxied: true, snaplen: Some(96), ..none },
            "families" => Self { both_families: true, ..none },
            _ => return None,
        })
    }

    /// What the log's clock is off by at an instant, beside its constant error; `duration` is how long traffic flows.
    pub(crate) fn clock_error(&self, time: Ns, duration: Ns) -> i64 {
        let drift = time as i64 / 1000 * self.drift_ppm / 1000;
        let set = self.set.filter(|(share, _)| time >= part(duration, *share)).map_or(0, |(_, step)| step);
        drift + set
    }

    /// When the capture ran: its beginning, and its end if there is one before the traffic's.
    pub(crate) fn span(&self, duration: Ns) -> (Option<Ns>, Option<Ns>) {
        let at = |share: Option<f64>| share.map(|share| part(duration, share));
        (at(self.from), at(self.until))
    }

    /// Whether the capture holds a frame.
    pub(crate) fn captured(&self, frame: &Frame, duration: Ns, d: &mut Draw) -> bool {
        let hole = self.hole.is_some_and(|(share, length)| {
            let from = part(duration, share);
            (from..from + length).contains(&frame.time)
        });
        let opening = self.missed_syns > 0.0 && tcp_flags(&frame.bytes).is_some_and(|flags| flags & flag::SYN != 0);
        let other_way = self.only.is_some_and(|way| (way == Way::In) != frame.inbound);
        !(hole || other_way || opening && d.chance(self.missed_syns) || self.missed > 0.0 && d.chance(self.missed))
    }

    /// Changes the ways to the backends.
    pub(crate) fn reroute(&self, backends: &mut [Backend], seed: u64) {
        let mut d = Draw::new(seed ^ WAYS);
        if self.proxied {
            behind_proxy(backends, &mut d);
        }
        if self.both_families {
            with_both_families(backends, &mut d);
        }
    }
}

/// The proxy is one host: all that is behind it has its address, its stack and its way.
fn behind_proxy(backends: &mut [Backend], d: &mut Draw) {
    let address = IpAddr::from(Ipv4Addr::new(10, 251, 7, d.between(1, 250) as u8));
    let Some(model) = backends.first().cloned() else { return };
    for b in backends.iter_mut().filter(|b| b.tls.is_some() || d.chance(0.4)) {
        b.via = Some(Via { host: "proxy.corp.example".into(), port: 3128 });
        b.addrs = vec![address];
        b.naming = Naming::HostsOnly;
        b.alias = None;
        b.stack = model.stack.clone();
        (b.rtt, b.jitter, b.loss, b.mac) = (model.rtt, model.jitter, model.loss, model.mac);
        b.covered = true;
        if let Some(middle) = &mut b.middle {
            *middle = crate::backend::Middle { idle: middle.idle, ..model.middle.clone().unwrap_or(middle.clone()) };
        }
    }
}

fn with_both_families(backends: &mut [Backend], d: &mut Draw) {
    for (i, b) in backends.iter_mut().enumerate() {
        if b.addrs.len() > 1 || d.chance(0.25) {
            continue;
        }
        let other = match b.addrs[0] {
            IpAddr::V4(_) => IpAddr::from(Ipv6Addr::new(0xfd77, 0xbeef, 0, 0, 0, 0, 0, 0x100 + i as u16)),
            IpAddr::V6(_) => IpAddr::from(Ipv4Addr::new(10, 252, 3, 10 + i as u8)),
        };
        b.addrs.push(other);
        // Java prefers IPv4 unless told otherwise; many are told.
        b.addrs.sort_by_key(|addr| addr.is_ipv4() == d.chance(0.7));
        b.no_v6 = d.chance(0.3);
    }
}

fn part(duration: Ns, share: f64) -> Ns {
    (duration as f64 * share) as Ns / MS * MS
}

/// Keeps what a variation draws apart from what its world draws.
const WAYS: u64 = 0x0ddb_a115_0000_0000;
