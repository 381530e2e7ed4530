//! `[nodes]`: the gateways of a site, by their names.

use std::{collections::BTreeSet, net::IpAddr};

use glob::{MatchOptions, Pattern};

/// What the settings say of one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeConfig {
    /// What it is called in the tables.
    pub name: String,
    /// Where its logs and captures lie.
    pub paths: Vec<NodePath>,
    /// Its addresses, as far as they are known.
    pub addresses: BTreeSet<IpAddr>,
    /// As `--clock-offset`, for this gateway, in nanoseconds.
    pub clock_offset: Option<i64>,
    /// As `--log-timezone`, for its logs, in seconds east of UTC.
    pub log_zone: Option<i32>,
    /// As `--log-year`, for its logs.
    pub log_year: Option<i32>,
}

/// A file, a directory or a pattern, relative to the PATH given or with the name of that PATH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePath {
    pattern: Pattern,
}

impl NodePath {
    /// Reads a path; `None` where it is no pattern.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        (!text.is_empty()).then(|| Pattern::new(text).ok()).flatten().map(|pattern| Self { pattern })
    }

    /// As it was written, less what makes no difference.
    pub fn as_str(&self) -> &str {
        self.pattern.as_str()
    }

    /// Whether the path leads to the file `name`, with `/` between its parts: to itself, or to a directory that holds it.
    pub fn leads_to(&self, name: &str) -> bool {
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
        ends.filter_map(|end| name.get(..end)).any(|part| self.pattern.matches_with(part, options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_file_a_directory_or_what_a_pattern_names() {
        for (path, name, leads) in [
            ("gw-1", "gw-1/ssg_0_0.log", true),
            ("gw-1/", "gw-1/deep/x.pcap", true),
            ("./gw-1", "gw-1/x.pcap", true),
            ("gw-1", "gw-10/x.pcap", false),
            ("gw-1", "other/gw-1/x.pcap", false),
            ("*/gw-1", "logs/gw-1/ssg.log", true),
            ("gw1_*.log", "gw1_0_0.log", true),
            ("gw1_*.log", "gw1_x/0.txt", false),
            ("a/x.pcap", "a/x.pcap", true),
        ] {
            assert_eq!(NodePath::new(path).unwrap().leads_to(name), leads, "{path} {name}");
        }
        assert!(NodePath::new("").is_none() && NodePath::new("/").is_none() && NodePath::new("a***").is_none());
    }
}
