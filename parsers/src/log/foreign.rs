//! Lines that report failures but are no records: what they are wrapped in is not known.

use super::{
    head::is_level,
    prefilter::{Phrase, Phrases},
    words::lines,
};

/// How many lines of a record's continuation are records themselves. What such a line says, and no trace does, is looked for.
pub(super) fn records_in(continuation: &[u8]) -> u64 {
    if memchr::memmem::find(continuation, ROUTING).is_none() {
        return 0;
    }
    let text = super::words::text(continuation);
    lines(&text)
        .filter(|line| line.as_bytes().windows(ROUTING.len()).any(|words| words == ROUTING) && is_record(line))
        .count() as u64
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

const ROUTING: &[u8] = b"Problem routing to ";

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
            assert_eq!(records_in(format!("\tat a.b\n{line}\n{line}\n").as_bytes()), 2);
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
