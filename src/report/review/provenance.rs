//! How the review was made: inputs, clocks, thresholds, counters, what was not covered, and the command.

use serde_json::Value;

use crate::{
    attribute::{
        findings::{bursts, timeouts, whole},
        origin, population, rules,
    },
    input::{InputReport, Kind},
    join::engine,
    report::visible::visible,
    track::{connection, exchange},
};

use super::{
    Material,
    facts::ClockFacts,
    text::{counted, grouped, instant, percent, share, span},
};

/// Everything that a reader needs in order to do it again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// The program's version.
    pub version: &'static str,
    /// The command, without what does not shape the result.
    pub command: String,
    /// Every input that was read.
    pub inputs: Vec<InputView>,
    /// Names of inputs that are neither log nor capture.
    pub left_alone: Vec<String>,
    /// What is said of the clocks.
    pub clock: String,
    /// Thresholds that decided: name, value, reason.
    pub thresholds: Vec<Threshold>,
    /// What was not covered.
    pub not_covered: Vec<String>,
    /// Everything counted on the way: name and count, in groups.
    pub counters: Vec<(String, String)>,
}

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputView {
    /// Its name, relative to the PATH given.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// Its size in bytes.
    pub bytes: String,
    /// The time it covers.
    pub span: Option<(String, String)>,
    /// Records or frames.
    pub count: Option<String>,
    /// What is wrong with it.
    pub damage: Option<String>,
}

/// A value that decided something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// What it bounds.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Why that value, or where it is from.
    pub reason: &'static str,
}

impl Provenance {
    /// Gathers it.
    pub fn new(material: &Material<'_>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            command: command(material),
            inputs: material
                .inputs
                .iter()
                .filter(|input| !input.is_left())
                .map(|input| view(material, input))
                .collect(),
            left_alone: material
                .inputs
                .iter()
                .filter(|input| input.is_left())
                .map(|input| visible(&input.path).into_owned())
                .collect(),
            clock: clock(material),
            thresholds: thresholds(),
            not_covered: not_covered(material),
            counters: counters(material.counters),
        }
    }
}

fn command(material: &Material<'_>) -> String {
    let mut words = vec!["wirecause".to_owned(), "analyze".to_owned()];
    let read: Vec<&InputReport> =
        material.inputs.iter().filter(|input| matches!(input.kind, Kind::Log | Kind::Capture)).collect();
    if read.len() <= MOST_PATHS {
        words.extend(read.iter().map(|input| quoted(&visible(&input.path))));
    } else {
        words.push("PATH…".to_owned());
    }
    words.extend(material.options.iter().map(|option| visible(option).into_owned()));
    words.extend(["-o".to_owned(), "DIR".to_owned()]);
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '+' | ':' | '@' | '=' | ',');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn view(material: &Material<'_>, input: &InputReport) -> InputView {
    let lane = material.facts.lanes.iter().find(|lane| lane.name == input.path);
    InputView {
        name: visible(&input.path).into_owned(),
        kind: match input.kind {
            Kind::Log => "log",
            Kind::Capture => "capture",
            Kind::Archive => "archive",
            Kind::Other => "neither",
            Kind::Unreadable => "unreadable",
        },
        bytes: grouped(input.bytes),
        span: lane.and_then(|lane| lane.span).map(|(first, last)| (instant(first), instant(last))),
        count: lane.map(|lane| counted(lane.count, if lane.is_log { "record" } else { "frame" })),
        damage: input.damage.as_deref().map(|damage| visible(damage).into_owned()),
    }
}

fn clock(material: &Material<'_>) -> String {
    let told: Vec<String> = match &material.facts.clocks[..] {
        [] => vec![clock_of(&ClockFacts::default())],
        [only] => vec![clock_of(only)],
        several => several.iter().map(|clock| format!("{}: {}", visible(&clock.node), clock_of(clock))).collect(),
    };
    format!(
        "{} All times on this page are UTC. Times of packets are the capture's; times of failed calls are the log's own stamps, and \
         where both stand on one axis the offset is taken out of the log's.",
        told.join(" ")
    )
}

fn clock_of(clock: &ClockFacts) -> String {
    let (low, high) = clock.range_s;
    let offset =
        if (high - low).abs() < 5e-4 { format!("{low:+.3} s") } else { format!("between {low:+.3} and {high:+.3} s") };
    match clock.source {
        "given" => format!("The log's clock is taken to be {offset} against the capture's, as given."),
        "estimated" => format!(
            "The log's clock is {offset} against the capture's, with an uncertainty of ± {:.1} ms, estimated from {} whose joins agree.",
            clock.uncertainty_s * 1e3,
            counted(clock.pairs, "call")
        ),
        _ => "Too few calls agree on an offset between the clocks: it is taken as 0.".to_owned(),
    }
}

fn thresholds() -> Vec<Threshold> {
    let entry = |name, value: String, reason| Threshold { name, value, reason };
    vec![
        entry(
            "margin from which a join is certain",
            format!("{} nats", engine::CERTAIN),
            "odds of about 50 to 1 against the second best",
        ),
        entry("margin below which a join is ambiguous", format!("{} nats", engine::LIKELY), "odds of less than 2 to 1"),
        entry(
            "score of joining a call to no connection",
            format!("{} nats", engine::NONE),
            "captures rarely miss one connection and hold its neighbours",
        ),
        entry(
            "weight of origin tests that makes a reset foreign",
            format!("{}", origin::FOREIGN),
            "one strong test or several weak ones",
        ),
        entry(
            "weight of a reset seen leaving, or not seen, at a second capture point",
            format!("{}", origin::PROOF),
            "what both ends saw is proof",
        ),
        entry(
            "TTLs that may differ by a change of route",
            origin::ROUTE_CHANGE.to_string(),
            "more than that is another sender",
        ),
        entry(
            "shortest round trip by which a device and the peer are told apart",
            nanos(population::MEASURABLE_RTT),
            "below it both answer at once",
        ),
        entry(
            "shortest idle time after which a device may have forgotten a connection",
            nanos(rules::SHORTEST_IDLE),
            "shorter ones are pauses between calls",
        ),
        entry(
            "a constant wait",
            format!("{} equal waits above {}", timeouts::LEAST_WAITS, nanos(timeouts::SHORTEST_WAIT)),
            "two may be chance; shorter ones are no timeouts anybody sets",
        ),
        entry(
            "a restart",
            format!(
                "{} endings within {}, refusals within {}",
                bursts::LEAST_BURST,
                nanos(bursts::AT_ONCE),
                nanos(bursts::REFUSALS_WITHIN)
            ),
            "a process that is stopped drops all its connections at once",
        ),
        entry("a period", format!("{} equal intervals", bursts::LEAST_PERIODS), "fewer may be chance"),
        entry(
            "share of the calls from which one backend is concerned alone",
            percent(whole::SINGLE),
            "more than all others together",
        ),
        entry(
            "exchanges kept whole per connection",
            exchange::MAX_WHOLE.to_string(),
            "an error ends its connection in HTTP/1; earlier exchanges are kept as statistics",
        ),
        entry(
            "segments kept per connection",
            format!("{} first, {} last", connection::MAX_HEAD, connection::MAX_TAIL),
            "the handshake, the last exchanges and the ending",
        ),
    ]
}

fn nanos(nanos: i64) -> String {
    span(nanos as f64 / 1e9)
}

fn not_covered(material: &Material<'_>) -> Vec<String> {
    let all = material.errors.len() as u64;
    let mut told = Vec::new();
    let none = material.errors.iter().filter(|row| row.r#match == "none").count() as u64;
    if none > 0 {
        told.push(format!(
            "{} ({}) were joined to no connection: none was opened, or none that was captured fits.",
            counted(none, "failed call"),
            percent(share(none, all))
        ));
    }
    let missed =
        material.errors.iter().filter(|row| row.cause == crate::attribute::verdict::Cause::NoTrafficCaptured).count()
            as u64;
    told.push(format!(
        "{} outside of the time or the hosts that were captured.",
        match missed {
            0 => "No failed call lies".to_owned(),
            1 => "1 failed call lies".to_owned(),
            more => format!("{} failed calls lie", grouped(more)),
        }
    ));
    let inferred = material.facts.endpoints.iter().filter(|endpoint| endpoint.inferred);
    told.extend(inferred.map(|endpoint| {
        format!(
            "Nothing names the address of {}: it was inferred from the pattern of its errors.",
            visible(&endpoint.host)
        )
    }));
    let gaps: u64 = material.connections.iter().map(|row| row.gaps).sum();
    if gaps > 0 {
        let of = material.connections.iter().filter(|row| row.gaps > 0).count() as u64;
        told.push(format!(
            "The captures missed segments of {}, {} in all.",
            counted(of, "connection"),
            counted(gaps, "gap")
        ));
    }
    let dropped: u64 = material.facts.lanes.iter().filter_map(|lane| lane.dropped).sum();
    if dropped > 0 {
        told.push(format!("The capturing interfaces dropped {}.", counted(dropped, "frame")));
    }
    told.push("HTTP/3 and encrypted content are not read: TCP alone, and TLS as far as its first messages.".to_owned());
    told.push(
        "Seen from where the capture was taken, a balancer is the backend: what stands behind it is not told apart."
            .to_owned(),
    );
    told
}

/// Counters with their names in words; groups are flattened, and what was never met is left out of groups of skips.
fn counters(value: &Value) -> Vec<(String, String)> {
    let words = |name: &str| name.replace('_', " ");
    let mut told = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(group) => {
                told.extend(
                    group.iter().map(|(key, count)| (format!("{}: {}", words(name), visible(key)), number(count))),
                );
            }
            other => told.push((words(name), number(other))),
        }
    }
    told
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| visible(&value.to_string()).into_owned(), grouped)
}

/// Inputs that the command names one by one.
const MOST_PATHS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_flattened_and_grouped() {
        let value = serde_json::json!({ "frames": 12_345, "frames_skipped": { "Arp": 2 } });
        assert_eq!(
            counters(&value),
            [("frames".to_owned(), "12,345".to_owned()), ("frames skipped: Arp".to_owned(), "2".to_owned())]
        );
    }

    #[test]
    fn words_of_a_command_are_quoted_where_a_shell_would_read_them_otherwise() {
        assert_eq!([quoted("a/b-1.log"), quoted("it's $HOME"), quoted("")], ["a/b-1.log", r"'it'\''s $HOME'", "''"]);
    }
}
