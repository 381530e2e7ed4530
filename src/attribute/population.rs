//! What all connections to a peer show together: the background against which one of them is judged.

use std::{collections::BTreeMap, net::IpAddr};

use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use crate::track::{Connection, Direction, Finished, ResetShape};

use super::coverage::Covered;

/// Everything learned from the connections of a run.
#[derive(Clone, Debug, Default)]
pub struct Population {
    peers: BTreeMap<Endpoint, Peer>,
    /// The time that the captures cover.
    pub covered: Covered,
    /// Frames that were cut within their headers, so that nobody knows whose they were.
    pub frames_cut: u64,
    /// Connections of whose handshake one of SYN and SYN-ACK was captured, though both crossed.
    pub torn_handshakes: usize,
}

/// One peer: an address and port that the gateway calls.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Connections to it.
    pub connections: usize,
    /// Connections whose handshake was completed.
    pub established: usize,
    /// Times at which it sent anything, as first and last.
    pub alive: Option<(Timestamp, Timestamp)>,
    /// The longest idle time before a request that was answered, ns.
    pub longest_idle_survived: Option<i64>,
    /// The longest wait for a response that came, ns.
    pub longest_wait_survived: Option<i64>,
    /// Idle times after which the peer itself ended a connection with nothing outstanding, ns, sorted.
    pub idle_endings: Vec<i64>,
    /// The smallest round-trip time, ns.
    pub smallest_rtt: Option<i64>,
    /// How many segments other than RSTs came with which TTL.
    pub ttls: BTreeMap<u8, u64>,
    /// How many resets that fit the peer's own stack came with which TTL: those that answer late segments after its own FIN or
    /// reset.
    pub own_reset_ttls: BTreeMap<u8, u64>,
    /// Resets of a live socket that carried the timestamps option, and those that did not though it was negotiated.
    pub active_with_timestamps: [u64; 2],
    /// Idle times before requests that were answered by a bare RST sooner than the peer can, ns; `None` on fresh connections.
    pub fast_resets: Vec<Option<i64>>,
    /// Connections on which a segment of the gateway was sent again and then acknowledged.
    pub recovered: usize,
    /// Connections on which anything had to be sent again, in either direction.
    pub with_loss: usize,
    /// Connections on which the peer repeated its SYN-ACK.
    pub repeated_syn_acks: usize,
    /// Whether the second capture point, where there is one, misses packets: what it did not see may have passed it.
    pub far_point_misses: bool,
    /// Connections on which each end was heard that the other knew of, and those where it was not: the gateway, and the peer.
    pub heard: [Heard; 2],
}

/// How often an end of connections was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Connections with a segment of it.
    pub seen: usize,
    /// Connections without one, though the other end acknowledged what it had sent.
    pub unseen: usize,
}

impl Population {
    /// Gathers `connections` of captures that ran as `covered` says.
    pub fn new(connections: &[Finished], covered: Covered) -> Self {
        let mut peers: BTreeMap<Endpoint, Peer> = BTreeMap::new();
        let (mut far_gaps, mut torn_handshakes) = (0, 0);
        for connection in connections.iter().map(Finished::open) {
            peers.entry(connection.responder).or_default().add(&connection);
            far_gaps += usize::from(connection.elsewhere.as_ref().is_some_and(|far| far.gaps));
            torn_handshakes += usize::from(is_torn(&connection));
        }
        let far_point_misses = far_gaps >= TORN;
        for peer in peers.values_mut() {
            peer.far_point_misses = far_point_misses;
            peer.idle_endings.sort_unstable();
        }
        Self { peers, covered, frames_cut: 0, torn_handshakes }
    }

    /// The same, where so many frames were cut within their headers.
    #[must_use]
    pub fn with_frames_cut(self, frames_cut: u64) -> Self {
        Self { frames_cut, ..self }
    }

    /// Whether the capture misses packets of handshakes, so that one that was not seen says nothing of a connection's age.
    pub const fn misses_handshakes(&self) -> bool {
        self.torn_handshakes >= TORN
    }

    /// A peer, if any connection to it was seen.
    pub fn peer(&self, endpoint: Endpoint) -> Option<&Peer> {
        self.peers.get(&endpoint)
    }

    /// Whether anything was captured of an address, at whatever port.
    pub fn knows(&self, address: IpAddr) -> bool {
        let at = |port: u16| Endpoint { address, port };
        self.peers.range(at(0)..=at(u16::MAX)).next().is_some()
    }

    /// All peers in order of address.
    pub fn peers(&self) -> impl Iterator<Item = (&Endpoint, &Peer)> {
        self.peers.iter()
    }
}

impl Peer {
    fn add(&mut self, connection: &Connection) {
        self.connections += 1;
        self.established += usize::from(connection.handshake.syn_ack.is_some());
        let exchanges = &connection.exchanges;
        self.longest_idle_survived = self.longest_idle_survived.max(exchanges.longest_idle_survived);
        self.longest_wait_survived = self.longest_wait_survived.max(exchanges.longest_wait_survived);
        if let Some(rtt) = connection.handshake.rtt.into_iter().chain(connection.smallest_rtt).min() {
            self.smallest_rtt = Some(self.smallest_rtt.map_or(rtt, |old| old.min(rtt)));
        }
        for (ttl, count) in connection.resp.ttls.iter() {
            *self.ttls.entry(*ttl).or_default() += u64::from(*count);
        }
        if let Some(last) = connection.resp.last {
            let (first, latest) = self.alive.unwrap_or((connection.start, last));
            self.alive = Some((first.min(connection.start), latest.max(last)));
        }
        self.idle_endings.extend(idle_ending(connection));
        let loss = connection.orig.retransmissions + connection.resp.retransmissions;
        self.with_loss += usize::from(loss > 0 || connection.handshake.syns > 1);
        let recovered = connection.orig.retransmissions > 0
            && connection
                .exchanges
                .last
                .iter()
                .any(|exchange| exchange.request_retransmissions > 0 && exchange.request_acked.is_some());
        self.recovered +=
            usize::from(recovered || connection.handshake.syns > 1 && connection.handshake.syn_ack.is_some());
        self.repeated_syn_acks += usize::from(connection.handshake.syn_acks > 1);
        let opening = connection.handshake.syn.is_some() || connection.handshake.syn_ack.is_some();
        for (heard, own, other) in [(0, &connection.orig, &connection.resp), (1, &connection.resp, &connection.orig)] {
            // An end that has fallen silent is acknowledged up to where it stood, again and again; one that talks, further and further.
            let talks = own.acked > i64::from(!opening);
            self.heard[heard].seen += usize::from(own.packets > 0);
            self.heard[heard].unseen += usize::from(own.packets == 0 && other.packets > 0 && talks);
        }
        self.add_resets(connection);
    }

    fn add_resets(&mut self, connection: &Connection) {
        self.fast_resets.extend(fast_reset(connection).map(|fast| fast.idle_before));
        let mut ended = connection.resp.fin.is_some();
        for (_, reset) in connection.resets.iter().filter(|(by, _)| *by == Direction::Responder) {
            let late = ended && reset.shape == ResetShape::Passive;
            // Where the round trip is long enough to tell, what answers sooner is a device.
            let in_time = reset
                .delay
                .zip(connection.rtt())
                .is_some_and(|(delay, rtt)| rtt >= MEASURABLE_RTT && delay * 10 >= rtt * 7);
            if late && in_time {
                *self.own_reset_ttls.entry(reset.ttl).or_default() += 1;
            }
            if reset.shape == ResetShape::Active && connection.resp.timestamps {
                self.active_with_timestamps[usize::from(!reset.timestamps)] += 1;
            }
            let genuine = connection.resp.ttls.iter().any(|(ttl, _)| *ttl == reset.ttl);
            ended |= reset.shape == ResetShape::Active && genuine;
        }
    }

    /// The TTL that most of the peer's segments had.
    pub fn usual_ttl(&self) -> Option<u8> {
        self.ttls.iter().max_by_key(|(ttl, count)| (**count, std::cmp::Reverse(**ttl))).map(|(ttl, _)| *ttl)
    }

    /// The direction that was not captured, if the capture has one alone.
    pub fn unheard(&self) -> Option<Direction> {
        let never = |heard: Heard| heard.seen == 0 && heard.unseen > 0;
        match self.heard {
            [gateway, _] if never(gateway) => Some(Direction::Originator),
            [_, peer] if never(peer) => Some(Direction::Responder),
            _ => None,
        }
    }

    /// Whether the path to this peer loses segments as a rule: on a good part of its connections something had to be sent again and
    /// then got through.
    pub const fn is_lossy(&self) -> bool {
        self.recovered >= LOSSY_LEAST && self.recovered * LOSSY_SHARE >= self.connections
    }

    /// The idle time after which the peer closes, if it does so regularly: the middle one of those that agree.
    pub fn idle_timeout(&self) -> Option<i64> {
        let endings = &self.idle_endings;
        let middle = *endings.get(endings.len() / 2)?;
        let near = endings.iter().filter(|idle| (**idle - middle).abs() <= middle / 20 + 20_000_000).count();
        (near >= 3 && near * 2 >= endings.len()).then_some(middle)
    }
}

/// Whether one of SYN and SYN-ACK is missing where both crossed: what followed came of both ends.
fn is_torn(connection: &Connection) -> bool {
    let handshake = &connection.handshake;
    handshake.syn.is_some() != handshake.syn_ack.is_some() && connection.orig.bytes > 0 && connection.resp.bytes > 0
}

/// The request that a bare RST answered in less than half a round trip, if that happened.
fn fast_reset(connection: &Connection) -> Option<FastReset> {
    let reset = connection.reset_by(Direction::Responder)?;
    let fast = reset.delay? < connection.rtt()? / 2
        && reset.shape == ResetShape::Passive
        && !reset.after_own_fin
        && !reset.after_other_fin;
    let exchange = connection.exchanges.current().filter(|_| fast)?;
    let known = connection.handshake.syn.is_some() || exchange.number > 1;
    (exchange.response_start.is_none() && known)
        .then_some(FastReset { idle_before: exchange.idle_before.filter(|_| exchange.number > 1) })
}

/// A bare RST sooner than the peer can answer.
struct FastReset {
    /// ns; `None` on a fresh connection.
    idle_before: Option<i64>,
}

/// How long a connection had lain idle when the peer ended it with nothing outstanding.
pub fn idle_ending(connection: &Connection) -> Option<i64> {
    let ending = connection.ending().filter(|ending| ending.by == Direction::Responder)?;
    let exchange = connection.exchanges.last.iter().rev().find(|exchange| exchange.request_start <= ending.time)?;
    let end = exchange.response_end.filter(|end| *end <= ending.time)?;
    let idle = ending.time.since(end);
    let complete = exchange.complete().unwrap_or(idle > UNKNOWN_END);
    (complete && !exchange.response_closes && idle > AT_ONCE).then_some(idle)
}

/// So many torn handshakes, or connections with gaps, are no accident of a capture's first moment.
const TORN: usize = 3;
/// Below this round-trip time a device and the peer cannot be told apart by delay, ns.
pub const MEASURABLE_RTT: i64 = 300_000;
/// A FIN this soon after a response belongs to the response (`Connection: close`), ns.
const AT_ONCE: i64 = 50_000_000;
/// Silence that ends a response of unknown length, ns.
const UNKNOWN_END: i64 = 500_000_000;
/// Connections with recovered losses that make a path lossy, and the least share of them (one in so many).
const LOSSY_LEAST: usize = 3;
const LOSSY_SHARE: usize = 8;
