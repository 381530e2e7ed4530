//! Arguments of `explain`.

use std::path::PathBuf;

use clap::Args;

/// The story of one call.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Directory that `analyze` wrote
    #[arg(value_name = "DIR")]
    pub output: PathBuf,
    /// The call's id in the table of errors, or its first characters as far as they name one call
    #[arg(value_name = "ERROR_ID")]
    pub error_id: String,
}
