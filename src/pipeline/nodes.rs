//! Which inputs are of which gateway, as far as settings and directories say.
//!
//! Settings name paths and addresses of each. Without them the directories speak: where several directories right below what all logs
//! have in common hold logs and captures, each is a gateway's, and whatever lies below it, or below a directory of the same name
//! elsewhere, is of that gateway. Captures that are of none are shared by all. What only the wire can tell is
//! [`apart`](super::apart)'s.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::Path,
};

use wirecause_parsers::log::{LogOptions, Year};

use crate::{
    config::{InputConfig, nodes::NodeConfig},
    input::{Input, Source},
};

/// What gateways there are, and what is of which.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In order of their names.
    pub(super) nodes: Vec<Planned>,
    /// Captures that are of no single one.
    pub(super) shared: Vec<Input>,
    /// By what they are told apart.
    pub(super) told: Told,
}

/// One gateway before anything is read.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) name: String,
    /// Whether its logs are those that the settings leave open.
    pub(super) open: bool,
    pub(super) logs: Vec<Input>,
    pub(super) captures: Vec<Input>,
    /// Addresses that the settings give it.
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) clock_offset: Option<i64>,
    pub(super) log_zone: Option<i32>,
    pub(super) log_year: Option<i32>,
}

impl Planned {
    /// How to read its logs.
    pub(super) fn log_options(&self, config: &InputConfig) -> LogOptions {
        LogOptions {
            default_zone: self.log_zone.or(config.log_zone),
            year: self.log_year.or(config.log_year).map(Year::Of),
        }
    }
}

/// By what gateways are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing says that there are several.
    #[default]
    One,
    /// The user gave one name for all.
    Named,
    /// The settings say which paths or addresses are whose.
    Settings,
    /// Each has a directory of its own.
    Directories,
    /// The endings that each log's calls fit have addresses of their own.
    Endings,
}

impl Told {
    /// The word of the run's record.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Named => "name",
            Self::Settings => "settings",
            Self::Directories => "directories",
            Self::Endings => "endings",
        }
    }

    /// By what, as the summary says it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::One | Self::Named => "nothing",
            Self::Settings => "the settings",
            Self::Directories => "their directories",
            Self::Endings => "the addresses whose connections their calls ended on",
        }
    }
}

/// Gives every input to its gateway.
pub(super) fn plan(config: &InputConfig, logs: Vec<Input>, captures: Vec<Input>) -> Plan {
    let name = || config.node.clone().unwrap_or_else(|| NODE.to_owned());
    if !config.nodes.is_empty() {
        return by_settings(&config.nodes, name(), logs, captures);
    }
    let base = common_base(logs.iter().chain(&captures));
    let directories = if config.node.is_none() { Directories::find(base, &logs, &captures) } else { None };
    match directories {
        Some(directories) => directories.plan(name(), logs, captures),
        None => Plan {
            nodes: vec![Planned { name: name(), logs, captures, ..Planned::default() }],
            shared: Vec::new(),
            told: if config.node.is_some() { Told::Named } else { Told::One },
        },
    }
}

fn by_settings(nodes: &[NodeConfig], rest: String, logs: Vec<Input>, captures: Vec<Input>) -> Plan {
    let planned = nodes.iter().map(|node| Planned {
        name: node.name.clone(),
        addresses: node.addresses.clone(),
        clock_offset: node.clock_offset,
        log_zone: node.log_zone,
        log_year: node.log_year,
        ..Planned::default()
    });
    let of = |input: &Input| {
        let below = Below::of(input, "");
        let names = [Some(input.name.clone()), below.with_base()];
        let leads =
            |node: &NodeConfig| node.paths.iter().any(|path| names.iter().flatten().any(|name| path.leads_to(name)));
        nodes.iter().position(leads)
    };
    Plan { nodes: planned.collect(), told: Told::Settings, ..Plan::default() }.fill(rest, logs, captures, of)
}

impl Plan {
    /// The captures alone.
    pub(super) fn without_logs(mut self) -> Self {
        self.nodes.iter_mut().for_each(|node| node.logs.clear());
        self
    }

    /// Hands out the inputs. A log that is nobody's is of a further gateway, called `rest`; where there is one gateway alone, all is its.
    fn fill(
        mut self,
        rest: String,
        logs: Vec<Input>,
        captures: Vec<Input>,
        of: impl Fn(&Input) -> Option<usize>,
    ) -> Self {
        let mut others = Vec::new();
        for log in logs {
            match of(&log) {
                Some(node) => self.nodes[node].logs.push(log),
                None => others.push(log),
            }
        }
        for capture in captures {
            match of(&capture) {
                Some(node) => self.nodes[node].captures.push(capture),
                None => self.shared.push(capture),
            }
        }
        if !others.is_empty() {
            let named = self.nodes.iter().position(|node| node.name == rest);
            let place = named.unwrap_or_else(|| {
                self.nodes.push(Planned { name: rest, open: true, ..Planned::default() });
                self.nodes.len() - 1
            });
            self.nodes[place].logs.extend(others);
        }
        // Settings of a site name more gateways than one archive holds.
        self.nodes.retain(|node| !node.logs.is_empty() || !node.captures.is_empty() || !node.addresses.is_empty());
        self.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        if let [only] = &mut self.nodes[..] {
            only.captures.append(&mut self.shared);
            only.captures.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self
    }
}

/// Where an input lies: what the user pointed at, and the directories below that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Below {
    /// As the user gave it; the directory of a file that was named itself.
    base: String,
    /// The input's name, part by part.
    parts: Vec<String>,
}

impl Below {
    /// Where an input lies; a member of an archive lies below `base`.
    fn of(input: &Input, base: &str) -> Self {
        let parts: Vec<String> = input.name.split('/').map(str::to_owned).collect();
        Self { base: base_of(input).unwrap_or_else(|| base.to_owned()), parts }
    }

    /// The name of what the user pointed at.
    fn base_name(&self) -> Option<String> {
        Some(Path::new(&self.base).file_name()?.to_string_lossy().into_owned())
    }

    /// The input's name behind that of what the user pointed at.
    fn with_base(&self) -> Option<String> {
        Some(format!("{}/{}", self.base_name()?, self.parts.join("/")))
    }

    /// The directories that it lies in, from what the user pointed at downwards.
    fn directories(&self) -> Vec<&str> {
        let (_, directories) = self.parts.split_last().unwrap_or((&self.base, &[]));
        std::iter::once(&self.base).chain(directories).map(String::as_str).collect()
    }
}

/// What the user pointed at to get this file.
fn base_of(input: &Input) -> Option<String> {
    let Source::File(path) = &input.source else { return None };
    let base = path.ancestors().nth(input.name.split('/').count()).filter(|_| path.ends_with(&input.name));
    base.map(|base| base.to_string_lossy().into_owned())
}

/// What the user pointed at, if that is one thing.
fn common_base<'a>(inputs: impl Iterator<Item = &'a Input>) -> String {
    let mut bases: Vec<String> = inputs.filter_map(base_of).collect();
    bases.dedup();
    if bases.len() == 1 { bases.remove(0) } else { String::new() }
}

/// Directories that are gateways'.
#[derive(Debug, PartialEq, Eq)]
struct Directories {
    /// What members of archives lie below.
    base: String,
    /// How many directories all logs have in common; the next one is the gateway's.
    common: Vec<String>,
    /// What each is called, by the directory.
    names: BTreeMap<String, String>,
}

impl Directories {
    /// The directories, where at least two hold both logs and captures.
    fn find(base: String, logs: &[Input], captures: &[Input]) -> Option<Self> {
        let places: Vec<Below> = logs.iter().map(|log| Below::of(log, &base)).collect();
        let mut common: Vec<&str> = places.first()?.directories();
        for place in &places {
            let same = common.iter().zip(place.directories()).take_while(|(a, b)| **a == *b).count();
            common.truncate(same);
        }
        let next = |place: &Below| place.directories().get(common.len()).map(|name| (*name).to_owned());
        let of_logs: BTreeSet<String> = places.iter().filter_map(next).collect();
        let found = Self {
            names: names(&of_logs, common.is_empty()),
            common: common.into_iter().map(str::to_owned).collect(),
            base,
        };
        let whole: BTreeSet<String> = captures.iter().filter_map(|capture| found.of(capture)).collect();
        (whole.len() >= LEAST_WHOLE).then_some(found)
    }

    fn plan(&self, rest: String, logs: Vec<Input>, captures: Vec<Input>) -> Plan {
        let place: BTreeMap<&String, usize> =
            self.names.keys().enumerate().map(|(index, directory)| (directory, index)).collect();
        let nodes = self.names.values().map(|name| Planned { name: name.clone(), ..Planned::default() });
        let plan = Plan { nodes: nodes.collect(), told: Told::Directories, ..Plan::default() };
        plan.fill(rest, logs, captures, |input| place.get(&self.of(input)?).copied())
    }

    /// The gateway's directory that an input lies in, or one of the same name.
    fn of(&self, input: &Input) -> Option<String> {
        let below = Below::of(input, &self.base);
        let directories = below.directories();
        let here = directories.strip_prefix(&self.common.iter().map(String::as_str).collect::<Vec<_>>()[..]);
        if let Some(own) = here.and_then(|behind| behind.first()).filter(|own| self.names.contains_key(**own)) {
            return Some((*own).to_owned());
        }
        let called = |name: &str| self.names.iter().find(|(_, known)| *known == name);
        let base = below.base_name();
        let all = base.as_deref().into_iter().chain(directories.iter().skip(1).copied());
        let mut named: Vec<_> = all.filter_map(called).collect();
        named.dedup();
        match named[..] {
            [(directory, _)] => Some(directory.clone()),
            _ => None,
        }
    }
}

/// What the directories are called: `paths` says that each is all that the user typed, of which the last part does where it is enough.
fn names(directories: &BTreeSet<String>, paths: bool) -> BTreeMap<String, String> {
    let last = |directory: &String| Path::new(directory).file_name().map(|name| name.to_string_lossy().into_owned());
    let short: BTreeSet<String> = directories.iter().filter_map(last).collect();
    let distinct = paths && short.len() == directories.len();
    let name = |directory: &String| last(directory).filter(|_| distinct).unwrap_or_else(|| directory.clone());
    directories.iter().map(|directory| (directory.clone(), name(directory))).collect()
}

/// What a gateway is called that nothing names.
pub(super) const NODE: &str = "gateway";
/// Directories with logs and captures that make directories speak: one alone has its logs beside others', rotated ones say.
const LEAST_WHOLE: usize = 2;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::nodes::NodePath;

    /// Inputs below PATHs, written `PATH|name`.
    fn inputs(names: &[&str]) -> Vec<Input> {
        let input = |text: &&str| {
            let (base, name) = text.split_once('|').unwrap();
            Input { name: name.to_owned(), source: Source::File(PathBuf::from(base).join(name)), explicit: false }
        };
        names.iter().map(input).collect()
    }

    /// Nodes as `name: inputs`, and the shared captures at the end.
    fn planned(config: &InputConfig, logs: &[&str], captures: &[&str]) -> (Told, Vec<String>) {
        let plan = plan(config, inputs(logs), inputs(captures));
        let list = |inputs: &[Input]| inputs.iter().map(|input| input.name.clone()).collect::<Vec<_>>().join(" ");
        let line = |node: &Planned| format!("{}: {} {}", node.name, list(&node.logs), list(&node.captures));
        let mut lines: Vec<String> = plan.nodes.iter().map(|node| line(node).trim_end().to_owned()).collect();
        if !plan.shared.is_empty() {
            lines.push(format!("shared: {}", list(&plan.shared)));
        }
        (plan.told, lines)
    }

    #[test]
    fn directories_with_logs_and_captures_are_gateways() {
        let config = InputConfig::default();
        let (told, nodes) = planned(
            &config,
            &["in|gw-1/ssg.log", "in|gw-2/var/log/ssg.log", "in|gw-3/ssg.log"],
            &["in|gw-1/x.pcap", "in|gw-2/x.pcap", "in|backend/y.pcap", "in|z.pcap"],
        );
        assert_eq!(told, Told::Directories);
        assert_eq!(
            nodes,
            [
                "gw-1: gw-1/ssg.log gw-1/x.pcap",
                "gw-2: gw-2/var/log/ssg.log gw-2/x.pcap",
                "gw-3: gw-3/ssg.log",
                "shared: backend/y.pcap z.pcap"
            ]
        );
    }

    #[test]
    fn directories_of_one_name_in_several_places_are_one_gateways() {
        let (told, nodes) = planned(
            &InputConfig::default(),
            &["in|logs/gw-1/ssg.log", "in|logs/gw-2/ssg.log"],
            &["in|captures/gw-1/x.pcap", "in|captures/gw-2/x.pcap"],
        );
        assert_eq!(told, Told::Directories);
        assert_eq!(
            nodes,
            ["gw-1: logs/gw-1/ssg.log captures/gw-1/x.pcap", "gw-2: logs/gw-2/ssg.log captures/gw-2/x.pcap"]
        );
    }

    #[test]
    fn directories_that_are_given_one_by_one_are_told_apart_too() {
        let logs = ["/a/gw-1|ssg.log", "/b/gw-2|ssg.log"];
        let captures = ["/a/gw-1|x.pcap", "/b/gw-2|x.pcap"];
        let (_, nodes) = planned(&InputConfig::default(), &logs, &captures);
        assert_eq!(nodes, ["gw-1: ssg.log x.pcap", "gw-2: ssg.log x.pcap"]);
        let same = |text: &str| text.replace("gw-1", "gw").replace("gw-2", "gw");
        let (logs, captures) = (logs.map(same), captures.map(same));
        let (logs, captures) = (logs.each_ref().map(String::as_str), captures.each_ref().map(String::as_str));
        let (_, nodes) = planned(&InputConfig::default(), &logs, &captures);
        assert_eq!(nodes, ["/a/gw: ssg.log x.pcap", "/b/gw: ssg.log x.pcap"]);
    }

    #[test]
    fn rotated_logs_and_captures_in_directories_of_their_own_are_one_gateways() {
        for (logs, captures) in [
            (vec!["in|logs/ssg.log"], vec!["in|captures/x.pcap"]),
            (vec!["in|ssg_0_0.log", "in|old/ssg_0_1.log"], vec!["in|x.pcap"]),
            (vec!["in|now/ssg_0_0.log", "in|old/ssg_0_1.log"], vec!["in|now/x.pcap"]),
            (vec!["in|ssg.log"], vec!["in|a/x.pcap", "in|b/x.pcap"]),
        ] {
            let (told, nodes) = planned(&InputConfig::default(), &logs, &captures);
            assert_eq!((told, nodes.len()), (Told::One, 1), "{logs:?}");
        }
    }

    #[test]
    fn a_name_for_all_wins_over_directories() {
        let config = InputConfig { node: Some("gw".to_owned()), ..InputConfig::default() };
        let (told, nodes) = planned(&config, &["in|a/s.log", "in|b/s.log"], &["in|a/x.pcap", "in|b/x.pcap"]);
        assert_eq!((told, nodes.len()), (Told::Named, 1));
    }

    #[test]
    fn settings_win_over_directories_and_what_they_leave_out_is_shared_or_of_the_rest() {
        let node = |name: &str, path: &str| NodeConfig {
            name: name.to_owned(),
            paths: vec![NodePath::new(path).unwrap()],
            ..NodeConfig::default()
        };
        let nodes = vec![node("east", "gw-1"), node("gone", "gw-9"), node("west", "in/gw-2")];
        let config = InputConfig { nodes, ..InputConfig::default() };
        let (told, nodes) = planned(
            &config,
            &["in|gw-1/s.log", "in|gw-2/s.log", "in|gw-3/s.log"],
            &["in|gw-1/x.pcap", "in|gw-2/x.pcap", "in|gw-3/x.pcap"],
        );
        assert_eq!(told, Told::Settings);
        assert_eq!(
            nodes,
            [
                "east: gw-1/s.log gw-1/x.pcap",
                "gateway: gw-3/s.log",
                "west: gw-2/s.log gw-2/x.pcap",
                "shared: gw-3/x.pcap"
            ]
        );
        let (_, nodes) = planned(&config, &["in|gw-1/s.log"], &["in|x.pcap"]);
        assert_eq!(nodes, ["east: gw-1/s.log x.pcap"]);
    }
}
