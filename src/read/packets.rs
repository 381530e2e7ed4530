//! Packets read back: those of chosen connections, with the resolver's answers for their hosts and the ICMP errors about them.
//!
//! One ordered sweep over the files that can hold them; a compressed file is inflated once more. A connection is known by its flow, its
//! time, and the point at which it was captured, so that everything of it is found: segments captured twice, and those that tracking did
//! not keep. What is taken of one connection is bounded, and what does not fit is counted.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    ops::RangeInclusive,
};

use rayon::prelude::*;
use wirecause_parsers::{
    capture::{FrameRef, Interface, LinkType, Record, record},
    packet::{Decoded, FlowEnds, decode},
    payload::dns,
    time::Timestamp,
};

use super::{
    capture::CaptureFile,
    source::{Slab, Source},
};
use crate::{
    input,
    track::{Finished, FlowKey, FrameId, finished::Head},
};

/// A captured frame, as its file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawFrame {
    /// Its file and number.
    pub id: FrameId,
    /// Capture time.
    pub time: Timestamp,
    /// Index of its interface in its file.
    pub interface: u32,
    /// Time stamp and options of its record.
    pub record: Record,
    /// Bytes on the wire.
    pub original: u32,
    /// The bytes captured.
    pub data: Vec<u8>,
}

/// What is wanted for one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The connection, if there is one.
    pub flow: Option<WantedFlow>,
    /// The host whose questions to the resolver belong to it, in lower case.
    pub host: String,
    /// Times at which they do.
    pub asked: RangeInclusive<Timestamp>,
}

/// A connection to be read back.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedFlow {
    key: FlowKey,
    point: usize,
    time: RangeInclusive<Timestamp>,
    /// About how many bytes it takes.
    size: u64,
}

impl WantedFlow {
    /// The connection `index` of `connections`, whose first frame lies in one of `files`. It ends where the next one on the same flow begins.
    pub fn new(connections: &[Finished], index: usize, files: &[CaptureFile]) -> Option<Self> {
        let connection = connections.get(index)?.open();
        let key = key(connections.get(index)?.head());
        let point = files.get(connection.first_frame.file() as usize)?.point;
        let end = connection.end.plus(AFTERWARDS);
        // Connections stand in order of their start.
        let later = connections.get(index + 1..)?.iter().map(Finished::head).take_while(|later| later.start <= end);
        let next = later.into_iter().find(|next| self::key(next) == key);
        let end = next.map_or(end, |next| end.min(next.start.plus(-1)));
        let packets = connection.orig.packets + connection.resp.packets;
        let size = (connection.orig.bytes + connection.resp.bytes + packets * HEADERS).min(MOST_BYTES as u64);
        Some(Self { key, point, time: connection.start..=end.max(connection.end), size })
    }
}

/// What was read back for one [`Wanted`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// Frames in order of file and number.
    pub frames: Vec<RawFrame>,
    /// Frames of the connection that were left out between the first and the last ones, since they were too many.
    pub left_out: u64,
}

/// All that a sweep found.
#[derive(Debug, Default)]
pub struct Swept {
    /// One for each [`Wanted`], in their order.
    pub taken: Vec<Taken>,
    /// Interfaces of the files that frames were taken from.
    pub interfaces: BTreeMap<u32, Vec<Interface>>,
    /// Files that could not be read back, by their index, with the reason.
    pub faults: BTreeMap<u32, String>,
}

/// How many of `wanted` fit one sweep: at least one of them.
pub fn fitting(wanted: &[Wanted]) -> usize {
    let mut size = 0;
    let fits = |wanted: &&Wanted| {
        size += wanted.flow.as_ref().map_or(0, |flow| flow.size);
        size <= SWEEP_BYTES
    };
    wanted.iter().take_while(fits).count().max(wanted.len().min(1))
}

/// Reads back what is wanted, in one pass over those of `files` that `of` names, in order.
pub fn sweep(files: &[CaptureFile], of: &[usize], wanted: &[Wanted]) -> Swept {
    let plan = Plan::new(wanted);
    let mut found = Found { flows: wanted.iter().map(|_| Kept::default()).collect(), names: BTreeMap::new() };
    let mut swept = Swept::default();
    for (index, file) in of.iter().filter_map(|index| Some((*index, files.get(*index)?))) {
        if !plan.concerns(file) {
            continue;
        }
        match read_back(file, index as u32, &plan, &mut found) {
            Ok(interfaces) => drop(swept.interfaces.insert(index as u32, interfaces)),
            Err(reason) => drop(swept.faults.insert(index as u32, reason)),
        }
    }
    // What a file held that has changed since is no evidence of what was read first.
    let faulty = |id: FrameId| swept.faults.contains_key(&id.file());
    swept.taken =
        wanted.iter().zip(found.flows).map(|(wanted, kept)| kept.taken(&found.names, wanted, faulty)).collect();
    swept
}

fn key(connection: &Head) -> FlowKey {
    FlowKey::new(FlowEnds { source: connection.originator, destination: connection.responder })
}

/// What is looked for, by what a frame shows.
struct Plan<'a> {
    wanted: &'a [Wanted],
    flows: HashMap<FlowKey, Vec<usize>>,
    hosts: HashSet<&'a str>,
    span: Option<(Timestamp, Timestamp)>,
}

impl<'a> Plan<'a> {
    fn new(wanted: &'a [Wanted]) -> Self {
        let mut flows: HashMap<FlowKey, Vec<usize>> = HashMap::new();
        for (index, flow) in
            wanted.iter().enumerate().filter_map(|(index, wanted)| Some((index, wanted.flow.as_ref()?)))
        {
            flows.entry(flow.key).or_default().push(index);
        }
        let first = wanted.iter().map(|wanted| *wanted.asked.start()).min();
        let ends = wanted
            .iter()
            .flat_map(|wanted| wanted.flow.iter().map(|flow| *flow.time.end()).chain([*wanted.asked.end()]));
        Self {
            wanted,
            flows,
            hosts: wanted.iter().map(|wanted| wanted.host.as_str()).collect(),
            span: first.zip(ends.max()),
        }
    }

    /// Whether a file may hold anything of it.
    fn concerns(&self, file: &CaptureFile) -> bool {
        match (self.span, file.first, file.last) {
            (Some((from, to)), Some(first), Some(last)) => first <= to && last >= from,
            _ => false,
        }
    }

    /// What a frame belongs to.
    fn belongs(&self, frame: &FrameRef, data: &[u8], link: LinkType, point: usize) -> Option<Belongs> {
        match decode(link, data, frame.original) {
            Decoded::Tcp(segment, _) => self.flow(segment.ends, frame.time, point),
            Decoded::Icmp(error) => self.flow(error.quoted, frame.time, point),
            Decoded::Dns(datagram) => {
                let message = dns::message(datagram.payload);
                let message = match &message {
                    Ok(message) => message,
                    Err(error) => error.read()?,
                };
                let (name, _) = message.question.as_ref()?;
                self.hosts.contains(name.as_str()).then(|| Belongs::Name(name.clone()))
            }
            Decoded::Skipped(_) => None,
        }
    }

    fn flow(&self, ends: FlowEnds, time: Timestamp, point: usize) -> Option<Belongs> {
        let of_flow = self.flows.get(&FlowKey::new(ends))?;
        let at = |index: &&usize| {
            self.wanted
                .get(**index)
                .and_then(|wanted| wanted.flow.as_ref())
                .is_some_and(|flow| flow.point == point && flow.time.contains(&time))
        };
        let found: Vec<usize> = of_flow.iter().filter(at).copied().collect();
        (!found.is_empty()).then_some(Belongs::Flows(found))
    }
}

enum Belongs {
    /// Indices of those who want its connection.
    Flows(Vec<usize>),
    /// The name that a DNS message asks for.
    Name(String),
}

struct Found {
    flows: Vec<Kept>,
    names: BTreeMap<String, VecDeque<(usize, RawFrame)>>,
}

fn read_back(file: &CaptureFile, index: u32, plan: &Plan<'_>, found: &mut Found) -> Result<Vec<Interface>, String> {
    if matches!(file.input.source, input::Source::Stream(_)) {
        return Err("standard input and pipes cannot be read again".to_owned());
    }
    let mut source = Source::open(&file.input).map_err(|error| format!("cannot be read again: {error}"))?;
    let (mut first, mut slab) = (None, Slab::default());
    while source.fill(&mut slab, SWEPT_AT_ONCE) {
        first = first.or(slab.frames().first().map(|frame| frame.time));
        let (buffer, interfaces) = (slab.bytes(), source.interfaces());
        let matched: Vec<Vec<(Belongs, RawFrame)>> = slab
            .frames()
            .par_chunks(CHUNK_FRAMES)
            .map(|frames| {
                let taken = frames.iter().filter(|frame| frame.number > file.repeated).filter_map(|frame| {
                    let interface = interfaces.get(frame.interface as usize)?;
                    let data = buffer.get(frame.offset..frame.offset + frame.captured as usize)?;
                    let belongs = plan.belongs(frame, data, interface.link, file.point)?;
                    Some((belongs, raw(frame, index, buffer, data, interface)?))
                });
                taken.collect()
            })
            .collect();
        for (belongs, frame) in matched.into_iter().flatten() {
            found.take(belongs, frame, file.point);
        }
    }
    if (source.walked(), first) == (file.frames, file.first) {
        Ok(source.interfaces().to_vec())
    } else {
        Err("has changed since it was read".to_owned())
    }
}

fn raw(frame: &FrameRef, file: u32, buffer: &[u8], data: &[u8], interface: &Interface) -> Option<RawFrame> {
    Some(RawFrame {
        id: FrameId::new(file, frame.number),
        time: frame.time,
        interface: frame.interface,
        record: record(buffer, frame, interface)?,
        original: frame.original,
        data: data.to_vec(),
    })
}

impl Found {
    fn take(&mut self, belongs: Belongs, frame: RawFrame, point: usize) {
        match belongs {
            Belongs::Flows(indices) => {
                for index in indices {
                    if let Some(kept) = self.flows.get_mut(index) {
                        kept.push(frame.clone());
                    }
                }
            }
            Belongs::Name(name) => {
                let messages = self.names.entry(name).or_default();
                if messages.len() == MOST_MESSAGES {
                    messages.pop_front();
                }
                messages.push_back((point, frame));
            }
        }
    }
}

/// The first and the last frames of a connection.
#[derive(Debug, Default)]
struct Kept {
    head: Vec<RawFrame>,
    tail: VecDeque<RawFrame>,
    tail_bytes: usize,
    left_out: u64,
}

impl Kept {
    fn push(&mut self, frame: RawFrame) {
        if self.head.len() < HEAD_PACKETS {
            self.head.push(frame);
            return;
        }
        self.tail_bytes += frame.data.len();
        self.tail.push_back(frame);
        while self.tail.len() > TAIL_PACKETS || self.tail_bytes > MOST_BYTES && self.tail.len() > 1 {
            self.tail_bytes -= self.tail.pop_front().map_or(0, |frame| frame.data.len());
            self.left_out += 1;
        }
    }

    /// With the questions to the resolver that belong to it: those shortly before, of the same point where there is a connection.
    fn taken(
        self,
        names: &BTreeMap<String, VecDeque<(usize, RawFrame)>>,
        wanted: &Wanted,
        faulty: impl Fn(FrameId) -> bool,
    ) -> Taken {
        let messages = names.get(&wanted.host).into_iter().flatten();
        let point = wanted.flow.as_ref().map(|flow| flow.point);
        let mut asked: Vec<&RawFrame> = messages
            .filter(|(of, frame)| point.is_none_or(|point| point == *of) && wanted.asked.contains(&frame.time))
            .map(|(_, frame)| frame)
            .collect();
        asked.sort_by_key(|frame| frame.time);
        let asked = asked.split_off(asked.len().saturating_sub(MESSAGES));
        let mut frames: Vec<RawFrame> =
            self.head.into_iter().chain(self.tail).chain(asked.into_iter().cloned()).collect();
        frames.retain(|frame| !faulty(frame.id));
        frames.sort_by_key(|frame| frame.id);
        Taken { frames, left_out: self.left_out }
    }
}

/// Packets of one connection that are taken from its beginning.
pub const HEAD_PACKETS: usize = 2_000;
/// And from its end: a call fails at the end of its connection, and a slow body of some megabytes fits.
pub const TAIL_PACKETS: usize = 18_000;
/// Bytes taken from the end of one connection.
pub const MOST_BYTES: usize = 32 << 20;
/// DNS messages that go with one connection: two address types, questions and answers.
const MESSAGES: usize = 8;
/// DNS messages held per name during a sweep.
const MOST_MESSAGES: usize = 4_096;
/// The same packet on another interface may come this much later, ns (the bound of duplicates in tracking).
const AFTERWARDS: i64 = 5_000_000;
/// Bytes of headers in a packet, to estimate a connection's size.
const HEADERS: u64 = 100;
/// Bytes of packets that one sweep may hold; more connections take another one.
const SWEEP_BYTES: u64 = 512 << 20;
/// Bytes of a capture looked through at a time.
const SWEPT_AT_ONCE: usize = 32 << 20;
/// Frames a worker looks at at a time.
const CHUNK_FRAMES: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64, bytes: usize) -> RawFrame {
        RawFrame {
            id: FrameId::new(0, number),
            time: Timestamp::from_nanos(number as i64),
            interface: 0,
            record: Record::default(),
            original: 0,
            data: vec![0; bytes],
        }
    }

    fn wanted(flow: Option<WantedFlow>) -> Wanted {
        Wanted { flow, host: "h".to_owned(), asked: Timestamp::from_nanos(0)..=Timestamp::from_nanos(50) }
    }

    #[test]
    fn too_many_packets_lose_their_middle_and_are_counted() {
        let mut kept = Kept::default();
        let all = (HEAD_PACKETS + TAIL_PACKETS) as u64 + 10;
        (1..=all).for_each(|number| kept.push(frame(number, 1)));
        let taken = kept.taken(&BTreeMap::new(), &wanted(None), |_| false);
        assert_eq!((taken.frames.len() as u64, taken.left_out), (all - 10, 10));
        assert_eq!(taken.frames.last().unwrap().id.number(), all);
        assert_eq!(taken.frames[HEAD_PACKETS].id.number(), HEAD_PACKETS as u64 + 11);
    }

    #[test]
    fn messages_are_the_last_within_their_time() {
        let messages = (1..100).map(|number| (number as usize % 2, frame(number, 1))).collect();
        let names = BTreeMap::from([("h".to_owned(), messages)]);
        let taken = Kept::default().taken(&names, &wanted(None), |id| id.number() == 50);
        let numbers: Vec<u64> = taken.frames.iter().map(|frame| frame.id.number()).collect();
        assert_eq!(numbers, [43, 44, 45, 46, 47, 48, 49]);
    }
}
