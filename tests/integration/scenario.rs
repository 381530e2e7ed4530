//! Scenarios: log lines and packets of one failure each, and the verdict that is right, in `tests/scenarios`.
//!
//! The whole way is gone: text through the log's scanner, segments through the tracker, join, attribution. How packets are
//! written is said in [`crate::scenario_packets`], what a file holds in [`crate::scenario_file`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use wirecause::{
    attribute::{
        Attribution, Population, attribute,
        case::{Case, Coverage, Wire},
        coverage::Covered,
        decide::Background,
        rules::RULES,
        verdict::Cause,
    },
    join::{JoinConfig, Joined, NameTable, join},
    read::KeptCall,
    track::Connection,
};
use wirecause_parsers::{
    log::{FailedCall, LogOptions, LogScanner},
    payload::dns,
    time::NANOS_PER_SECOND,
};

use crate::{
    harness::root,
    scenario_file::{Expect, FIRST_PORT, Healthy, Scenario},
    scenario_packets::{Parties, at, draw, track},
};

#[test]
fn every_scenario_has_the_verdict_that_is_right() {
    let mut faults = String::new();
    for (name, scenario) in SCENARIOS.iter() {
        let played = Played::new(scenario);
        let found = played.faults();
        if !found.is_empty() {
            let _ = writeln!(faults, "{name}: {}\n{}\n{}", scenario.what, found.join("\n"), played.dump());
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn every_cause_has_a_scenario() {
    let shown: BTreeSet<&str> =
        SCENARIOS.values().flat_map(|scenario| &scenario.call).map(|call| call.expect.cause.as_str()).collect();
    let missing: Vec<&str> = Cause::ALL.iter().map(|cause| cause.word()).filter(|word| !shown.contains(word)).collect();
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
    let unknown: Vec<&&str> =
        shown.iter().filter(|word| !Cause::ALL.iter().any(|cause| cause.word() == **word)).collect();
    assert!(unknown.is_empty(), "no such cause: {unknown:?}");
}

/// Without a cause's rule, some scenario of that cause gets another verdict: the rule is needed, and the scenarios would
/// notice its absence.
#[test]
fn without_its_rule_a_cause_is_missed() {
    let mut unnoticed = Vec::new();
    for rule in &RULES {
        let noticed = SCENARIOS.values().any(|scenario| {
            let played = Played::new(scenario);
            scenario.call.iter().enumerate().any(|(call, expected)| {
                expected.expect.cause == rule.cause.word() && played.judge_without(call, rule.cause) != Some(rule.cause)
            })
        });
        if !noticed {
            unnoticed.push(rule.cause.word());
        }
    }
    assert!(unnoticed.is_empty(), "left out, and nothing fails: {unnoticed:?}");
}

/// The order of the table is needed where a later rule would take a scenario of an earlier one. Each pair that the scenarios
/// hold apart is one that they would notice turned round.
#[test]
fn the_order_of_rules_is_held_by_scenarios() {
    let mut held: BTreeSet<(&str, &str)> = BTreeSet::new();
    for scenario in SCENARIOS.values() {
        let played = Played::new(scenario);
        for call in 0..scenario.call.len() {
            let fitting = played.fitting(call);
            let Some((first, later)) = fitting.split_first() else { continue };
            held.extend(later.iter().map(|later| (first.word(), later.word())));
        }
    }
    for pair in ORDER {
        assert!(held.contains(&pair), "{pair:?} can be turned round unnoticed; held are {held:#?}");
    }
}

/// Pairs of rules whose order the table's comments or the design give a reason for: the first one's observation is the more
/// telling one where both fit.
const ORDER: [(&str, &str); 10] = [
    ("injected-reset", "aborted-awaiting-response"),
    ("idle-expiry-in-path", "stale-connection-reuse"),
    ("stale-connection-reuse", "aborted-during-request"),
    ("stale-connection-reuse", "closed-awaiting-response"),
    ("mtu-black-hole", "slow-response"),
    ("accept-queue-overflow", "silent-drop"),
    ("receiver-stalled", "slow-response"),
    ("silent-drop", "path-loss"),
    ("rejected-after-accept", "closed-awaiting-response"),
    ("path-loss", "aborted-awaiting-response"),
];

#[test]
fn unknown_keys_are_refused() {
    let text = fs::read_to_string(folder().join("slow-response/plain.toml")).unwrap();
    assert!(toml::from_str::<Scenario>(&text).is_ok());
    for more in ["nonsense = 1", "[call.expect]\nresponsable = \"backend\""] {
        let with_more =
            if more.starts_with('[') { text.replace("[call.expect]", more) } else { format!("{more}\n{text}") };
        assert!(toml::from_str::<Scenario>(&with_more).is_err(), "{more:?} was taken");
    }
}

/// All scenarios by name: folder and file, which is the cause and what is special about it.
static SCENARIOS: LazyLock<BTreeMap<String, Scenario>> = LazyLock::new(|| {
    let mut scenarios = BTreeMap::new();
    for directory in entries(&folder()) {
        for file in entries(&directory) {
            let text = fs::read_to_string(&file).unwrap();
            let scenario: Scenario =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let name = file.strip_prefix(folder()).unwrap().with_extension("").to_string_lossy().into_owned();
            let cause = name.split(['/', '\\']).next().unwrap_or_default();
            assert!(
                cause == "traps" || scenario.call.iter().any(|call| call.expect.cause == cause),
                "{name} expects another cause than its folder's"
            );
            scenarios.insert(name, scenario);
        }
    }
    scenarios
});

fn folder() -> PathBuf {
    root().join("tests/scenarios")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

/// A scenario that went the whole way.
struct Played<'a> {
    scenario: &'a Scenario,
    calls: Vec<FailedCall>,
    connections: Vec<Connection>,
    names: NameTable,
    population: Population,
    joined: Joined,
    verdicts: Vec<Attribution>,
}

impl<'a> Played<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let calls = calls(scenario);
        assert_eq!(calls.len(), scenario.call.len(), "the log's scanner found other calls: {calls:#?}");
        let (connections, _) = track(packets(scenario)).finish();
        let names = names(scenario);
        let span = (at(scenario.span[0]), at(scenario.span[1]));
        let population = Population::new(&connections, Covered::whole(Some(span)));
        let offset = (scenario.clock_offset * NANOS_PER_SECOND as f64) as i64;
        let config = JoinConfig { clock_offset: (!scenario.estimate_clock).then_some(offset), ..JoinConfig::default() };
        let kept: Vec<KeptCall> = calls.iter().cloned().map(KeptCall::from).collect();
        let references: Vec<&KeptCall> = kept.iter().collect();
        let joined = join(&references, &connections, &names, &config);
        let verdicts = attribute(&Background {
            calls: &references,
            connections: &connections,
            joined: &joined,
            names: &names,
            population: &population,
        });
        let connections = connections.iter().map(wirecause::track::Finished::open).collect();
        Self { scenario, calls, connections, names, population, joined, verdicts }
    }

    /// What differs from what the file expects.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (call, expected) in self.scenario.call.iter().enumerate() {
            let mut of_call = Faults(Vec::new());
            self.compare(call, &expected.expect, &mut of_call);
            faults.extend(of_call.0.into_iter().map(|fault| format!("  call {}: {fault}", call + 1)));
        }
        faults
    }

    fn compare(&self, call: usize, expect: &Expect, faults: &mut Faults) {
        let (verdict, found) = (&self.verdicts[call], &self.joined.matches[call]);
        let evidence = &verdict.evidence;
        faults.want("cause", Some(&expect.cause), Some(verdict.cause.word()));
        for word in &expect.also_possible {
            let has = verdict.also_possible.iter().any(|cause| cause.word() == word);
            faults.check(has, || format!("also_possible lacks {word}: {:?}", verdict.also_possible));
        }
        for word in &expect.not_possible {
            let has = verdict.also_possible.iter().any(|cause| cause.word() == word);
            faults.check(!has, || format!("also_possible has {word}"));
        }
        faults.want(
            "responsible",
            expect.responsible.as_ref(),
            Some(verdict.responsible.map_or("", |side| side.word())),
        );
        faults.want("health", expect.health.as_ref(), Some(evidence.health.map_or("", |health| health.word())));
        faults.want("match", expect.matched.as_ref(), Some(found.certainty.word()));
        faults.want("symptom", expect.symptom.as_ref(), Some(self.calls[call].failure.symptom.word()));
        faults.want("ended_by", expect.ended_by.as_ref(), evidence.ended_by);
        faults.want("ending", expect.ending.as_ref(), evidence.ending);
        faults.want("reset_shape", expect.reset_shape.as_ref(), evidence.reset_shape);
        faults.want("reset_ttl", expect.reset_ttl.as_ref(), evidence.reset_ttl);
        faults.want("exchange", expect.exchange.as_ref(), evidence.exchange);
        faults.want("request_bytes", expect.request_bytes.as_ref(), evidence.request_bytes);
        faults.want("acked_bytes", expect.acked_bytes.as_ref(), evidence.acked_bytes);
        faults.want("response_bytes", expect.response_bytes.as_ref(), evidence.response_bytes);
        faults.want("retransmissions", expect.retransmissions.as_ref(), evidence.retransmissions);
        faults.want(
            "peer_closed_before_send",
            expect.peer_closed_before_send.as_ref(),
            evidence.peer_closed_before_send,
        );
        let near = |wanted: Option<f64>, nanos: Option<i64>| {
            wanted.is_none_or(|wanted| nanos.is_some_and(|nanos| (nanos as f64 / 1e9 - wanted).abs() < 0.001))
        };
        faults.check(near(expect.idle_before_s, evidence.idle_before), || {
            format!("idle_before {:?}", evidence.idle_before)
        });
        faults.check(near(expect.wait_s, evidence.wait), || format!("wait {:?}", evidence.wait));
        let (low, high) = (expect.min_confidence.unwrap_or(0.0), expect.max_confidence.unwrap_or(1.0));
        faults.check((low..=high).contains(&verdict.confidence), || format!("confidence {}", verdict.confidence));
        let number = |connection: &usize| self.connections[*connection].originator.port - FIRST_PORT + 1;
        faults.want("connection", expect.connection.as_ref(), Some(found.connection().as_ref().map_or(0, number)));
        let earlier: Vec<u16> = self.joined.earlier(call).iter().map(number).collect();
        faults.check(expect.earlier.as_ref().is_none_or(|expected| *expected == earlier), || {
            format!("earlier {earlier:?}")
        });
        for piece in &expect.says {
            faults.check(verdict.explanation.contains(piece), || format!("the explanation lacks {piece:?}"));
        }
        for piece in &expect.says_not {
            faults.check(!verdict.explanation.contains(piece), || format!("the explanation has {piece:?}"));
        }
        // Whatever the verdict: an explanation is one or more whole sentences.
        faults.check(verdict.explanation.ends_with('.'), || "the explanation does not end as a sentence".into());
    }

    fn dump(&self) -> String {
        let mut text = String::new();
        for (call, verdict) in self.calls.iter().zip(&self.verdicts) {
            let _ = writeln!(text, "    {} {}: {}", call.failure.symptom, verdict.cause, verdict.explanation);
            let _ = writeln!(text, "    {:?}, also {:?}", verdict.responsible, verdict.also_possible);
            let _ = writeln!(text, "    {:?}", verdict.evidence);
        }
        for (found, call) in self.joined.matches.iter().zip(0..) {
            let _ = writeln!(text, "    {:?} {:?} of {:?}", found.certainty, found.chosen(), found.candidates);
            let fitting: Vec<&str> = self.fitting(call).iter().map(|cause| cause.word()).collect();
            let _ = writeln!(text, "    fitting: {fitting:?}");
        }
        for connection in self.connections.iter().filter(|connection| connection.originator.port >= FIRST_PORT) {
            let _ = writeln!(
                text,
                "    port {}: {} {}, {:#?} {:#?}",
                connection.originator.port,
                connection.state().word(),
                connection.history,
                connection.exchanges.current(),
                connection.resets
            );
        }
        text
    }

    /// The causes of all rules that fit, in the table's order.
    fn fitting(&self, call: usize) -> Vec<Cause> {
        let case = self.case(call);
        RULES.iter().filter(|rule| (rule.test)(&case).is_some()).map(|rule| rule.cause).collect()
    }

    fn judge_without(&self, call: usize, left_out: Cause) -> Option<Cause> {
        self.fitting(call).into_iter().find(|cause| *cause != left_out)
    }

    fn case(&self, call: usize) -> Case<'_> {
        let (failed, found) = (&self.calls[call], &self.joined.matches[call]);
        let endpoint = &self.joined.endpoints[found.endpoint as usize];
        let line = self.joined.clock.to_capture(failed.time);
        let (first, last) = self.population.covered.span.unwrap();
        let coverage = if line < first || line > last {
            Coverage::OtherTime
        } else if endpoint.connections.is_empty() {
            Coverage::OtherHost
        } else {
            Coverage::Full
        };
        let connection = found.chosen().map(|spot| {
            let connection = &self.connections[spot.connection()];
            let anchor = self.joined.anchor(found, &failed.failure, spot, connection).unwrap();
            Wire::new(connection, anchor, line, self.population.peer(connection.responder))
        });
        let queries = self.names.queries(&failed.failure.target.host);
        Case {
            call: failed,
            line,
            endpoint,
            queries,
            coverage,
            since_begin: None,
            asked_seen: true,
            interrupted: false,
            named: !self.names.addresses(&failed.failure.target.host).is_empty(),
            other_port: false,
            frames_cut: 0,
            misses_handshakes: false,
            unheard: None,
            connection,
        }
    }
}

/// Differences of one call.
struct Faults(Vec<String>);

impl Faults {
    fn want<W, F>(&mut self, what: &str, wanted: Option<&W>, found: Option<F>)
    where
        W: std::fmt::Debug,
        F: std::fmt::Debug + PartialEq<W>,
    {
        match (wanted, found) {
            (Some(wanted), Some(found)) => {
                self.check(found == *wanted, || format!("{what} is {found:?}, not {wanted:?}"));
            }
            (Some(wanted), None) => self.check(false, || format!("{what} is unknown, not {wanted:?}")),
            (None, _) => {}
        }
    }

    fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.0.push(fault());
        }
    }
}

/// The calls that the scanner finds in the scenario's log.
fn calls(scenario: &Scenario) -> Vec<FailedCall> {
    let mut lines: Vec<(f64, String)> = Vec::new();
    for (thread, call) in (71..).zip(&scenario.call) {
        let url = &call.url;
        let mut add = |seconds: f64, level: &str, text: &str| {
            let stamp = at(seconds + scenario.clock_offset).to_string();
            lines.push((seconds, format!("{}+0000 {level:<7} {thread} {text}\n", &stamp[..23])));
        };
        for seconds in call.request_before.into_iter().chain(call.processing) {
            add(seconds, "INFO", "com.l7tech.server.message: Processing request for service: Api [/api]");
        }
        for retry in &call.retries {
            let logger = "org.apache.http.impl.execchain.RetryExec";
            let target = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            let caught = format!("caught when processing request to {{}}->{target}: {}", retry.error);
            add(retry.at, "INFO", &format!("{logger}: I/O exception (java.net.SocketException) {caught}"));
            add(retry.at, "INFO", &format!("{logger}: Retrying request to {{}}->{target}"));
        }
        let assertion = "com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion";
        let reason = format!("Unable to obtain HTTP response from {url}: {}", call.error);
        add(call.at, "WARNING", &format!("{assertion}: 4042: Problem routing to {url}. Error msg: {reason}"));
        if let Some(took) = call.took_ms {
            let detail = "com.l7tech.server.policy.assertion.ServerAuditDetailAssertion: -4";
            add(call.at, "INFO", &format!("{detail}: routing finished in {took} ms"));
        }
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut scanner = LogScanner::new(LogOptions::default());
    for (_, line) in &lines {
        scanner.feed(line.as_bytes());
    }
    scanner.finish().calls
}

fn names(scenario: &Scenario) -> NameTable {
    let mut names = NameTable::default();
    if scenario.in_hosts_file {
        names.add_hosts([("api.example".to_owned(), parties(scenario, 0).peer.address)]);
    }
    for (id, query) in (1..).zip(&scenario.dns) {
        let question = dns::Message {
            id,
            response: false,
            rcode: 0,
            question: Some((query.name.clone(), 1)),
            addresses: vec![],
            aliases: vec![],
        };
        names.add_message(at(query.at), question.id, &question);
        if let Some(rcode) = query.rcode {
            let addresses = query.addresses.iter().map(|address| (query.name.clone(), *address, 60)).collect();
            let answer = dns::Message { response: true, rcode, addresses, ..question };
            names.add_message(at(query.at + 0.001), answer.id, &answer);
        }
    }
    names
}

fn parties(scenario: &Scenario, gateway_port: u16) -> Parties {
    let mut parties = Parties::new(gateway_port);
    parties.peer.port = scenario.port;
    parties.peer_ttl = scenario.peer_ttl;
    parties.timestamps = scenario.timestamps;
    if let Some(peer) = scenario.peer {
        parties.peer.address = peer;
    }
    if let Some(isn) = scenario.isn {
        parties.isn = isn;
    }
    if parties.peer.address.is_ipv6() {
        parties.gateway.address = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 5]);
    }
    parties
}

fn packets(scenario: &Scenario) -> Vec<crate::scenario_packets::Packet> {
    let mut packets = Vec::new();
    let mut port = 20_000;
    for group in &scenario.healthy {
        for number in 0..group.count {
            let start = group.at + f64::from(number);
            packets.extend(draw(&parties(scenario, port), start, &healthy(group)));
            port += 1;
        }
    }
    for (number, connection) in (0..).zip(&scenario.connection) {
        let mut parties = parties(scenario, connection.gateway_port.unwrap_or(FIRST_PORT + number));
        parties.isn = connection.isn.unwrap_or(parties.isn);
        parties.gateway.address = connection.client.unwrap_or(parties.gateway.address);
        parties.peer.address = connection.peer.unwrap_or(parties.peer.address);
        packets.extend(draw(&parties, connection.at, &connection.packets));
    }
    packets
}

/// The packets of one connection of a group.
fn healthy(group: &Healthy) -> Vec<String> {
    let rtt = group.rtt_ms / 1000.0;
    let mut lines = vec!["0 > S".to_owned(), format!("{rtt} < S."), format!("{rtt} > .")];
    let mut now = rtt;
    let waits = std::iter::once(0.0).chain(group.idle_s.iter().copied());
    for (number, wait) in waits.enumerate() {
        now += wait;
        if group.lossy && number == 0 {
            lines.push(format!("{now} > P. GET /healthy lost"));
            now += 0.25;
            lines.push(format!("{now} > P. again"));
        } else {
            lines.push(format!("{now} > P. GET /healthy"));
        }
        now += rtt;
        lines.push(format!("{now} < ."));
        now += group.takes_s + 0.001;
        lines.push(format!("{now} < P. 200 body=100"));
        lines.push(format!("{now} > ."));
    }
    let (first, second) = if group.peer_closes_after_s.is_some() { ('<', '>') } else { ('>', '<') };
    now += group.peer_closes_after_s.unwrap_or(0.1);
    lines.push(format!("{now} {first} F."));
    now += rtt;
    lines.push(format!("{now} {second} F."));
    now += rtt;
    lines.push(format!("{now} {first} ."));
    lines
}
