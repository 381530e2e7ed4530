//! Real files told apart by content.

use std::path::Path;

use wirecause::input::{Kind, expand, open};

use crate::{harness::root, incidents};

fn kinds(directory: &Path) -> Vec<(String, Kind)> {
    let (inputs, reports) = expand(&[directory.to_owned()], None);
    assert!(reports.is_empty(), "{reports:?}");
    inputs.into_iter().map(|input| (input.name.clone(), open(&input).unwrap().kind)).collect()
}

#[test]
fn of_the_sample() {
    let expected = [
        ("expected.csv", Kind::Other),
        ("gateway.pcap", Kind::Capture),
        ("hosts", Kind::Other),
        ("ssg_0_0.log", Kind::Log),
    ];
    assert_eq!(kinds(&root().join("samples/harbor-cut")), expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn of_the_incidents() {
    let Some(folder) = incidents::folder() else { return };
    for incident in ["harbor", "meadow", "calm"] {
        for (name, kind) in kinds(&folder.join(incident)) {
            let expected = match name.as_str() {
                name if name.contains("pcap") => Kind::Capture,
                name if name.starts_with("ssg_") => Kind::Log,
                _ => Kind::Other,
            };
            assert_eq!(kind, expected, "{incident}/{name}");
        }
    }
}

#[test]
fn of_the_repositorys_own_texts() {
    for name in ["Cargo.lock", "CHANGELOG.md", "src/report/csv.rs", "test"] {
        let (inputs, _) = expand(&[root().join(name)], None);
        assert_eq!(open(&inputs[0]).unwrap().kind, Kind::Other, "{name}");
    }
}
