//! A whole incident: draws the parameters, plays, and writes log, capture and truth.

mod load;
mod schedule;

use self::load::Load;
use self::schedule::schedule;
use crate::backend::{draw_backends, java_addr};
use crate::call::Symptom;
use crate::draw::Draw;
use crate::log::{Line, Style, stamp, words};
use crate::pcap::{Form, Frame};
use crate::truth::TruthRow;
use crate::variation::Variation;
use crate::world::{Settings, World};
use crate::{MS, Ns, SEC};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What an incident looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A URL for each call that most captures show, lines written at once.
    Immediate,
    /// One URL for each backend, batched auditing.
    Batched,
    /// A capture cut at 96 bytes, failures in throngs.
    Cut96,
    /// All drawn, failures in throngs.
    Mixed,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// `ssg_0_0.log`.
    pub log: String,
    /// `gateway.pcap`.
    pub capture: Vec<u8>,
    /// `hosts`.
    pub hosts: String,
    /// Rows of `truth.csv`.
    pub truth: Vec<TruthRow>,
    /// Minutes east of UTC of the log's clock.
    pub zone: i32,
    /// What was drawn, for people.
    pub parameters: String,
}

struct Plan {
    load: Load,
    start: Ns,
    tail: bool,
    clients: f64,
    form: Form,
    base: Ns,
}

fn settings(d: &mut Draw, profile: Profile) -> Settings {
    Settings {
        validate_after: *d.pick(&[None, None, Some(2 * SEC), Some(2 * SEC), Some(5 * SEC), Some(30 * SEC)]),
        evict_after: *d.pick(&[None, None, Some(5 * SEC), Some(30 * SEC)]),
        retries: *d.pick(&[0, 0, 0, 1, 3]),
        old_jdk: d.chance(0.3),
        sndbuf: *d.pick(&[46_080, 87_040, 131_072, 262_144]),
        unique: match profile {
            Profile::Immediate => true,
            Profile::Batched => false,
            _ => d.chance(0.5),
        },
        v4: Ipv4Addr::new(10, d.between(1, 250) as u8, 1, 2).into(),
        v6: Ipv6Addr::new(0xfd77, 0xaa, 0, 0, 0, 0, 0, 2).into(),
        resolver: Ipv4Addr::new(10, 0, 0, 53).into(),
        ports: if d.chance(0.3) { d.between(60, 300) as usize } else { 28_000 },
        keepalive: d.chance(0.2).then(|| d.log_range(8e8, 1.5e10) as Ns),
        offload: d.chance(0.35),
        end: 0,
        limit_shown: d.chance(0.8),
        apart: 0,
    }
}

fn style(d: &mut Draw, profile: Profile) -> Style {
    let low = d.log_range(2e5, 2e6);
    let batched = match profile {
        Profile::Immediate => false,
        Profile::Batched => true,
        _ => d.chance(0.5),
    };
    let small = d.range(-2e9, 2e9);
    let large = d.range(-2e11, 2e11);
    let zones = d.between(0, 56) as i64 - 28;
    Style {
        zone: *d.pick(&[0, 0, -180, -300, -420, 60, 120, 330, 345, -210, 540, 570]),
        error: match d.between(0, 4) {
            0 | 1 => 0,
            2 => small as i64,
            3 => large as i64,
            _ => zones * 1800 * SEC as i64 + (small / 10.0) as i64,
        },
        lag: (low as Ns, (low * d.log_range(2.0, 25.0)) as Ns),
        batched: batched.then(|| d.log_range(1e8, 2.5e9) as Ns),
        prompt: d.range(0.35, 0.7),
        took_whole: d.chance(0.5),
    }
}

/// Draws and plays the incident of a seed.
pub fn draw(seed: u64, profile: Profile) -> Incident {
    draw_varied(seed, profile, &Variation::default())
}

/// The same, written down otherwise or over other ways.
pub fn draw_varied(seed: u64, profile: Profile, variation: &Variation) -> Incident {
    let mut d = Draw::new(seed ^ 0x5eed_1e55_0000_0000 ^ ((profile as u64) << 56));
    let n = d.between(5, 20) as usize;
    // TLS hides URLs.
    let (ports, tls): (&[u16], _) = match profile {
        Profile::Immediate => (&[8080, 80, 7443], (0.0, 0.4)),
        _ => (&[443, 8443, 8080, 80, 7443], (0.1, 0.9)),
    };
    let (port, tls_share) = (*d.pick(ports), d.range(tls.0, tls.1));
    let mut backends = draw_backends(&mut d, n, port, tls_share);
    let mut plan = Plan {
        load: Load::draw(&mut d, profile),
        start: if d.chance(0.35) { d.time(2 * SEC, 8 * SEC) } else { 0 },
        tail: d.chance(0.25),
        clients: if d.chance(0.4) { d.range(0.1, 0.8) } else { 0.0 },
        form: Form::draw(&mut d, snap_lengths(profile)),
        base: (1_600_000_000 + d.between(0, 200_000_000)) * SEC + d.time(0, SEC),
    };
    variation.reroute(&mut backends, seed);
    plan.load.duration = variation.duration.unwrap_or(plan.load.duration);
    plan.form.snaplen = variation.snaplen.unwrap_or(plan.form.snaplen);
    if d.chance(0.25) {
        let i = d.index(n);
        let addrs = backends[i].addrs.clone();
        for b in &mut backends {
            b.covered &= b.addrs != addrs;
        }
    }
    let rate: f64 = backends.iter().map(|b| plan.load.duration as f64 / b.pace as f64).sum();
    let wanted = plan.load.faults as f64 * d.range(4.0, 8.0);
    for b in &mut backends {
        b.pace = (b.pace as f64 * rate / wanted) as Ns;
        b.idle = b.idle.max(b.pace * 2);
        if let Some(m) = &mut b.middle {
            m.idle = m.idle.max(b.pace * 4);
            b.idle = b.idle.max(m.idle * 3);
        }
    }
    let mut settings = settings(&mut d, profile);
    settings.end = plan.load.duration + 60 * SEC;
    settings.apart = plan.load.apart;
    let style = style(&mut d, profile);
    let mut w = World::new(d, backends, settings, style);
    let quiet = schedule(&mut w, &plan);
    w.run();
    let (from, until) = variation.span(plan.load.duration);
    plan.start = from.unwrap_or(plan.start);
    let record = Record { quiet: until.or(quiet), seed, profile, variation };
    write(&mut w, &plan, &record)
}

/// Snap lengths that a capture of the profile may have; URLs tell calls apart where they were captured.
fn snap_lengths(profile: Profile) -> &'static [usize] {
    match profile {
        Profile::Immediate => &[262_144, 262_144, 262_144, 320],
        Profile::Cut96 => &[96],
        Profile::Batched | Profile::Mixed => &[262_144, 262_144, 262_144, 320, 128, 96],
    }
}

/// What is written down of a world, and of which one it is.
struct Record<'a> {
    /// When the capture ends, if early.
    quiet: Option<Ns>,
    seed: u64,
    profile: Profile,
    variation: &'a Variation,
}

fn write(w: &mut World, plan: &Plan, record: &Record<'_>) -> Incident {
    let cut = record.quiet;
    let failing: HashSet<usize> = w.calls.iter().filter(|c| c.failure.is_some()).filter_map(|c| c.conn).collect();
    let covers = |time: Ns| time >= plan.start && cut.is_none_or(|c| time < c);
    if plan.clients > 0.0 {
        w.add_clients(plan.clients);
    }
    let mut frames = std::mem::take(&mut w.frames);
    frames.retain(|f| {
        covers(f.time) && f.conn.is_none_or(|c| w.backends[w.conns[c].backend].covered || f.bytes.is_empty())
    });
    frames.retain(|f| {
        let spare = f.conn.is_some_and(|c| !failing.contains(&c));
        !(spare && plan.form.missed > 0.0 && w.d.chance(plan.form.missed))
    });
    let missing = thin(&mut frames, plan, record);
    frames.sort_by_key(|f| f.time);
    let captured: HashSet<usize> = frames.iter().filter_map(|f| f.conn).collect();
    let met: HashSet<usize> = captured.iter().map(|c| w.conns[*c].backend).collect();
    let varied = *record.variation != Variation::default();
    let capture = plan.form.write(&frames, plan.base, &mut w.d);
    let (log, spans, stamps) = render_log(w, plan, record.variation);
    let mut truth = Vec::new();
    for (k, call) in w.calls.iter().enumerate() {
        let (Some((symptom, causes)), Some(span)) = (&call.failure, spans.get(&(k, false))) else { continue };
        let (_, class, text) = words(w, k, symptom);
        let also = spans.get(&(k, true)).copied().unwrap_or_default();
        let conn = call.conn.filter(|c| captured.contains(c));
        let hidden = call.conn.is_some() && conn.is_none() || !covers(call.failed);
        let connected =
            !matches!(symptom, Symptom::ConnectTimeout | Symptom::Refused | Symptom::NoRoute | Symptom::NetUnreachable);
        let remote = conn
            .filter(|_| connected)
            .map(|c| format!("{}:{}", java_addr(w.conns[c].addr), w.backends[w.conns[c].backend].wire_port()));
        // Where a variation leaves nothing of a backend, its calls without a connection are out of sight too.
        let uncovered = !w.backends[call.backend].covered || varied && !met.contains(&call.backend);
        let causes = match conn {
            None if hidden || uncovered && matches!(symptom, Symptom::ReadTimeout) => "no-traffic-captured".to_owned(),
            Some(_) if !covers(call.failed) => format!("{causes}|no-traffic-captured"),
            Some(c) if is_blind(&frames, &missing, c, (call.begun, call.failed)) => {
                format!("no-traffic-captured|{causes}")
            }
            _ => causes.clone(),
        };
        truth.push(TruthRow {
            call: call.number,
            first_line: span.0,
            last_line: span.1,
            also_first: also.0,
            also_last: also.1,
            log_time: stamps.get(&k).cloned().unwrap_or_default(),
            symptom: format!("{class}: {text}"),
            url: call.url.clone(),
            local_port: conn.map(|c| w.conns[c].port),
            remote: remote.unwrap_or_default(),
            causes,
            endpoint: w.backends[call.backend].word.clone(),
            hurt: call.conn.is_some_and(|c| missing.contains_key(&c)),
        });
    }
    truth.sort_by_key(|t| t.first_line);
    let mut hosts = String::new();
    for b in &w.backends {
        for a in &b.addrs {
            let _ = writeln!(hosts, "{a} {}", b.host);
        }
    }
    let parameters = parameters(w, plan, record);
    Incident { log, capture, hosts, truth, zone: w.style.zone, parameters }
}

/// Leaves out what the variation's capture misses; when the frames were that connections lack by it.
fn thin(frames: &mut Vec<Frame>, plan: &Plan, record: &Record<'_>) -> HashMap<usize, Vec<Ns>> {
    let mut d = Draw::new(record.seed ^ MISSED);
    let mut missing: HashMap<usize, Vec<Ns>> = HashMap::new();
    frames.retain(|frame| {
        let whole = record.variation.snaplen.is_none() || plan.form.holds_header(frame);
        let kept = whole && record.variation.captured(frame, plan.load.duration, &mut d);
        if let (false, Some(c)) = (kept, frame.conn) {
            missing.entry(c).or_default().push(frame.time);
        }
        kept
    });
    missing
}

/// Whether frames of a connection are missing while a call ran, and none of them is there.
fn is_blind(frames: &[Frame], missing: &HashMap<usize, Vec<Ns>>, c: usize, (begun, failed): (Ns, Ns)) -> bool {
    let ran = begun..=failed + MS;
    let lacks = missing.get(&c).is_some_and(|times| times.iter().any(|time| ran.contains(time)));
    lacks && !frames.iter().any(|frame| frame.conn == Some(c) && ran.contains(&frame.time))
}

type Spans = HashMap<(usize, bool), (usize, usize)>;

fn render_log(w: &mut World, plan: &Plan, variation: &Variation) -> (String, Spans, HashMap<usize, String>) {
    let mut lines = std::mem::take(&mut w.lines);
    lines.sort_by_key(|l| l.time);
    let boot = Line {
        time: 0,
        level: "INFO   ",
        thread: 1,
        text: "com.l7tech.server.boot.GatewayBoot: Starting Layer7 API Gateway".into(),
        call: None,
    };
    let mut log = String::new();
    let mut spans = Spans::new();
    let mut stamps = HashMap::new();
    let mut number = 1;
    for line in std::iter::once(&boot).chain(&lines) {
        let error = w.style.error + variation.clock_error(line.time, plan.load.duration);
        let epoch = i128::from(plan.base + line.time) + i128::from(error);
        let mut at = stamp(epoch, w.style.zone);
        if variation.zoneless {
            at.truncate(at.len() - ZONE);
        }
        let _ = writeln!(log, "{at} {} {} {}", line.level, line.thread, line.text);
        let count = line.text.lines().count();
        if let Some(call) = line.call {
            spans.insert(call, (number, number + count - 1));
            if !call.1 {
                stamps.insert(call.0, at);
            }
        }
        number += count;
    }
    (log, spans, stamps)
}

fn parameters(w: &World, plan: &Plan, record: &Record<'_>) -> String {
    let (mut p, cut) = (String::new(), record.quiet);
    let _ = writeln!(p, "seed {} profile {:?}, {:?}", record.seed, record.profile, record.variation);
    let _ = writeln!(p, "{:?}", plan.load);
    let _ = writeln!(p, "duration {} s, base {} s", plan.load.duration / SEC, plan.base / SEC);
    let _ = writeln!(p, "capture from {} ms, ends at {:?} ms, {:?}", plan.start / MS, cut.map(|c| c / MS), plan.form);
    let _ = writeln!(p, "log {:?}", w.style);
    let _ = writeln!(p, "gateway {:?}", w.settings);
    let _ = writeln!(p, "calls {}, connections {}", w.calls.len(), w.conns.len());
    for b in &w.backends {
        let _ = writeln!(p, "{b:?}");
    }
    p
}

/// Characters of a stamp's zone.
const ZONE: usize = 5;
/// Keeps what a variation draws apart from what its world draws.
const MISSED: u64 = 0x0f0e_0d0c_0000_0000;
