//! Arguments of `completions` and `man`.

use clap::Args;
use clap_complete::Shell;

/// A shell's completions.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// A manual page.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command whose page is wanted; the program's own if none is given
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}
