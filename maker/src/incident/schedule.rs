//! When traffic flows and what fails: the schedule of an incident.

use super::Plan;
use super::load::Load;
use crate::backend::Backend;
use crate::scenario::Fault;
use crate::scenario::exchange::{WISHES, Wish};
use crate::world::{Event, World};
use crate::{MS, Ns, SEC};

/// Schedules traffic and faults; returns when the capture ends, if early.
pub(super) fn schedule(w: &mut World, plan: &Plan) -> Option<Ns> {
    for b in 0..w.backends.len() {
        let mut t = w.d.wait(w.backends[b].pace);
        while t < plan.load.duration {
            let group = if w.d.chance(0.12) { w.d.between(2, 6) } else { 1 };
            for _ in 0..group {
                let call = w.healthy(b);
                let jitter = w.d.time(0, plan.load.within);
                w.add_call(t + jitter, call);
            }
            t += w.d.wait(w.backends[b].pace * group);
        }
    }
    let menus: Vec<Vec<Wish>> = (0..w.backends.len()).map(|b| menu(w, b)).collect();
    let latest = plan.load.duration.saturating_sub(4 * SEC).max(plan.start + 2 * SEC);
    let bad: Vec<usize> = (0..plan.load.bad).map(|_| w.d.index(menus.len())).collect();
    let mut left = plan.load.faults as i64;
    let mut restarts = 0;
    while left > 0 {
        // Most failures are a few backends', as in the field.
        let b = if w.d.chance(0.85) { *w.d.pick(&bad) } else { w.d.index(menus.len()) };
        let wish = *w.d.pick(&menus[b]);
        if wish == Wish::Restart {
            restarts += 1;
            if restarts > plan.load.restarts {
                continue;
            }
        }
        let t = w.d.time(plan.start + 1500 * MS, latest);
        left -= play(w, b, wish, t, &plan.load);
    }
    w.at(SEC, Event::Sweep(false));
    if !plan.tail {
        return None;
    }
    let cut = plan.load.duration + 14 * SEC;
    w.at(cut - 3 * SEC, Event::Sweep(true));
    for _ in 0..w.d.between(3, 9) {
        let b = w.d.index(menus.len());
        let wish = *w.d.pick(&[Wish::CloseAwait, Wish::AbortAwait, Wish::Slow, Wish::SynLost, Wish::Refused]);
        let t = w.d.time(cut + SEC, cut + 20 * SEC);
        play(w, b, wish, t, &plan.load);
    }
    Some(cut)
}

/// Ways to fail that the log tells in the same words.
const ALIKE: [&[Wish]; 4] = [
    // Connection reset.
    &[
        Wish::AbortAwait,
        Wish::AbortAwait,
        Wish::AbortMid,
        Wish::Injected,
        Wish::Injected,
        Wish::Device,
        Wish::HostForgets,
        Wish::AbortUpload,
        Wish::Reject,
        Wish::PathLoss,
        Wish::Tls,
    ],
    // Failed to respond.
    &[
        Wish::CloseAwait,
        Wish::CloseAwait,
        Wish::Stale,
        Wish::Stale,
        Wish::Reject,
        Wish::SilentDrop,
        Wish::AbortUpload,
        Wish::Restart,
        Wish::PathLoss,
    ],
    // Read timed out.
    &[
        Wish::Slow,
        Wish::Slow,
        Wish::SlowMid,
        Wish::SilentDrop,
        Wish::Hole,
        Wish::Overflow,
        Wish::PathLoss,
        Wish::Stalled,
        Wish::Device,
        Wish::PoolEmpty,
    ],
    // Reset by peer, broken pipe.
    &[Wish::ResetWhileIdle, Wish::ResetWhileIdle, Wish::AbortUpload, Wish::Stalled, Wish::Stale],
];

/// The ways in which a backend fails: several of one or two families that look alike in the log, and one or two others.
fn menu(w: &mut World, b: usize) -> Vec<Wish> {
    let mut menu = Vec::new();
    for _ in 0..w.d.between(1, 2) {
        let family = *w.d.pick(&[0, 0, 1, 1, 2, 3]);
        let fitting: Vec<Wish> = ALIKE[family].iter().copied().filter(|x| x.fits(&w.backends[b])).collect();
        for _ in 0..w.d.between(3, 6) {
            menu.push(*w.d.pick(&fitting));
        }
    }
    let others: Vec<(Wish, u32)> = WISHES.into_iter().filter(|(x, _)| x.fits(&w.backends[b])).collect();
    let total: u32 = others.iter().map(|x| x.1).sum();
    for _ in 0..w.d.between(1, 4) {
        let mut roll = w.d.between(0, u64::from(total) - 1) as u32;
        for (wish, weight) in &others {
            if roll < *weight {
                menu.push(*wish);
                break;
            }
            roll -= weight;
        }
    }
    menu
}

/// Schedules one wish; returns how many failures it is likely to give.
fn play(w: &mut World, b: usize, wish: Wish, t: Ns, load: &Load) -> i64 {
    let backend = w.backends[b].clone();
    if wish == Wish::Restart {
        return restart(w, b, &backend, t, load);
    }
    if let Some(plan) = wish.idle_plan(&mut w.d, &backend) {
        let mut first = w.healthy(b);
        first.then = Some(plan);
        first.body = 0;
        first.last = false;
        w.add_call(t, first);
        for _ in 0..w.d.between(load.beside.0, load.beside.1) {
            let mut companion = w.healthy(b);
            companion.service += backend.service * 3 + backend.rtt;
            companion.last = false;
            w.add_call(t + 10_000, companion);
        }
        return 1;
    }
    let count = if w.d.chance(load.bursts) { w.d.between(2, 5) } else { 1 };
    for i in 0..count {
        let fault = wish.fault(&mut w.d, &backend);
        let gone = matches!(fault, Fault::NoName(_));
        let call = w.faulty(b, fault);
        let k = w.add_call(t + i * load.apart, call);
        if gone {
            w.calls[k].url = w.calls[k].url.replace(&format!("{}.", backend.word), "gone.");
        }
    }
    count as i64
}

fn restart(w: &mut World, b: usize, backend: &Backend, t: Ns, load: &Load) -> i64 {
    let count = w.d.between(4, load.crowd);
    let wait = backend.rtt * 4 + 60 * MS;
    for _ in 0..count {
        let mut call = w.healthy(b);
        call.service = (wait * 3 + SEC).min(backend.read_timeout * 9 / 10).max(wait + 200 * MS);
        call.body = 0;
        let jitter = w.d.time(0, 20 * MS);
        w.add_call(t + jitter, call);
    }
    let hard = w.d.chance(0.5);
    w.at(t + wait, Event::Restart(b, hard));
    for _ in 0..w.d.between(0, 3) {
        let call = w.healthy(b);
        let later = w.d.time(20 * MS, 1500 * MS);
        w.add_call(t + wait + later, call);
    }
    count as i64
}
