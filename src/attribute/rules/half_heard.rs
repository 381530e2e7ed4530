//! Captures of one direction: what the other end sent is known by the acknowledgements of it alone.
//!
//! A mirror port or a filter that passes one direction, or routes that differ by direction, leave half of every connection out. Rules that
//! rest on what an end did not send, or on what it sent before, would take the gap for silence.

use wirecause_parsers::log::Symptom;

use crate::{
    attribute::{
        case::{Case, Wire},
        explain as say,
        verdict::Cause,
    },
    track::connection::EndingKind,
};

use super::{Rule, Ruling, left_by, ruling};

/// Whether a rule holds for a call of whose peer one direction alone was captured.
pub(super) fn stands(rule: &Rule, case: &Case<'_>) -> bool {
    match rule.cause {
        Cause::NoTrafficCaptured
        | Cause::NameResolution
        | Cause::PoolExhausted
        | Cause::GatewayResources
        | Cause::GatewayAbort
        | Cause::Unreachable
        | Cause::ConnectionRefused => true,
        // Whoever sends its SYN again has had no answer.
        Cause::ConnectTimeout => case.connection.as_ref().is_some_and(|wire| wire.connection.handshake.syns > 1),
        _ => false,
    }
}

/// What remains open: the causes that end a call as its connection ended, or as the log's words have it.
pub(super) fn half_heard(case: &Case<'_>) -> Option<Ruling> {
    let unheard = case.unheard?;
    let ending = case.connection.as_ref().and_then(Wire::peer_ending);
    let open: &[Cause] = match ending {
        Some((EndingKind::Rst, _)) => &[
            Cause::StaleConnectionReuse,
            Cause::AbortedAwaitingResponse,
            Cause::AbortedDuringRequest,
            Cause::InjectedReset,
        ],
        Some((EndingKind::Fin, _)) => {
            &[Cause::StaleConnectionReuse, Cause::ClosedAwaitingResponse, Cause::RejectedAfterAccept]
        }
        None if case.symptom_is(&[Symptom::ReadTimeout]) => {
            &[Cause::SilentDrop, Cause::SlowResponse, Cause::PathLoss, Cause::ReceiverStalled]
        }
        None => left_by(case.call.failure.symptom),
    };
    Some(ruling(Cause::Undetermined, 0.3, say::half_heard(case, unheard)).also(open))
}
