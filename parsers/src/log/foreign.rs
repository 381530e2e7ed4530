//! Lines that report failures but are no records: what they are wrapped in is not known.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    head::is_level,
    prefilter::{Phrase, Phrases},
    words::text,
};

/// Whether a line that stands below a failure's head line is a record of its own. What such a line says, and no trace does, is looked for;
/// most lines of a trace are frames, which are passed at once.
pub(super) fn is_in_record(line: &[u8]) -> bool {
    !line.starts_with(b"\t") && ROUTING.find(line).is_some() && is_record(&text(line))
}

/// Whether a line that begins with no stamp holds a record: a level in front of a failure, which is not quoted.
pub(super) fn is_record(line: &str) -> bool {
    let bytes = line.as_bytes();
    let Some(found) = Phrases::new(bytes).of_line(0, bytes.len(), bytes.len()) else { return false };
    let before = line.get(..found.end).unwrap_or_default();
    let mut words = before.split(|char: char| !char.is_ascii_alphanumeric());
    let is_quoted =
        !line.starts_with('{') && ["body=", "<?xml", "{\"", "<html"].iter().any(|mark| before.contains(mark));
    found.phrase == Phrase::Failure && !is_quoted && words.any(is_level)
}

static ROUTING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Problem routing to "));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_unknown_forms() {
        let record = "WARNING 75 a.b: 4042: Problem routing to http://h/. Error msg: x";
        for line in
            [format!("x|2026-11-20|{record}"), "{\"lvl\":\"WARNING\",\"m\":\"Problem routing to x\"}".to_owned()]
        {
            assert!(is_record(&line), "{line}");
            assert!(is_in_record(line.as_bytes()) && !is_in_record(format!("\t{line}").as_bytes()));
        }
        for line in [
            "",
            "Problem routing to x",
            "WARNING x",
            "WARNING body={\"Problem routing to x",
            "a.GenericHttpException: x",
        ] {
            assert!(!is_record(line), "{line}");
        }
    }
}
