//! From PATH arguments to inputs: files, directories with all below them, patterns, and `-`.
//!
//! An input's name is relative to the PATH that led to it, and the list is sorted by name, so that neither where an
//! archive lies nor the order of the arguments shows in the output.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use super::{Compression, InputReport, Kind, member::Member};

/// One file or stream to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name in the output: relative to the PATH given, `/` between its parts, `-` for standard input. A member's is its archive's
    /// and its own.
    pub name: String,
    /// Where it is read from.
    pub source: Source,
    /// Whether the user named it, rather than a directory or pattern that holds it.
    pub explicit: bool,
}

/// Where an input is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// What can be read once alone: standard input as `-`, or a pipe that was named.
    Stream(PathBuf),
    /// A member of an archive.
    Member(Member),
}

/// The inputs that the paths name, each file once, sorted by name; and a report for each path that leads to none.
///
/// `output` and what lies below it is left out of directories, so that a run does not read what an earlier one wrote.
pub fn expand(paths: &[PathBuf], output: Option<&Path>) -> (Vec<Input>, Vec<InputReport>) {
    let mut found = Found { output: output.and_then(|path| path.canonicalize().ok()), ..Found::default() };
    for path in paths {
        found.argument(path);
    }
    found.tell_apart();
    found.inputs.sort_by(|a, b| a.name.cmp(&b.name));
    found.reports.sort_by(|a, b| a.path.cmp(&b.path));
    (found.inputs, found.reports)
}

#[derive(Default)]
struct Found {
    output: Option<PathBuf>,
    inputs: Vec<Input>,
    reports: Vec<InputReport>,
    /// Files taken, by their real paths.
    taken: BTreeSet<PathBuf>,
}

impl Found {
    fn argument(&mut self, path: &Path) {
        if path == Path::new("-") {
            return self.stream(path, "-".to_owned());
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.directory(path, path),
            Ok(metadata) if !metadata.is_file() => self.stream(path, name(path, path.parent().unwrap_or(path))),
            Ok(_) => self.file(path, path.parent().unwrap_or(Path::new("")), true),
            Err(error) => match path.to_str().filter(|text| text.contains(['*', '?', '['])) {
                Some(pattern) => self.pattern(pattern),
                None => self.unreadable(&path.to_string_lossy(), &error, true),
            },
        }
    }

    /// What is no file: looking at it takes its first bytes away from whoever opens it again.
    fn stream(&mut self, path: &Path, name: String) {
        if self.taken.insert(path.to_owned()) {
            self.inputs.push(Input { name, source: Source::Stream(path.to_owned()), explicit: true });
        }
    }

    /// All below `path`, names relative to `base`. Links to directories are not followed, since they can be circles.
    fn directory(&mut self, path: &Path, base: &Path) {
        if self.output.is_some() && path.canonicalize().ok() == self.output && path != base {
            return;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(&name(path, base), &error, false),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.directory(&path, base),
                // A pipe or device in a directory would block or never end.
                Ok(_) if fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) => {
                    self.file(&path, base, false);
                }
                Ok(_) => {}
                Err(error) => self.unreadable(&name(&path, base), &error, false),
            }
        }
    }

    fn pattern(&mut self, pattern: &str) {
        let base = pattern_base(pattern);
        let before = self.inputs.len() + self.reports.len();
        let matches = match glob::glob(pattern) {
            Ok(matches) => matches,
            Err(error) => return self.unreadable(pattern, &io::Error::other(error), true),
        };
        for path in matches {
            match path {
                Ok(path) if path.is_dir() => self.directory(&path, base),
                Ok(path) => self.file(&path, base, false),
                Err(error) => self.unreadable(&name(error.path(), base), error.error(), false),
            }
        }
        if self.inputs.len() + self.reports.len() == before {
            self.unreadable(pattern, &io::Error::new(io::ErrorKind::NotFound, "the pattern matches no file"), true);
        }
    }

    fn file(&mut self, path: &Path, base: &Path, explicit: bool) {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.taken.insert(real) {
            self.inputs.push(Input { name: name(path, base), source: Source::File(path.to_owned()), explicit });
        } else if explicit {
            // A file that a directory holds and the user names as well is named.
            let same = |input: &&mut Input| input.source == Source::File(path.to_owned());
            if let Some(input) = self.inputs.iter_mut().find(same) {
                input.explicit = true;
            }
        }
    }

    /// Files of several PATHs can have one name: they get as many directories before it as it takes to tell them apart.
    fn tell_apart(&mut self) {
        loop {
            let mut names = BTreeMap::new();
            for input in &self.inputs {
                *names.entry(input.name.clone()).or_insert(0_u32) += 1;
            }
            let mut longer = false;
            for input in self.inputs.iter_mut().filter(|input| names.get(&input.name).is_some_and(|count| *count > 1)) {
                if let Some(name) = longer_name(input) {
                    input.name = name;
                    longer = true;
                }
            }
            if !longer {
                return;
            }
        }
    }

    fn unreadable(&mut self, name: &str, error: &io::Error, explicit: bool) {
        self.reports.push(InputReport {
            path: name.to_owned(),
            kind: Kind::Unreadable,
            compression: Compression::None,
            bytes: 0,
            explicit,
            damage: Some(error.to_string()),
            not_read: None,
            log_year: None,
            passed_over: false,
        });
    }
}

/// A file's name with one directory more before it.
fn longer_name(input: &Input) -> Option<String> {
    let Source::File(path) = &input.source else { return None };
    let parts = input.name.split('/').count();
    let above = path.ancestors().nth(parts).filter(|_| path.ends_with(&input.name))?.file_name()?;
    Some(format!("{}/{}", above.to_string_lossy(), input.name))
}

fn name(path: &Path, base: &Path) -> String {
    let relative = path.strip_prefix(base).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// The directories before the first part of a pattern that has a wildcard.
fn pattern_base(pattern: &str) -> &Path {
    let wild = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    let fixed = pattern.get(..wild).unwrap_or_default();
    Path::new(fixed.rfind('/').and_then(|slash| fixed.get(..=slash)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn tree(name: &str) -> TempDir {
        let temp = TempDir::new(name);
        for file in ["b.log", "a/z.pcap", "a/c.log", "a/deep/d.log", "out/errors.csv"] {
            let path = temp.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        temp
    }

    fn names(paths: &[PathBuf], output: Option<&Path>) -> Vec<String> {
        let (inputs, reports) = expand(paths, output);
        assert!(reports.is_empty(), "{reports:?}");
        inputs.into_iter().map(|input| input.name).collect()
    }

    #[test]
    fn a_directory_is_taken_with_all_below_it_but_the_output() {
        let temp = tree("paths-directory");
        let root = temp.path().to_owned();
        let all = ["a/c.log", "a/deep/d.log", "a/z.pcap", "b.log"];
        assert_eq!(names(std::slice::from_ref(&root), Some(&root.join("out"))), all);
        assert_eq!(names(std::slice::from_ref(&root), None).len(), 5);
        // An output that is asked for as an input is read.
        assert_eq!(names(&[root.join("out")], Some(&root.join("out"))), ["errors.csv"]);
    }

    #[test]
    fn a_file_has_its_own_name_and_counts_once() {
        let temp = tree("paths-file");
        let (dir, file) = (temp.path().join("a"), temp.path().join("a/c.log"));
        let (inputs, _) = expand(&[dir.clone(), file.clone()], None);
        let found: Vec<_> = inputs.iter().map(|input| (input.name.as_str(), input.explicit)).collect();
        assert_eq!(found, [("c.log", true), ("deep/d.log", false), ("z.pcap", false)]);
        assert_eq!(names(&[file], None), ["c.log"]);
    }

    #[test]
    fn files_of_one_name_get_as_many_directories_as_it_takes() {
        let temp = TempDir::new("paths-one-name");
        for file in ["x/gw-1/s.log", "x/gw-2/s.log", "y/gw-2/s.log", "y/gw-2/t.log"] {
            let path = temp.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let paths = |of: &[&str]| names(&of.iter().map(|path| temp.path().join(path)).collect::<Vec<_>>(), None);
        assert_eq!(paths(&["x/gw-1", "x/gw-2"]), ["gw-1/s.log", "gw-2/s.log"]);
        assert_eq!(paths(&["x/gw-1", "y/gw-2"]), ["gw-1/s.log", "gw-2/s.log", "t.log"]);
        assert_eq!(paths(&["y/gw-2", "x/gw-2"]), ["t.log", "x/gw-2/s.log", "y/gw-2/s.log"]);
    }

    #[test]
    fn a_patterns_names_are_relative_to_its_fixed_part() {
        let temp = tree("paths-pattern");
        assert_eq!(names(&[temp.path().join("a/*.log")], None), ["c.log"]);
        assert_eq!(names(&[temp.path().join("*/c.log")], None), ["a/c.log"]);
        assert_eq!(names(&[temp.path().join("[a]")], None), ["a/c.log", "a/deep/d.log", "a/z.pcap"]);
    }

    #[test]
    fn what_leads_nowhere_is_reported_and_the_rest_is_taken() {
        let temp = tree("paths-missing");
        let paths = ["missing.log", "*.nothing", "b.log"].map(|path| temp.path().join(path));
        let (inputs, reports) = expand(&paths, None);
        assert_eq!(inputs.len(), 1);
        assert_eq!(reports.len(), 2);
        assert!(reports.iter().all(|report| report.is_fault() && report.kind == Kind::Unreadable), "{reports:?}");
    }

    #[test]
    fn standard_input_counts_once() {
        let (inputs, _) = expand(&[PathBuf::from("-"), PathBuf::from("-")], None);
        let stdin = Source::Stream(PathBuf::from("-"));
        assert_eq!(inputs, [Input { name: "-".to_owned(), source: stdin, explicit: true }]);
    }
}
