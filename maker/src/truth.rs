//! The truth of each failed call: the cause that was played, and what else a capture at the gateway cannot exclude.

use crate::call::{Phase, Symptom};
use crate::scenario::{Action, Fault};
use crate::world::{Conn, Ending, GW, SRV, World};
use crate::{MS, SEC};

/// One row of `truth.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthRow {
    /// Number of the call.
    pub call: u64,
    /// First line of the first entry.
    pub first_line: usize,
    /// Last line of the first entry.
    pub last_line: usize,
    /// First line of the second entry, or 0.
    pub also_first: usize,
    /// Last line of the second entry, or 0.
    pub also_last: usize,
    /// Stamp of the first entry.
    pub log_time: String,
    /// Exception.
    pub symptom: String,
    /// URL.
    pub url: String,
    /// Gateway's port, if the connection is in the capture.
    pub local_port: Option<u16>,
    /// Backend's address and port, once connected.
    pub remote: String,
    /// Causes, the main one first.
    pub causes: String,
    /// Backend.
    pub endpoint: String,
    /// Frames of its connection are missing by the incident's variation. Not written.
    pub hurt: bool,
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

/// The rows as CSV.
pub fn csv(rows: &[TruthRow]) -> String {
    let mut out = String::from(
        "call,first_line,last_line,also_first,also_last,log_time,symptom,url,local_port,remote,causes,endpoint\n",
    );
    for r in rows {
        let port = r.local_port.map(|p| p.to_string()).unwrap_or_default();
        let fields = [
            r.call.to_string(),
            r.first_line.to_string(),
            r.last_line.to_string(),
            r.also_first.to_string(),
            r.also_last.to_string(),
            r.log_time.clone(),
            quoted(&r.symptom),
            quoted(&r.url),
            port,
            r.remote.clone(),
            r.causes.clone(),
            r.endpoint.clone(),
        ];
        out += &fields.join(",");
        out.push('\n');
    }
    out
}

/// The true causes of an attempt that fails now.
pub fn judge(w: &World, k: usize, symptom: &Symptom) -> String {
    let call = &w.calls[k];
    let conn = call.conn.map(|c| &w.conns[c]);
    let causes = match symptom {
        Symptom::UnknownHost(_) => "name-resolution",
        Symptom::PoolTimeout => "pool-exhausted",
        Symptom::NoLocalPort | Symptom::TooManyFiles => "gateway-resources",
        Symptom::ConnectTimeout if conn.is_some_and(|c| !c.syn_lost) => "connect-timeout|path-loss",
        Symptom::ConnectTimeout => "connect-timeout",
        Symptom::Refused if conn.is_some_and(|c| c.icmp.is_some()) => "unreachable",
        Symptom::Refused => "connection-refused",
        Symptom::NoRoute | Symptom::NetUnreachable => "unreachable",
        Symptom::Alert(_) | Symptom::HandshakeEnd | Symptom::BadCertificate => "tls-handshake-failure",
        Symptom::SocketClosed => "gateway-abort",
        _ => match conn {
            None => "pool-exhausted",
            Some(c) => return in_exchange(w, k, c, symptom),
        },
    };
    causes.to_owned()
}

fn in_exchange(w: &World, k: usize, conn: &Conn, symptom: &Symptom) -> String {
    let call = &w.calls[k];
    let backend = &w.backends[call.backend];
    let gateway = &conn.ends[GW];
    if call.phase == Phase::Handshake {
        return if *symptom == Symptom::ReadTimeout {
            "silent-drop|path-loss|slow-response"
        } else {
            "tls-handshake-failure"
        }
        .into();
    }
    let reset = matches!(symptom, Symptom::Reset | Symptom::ResetByPeer | Symptom::BrokenPipe);
    if conn.injected && reset {
        let blind = call.idle_before > 2 * SEC && gateway.una <= call.wrote_from;
        return if blind { "injected-reset|idle-expiry-in-path" } else { "injected-reset" }.into();
    }
    if conn.device_reset && reset {
        let plain = backend.middle.as_ref().is_some_and(|m| m.ttl == backend.stack.ttl) && backend.rtt < MS / 2;
        return if plain { "idle-expiry-in-path|stale-connection-reuse" } else { "idle-expiry-in-path" }.into();
    }
    if conn.forgotten && !gateway.peer_fin && !reset {
        // Forgotten while the server was at work: the gateway sees its request acknowledged and then nothing.
        let acked = gateway.all_acked();
        return match call.fault {
            Fault::Slow(_) | Fault::SlowMid(_) if acked => "slow-response|silent-drop",
            _ if acked => "silent-drop|slow-response",
            _ => "silent-drop",
        }
        .into();
    }
    // Ended before any byte of this request had come.
    let untouched = conn.ended.filter(|e| e.2 <= call.wrote_from && e.0 != Ending::Tail);
    if let (Some((why, at, _)), true) = (untouched, call.reused) {
        let forgotten_elsewhere = why == Ending::Forgot && backend.stack.rst_ttl != backend.stack.ttl;
        let before = at <= conn.exchange || why != Ending::Fault;
        let dropped = matches!(call.fault, Fault::SilentDrop { .. } | Fault::Hole(_));
        let told = at <= conn.exchange && *symptom != Symptom::ReadTimeout;
        if if dropped { told } else { before } {
            let delayed = gateway.resent > 0 && at > conn.exchange;
            return if delayed {
                "path-loss|stale-connection-reuse"
            } else if forgotten_elsewhere {
                "stale-connection-reuse|idle-expiry-in-path"
            } else {
                "stale-connection-reuse"
            }
            .into();
        }
    }
    let mut causes = by_fault(w, k, conn, symptom);
    let delayed = gateway.resent > 0;
    if delayed && ["abort", "closed", "slow"].iter().any(|p| causes.starts_with(p)) && !causes.contains("path-loss") {
        causes += "|path-loss";
    }
    causes
}

fn by_fault(w: &World, k: usize, conn: &Conn, symptom: &Symptom) -> String {
    let call = &w.calls[k];
    let gateway = &conn.ends[GW];
    let fresh = !call.reused;
    let all_acked = gateway.all_acked();
    let seen = conn.ended.is_some_and(|e| e.2 > call.wrote_from);
    let timeout = *symptom == Symptom::ReadTimeout;
    let quick = |a: u64| fresh && a < 5 * MS;
    match call.fault {
        Fault::CloseAwait(a) if quick(a) => "closed-awaiting-response|rejected-after-accept",
        Fault::AbortAwait(a) if quick(a) => "aborted-awaiting-response|rejected-after-accept",
        Fault::Slow(_) | Fault::SlowMid(_) if timeout => "slow-response",
        // A RST acknowledges all that its sender has received.
        Fault::AbortUpload { .. }
            if *symptom == Symptom::Reset && conn.ended.is_some_and(|e| e.2 >= gateway.fin_pos()) =>
        {
            "aborted-awaiting-response|aborted-during-request"
        }
        Fault::AbortUpload { .. } => match symptom {
            Symptom::NoResponse if all_acked => "closed-awaiting-response|aborted-during-request",
            Symptom::NoResponse => "aborted-during-request|closed-awaiting-response",
            Symptom::Reset if all_acked => "aborted-awaiting-response|aborted-during-request",
            _ => "aborted-during-request",
        },
        Fault::Stalled { .. } if timeout => "receiver-stalled",
        Fault::Stalled { .. } => "receiver-stalled|aborted-during-request",
        Fault::SilentDrop { .. } => "silent-drop",
        Fault::PathLoss { before: Some(_), .. } if timeout => "silent-drop|path-loss",
        Fault::PathLoss { before: Some((action, _)), .. } => match action {
            _ if !fresh => "path-loss|stale-connection-reuse|silent-drop",
            Action::Abort => "path-loss|rejected-after-accept",
            _ => "path-loss|silent-drop|rejected-after-accept",
        },
        Fault::PathLoss { end: Some((action, _)), .. } => match action {
            Action::Abort => "path-loss|aborted-awaiting-response",
            _ => "path-loss|closed-awaiting-response",
        },
        Fault::LossyAnswer => "path-loss",
        // Where no small segment was sent with the large ones nothing shows that small ones pass.
        Fault::Hole(_) if conn.ends[SRV].nothing_since(call.wrote_from) => "mtu-black-hole|silent-drop",
        Fault::Hole(_) => "mtu-black-hole",
        Fault::Overflow if conn.syn_acks > 1 => "accept-queue-overflow",
        Fault::Overflow => "accept-queue-overflow|silent-drop",
        Fault::RejectFin(_) if seen => "rejected-after-accept|closed-awaiting-response",
        Fault::RejectRst(_) if seen => "rejected-after-accept|aborted-awaiting-response",
        Fault::RejectFin(_) | Fault::RejectRst(_) => "rejected-after-accept",
        Fault::RejectOverflow => "rejected-after-accept|accept-queue-overflow",
        _ => return as_it_looks(w, k, conn, symptom),
    }
    .into()
}

/// Where the server ended an exchange in plain sight, the position says the cause.
fn as_it_looks(w: &World, k: usize, conn: &Conn, symptom: &Symptom) -> String {
    let call = &w.calls[k];
    let gateway = &conn.ends[GW];
    let abort = matches!(symptom, Symptom::Reset | Symptom::ResetByPeer | Symptom::BrokenPipe);
    match symptom {
        Symptom::ReadTimeout if call.service >= w.backends[call.backend].read_timeout => "slow-response",
        Symptom::ReadTimeout if gateway.resent > 0 => "path-loss|silent-drop|slow-response",
        Symptom::ReadTimeout => "slow-response|path-loss",
        _ if conn.ended.is_none() => "path-loss|silent-drop",
        _ if call.phase == Phase::Reading && abort => "aborted-during-response",
        _ if call.phase == Phase::Reading => "closed-during-response",
        _ if conn.ended.is_some_and(|e| e.2 <= call.wrote_from) => "rejected-after-accept",
        // A FIN or RST acknowledges all that its sender has received.
        _ if !gateway.all_acked() && conn.ended.is_none_or(|e| e.2 < gateway.fin_pos()) => "aborted-during-request",
        _ if abort => "aborted-awaiting-response",
        _ => "closed-awaiting-response",
    }
    .into()
}
