//! Drawing of calls: healthy ones, and the faults of an exchange that fit a backend.

use super::{Action, Fault, IdlePlan, Reset, TlsFault};
use crate::backend::Backend;
use crate::call::Call;
use crate::draw::Draw;
use crate::world::World;
use crate::{MS, Ns, SEC};

/// A kind of failure to draw, before its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Wish {
    CloseAwait,
    AbortAwait,
    CloseMid,
    AbortMid,
    Slow,
    SlowMid,
    GatewayAbort,
    AbortUpload,
    Stalled,
    Injected,
    SilentDrop,
    PathLoss,
    Hole,
    Overflow,
    Reject,
    Refused,
    SynLost,
    Icmp,
    Tls,
    NoName,
    PoolEmpty,
    NoResource,
    Stale,
    Device,
    HostForgets,
    ResetWhileIdle,
    Restart,
}

/// All wishes, with their weights.
pub const WISHES: [(Wish, u32); 27] = [
    (Wish::CloseAwait, 8),
    (Wish::AbortAwait, 8),
    (Wish::CloseMid, 5),
    (Wish::AbortMid, 5),
    (Wish::Slow, 5),
    (Wish::SlowMid, 3),
    (Wish::GatewayAbort, 4),
    (Wish::AbortUpload, 6),
    (Wish::Stalled, 3),
    (Wish::Injected, 6),
    (Wish::SilentDrop, 5),
    (Wish::PathLoss, 6),
    (Wish::Hole, 3),
    (Wish::Overflow, 3),
    (Wish::Reject, 6),
    (Wish::Refused, 4),
    (Wish::SynLost, 4),
    (Wish::Icmp, 3),
    (Wish::Tls, 5),
    (Wish::NoName, 2),
    (Wish::PoolEmpty, 2),
    (Wish::NoResource, 2),
    (Wish::Stale, 14),
    (Wish::Device, 9),
    (Wish::HostForgets, 4),
    (Wish::ResetWhileIdle, 4),
    (Wish::Restart, 3),
];

impl Wish {
    /// Whether a backend can play it.
    pub fn fits(self, b: &Backend) -> bool {
        match self {
            Self::Tls => b.tls.is_some(),
            // A proxy resolves the names of those behind it.
            Self::NoName => b.via.is_none(),
            Self::Reject => b.tls.is_none(),
            Self::Overflow => b.tls.is_none() && b.read_timeout > 1500 * MS,
            Self::Device => b.middle.is_some() && b.keep,
            Self::Stale => b.middle.is_none() && b.keep && b.idle < 20 * SEC,
            Self::HostForgets | Self::ResetWhileIdle => b.keep,
            Self::PathLoss => b.read_timeout >= 2 * SEC,
            _ => true,
        }
    }

    /// The fault of one call, where the wish is one.
    pub fn fault(self, d: &mut Draw, b: &Backend) -> Fault {
        let short = |d: &mut Draw| d.time(0, b.read_timeout * 6 / 10).min(d.log_range(2e6, 2e9) as Ns);
        match self {
            Self::CloseAwait => {
                Fault::CloseAwait(if d.chance(0.3) { b.request_timeout.min(b.read_timeout / 2) } else { short(d) })
            }
            Self::AbortAwait => {
                Fault::AbortAwait(if d.chance(0.3) { b.request_timeout.min(b.read_timeout / 2) } else { short(d) })
            }
            Self::CloseMid => Fault::CloseMid(d.range(0.05, 0.8), short(d)),
            Self::AbortMid => Fault::AbortMid(d.range(0.05, 0.8), short(d).max(MS)),
            Self::Slow => Fault::Slow(d.time(20 * MS, 8 * SEC)),
            Self::SlowMid => Fault::SlowMid(d.range(0.05, 0.8)),
            Self::GatewayAbort => Fault::GatewayAbort(short(d).max(b.rtt * 2 + 5 * MS).min(b.read_timeout * 8 / 10)),
            Self::AbortUpload => Fault::AbortUpload { at: d.range(0.05, 0.8), fin: d.chance(0.3) },
            Self::Stalled => Fault::Stalled { end: d.chance(0.5).then(|| d.time(SEC, 6 * SEC)) },
            Self::Injected => Fault::Injected(draw_reset(d, b)),
            Self::SilentDrop => {
                let both = d.chance(0.6);
                let action = Action::Close;
                Fault::SilentDrop { both, server_ends: (!both).then(|| (action, b.read_timeout * 7 / 10)) }
            }
            Self::PathLoss => path_loss(d, b),
            Self::Hole => Fault::Hole(*d.pick(&[1100, 1180, 1000])),
            Self::Overflow => Fault::Overflow,
            Self::Reject if d.chance(0.15) => Fault::RejectOverflow,
            Self::Reject if d.chance(0.5) => Fault::RejectFin(d.time(10_000, 600_000)),
            Self::Reject => Fault::RejectRst(d.time(10_000, 600_000)),
            Self::Refused => Fault::Refused,
            Self::SynLost => Fault::SynLost,
            Self::Icmp => Fault::Icmp(*d.pick(&[1, 13, 10, 1, 0, 3])),
            Self::Tls => Fault::Tls(match d.between(0, 3) {
                0 => TlsFault::Alert(*d.pick(&[40, 40, 70, 80, 112])),
                1 => TlsFault::Rst,
                2 => TlsFault::Fin,
                _ => TlsFault::Untrusted,
            }),
            Self::NoName => Fault::NoName(d.chance(0.7)),
            Self::PoolEmpty => Fault::PoolEmpty(d.chance(0.25)),
            Self::NoResource => Fault::NoResource(d.chance(0.7)),
            _ => Fault::None,
        }
    }

    /// The plan of an idle connection, where the wish is one.
    pub fn idle_plan(self, d: &mut Draw, b: &Backend) -> Option<IdlePlan> {
        let rtt = (b.rtt / 1000) as i64;
        Some(match self {
            Self::Stale if d.chance(0.45) => IdlePlan::Server(d.between(0, 2 * (rtt as u64 + 30_000)) as i64 - rtt),
            Self::Stale => IdlePlan::Server(rtt + d.log_range(2e4, 1.8e6) as i64),
            Self::Device => IdlePlan::Device(d.log_range(2e4, 3e6) as i64),
            Self::HostForgets => IdlePlan::HostForgets,
            Self::ResetWhileIdle => IdlePlan::ResetWhileIdle,
            _ => return None,
        })
    }
}

fn path_loss(d: &mut Draw, b: &Backend) -> Fault {
    if d.chance(0.25) {
        return Fault::LossyAnswer;
    }
    let action = if d.chance(0.7) { Action::Abort } else { Action::Close };
    if d.chance(0.5) {
        let after = d.time(700 * MS, b.read_timeout * 8 / 10);
        return Fault::PathLoss { lost: 30, end: None, before: Some((action, after.max(b.rtt * 3 + 500 * MS))) };
    }
    let after = d.time(20 * MS, 400 * MS);
    Fault::PathLoss { lost: d.between(1, 2) as u32, end: Some((action, after)), before: None }
}

fn draw_reset(d: &mut Draw, b: &Backend) -> Reset {
    let server = b.stack.ttl;
    let odd = *d.pick(&[255u8, 254, 250, 242, 64, 63, 60, 128, 125]);
    let odd = if odd.abs_diff(server) < 5 { server ^ 0x28 } else { odd };
    match d.between(0, 2) {
        // Another TTL, before or after the server's acknowledgement.
        0 => Reset {
            ttl: Some(odd),
            acked: d.chance(0.6),
            copies: d.between(1, 3) as u8,
            both: d.chance(0.5),
            delay: d.between(100, 3000) as u32,
            window: if d.chance(0.7) { 0 } else { d.word() as u16 },
        },
        // The server's TTL, faster than the round trip; the server's own segments follow.
        1 => Reset {
            ttl: None,
            acked: d.chance(0.5),
            copies: 1,
            both: false,
            delay: d.between(50, 500) as u32,
            window: 0,
        },
        // Another TTL too, and the server goes on.
        _ => Reset {
            ttl: Some(odd),
            acked: d.chance(0.6),
            copies: 1,
            both: false,
            delay: d.between(1100, 1900) as u32,
            window: 0,
        },
    }
}

impl World {
    /// A healthy call to a backend.
    pub fn healthy(&mut self, backend: usize) -> Call {
        let number = 1_100_000 + self.calls.len() as u64;
        let mut call = Call::new(backend, number);
        let b = &self.backends[backend];
        let d = &mut self.d;
        call.service = d.wait(b.service).max(200_000).min(b.read_timeout / 3);
        call.answer = if d.chance(0.12) { d.log_range(4000.0, 40_000.0) } else { d.log_range(80.0, 4000.0) } as usize;
        if d.chance(b.uploads) {
            call.body = if d.chance(0.3) { d.log_range(8000.0, 60_000.0) } else { d.log_range(40.0, 8000.0) } as usize;
            call.chunk_pause = d.time(0, 800_000);
        }
        call.last = d.chance(0.04);
        call.chunked = d.chance(0.15);
        call
    }

    /// A call with a fault.
    pub fn faulty(&mut self, backend: usize, fault: Fault) -> Call {
        let mut call = self.healthy(backend);
        call.fresh = fault.connects();
        if fault.uploads() {
            let rcvbuf = f64::from(self.backends[backend].stack.rcvbuf);
            call.body = match fault {
                Fault::Stalled { end: None } => {
                    self.d.range(rcvbuf + 27_000.0, rcvbuf + 0.9 * self.settings.sndbuf as f64)
                }
                Fault::Stalled { .. } => self.d.range(rcvbuf + 27_000.0, 4.0 * rcvbuf + 27_000.0),
                Fault::Hole(_) => self.d.log_range(4000.0, 40_000.0),
                _ => self.d.log_range(20_000.0, 160_000.0),
            } as usize;
            call.chunk_pause = self.d.time(0, 2 * MS);
        } else if !matches!(fault, Fault::None) && call.body > 8000 {
            call.body = 0;
        }
        if fault.cuts_response() {
            call.answer = call.answer.max(900);
        }
        if fault == Fault::LossyAnswer {
            call.answer = call.answer.max(9000);
        }
        call.last = false;
        call.fault = fault;
        call
    }
}
