//! What `analyze` writes beside its tables, and how.

use clap::{Args, ValueEnum};

/// What is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct WriteArgs {
    /// Which calls get a file of their packets
    ///
    /// Examples are, for each cause at each endpoint and for each finding, its three surest calls, 300 in all.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = EvidenceArg::Examples)]
    pub evidence: EvidenceArg,
    /// The tables alone: neither page, review, evidence nor stories
    #[arg(long, conflicts_with = "evidence")]
    pub tables_only: bool,
}

/// Which calls get evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EvidenceArg {
    /// A few calls for each cause at each endpoint and for each finding
    Examples,
    /// Every call that was joined to a connection
    All,
}
