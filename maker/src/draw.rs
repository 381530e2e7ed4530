//! Drawing of parameters: a seeded generator with the few distributions in use.

use crate::Ns;

/// The seeded generator.
#[derive(Debug, Clone)]
pub struct Draw(fastrand::Rng);

impl Draw {
    /// A generator that gives the same values for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.0.f64() < p
    }

    /// Even between two numbers.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.f64()
    }

    /// Even on a logarithmic scale.
    pub fn log_range(&mut self, low: f64, high: f64) -> f64 {
        (low.ln() + (high.ln() - low.ln()) * self.0.f64()).exp()
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high)
    }

    /// A time, even between two times.
    pub fn time(&mut self, low: Ns, high: Ns) -> Ns {
        self.0.u64(low..=high.max(low))
    }

    /// A time of an exponential distribution, cut at eight means.
    pub fn wait(&mut self, mean: Ns) -> Ns {
        let u = self.0.f64().max(1e-12);
        ((-u.ln()).min(8.0) * mean as f64) as Ns
    }

    /// One of a list.
    ///
    /// # Panics
    /// If the list is empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.0.usize(0..list.len())]
    }

    /// An index below `n`.
    pub fn index(&mut self, n: usize) -> usize {
        self.0.usize(0..n)
    }

    /// Any 32 bits.
    pub fn word(&mut self) -> u32 {
        self.0.u32(..)
    }

    /// Random bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        let mut b = vec![0; n];
        self.0.fill(&mut b);
        b
    }

    /// Shuffles a list.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        self.0.shuffle(list);
    }
}
