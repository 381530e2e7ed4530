//! Attribution: from joined calls to verdicts and findings.

pub mod verdict;
