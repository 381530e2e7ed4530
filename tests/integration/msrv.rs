//! The oldest compiler that is stated is one that the dependencies can do with.
//!
//! What our own code uses of the standard library is held to it by clippy's `incompatible_msrv`.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use crate::harness::root;

#[test]
fn no_dependency_asks_for_a_newer_compiler_than_is_stated() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages: BTreeMap<&str, &Value> =
        array(&metadata["packages"]).iter().map(|package| (text(&package["id"]), package)).collect();
    let needs: BTreeMap<&str, Vec<&str>> =
        array(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), normal(node))).collect();
    for name in ["wirecause", "wirecause-parsers"] {
        let own = packages.values().find(|package| package["name"] == name).unwrap();
        let stated = version(&own["rust_version"]).unwrap();
        let mut seen = BTreeSet::new();
        let mut open = vec![text(&own["id"])];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(&needs[id]);
            }
        }
        assert!(seen.len() > 10, "{name} has dependencies");
        let newer: Vec<_> = seen
            .iter()
            .map(|id| packages[id])
            .filter(|package| version(&package["rust_version"]).is_some_and(|needed| needed > stated))
            .map(|package| format!("{} {}", package["name"], package["rust_version"]))
            .collect();
        assert!(newer.is_empty(), "{name} states {stated:?}, and {newer:?} ask for more");
    }
}

/// Dependencies that are compiled into what a user runs.
fn normal(node: &Value) -> Vec<&str> {
    let counts = |dependency: &&Value| array(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
    array(&node["deps"]).iter().filter(counts).map(|dependency| text(&dependency["pkg"])).collect()
}

fn version(value: &Value) -> Option<(u32, u32)> {
    let (major, rest) = value.as_str()?.split_once('.')?;
    Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
