//! The failed calls as data in the page: a list that is read at once, and stories that are unpacked when one is opened.
//!
//! The list is JSON, rows as arrays with repeated words in dictionaries. Stories are JSON too, in gzipped chunks of
//! `CHUNK` calls: most are never looked at, and a browser unpacks one in a millisecond.

use std::{collections::BTreeMap, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, GzBuilder};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::{
    attribute::verdict::Responsible,
    report::{
        review::{Review, endpoint_name, words},
        rows::ErrorRow,
        story::Story,
        visible::{visible, visible_json},
    },
};

use super::facts_story::story_of;

/// The calls as the page holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallList {
    /// The list, safe within a script element.
    pub calls: String,
    /// Stories by chunks, in base64.
    pub chunks: Vec<String>,
    /// Calls in the list.
    pub listed: u64,
    /// Calls that the list leaves out.
    pub left_out: u64,
    /// Listed calls without a story.
    pub without_story: u64,
}

impl CallList {
    /// Packs the calls of a review.
    pub fn new(review: &Review<'_>) -> Self {
        let all = review.material.errors;
        let errors = &all[..all.len().min(MOST_LISTED)];
        let calls = in_script(&list(review, errors).to_string());
        let (chunks, told) = chunks(errors, review.material.stories, PAGE_BYTES.saturating_sub(calls.len()));
        Self {
            calls,
            chunks,
            listed: errors.len() as u64,
            left_out: (all.len() - errors.len()) as u64,
            without_story: (errors.len() - told) as u64,
        }
    }
}

/// JSON text as it may stand in a script element: nothing in it ends the element or opens a comment.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Words by their number, in the order in which they first came.
#[derive(Default)]
struct Dictionary {
    words: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Dictionary {
    fn number(&mut self, word: &str) -> usize {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        self.words.push(visible(word).into_owned());
        self.numbers.insert(word.to_owned(), self.words.len() - 1);
        self.words.len() - 1
    }
}

fn list(review: &Review<'_>, errors: &[ErrorRow]) -> Value {
    let mut findings: Vec<Vec<usize>> = vec![Vec::new(); errors.len()];
    for (number, finding) in review.material.findings.iter().enumerate() {
        for call in &finding.members {
            if let Some(of_call) = findings.get_mut(*call) {
                of_call.push(number + 1);
            }
        }
    }
    let [mut endpoints, mut symptoms, mut sides, mut matches, mut files] = <[Dictionary; 5]>::default();
    let (mut causes, mut titles) = (Dictionary::default(), Vec::new());
    let rows: Vec<Value> = errors
        .iter()
        .zip(&findings)
        .map(|(row, of_findings)| {
            let cause = causes.number(row.cause.word());
            if cause == titles.len() {
                titles.push(words::title(row.cause));
            }
            let more = [row.thread.as_deref(), row.service.as_deref(), row.connection_id.as_deref()];
            let more: Vec<_> = more.into_iter().flatten().map(visible).collect();
            json!([
                row.error_id,
                // Milliseconds hold microseconds as a fraction, which a double keeps exactly enough until the year 2200.
                row.log_time.nanos() as f64 / 1e6,
                endpoints.number(&endpoint_name(&row.host, row.port)),
                symptoms.number(row.symptom.word()),
                cause,
                sides.number(row.responsible.map_or("–", Responsible::word)),
                matches.number(row.r#match),
                (row.confidence * 100.0).round() / 100.0,
                files.number(&row.log_file),
                row.log_line,
                visible(&row.url),
                visible(&row.message),
                visible(&row.explanation),
                more.join(" "),
                of_findings,
            ])
        })
        .collect();
    let named: Vec<Value> = review
        .findings
        .iter()
        .map(|finding| json!([finding.number, format!("{} ({})", finding.title, finding.endpoints.join(", "))]))
        .collect();
    json!({
        "chunk": CHUNK,
        "endpoints": endpoints.words,
        "symptoms": symptoms.words,
        "causes": causes.words,
        "titles": titles,
        "sides": sides.words,
        "matches": matches.words,
        "files": files.words,
        "findings": named,
        "rows": rows,
    })
}

/// The stories in chunks until they fill the room that the list leaves, and how many they are.
fn chunks(errors: &[ErrorRow], stories: &[Story], room: usize) -> (Vec<String>, usize) {
    let packed: Vec<(String, usize)> = errors
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(number, rows)| (pack(rows, stories.get(number * CHUNK..).unwrap_or_default()), rows.len()))
        .collect();
    let (mut bytes, mut told) = (0, 0);
    let mut kept = Vec::new();
    for (chunk, calls) in packed {
        bytes += chunk.len();
        if bytes > room {
            break;
        }
        told += calls;
        kept.push(chunk);
    }
    (kept, told)
}

fn pack(rows: &[ErrorRow], stories: &[Story]) -> String {
    let values: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let story = stories.get(index).filter(|story| story.error_id == row.error_id);
            let mut value =
                story.map_or_else(|| serde_json::to_value(story_of(row)), serde_json::to_value).unwrap_or_default();
            visible_json(&mut value);
            prune(&mut value);
            value
        })
        .collect();
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
    let written = gzip.write_all(Value::Array(values).to_string().as_bytes());
    // Writing into memory does not fail.
    let bytes = written.and_then(|()| gzip.finish()).unwrap_or_default();
    STANDARD.encode(bytes)
}

/// Leaves out what says nothing: a reader takes an absent field for empty.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| {
                !(field.is_null() || *field == Value::Bool(false) || *field == Value::String(String::new()))
            });
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// Calls in one chunk of stories.
const CHUNK: usize = 100;
/// Calls that the page lists: their rows take some 10 MB then, and a browser still filters them in an instant.
const MOST_LISTED: usize = 20_000;
/// Bytes of list and stories, so that the file stays below 20 MB with all else in it.
const PAGE_BYTES: usize = 18_500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_element() {
        assert_eq!(in_script("\"</script><!--&\""), "\"\\u003c/script\\u003e\\u003c!--\\u0026\"");
    }

    #[test]
    fn empty_fields_are_left_out_and_zeros_kept() {
        let mut value = json!({ "a": null, "b": "", "c": 0, "d": false, "e": [{ "f": null, "g": 1 }] });
        prune(&mut value);
        assert_eq!(value, json!({ "c": 0, "e": [{ "g": 1 }] }));
    }

    #[test]
    fn a_dictionary_numbers_words_as_they_come() {
        let mut words = Dictionary::default();
        assert_eq!([words.number("b"), words.number("a"), words.number("b")], [0, 1, 0]);
        assert_eq!(words.words, ["b", "a"]);
    }
}
