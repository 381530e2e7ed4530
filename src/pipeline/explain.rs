//! `explain`: one call's story from what an earlier run left in its directory. No capture and no log is read.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Write},
    path::PathBuf,
};

use serde::Deserialize;

use super::Outcome;
use crate::{
    config::ExplainConfig,
    report::{ladder, paint::Paint, story},
};

/// Why a story could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory holds no stories.
    #[error("{} holds no {}: it is no output of analyze, or one with --tables-only", path.display(), story::STORIES)]
    NoStories {
        /// The directory.
        path: PathBuf,
    },
    /// The stories cannot be read.
    #[error("{}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's objection.
        source: io::Error,
    },
    /// A line is no story of this version.
    #[error("{}, line {line}: expected a story as this version writes it", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// No call has the id.
    #[error("no error of {} begins with {id:?}; ids are in the first column of the table of errors", path.display())]
    Unknown {
        /// The directory.
        path: PathBuf,
        /// What was asked for.
        id: String,
    },
    /// Several calls have ids that begin so.
    #[error("{id:?} begins the ids of {count} errors: {}", examples.join(", "))]
    Several {
        /// What was asked for.
        id: String,
        /// How many.
        count: usize,
        /// The first of them.
        examples: Vec<String>,
    },
}

/// Prints the story of one call to `out`.
pub fn explain(config: &ExplainConfig, paint: Paint, mut out: impl Write) -> Result<Outcome, super::Error> {
    let found = find(config)?;
    ladder::write(&found, paint, &mut out)?;
    Ok(Outcome::Complete)
}

fn find(config: &ExplainConfig) -> Result<story::Story, Error> {
    let path = config.output.join(story::STORIES);
    let file = File::open(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound if config.output.is_dir() => Error::NoStories { path: config.output.clone() },
        _ => Error::Read { path: path.clone(), source },
    })?;
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut count = 0;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|source| Error::Read { path: path.clone(), source })?;
        let id: Id = serde_json::from_str(&line).map_err(|source| Error::Line {
            path: path.clone(),
            line: index + 1,
            source,
        })?;
        if id.error_id.starts_with(&config.error_id) {
            count += 1;
            if found.len() < MOST_EXAMPLES {
                found.push((index + 1, line));
            }
        }
    }
    match &found[..] {
        [] => Err(Error::Unknown { path: config.output.clone(), id: config.error_id.clone() }),
        [(line, text)] => serde_json::from_str(text).map_err(|source| Error::Line { path, line: *line, source }),
        several => {
            let ids = several.iter().filter_map(|(_, text)| Some(serde_json::from_str::<Id>(text).ok()?.error_id));
            Err(Error::Several { id: config.error_id.clone(), count, examples: ids.collect() })
        }
    }
}

/// As much of a story as it takes to find it.
#[derive(Deserialize)]
struct Id {
    error_id: String,
}

/// Ids that an error names.
const MOST_EXAMPLES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn found(lines: &str, id: &str) -> Result<String, Error> {
        let temp = TempDir::new(&format!("explain-{id}-{}", lines.len()));
        std::fs::write(temp.path().join(story::STORIES), lines).unwrap();
        let config = ExplainConfig { output: temp.path().to_owned(), error_id: id.to_owned() };
        find(&config).map(|story| story.error_id)
    }

    fn line(id: &str) -> String {
        let story = story::Story { error_id: id.to_owned(), ..story::Story::default() };
        serde_json::to_string(&story).unwrap() + "\n"
    }

    #[test]
    fn a_call_is_found_by_what_names_it_alone() {
        let lines = line("ab01") + &line("ab02") + &line("cd03");
        assert_eq!(found(&lines, "c").unwrap(), "cd03");
        assert_eq!(found(&lines, "ab02").unwrap(), "ab02");
        let several = found(&lines, "ab").unwrap_err();
        assert!(matches!(&several, Error::Several { count: 2, .. }), "{several}");
        assert!(matches!(found(&lines, "ef"), Err(Error::Unknown { .. })));
    }

    #[test]
    fn a_damaged_line_is_named() {
        let lines = line("ab01") + "{\"error_id\": 5}\n";
        assert!(matches!(found(&lines, "ab01"), Err(Error::Line { line: 2, .. })));
    }

    #[test]
    fn a_directory_without_stories_is_told_from_none() {
        let temp = TempDir::new("explain-none");
        let config = |path: PathBuf| ExplainConfig { output: path, error_id: "a".to_owned() };
        assert!(matches!(find(&config(temp.path().to_owned())), Err(Error::NoStories { .. })));
        assert!(matches!(find(&config(temp.path().join("none"))), Err(Error::Read { .. })));
    }
}
