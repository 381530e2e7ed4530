//! Every function over its corpus, and over what a few mutations make of it; the same functions that libFuzzer calls.

use std::{collections::BTreeSet, fs, panic, path::PathBuf};

use wirecause_fuzz::{TARGETS, mutate};

/// The files of a corpus, in order of their names.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_corpus_passes() {
    let mut faults = Vec::new();
    for (target, check) in TARGETS {
        let files = corpus(target);
        assert!(!files.is_empty(), "{target} has no corpus");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            if panic::catch_unwind(|| check(&bytes)).is_err() {
                faults.push(file);
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A short search from each corpus by plain means: what it holds cut, flipped and joined, the same on every run.
#[test]
fn what_is_near_a_corpus_passes_too() {
    for (number, (target, check)) in (1..).zip(TARGETS) {
        let files: Vec<Vec<u8>> = corpus(target).iter().map(|file| fs::read(file).unwrap()).collect();
        let mut random = fastrand::Rng::with_seed(number);
        for _ in 0..ROUNDS {
            let mut bytes = files[random.usize(..files.len())].clone();
            for _ in 0..random.usize(1..8) {
                disturb(&mut random, &mut bytes, &files);
            }
            check(&bytes);
        }
    }
}

fn disturb(random: &mut fastrand::Rng, bytes: &mut Vec<u8>, files: &[Vec<u8>]) {
    if bytes.is_empty() {
        bytes.push(random.u8(..));
        return;
    }
    let at = random.usize(..bytes.len());
    match random.u8(..5) {
        0 => bytes[at] ^= 1 << random.u8(..8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b' ', b'"'][random.usize(..8)],
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.u8(..)),
        _ => {
            let other = &files[random.usize(..files.len())];
            let from = random.usize(..=other.len());
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
    }
}

/// Mutated captures stay captures: all that the structure-aware mutations do leaves the records whole.
#[test]
fn mutations_keep_records_whole() {
    let mut sizes = BTreeSet::new();
    for file in corpus("capture") {
        let original = fs::read(&file).unwrap();
        if walked(&original).is_none_or(|frames| frames == 0) {
            continue;
        }
        let mut random = fastrand::Rng::with_seed(5);
        for seed in (0..4096_u32).map(|seed| seed * 2) {
            let mut data = original.clone();
            data.resize(original.len() * 2 + 64, 0);
            let random = &mut std::cell::RefCell::new(&mut random);
            let inner = |bytes: &mut [u8], size: usize, _: usize| {
                let at = random.borrow_mut().usize(..size.max(1));
                bytes[at] ^= 0xff;
                size
            };
            let max = data.len();
            let size = mutate(&mut data, original.len(), max, seed, inner);
            assert!(walked(&data[..size]).is_some(), "{} seed {seed}", file.display());
            sizes.insert(size);
        }
    }
    assert!(sizes.len() > 3, "records are repeated and removed: {sizes:?}");
}

/// How many frames a capture without a fault holds.
fn walked(bytes: &[u8]) -> Option<usize> {
    let mut frames = Vec::new();
    let walked = wirecause_parsers::capture::Walker::new().walk(bytes, true, &mut frames);
    walked.is_ok().then_some(frames.len())
}

/// Disturbed inputs tried of each target: some seconds in all.
const ROUNDS: u32 = 2_000;
