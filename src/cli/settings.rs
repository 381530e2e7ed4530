//! Where settings come from beside the command line.

use std::path::PathBuf;

use clap::Args;

/// The file of settings.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// File of settings; wirecause.toml of the current directory is read if it is there and none is given. Options win over it
    #[arg(long, help_heading = "Settings", value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Read no file of settings
    #[arg(long, help_heading = "Settings")]
    pub no_config: bool,
    /// Print the settings in force, from file and options, and do nothing else
    #[arg(long, help_heading = "Settings")]
    pub print_config: bool,
}
