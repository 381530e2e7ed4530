//! Whose a reset was: the peer's, or a device's between.
//!
//! Each test is independent of the others and named in the output; their weights add up. The false friends of
//! reference/reset-causes.md, 7.2, are kept out: a jump of the IP-ID to 0 and a header without options are normal for the bare RST
//! of a Linux host, and some stacks send all resets with a TTL of their own.

use crate::track::{Connection, Direction, NoteKind, Reset, ResetShape};

use super::{
    hints,
    population::{MEASURABLE_RTT, Peer},
};

/// What the tests say of one reset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The tests that speak, strongest against the peer first; one of negative weight speaks for it.
    pub tests: Vec<Test>,
}

/// A test that speaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// How much it weighs; [`FOREIGN`] in sum make a reset foreign.
    pub weight: f64,
    /// What was measured.
    pub measured: String,
}

impl Origin {
    /// Runs all tests on a reset of the responder.
    pub fn of(connection: &Connection, reset: &Reset, peer: Option<&Peer>) -> Self {
        let tests = [
            other_point,
            ttl,
            sooner_than_rtt,
            ip_id,
            timestamps,
            window,
            goes_on,
            sequence,
            renumbered,
            hints::text,
            hints::window_code,
        ];
        let mut tests: Vec<Test> = tests.iter().filter_map(|test| test(connection, reset, peer)).collect();
        tests.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        Self { tests }
    }

    /// Sum of the weights.
    pub fn weight(&self) -> f64 {
        self.tests.iter().map(|test| test.weight).sum()
    }

    /// Whether the reset does not fit the peer.
    pub fn is_foreign(&self) -> bool {
        self.weight() >= FOREIGN
    }

    /// Whether a test speaks against the peer, without settling it.
    pub fn is_suspicious(&self) -> bool {
        (SUSPICIOUS..FOREIGN).contains(&self.weight())
    }

    /// The measurements as one phrase.
    pub fn phrase(&self) -> String {
        let against = self.tests.iter().filter(|test| test.weight > 0.0);
        against.map(|test| test.measured.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// What points at a maker of resets and proves nothing, as sentences behind a blank each.
    pub fn hints(&self) -> String {
        let hints = self.tests.iter().filter(|test| hints::NAMES.contains(&test.name));
        hints.flat_map(|test| [" ", test.measured.as_str()]).collect()
    }

    /// Whether a test of this name spoke against the peer.
    pub fn has(&self, name: &str) -> bool {
        self.tests.iter().any(|test| test.name == name && test.weight > 0.0)
    }
}

/// A second capture point nearer to the peer settles it: each end sees a forged reset arrive and neither sees itself send it.
fn other_point(connection: &Connection, reset: &Reset, peer: Option<&Peer>) -> Option<Test> {
    let far = connection.elsewhere.as_ref().filter(|far| far.nearer_responder)?;
    let seen = far.resets.iter().any(|(by, other)| {
        *by == Direction::Responder
            && other.seq == reset.seq
            && other.flags == reset.flags
            && other.window == reset.window
    });
    if seen {
        let measured = "it was seen leaving the peer at the second capture point".to_owned();
        return Some(Test { name: "other-point-saw-it", weight: -PROOF, measured });
    }
    // The far point must have been capturing then.
    let capturing = far.end.plus(-far.clock).since(reset.time) >= -FAR_POINT_QUIET;
    // An absent RST is no proof where packets are missing.
    let misses = far.gaps || peer.is_some_and(|peer| peer.far_point_misses);
    let (weight, but) = if misses { (SUSPICIOUS, ", which misses packets") } else { (PROOF, "") };
    capturing.then(|| Test {
        name: "other-point-never-saw-it",
        weight,
        measured: format!("it was never seen at the second capture point, nearer to the peer{but}"),
    })
}

/// The TTL is another than that of the peer's segments. Routes change it by one or two; a stack may give all its resets another
/// (Linux before 2.4: 255), which the peer's undoubted resets show.
fn ttl(connection: &Connection, reset: &Reset, peer: Option<&Peer>) -> Option<Test> {
    let usual = connection.resp.usual_ttl().or_else(|| peer.and_then(Peer::usual_ttl))?;
    let distance = reset.ttl.abs_diff(usual);
    if distance == 0 || connection.resp.ttls.iter().any(|(ttl, _)| *ttl == reset.ttl) {
        return None;
    }
    let own = peer.map(|peer| &peer.own_reset_ttls);
    if own.is_some_and(|own| own.contains_key(&reset.ttl)) {
        return None;
    }
    let known = own.is_some_and(|own| own.contains_key(&usual));
    let weight = if distance > ROUTE_CHANGE || known { 3.0 } else { 1.5 };
    Some(Test { name: "ttl", weight, measured: format!("TTL {} where the peer's segments have {usual}", reset.ttl) })
}

/// The reset answers sooner than the peer can: less than half the smallest round-trip time after what it answers.
fn sooner_than_rtt(connection: &Connection, reset: &Reset, peer: Option<&Peer>) -> Option<Test> {
    let rtt = [connection.handshake.rtt, connection.smallest_rtt, peer.and_then(|peer| peer.smallest_rtt)];
    let smallest = rtt.into_iter().flatten().min()?;
    let delay = reset.delay?;
    // A live socket's reset answers nothing: only what it acknowledges must have reached the peer before.
    let bound = smallest / 2;
    if smallest < MEASURABLE_RTT || delay >= bound {
        return None;
    }
    let measured = format!("{} ms after what it answers, where the peer takes at least {} ms", ms(delay), ms(smallest));
    Some(Test { name: "rtt", weight: 3.0, measured })
}

/// The identification does not continue the peer's counter, where it has one. A bare RST has 0 on Linux: no evidence.
fn ip_id(connection: &Connection, reset: &Reset, _peer: Option<&Peer>) -> Option<Test> {
    let (id, before) = (reset.ip_id?, reset.ip_id_before?);
    if id == 0 || before == 0 || !counts_up(connection, reset) {
        return None;
    }
    let step = id.wrapping_sub(before);
    if step <= ID_STEP {
        return None;
    }
    let weight = if reset.shape == ResetShape::Active { 1.5 } else { 1.0 };
    Some(Test { name: "ip-id", weight, measured: format!("IP-ID {id} after the peer's {before}") })
}

/// Whether the identifications of the peer's segments before the reset form a counter.
fn counts_up(connection: &Connection, reset: &Reset) -> bool {
    let ids: Vec<u16> = connection
        .notes
        .iter()
        .filter(|note| {
            note.from == Direction::Responder && !note.flags.rst() && !note.flags.syn() && note.time <= reset.time
        })
        .filter_map(|note| note.ip_id)
        .collect();
    let steps = ids.windows(2).filter(|pair| (1..=ID_STEP).contains(&pair[1].wrapping_sub(pair[0]))).count();
    ids.len() >= 2 && steps + 1 >= ids.len()
}

/// A live Linux socket puts the timestamps option on its reset if it was negotiated; whether this peer does is seen on its others.
fn timestamps(connection: &Connection, reset: &Reset, peer: Option<&Peer>) -> Option<Test> {
    if reset.shape != ResetShape::Active || reset.timestamps || !connection.resp.timestamps {
        return None;
    }
    let [with, without] = peer.map_or([0, 0], |peer| peer.active_with_timestamps);
    // This reset is one of those without.
    let weight = if with > 0 && without * 2 <= with { 1.5 } else { 1.0 };
    Some(Test { name: "options", weight, measured: "no timestamps option, though it was negotiated".to_owned() })
}

/// A live socket's reset carries its receive window.
fn window(connection: &Connection, reset: &Reset, _peer: Option<&Peer>) -> Option<Test> {
    let before = connection
        .notes
        .iter()
        .filter(|note| note.from == Direction::Responder && !note.flags.rst() && note.time <= reset.time)
        .last()?
        .window;
    (reset.shape == ResetShape::Active && reset.window == 0 && before > 0).then(|| Test {
        name: "window",
        weight: 0.5,
        measured: format!("window 0 where the peer's segments announce {before}"),
    })
}

/// The peer goes on talking after "its" reset (Weaver, Sommer and Paxson's `RST_SEQ_DATA`): a kernel that reset a connection
/// sends nothing more on it but resets.
fn goes_on(connection: &Connection, reset: &Reset, _peer: Option<&Peer>) -> Option<Test> {
    let silent = reset.data_after == 0 && reset.segments_after == 0 && reset.segments_soon_after == 0;
    if silent || !in_the_same_stream(connection, reset) {
        return None;
    }
    if reset.data_after > 0 {
        let measured = format!("the peer sent {} more data segments after it", reset.data_after);
        Some(Test { name: "data-after", weight: 3.0, measured })
    } else if reset.segments_after > 0 {
        let measured = format!("the peer sent {} more segments after it", reset.segments_after);
        Some(Test { name: "segments-after", weight: 3.0, measured })
    } else {
        // A path may swap what a process sent last and its reset. A bare RST says that nobody there knows the connection: a segment of
        // that connection beside it, in either order, is another sender's.
        let weight = if reset.shape == ResetShape::Passive { FOREIGN } else { SUSPICIOUS };
        let measured = format!("the peer's next segment came right behind it ({} in all)", reset.segments_soon_after);
        Some(Test { name: "segments-right-behind", weight, measured })
    }
}

/// Whether what came of the peer after a reset has numbers near to it. Others are those of a later connection of the same ends, whose opening
/// the capture missed.
fn in_the_same_stream(connection: &Connection, reset: &Reset) -> bool {
    connection.notes.iter().any(|note| {
        note.from == Direction::Responder
            && note.time >= reset.time
            && note.frame != reset.frame
            && (note.seq - reset.seq).abs() <= LARGEST_WINDOW
    })
}

/// The number lies below what the peer had sent already (`DATA_SEQ_RST`: the injector was late), or beyond it.
fn sequence(connection: &Connection, reset: &Reset, _peer: Option<&Peer>) -> Option<Test> {
    if reset.shape != ResetShape::Active || reset.fit.obeyed() || connection.resp.gaps > 0 {
        return None;
    }
    let sent = connection
        .notes
        .iter()
        .filter(|note| {
            note.from == Direction::Responder
                && note.time < reset.time
                && !note.flags.rst()
                && note.kind != NoteKind::KeepAlive
        })
        .map(|note| note.seq + i64::from(note.payload))
        .max()?;
    // A bare RST takes its number from what it answers, which may have been sent before the data arrived.
    let off = reset.seq - sent;
    let overtaken = connection.notes.iter().any(|note| {
        note.from == Direction::Responder
            && (0..=OVERTAKEN).contains(&note.time.since(reset.time))
            && note.payload > 0
            && note.seq + i64::from(note.payload) == reset.seq
    });
    if overtaken {
        return None;
    }
    (!(0..=1).contains(&off)).then(|| Test {
        name: "sequence",
        weight: 2.0,
        measured: format!("its number is {off} bytes off the peer's last"),
    })
}

/// A second reset right behind the first, numbered beyond all that the peer sent and the gateway acknowledged (Weaver, Sommer and Paxson's
/// `RST_SEQ_CHANGE`: a stack resets at its own highest number, or at that of the acknowledgement it answers); or one that acknowledges
/// another number than the first, which the gateway never sent (`RST_ACK_CHANGE`). An injector guesses ahead of the data under way.
fn renumbered(connection: &Connection, reset: &Reset, _peer: Option<&Peer>) -> Option<Test> {
    let mut later = connection
        .resets
        .iter()
        .filter(|(by, other)| {
            let after = other.time.since(reset.time);
            *by == Direction::Responder && other.frame > reset.frame && (0..BACK_TO_BACK).contains(&after)
        })
        .peekable();
    if reset.after_own_fin || reset.after_other_fin || later.peek().is_none() {
        return None;
    }
    let before = |from: Direction| {
        connection.notes.iter().filter(move |note| note.from == from && note.time <= reset.time && !note.flags.rst())
    };
    let sent = before(Direction::Responder).map(|note| note.seq + i64::from(note.payload)).max()?;
    let acknowledged = before(Direction::Originator).filter_map(|note| note.ack).max()?;
    for (_, other) in later {
        let measured = if other.seq > reset.seq + 2 && other.seq > sent && other.seq > acknowledged + 2 {
            format!("another RST follows, {} bytes beyond all that the peer sent", other.seq - sent)
        } else if other.ack != reset.ack && other.ack.is_some_and(|ack| ack > connection.orig.high + 1) {
            "another RST follows that acknowledges what the gateway never sent".to_owned()
        } else {
            continue;
        };
        return Some(Test { name: "reset-numbers", weight: 3.0, measured });
    }
    None
}

fn ms(nanos: i64) -> String {
    format!("{:.3}", nanos as f64 / 1e6)
}

/// Weight from which a reset does not fit the peer.
pub const FOREIGN: f64 = 3.0;
/// Queues of a capture hand packets out in another order by so much at most, ns.
const OVERTAKEN: i64 = 3_000_000;
/// What can be under way in a stream at most (RFC 7323, 2.3): 2³⁰ bytes in theory, some megabytes in practice.
const LARGEST_WINDOW: i64 = 1 << 24;
/// Weight from which a reset may not be the peer's.
const SUSPICIOUS: f64 = 1.0;
/// A second capture point outweighs all other tests.
pub const PROOF: f64 = 20.0;
/// A point that saw nothing of the connection for so long before the reset may have stopped, ns.
const FAR_POINT_QUIET: i64 = 60_000_000_000;
/// Resets of one device come back to back: within two seconds, as the published detector has it, ns.
const BACK_TO_BACK: i64 = 2_000_000_000;
/// Route changes move the TTL by this much at most.
pub const ROUTE_CHANGE: u8 = 2;
/// Largest step of an IP-ID counter between two segments of one connection; a host's global counter moves on for other
/// connections in between.
const ID_STEP: u16 = 256;
