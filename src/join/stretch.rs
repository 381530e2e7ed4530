//! The anchors of a stretch of time, opened: calls that follow each other look at the same connections, which are opened once for all of them.

use std::{collections::BTreeMap, net::IpAddr, ops::RangeInclusive};

use wirecause_parsers::time::Timestamp;

use crate::track::{Connection, Exchange, Finished};

use super::{
    anchor::{Anchor, anchors},
    near::{Kind, Near, Place, part_within},
};

/// Anchors with what their connections show, by kind, in order of time.
pub(super) struct Stretch(BTreeMap<Kind, Vec<Seen>>);

/// An anchor and what is looked at beside it.
pub(super) struct Seen {
    /// Index of the connection.
    pub(super) connection: usize,
    /// Which of the connection's anchors of its kind.
    pub(super) nth: u8,
    pub(super) anchor: Anchor,
    pub(super) shown: Shown,
}

/// What a connection shows to a call that may have been on it.
pub(super) struct Shown {
    /// The peer's address.
    pub(super) peer: IpAddr,
    /// Whether it was opened, as far as that was captured.
    pub(super) established: bool,
    /// Whether the originator sent application data over TLS.
    pub(super) client_data: bool,
    /// The exchange of the anchor.
    pub(super) exchange: Option<ShownExchange>,
}

/// What an exchange shows.
pub(super) struct ShownExchange {
    /// What was asked for.
    pub(super) target: Option<Box<str>>,
    /// Whether the capture cut that short.
    pub(super) target_cut: bool,
    /// Whether any byte of the response came.
    pub(super) answered: bool,
    /// Bytes of the response's body, where its head was seen.
    pub(super) body_received: Option<u64>,
    /// First byte of the request.
    pub(super) request_start: Timestamp,
}

impl Stretch {
    /// Opens the anchors of each kind that lie in its span.
    pub(super) fn open(near: &Near, spans: &BTreeMap<Kind, RangeInclusive<Timestamp>>, all: &[Finished]) -> Self {
        let mut opened: BTreeMap<Kind, Vec<Seen>> = spans.keys().map(|kind| (*kind, Vec::new())).collect();
        let places = spans.iter().flat_map(|(kind, span)| near.within(*kind, span).iter().map(|place| (*kind, *place)));
        let mut places: Vec<(Kind, Place)> = places.collect();
        places.sort_unstable_by_key(|(kind, place)| (place.connection, *kind, place.nth));
        for of_one in places.chunk_by(|(_, a), (_, b)| a.connection == b.connection) {
            let Some(index) = of_one.first().map(|(_, place)| place.connection as usize) else { continue };
            let connection = all[index].open();
            for (kind, place) in of_one {
                let (symptom, limit) = *kind;
                let anchor = anchors(symptom, &connection, limit, near.timeouts()).nth(usize::from(place.nth));
                if let Some((anchor, seen)) = anchor.zip(opened.get_mut(kind)) {
                    seen.push(Seen {
                        connection: index,
                        nth: place.nth,
                        anchor,
                        shown: Shown::new(&connection, &anchor),
                    });
                }
            }
        }
        // Stable: those of one instant stay in the order of their connections.
        for seen in opened.values_mut() {
            seen.sort_by_key(|seen| seen.anchor.time);
        }
        Self(opened)
    }

    /// Those of a kind that lie in `span`.
    pub(super) fn within(&self, kind: Kind, span: &RangeInclusive<Timestamp>) -> &[Seen] {
        let all = self.0.get(&kind).map(Vec::as_slice).unwrap_or_default();
        part_within(all, span, |seen| seen.anchor.time)
    }
}

impl Shown {
    fn new(connection: &Connection, anchor: &Anchor) -> Self {
        Self {
            peer: connection.responder.address,
            established: connection.handshake.syn_ack.is_some() || connection.handshake.syn.is_none(),
            client_data: connection.tls.client_data,
            exchange: anchor.exchange_of(connection).map(ShownExchange::new),
        }
    }

    /// When the connection was asked for this path, if the request line says so in full.
    pub(super) fn asked_for(&self, path: &str) -> Option<Timestamp> {
        let exchange = self.exchange.as_ref()?;
        (!exchange.target_cut && exchange.target.as_deref() == Some(path)).then_some(exchange.request_start)
    }
}

impl ShownExchange {
    fn new(exchange: &Exchange) -> Self {
        Self {
            target: exchange.target.clone(),
            target_cut: exchange.target_cut,
            answered: exchange.response_bytes > 0,
            body_received: exchange.body_received(),
            request_start: exchange.request_start,
        }
    }
}
