//! What the population of the played incidents shows, against how their backends were set up.

use crate::{
    harness::{Row, Scratch, read_csv},
    incidents,
};

#[test]
fn harbor() {
    let Some(findings) = findings("harbor") else { return };
    // Timeouts of its backends: keep-alive 2.0 s; the TLS one cuts calls at 3.0 s, the balancer at 2.5 s.
    bracket_holds(&findings, "idle-timeout", 2.0);
    bracket_holds(&findings, "response-timeout", 3.0);
    bracket_holds(&findings, "response-timeout", 2.5);
    restart_took(&findings, 10.0);
    clock_offset_is(&findings, 0.0);
    says_how_far_captures_reach(&findings);
}

#[test]
fn meadow() {
    let Some(findings) = findings("meadow") else { return };
    bracket_holds(&findings, "idle-timeout", 1.2);
    bracket_holds(&findings, "response-timeout", 2.2);
    bracket_holds(&findings, "response-timeout", 1.8);
    restart_took(&findings, 6.0);
    // Its log's clock is 1.7 s ahead of the capture's.
    clock_offset_is(&findings, 1.7);
    says_how_far_captures_reach(&findings);
}

fn findings(name: &str) -> Option<Vec<Row>> {
    let folder = incidents::folder()?;
    let scratch = Scratch::new(&format!("findings-{name}"));
    incidents::analyze(&scratch, &folder.join(name), "gateway", &[]);
    Some(read_csv(&scratch.path("out/findings.csv")))
}

fn of<'a>(findings: &'a [Row], kind: &str) -> Vec<&'a Row> {
    findings.iter().filter(|row| row.get("finding") == kind).collect()
}

/// Some finding of this kind has a bracket, at most a fifth of the value wide on either side, that holds the value.
/// A wait measured at the gateway is longer than the backend's timer by what packets and timers take: 50 ms are allowed.
fn bracket_holds(findings: &[Row], kind: &str, value: f64) {
    let rows = of(findings, kind);
    let holds = |row: &&Row| {
        let (Some(low), Some(high)) = (seconds(row, "value_low"), seconds(row, "value_high")) else { return false };
        low - 0.05 <= value && value <= high + 0.05 && high - low <= 0.4 * value
    };
    assert!(rows.iter().any(holds), "no {kind} holds {value} s: {rows:#?}");
}

fn restart_took(findings: &[Row], calls: f64) {
    let rows = of(findings, "peer-restart");
    assert!(rows.iter().any(|row| row.number("calls") >= Some(calls)), "no restart took {calls} calls: {rows:#?}");
}

/// Within 20 ms.
fn clock_offset_is(findings: &[Row], value: f64) {
    let rows = of(findings, "clock-offset");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let (low, high) = (seconds(rows[0], "value_low").unwrap(), seconds(rows[0], "value_high").unwrap());
    assert!((f64::midpoint(low, high) - value).abs() <= 0.02, "{value} s: {rows:#?}");
}

fn says_how_far_captures_reach(findings: &[Row]) {
    assert!(!of(findings, "coverage").is_empty(), "{findings:#?}");
}

fn seconds(row: &Row, column: &str) -> Option<f64> {
    let scale = match row.get("unit") {
        "s" => 1.0,
        "ms" => 1e-3,
        _ => return None,
    };
    Some(row.number(column)? * scale)
}
