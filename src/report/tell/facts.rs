//! The measured facts of a row as names and values, in the order in which they are best read.

use wirecause_parsers::packet::Outer;

use crate::{
    report::{rows::ErrorRow, story::Fact},
    track::Connection,
};

/// What is known of a call beside its verdict; what is unknown is left out.
pub(super) fn facts(row: &ErrorRow, connection: Option<&Connection>) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    facts.join(row);
    facts.outer(connection.map(|connection| connection.outer.as_slice()).unwrap_or_default());
    facts.exchange(row);
    facts.ending(row);
    facts.reset(row);
    facts.0
}

struct Facts(Vec<Fact>);

impl Facts {
    fn join(&mut self, row: &ErrorRow) {
        let candidates = match row.candidates {
            0 => "no connection could explain it".to_owned(),
            1 => "one connection could explain it".to_owned(),
            many => format!("{many} connections could explain it"),
        };
        let margin = row.margin.map(|margin| format!(", margin {margin:.1} nats")).unwrap_or_default();
        self.text("joined", Some(format!("{}: {candidates}{margin}", row.r#match)));
        self.text("log line after the event", row.lag_ms.map(|lag| format!("{lag:.3} ms")));
        let earlier = (!row.earlier_connections.is_empty()).then(|| row.earlier_connections.join(", "));
        self.text("connections of earlier attempts", earlier);
    }

    fn outer(&mut self, outer: &[Outer]) {
        let headers: Vec<String> = outer.iter().map(ToString::to_string).collect();
        self.text("captured inside of", (!headers.is_empty()).then(|| headers.join(", ")));
    }

    fn exchange(&mut self, row: &ErrorRow) {
        self.text("request on its connection", row.exchange.map(|number| format!("number {number}")));
        self.seconds("idle before the request", row.idle_before_s);
        self.bytes("request bytes sent", row.request_bytes);
        self.bytes("request bytes acknowledged", row.acked_bytes);
        self.bytes("response bytes received", row.response_bytes);
        self.seconds("from the last request byte to the ending", row.wait_s);
        self.text("segments sent again", row.retransmissions.map(|count| count.to_string()));
        self.millis("handshake round trip", row.handshake_rtt_ms);
    }

    fn ending(&mut self, row: &ErrorRow) {
        let by = row.ended_by.map(|by| format!(" by the {by}")).unwrap_or_default();
        let ending = row.ending.map(|ending| match ending {
            "silence" => "silence: neither FIN nor RST".to_owned(),
            "icmp" => format!("ICMP error{by}"),
            ending => format!("{}{by}", ending.to_uppercase()),
        });
        self.text("ended", ending);
        self.text("ended at", row.ending_time.map(|time| time.to_string()));
        let closed = |closed| if closed { "yes" } else { "no" }.to_owned();
        self.text("peer had closed before the request left", row.peer_closed_before_send.map(closed));
    }

    fn reset(&mut self, row: &ErrorRow) {
        self.text("shape of the reset", row.reset_shape.map(str::to_owned));
        let ttl = row.reset_ttl.map(|ttl| match row.peer_ttl {
            Some(peer) => format!("{ttl}, the peer's other segments {peer}"),
            None => ttl.to_string(),
        });
        self.text("TTL of the reset", ttl);
        self.millis("reset after what it answers", row.reset_delay_ms);
        let tests = (!row.origin_tests.is_empty()).then(|| row.origin_tests.join(", "));
        self.text("tests that spoke about its origin", tests);
    }

    fn text(&mut self, name: &str, value: Option<String>) {
        self.0.extend(value.map(|value| Fact { name: name.to_owned(), value }));
    }

    fn seconds(&mut self, name: &str, value: Option<f64>) {
        self.text(name, value.map(|value| format!("{value:.6} s")));
    }

    fn millis(&mut self, name: &str, value: Option<f64>) {
        self.text(name, value.map(|value| format!("{value:.3} ms")));
    }

    fn bytes(&mut self, name: &str, value: Option<u64>) {
        self.text(name, value.map(|value| value.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::rows::tests::error_row;

    #[test]
    fn what_is_unknown_is_left_out_and_units_are_named() {
        let row = ErrorRow {
            candidates: 2,
            margin: Some(4.25),
            idle_before_s: Some(5.0),
            ended_by: Some("peer"),
            ending: Some("rst"),
            reset_ttl: Some(57),
            peer_ttl: Some(64),
            ..error_row()
        };
        let text: Vec<String> =
            facts(&row, None).into_iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect();
        assert_eq!(
            text,
            [
                "joined: none: 2 connections could explain it, margin 4.2 nats",
                "idle before the request: 5.000000 s",
                "ended: RST by the peer",
                "TTL of the reset: 57, the peer's other segments 64",
            ]
        );
    }
}
