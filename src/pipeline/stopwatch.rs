//! The one place that asks what time it is: how long phases take is shown, and nothing else may depend on it.

use std::time::{Duration, Instant};

/// Runs from its start on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "how long a run takes is no result of it")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since its start.
    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
