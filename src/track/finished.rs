//! Finished connections as they are kept until the run ends: packed.
//!
//! A connection is a kilobyte and a half, though most of its fields are nothing or follow from others; packed it takes some hundred bytes, which
//! need not be in memory ([`super::store`]). It is opened where it is looked at; what is looked at most often can be had without.

use std::sync::Arc;

use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use super::{
    connection::{Connection, Names, Worth},
    live::Live,
    note::FrameId,
    pack::{Pack, Packer, Unpacker, pack_fields, pack_rare, unpack_rare},
    store::{Store, Stretch, Writer},
};

/// A finished connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    head: Head,
    names: Arc<Names>,
    rest: Stretch,
}

/// What passes over all connections ask first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// The end that opened it.
    pub originator: Endpoint,
    /// The end that was called.
    pub responder: Endpoint,
    /// First segment.
    pub start: Timestamp,
    /// Last segment.
    pub end: Timestamp,
    /// Frame of the first segment.
    pub first_frame: FrameId,
}

impl Finished {
    /// All that is kept of it.
    pub fn open(&self) -> Connection {
        unpack_rest(self.head, Names::clone(&self.names), &mut Unpacker::new(&self.rest.bytes()))
    }

    /// Ends and times.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Names that the connection itself shows.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whether it ended in good order: opened at once, every request answered, no byte lost or sent again, closed by FINs before any RST.
    pub const fn in_order(&self) -> bool {
        self.rest.marks & IN_ORDER > 0
    }

    /// Whether one connection may carry many calls at a time.
    pub const fn is_http2(&self) -> bool {
        self.rest.marks & HTTP2 > 0
    }

    /// Whether a second capture point saw it.
    pub const fn seen_elsewhere(&self) -> bool {
        self.rest.marks & ELSEWHERE > 0
    }

    /// Whether a RST answered its SYN, and no SYN-ACK did.
    pub const fn was_refused(&self) -> bool {
        self.rest.marks & REFUSED > 0
    }

    /// Whether its packets came inside of tags, labels or tunnels.
    pub const fn is_wrapped(&self) -> bool {
        self.rest.marks & WRAPPED > 0
    }

    /// Whether an ICMP error met it.
    pub const fn met_icmp(&self) -> bool {
        self.rest.marks & ICMP > 0
    }
}

impl From<Connection> for Finished {
    fn from(connection: Connection) -> Self {
        Shelf::default().put(&connection)
    }
}

/// A connection under way that has not been heard from for long, packed.
#[derive(Debug)]
pub(super) struct Frozen {
    bytes: Stretch,
    /// When its last segment came.
    pub(super) heard: Timestamp,
    /// Whether it was closed.
    pub(super) closed: bool,
}

/// Packs connections; names that many of them show are kept once. What it packed can be opened once it is gone.
#[derive(Debug, Default)]
pub struct Shelf {
    packer: Packer,
    names: Vec<Arc<Names>>,
    writer: Writer,
}

impl Shelf {
    /// A shelf whose connections lie in `store`.
    pub fn new(store: Arc<Store>) -> Self {
        Self { writer: Writer::new(store), ..Self::default() }
    }

    /// Packs a connection.
    pub fn put(&mut self, connection: &Connection) -> Finished {
        pack_rest(connection, &mut self.packer);
        let marks = [
            (IN_ORDER, connection.worth() != Worth::Everything),
            (HTTP2, connection.is_http2()),
            (ELSEWHERE, connection.elsewhere.is_some()),
            (ICMP, !connection.icmp.is_empty()),
            (REFUSED, connection.is_refused()),
            (WRAPPED, !connection.outer.is_empty()),
        ];
        let marks = marks.iter().filter(|(_, holds)| *holds).map(|(mark, _)| mark).sum();
        Finished {
            head: Head::of(connection),
            rest: self.writer.put(marks, |to| self.packer.end(to)),
            names: self.shared(&connection.names),
        }
    }

    /// Ends a connection and packs what is kept of it.
    pub(super) fn end(&mut self, mut live: Box<Live>) -> Finished {
        let connection = live.finish(&mut self.packer);
        self.put(connection)
    }

    /// Packs a connection that is still under way, which is not heard from.
    pub(super) fn freeze(&mut self, live: &Live) -> Frozen {
        live.pack(&mut self.packer);
        let bytes = self.writer.put(0, |to| self.packer.end(to));
        Frozen { bytes, heard: live.heard(), closed: live.is_closed() }
    }

    /// Opens such a connection again.
    pub(super) fn thaw(&self, frozen: &Frozen) -> Box<Live> {
        Pack::unpack(&mut Unpacker::new(&self.writer.bytes(&frozen.bytes)))
    }

    fn shared(&mut self, names: &Names) -> Arc<Names> {
        if let Some(known) = self.names.iter().find(|known| ***known == *names) {
            return Arc::clone(known);
        }
        let names = Arc::new(names.clone());
        if self.names.len() < MAX_SHARED {
            self.names.push(Arc::clone(&names));
        }
        names
    }
}

pack_fields!(Head { originator, responder, start, end, first_frame });

impl Head {
    /// Where it stands among others: by its first segment.
    pub fn place(&self) -> (Timestamp, FrameId) {
        (self.start, self.first_frame)
    }

    fn of(connection: &Connection) -> Self {
        let Connection { originator, responder, start, end, first_frame, .. } = *connection;
        Self { originator, responder, start, end, first_frame }
    }
}

impl Pack for Connection {
    fn pack(&self, to: &mut Packer) {
        Head::of(self).pack(to);
        self.names.pack(to);
        pack_rest(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let (head, names) = Pack::unpack(from);
        unpack_rest(head, names, from)
    }
}

/// Writes what the head and the names leave out. Each field is named, so that one that is added does not compile.
fn pack_rest(connection: &Connection, to: &mut Packer) {
    let Connection {
        originator: _,
        responder: _,
        roles,
        start,
        end: _,
        first_frame,
        last_frame,
        handshake,
        orig,
        resp,
        exchanges,
        resets,
        reset_count,
        icmp,
        protocol,
        tls,
        names: _,
        longest_idle,
        smallest_rtt,
        history,
        outer,
        elsewhere,
        notes,
    } = connection;
    // Most instants lie near the start, most frames near the first.
    to.near(*start, *first_frame);
    roles.pack(to);
    handshake.pack(to);
    exchanges.pack(to);
    pack_rare(tls, to);
    orig.pack(to);
    resp.pack(to);
    last_frame.pack(to);
    resets.pack(to);
    reset_count.pack(to);
    icmp.pack(to);
    protocol.pack(to);
    longest_idle.pack(to);
    smallest_rtt.pack(to);
    history.pack(to);
    outer.pack(to);
    elsewhere.pack(to);
    notes.pack(to);
}

fn unpack_rest(head: Head, names: Names, from: &mut Unpacker<'_>) -> Connection {
    let Head { originator, responder, start, end, first_frame } = head;
    from.near(start, first_frame);
    let roles = Pack::unpack(from);
    let handshake = Pack::unpack(from);
    let exchanges = Pack::unpack(from);
    let tls = unpack_rare(from);
    let orig = Pack::unpack(from);
    let resp = Pack::unpack(from);
    let last_frame = Pack::unpack(from);
    let resets = Pack::unpack(from);
    let reset_count = Pack::unpack(from);
    let icmp = Pack::unpack(from);
    let protocol = Pack::unpack(from);
    let longest_idle = Pack::unpack(from);
    let smallest_rtt = Pack::unpack(from);
    let history = Pack::unpack(from);
    let outer = Pack::unpack(from);
    let elsewhere = Pack::unpack(from);
    let notes = Pack::unpack(from);
    Connection {
        originator,
        responder,
        roles,
        start,
        end,
        first_frame,
        last_frame,
        handshake,
        orig,
        resp,
        exchanges,
        resets,
        reset_count,
        icmp,
        protocol,
        tls,
        names,
        longest_idle,
        smallest_rtt,
        history,
        outer,
        elsewhere,
        notes,
    }
}

/// Sets of names kept once by each shard. A gateway calls some dozens of backends; more are kept by each connection itself.
const MAX_SHARED: usize = 64;
/// Marks of a connection.
const IN_ORDER: u8 = 1;
const HTTP2: u8 = 2;
const ELSEWHERE: u8 = 4;
const ICMP: u8 = 8;
const REFUSED: u8 = 16;
const WRAPPED: u8 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        input::{Input, Source},
        read::read_captures,
    };

    /// Every connection of the sample, however it ended: with resets, retransmissions, TLS, names, and several exchanges.
    #[test]
    fn what_is_packed_is_what_was_tracked() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/harbor-cut/gateway.pcap");
        let input = Input { name: "gateway.pcap".to_owned(), source: Source::File(path), explicit: true };
        let (captures, _) = read_captures(&[input], 0);
        let connections = &captures.points[0].connections;
        let mut shelf = Shelf::default();
        let again: Vec<Finished> = connections.iter().map(|connection| shelf.put(&connection.open())).collect();
        assert!(shelf.names.len() < 32, "{} sets of names", shelf.names.len());
        drop(shelf);
        let mut bytes = 0;
        for (again, connection) in again.iter().zip(connections) {
            assert_eq!(again.open(), connection.open());
            assert_eq!(again.head(), connection.head());
            assert_eq!((again.names(), again.rest.marks), (connection.names(), connection.rest.marks));
            bytes += again.rest.bytes().len();
        }
        assert!(bytes < 600 * again.len(), "{} bytes each", bytes / again.len());
        // What stays in memory of each of a million.
        assert_eq!(size_of::<Finished>(), 88);
    }
}
