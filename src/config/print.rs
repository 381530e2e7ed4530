//! The settings in force, as a file of settings would say them.

use std::{collections::BTreeMap, fmt::Write as _};

use toml::Value;

use super::InputConfig;

/// The settings as TOML; what was not set is left out.
pub fn settings(inputs: &InputConfig) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    clocks(inputs.clock_offset, inputs.log_zone, inputs.log_year, &mut text);
    if let Some(threads) = inputs.threads {
        let _ = writeln!(text, "threads = {threads}");
    }
    if let Some(node) = &inputs.node {
        let _ = writeln!(text, "node = {}", Value::from(node.as_str()));
    }
    if !inputs.hosts.is_empty() {
        let mut hosts: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (name, address) in &inputs.hosts {
            hosts.entry(name).or_default().push(Value::from(address.to_string()));
        }
        text.push_str("\n[hosts]\n");
        for (name, addresses) in hosts {
            let _ = writeln!(text, "{} = {}", Value::from(name), Value::from(addresses));
        }
    }
    for node in &inputs.nodes {
        let _ = writeln!(text, "\n[nodes.{}]", Value::from(node.name.as_str()));
        let paths: Vec<Value> = node.paths.iter().map(|path| Value::from(path.as_str())).collect();
        let addresses: Vec<Value> = node.addresses.iter().map(|address| Value::from(address.to_string())).collect();
        for (key, values) in [("paths", paths), ("addresses", addresses)] {
            if !values.is_empty() {
                let _ = writeln!(text, "{key} = {}", Value::from(values));
            }
        }
        clocks(node.clock_offset, node.log_zone, node.log_year, &mut text);
    }
    for timeout in &inputs.timeouts {
        let _ = writeln!(text, "\n[timeouts.{}]", Value::from(timeout.host.as_str()));
        for (key, limit) in [("read-ms", timeout.read_ms), ("connect-ms", timeout.connect_ms)] {
            if let Some(limit) = limit {
                let _ = writeln!(text, "{key} = {limit}");
            }
        }
    }
    text
}

fn clocks(offset: Option<i64>, zone: Option<i32>, year: Option<i32>, text: &mut String) {
    if let Some(offset) = offset {
        let _ = writeln!(text, "clock-offset = {:?}", offset as f64 / 1e9);
    }
    if let Some(zone) = zone {
        let sign = if zone < 0 { '-' } else { '+' };
        let minutes = zone.unsigned_abs() / 60;
        let _ = writeln!(text, "log-timezone = \"{sign}{:02}:{:02}\"", minutes / 60, minutes % 60);
    }
    if let Some(year) = year {
        let _ = writeln!(text, "log-year = {year}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{
        KnownTimeout, file,
        nodes::{NodeConfig, NodePath},
    };

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let inputs = InputConfig {
            hosts: vec![("a\"b".to_owned(), [10, 0, 0, 1].into()), ("a\"b".to_owned(), "::1".parse().unwrap())],
            clock_offset: Some(-1_700_000_000),
            log_zone: Some(-12_600),
            log_year: Some(2026),
            threads: Some(3.try_into().unwrap()),
            node: Some("gw \"1\"".to_owned()),
            timeouts: vec![KnownTimeout { host: "pay.example".to_owned(), read_ms: Some(5), connect_ms: Some(6) }],
            nodes: vec![NodeConfig {
                name: "gw 2".to_owned(),
                paths: vec![NodePath::new("*/gw-2").unwrap()],
                addresses: ["10.0.0.2".parse().unwrap()].into(),
                clock_offset: Some(-500_000_000),
                log_zone: Some(3_600),
                log_year: Some(2025),
            }],
            ..InputConfig::default()
        };
        let read = file::parse(Path::new("x"), &settings(&inputs)).unwrap();
        assert_eq!(
            (read.hosts, read.clock_offset, read.log_zone, read.log_year),
            (inputs.hosts, inputs.clock_offset, inputs.log_zone, inputs.log_year)
        );
        assert_eq!((read.threads, read.node, read.timeouts), (inputs.threads, inputs.node, inputs.timeouts));
        assert_eq!(read.nodes, inputs.nodes);
        assert_eq!(settings(&InputConfig::default()), "");
    }
}
