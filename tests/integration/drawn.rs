//! A few hundred drawn incidents with known causes, scored together: whether the rules hold beyond the incidents at hand.
//!
//! `WIRECAUSE_SEED=N` draws others, from seed `N` on; `WIRECAUSE_INCIDENTS=N` draws that many of each profile.

use std::{
    env,
    fmt::Write as _,
    io,
    num::NonZeroUsize,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use wirecause::{
    config::{AnalyzeConfig, FileFormat, InputConfig},
    pipeline::{Outcome, analyze},
};
use wirecause_maker::{Incident, Profile, draw, truth};

use crate::{
    figures::{Bounds, FIGURES, Tally, True, URLS_ARE_EQUAL, URLS_DIFFER, low_is_good},
    harness::{Row, Scratch, parse_csv, read_csv},
};

#[test]
fn drawn_incidents_are_joined_and_explained() {
    let first = from_environment("WIRECAUSE_SEED", FIRST_SEED);
    let incidents = from_environment("WIRECAUSE_INCIDENTS", INCIDENTS);
    let scored = play(first, incidents);

    let mut faults = String::new();
    let mut all = Tally::default();
    for (expected, scored) in EXPECTED.iter().zip(scored) {
        let mut tally = Tally::default();
        for (_, of_incident) in &scored {
            tally.add(of_incident);
        }
        println!("\n{:?}, {incidents} incidents from seed {first}, {} failed calls", expected.profile, tally.calls());
        expected.compare(&tally, &mut faults);
        println!("{}    fewest right in {}\n", tally.details(), worst(scored));
        all.add(&tally);
    }
    println!("confidence from, share right, rows (all profiles)");
    for (low, right, rows) in all.bands() {
        println!("    {low:.2}  {right:.3}  {rows}");
    }
    right_rises_with_confidence(&all, &mut faults);
    assert!(faults.is_empty(), "\n{faults}");
}

/// Over bands with enough rows to say so.
fn right_rises_with_confidence(all: &Tally, faults: &mut String) {
    let telling: Vec<_> = all.bands().filter(|(_, _, rows)| *rows >= TELLING).collect();
    for pair in telling.windows(2) {
        let ((low, right, _), (higher, more_right, _)) = (pair[0], pair[1]);
        if more_right < right - CHANCE {
            let _ =
                writeln!(faults, "{right:.3} are right from confidence {low} on, but {more_right:.3} from {higher} on");
        }
    }
}

/// The seeds where the verdicts were worst, to be looked at with the maker's command.
fn worst(mut scored: Vec<(u64, Tally)>) -> String {
    scored.sort_by(|(a, x), (b, y)| x.figure("cause").total_cmp(&y.figure("cause")).then(a.cmp(b)));
    let shown = scored.iter().take(WORST).map(|(seed, tally)| format!("{seed}: {:.2}", tally.figure("cause")));
    shown.collect::<Vec<_>>().join(", ")
}

/// The incidents of all profiles, each on one thread, as many at once as there are processors; per profile each seed's counts.
fn play(first: u64, incidents: u64) -> Vec<Vec<(u64, Tally)>> {
    let jobs: Vec<(usize, u64)> =
        (first..first + incidents).flat_map(|seed| (0..EXPECTED.len()).map(move |profile| (profile, seed))).collect();
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(vec![Vec::new(); EXPECTED.len()]));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZeroUsize::get) {
            scope.spawn(|| {
                while let Some((profile, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tally = score(EXPECTED[*profile].profile, *seed);
                    tallies.lock().unwrap()[*profile].push((*seed, tally));
                }
            });
        }
    });
    tallies.into_inner().unwrap()
}

/// Draws an incident, runs the main job on it, and counts.
fn score(profile: Profile, seed: u64) -> Tally {
    let incident = draw(seed, profile);
    let truth: Vec<True> = parse_csv(&truth::csv(&incident.truth)).iter().map(True::of).collect();
    Tally::of(&truth, &analyzed(&format!("drawn-{profile:?}-{seed}"), &incident, None))
}

/// The rows that the main job writes for an incident; `log_zone` is what the user says of a log without a zone, s.
pub(crate) fn analyzed(name: &str, incident: &Incident, log_zone: Option<i32>) -> Vec<Row> {
    let scratch = Scratch::new(name);
    let paths = vec![scratch.write("ssg_0_0.log", &incident.log), scratch.write("gateway.pcap", &incident.capture)];
    // What is cut this short holds neither SNI nor Host nor the address in a DNS answer: a user gives the names.
    let snap_length = u32::from_le_bytes(incident.capture[16..20].try_into().unwrap());
    let hosts = if snap_length <= WITHOUT_NAMES { hosts(&incident.hosts) } else { Vec::new() };
    let config = AnalyzeConfig {
        inputs: InputConfig { paths, hosts, log_zone, threads: NonZeroUsize::new(1), ..InputConfig::default() },
        output: scratch.path("out"),
        force: false,
        stories: None,
        formats: vec![FileFormat::Csv],
        redact: false,
        quiet: true,
        timings: false,
        csv_safe: false,
        verbose: false,
    };
    let outcome = analyze(&config, io::sink(), io::sink());
    assert!(matches!(outcome, Ok(Outcome::Complete)), "{name}: {outcome:?}");
    read_csv(&scratch.path("out/errors.csv"))
}

fn hosts(text: &str) -> Vec<(String, std::net::IpAddr)> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(address, name)| (name.trim().to_ascii_lowercase(), address.parse().unwrap()))
        .collect()
}

pub(crate) fn from_environment(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// What is demanded of a profile.
struct Expected {
    profile: Profile,
    /// The project's goals.
    goals: Bounds,
    /// Floors against regression, a little below what was measured; ceilings where low is good.
    floors: Bounds,
}

impl Expected {
    fn compare(&self, tally: &Tally, faults: &mut String) {
        for figure in FIGURES {
            let measured = tally.figure(figure);
            let holds = |bound: f64| if low_is_good(figure) { measured <= bound } else { measured >= bound };
            let bound =
                |bounds: &[(&str, f64)]| bounds.iter().find(|(name, _)| *name == figure).map(|(_, bound)| *bound);
            let goal = bound(self.goals).map_or(String::new(), |goal| {
                format!("goal {goal:.3} {}", if holds(goal) { "met" } else { "not met" })
            });
            println!("    {figure:<10} {measured:.4}  {goal}");
            if let Some(floor) = bound(self.floors).filter(|floor| !holds(*floor)) {
                let _ = writeln!(faults, "{:?}: {figure} {measured:.4}, bound {floor}", self.profile);
            }
        }
    }
}

/// The goals stand beside the floors. A floor is no goal: it is what was reached over two hundred incidents of the profile, less 0.01
/// to 0.02 for what other seeds vary by, and holds that against regression. It is raised when a figure rises.
/// The first two profiles fail as the played incidents do: 8 to 9 in a hundred calls within 5 ms of another of their backend. The other two are there
/// for stress: their failures come in throngs, three in ten so close together, which no stamp of a log tells apart. Half of these have equal
/// URLs, and TLS or a cut hides the URLs of others, so they have that goal beside them.
const EXPECTED: [Expected; 4] = [
    Expected {
        profile: Profile::Immediate,
        goals: URLS_DIFFER,
        floors: &[
            ("found", 0.995),
            ("spurious", 0.005),
            ("joined", 0.97),
            ("misjoined", 0.006),
            ("ambiguous", 0.03),
            ("cause", 0.98),
            ("wrong", 0.016),
            ("macro", 0.976),
            ("sure", 0.988),
            ("set", 0.993),
            ("hedge", 0.4),
        ],
    },
    Expected {
        profile: Profile::Batched,
        goals: URLS_ARE_EQUAL,
        floors: &[
            ("found", 0.995),
            ("spurious", 0.005),
            ("joined", 0.875),
            ("misjoined", 0.027),
            ("ambiguous", 0.115),
            ("cause", 0.962),
            ("wrong", 0.025),
            ("macro", 0.957),
            ("sure", 0.983),
            ("set", 0.987),
            ("hedge", 0.45),
        ],
    },
    Expected {
        profile: Profile::Cut96,
        goals: URLS_ARE_EQUAL,
        floors: &[
            ("found", 0.995),
            ("spurious", 0.005),
            ("joined", 0.735),
            ("misjoined", 0.022),
            ("ambiguous", 0.25),
            ("cause", 0.962),
            ("wrong", 0.027),
            ("macro", 0.958),
            ("sure", 0.981),
            ("set", 0.984),
            ("hedge", 0.4),
        ],
    },
    Expected {
        profile: Profile::Mixed,
        goals: URLS_ARE_EQUAL,
        floors: &[
            ("found", 0.995),
            ("spurious", 0.005),
            ("joined", 0.76),
            ("misjoined", 0.024),
            ("ambiguous", 0.225),
            ("cause", 0.964),
            ("wrong", 0.025),
            ("macro", 0.96),
            ("sure", 0.982),
            ("set", 0.985),
            ("hedge", 0.4),
        ],
    },
];

/// Seed of the first incident of each profile, where none is asked for.
const FIRST_SEED: u64 = 1;
/// Incidents of each profile.
const INCIDENTS: u64 = 100;
/// Snap length, in bytes, up to which names do not survive.
const WITHOUT_NAMES: u32 = 128;
/// Incidents named where the verdicts were worst.
const WORST: usize = 8;
/// A band of confidence with fewer rows says nothing.
const TELLING: u64 = 200;
/// Shares of neighbouring bands may differ by so much the wrong way.
const CHANCE: f64 = 0.02;
