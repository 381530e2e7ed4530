//! Where settings come from beside the command line.

use std::path::PathBuf;

use clap::Args;

/// The file of settings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// File of settings; wirecause.toml of the current directory is read if it is there and none is given. Options win over it
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Read no file of settings
    #[arg(long)]
    pub no_config: bool,
    /// Print the settings in force, from file and options, and do nothing else
    #[arg(long)]
    pub print_config: bool,
}
