//! What a reset says of its maker without proving anything: words in its payload, and window values that one maker's devices use as codes.
//!
//! Anyone can write a text, and a window may have any value. Both are told beside the verdict and weigh nothing.

use crate::track::{Connection, Reset};

use super::{origin::Test, population::Peer};

/// Names of the hints, in the `origin_tests` column.
pub const NAMES: [&str; 2] = ["reset-text", "window-code"];

/// Text in the reset's payload: some devices and stacks give a reason (RFC 9293, 3.5.3; F5's `tm.rstcause.pkt`).
pub(super) fn text(_connection: &Connection, reset: &Reset, _peer: Option<&Peer>) -> Option<Test> {
    let text = reset.text.as_deref()?;
    Some(Test { name: "reset-text", weight: 0.0, measured: format!("{BEFORE}{text}{BEHIND}.") })
}

/// A window that is one of the codes by which Citrix `NetScaler` says why it resets.
pub(super) fn window_code(_connection: &Connection, reset: &Reset, _peer: Option<&Peer>) -> Option<Test> {
    let (_, meaning) = CODES.iter().find(|(codes, _)| codes.contains(&reset.window))?;
    let measured = format!(
        "Hint: its window of {} is a code by which Citrix NetScaler resets ({meaning}); another sender's window may be so by chance.",
        reset.window
    );
    Some(Test { name: "window-code", weight: 0.0, measured })
}

/// An explanation without what stood in a packet.
pub fn without_payload(explanation: &str) -> String {
    match explanation.split_once(BEFORE) {
        Some((before, rest)) => {
            let behind = rest.rsplit_once(BEHIND).map_or("", |(_, behind)| behind);
            format!("{before}{BEFORE}…{BEHIND}{behind}")
        }
        None => explanation.to_owned(),
    }
}

/// What stands around the text of a reset.
const BEFORE: &str = "Its payload reads “";
const BEHIND: &str = "”";

/// `NetScaler`'s codes that concern a gateway, by Citrix's "What's that `NetScaler` reset packet?" (2014) and the tables made since.
const CODES: [(&[u16], &str); 13] = [
    (&[8201, 8202], "a stray segment"),
    (&[8204, 8205], "numbers of a SYN or ACK that do not fit"),
    (&[8208], "too many retransmissions"),
    (&[8209], "out of memory"),
    (&[8211], "idle connections are cleaned up"),
    (&[8212], "a SYN for which there is no service"),
    (&[9212], "an invalid request"),
    (&[9300, 9301, 9302, 9303], "idle timeout, or the service went down"),
    (&[9304], "the window stayed at zero"),
    (&[9310], "no answer to keep-alive probes"),
    (&[9400, 9401], "its pool of connections was emptied"),
    (&[9700, 9701], "a reset of the other side is passed on"),
    (&[9811, 9812, 9814, 9826, 9830], "a TLS alert, a removed entity, a policy, no buffers or an access list"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_has_two_meanings() {
        let mut codes: Vec<u16> = CODES.iter().flat_map(|(codes, _)| codes.iter().copied()).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn payload_is_taken_out_of_an_explanation() {
        let told = format!("A RST came. {BEFORE}customer “9” at 10.0.0.1{BEHIND}. It was late.");
        let kept = without_payload(&told);
        assert!(!kept.contains("customer") && !kept.contains("10.0.0.1"), "{kept}");
        assert!(kept.starts_with("A RST came.") && kept.ends_with("It was late."), "{kept}");
        assert_eq!(without_payload("Nothing of the kind."), "Nothing of the kind.");
    }
}
