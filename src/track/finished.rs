//! Finished connections as they are kept until the run ends: whole, or packed.
//!
//! Most connections of a busy gateway ended in good order. Each is a kilobyte and a half, though nearly all of its fields are nothing or follow
//! from others; packed it takes a few hundred bytes. It is opened where it is looked at; what is looked at most often can be had without.

use std::{borrow::Cow, sync::Arc};

use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use super::{
    connection::{Connection, Names},
    note::FrameId,
    pack::{Pack, Packer, Unpacker},
};

/// A finished connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Finished {
    /// As it is.
    Whole(Box<Connection>),
    /// One that ended in good order: opened at once, every request answered, no byte lost or sent again, closed by FINs before any RST.
    Packed(Box<Packed>),
}

/// A connection in few bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    head: Head,
    names: Arc<Names>,
    rest: Box<[u8]>,
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
    pub fn open(&self) -> Cow<'_, Connection> {
        match self {
            Self::Whole(connection) => Cow::Borrowed(connection),
            Self::Packed(packed) => Cow::Owned(packed.unpack()),
        }
    }

    /// It, unless it is packed: all that did not end in good order are whole.
    pub fn whole(&self) -> Option<&Connection> {
        match self {
            Self::Whole(connection) => Some(connection),
            Self::Packed(_) => None,
        }
    }

    /// All that is kept of it, taken out.
    pub fn into_whole(self) -> Box<Connection> {
        match self {
            Self::Whole(connection) => connection,
            Self::Packed(packed) => Box::new(packed.unpack()),
        }
    }

    /// It, to be changed; it is whole from then on.
    pub fn whole_mut(&mut self) -> &mut Connection {
        if let Self::Packed(packed) = self {
            *self = Self::Whole(Box::new(packed.unpack()));
        }
        match self {
            Self::Whole(connection) => connection,
            Self::Packed(_) => self.whole_mut(),
        }
    }

    /// Ends and times.
    pub fn head(&self) -> Head {
        match self {
            Self::Whole(connection) => Head::of(connection),
            Self::Packed(packed) => packed.head,
        }
    }

    /// Names that the connection itself shows.
    pub fn names(&self) -> &Names {
        match self {
            Self::Whole(connection) => &connection.names,
            Self::Packed(packed) => &packed.names,
        }
    }
}

impl From<Connection> for Finished {
    fn from(connection: Connection) -> Self {
        Self::Whole(Box::new(connection))
    }
}

/// Packs connections; names that many of them show are kept once.
#[derive(Debug, Default)]
pub struct Shelf {
    packer: Packer,
    names: Vec<Arc<Names>>,
}

impl Shelf {
    /// Packs a connection. One with ICMP errors, or that a second point saw, stays as it is: what they say is not packed.
    pub fn put(&mut self, connection: Box<Connection>) -> Finished {
        if !connection.icmp.is_empty() || connection.elsewhere.is_some() {
            return Finished::Whole(connection);
        }
        pack_rest(&connection, &mut self.packer);
        let (head, rest) = (Head::of(&connection), self.packer.take());
        Finished::Packed(Box::new(Packed { head, names: self.shared(connection.names), rest }))
    }

    fn shared(&mut self, names: Names) -> Arc<Names> {
        if let Some(known) = self.names.iter().find(|known| ***known == names) {
            return Arc::clone(known);
        }
        let names = Arc::new(names);
        if self.names.len() < MAX_SHARED {
            self.names.push(Arc::clone(&names));
        }
        names
    }
}

impl Packed {
    fn unpack(&self) -> Connection {
        unpack_rest(self.head, Names::clone(&self.names), &mut Unpacker::new(&self.rest))
    }
}

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
        icmp: _,
        protocol,
        tls,
        names: _,
        longest_idle,
        smallest_rtt,
        history,
        elsewhere: _,
        notes,
    } = connection;
    // Most instants lie near the start, most frames near the first.
    to.near(*start, *first_frame);
    roles.pack(to);
    handshake.pack(to);
    exchanges.pack(to);
    tls.pack(to);
    orig.pack(to);
    resp.pack(to);
    last_frame.pack(to);
    resets.pack(to);
    reset_count.pack(to);
    protocol.pack(to);
    longest_idle.pack(to);
    smallest_rtt.pack(to);
    history.pack(to);
    notes.pack(to);
}

fn unpack_rest(head: Head, names: Names, from: &mut Unpacker<'_>) -> Connection {
    let Head { originator, responder, start, end, first_frame } = head;
    from.near(start, first_frame);
    let roles = Pack::unpack(from);
    let handshake = Pack::unpack(from);
    let exchanges = Pack::unpack(from);
    let tls = Pack::unpack(from);
    let orig = Pack::unpack(from);
    let resp = Pack::unpack(from);
    let last_frame = Pack::unpack(from);
    let resets = Pack::unpack(from);
    let reset_count = Pack::unpack(from);
    let protocol = Pack::unpack(from);
    let longest_idle = Pack::unpack(from);
    let smallest_rtt = Pack::unpack(from);
    let history = Pack::unpack(from);
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
        icmp: Vec::new(),
        protocol,
        tls,
        names,
        longest_idle,
        smallest_rtt,
        history,
        elsewhere: None,
        notes,
    }
}

/// Sets of names kept once by each shard. A gateway calls some dozens of backends; more are kept by each connection itself.
const MAX_SHARED: usize = 64;

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
        let (mut shelf, mut packed, mut bytes) = (Shelf::default(), 0, 0);
        for connection in connections {
            let again = shelf.put(Box::new(connection.open().into_owned()));
            assert_eq!(again.open(), connection.open());
            assert_eq!((again.head(), again.names()), (connection.head(), connection.names()));
            assert_eq!(again.clone().into_whole(), connection.clone().into_whole());
            if let Finished::Packed(one) = &again {
                (packed, bytes) = (packed + 1, bytes + one.rest.len());
            }
        }
        assert!(packed > 60 && packed + 10 > connections.len(), "{packed} of {}", connections.len());
        assert!(bytes < 600 * packed, "{} bytes each", bytes / packed);
        assert!(shelf.names.len() < 32, "{} sets of names", shelf.names.len());
    }
}
