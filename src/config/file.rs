//! `wirecause.toml`: settings of a site that do not change from incident to incident.
//!
//! Every key is known or refused with the nearest known one; every value is checked as the option of the same name is.

use std::{
    collections::BTreeSet,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    KnownTimeout, YEARS, clock_offset, log_zone, node,
    nodes::{NodeConfig, NodePath},
    threads,
};

/// What a file of settings says; `None` and empty: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Names with their addresses.
    pub hosts: Vec<(String, IpAddr)>,
    /// A file of names as in /etc/hosts, relative to the file of settings.
    pub hosts_file: Option<PathBuf>,
    /// As `--clock-offset`, in nanoseconds.
    pub clock_offset: Option<i64>,
    /// As `--log-year`.
    pub log_year: Option<i32>,
    /// As `--log-timezone`, in seconds east of UTC.
    pub log_zone: Option<i32>,
    /// As `--threads`.
    pub threads: Option<std::num::NonZeroUsize>,
    /// What the gateway is called.
    pub node: Option<String>,
    /// Gateways, by their names.
    pub nodes: Vec<NodeConfig>,
    /// Timeouts of the gateway by host.
    pub timeouts: Vec<KnownTimeout>,
}

/// A file of settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("settings {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's objection.
        source: io::Error,
    },
    /// It is no TOML.
    #[error("settings {}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What does not fit, and where.
        source: Box<toml::de::Error>,
    },
    /// A key is not known.
    #[error("settings {}: unknown key {key:?}{}; known are {}", path.display(), nearest(key, known), known.join(", "))]
    Key {
        /// The file.
        path: PathBuf,
        /// The key, without the tables that it stands in.
        key: String,
        /// Keys that may stand there.
        known: &'static [&'static str],
    },
    /// A value is not what its key takes.
    #[error("settings {}: {key} = {found}: expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key with its tables.
        key: String,
        /// What was found.
        found: String,
        /// What it takes.
        expected: &'static str,
    },
}

/// Reads a file of settings.
pub fn read(path: &Path) -> Result<Settings, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    parse(path, &text)
}

/// Reads the text of a file of settings, which lies at `path`.
pub fn parse(path: &Path, text: &str) -> Result<Settings, Error> {
    let table: Table =
        text.parse().map_err(|source| Error::Syntax { path: path.to_owned(), source: Box::new(source) })?;
    let file = File { path };
    let mut settings = Settings::default();
    for (key, value) in &table {
        match key.as_str() {
            "hosts" => settings.hosts = file.hosts(value)?,
            "hosts-file" => {
                let name = value.as_str().ok_or_else(|| file.wrong(key, value, "the name of a file"))?;
                settings.hosts_file = Some(path.parent().unwrap_or(Path::new("")).join(name));
            }
            "clock-offset" => settings.clock_offset = Some(file.clock_offset(key, value)?),
            "log-year" => settings.log_year = Some(file.log_year(key, value)?),
            "log-timezone" => settings.log_zone = Some(file.log_zone(key, value)?),
            "node" => {
                let name = value.as_str().and_then(|name| node("node", name.to_owned()).ok());
                settings.node = Some(name.ok_or_else(|| file.wrong(key, value, "the name of a gateway"))?);
            }
            "nodes" => settings.nodes = file.nodes(value)?,
            "threads" => {
                let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
                let number = number.and_then(|number| threads(number).ok());
                settings.threads = Some(number.ok_or_else(|| file.wrong(key, value, "a number from 1 to 1024"))?);
            }
            "timeouts" => settings.timeouts = file.timeouts(value)?,
            _ => return Err(file.unknown(key, &KEYS)),
        }
    }
    Ok(settings)
}

struct File<'a> {
    path: &'a Path,
}

impl File<'_> {
    fn hosts(&self, value: &Value) -> Result<Vec<(String, IpAddr)>, Error> {
        let expected = "a table of names with their addresses, such as \"pay.example\" = [\"10.0.0.1\"]";
        let table = value.as_table().ok_or_else(|| self.wrong("hosts", value, expected))?;
        let mut hosts = Vec::new();
        for (name, addresses) in table {
            let several = addresses.as_array().map_or(std::slice::from_ref(addresses), Vec::as_slice);
            for address in several {
                let parsed = address.as_str().and_then(|text| text.parse::<IpAddr>().ok());
                let key = format!("hosts.{name:?}");
                let parsed =
                    parsed.ok_or_else(|| self.wrong(&key, address, "an IPv4 or IPv6 address, or a list of them"))?;
                hosts.push((name.trim_end_matches('.').to_ascii_lowercase(), parsed.to_canonical()));
            }
        }
        Ok(hosts)
    }

    fn clock_offset(&self, key: &str, value: &Value) -> Result<i64, Error> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        clock_offset(&text).map_err(|_| self.wrong(key, value, "seconds such as 1.7"))
    }

    fn log_year(&self, key: &str, value: &Value) -> Result<i32, Error> {
        let year = value.as_integer().and_then(|year| i32::try_from(year).ok()).filter(|year| YEARS.contains(year));
        year.ok_or_else(|| self.wrong(key, value, "a year such as 2026"))
    }

    fn log_zone(&self, key: &str, value: &Value) -> Result<i32, Error> {
        let zone = value.as_str().and_then(|text| log_zone(text).ok());
        zone.ok_or_else(|| self.wrong(key, value, "an offset such as \"-03:00\""))
    }

    fn nodes(&self, value: &Value) -> Result<Vec<NodeConfig>, Error> {
        let expected = "a table of gateways, each with paths, addresses or both";
        let table = value.as_table().ok_or_else(|| self.wrong("nodes", value, expected))?;
        let mut nodes = Vec::new();
        for (name, told) in table {
            let place = format!("nodes.{name:?}");
            let name = node("nodes", name.clone()).map_err(|_| self.wrong(&place, told, "the name of a gateway"))?;
            let facts = told.as_table().ok_or_else(|| self.wrong(&place, told, expected))?;
            let mut node = NodeConfig { name, ..NodeConfig::default() };
            for (key, fact) in facts {
                let full = format!("{place}.{key}");
                match key.as_str() {
                    "paths" => node.paths = self.list(&full, fact, "files, directories or patterns", NodePath::new)?,
                    "addresses" => {
                        let address = |text: &str| Some(text.parse::<IpAddr>().ok()?.to_canonical());
                        let addresses = self.list(&full, fact, "IPv4 or IPv6 addresses", address)?;
                        node.addresses = addresses.into_iter().collect::<BTreeSet<IpAddr>>();
                    }
                    "clock-offset" => node.clock_offset = Some(self.clock_offset(&full, fact)?),
                    "log-year" => node.log_year = Some(self.log_year(&full, fact)?),
                    "log-timezone" => node.log_zone = Some(self.log_zone(&full, fact)?),
                    _ => return Err(self.unknown(key, &NODE_KEYS)),
                }
            }
            if node.paths.is_empty() && node.addresses.is_empty() {
                return Err(self.wrong(&place, told, expected));
            }
            nodes.push(node);
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(nodes)
    }

    /// A list of texts, or one of them alone, each as `read` takes it.
    fn list<T>(
        &self,
        key: &str,
        value: &Value,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        let several = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let one = |value: &Value| value.as_str().and_then(&read).ok_or_else(|| self.wrong(key, value, expected));
        several.iter().map(one).collect()
    }

    fn timeouts(&self, value: &Value) -> Result<Vec<KnownTimeout>, Error> {
        let expected = "a table of hosts, each with read-ms, connect-ms or both";
        let table = value.as_table().ok_or_else(|| self.wrong("timeouts", value, expected))?;
        let mut known = Vec::new();
        for (host, limits) in table {
            let limits =
                limits.as_table().ok_or_else(|| self.wrong(&format!("timeouts.{host:?}"), limits, expected))?;
            let mut timeout = KnownTimeout { host: host.to_ascii_lowercase(), read_ms: None, connect_ms: None };
            for (key, limit) in limits {
                let full = format!("timeouts.{host:?}.{key}");
                let place = match key.as_str() {
                    "read-ms" => &mut timeout.read_ms,
                    "connect-ms" => &mut timeout.connect_ms,
                    _ => return Err(self.unknown(key, &TIMEOUT_KEYS)),
                };
                let number = limit.as_integer().filter(|number| (1..=LONGEST_TIMEOUT_MS).contains(number));
                let number = number.ok_or_else(|| self.wrong(&full, limit, "milliseconds, from 1 to a day"))?;
                *place = Some(number as u64);
            }
            known.push(timeout);
        }
        Ok(known)
    }

    fn wrong(&self, key: &str, value: &Value, expected: &'static str) -> Error {
        Error::Value { path: self.path.to_owned(), key: key.to_owned(), found: value.to_string(), expected }
    }

    fn unknown(&self, key: &str, known: &'static [&'static str]) -> Error {
        Error::Key { path: self.path.to_owned(), key: key.to_owned(), known }
    }
}

/// The known key that a wrong one probably means, as the middle of a sentence.
fn nearest(key: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(&key.to_ascii_lowercase(), known), *known)).min();
    match near {
        Some((distance, known)) if distance <= FURTHEST_SLIP => format!(", is {known:?} meant?"),
        _ => String::new(),
    }
}

/// The name under which a file of settings is found in the current directory.
pub const FILE_NAME: &str = "wirecause.toml";

const KEYS: [&str; 9] =
    ["clock-offset", "hosts", "hosts-file", "log-timezone", "log-year", "node", "nodes", "threads", "timeouts"];
const NODE_KEYS: [&str; 5] = ["addresses", "clock-offset", "log-timezone", "log-year", "paths"];
const TIMEOUT_KEYS: [&str; 2] = ["connect-ms", "read-ms"];
/// Slips of the keyboard that still leave a key to be guessed.
const FURTHEST_SLIP: usize = 4;
/// No gateway waits for a day.
const LONGEST_TIMEOUT_MS: i64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Settings, String> {
        parse(Path::new("site/wirecause.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let text = "clock-offset = -1.5\nlog-timezone = \"-03:00\"\nlog-year = 2026\nthreads = 4\nnode = \"gw-1\"\nhosts-file = \"hosts\"\n\
                    [hosts]\n\"Pay.Example.\" = [\"10.0.0.1\", \"fd77:2::24\"]\nauth = \"10.0.0.2\"\n\
                    [timeouts.\"pay.example\"]\nread-ms = 30000\n\
                    [nodes.b]\npaths = [\"gw-b\", \"*/b.log\"]\naddresses = \"10.0.0.7\"\nclock-offset = 2\nlog-timezone = \"Z\"\nlog-year = 2025\n\
                    [nodes.a]\naddresses = [\"::ffff:10.0.0.9\", \"fd77::1\"]\n";
        let v4 = |last| IpAddr::from([10, 0, 0, last]);
        let expected = Settings {
            hosts: vec![
                ("pay.example".to_owned(), v4(1)),
                ("pay.example".to_owned(), "fd77:2::24".parse().unwrap()),
                ("auth".to_owned(), v4(2)),
            ],
            hosts_file: Some(PathBuf::from("site/hosts")),
            clock_offset: Some(-1_500_000_000),
            log_zone: Some(-10_800),
            log_year: Some(2026),
            threads: Some(4.try_into().unwrap()),
            node: Some("gw-1".to_owned()),
            timeouts: vec![KnownTimeout { host: "pay.example".to_owned(), read_ms: Some(30_000), connect_ms: None }],
            nodes: vec![
                NodeConfig {
                    name: "a".to_owned(),
                    addresses: BTreeSet::from([v4(9), "fd77::1".parse().unwrap()]),
                    ..NodeConfig::default()
                },
                NodeConfig {
                    name: "b".to_owned(),
                    paths: ["gw-b", "*/b.log"].map(|path| NodePath::new(path).unwrap()).to_vec(),
                    addresses: BTreeSet::from([v4(7)]),
                    clock_offset: Some(2_000_000_000),
                    log_year: Some(2025),
                    log_zone: Some(0),
                },
            ],
        };
        let mut found = parsed(text).unwrap();
        // A table of TOML has no order of its own.
        found.hosts.sort_by_key(|(name, address)| (name == "auth", *address));
        assert_eq!(found, expected);
        assert_eq!(parsed("").unwrap(), Settings::default());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        for (text, meant) in [
            ("clock_offset = 1", "clock-offset"),
            ("log-timzone = \"Z\"", "log-timezone"),
            ("host = 1", "hosts"),
            ("[timeouts.a]\nread = 5", "read-ms"),
            ("[nodes.a]\npath = \"a\"", "paths"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(&format!("is {meant:?} meant?")), "{error}");
        }
        let error = parsed("colour-of-the-sky = 1").unwrap_err();
        assert!(!error.contains("meant") && error.contains("known are clock-offset, hosts"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_told_with_its_key_and_what_was_expected() {
        for (text, key, expected) in [
            ("log-timezone = \"CET\"", "log-timezone", "offset"),
            ("log-year = \"2026\"", "log-year", "a year"),
            ("log-year = 26", "log-year", "a year"),
            ("clock-offset = \"soon\"", "clock-offset", "seconds"),
            ("threads = 0", "threads", "1024"),
            ("hosts = 3", "hosts", "table"),
            ("[hosts]\na = \"10.0.0\"", "hosts.\"a\"", "address"),
            ("[timeouts]\na = 3", "timeouts.\"a\"", "read-ms"),
            ("[nodes.a]\nclock-offset = 1", "nodes.\"a\"", "paths"),
            ("[nodes.a]\naddresses = [\"10.0\"]", "nodes.\"a\".addresses", "addresses"),
            ("[nodes.a]\npaths = [3]", "nodes.\"a\".paths", "patterns"),
            ("[nodes.\"\"]\npaths = \"a\"", "nodes", "name of a gateway"),
            ("[timeouts.a]\nread-ms = -1", "timeouts.\"a\".read-ms", "milliseconds"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(key) && error.contains(expected), "{error}");
        }
        let error = parse(Path::new("x"), "threads = = 3").unwrap_err();
        assert!(matches!(error, Error::Syntax { .. }));
    }
}
