//! The import order of the stages: a stage names only the stages before it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::harness::root;

/// The stages in their order. `input` finds and opens files and knows no stage; `read` turns files into calls and
/// tracked connections. What is not listed is the edge: `main`, `cli`, `config`.
const STAGES: [&str; 8] = ["input", "track", "read", "inspect", "join", "attribute", "report", "pipeline"];

/// What the edge may name, beside itself.
const EDGE: [(&str, &[&str]); 3] = [("cli", &[]), ("config", &["cli"]), ("lib", &[])];

/// The parsers: a log knows of no packet, and how frames are stored is not what they carry.
const PARSERS: [(&str, &[&str]); 5] = [
    ("time", &[]),
    ("log", &["time"]),
    ("capture", &["time"]),
    ("payload", &["time"]),
    ("packet", &["time", "capture", "payload"]),
];

#[test]
fn a_stage_names_only_the_stages_before_it() {
    let mut faults = Vec::new();
    for file in sources(&root().join("src")) {
        let module = module_of(&root().join("src"), &file);
        for (line, named) in names(&fs::read_to_string(&file).unwrap()) {
            if !allowed_in_root(&module, &named) {
                faults.push(format!("{}:{line}: {module} names {named}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "against the order {STAGES:?}:\n{}", faults.join("\n"));
}

#[test]
fn parsers_keep_apart() {
    let source = root().join("parsers/src");
    let mut faults = Vec::new();
    for file in sources(&source) {
        let module = module_of(&source, &file);
        let Some((_, before)) = PARSERS.iter().find(|(name, _)| *name == module) else {
            assert!(module == "lib", "{} belongs to no part that this test knows", file.display());
            continue;
        };
        for (line, named) in names(&fs::read_to_string(&file).unwrap()) {
            if named != module && !before.contains(&named.as_str()) {
                faults.push(format!("{}:{line}: {module} names {named}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "against {PARSERS:?}:\n{}", faults.join("\n"));
}

#[test]
fn names_are_found_in_every_form() {
    let text = "use crate::report::x;\n// crate::comment::x\nuse crate::{\n    join::{a, b::c}, track,\n};\nfn f() { crate::read::g() }\n\
                #[cfg(test)]\nmod tests { use crate::pipeline; }\n";
    let found: Vec<_> = names(text).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
    assert_eq!(found, ["1 report", "3 join", "3 track", "6 read"]);
}

fn allowed_in_root(module: &str, named: &str) -> bool {
    if module == named || module == "main" || (module == "testing" || named == "testing") {
        return true;
    }
    let rank = |name: &str| STAGES.iter().position(|stage| *stage == name);
    match (rank(module), rank(named)) {
        (Some(module), Some(named)) => named < module,
        // The pipeline takes the checked configuration; no other stage knows the edge.
        (Some(_), None) => module == "pipeline" && named == "config",
        (None, _) => EDGE.iter().any(|(edge, may)| *edge == module && may.contains(&named)),
    }
}

/// Rust files below a directory, but for those of unit tests.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The module right below the crate that a file belongs to.
fn module_of(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).unwrap().components().next().unwrap();
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Modules of the own crate that a file names, with the line: comments and unit tests left out.
fn names(text: &str) -> Vec<(usize, String)> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, key) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + key.len()..];
        let named = match rest.strip_prefix('{') {
            Some(group) => heads(group),
            None => vec![word(rest)],
        };
        found.extend(named.into_iter().map(|name| (line, name)));
    }
    found
}

/// The first word of each member of a `use` group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(word(group[start..at].trim()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
