//! How densely an incident's failures lie: what decides whether times can tell them apart.

use super::Profile;
use crate::draw::Draw;
use crate::{Ns, SEC};

/// An incident's density.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// How long traffic flows.
    pub(super) duration: Ns,
    /// Failures to be had.
    pub(super) faults: usize,
    /// Backends that most failures are of.
    pub(super) bad: u64,
    /// Share of faults that strike several calls at once.
    pub(super) bursts: f64,
    /// Time between the calls of a burst.
    pub(super) apart: Ns,
    /// Time within which healthy calls that come together begin.
    pub(super) within: Ns,
    /// Least and most calls beside one whose connection shall expire: their connections lie above it in the pool and expire with it.
    pub(super) beside: (u64, u64),
    /// Restarts of backends at most, all together.
    pub(super) restarts: u32,
    /// Calls that a restart strikes at most.
    pub(super) crowd: u64,
}

impl Load {
    /// Draws the density of a profile. Where lines are prompt or URLs differ failures come as in daily traffic, with bursts of one cause
    /// within milliseconds: of the played incidents' calls, which their README describes, 7 and 16 in a hundred fail within 5 ms of another
    /// of their backend, all of them in restarts and at connection limits. None of the 83 that met an ended or forgotten pooled connection
    /// did, so that none expire together here; in a throng every few backends fail many times a second and in bursts within microseconds, and no clock
    /// of a log tells their calls apart.
    pub(super) fn draw(d: &mut Draw, profile: Profile) -> Self {
        match profile {
            Profile::Immediate | Profile::Batched => Self {
                duration: d.time(120 * SEC, 300 * SEC),
                faults: d.between(60, 220) as usize,
                bad: d.between(8, 20),
                bursts: 0.06,
                apart: d.log_range(2e6, 5e7) as Ns,
                within: d.log_range(2e7, 3e8) as Ns,
                beside: (0, 0),
                restarts: 1,
                crowd: 8,
            },
            Profile::Cut96 | Profile::Mixed => Self {
                duration: d.log_range(3e10, 3e11) as Ns,
                faults: d.between(60, 220) as usize,
                bad: d.between(2, 6),
                bursts: 0.06,
                apart: d.log_range(2e4, 2e6) as Ns,
                within: 300_000,
                beside: (1, 3),
                restarts: 8,
                crowd: 12,
            },
        }
    }
}
