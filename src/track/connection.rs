//! The record of one TCP connection.

use wirecause_parsers::{
    packet::{Endpoint, IcmpKind, Outer},
    time::Timestamp,
};

use super::{
    exchange::Exchanges,
    note::{Direction, FrameId},
    notes::Notes,
    pack::{pack_fields, pack_variants},
    reset::Reset,
    side::{Closing, Side},
    state::{ConnState, state},
    stream::{Protocol, TlsState},
};

/// Everything that is kept of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// The end that opened it.
    pub originator: Endpoint,
    /// The end that was called.
    pub responder: Endpoint,
    /// How originator and responder were told apart.
    pub roles: Roles,
    /// First segment.
    pub start: Timestamp,
    /// Last segment.
    pub end: Timestamp,
    /// Frame of the first segment.
    pub first_frame: FrameId,
    /// Frame of the last segment.
    pub last_frame: FrameId,
    /// How it was opened.
    pub handshake: Handshake,
    /// The originator's side.
    pub orig: Side,
    /// The responder's side.
    pub resp: Side,
    /// Requests and responses.
    pub exchanges: Exchanges,
    /// The first resets of either side in order of arrival, at most [`MAX_RESETS`] a side.
    pub resets: Vec<(Direction, Reset)>,
    /// Resets in all, by the originator and the responder.
    pub reset_count: [u32; 2],
    /// ICMP errors about its segments, at most [`MAX_ICMP`].
    pub icmp: Vec<IcmpNote>,
    /// What its payload is.
    pub protocol: Protocol,
    /// TLS facts.
    pub tls: TlsState,
    /// Names that the connection itself shows.
    pub names: Names,
    /// The longest time without any segment in nanoseconds, keep-alive probes and answers to them not counted as segments.
    pub longest_idle: i64,
    /// The smallest time from a segment of the originator's to its acknowledgement, in nanoseconds, handshake included.
    pub smallest_rtt: Option<i64>,
    /// Zeek's history letters.
    pub history: String,
    /// The tags, labels and tunnels around its first segment, the outermost first, at most [`MAX_OUTER`].
    pub outer: Vec<Outer>,
    /// What a second capture point saw of the same connection.
    pub elsewhere: Option<Box<Elsewhere>>,
    /// The first segments (handshake) and the last ones, at most [`MAX_HEAD`] and [`MAX_TAIL`].
    pub notes: Notes,
}

/// What another capture point saw of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// The resets that it saw.
    pub resets: Vec<(Direction, Reset)>,
    /// The last segment that it saw, by its own clock.
    pub end: Timestamp,
    /// Its first frame, which names the file.
    pub first_frame: FrameId,
    /// Its clock less that of the connection's own point, in ns: the difference of the first segments that both saw, the way
    /// between the points included.
    pub clock: i64,
    /// Whether it lies nearer to the responder: the originator's segments arrive there with a lower TTL.
    pub nearer_responder: bool,
    /// Whether it missed segments of the connection: bytes that it did not see were acknowledged.
    pub gaps: bool,
    /// What became of each end's segments between the points: the originator's, then the responder's.
    pub ways: [Passage; 2],
}

pack_fields!(Elsewhere { resets, end, first_frame, clock, nearer_responder, gaps, ways });

/// What became of one end's segments between the capture point where they came first and the other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passage {
    /// Payload bytes that passed the first point and not the second, sent again or not; `None` where a capture missed packets or did not run
    /// as long as the connection.
    pub lost: Option<u64>,
    /// Payload bytes that passed the first point, each time they did.
    pub sent: u64,
    /// Of these, bytes that had passed it before.
    pub again: u64,
    /// The second point's clock at a segment less the first's, in ns: of the handshake, and of the last exchange.
    pub delays: [Option<i64>; 2],
}

pack_fields!(Passage { lost, sent, again, delays });

/// How the ends' roles are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// The SYN was seen.
    Syn,
    /// The SYN-ACK was seen.
    SynAck,
    /// Mid-stream: the end with the lower port is taken as the responder.
    Ports,
}

pack_variants!(Roles { Syn, SynAck, Ports });

/// The opening of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Handshake {
    /// First SYN.
    pub syn: Option<Timestamp>,
    /// Last SYN.
    pub last_syn: Option<Timestamp>,
    /// SYNs seen.
    pub syns: u32,
    /// First SYN-ACK.
    pub syn_ack: Option<Timestamp>,
    /// SYN-ACKs seen.
    pub syn_acks: u32,
    /// The originator's first acknowledgement after the SYN-ACK.
    pub established: Option<Timestamp>,
    /// SYN to SYN-ACK in nanoseconds; `None` if either was not seen or the SYN was sent more than once (Karn's rule).
    pub rtt: Option<i64>,
}

pack_fields!(Handshake { syn, last_syn, syns, syn_ack, syn_acks, established, rtt });

/// Names that a connection carries itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// Server name of the TLS `ClientHello`.
    pub sni: Option<Box<str>>,
    /// Host of the first HTTP request, without port.
    pub host: Option<Box<str>>,
    /// Host and port that a request asked a proxy for: by CONNECT, or by a whole URL as its target.
    pub connect: Option<(Box<str>, u16)>,
    /// What is left of these, as `host:port`, where the capture cut them short.
    pub connect_cut: Option<Box<str>>,
}

pack_fields!(Names { sni, host, connect, connect_cut });

/// An ICMP error about a segment of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcmpNote {
    /// When.
    pub time: Timestamp,
    /// Where.
    pub frame: FrameId,
    /// Kind of error.
    pub kind: IcmpKind,
    /// Who sent it.
    pub sender: std::net::IpAddr,
}

pack_fields!(IcmpNote { time, frame, kind, sender });

/// How a connection ended, if it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ending {
    /// Who ended it.
    pub by: Direction,
    /// By what.
    pub kind: EndingKind,
    /// When.
    pub time: Timestamp,
    /// Where.
    pub frame: FrameId,
}

/// By what a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndingKind {
    /// A FIN came first.
    Fin,
    /// A RST came first.
    Rst,
}

/// How much of a connection is worth keeping once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Nothing but numbers: opened, answered and closed in good order, by the originator itself while it lay idle. No failed call can have
    /// met that.
    Numbers,
    /// How it began and ended: the same, but closed by the responder. The next call to use it may have failed.
    Ends,
    /// All segments that were kept, and the last exchange: the same in TLS, where nothing shows whether the last response was whole.
    LastExchange,
    /// All that was kept.
    Everything,
}

impl Connection {
    /// The side of one direction.
    pub const fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Originator => &self.orig,
            Direction::Responder => &self.resp,
        }
    }

    /// The first FIN or RST of either side that its receiver would obey.
    pub fn ending(&self) -> Option<Ending> {
        let fins =
            [(Direction::Originator, self.orig.fin), (Direction::Responder, self.resp.fin)].into_iter().filter_map(
                |(by, fin)| fin.map(|fin| Ending { by, kind: EndingKind::Fin, time: fin.time, frame: fin.frame }),
            );
        let resets = self.resets.iter().filter(|(_, reset)| reset.fit.obeyed()).map(|(by, reset)| Ending {
            by: *by,
            kind: EndingKind::Rst,
            time: reset.time,
            frame: reset.frame,
        });
        fins.chain(resets).min_by_key(|ending| (ending.time, ending.frame))
    }

    /// The first reset of one side that its receiver would obey; else the first of any.
    pub fn reset_by(&self, direction: Direction) -> Option<&Reset> {
        let mut of_side = self.resets.iter().filter(|(by, _)| *by == direction).map(|(_, reset)| reset);
        of_side.clone().find(|reset| reset.fit.obeyed()).or_else(|| of_side.next())
    }

    /// The FIN of one side.
    pub const fn fin_by(&self, direction: Direction) -> Option<Closing> {
        self.side(direction).fin
    }

    /// How much of it is worth keeping once it has ended.
    pub(super) fn worth(&self) -> Worth {
        // A socket that is closed answers what still comes, such as `close_notify`, by a RST: it meets nobody.
        let after_both_fins = |(_, reset): &(Direction, Reset)| reset.after_own_fin && reset.after_other_fin;
        let in_order = |side: &Side| side.retransmissions == 0 && side.gaps == 0 && !side.has_holes();
        let quiet = self.handshake.rtt.is_some()
            && self.handshake.syn_acks == 1
            && self.resets.iter().all(after_both_fins)
            && self.icmp.is_empty()
            && in_order(&self.orig)
            && in_order(&self.resp)
            && self.exchanges.count > 0
            && self.exchanges.last.iter().all(|exchange| exchange.response_start.is_some());
        let complete =
            self.tls.alert.is_none() && self.exchanges.last.iter().all(|exchange| exchange.complete() == Some(true));
        let answered = self.exchanges.current().and_then(|exchange| exchange.response_end);
        let closed_idle = |closing: Option<Timestamp>| closing.is_some_and(|closing| answered <= Some(closing));
        let own = self.orig.fin.map(|fin| fin.time);
        let peer = self.peer_close();
        let own_first = closed_idle(own) && peer.is_none_or(|peer| own < Some(peer));
        if quiet && complete && own_first {
            Worth::Numbers
        } else if quiet && complete && closed_idle(peer) {
            Worth::Ends
        } else if quiet && self.is_sealed_to_the_end() && (own_first || closed_idle(peer)) {
            Worth::LastExchange
        } else {
            Worth::Everything
        }
    }

    /// Whether it is HTTP/1 in TLS, as far as that shows, and no alert but those that close a session came: encrypted ones.
    fn is_sealed_to_the_end(&self) -> bool {
        let sealed = self.tls.client_data && self.tls.server_data && !self.tls.http2;
        sealed && self.tls.alert.is_none_or(|alert| alert.code.is_none())
    }

    /// When the peer closed in good order: by a FIN, or by TLS `close_notify`, whichever came first. A TLS library reports the end of
    /// the stream at the latter.
    pub fn peer_close(&self) -> Option<Timestamp> {
        let notified = self.tls.close_notify.map(|alert| alert.time);
        // A FIN behind a gap is not processed: its stream has not ended yet.
        let fin = self.resp.fin.filter(|fin| self.resp.contiguous() >= fin.seq);
        fin.map(|fin| fin.time).into_iter().chain(notified).min()
    }

    /// Whether the responder answered the SYN by a RST, and never by a SYN-ACK.
    pub fn is_refused(&self) -> bool {
        let unopened = self.handshake.syn.is_some() && self.handshake.syn_ack.is_none();
        unopened && self.resets.iter().any(|(by, _)| *by == Direction::Responder)
    }

    /// Zeek's word for how it went.
    pub fn state(&self) -> ConnState {
        state(self)
    }

    /// Whether one connection may carry many calls at a time.
    pub fn is_http2(&self) -> bool {
        self.protocol == Protocol::Http2 || self.tls.http2
    }

    /// The best estimate of the round-trip time in nanoseconds.
    pub fn rtt(&self) -> Option<i64> {
        self.handshake.rtt.or(self.smallest_rtt)
    }
}

/// Resets kept per side. A live peer answers every late segment with one; the first few tell what there is to tell.
pub const MAX_RESETS: usize = 4;
/// Tags, labels and tunnels kept per connection; real stacks of them are lower.
pub const MAX_OUTER: usize = 8;
/// ICMP errors kept per connection.
pub const MAX_ICMP: usize = 4;
/// Segments kept from the beginning: the handshake and the first request.
pub const MAX_HEAD: usize = 8;
/// Segments kept from the end: the last exchanges and the ending.
pub const MAX_TAIL: usize = 40;
/// Of a connection that ended in good order, those kept from the beginning: the handshake.
pub(super) const SHORT_HEAD: usize = 3;
/// And from the end: the last bytes of the response, and both FINs with their acknowledgements.
pub(super) const SHORT_TAIL: usize = 6;
