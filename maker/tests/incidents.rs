//! Whole incidents: the same for the same seed, with every cause, and with a truth that points at the log.

use std::collections::BTreeSet;
use wirecause_maker::{Incident, Profile, draw};

const CAUSES: [&str; 24] = [
    "no-traffic-captured",
    "pool-exhausted",
    "gateway-resources",
    "gateway-abort",
    "name-resolution",
    "unreachable",
    "connect-timeout",
    "connection-refused",
    "tls-handshake-failure",
    "injected-reset",
    "stale-connection-reuse",
    "idle-expiry-in-path",
    "mtu-black-hole",
    "silent-drop",
    "accept-queue-overflow",
    "path-loss",
    "receiver-stalled",
    "rejected-after-accept",
    "aborted-during-request",
    "aborted-awaiting-response",
    "closed-awaiting-response",
    "aborted-during-response",
    "closed-during-response",
    "slow-response",
];

fn thirty() -> Vec<Incident> {
    (1..=30).map(|seed| draw(seed, Profile::Mixed)).collect()
}

#[test]
fn a_seed_gives_the_same_incident_again() {
    for profile in [Profile::Immediate, Profile::Batched, Profile::Cut96, Profile::Mixed] {
        assert_eq!(draw(7, profile), draw(7, profile));
    }
    assert_ne!(draw(7, Profile::Mixed).capture, draw(8, Profile::Mixed).capture);
}

#[test]
fn every_cause_appears_as_main_cause() {
    let mut met = BTreeSet::new();
    for incident in thirty() {
        for row in &incident.truth {
            for cause in row.causes.split('|') {
                assert!(CAUSES.contains(&cause), "{cause}");
            }
            met.insert(row.causes.split('|').next().unwrap_or_default().to_owned());
        }
    }
    assert_eq!(met, CAUSES.iter().map(|c| (*c).to_owned()).collect());
}

#[test]
fn truth_points_at_the_lines_that_report_the_call() {
    for incident in thirty() {
        let lines: Vec<&str> = incident.log.lines().collect();
        assert!((20..600).contains(&incident.truth.len()), "{} failures", incident.truth.len());
        let mut taken = BTreeSet::new();
        for row in &incident.truth {
            let head = lines[row.first_line - 1];
            assert!(head.starts_with(&row.log_time), "{head}");
            assert!(head.contains(&format!("from {}: ", row.url)), "{head}");
            for (first, last) in [(row.first_line, row.last_line), (row.also_first, row.also_last)] {
                for n in first.max(1)..=last {
                    assert!(taken.insert(n), "line {n} reports two calls");
                }
            }
            if row.also_first > 0 {
                assert!(lines[row.also_first - 1].contains("SEVERE"));
                let class = row.symptom.split(':').next().unwrap_or_default();
                assert!(lines[row.also_last - 1].starts_with(class));
            }
        }
        let reported = lines
            .iter()
            .filter(|l| l.contains("4042: Problem routing") || l.contains("Assertion: Error occurred"))
            .count();
        let entries = incident.truth.iter().map(|r| 1 + usize::from(r.also_first > 0)).sum::<usize>();
        assert_eq!(reported, entries, "each report is some call's");
    }
}

#[test]
fn captures_hold_whole_records_and_the_ports_of_the_truth() {
    for incident in thirty() {
        let bytes = &incident.capture;
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let link = match word(20) {
            1 => 14,
            276 => 20,
            _ => 0,
        };
        let (mut at, mut ports) = (24, BTreeSet::new());
        while at < bytes.len() {
            let (kept, whole) = (word(at + 8) as usize, word(at + 12) as usize);
            assert!(kept <= whole && kept <= word(16) as usize);
            let ip = &bytes[at + 16 + link..at + 16 + kept];
            let (protocol, header) = if ip[0] >> 4 == 4 { (ip[9], 20) } else { (ip[6], 40) };
            if protocol == 6 {
                ports.insert(u16::from_be_bytes([ip[header], ip[header + 1]]));
                ports.insert(u16::from_be_bytes([ip[header + 2], ip[header + 3]]));
            }
            at += 16 + kept;
        }
        assert_eq!(at, bytes.len());
        for row in &incident.truth {
            if let Some(port) = row.local_port {
                assert!(ports.contains(&port), "port {port} of call {} is not in the capture", row.call);
            }
        }
    }
}
