//! What the user writes: the hosts file and the command line.

use std::path::Path;

use clap::Parser as _;
use wirecause::{
    cli::Cli,
    config::{Config, parse_hosts},
};

/// A hosts file, and the words of a command line: names come out clean, options within their bounds.
pub fn config(bytes: &[u8]) {
    if let Ok(hosts) = parse_hosts(Path::new("hosts"), bytes) {
        for (name, _) in hosts {
            assert!(!name.chars().any(|c| c.is_whitespace() || c.is_ascii_uppercase() || c == '#'), "{name:?}");
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let words = ["wirecause"].into_iter().chain(text.split('\n'));
    let Ok(cli) = Cli::try_parse_from(words) else { return };
    // A file that the words name would be read.
    if ["--hosts", "--config", "--files-from"].iter().any(|option| text.contains(option)) {
        return;
    }
    let inputs = match Config::try_from(cli) {
        Ok(Config::Analyze(config)) => config.inputs,
        Ok(Config::Inspect(config)) => config.inputs,
        Ok(Config::Errors(config) | Config::Connections(config)) => config.inputs,
        Ok(Config::Explain(_) | Config::Print(_)) => return,
        Err(error) => {
            assert!(error.to_string().contains("expected"), "{error}");
            return;
        }
    };
    assert!(!inputs.paths.is_empty());
    assert!(inputs.log_zone.is_none_or(|zone| zone.abs() <= 14 * 3600));
    assert!(inputs.threads.is_none_or(|threads| threads.get() <= 1024));
}
