//! The table of errors by the logs alone: which rows it has, in what order; a row is made when it is written.

use std::{borrow::Cow, ops::Range};

use rayon::prelude::*;

use super::read::{Node, Read};
use crate::{
    read::{KeptCall, LogFile},
    report::{
        assemble::{Places, call_row},
        parts::Rows,
        rows::ErrorRow,
    },
};

/// All failed calls.
pub(super) struct Logged<'a> {
    nodes: &'a [Node],
    /// The gateway, the log and the call of each row, in the order of the table: by time, gateway, log and line.
    order: Vec<(u32, u32, &'a KeptCall)>,
}

impl<'a> Logged<'a> {
    pub(super) fn new(read: &'a Read) -> Self {
        let nodes = &read.nodes[..];
        let calls =
            (0..).zip(nodes).flat_map(|(node, own)| own.calls().into_iter().map(move |(log, call)| (node, log, call)));
        let mut order: Vec<(u32, u32, &KeptCall)> = calls.collect();
        let place = |(node, log, call): &(u32, u32, &KeptCall)| {
            let node = &nodes[*node as usize];
            (call.time, node.name.as_str(), node.logs[*log as usize].name.as_str())
        };
        // Stable: the calls of a log stay in the order of their lines.
        order.par_sort_by(|a, b| place(a).cmp(&place(b)));
        Self { nodes, order }
    }
}

impl Rows<ErrorRow> for Logged<'_> {
    fn count(&self) -> usize {
        self.order.len()
    }

    fn part(&self, range: Range<usize>) -> Cow<'_, [ErrorRow]> {
        let row = |(node, log, call): &(u32, u32, &KeptCall)| {
            let Node { name, logs, .. } = &self.nodes[*node as usize];
            let LogFile { name: log, digest, .. } = &logs[*log as usize];
            call_row(Places { node: name, captures: &[] }, call.open(), log, digest)
        };
        self.order.get(range).unwrap_or_default().iter().map(row).collect()
    }
}
