//! What is measured on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use divan::counter::{BytesCount, ItemsCount};

use crate::support::Capture;

/// One incident, in memory.
pub(crate) struct Material {
    pub(crate) directory: PathBuf,
    /// Its gateway's capture and its log, as files.
    pub(crate) inputs: [PathBuf; 2],
    pub(crate) capture: Capture,
    pub(crate) log: Vec<u8>,
}

impl Material {
    fn read(directory: PathBuf) -> Self {
        let entries = fs::read_dir(&directory).expect("an incident's directory");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is_gateway =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("gateway."));
        let capture = paths.into_iter().find(is_gateway).expect("the gateway's capture");
        let log = directory.join("ssg_0_0.log");
        let held = fs::read(&log).expect("the gateway's log");
        Self { capture: Capture::read(&capture), log: held, inputs: [capture, log], directory }
    }

    pub(crate) fn capture_bytes(&self) -> BytesCount {
        BytesCount::new(self.capture.bytes.len())
    }

    pub(crate) fn packets(&self) -> ItemsCount {
        ItemsCount::new(self.capture.frames.len())
    }
}

/// Names of what there is to measure on.
pub(crate) fn names() -> Vec<&'static str> {
    PLACES.iter().filter(|(_, place)| root().join(place).is_dir()).map(|(name, _)| *name).collect()
}

/// One of them. It is read once.
pub(crate) fn material(name: &str) -> &'static Material {
    &ALL[name]
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

static ALL: LazyLock<BTreeMap<&'static str, Material>> = LazyLock::new(|| {
    let there = PLACES.iter().map(|(name, place)| (*name, root().join(place))).filter(|(_, place)| place.is_dir());
    there.map(|(name, place)| (name, Material::read(place))).collect()
});

/// The sample, and what is beside the repository or is not.
const PLACES: [(&str, &str); 4] = [
    ("harbor-cut", "samples/harbor-cut"),
    ("harbor", "../shared/incidents/harbor"),
    ("meadow", "../shared/incidents/meadow"),
    ("calm", "../shared/incidents/calm"),
];
