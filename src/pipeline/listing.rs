//! The table of connections: which rows it has, in what order; a row is made when it is written.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::Range,
    sync::Arc,
};

use rayon::prelude::*;

use super::{
    judge::Judged,
    read::{Node, Read},
    window::Span,
};
use crate::{
    config::InputConfig,
    join::NameTable,
    report::{
        assemble::{Places, connection_row},
        parts::Rows,
        redact::Redactor,
        rows::ConnectionRow,
    },
    track::{Finished, finished::Head},
};

/// The connections that the table lists.
pub(super) struct Listing<'a> {
    owners: Vec<Owner<'a>>,
    /// Owner and index of each connection, in the order of the table.
    order: Vec<(u32, u32)>,
    /// Names of the captures by index.
    captures: Vec<String>,
    redactor: Option<Arc<Redactor>>,
    /// Connections that lie beside the time asked for.
    pub(super) beside_time: u64,
}

/// Whose connections they are.
struct Owner<'a> {
    /// The gateway as it is called in the output; empty for connections of none.
    name: String,
    connections: &'a [Finished],
    by_address: BTreeMap<IpAddr, BTreeSet<String>>,
}

impl<'a> Listing<'a> {
    /// Every connection in the time asked for, and those that a call used.
    pub(super) fn judged(
        judged: &[Judged<'a>],
        read: &'a Read,
        config: &InputConfig,
        redactor: Option<Arc<Redactor>>,
    ) -> Self {
        let logged = judged.iter().any(|judged| !judged.node.logs.is_empty());
        let span = if logged { read.span } else { read.capture_span(config) };
        let mut listing = Self::of_nothing(read, redactor);
        for judged in judged {
            let used: BTreeSet<usize> = judged.joined.used().collect();
            let span = span.on_clock(|time| judged.joined.clock.to_capture(time));
            let owner = listing.owner(judged.name.clone(), &judged.node.connections, &judged.node.names);
            listing.add(owner, |index, connection| holds(span, connection) || used.contains(&index));
        }
        listing.add_others(read, span)
    }

    /// Every connection in the time asked for, whatever a log says.
    pub(super) fn alone(read: &'a Read, config: &InputConfig) -> Self {
        let span = read.capture_span(config);
        let mut listing = Self::of_nothing(read, None);
        for Node { name, connections, names, .. } in &read.nodes {
            let owner = listing.owner(name.clone(), connections, names);
            listing.add(owner, |_, connection| holds(span, connection));
        }
        listing.add_others(read, span)
    }

    fn of_nothing(read: &Read, redactor: Option<Arc<Redactor>>) -> Self {
        Self { owners: Vec::new(), order: Vec::new(), captures: read.capture_names(), redactor, beside_time: 0 }
    }

    fn owner(&self, name: String, connections: &'a [Finished], names: &NameTable) -> Owner<'a> {
        let by_address = Redactor::optionally(self.redactor.as_deref(), names.by_address(), Redactor::names_by_address);
        Owner { name, connections, by_address }
    }

    /// Adds those of an owner's connections that are asked for.
    fn add(&mut self, owner: Owner<'a>, asked: impl Fn(usize, &Head) -> bool) {
        let (before, number) = (self.order.len(), self.owners.len() as u32);
        let all = owner.connections.iter().enumerate();
        let asked = all.filter(|(index, connection)| asked(*index, connection.head()));
        self.order.extend(asked.map(|(index, _)| (number, index as u32)));
        self.beside_time += (owner.connections.len() - (self.order.len() - before)) as u64;
        self.owners.push(owner);
    }

    /// Adds the connections that are of no gateway, and puts all in order.
    fn add_others(mut self, read: &'a Read, span: Span) -> Self {
        let owner = self.owner(String::new(), &read.others.connections, &read.others.names);
        self.add(owner, |_, connection| holds(span, connection));
        let mut order = std::mem::take(&mut self.order);
        let start = |place: &(u32, u32)| self.connection(*place).map(|(_, connection)| connection.head().start);
        order.par_sort_by(|a, b| start(a).cmp(&start(b)).then_with(|| self.id(*a).cmp(&self.id(*b))));
        Self { order, ..self }
    }

    fn connection(&self, (owner, index): (u32, u32)) -> Option<(&Owner<'a>, &'a Finished)> {
        let owner = self.owners.get(owner as usize)?;
        Some((owner, owner.connections.get(index as usize)?))
    }

    fn id(&self, place: (u32, u32)) -> Option<String> {
        self.row(place).map(|row| row.connection_id)
    }

    fn row(&self, place: (u32, u32)) -> Option<ConnectionRow> {
        let (owner, connection) = self.connection(place)?;
        let connection = Redactor::optionally(self.redactor.as_deref(), connection.open(), Redactor::connection);
        Some(connection_row(Places { node: &owner.name, captures: &self.captures }, &connection, &owner.by_address))
    }
}

fn holds(span: Span, connection: &Head) -> bool {
    span.overlaps(connection.start, connection.end)
}

impl Rows<ConnectionRow> for Listing<'_> {
    fn count(&self) -> usize {
        self.order.len()
    }

    fn part(&self, range: Range<usize>) -> Cow<'_, [ConnectionRow]> {
        self.order.get(range).unwrap_or_default().iter().filter_map(|place| self.row(*place)).collect()
    }
}
