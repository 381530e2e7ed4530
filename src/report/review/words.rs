//! What the review's words mean: causes in plain language, sides, joins, endings and symptoms.

use crate::attribute::verdict::{Cause, Responsible};

/// A term with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The word as the tables have it.
    pub word: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// A cause in plain words, for somebody who does not read packets.
pub const fn title(cause: Cause) -> &'static str {
    match cause {
        Cause::NoTrafficCaptured => "Not captured",
        Cause::PoolExhausted => "The gateway's pool had no connection to give",
        Cause::GatewayResources => "The gateway had no port, descriptor or route left",
        Cause::GatewayAbort => "The gateway itself gave up",
        Cause::NameResolution => "The name did not resolve",
        Cause::Unreachable => "A router or firewall refused the connection",
        Cause::ConnectTimeout => "Nobody answered the attempt to connect",
        Cause::ConnectionRefused => "The backend refused the connection",
        Cause::TlsHandshakeFailure => "The TLS handshake failed",
        Cause::InjectedReset => "A device on the way cut the connection",
        Cause::StaleConnectionReuse => "A kept-alive connection was used after the backend had closed it",
        Cause::IdleExpiryInPath => "A device on the way had forgotten the idle connection",
        Cause::MtuBlackHole => "Full-size packets vanished on the way",
        Cause::SilentDrop => "Packets vanished on the way without an answer",
        Cause::AcceptQueueOverflow => "The backend was too busy to accept",
        Cause::PathLoss => "Packet loss delayed the call too long",
        Cause::ReceiverStalled => "The backend stopped reading",
        Cause::RejectedAfterAccept => "The backend accepted and hung up at once",
        Cause::AbortedDuringRequest => "The backend cut the connection during the request",
        Cause::AbortedAwaitingResponse => "The backend reset the connection instead of answering",
        Cause::ClosedAwaitingResponse => "The backend closed the connection instead of answering",
        Cause::AbortedDuringResponse => "The backend reset the connection in mid-response",
        Cause::ClosedDuringResponse => "The backend closed the connection in mid-response",
        Cause::SlowResponse => "The backend did not answer in time",
        Cause::Undetermined => "Undetermined",
    }
}

/// A side in words that follow "lie with".
pub const fn side(responsible: Responsible) -> &'static str {
    match responsible {
        Responsible::Backend => "the backends",
        Responsible::Path => "devices on the way",
        Responsible::Network => "the network's transport",
        Responsible::Gateway => "the gateway itself",
        Responsible::Dns => "name resolution",
    }
}

/// Sides, as the tables word them.
pub const SIDES: [Term; 5] = [
    Term {
        word: "backend",
        meaning: "whoever answers at the peer's address, a balancer in front of the servers included",
    },
    Term { word: "path", meaning: "a device between gateway and peer, such as a firewall, a translator or a proxy" },
    Term { word: "network", meaning: "the transport between them: loss and routes" },
    Term { word: "gateway", meaning: "the gateway itself: its pool, its limits, its own timeouts" },
    Term { word: "dns", meaning: "name resolution" },
];

/// How sure a join is.
pub const JOINS: [Term; 4] = [
    Term {
        word: "certain",
        meaning: "no other assignment of calls to connections comes near (odds of 50 to 1 or better)",
    },
    Term { word: "likely", meaning: "others are possible, and less likely" },
    Term {
        word: "ambiguous",
        meaning: "several connections explain the line about equally well; their causes were weighed",
    },
    Term { word: "none", meaning: "on no connection: none was opened, or none that was captured fits" },
];

/// How an ending looks by the rules of TCP.
pub const HEALTH: [Term; 4] = [
    Term { word: "healthy", meaning: "both sides closed, or a RST came with nothing outstanding" },
    Term { word: "legal-but-harmful", meaning: "by the rules, and yet a request was lost" },
    Term { word: "abrupt", meaning: "a RST without an earlier FIN" },
    Term { word: "silent", meaning: "neither FIN nor RST: data or SYN stayed unanswered" },
];

/// Words of the page that are no words of the tables.
pub const OTHERS: [Term; 10] = [
    Term {
        word: "failed call",
        meaning: "one outbound call that the gateway's log reports as failed, however many entries report it; an HTTP error status that arrived is none",
    },
    Term { word: "endpoint", meaning: "host and port as the call's URL names them" },
    Term {
        word: "peer",
        meaning: "the address and port that the gateway's connection went to; a balancer counts as the backend it stands for",
    },
    Term { word: "exchange", meaning: "a request and its response as seen at TCP level" },
    Term {
        word: "idle before",
        meaning: "from the last payload byte on the connection to the first byte of the request",
    },
    Term { word: "wait", meaning: "from the last byte of the request to the ending" },
    Term { word: "lag", meaning: "from the event on the wire to the log line that reports it, clock offset taken out" },
    Term {
        word: "bracket",
        meaning: "the two measured values between which a timeout lies: the longest that survived and the shortest that failed",
    },
    Term {
        word: "confidence",
        meaning: "probability that the cause is right, as played and drawn incidents bear it out",
    },
    Term {
        word: "margin",
        meaning: "by how much the chosen connection scores above the second best, in nats: 4 nats are odds of about 50 to 1",
    },
];

/// The heading of a finding of this kind.
pub fn finding_title(kind: &str) -> &'static str {
    match kind {
        "idle-timeout" => "Idle connections are dropped",
        "response-timeout" => "Requests are cut after a constant wait",
        "peer-restart" => "A backend's process went away",
        "single-backend" => "The failures concentrate on one backend",
        "all-backends" => "No single backend stands out",
        "periodic" => "Failures come back at equal intervals",
        "reset-origin" => "Resets that their senders did not send",
        "clock-offset" => "The log's clock against the capture's",
        "coverage" => "What the captures cover",
        "silent-retries" => "Failures that no caller saw",
        "between-points" => "What lies between two capture points",
        _ => "A pattern over many calls",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_words_of_its_own() {
        let mut titles = Cause::ALL.map(title).to_vec();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), Cause::ALL.len());
    }
}
