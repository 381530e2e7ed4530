//! Zeek's words: `conn_state` and `history` of connection lives.
//!
//! What is expected is Zeek's: the documentation of conn.log in `scripts/base/protocols/conn/main.zeek` with its function
//! `conn_state`, and where that leaves it open, what `src/packet_analysis/protocol/tcp/TCPSessionAdapter.cc` does.

use std::fmt::Write as _;

use wirecause::track::Connection;

use crate::scenario_packets::{Parties, draw, track};

/// A life, the state, the history, and the reason where it is not the definition itself.
type Row = (&'static [&'static str], &'static str, &'static str, &'static str);

const OPEN: [&str; 3] = ["0 > S", "0.01 < S.", "0.01 > ."];
const TALK: [&str; 4] = ["0.02 > P. GET /", "0.03 < .", "0.04 < P. 200 body=10", "0.04 > ."];

/// Lives that begin with a handshake; after it and one exchange, what follows.
const OPENED: &[Row] = &[
    (&[], "S1", "ShADad", "established, not ended"),
    (&["1 > F."], "S2", "ShADadF", "only the originator closed"),
    (&["1 < F."], "S3", "ShADadf", "only the responder closed"),
    (&["1 > F.", "1.01 < F.", "1.01 > ."], "SF", "ShADadFf", "both closed"),
    (&["1 < F.", "1.01 > F.", "1.02 < ."], "SF", "ShADadfF", "both closed, the responder first"),
    (&["1 > R."], "RSTO", "ShADadR", "the originator reset"),
    (&["1 < R."], "RSTR", "ShADadr", "the responder reset"),
    (&["1 > R.", "1.01 < R."], "RSTR", "ShADadRr", "the responder's reset is looked at first"),
    (&["1 < F.", "1.1 > P. GET /", "1.11 < R"], "RSTR", "ShADadfr", "FIN and then RST of one side"),
    (&["1 > F.", "1.01 < R."], "RSTR", "ShADadFr", "a RST in answer to a FIN"),
    (
        &["1 < R seq=1", "1.1 < R seq=1", "1.2 < R seq=49"],
        "RSTR",
        "ShADadrr",
        "r again only where its number differs from the last one's",
    ),
    (
        &["1 > P. GET /b", "1.01 < P. 200 body=5 lost", "1.3 < P. again"],
        "S1",
        "ShADadt",
        "payload of the responder sent again",
    ),
    (&["1 > F.", "1.3 > F.", "1.31 < F."], "SF", "ShADadFf", "a FIN with the same number is written once"),
    (&["1 > P. GET / lost", "1.2 > P. again"], "S1", "ShADadT", "payload sent again"),
    (&["1 < . win=0"], "S1", "ShADadw", "a zero window"),
    (&["1 > . win=0"], "S1", "ShADadW", "a zero window of the originator"),
    (
        &[
            "1 < . win=0",
            "2 < . win=0",
            "3 < . win=0",
            "4 < . win=0",
            "5 < . win=0",
            "6 < . win=0",
            "7 < . win=0",
            "8 < . win=0",
            "9 < . win=0",
            "10 < . win=0",
        ],
        "S1",
        "ShADadww",
        "the second w says ten",
    ),
    (
        &["1 > . GET / lost", "1.2 > . again lost", "1.4 > . again lost", "1.8 > P. again"],
        "S1",
        "ShADadT",
        "three copies are less than ten",
    ),
];

/// What Zeek does beyond its words, by its source.
const FINER: &[Row] = &[
    (
        &["1 > F.", "1.01 < F.", "1.02 > R"],
        "SF",
        "ShADadFfR",
        "UpdateClosedState: a RST after both FINs changes no state",
    ),
    (
        &["1 < F.", "1.01 < R.", "1.02 > F."],
        "SF",
        "ShADadfrF",
        "UpdateEstablishedState: FIN and RST of the peer, then the other's FIN, was a normal termination",
    ),
    (&["1 > FR."], "RSTO", "ShADadI", "FIN and RST in one segment of the originator"),
    (&["1 < FR."], "RSTR", "ShADadi", "FIN and RST in one segment"),
    (&["1 > F.", "1.1 < . win=0"], "S2", "ShADadF", "update_window: no window matters after the peer's FIN"),
];

/// Lives told from their first packet.
const WHOLE: &[Row] = &[
    (&["0 > S"], "S0", "S", "no reply"),
    (&["0 > S", "1 > S", "3 > S"], "S0", "S", "a SYN with the same number is written once"),
    (&["0 > S", "0.01 < R."], "REJ", "Sr", "rejected"),
    (&["0 > S", "0.01 < R"], "REJ", "Sr", "rejected by a bare RST"),
    (&["0 > S", "0.01 < S.", "0.01 > R", "0.02 < R."], "REJ", "ShRr", "both reset and no byte was sent"),
    (&["0 > S", "0.01 < S."], "S1", "Sh", "Zeek takes the SYN-ACK for the establishment"),
    (&["0 > S", "0.01 < S.", "0.01 > ."], "S1", "ShA", "established without a byte"),
    (&["0 > S", "0.01 < S.", "1.01 < S.", "1.01 > ."], "S1", "ShA", "a SYN-ACK sent again"),
    (&["0 > S", "0.01 < S.", "0.01 > R"], "RSTO", "ShR", "reset in place of the last step"),
    (&["0 > S", "0.5 > R"], "RSTOS0", "SR", "SYN and RST, no SYN-ACK"),
    (&["0 < S.", "0.5 < R."], "RSTRH", "^hr", "SYN-ACK and RST, no SYN"),
    (&["0 > S", "0.5 > F"], "SH", "SF", "SYN and FIN, no SYN-ACK"),
    (&["0 < S.", "0.5 < F."], "SHR", "^hf", "SYN-ACK and FIN, no SYN"),
    (&["0 > P. more=10", "0.01 < .", "0.02 < P. more=10", "0.02 > ."], "OTH", "DadA", "mid-stream"),
    (&["0 > .", "0.01 < ."], "OTH", "Aa", "mid-stream without a byte"),
    (
        &["0 > P. more=10", "0.01 < P. more=10", "1 > F.", "1.01 < F.", "1.01 > ."],
        "SF",
        "DdFfA",
        "begun before the capture, closed within it",
    ),
    (&["0 > P. more=10", "0.01 < .", "1 < R."], "RSTRH", "Dar", "a partial originator counts as inactive"),
    (&["0 > P. more=10", "0.01 < .", "1 > R."], "OTH", "DaR", "a partial responder counts as inactive"),
    (
        &["0 > S", "0.01 < S.", "0.02 > P. GET /", "0.03 < .", "0.04 < FP. 200 body=3"],
        "S3",
        "ShDaf",
        "update_history: a FIN with payload is only f",
    ),
    (&["0 < P. more=10", "0.001 > .", "0.5 > P. more=10"], "OTH", "^dAD", "8080 is a likely server port"),
    (&["0 > S GET /", "0.01 < S."], "S1", "Sh", "UpdateHistory: a SYN with payload is only S"),
    (&["0 > S", "0.01 < S.", "0.02 < SR."], "RSTR", "Shq", "SYN and RST in one segment"),
    (
        &["0 > S", "0.01 < . seq=90000 ack=80000 stray", "0.011 > R seq=80000 stray", "1 > S", "1.01 < S.", "1.02 > ."],
        "S1",
        "SaRhA",
        "a SYN that met TIME-WAIT: the ACK and the RST are of the connection before",
    ),
    (&["0 > SF", "1 > SF"], "SH", "Q", "SYN and FIN in one segment"),
    (&["0 < S.", "0.01 > .", "0.02 > P. GET /", "0.03 < P. 200 body=1"], "S1", "^hADd", "only the SYN was missed"),
    (&["0 < S.", "0.01 > .", "0.02 > P. GET /", "0.03 < R."], "RSTR", "^hADr", "and the originator established"),
    (
        &["0 > S", "0.001 < S", "0.01 > S.", "0.011 < S.", "0.02 > .", "0.021 < ."],
        "S1",
        "SsAa",
        "simultaneous open; SYNs of either kind share one number",
    ),
];

#[test]
fn of_lives_after_a_handshake_and_an_exchange() {
    compare(OPENED, &[&OPEN[..], &TALK].concat());
}

#[test]
fn of_lives_that_only_the_source_decides() {
    compare(FINER, &[&OPEN[..], &TALK].concat());
}

#[test]
fn of_whole_lives() {
    compare(WHOLE, &[]);
}

#[test]
fn every_state_word_is_shown() {
    let words: std::collections::BTreeSet<&str> = OPENED.iter().chain(WHOLE).map(|row| row.1).collect();
    for word in ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"] {
        assert!(words.contains(word), "{word}");
    }
}

/// Of the letters that the documentation of `history` names, all but two: `c` says that a checksum was wrong, which is not looked at,
/// since captures taken on the sending host hold wrong ones; `x` says that Zeek gave up on a connection, which is never done here.
#[test]
fn every_letter_is_shown() {
    let mut shown: std::collections::BTreeSet<char> =
        OPENED.iter().chain(FINER).chain(WHOLE).flat_map(|row| row.2.chars()).collect();
    shown.extend(of_gap_lives().into_iter().flat_map(|(_, history)| history.chars()));
    for letter in "shadfrgtwiq".chars() {
        assert!(shown.contains(&letter), "{letter} of the responder");
        let upper = letter.to_ascii_uppercase();
        // A SYN-ACK of the originator needs both ends to open, and is written as the SYN that it repeats (`numbered` letters).
        assert!(letter == 'h' || shown.contains(&upper), "{upper} of the originator");
    }
    assert!(shown.contains(&'^'));
}

/// A gap belongs to the side whose bytes are missing, and is seen when the other one acknowledges them.
#[test]
fn of_gaps() {
    for (lines, history) in of_gap_lives() {
        assert_eq!(only(&lines).history, history, "{lines:?}");
    }
}

fn of_gap_lives() -> [(Vec<&'static str>, &'static str); 2] {
    let unseen_answer = ["0.02 > P. GET /", "0.04 < P. 200 body=10 unseen", "0.04 > .", "0.05 < P. more=5"];
    let unseen_request = ["0.02 > P. GET / unseen", "0.04 < P. 200 body=10"];
    [
        ([&OPEN[..], &unseen_answer].concat(), "ShADgd"),
        // Process: update_history writes d before AckReceived finds the gap.
        ([&OPEN[..], &unseen_request].concat(), "ShAdG"),
    ]
}

fn compare(rows: &[Row], before: &[&'static str]) {
    let mut faults = String::new();
    for (lines, state, history, why) in rows {
        let lines = [before, lines].concat();
        let connection = only(&lines);
        let found = (connection.state().word(), connection.history.as_str());
        if found != (*state, *history) {
            let _ = writeln!(faults, "{lines:?}: {found:?}, not {:?} ({why})", (state, history));
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

fn only(lines: &[&str]) -> Connection {
    let (mut connections, _) = track(draw(&Parties::new(40_001), 0.0, lines)).finish();
    assert_eq!(connections.len(), 1, "{lines:?}: {connections:#?}");
    connections.remove(0).open()
}
