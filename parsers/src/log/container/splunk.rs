//! Splunk's exports: CSV with a quoted `_raw` column, whose line ends and doubled quotes stand as they are, and JSON lines
//! with the event in `result._raw`. Both have the newest event first.

use super::{
    Peeled,
    object::{Object, Value},
};

/// The event of a line of a JSON export.
pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let export = Object::read(line)?;
    let Some(Value::Object(result)) = export.get("result") else { return None };
    let text = result.text(&["_raw"])?.as_bytes().to_vec();
    Some(Peeled::whole(text, result.text(&["_time"]).map(str::to_owned)))
}

/// Which column holds the events, where a line is the first of a CSV export.
pub(super) fn raw_column(line: &[u8]) -> Option<usize> {
    fields(line).take(MOST_COLUMNS).position(|field| field == b"_raw")
}

/// The event of a whole row.
pub(super) fn event(row: &[u8], column: usize) -> Option<Vec<u8>> {
    fields(row).nth(column)
}

/// Whether a line opens a quote that it does not close, or closes one that it does not open.
pub(super) fn turns_quote(line: &[u8]) -> bool {
    !memchr::memchr_iter(b'"', line).count().is_multiple_of(2)
}

/// The fields of a row, without their quotes.
fn fields(row: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let end = text.iter().position(|byte| {
            quoted ^= *byte == b'"';
            *byte == b',' && !quoted
        });
        let (field, after) = text.split_at_checked(end.unwrap_or(text.len()))?;
        rest = end.and(after.get(1..));
        Some(unquote(field.trim_ascii_end()))
    })
}

fn unquote(field: &[u8]) -> Vec<u8> {
    let Some(inner) = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")) else {
        return field.to_vec();
    };
    let mut last_was_quote = false;
    let keep = |byte: &&u8| {
        let doubled = **byte == b'"' && last_was_quote;
        last_was_quote = **byte == b'"' && !doubled;
        !doubled
    };
    inner.iter().filter(keep).copied().collect()
}

/// Exports have some dozen columns.
const MOST_COLUMNS: usize = 1_000;

#[cfg(test)]
mod forms {
    use super::*;

    #[test]
    fn rows() {
        assert_eq!(raw_column(b"\"_raw\",\"_time\",host"), Some(0));
        assert_eq!(raw_column(b"_time,host,_raw"), Some(2));
        assert_eq!(raw_column(b"a,b"), None);
        let row = b"1,\"a, \"\"b\"\"\nc\",d";
        assert_eq!(event(row, 1).as_deref(), Some(&b"a, \"b\"\nc"[..]));
        assert_eq!((event(row, 2).as_deref(), event(row, 3)), (Some(&b"d"[..]), None));
        assert!(!turns_quote(row) && turns_quote(b"1,\"a"));
    }

    #[test]
    fn json_lines() {
        let peeled =
            peel(br#"{"preview":false,"result":{"_raw":"a\nb","_time":"2021-09-15T09:34:47.413+02:00"}}"#).unwrap();
        assert_eq!((&*peeled.text, peeled.stamp.as_deref()), (&b"a\nb"[..], Some("2021-09-15T09:34:47.413+02:00")));
        assert_eq!(peel(br#"{"result":{"x":1}}"#), None);
    }
}
