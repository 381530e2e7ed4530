//! A directory per test, the command run in it, and a failure that shows everything there is to see.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A directory of a test's own, removed with all it holds when the test succeeds, and left to look at when it fails.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// `name` must differ from test to test.
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Runs `wirecause` here and wants this exit status.
    pub(crate) fn wirecause<A: AsRef<std::ffi::OsStr>>(&self, status: i32, args: &[A]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wirecause"));
        command.args(args);
        self.run(status, &mut command)
    }

    /// Runs any command here, with nothing on its standard input, and wants this exit status.
    pub(crate) fn run(&self, status: i32, command: &mut Command) -> Ran {
        let output = command.current_dir(&self.path).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let ran = Ran { command: format!("{command:?}"), directory: self.path.clone(), output };
        assert!(ran.output.status.code() == Some(status), "wanted exit status {status}\n{}", ran.dump());
        ran
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A command that ran.
pub(crate) struct Ran {
    command: String,
    directory: PathBuf,
    output: Output,
}

impl Ran {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Everything about the run, for a failure's message.
    pub(crate) fn dump(&self) -> String {
        let mut text =
            format!("command: {}\nin: {}\nstatus: {}\n", self.command, self.directory.display(), self.output.status);
        let _ = write!(text, "--- stdout\n{}\n--- stderr\n{}\n--- files\n", self.stdout(), self.stderr());
        for (name, bytes) in files_below(&self.directory) {
            let _ = writeln!(text, "{bytes:>10}  {name}");
        }
        text
    }
}

/// Files below a directory with their sizes, sorted by name.
pub(crate) fn files_below(directory: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().into_owned();
                found.push((name, entry.metadata().map_or(0, |metadata| metadata.len())));
            }
        }
    }
    found.sort();
    found
}

/// The top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A CSV file as its header and rows: RFC 4180, read here independently of the program.
pub(crate) fn read_csv(path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse_csv(&text)
}

/// The rows of CSV text.
pub(crate) fn parse_csv(text: &str) -> Vec<Row> {
    let mut records = vec![vec![String::new()]];
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        let record = records.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                record.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            c => record.last_mut().unwrap().push(c),
        }
    }
    assert!(!quoted, "a quote is open at the end");
    assert_eq!(records.pop().as_deref(), Some(&[String::new()][..]), "the last line has no end");
    let mut records = records.into_iter();
    let header = records.next().unwrap_or_default();
    let row = |cells: Vec<String>| {
        assert_eq!(cells.len(), header.len(), "{cells:?}");
        Row(header.iter().cloned().zip(cells).collect())
    };
    records.map(row).collect()
}

/// One row of a CSV file.
#[derive(Clone, Debug)]
pub(crate) struct Row(Vec<(String, String)>);

impl Row {
    /// The cell of a column, which must exist.
    pub(crate) fn get(&self, column: &str) -> &str {
        let cell = self.0.iter().find(|(name, _)| name == column);
        &cell.unwrap_or_else(|| panic!("no column {column} in {:?}", self.0)).1
    }

    /// All cells with their columns.
    pub(crate) fn cells(&self) -> &[(String, String)] {
        &self.0
    }

    /// The cell of a column as a number; `None` where it is empty.
    pub(crate) fn number(&self, column: &str) -> Option<f64> {
        let cell = self.get(column);
        (!cell.is_empty()).then(|| cell.parse().unwrap_or_else(|_| panic!("{column} is no number: {cell:?}")))
    }
}
