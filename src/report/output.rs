//! The output directory: whose it is, and how files come into it.
//!
//! A file is written under a temporary name beside its place, and all are renamed at the end, so that a run that fails
//! leaves the earlier output as it was. A directory is ours if it holds `run.json` and nothing but names that a run
//! writes; anything else is refused, or with `force` left alone and written beside. The same holds for the directory of evidence in it,
//! whose files are named by the errors. What an earlier run wrote and this one does not goes away.

mod unfinished;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use self::unfinished::Unfinished;
pub use self::unfinished::abandon;
use super::{Error, story::STORIES};

/// Every file that a run writes; `run.json` is the last to get its name.
pub const FILE_NAMES: [&str; 16] = [
    "errors.csv",
    "causes.csv",
    "findings.csv",
    "connections.csv",
    "errors.parquet",
    "causes.parquet",
    "findings.parquet",
    "connections.parquet",
    "errors.jsonl",
    "causes.jsonl",
    "findings.jsonl",
    "connections.jsonl",
    STORIES,
    PAGE,
    MARKDOWN,
    RUN_RECORD,
];

/// The review as a page.
pub const PAGE: &str = "report.html";

/// The review as Markdown.
pub const MARKDOWN: &str = "review.md";

/// The record of the run, by which its directory is known.
pub const RUN_RECORD: &str = "run.json";

/// The directory of evidence in the output directory: one file per call, named by the error's id.
pub const EVIDENCE: &str = "evidence";

/// A directory that a run writes to.
#[derive(Debug)]
pub struct OutputDir {
    path: PathBuf,
    pending: Vec<&'static str>,
    evidence: Vec<String>,
    unfinished: Unfinished,
}

impl OutputDir {
    /// Takes `path` for the output, making it where it does not exist. What an earlier run left there will be replaced;
    /// anything else is an error unless `force` is given, and is not touched even then.
    pub fn open(path: &Path, force: bool) -> Result<Self, Error> {
        let mut unfinished = Unfinished::default();
        make_directory(path, &mut unfinished)?;
        if !force {
            refuse_foreign(path)?;
        }
        Ok(Self { path: path.to_owned(), pending: Vec::new(), evidence: Vec::new(), unfinished })
    }

    /// Where the output goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file `name`, one of [`FILE_NAMES`]. It gets that name when the run [commits](Self::commit).
    pub fn write<T>(
        &mut self,
        name: &'static str,
        content: impl FnOnce(&mut BufWriter<File>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut file = self.create(name)?;
        let result = content(&mut file)?;
        // What is buffered goes to the disk here, where a full one is told.
        file.flush().map_err(|source| io_error(&self.temporary(name), source))?;
        Ok(result)
    }

    /// Writes a file of evidence under `name`, an error's id with the ending of the format.
    pub fn write_evidence(
        &mut self,
        name: String,
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), Error> {
        debug_assert!(is_evidence(&name), "evidence is known by its names");
        let directory = self.temporary(EVIDENCE);
        if self.evidence.is_empty() {
            // What a run that was killed left.
            remove_tree(&directory)?;
            self.unfinished
                .make(&directory, || fs::create_dir(&directory))
                .map_err(|source| io_error(&directory, source))?;
        }
        let path = directory.join(&name);
        self.evidence.push(name);
        let file = self.unfinished.make(&path, || File::create_new(&path)).map_err(|source| io_error(&path, source))?;
        let mut file = BufWriter::new(file);
        content(&mut file).and_then(|()| file.flush()).map_err(|source| io_error(&path, source))
    }

    /// Gives every file its name, and removes what an earlier run wrote and this one does not. An earlier run's record goes first and
    /// the new one comes last, so that a directory with a record is whole.
    pub fn commit(mut self) -> Result<(), Error> {
        let mut unfinished = std::mem::take(&mut self.unfinished);
        unfinished.finish(|| self.rename_all())
    }

    fn rename_all(&self) -> Result<(), Error> {
        let owned = self.path.join(RUN_RECORD).exists();
        remove_if_there(&self.path.join(RUN_RECORD))?;
        if owned {
            for name in FILE_NAMES.iter().filter(|name| !self.pending.contains(name)) {
                remove_if_there(&self.path.join(name))?;
            }
        }
        self.rename_evidence(owned)?;
        let mut names = self.pending.clone();
        names.sort_by_key(|name| *name == RUN_RECORD);
        for name in names {
            let to = self.path.join(name);
            fs::rename(self.temporary(name), &to).map_err(|source| io_error(&to, source))?;
        }
        Ok(())
    }

    /// Replaces an earlier run's evidence, if it is one's.
    fn rename_evidence(&self, owned: bool) -> Result<(), Error> {
        let (from, to) = (self.temporary(EVIDENCE), self.path.join(EVIDENCE));
        if owned {
            for name in names_in(&to)?.iter().filter(|name| is_evidence(name)) {
                remove_if_there(&to.join(name))?;
            }
            // What is left there, if anything, is somebody's, beside whose files a forced run writes.
            let _ = fs::remove_dir(&to);
        }
        if self.evidence.is_empty() {
            // A run that was killed may have left it.
            return remove_tree(&from);
        }
        fs::create_dir_all(&to).map_err(|source| io_error(&to, source))?;
        for name in &self.evidence {
            fs::rename(from.join(name), to.join(name)).map_err(|source| io_error(&to.join(name), source))?;
        }
        fs::remove_dir(&from).map_err(|source| io_error(&from, source))
    }

    fn create(&mut self, name: &'static str) -> Result<BufWriter<File>, Error> {
        debug_assert!(FILE_NAMES.contains(&name), "a run's output is known by its names");
        let path = self.temporary(name);
        // A run that was killed may have left one; and it must be a file of ours, not what a link points to.
        remove_if_there(&path)?;
        let file = self.unfinished.make(&path, || File::create_new(&path)).map_err(|source| io_error(&path, source))?;
        self.pending.push(name);
        Ok(BufWriter::new(file))
    }

    fn temporary(&self, name: &str) -> PathBuf {
        self.path.join(temporary_name(name))
    }
}

/// Makes a directory with those above it that are not there yet.
fn make_directory(path: &Path, unfinished: &mut Unfinished) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty() && !above.exists()) {
        make_directory(above, unfinished)?;
    }
    match unfinished.make(path, || fs::create_dir(path)) {
        // Somebody else was first.
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(|source| io_error(path, source)),
    }
}

fn refuse_foreign(path: &Path) -> Result<(), Error> {
    let ours = || FILE_NAMES.iter().chain([&EVIDENCE]);
    let mut names = names_in(path)?;
    names.retain(|name| !ours().any(|ours| temporary_name(ours) == *name));
    let recorded = names.iter().any(|name| name == RUN_RECORD);
    if let Some(found) = names.into_iter().find(|name| !recorded || !ours().any(|ours| ours == name)) {
        return Err(Error::ForeignOutput { path: path.to_owned(), found });
    }
    match names_in(&path.join(EVIDENCE))?.into_iter().find(|name| !is_evidence(name)) {
        Some(found) => Err(Error::ForeignOutput { path: path.to_owned(), found: format!("{EVIDENCE}/{found}") }),
        None => Ok(()),
    }
}

/// Whether a name in the directory of evidence is one that a run gives: an error's id and the format.
fn is_evidence(name: &str) -> bool {
    let id = name.strip_suffix(".pcapng").unwrap_or_default();
    id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Names in a directory, sorted; none where it is not there.
fn names_in(path: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| io_error(path, source))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| io_error(path, source))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn temporary_name(name: &str) -> String {
    format!(".{name}.wirecause-part")
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(io_error(path, source)),
        _ => Ok(()),
    }
}

fn remove_tree(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(io_error(path, source)),
        _ => Ok(()),
    }
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn run(dir: &Path, force: bool, content: &str) -> Result<(), Error> {
        let mut output = OutputDir::open(dir, force)?;
        for name in ["errors.csv", RUN_RECORD] {
            output.write(name, |file| file.write_all(content.as_bytes()).map_err(|source| io_error(dir, source)))?;
        }
        output.commit()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn an_earlier_runs_output_is_replaced() {
        let temp = TempDir::new("output-replaced");
        let dir = temp.path().join("deep/out");
        run(&dir, false, "one").unwrap();
        run(&dir, false, "two").unwrap();
        assert_eq!(names(&dir), ["errors.csv", "run.json"]);
        assert_eq!(fs::read_to_string(dir.join("errors.csv")).unwrap(), "two");
    }

    #[test]
    fn foreign_files_are_refused_and_with_force_left_alone() {
        let temp = TempDir::new("output-foreign");
        let dir = temp.path();
        fs::write(dir.join("notes.txt"), "mine").unwrap();
        let error = run(dir, false, "one").unwrap_err();
        assert!(matches!(&error, Error::ForeignOutput { found, .. } if found == "notes.txt"), "{error}");
        assert_eq!(names(dir), ["notes.txt"]);
        run(dir, true, "one").unwrap();
        assert_eq!(names(dir), ["errors.csv", "notes.txt", "run.json"]);
        assert_eq!(fs::read_to_string(dir.join("notes.txt")).unwrap(), "mine");
    }

    #[test]
    fn our_names_without_a_record_are_foreign() {
        let temp = TempDir::new("output-unrecorded");
        fs::write(temp.path().join("errors.csv"), "somebody's").unwrap();
        assert!(matches!(run(temp.path(), false, "one"), Err(Error::ForeignOutput { .. })));
        assert_eq!(fs::read_to_string(temp.path().join("errors.csv")).unwrap(), "somebody's");
    }

    #[test]
    fn a_run_that_fails_leaves_the_earlier_output_whole() {
        let temp = TempDir::new("output-failed");
        run(temp.path(), false, "one").unwrap();
        let mut output = OutputDir::open(temp.path(), false).unwrap();
        output.create("errors.csv").unwrap().write_all(b"half").unwrap();
        drop(output);
        assert_eq!(names(temp.path()), ["errors.csv", "run.json"]);
        assert_eq!(fs::read_to_string(temp.path().join("errors.csv")).unwrap(), "one");
    }

    const ONE: &str = "0123456789abcdef.pcapng";
    const TWO: &str = "00000000000000ff.pcapng";

    fn run_with_evidence(dir: &Path, force: bool, evidence: &[&str]) -> Result<(), Error> {
        let mut output = OutputDir::open(dir, force)?;
        for name in evidence {
            output.write_evidence((*name).to_owned(), |file| file.write_all(b"packets"))?;
        }
        output.write(RUN_RECORD, |_| Ok(()))?;
        output.commit()
    }

    #[test]
    fn a_directory_made_for_a_run_that_fails_goes_away_and_one_that_was_there_stays() {
        let temp = TempDir::new("output-made");
        let dir = temp.path().join("new/deep/out");
        fs::create_dir(temp.path().join("new")).unwrap();
        let mut output = OutputDir::open(&dir, false).unwrap();
        output.create("errors.csv").unwrap().write_all(b"half").unwrap();
        output.write_evidence(ONE.to_owned(), |_| Ok(())).unwrap();
        drop(output);
        assert_eq!(names(temp.path()), ["new"]);
        assert_eq!(names(&temp.path().join("new")), [""; 0]);
    }

    #[test]
    fn evidence_of_an_earlier_run_is_replaced() {
        let temp = TempDir::new("output-evidence");
        run_with_evidence(temp.path(), false, &[ONE]).unwrap();
        assert_eq!(names(temp.path()), ["evidence", "run.json"]);
        run_with_evidence(temp.path(), false, &[TWO]).unwrap();
        assert_eq!(names(&temp.path().join(EVIDENCE)), [TWO]);
        run_with_evidence(temp.path(), false, &[]).unwrap();
        assert_eq!(names(temp.path()), ["run.json"]);
    }

    #[test]
    fn foreign_files_among_the_evidence_are_refused_and_with_force_left_alone() {
        let temp = TempDir::new("output-evidence-foreign");
        run_with_evidence(temp.path(), false, &[ONE]).unwrap();
        fs::write(temp.path().join(EVIDENCE).join("mine.pcapng"), "mine").unwrap();
        let error = run_with_evidence(temp.path(), false, &[TWO]).unwrap_err();
        assert!(matches!(&error, Error::ForeignOutput { found, .. } if found == "evidence/mine.pcapng"), "{error}");
        assert_eq!(names(&temp.path().join(EVIDENCE)), [ONE, "mine.pcapng"]);
        run_with_evidence(temp.path(), true, &[TWO]).unwrap();
        assert_eq!(names(&temp.path().join(EVIDENCE)), [TWO, "mine.pcapng"]);
    }

    #[test]
    fn evidence_of_a_run_that_fails_goes_away_and_the_earlier_stays() {
        let temp = TempDir::new("output-evidence-failed");
        run_with_evidence(temp.path(), false, &[ONE]).unwrap();
        let mut output = OutputDir::open(temp.path(), false).unwrap();
        output.write_evidence(TWO.to_owned(), |_| Ok(())).unwrap();
        drop(output);
        assert_eq!(names(temp.path()), ["evidence", "run.json"]);
        assert_eq!(names(&temp.path().join(EVIDENCE)), [ONE]);
    }

    #[test]
    fn what_a_run_no_longer_writes_goes_away() {
        let temp = TempDir::new("output-stale");
        run(temp.path(), false, "one").unwrap();
        run_with_evidence(temp.path(), false, &[]).unwrap();
        assert_eq!(names(temp.path()), ["run.json"]);
    }

    #[test]
    fn what_a_killed_run_left_is_no_obstacle() {
        let temp = TempDir::new("output-killed");
        fs::write(temp.path().join(temporary_name("errors.csv")), "half").unwrap();
        run(temp.path(), false, "one").unwrap();
        assert_eq!(names(temp.path()), ["errors.csv", "run.json"]);
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_an_error_that_names_it() {
        let temp = TempDir::new("output-file");
        let path = temp.path().join("out");
        fs::write(&path, "").unwrap();
        assert!(matches!(OutputDir::open(&path, true), Err(Error::Io { path: named, .. }) if named == path));
    }
}
