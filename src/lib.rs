//! Joins the failed outbound calls of an API gateway's log with packet captures, and says what on the network ended each.
//!
//! [`input`] finds and opens logs and captures; [`wirecause_parsers`] reads them; [`attribute`] reaches the verdict;
//! [`report`] writes tables and summary. [`pipeline`] alone knows all stages; [`cli`] and [`config`] are the edge.

#![forbid(unsafe_code)]

pub mod attribute;
pub mod cli;
pub mod config;
pub mod input;
pub mod inspect;
pub mod join;
pub mod pipeline;
pub mod read;
pub mod report;
pub mod track;

#[cfg(test)]
mod testing;
