//! The command line as the user types it. [`crate::config`] checks it.

pub mod explain;
pub mod generate;
pub mod inspect;
pub mod output;
pub mod settings;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use self::{
    explain::ExplainArgs,
    generate::{CompletionsArgs, ManArgs},
    inspect::InspectArgs,
    output::WriteArgs,
    settings::SettingsArgs,
};

/// Finds out what on the network ended the failed outbound calls of an API gateway.
///
/// Reads the gateway's logs and the packet captures taken beside it, joins every failed call to the TCP connection that
/// carried it, and says what ended it, who did it, how sure that is, and what to change.
#[derive(Debug, Parser)]
#[command(name = "wirecause", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// When to emphasise text: auto does where standard output is a terminal and `NO_COLOR` is not set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorArg::Auto)]
    pub color: ColorArg,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The jobs of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The main job: attribute every failed call of logs and captures, and write the tables
    #[command(after_help = ANALYZE_EXAMPLES)]
    Analyze(AnalyzeArgs),
    /// What is in these files: spans, zones, link types, what is missing, and whether logs and captures overlap
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectArgs),
    /// The failed calls of logs, as a table on standard output
    #[command(after_help = ERRORS_EXAMPLES)]
    Errors(TableArgs),
    /// The TCP connections of captures, as a table on standard output
    #[command(after_help = CONNECTIONS_EXAMPLES)]
    Connections(TableArgs),
    /// The story of one failed call, packet by packet, from what `analyze` left in its directory
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Completions of the command line for a shell, on standard output
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// A manual page in the form of man(7), on standard output
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

/// The completions of the command line for a shell.
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wirecause", &mut text);
    text
}

/// The manual page of the program, or of one of its commands; the commands that there are where it is none of them.
pub fn man(command: Option<&str>) -> Result<Vec<u8>, Vec<String>> {
    let mut program = Cli::command();
    // Commands get the options that all have.
    program.build();
    let page = match command {
        None => program,
        Some(name) => {
            let commands = || program.get_subcommands().filter(|command| command.get_name() != "help");
            let found = commands().find(|command| command.get_name() == name);
            let found =
                found.ok_or_else(|| commands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>())?;
            found.clone()
        }
    };
    let mut text = Vec::new();
    // Writing to a `Vec` cannot fail.
    let title = command.map_or_else(|| "wirecause".to_owned(), |command| format!("wirecause-{command}"));
    let _ = clap_mangen::Man::new(page).title(title).render(&mut text);
    Ok(text)
}

/// Arguments of `analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// What to read and how.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// Directory for the tables; made if it does not exist, an earlier run's output in it is replaced
    #[arg(short, long, help_heading = "Output", value_name = "DIR")]
    pub output: PathBuf,
    /// Write into a directory that holds other files; they are left as they are
    #[arg(long, help_heading = "Output")]
    pub force: bool,
    /// What is written beside the tables.
    #[command(flatten)]
    pub writes: WriteArgs,
    /// No summary on the terminal
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Put an apostrophe before texts that a spreadsheet would take for formulas
    #[arg(long, help_heading = "Output")]
    pub csv_safe: bool,
    /// Every input and everything that was counted, beside the summary, on standard error
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `errors` and `connections`.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// What to read and how.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// Form of the table; Parquet goes to a file or pipe, not to a terminal
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// Put an apostrophe before texts that a spreadsheet would take for formulas
    #[arg(long)]
    pub csv_safe: bool,
}

/// What to read and how.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Logs and captures, told apart by content, plain, packed (gzip, zstd, bzip2, xz, lz4) or in archives (tar, zip): files,
    /// directories with all below them, patterns, or - for standard input
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Paths to read as well, one a line of FILE, or ended by NUL where it holds one; - for standard input
    #[arg(long, value_name = "FILE")]
    pub files_from: Option<PathBuf>,
    /// Names and addresses as in /etc/hosts, for names that no packet shows
    #[arg(long, value_name = "FILE")]
    pub hosts: Option<PathBuf>,
    /// How far the log's clock is ahead of the capture's (negative: behind); estimated if not given
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub clock_offset: Option<String>,
    /// Zone of log stamps that name none, such as +02:00; UTC if not given
    #[arg(long, value_name = "±HH:MM", allow_hyphen_values = true)]
    pub log_timezone: Option<String>,
    /// Year of the first of a log's stamps that name none, as in RFC 3164; by other stamps if not given
    #[arg(long, value_name = "YEAR")]
    pub log_year: Option<String>,
    /// Leave out what lies before this time: log entries by their own stamps, connections by the capture's clock. RFC 3339, or counted
    /// back from the end of the input, such as -2h, -30m or -1d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Leave out what lies at or after this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// All logs and captures are of one gateway, called so
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Number of threads; all processors if not given. The output does not depend on it
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// How progress is shown on standard error: auto draws a bar where that is a terminal, json writes an object a second
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ProgressForm::Auto)]
    pub progress: ProgressForm,
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressForm {
    /// As a bar, on a terminal
    #[default]
    Auto,
    /// As one JSON object per line
    Json,
    /// Not at all
    None,
}

/// When text is emphasised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorArg {
    /// Whether standard output gets escape sequences. `no_color` is the variable `NO_COLOR`, which counts if it is not empty
    /// (no-color.org).
    pub fn wanted(self, is_terminal: bool, no_color: Option<&std::ffi::OsStr>) -> bool {
        match self {
            Self::Auto => is_terminal && no_color.is_none_or(std::ffi::OsStr::is_empty),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Forms of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for a reader
    Table,
    /// Comma-separated values, RFC 4180
    Csv,
    /// One JSON object per line
    Json,
    /// Parquet with typed columns
    Parquet,
}

const EXIT_CODES: &str = "\
Exit status:
  0  done
  1  done, with inputs that were damaged or skipped; each is named
  2  wrong usage, nothing readable, or the output could not be written
  130, 143  interrupted by Ctrl-C or kill; nothing was written";

const ANALYZE_EXAMPLES: &str = "\
Examples:
  wirecause analyze incident/ -o out
  wirecause analyze ssg_0_0.log gateway.pcap00* --hosts hosts -o out
  wirecause analyze incident/ --from 2026-11-20T22:00:00Z --to 2026-11-20T23:30:00Z -o out
  zcat ssg_0_0.log.gz | wirecause analyze - gateway.pcapng.gz --clock-offset 1.7 -o out";

const INSPECT_EXAMPLES: &str = "\
Examples:
  wirecause inspect incident/
  wirecause inspect captures/ --from -1d --format json";

const ERRORS_EXAMPLES: &str = "\
Examples:
  wirecause errors ssg_0_0.log
  wirecause errors logs/ --log-timezone -03:00 > errors.csv
  wirecause errors logs/ --from -2h --format table";

const CONNECTIONS_EXAMPLES: &str = "\
Examples:
  wirecause connections gateway.pcap
  wirecause connections 'captures/any.pcap*' --hosts hosts > connections.csv";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  wirecause completions bash > ~/.local/share/bash-completion/completions/wirecause
  wirecause completions zsh > ~/.zfunc/_wirecause";

const MAN_EXAMPLES: &str = "\
Examples:
  wirecause man > /usr/local/share/man/man1/wirecause.1
  wirecause man analyze | man -l -";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  wirecause explain out 4f1c0d2a9b3e5d67
  wirecause explain out 4f1c | less";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_shell_has_completions_and_every_command_a_page() {
        for shell in clap_complete::Shell::value_variants() {
            let text = String::from_utf8(completions(*shell)).unwrap();
            assert!(text.contains("wirecause") && text.contains("explain"), "{shell}");
        }
        let page = |command| String::from_utf8(man(command).unwrap()).unwrap();
        assert!(page(None).contains(".TH wirecause 1") && page(None).contains("analyze"));
        assert!(page(Some("analyze")).contains("hosts") && page(Some("analyze")).contains("color"));
        let commands = man(Some("analyse")).unwrap_err();
        assert!(commands.contains(&"analyze".to_owned()) && !commands.contains(&"help".to_owned()));
    }

    #[test]
    fn negative_offsets_and_zones_are_values() {
        let line = ["wirecause", "errors", "x", "--clock-offset", "-1.5", "--log-timezone", "-03:00"];
        let Command::Errors(args) = Cli::try_parse_from(line).unwrap().command else { panic!("another command") };
        assert_eq!(args.inputs.clock_offset.as_deref(), Some("-1.5"));
        assert_eq!(args.inputs.log_timezone.as_deref(), Some("-03:00"));
    }

    #[test]
    fn an_explicit_wish_for_color_wins_over_the_surroundings() {
        let set = Some(std::ffi::OsStr::new("1"));
        assert!(ColorArg::Auto.wanted(true, None) && ColorArg::Auto.wanted(true, Some("".as_ref())));
        assert!(!ColorArg::Auto.wanted(true, set) && !ColorArg::Auto.wanted(false, None));
        assert!(ColorArg::Always.wanted(false, set) && !ColorArg::Never.wanted(true, None));
    }

    #[test]
    fn analyze_wants_paths_and_an_output() {
        for line in [&["wirecause", "analyze", "-o", "out"][..], &["wirecause", "analyze", "x"]] {
            assert!(Cli::try_parse_from(line).is_err());
        }
    }
}
