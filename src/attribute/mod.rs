//! Attribution: from joined calls to verdicts and findings.
//!
//! What a rule may look at is gathered once per call ([`case`]) and once per peer ([`population`]); the origin of a reset is told by
//! tests that are independent of each other ([`origin`]). [`rules`] is the table of causes in the order in which they are tried;
//! [`decide`] weighs candidates that cannot be told apart; [`findings`] says what the population shows. Text is [`explain`]'s; pages
//! and tables are not made here.

pub mod case;
pub mod coverage;
pub mod decide;
pub mod evidence;
pub mod explain;
pub mod findings;
mod gather;
pub mod hints;
pub mod origin;
pub mod population;
pub mod rules;
pub mod verdict;

pub use decide::{Attribution, Brief, attribute};
pub use population::Population;
