//! What the documentation says against what the program has.

use std::fs;

use wirecause::report::schema::{CAUSES, CONNECTIONS, ERRORS, FINDINGS, describe};

use crate::harness::root;

#[test]
fn readme_lists_the_columns_as_the_schema_has_them() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for list in [describe(&ERRORS), describe(&CAUSES), describe(&FINDINGS), describe(&CONNECTIONS)] {
        assert!(readme.contains(&list), "README.md does not hold this list as it stands:\n\n{list}");
    }
}

#[test]
fn readme_explains_every_cause() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for cause in wirecause::attribute::verdict::Cause::ALL {
        assert!(readme.contains(&format!("| `{cause}` |")), "{cause}");
    }
}

#[test]
fn readmes_first_command_shows_its_true_output() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split_once("$ cargo run --release -- analyze samples/harbor-cut -o out\n");
    let shown = shown.and_then(|(_, rest)| rest.split("```").next());
    let shown = shown.expect("README.md shows the first command with its output");
    let scratch = crate::harness::Scratch::new("documents-readme");
    let sample = root().join("samples/harbor-cut");
    let ran = scratch.wirecause(0, &["analyze", sample.to_str().unwrap(), "-o", "out"]);
    assert_eq!(shown.trim(), ran.stdout().trim(), "README.md differs from what the command prints");
}
