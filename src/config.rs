//! Raw arguments, checked once: what the pipeline may rely on.
//!
//! Reads the hosts file, the file of settings and the list of paths, and no other input. Where an option and the settings say different things the option
//! wins.

pub mod file;
mod list;
pub mod nodes;
pub mod print;
pub mod window;

use std::{
    collections::BTreeSet,
    fs, io,
    net::IpAddr,
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use crate::cli::{
    self, AnalyzeArgs, Cli, Command, InputArgs, TableArgs, explain::ExplainArgs, output::EvidenceArg,
    settings::SettingsArgs,
};
pub use crate::cli::{Format, ProgressForm, inspect::InspectForm, output::FileFormat};

use self::{file::Settings, nodes::NodeConfig, window::Window};

/// A job, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    /// Attribute every failed call.
    Analyze(AnalyzeConfig),
    /// Print what is in the files.
    Inspect(InspectConfig),
    /// Print the failed calls.
    Errors(TableConfig),
    /// Print the connections.
    Connections(TableConfig),
    /// Print the story of one call.
    Explain(ExplainConfig),
    /// Print this: the settings in force, completions, or a manual page.
    Print(Vec<u8>),
}

/// The main job.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalyzeConfig {
    /// What to read and how.
    pub inputs: InputConfig,
    /// Where the tables go.
    pub output: PathBuf,
    /// Whether they may go beside foreign files.
    pub force: bool,
    /// Which calls get evidence; `None`: the tables alone are written.
    pub stories: Option<Evidence>,
    /// Forms of the tables: at least one, each once.
    pub formats: Vec<FileFormat>,
    /// Whether hosts, addresses and payload are kept from the output.
    pub redact: bool,
    /// Whether the summary is left out.
    pub quiet: bool,
    /// Whether the record tells how long phases took.
    pub timings: bool,
    /// Whether texts that a spreadsheet would take for formulas are disarmed.
    pub csv_safe: bool,
    /// Whether every input and every count is told.
    pub verbose: bool,
}

/// Which calls get evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A few of each kind.
    Examples,
    /// All.
    All,
}

/// The story of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainConfig {
    /// The directory of an earlier run.
    pub output: PathBuf,
    /// First characters of the call's id, in lower case: some of its sixteen hex digits.
    pub error_id: String,
}

/// What is in the files.
#[derive(Clone, Debug, PartialEq)]
pub struct InspectConfig {
    /// What to read and how.
    pub inputs: InputConfig,
    /// The form of what is told.
    pub format: InspectForm,
}

/// A table on standard output.
#[derive(Clone, Debug, PartialEq)]
pub struct TableConfig {
    /// What to read and how.
    pub inputs: InputConfig,
    /// The table's form.
    pub format: Format,
    /// Whether texts that a spreadsheet would take for formulas are disarmed.
    pub csv_safe: bool,
}

/// What to read and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputConfig {
    /// Paths as given: at least one.
    pub paths: Vec<PathBuf>,
    /// Names with their addresses from the hosts file, in its order; names in lower case without a trailing dot.
    pub hosts: Vec<(String, IpAddr)>,
    /// The log's clock less the capture's, in nanoseconds; `None`: to be estimated.
    pub clock_offset: Option<i64>,
    /// Zone of log stamps that name none, in seconds east of UTC; `None`: UTC.
    pub log_zone: Option<i32>,
    /// Year of a log's first stamp that names none; `None`: told by other stamps.
    pub log_year: Option<i32>,
    /// Threads to use; `None`: one per processor.
    pub threads: Option<NonZeroUsize>,
    /// What the gateway is called in the tables, of which everything is that none of `nodes` has; `None`: gateways are told apart.
    pub node: Option<String>,
    /// Gateways that the settings tell apart, by their names.
    pub nodes: Vec<NodeConfig>,
    /// Timeouts of the gateway that are known.
    pub timeouts: Vec<KnownTimeout>,
    /// The time asked for.
    pub window: Window,
    /// How progress is shown.
    pub progress: ProgressForm,
}

/// Timeouts of the gateway towards one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTimeout {
    /// The host, as URLs name it, in lower case.
    pub host: String,
    /// Read timeout in milliseconds.
    pub read_ms: Option<u64>,
    /// Connect timeout in milliseconds.
    pub connect_ms: Option<u64>,
}

/// An argument that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of settings cannot be used.
    #[error(transparent)]
    Settings(#[from] file::Error),
    /// There is no such command.
    #[error("COMMAND {found:?}: expected one of {}", known.join(", "))]
    Command {
        /// What was given.
        found: String,
        /// The commands that there are.
        known: Vec<String>,
    },
    /// A value is not what its option takes.
    #[error("{option} {found:?}: expected {expected}")]
    Value {
        /// The option.
        option: &'static str,
        /// What was given.
        found: String,
        /// What it takes.
        expected: &'static str,
    },
    /// The hosts file cannot be read.
    #[error("hosts file {}", path.display())]
    HostsRead {
        /// The file.
        path: PathBuf,
        /// The system's objection.
        source: io::Error,
    },
    /// The list of paths cannot be read.
    #[error("list of paths {}", path.display())]
    ListRead {
        /// The file.
        path: PathBuf,
        /// The system's objection.
        source: io::Error,
    },
    /// A line of the hosts file is no address with names.
    #[error("hosts file {}, line {line}: found {found:?}, expected {expected}", path.display())]
    HostsLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The word that does not fit, or the line.
        found: String,
        /// What should stand there.
        expected: &'static str,
    },
}

impl Config {
    /// Whether what goes to standard output is not text.
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Errors(table) | Self::Connections(table) if table.format == Format::Parquet)
    }
}

impl TryFrom<Cli> for Config {
    type Error = Error;

    fn try_from(cli: Cli) -> Result<Self, Error> {
        match cli.command {
            Command::Analyze(args) => {
                let print = args.inputs.settings.print_config;
                let config = analyze(args)?;
                Ok(if print {
                    Self::Print(print::settings(&config.inputs).into_bytes())
                } else {
                    Self::Analyze(config)
                })
            }
            Command::Inspect(args) => {
                let print = args.inputs.settings.print_config;
                let config = InspectConfig { inputs: inputs(args.inputs)?, format: args.format };
                Ok(if print {
                    Self::Print(print::settings(&config.inputs).into_bytes())
                } else {
                    Self::Inspect(config)
                })
            }
            Command::Errors(args) => table(args, Self::Errors),
            Command::Connections(args) => table(args, Self::Connections),
            Command::Explain(args) => Ok(Self::Explain(explain(args)?)),
            Command::Completions(args) => Ok(Self::Print(cli::completions(args.shell))),
            Command::Man(args) => match cli::man(args.command.as_deref()) {
                Ok(page) => Ok(Self::Print(page)),
                Err(known) => Err(Error::Command { found: args.command.unwrap_or_default(), known }),
            },
        }
    }
}

fn analyze(args: AnalyzeArgs) -> Result<AnalyzeConfig, Error> {
    let stories = match args.writes.evidence {
        _ if args.writes.tables_only => None,
        EvidenceArg::Examples => Some(Evidence::Examples),
        EvidenceArg::All => Some(Evidence::All),
    };
    let (force, quiet, verbose) = (args.force, args.quiet, args.verbose);
    let (redact, timings) = (args.writes.redact, args.writes.timings);
    let mut formats = args.writes.format;
    formats.sort_unstable();
    formats.dedup();
    let mut inputs = inputs(args.inputs)?;
    if quiet && inputs.progress == ProgressForm::Auto {
        inputs.progress = ProgressForm::None;
    }
    Ok(AnalyzeConfig {
        inputs,
        output: args.output,
        force,
        stories,
        formats,
        redact,
        quiet,
        timings,
        csv_safe: args.csv_safe,
        verbose,
    })
}

fn explain(args: ExplainArgs) -> Result<ExplainConfig, Error> {
    let error_id = args.error_id.to_ascii_lowercase();
    let hex = (1..=16).contains(&error_id.len()) && error_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wrong = || Error::Value {
        option: "ERROR_ID",
        found: args.error_id.clone(),
        expected: "an id of the table of errors, sixteen hex digits, or the first of them",
    };
    hex.then_some(()).ok_or_else(wrong)?;
    Ok(ExplainConfig { output: args.output, error_id })
}

fn table(args: TableArgs, job: fn(TableConfig) -> Config) -> Result<Config, Error> {
    let print = args.inputs.settings.print_config;
    let config = TableConfig { inputs: inputs(args.inputs)?, format: args.format, csv_safe: args.csv_safe };
    Ok(if print { Config::Print(print::settings(&config.inputs).into_bytes()) } else { job(config) })
}

fn inputs(args: InputArgs) -> Result<InputConfig, Error> {
    let settings = settings(&args.settings)?;
    let of_file = settings.hosts_file.as_deref().map(read_hosts).transpose()?.unwrap_or_default();
    let given = args.hosts.as_deref().map(read_hosts).transpose()?.unwrap_or_default();
    Ok(InputConfig {
        paths: list::paths(args.paths, args.files_from)?,
        hosts: over(over(of_file, settings.hosts), given),
        clock_offset: args.clock_offset.as_deref().map(clock_offset).transpose()?.or(settings.clock_offset),
        log_zone: args.log_timezone.as_deref().map(log_zone).transpose()?.or(settings.log_zone),
        log_year: args.log_year.as_deref().map(log_year).transpose()?.or(settings.log_year),
        threads: args.threads.map(threads).transpose()?.or(settings.threads),
        // A name that is given for the run is that of all there is.
        nodes: if args.node.is_some() { Vec::new() } else { settings.nodes },
        node: args.node.map(|name| node("--node", name)).transpose()?.or(settings.node),
        timeouts: settings.timeouts,
        window: Window::new(args.from.as_deref(), args.to.as_deref())?,
        progress: args.progress,
    })
}

/// The settings of the file that is given, or of the one in the current directory.
fn settings(args: &SettingsArgs) -> Result<Settings, Error> {
    let found = Path::new(file::FILE_NAME);
    match &args.config {
        Some(path) => Ok(file::read(path)?),
        None if !args.no_config && found.is_file() => Ok(file::read(found)?),
        None => Ok(Settings::default()),
    }
}

/// Names of both, where the `stronger` have all that is known of a name that they hold.
fn over(weaker: Vec<(String, IpAddr)>, stronger: Vec<(String, IpAddr)>) -> Vec<(String, IpAddr)> {
    let names: BTreeSet<&str> = stronger.iter().map(|(name, _)| name.as_str()).collect();
    let mut hosts: Vec<_> = weaker.into_iter().filter(|(name, _)| !names.contains(name.as_str())).collect();
    hosts.extend(stronger);
    hosts
}

fn clock_offset(text: &str) -> Result<i64, Error> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.abs() <= MAX_CLOCK_OFFSET_S);
    seconds.map(|seconds| (seconds * 1e9).round() as i64).ok_or_else(|| Error::Value {
        option: "--clock-offset",
        found: text.to_owned(),
        expected: "seconds such as 1.7 or -3600, at most ten years",
    })
}

fn log_zone(text: &str) -> Result<i32, Error> {
    zone_seconds(text).ok_or_else(|| Error::Value {
        option: "--log-timezone",
        found: text.to_owned(),
        expected: "an offset from UTC from -14:00 to +14:00, such as -03:00, or Z",
    })
}

fn log_year(text: &str) -> Result<i32, Error> {
    let year = text.parse().ok().filter(|year| YEARS.contains(year));
    year.ok_or_else(|| Error::Value {
        option: "--log-year",
        found: text.to_owned(),
        expected: "a year from 1970 to 2200",
    })
}

fn zone_seconds(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits = text.get(1..)?;
    let (hours, minutes) = digits.split_once(':').or_else(|| digits.split_at_checked(2))?;
    let two_digits = |part: &str| {
        let both = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        both.then(|| part.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let seconds = hours * 3_600 + minutes * 60;
    (minutes < 60 && seconds <= MAX_ZONE_S).then_some(sign * seconds)
}

fn node(option: &'static str, name: String) -> Result<String, Error> {
    let is_name = !name.is_empty() && !name.contains(char::is_control);
    if is_name { Ok(name) } else { Err(Error::Value { option, found: name, expected: "the name of a gateway" }) }
}

fn threads(number: usize) -> Result<NonZeroUsize, Error> {
    NonZeroUsize::new(number).filter(|number| number.get() <= MAX_THREADS).ok_or_else(|| Error::Value {
        option: "--threads",
        found: number.to_string(),
        expected: "a number from 1 to 1024",
    })
}

fn read_hosts(path: &Path) -> Result<Vec<(String, IpAddr)>, Error> {
    let bytes = fs::read(path).map_err(|source| Error::HostsRead { path: path.to_owned(), source })?;
    parse_hosts(path, &bytes)
}

/// The names of a hosts file's content with their addresses, in order; `path` is for the error.
pub fn parse_hosts(path: &Path, bytes: &[u8]) -> Result<Vec<(String, IpAddr)>, Error> {
    let text = String::from_utf8_lossy(bytes);
    let mut hosts = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let entry = hosts_line(line).map_err(|(found, expected)| Error::HostsLine {
            path: path.to_owned(),
            line: index + 1,
            found: found.to_owned(),
            expected,
        })?;
        hosts.extend(entry);
    }
    Ok(hosts)
}

/// The names of one line with its address; the word that does not fit, and what should stand there.
fn hosts_line(line: &str) -> Result<Vec<(String, IpAddr)>, (&str, &'static str)> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let content = line.split('#').next().unwrap_or_default();
    let mut words = content.split_whitespace();
    let Some(first) = words.next() else { return Ok(Vec::new()) };
    // A scope names an interface of the machine that wrote the file.
    let bare = first.split('%').next().unwrap_or_default();
    let address: IpAddr = bare.parse().map_err(|_| (first, "an IPv4 or IPv6 address at the start of the line"))?;
    let names: Vec<_> =
        words.map(|name| (name.trim_end_matches('.').to_ascii_lowercase(), address.to_canonical())).collect();
    if names.is_empty() { Err((content.trim(), "a host name after the address")) } else { Ok(names) }
}

/// A clock that is further off says that the log belongs to another incident.
const MAX_CLOCK_OFFSET_S: f64 = 10.0 * 366.0 * 86_400.0;
/// No zone lies further east; the furthest west is 12 hours.
const MAX_ZONE_S: i32 = 14 * 3_600;
/// More than any machine this runs on; a larger number is a slip of the keyboard.
const MAX_THREADS: usize = 1_024;

/// Years of logs: times are counted from the first, and the last is far from where they end.
const YEARS: RangeInclusive<i32> = 1970..=2200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn clock_offsets_are_seconds_with_a_sign() {
        assert_eq!(clock_offset("1.7").unwrap(), 1_700_000_000);
        assert_eq!(clock_offset("-0.000000001").unwrap(), -1);
        for wrong in ["", "1,7", "NaN", "inf", "1e30", "5s"] {
            assert!(clock_offset(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn years_are_those_of_logs() {
        for (text, year) in
            [("1970", Some(1970)), ("2026", Some(2026)), ("26", None), ("2201", None), ("", None), ("x", None)]
        {
            assert_eq!(log_year(text).ok(), year, "{text}");
        }
    }

    #[test]
    fn zones_are_hours_and_minutes_with_a_sign() {
        for (text, seconds) in [("+00:00", 0), ("-03:00", -10_800), ("+0530", 19_800), ("Z", 0), ("+14:00", 50_400)] {
            assert_eq!(log_zone(text).unwrap(), seconds, "{text}");
        }
        for wrong in ["", "3", "03:00", "+3:00", "+03:60", "+14:01", "+ 3:00", "CET", "+é00"] {
            assert!(log_zone(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_is_given_twice_has_the_addresses_of_the_stronger() {
        let host = |name: &str, last| (name.to_owned(), IpAddr::from([10, 0, 0, last]));
        let hosts = over(vec![host("a", 1), host("b", 2)], vec![host("a", 3), host("a", 4)]);
        assert_eq!(hosts, [host("b", 2), host("a", 3), host("a", 4)]);
    }

    #[test]
    fn threads_are_a_sensible_number() {
        assert_eq!(threads(2).unwrap().get(), 2);
        assert!(threads(0).is_err() && threads(100_000).is_err());
    }

    #[test]
    fn a_hosts_file_yields_names_in_lower_case() {
        let temp = TempDir::new("config-hosts");
        let path = temp.path().join("hosts");
        fs::write(&path, "# incident\r\n10.0.0.1\tPay.Example. pay # balancer\r\n\r\nfd77:2::24 auth\r\n").unwrap();
        let (v4, v6) = ("10.0.0.1".parse().unwrap(), "fd77:2::24".parse().unwrap());
        let expected = [("pay.example".to_owned(), v4), ("pay".to_owned(), v4), ("auth".to_owned(), v6)];
        assert_eq!(read_hosts(&path).unwrap(), expected);
    }

    #[test]
    fn a_bad_line_is_named_with_file_and_number_and_what_was_expected() {
        let temp = TempDir::new("config-hosts-bad");
        let path = temp.path().join("hosts");
        for (content, found, expected) in [
            ("10.0.0.1 a\n10.0.0 b\n", "10.0.0", "an IPv4 or IPv6 address at the start of the line"),
            ("\n10.0.0.1 # nobody\n", "10.0.0.1", "a host name after the address"),
        ] {
            fs::write(&path, content).unwrap();
            let text = read_hosts(&path).unwrap_err().to_string();
            assert_eq!(text, format!("hosts file {}, line 2: found {found:?}, expected {expected}", path.display()));
        }
        assert!(matches!(read_hosts(&temp.path().join("none")), Err(Error::HostsRead { .. })));
    }
}
