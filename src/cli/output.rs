//! What `analyze` writes beside its tables, and how.

use clap::{Args, ValueEnum};

/// What is written.
#[derive(Debug, Args)]
pub struct WriteArgs {
    /// Which calls get a file of their packets
    ///
    /// Examples are, for each cause at each endpoint and for each finding, its three surest calls, 300 in all.
    #[arg(long, help_heading = "Output", value_enum, value_name = "WHICH", default_value_t = EvidenceArg::Examples)]
    pub evidence: EvidenceArg,
    /// Forms of the tables, separated by commas
    #[arg(
        long,
        help_heading = "Output",
        value_enum,
        value_name = "FORM,…",
        value_delimiter = ',',
        default_value = "csv"
    )]
    pub format: Vec<FileFormat>,
    /// Names and addresses replaced by stable ones, URLs without user and query, packets without payload, log entries left out
    #[arg(long, help_heading = "Output")]
    pub redact: bool,
    /// Tell in run.json how long each phase took; it then differs from run to run
    #[arg(long, help_heading = "Output")]
    pub timings: bool,
    /// The tables alone: neither page, review, evidence nor stories
    #[arg(long, help_heading = "Output", conflicts_with = "evidence")]
    pub tables_only: bool,
}

/// Forms of the tables that a run leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum FileFormat {
    /// Comma-separated values, RFC 4180
    Csv,
    /// Parquet with typed columns
    Parquet,
    /// One JSON object per line, in files that end in .jsonl
    Json,
}

/// Which calls get evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EvidenceArg {
    /// A few calls for each cause at each endpoint and for each finding
    Examples,
    /// Every call that was joined to a connection
    All,
}
