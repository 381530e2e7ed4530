//! Arguments of `inspect`.

use clap::{Args, ValueEnum};

use super::InputArgs;

/// What is in the files.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// What to read and how.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// Form of what is told
    #[arg(long, value_enum, default_value_t = InspectForm::Text)]
    pub format: InspectForm,
}

/// Forms of what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InspectForm {
    /// For a reader
    Text,
    /// One JSON object
    Json,
}
