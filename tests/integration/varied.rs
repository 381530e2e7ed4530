//! Drawn incidents whose logs and captures are worse than the profiles draw them: what can be judged is judged right, what cannot is
//! left open, and nothing wrong is told for sure.
//!
//! `WIRECAUSE_SEED=N` draws others, from seed `N` on; `WIRECAUSE_INCIDENTS=N` draws that many of each profile; `WIRECAUSE_LIST=1` lists the
//! calls whose cause is not right.

use std::{env, fmt::Write as _};

use wirecause_maker::{Incident, Profile, Variation, draw_varied, truth};

use crate::{
    drawn::{analyzed, from_environment},
    figures::{Bounds, FIGURES, Tally, True, low_is_good},
    harness::{Row, parse_csv},
};

/// Stamps without a zone are read as UTC: the offset to the capture's clock takes the zone in.
#[test]
fn a_log_without_a_zone() {
    play("zoneless", "log-zoneless", |_| None).hold(WHOLE, &[]);
}

#[test]
fn a_log_whose_zone_the_user_names() {
    play("zoneless", "log-zone-named", |incident| Some(incident.zone * 60)).hold(WHOLE, &[]);
}

#[test]
fn backends_behind_a_forward_proxy() {
    held("proxied", WHOLE, &[]);
    held("proxied-cut", TORN, &[]);
}

#[test]
fn names_with_ipv6_and_ipv4_addresses() {
    held("families", WHOLE, &[]);
}

#[test]
fn only_what_arrived_was_captured() {
    held("inward", &[], ONE_WAY);
}

#[test]
fn only_what_left_was_captured() {
    held("outward", &[], ONE_WAY);
}

#[test]
fn a_hole_of_seconds_in_the_capture() {
    let played = play("hole", "hole", |_| None);
    played.hold(WHOLE, HURT);
    let sure = |row: &Row| row.number("confidence").is_some_and(|confidence| confidence >= 0.9);
    for (call, row) in played.blind() {
        assert!(!sure(row) || row.get("cause") == "no-traffic-captured", "{call:?}\n{row:?}");
    }
}

#[test]
fn a_capture_that_dropped_packets() {
    held("dropped", WHOLE, HURT);
}

#[test]
fn a_capture_without_half_of_the_handshakes() {
    held("synless", TORN, HURT);
}

#[test]
fn a_capture_that_starts_late_or_ends_early() {
    held("late", EDGE, &[]);
    held("early", EDGE, &[]);
}

#[test]
fn a_capture_cut_at_54_or_64_bytes() {
    held("cut-54", CUT, &[]);
    held("cut-64", CUT, &[]);
}

/// Cut at 96 bytes few packets hold a name, and here nobody gives the names: the peers are known by request lines, by the connections that they reset
/// while these lay idle, by the addresses that connect errors list, and under a clock that is two minutes off. Before each of these was looked at
/// 0.66, 0.87, 0.42 and 0.61 of the calls were right.
#[test]
fn a_cut_capture_of_which_nobody_gives_the_names() {
    for (seed, least) in [(990_026, 0.95), (770_017, 0.95), (770_032, 0.95), (990_007, 0.70)] {
        let incident = Incident { hosts: String::new(), ..draw_varied(seed, Profile::Cut96, &Variation::default()) };
        let rows = analyzed(&format!("nameless-{seed}"), &incident, None);
        let calls: Vec<True> = parse_csv(&truth::csv(&incident.truth)).iter().map(True::of).collect();
        let right = Tally::of(&calls, &rows).figure("cause");
        assert!(right >= least, "seed {seed}: {right:.3} right, at least {least}");
    }
}

#[test]
fn a_clock_that_drifts() {
    held("drift", WHOLE, &[]);
    held("drift-back", WHOLE, &[]);
}

#[test]
fn a_clock_that_is_set() {
    for name in ["set", "set-back", "nudged", "nudged-back"] {
        held(name, WHOLE, &[]);
    }
}

/// In these incidents so few lines of one half are prompt that no votes show its offset: its calls tell it by what they would be joined to.
#[test]
fn a_clock_that_is_set_where_few_lines_are_prompt() {
    let right = |seed: u64, variation: &str| {
        let incident = draw_varied(seed, Profile::Batched, &Variation::named(variation).unwrap());
        let rows = analyzed(&format!("few-prompt-{variation}-{seed}"), &incident, None);
        let calls: Vec<True> = parse_csv(&truth::csv(&incident.truth)).iter().map(True::of).collect();
        (Tally::of(&calls, &rows).figure("cause") * calls.len() as f64).round()
    };
    for seed in [5003, 7001, 7002, 7006] {
        let (steady, set) = (right(seed, "none"), right(seed, "set"));
        // The lines between the last prompt one before the step and the first behind it may be placed on its wrong side.
        assert!(set + 3.0 >= steady, "seed {seed}: {set} right, {steady} where the clock runs on");
    }
}

fn held(variation: &str, whole: Bounds, hurt: Bounds) {
    play(variation, variation, |_| None).hold(whole, hurt);
}

/// Calls with the rows that tell them.
type Told = Vec<(True, Vec<Row>)>;

/// What was told of the calls of some incidents.
struct Played {
    name: String,
    /// Calls whose packets are all there, as far as there were any.
    whole: Vec<Tally>,
    /// Calls whose connection lacks packets.
    hurt: Vec<Tally>,
    told: Told,
}

/// Plays a variation of some incidents; `zone` is what the user says of the log's zone.
fn play(variation: &str, name: &str, zone: impl Fn(&Incident) -> Option<i32>) -> Played {
    let variation = Variation::named(variation).unwrap();
    let mut played = Played { name: name.into(), whole: Vec::new(), hurt: Vec::new(), told: Vec::new() };
    let first = from_environment("WIRECAUSE_SEED", FIRST_SEED);
    for profile in [Profile::Immediate, Profile::Batched] {
        let mut of_profile = [Tally::default(), Tally::default()];
        for seed in first..first + from_environment("WIRECAUSE_INCIDENTS", INCIDENTS) {
            let incident = draw_varied(seed, profile, &variation);
            let rows = analyzed(&format!("{name}-{profile:?}-{seed}"), &incident, zone(&incident));
            let calls = parse_csv(&truth::csv(&incident.truth));
            let calls = calls.iter().map(True::of).zip(incident.truth.iter().map(|call| call.hurt));
            for (call, hurt) in calls {
                let told: Vec<Row> = rows.iter().filter(|row| call.is_told_by(row)).cloned().collect();
                of_profile[usize::from(hurt)].add(&Tally::of(std::slice::from_ref(&call), &told));
                if env::var_os("WIRECAUSE_LIST").is_some() {
                    list(&format!("{name} {profile:?} {seed}"), &call, &told);
                }
                played.told.push((call, told));
            }
        }
        let [whole, hurt] = of_profile;
        played.whole.push(whole);
        played.hurt.push(hurt);
    }
    played
}

fn list(incident: &str, call: &True, told: &[Row]) {
    for row in told.iter().filter(|row| !call.causes.iter().any(|cause| cause == row.get("cause"))) {
        let text = |column: &str| row.get(column).to_owned();
        let cells =
            ["log_line", "cause", "also_possible", "confidence", "match", "gateway_port", "symptom", "explanation"];
        println!("{incident}: {} port {} told {}", call.causes.join("|"), call.port, cells.map(text).join(" / "));
    }
}

impl Played {
    /// Compares the figures of both kinds of calls with bounds, over both profiles.
    fn hold(&self, whole: Bounds, hurt: Bounds) {
        let mut faults = String::new();
        for (kind, bounds, tallies) in [("whole", whole, &self.whole), ("hurt", hurt, &self.hurt)] {
            let mut all = Tally::default();
            for tally in tallies {
                all.add(tally);
            }
            println!("{}, {kind}: {} calls", self.name, all.calls());
            for figure in FIGURES {
                let each = tallies.iter().map(|tally| format!("{:.4}", tally.figure(figure)));
                println!("    {figure:<10} {:.4}  ({})", all.figure(figure), each.collect::<Vec<_>>().join(", "));
            }
            println!("{}", all.details());
            for (figure, bound) in bounds {
                let measured = all.figure(figure);
                if if low_is_good(figure) { measured > *bound } else { measured < *bound } {
                    let _ = writeln!(faults, "{}, {kind}: {figure} {measured:.4}, bound {bound}", self.name);
                }
            }
        }
        assert!(faults.is_empty(), "\n{faults}");
    }

    /// Calls of which nothing was captured while they ran.
    fn blind(&self) -> impl Iterator<Item = (&True, &Row)> {
        let blind =
            self.told.iter().filter(|(call, _)| call.causes.len() > 1 && call.causes[0] == "no-traffic-captured");
        blind.flat_map(|(call, rows)| rows.iter().map(move |row| (call, row)))
    }
}

/// Calls of which all is there: the goals of every incident. Half of them share URLs and have late lines.
const WHOLE: Bounds = &[
    ("found", 0.995),
    ("cause", 0.96),
    ("wrong", 0.02),
    ("macro", 0.94),
    ("sure", 0.98),
    ("set", 0.99),
    ("misjoined", 0.03),
];
/// Late lines leave open on which side of a capture's edge their calls failed.
const EDGE: Bounds = &[
    ("found", 0.995),
    ("cause", 0.95),
    ("wrong", 0.02),
    ("macro", 0.94),
    ("sure", 0.98),
    ("set", 0.97),
    ("misjoined", 0.035),
];
/// Names that are cut, and handshakes that are missing on other connections, leave some calls less to tell them apart by.
const TORN: Bounds = &[
    ("found", 0.995),
    ("cause", 0.96),
    ("wrong", 0.025),
    ("macro", 0.94),
    ("sure", 0.98),
    ("set", 0.985),
    ("misjoined", 0.03),
];
/// Calls whose own packets are missing in part. What a lost segment said nobody knows, and what is left may look like something else; that
/// is not told for sure.
const HURT: Bounds = &[("found", 0.995), ("wrong", 0.045), ("sure", 0.98), ("set", 0.96)];
/// Of one direction nothing but a refusal is told; what is open is named.
const ONE_WAY: Bounds = &[("found", 0.995), ("wrong", 0.02), ("sure", 0.98), ("set", 0.65)];
/// No byte of payload is left, and at 54 no option: neither names, nor records of TLS, nor the lengths of messages. What came behind a
/// handshake may be a response or tickets, and an ending in the silence after it that of a response or of an idle connection.
const CUT: Bounds = &[
    ("found", 0.995),
    ("cause", 0.95),
    ("wrong", 0.035),
    ("macro", 0.94),
    ("sure", 0.98),
    ("set", 0.98),
    ("misjoined", 0.03),
];
const FIRST_SEED: u64 = 2001;
const INCIDENTS: u64 = 6;
