//! What failed calls have in common, each kept once: a log tells of many calls and of few ways in which they fail.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, LazyLock},
};

use super::{
    call::{Failure, Symptom},
    head::Head,
    trace::Trace,
    url::Parts,
};

/// Who wrote a record. The two records of one call come from different sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    /// The logger, where the record names one.
    pub logger: Option<Arc<str>>,
    /// Whether the text is the audit detail `Problem routing to …`.
    pub audit: bool,
}

impl Source {
    /// Whether two records come from different places of the gateway.
    pub(super) fn differs(&self, other: &Self) -> bool {
        match (&self.logger, &other.logger) {
            (Some(one), Some(two)) => one != two,
            _ => self.audit != other.audit,
        }
    }
}

/// Those that are known, by what tells them apart.
#[derive(Debug, Default)]
pub(super) struct Failures(HashMap<u64, Arc<Failure>>);

impl Failures {
    /// The one with a key, made if it is not known.
    pub(super) fn of(&mut self, key: u64, make: impl FnOnce() -> Failure) -> Arc<Failure> {
        if let Some(known) = self.0.get(&key) {
            return Arc::clone(known);
        }
        let new = Arc::new(Failure { key, ..make() });
        if self.0.len() < MOST_FAILURES {
            self.0.insert(key, Arc::clone(&new));
        }
        new
    }

    /// The one that is kept here, of which another was made elsewhere.
    pub(super) fn shared(&mut self, other: &Arc<Failure>) -> Arc<Failure> {
        if let Some(known) = self.0.get(&other.key) {
            return Arc::clone(known);
        }
        if self.0.len() < MOST_FAILURES {
            self.0.insert(other.key, Arc::clone(other));
        }
        Arc::clone(other)
    }

    /// What two records of one call say of its failure: the first, with what only the second says.
    pub(super) fn both(&mut self, first: &Arc<Failure>, second: &Failure) -> Arc<Failure> {
        self.of(SEED.hash_one((first.key, second.key)), || {
            let mut both = Failure::clone(first);
            if both.exceptions.len() < second.exceptions.len() {
                both.exceptions.clone_from(&second.exceptions);
            }
            if both.symptom == Symptom::Other {
                both.symptom = second.symptom;
            }
            both.phase = both.phase.or(second.phase);
            if both.remotes.is_empty() {
                both.remotes.clone_from(&second.remotes);
            }
            both.timeout_ms = both.timeout_ms.or(second.timeout_ms);
            both.premature_end = both.premature_end.or(second.premature_end);
            both
        })
    }
}

/// What tells failures apart: all that is read from their texts follows from it. Two share a key by chance once in 2^64 pairs, and nobody who writes
/// into a log can know which would.
pub(super) fn key(head: &Head<'_>, audit: bool, url: Parts<'_>, reason: &str, trace: &Trace<'_>) -> u64 {
    let mut hasher = SEED.build_hasher();
    (head.stamp.zone, head.stamp.resolution, head.logger, audit, url, reason).hash(&mut hasher);
    (&trace.classes, &trace.texts, trace.phase).hash(&mut hasher);
    hasher.finish()
}

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
/// Hostile logs have any number of failures: those beyond are not looked for.
const MOST_FAILURES: usize = 1 << 14;
